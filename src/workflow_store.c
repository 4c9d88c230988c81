/*-------------------------------------------------------------------------
 *
 * workflow_store.c
 *		The rows of workflows, and what uses them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "taskcenter.h"
#include "workflow_store.h"

static Statement find_row = {
	.label = "read a workflow",
	.text =
	"SELECT workflow_id, name, initial, transitions, terminal, description, owner, owner_id"
	" FROM taskcenter.workflows WHERE name = $1",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement find_row_locked = {
	.label = "lock a workflow",
	.text =
	"SELECT workflow_id, name, initial, transitions, terminal, description, owner, owner_id"
	" FROM taskcenter.workflows WHERE name = $1 FOR SHARE",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement insert_row = {
	.label = "insert a workflow",
	.text =
	"INSERT INTO taskcenter.workflows (name, initial, transitions, terminal, description,"
	"   owner, owner_id, created_at, updated_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"
	" ON CONFLICT (name) DO NOTHING RETURNING workflow_id",
	.nargs = 8,
	.types = {TEXTOID, TEXTOID, JSONBOID, TEXTARRAYOID, TEXTOID, TEXTOID, INT8OID,
	TIMESTAMPTZOID}
};

static Statement update_row = {
	.label = "update a workflow",
	.text =
	"UPDATE taskcenter.workflows SET initial = $2, transitions = $3, terminal = $4,"
	"   description = $5, updated_at = $6"
	" WHERE workflow_id = $1",
	.nargs = 6,
	.types = {INT8OID, TEXTOID, JSONBOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID}
};

static Statement delete_row = {
	.label = "delete a workflow",
	.text =
	"DELETE FROM taskcenter.workflows WHERE workflow_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

/* the owner of our relations owns it: it is the database owner's to alter */
static Statement seed_row = {
	.label = "insert the shipped workflow",
	.text =
	"INSERT INTO taskcenter.workflows (name, initial, transitions, terminal, description,"
	"   owner, owner_id, created_at, updated_at)"
	" SELECT 'editorial', 'pending',"
	"   '{\"pending\": [\"in_progress\", \"failed\", \"cancelled\"],"
	"     \"in_progress\": [{\"to\": \"awaiting_approval\", \"requires\": [\"approval_type\"]},"
	"       \"failed\", \"on_hold\", \"cancelled\"],"
	"     \"awaiting_approval\": [\"approved\", {\"to\": \"rejected\", \"requires\": [\"reason\"]},"
	"       \"in_progress\", \"cancelled\"],"
	"     \"approved\": [{\"to\": \"published\", \"requires\": [[\"result\", \"result_summary\"]]},"
	"       \"on_hold\", \"cancelled\"],"
	"     \"published\": [\"on_hold\"],"
	"     \"failed\": [\"pending\", \"cancelled\"],"
	"     \"on_hold\": [\"in_progress\", \"cancelled\"],"
	"     \"rejected\": [\"in_progress\", \"cancelled\"],"
	"     \"cancelled\": []}'::jsonb,"
	"   ARRAY['published', 'failed', 'cancelled'],"
	"   'Work that is written, approved and published', rolname, oid::bigint, $1, $1"
	" FROM pg_catalog.pg_roles WHERE rolname = current_user"
	" ON CONFLICT (name) DO NOTHING",
	.nargs = 1,
	.types = {TIMESTAMPTZOID},
	.any_plan = true
};

static Statement find_users = {
	.label = "look for what uses a workflow",
	.text =
	"SELECT string_agg(u.what, ', ') FROM ("
	" SELECT format('task \"%s\" is \"%s\"', t.name, t.status) AS what"
	" FROM taskcenter.tasks AS t"
	" WHERE t.workflow = $1 AND t.state <> 'archived'"
	"   AND ($2::text[] IS NULL OR t.status <> ALL ($2))"
	" UNION ALL"
	" SELECT format('table %s', t.tgrelid::regclass) FROM pg_trigger AS t"
	" WHERE t.tgfoid = 'taskcenter.guard_row()'::regprocedure AND t.tgparentid = 0"
	"   AND t.tgqual IS NOT NULL AND (t.tgtype & 2) = 0 AND $2::text[] IS NULL"
	"   AND split_part(encode(t.tgargs, 'escape'), chr(92) || '000', 1)"
	"     = encode(convert_to($1, getdatabaseencoding()), 'escape')"
	" LIMIT 3) AS u",
	.nargs = 2,
	.types = {TEXTOID, TEXTARRAYOID},
	.any_plan = true
};

static Datum
text_array(char *const *words, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(words[i]);
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

bool
tc_workflow_row_find(const char *name, bool locked, WorkflowRow *row)
{
	Bindings	arguments = {0};

	if (strlen(name) > TC_MAX_NAME_LENGTH)
		return false;
	tc_bind_text(&arguments, name);
	if (tc_run_bound(locked ? &find_row_locked : &find_row, &arguments) == 0)
		return false;
	row->workflow_id = tc_get_int64(0, 1);
	row->name = tc_get_text(0, 2);
	row->initial = tc_get_text(0, 3);
	row->transitions = tc_get_jsonb(0, 4);
	row->terminal = tc_get_datum(0, 5, &row->terminal_is_null);
	row->description = tc_get_text(0, 6);
	row->owner = tc_get_text(0, 7);
	row->owner_id = (Oid) tc_get_int64(0, 8);
	return true;
}

char	  **
tc_workflow_terminal(const WorkflowRow *row, int *count)
{
	Datum	   *elements;
	char	  **words;
	int			i;

	*count = 0;
	if (row->terminal_is_null)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(row->terminal), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, count);
	words = palloc(sizeof(char *) * Max(*count, 1));
	for (i = 0; i < *count; i++)
		words[i] = TextDatumGetCString(elements[i]);
	return words;
}

bool
tc_workflow_row_insert(WorkflowRow *row, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, row->name);
	tc_bind_text(&arguments, row->initial);
	tc_bind_jsonb(&arguments, row->transitions);
	tc_bind_datum(&arguments, row->terminal, row->terminal_is_null);
	tc_bind_text(&arguments, row->description);
	tc_bind_text(&arguments, row->owner);
	tc_bind_int64(&arguments, row->owner_id);
	tc_bind_timestamptz(&arguments, now);
	if (tc_run_bound(&insert_row, &arguments) == 0)
		return false;
	row->workflow_id = tc_get_int64(0, 1);
	return true;
}

void
tc_workflow_row_update(const WorkflowRow *row, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, row->workflow_id);
	tc_bind_text(&arguments, row->initial);
	tc_bind_jsonb(&arguments, row->transitions);
	tc_bind_datum(&arguments, row->terminal, row->terminal_is_null);
	tc_bind_text(&arguments, row->description);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&update_row, &arguments);
}

void
tc_workflow_row_delete(int64 workflow_id)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, workflow_id);
	tc_run_bound(&delete_row, &arguments);
}

void
tc_workflow_row_seed(TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&seed_row, &arguments);
}

char *
tc_workflow_row_users(const char *name, char *const *statuses, int count)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, name);
	tc_bind_datum(&arguments, statuses == NULL ? (Datum) 0 : text_array(statuses, count),
				  statuses == NULL);
	tc_run_bound(&find_users, &arguments);
	return tc_get_text(0, 1);
}
