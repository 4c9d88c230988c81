/*-------------------------------------------------------------------------
 *
 * graph_save.c
 *		Giving a composite task a graph.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "access.h"
#include "audit.h"
#include "graph_check.h"
#include "graph_save.h"
#include "graph_store.h"
#include "statement.h"

void
tc_graph_check_kind(const TaskRow *task)
{
	if (strcmp(task->kind, TC_KIND_COMPOSITE) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a task of kind \"%s\" has no graph", task->kind),
				 errdetail("Task \"%s\" is of that kind.", task->name),
				 errhint("Make a task of kind \"composite\".")));
}

static bool
find_newest(int64 task_id, GraphRow *row)
{
	int			version = task_id == 0 ? 0 : tc_graph_row_newest(task_id);

	return version > 0 && tc_graph_row_find(task_id, version, row);
}

Jsonb *
tc_graph_newest_document(int64 task_id)
{
	GraphRow	row;

	return find_newest(task_id, &row) ? row.graph : NULL;
}

/* byte by byte, so that numbers keep their digits */
static bool
same_document(const Jsonb *one, const Jsonb *other)
{
	return VARSIZE(one) == VARSIZE(other) && memcmp(one, other, VARSIZE(one)) == 0;
}

/* ---- the audit ---- */

static void
push_number(JsonbParseState **state, const char *key, int64 number)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(number);
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* which version it is; the graph itself never goes away */
static Jsonb *
audit_values(int version, int64 steps)
{
	JsonbParseState *state = NULL;

	if (version == 0)
		return NULL;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_number(&state, "version", version);
	if (steps > 0)
		push_number(&state, "steps", steps);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static void
record_save(const GraphOrder *order, const GraphRow *row, int step_count, int old_version)
{
	AuditRow	audit = {0};

	audit.action = "save";
	audit.object_type = "graph";
	audit.object_id = order->task->task_id;
	audit.object_name = order->task->name;
	audit.owner_id = order->task->owner_id;
	audit.old_values = audit_values(old_version, 0);
	audit.new_values = audit_values(row->version, step_count);
	tc_audit_record(&audit, tc_statement_caller(), order->now);
}

/* ---- saving ---- */

void
tc_graph_save(const GraphOrder *order, GraphChange *change)
{
	const TaskRow *task = order->task;
	CheckedGraph checked;
	GraphRow	newest = {0};
	GraphRow	row = {0};

	memset(change, 0, sizeof(GraphChange));
	tc_graph_check_kind(task);
	if (find_newest(task->task_id, &newest))
	{
		change->version = newest.version;
		change->before = newest.graph;
		if (same_document(newest.graph, order->document))
			return;
	}
	change->changed = true;
	tc_access_require_become("run_as", task->run_as_id);
	tc_graph_check(order->document, &checked);
	tc_graph_check_names(task, &checked.graph, order->promise, order->argument);
	if (order->dry_run)
		return;
	row.task_id = task->task_id;
	row.graph = unconstify(Jsonb *, order->document);
	row.autonomous_count = checked.autonomous_count;
	row.autonomous = checked.autonomous;
	tc_graph_row_insert(&row, checked.graph.count,
						GetUserNameFromId(tc_statement_caller(), false), order->now);
	record_save(order, &row, checked.graph.count, newest.version);
	change->version = row.version;
}
