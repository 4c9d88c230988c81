/*-------------------------------------------------------------------------
 *
 * row_history_store.c
 *		The history of rows of guarded tables.
 *
 * Rows wait in process memory until the triggers of the outermost statement
 * have fired; so nothing waits between statements.  A statement that changes
 * many rows has them written in pieces.  Where triggers changed more rows, the
 * triggers of the first statement are not through: then all wait, and are
 * written in the order of their commands, which is that of the changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "append_row.h"
#include "audit_context.h"
#include "bindings.h"
#include "redact.h"
#include "redact_json.h"
#include "row_history_store.h"
#include "trigger_round.h"

#define FEW_WAITING 8			/* as most statements have */
#define PIECE 1000
#define MAX_WAITING 100000		/* then order is given up */

/* who, and why */
typedef struct ChangeContext
{
	char	   *actor;
	char	   *reason;			/* NULL: none */
	Jsonb	   *metadata;		/* NULL: none */
} ChangeContext;

typedef struct WaitingChange
{
	RowHistoryTable table;
	char	   *row_key;
	char	   *old_row_key;	/* NULL: the key is what it was */
	char	   *old_status;
	char	   *new_status;
	ChangeContext *by;			/* shared by those that follow each other */
	CommandId	command;		/* that made the change */
	int			number;			/* in the order in which it came */
	int			level;			/* of the transaction that made it */
} WaitingChange;

static Statement insert_set = {
	.label = "write the history of rows",
	.text =
	"INSERT INTO taskcenter.task_status_history (relation, owner_id, row_key,"
	"   old_status, new_status, metadata, reason, actor, event_id)"
	" SELECT $1, $2, u.row_key, u.old_status, u.new_status,"
	"   CASE WHEN $6::text IS NULL THEN coalesce($7, '{}'::jsonb)"
	"     ELSE coalesce($7, '{}'::jsonb) || jsonb_build_object('old_row_key', $6::jsonb) END,"
	"   $8, $9, NULL"
	" FROM unnest($3::text[], $4::text[], $5::text[]) AS u (row_key, old_status, new_status)",
	.nargs = 9,
	.types = {TEXTOID, INT8OID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID,
	JSONBOID, TEXTOID, TEXTOID},
	.any_plan = true
};

static Statement insert_one = {
	.label = "write the history of a row",
	.text =
	"INSERT INTO taskcenter.task_status_history (relation, owner_id, row_key,"
	"   old_status, new_status, metadata, reason, actor, event_id)"
	" VALUES ($1, $2, $3, $4, $5, coalesce($6, '{}'), $7, $8, NULL)",
	.nargs = 8,
	.types = {TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID}
};

static Statement read_rows = {
	.label = "read the history of a row",
	.text =
	"SELECT h.id, h.task_id, h.old_status, h.new_status, h.reason, h.metadata, h.timestamp,"
	"   h.accepted, h.requested_status, h.problems, h.actor, h.relation, h.row_key, h.owner_id"
	" FROM taskcenter.task_status_history AS h"
	" WHERE h.relation = $1 AND h.row_key = $2"
	" ORDER BY h.row_key, h.relation, h.id DESC LIMIT $3",
	.nargs = 3,
	.types = {TEXTOID, TEXTOID, INT4OID}
};

static void write_waiting(void);

static MemoryContext context = NULL;
static WaitingChange *waiting = NULL;	/* in context */
static int	waiting_count = 0;
static int	waiting_room = 0;
static bool nested = false;		/* not all are of the statement at hand */

/* ---- what waits ---- */

static void
forget_all(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_PREPARE:
			waiting_count = 0;
			waiting = NULL;
			nested = false;
			context = NULL;		/* gone with the transaction's memory */
			break;
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			break;
	}
}

static void
forget_sub(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	int			i;

	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (waiting_count > 0 && waiting[waiting_count - 1].level >= level)
			waiting_count--;
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (i = waiting_count - 1; i >= 0 && waiting[i].level >= level; i--)
			waiting[i].level = level - 1;
	}
}

/*
 * Enough for a piece, and may it be written now?  Not in a subtransaction of
 * the one that made a change: it would go with it if that aborts.
 */
static bool
is_piece(void)
{
	return waiting_count >= (nested ? MAX_WAITING : PIECE) &&
		waiting[0].level >= GetCurrentTransactionNestLevel();
}

static void
make_room(void)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(forget_all, NULL);
		RegisterSubXactCallback(forget_sub, NULL);
		registered = true;
	}
	if (context == NULL)
		context = AllocSetContextCreate(TopTransactionContext, "taskcenter row history",
										ALLOCSET_SMALL_SIZES);
	if (waiting == NULL)
	{
		waiting_room = FEW_WAITING;
		waiting = MemoryContextAlloc(context, sizeof(WaitingChange) * waiting_room);
	}
	else if (waiting_count == waiting_room)
	{
		waiting_room = Max(waiting_room * 2, PIECE);
		waiting = repalloc_huge(waiting, sizeof(WaitingChange) * waiting_room);
	}
}

static bool
same_table(const RowHistoryTable *one, const RowHistoryTable *other)
{
	return one->owner_id == other->owner_id && strcmp(one->relation, other->relation) == 0;
}

static bool
same_text(const char *one, const char *other)
{
	return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static bool
same_json(const Jsonb *one, const Jsonb *other)
{
	return one == other || (one != NULL && other != NULL && VARSIZE(one) == VARSIZE(other) &&
							memcmp(one, other, VARSIZE(one)) == 0);
}

/* that of the row before, if nothing changed */
static ChangeContext *
present_context(void)
{
	const char *reason = tc_audit_reason();
	const Jsonb *metadata = tc_audit_metadata();
	char	   *actor = tc_audit_actor(GetUserId());
	ChangeContext *by = waiting_count > 0 ? waiting[waiting_count - 1].by : NULL;

	if (by != NULL && same_text(by->actor, actor) && same_text(by->reason, reason) &&
		same_json(by->metadata, metadata))
		return by;
	by = palloc(sizeof(ChangeContext));
	by->actor = actor;
	by->reason = reason != NULL ? pstrdup(reason) : NULL;
	by->metadata = NULL;
	if (metadata != NULL)
	{
		by->metadata = palloc(VARSIZE(metadata));
		memcpy(by->metadata, metadata, VARSIZE(metadata));
	}
	return by;
}

static void
add(const RowHistoryTable *table, const char *row_key, const char *old_row_key,
	const char *old_status, const char *new_status, CommandId command)
{
	int			depth = tc_trigger_round_depth();
	WaitingChange *change;
	MemoryContext old;

	make_room();
	old = MemoryContextSwitchTo(context);
	change = &waiting[waiting_count];
	change->table = *table;
	if (waiting_count > 0 && same_table(&change[-1].table, table))
		change->table.relation = change[-1].table.relation;
	else
		change->table.relation = pstrdup(table->relation);
	change->row_key = pstrdup(row_key);
	change->old_row_key = old_row_key != NULL ? pstrdup(old_row_key) : NULL;
	change->old_status = old_status != NULL ? pstrdup(old_status) : NULL;
	change->new_status = pstrdup(new_status);
	change->by = present_context();
	change->command = command;
	change->number = waiting_count++;
	change->level = GetCurrentTransactionNestLevel();
	nested = nested || depth > 1 || command != waiting[0].command;
	MemoryContextSwitchTo(old);
	if (depth > 0)
		tc_trigger_round_at_end(write_waiting);
	if (depth == 0 || is_piece())
		write_waiting();
}

void
tc_row_history_add(const RowHistoryTable *table, const char *row_key,
				   const char *old_status, const char *new_status, CommandId command)
{
	add(table, row_key, NULL, old_status, new_status, command);
}

void
tc_row_history_add_key_change(const RowHistoryTable *table, const char *row_key,
							  const char *old_row_key, const char *old_status,
							  const char *new_status, CommandId command)
{
	add(table, row_key, old_row_key, old_status, new_status, command);
}

/* ---- writing ---- */

static void
bind_context(Bindings *arguments, const ChangeContext *by)
{
	tc_bind_jsonb(arguments, by->metadata == NULL ? NULL : tc_redact_json(by->metadata));
	tc_bind_text(arguments, tc_redact_text(by->reason));
	tc_bind_text(arguments, by->actor);
}

static void
bind_texts(Bindings *arguments, Datum *values, bool *nulls, int count)
{
	int			lower_bound = 1;

	tc_bind_datum(arguments,
				  PointerGetDatum(construct_md_array(values, nulls, 1, &count, &lower_bound,
													 TEXTOID, -1, false, TYPALIGN_INT)), false);
}

enum
{
	HISTORY_ID,
	HISTORY_TASK_ID,
	HISTORY_OLD_STATUS,
	HISTORY_NEW_STATUS,
	HISTORY_REASON,
	HISTORY_METADATA,
	HISTORY_TIMESTAMP,
	HISTORY_ACCEPTED,
	HISTORY_REQUESTED_STATUS,
	HISTORY_PROBLEMS,
	HISTORY_ACTOR,
	HISTORY_RELATION,
	HISTORY_ROW_KEY,
	HISTORY_OWNER_ID,
	HISTORY_EVENT_ID,
	HISTORY_COLUMNS
};

static const char *const history_columns[HISTORY_COLUMNS] = {
	"id", "task_id", "old_status", "new_status", "reason", "metadata", "timestamp", "accepted",
	"requested_status", "problems", "actor", "relation", "row_key", "owner_id",
	"event_id"
};

static const AppendTarget history = {
	"task_status_history", HISTORY_COLUMNS, history_columns, 2, "guard_record"
};

static void
set_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;

	if (text !=NULL)
		values[column] = CStringGetTextDatum(text);
}

static void
set_value(Datum *values, bool *nulls, int column, Datum value)
{
	nulls[column] = false;
	values[column] = value;
}

/* what insert_one does, without a statement; false: it is not the table that we know */
static bool
append_one(const WaitingChange *change)
{
	const ChangeContext *by = change->by;
	Datum		values[HISTORY_COLUMNS] = {0};
	bool		nulls[HISTORY_COLUMNS];
	Datum		metadata;

	memset(nulls, true, sizeof(nulls));
	if (by->metadata == NULL)
		metadata = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	else
		metadata = JsonbPGetDatum(tc_redact_json(by->metadata));
	set_value(values, nulls, HISTORY_ID, Int64GetDatum(tc_append_id("status_history_ids")));
	set_text(values, nulls, HISTORY_OLD_STATUS, change->old_status);
	set_text(values, nulls, HISTORY_NEW_STATUS, change->new_status);
	set_text(values, nulls, HISTORY_REASON, tc_redact_text(by->reason));
	set_value(values, nulls, HISTORY_METADATA, metadata);
	set_value(values, nulls, HISTORY_TIMESTAMP, TimestampTzGetDatum(tc_append_time()));
	set_value(values, nulls, HISTORY_ACCEPTED, BoolGetDatum(true));
	set_text(values, nulls, HISTORY_ACTOR, by->actor);
	set_text(values, nulls, HISTORY_RELATION, change->table.relation);
	set_text(values, nulls, HISTORY_ROW_KEY, change->row_key);
	set_value(values, nulls, HISTORY_OWNER_ID, Int64GetDatum(change->table.owner_id));
	return tc_append_row(&history, values, nulls);
}

static void
write_one(const WaitingChange *change)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, change->table.relation);
	tc_bind_int64(&arguments, change->table.owner_id);
	tc_bind_text(&arguments, change->row_key);
	tc_bind_text(&arguments, change->old_status);
	tc_bind_text(&arguments, change->new_status);
	bind_context(&arguments, change->by);
	tc_run_bound(&insert_one, &arguments);
}

/* some that share a table, and of which none or the only one changed its key */
static void
write_set(const WaitingChange *changes, int count)
{
	Datum	   *values = palloc(sizeof(Datum) * count);
	bool	   *nulls = palloc0(sizeof(bool) * count);
	Bindings	arguments = {0};
	int			i;

	tc_bind_text(&arguments, changes[0].table.relation);
	tc_bind_int64(&arguments, changes[0].table.owner_id);
	for (i = 0; i < count; i++)
		values[i] = CStringGetTextDatum(changes[i].row_key);
	bind_texts(&arguments, values, nulls, count);
	for (i = 0; i < count; i++)
	{
		nulls[i] = changes[i].old_status == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(changes[i].old_status);
	}
	bind_texts(&arguments, values, nulls, count);
	for (i = 0; i < count; i++)
	{
		nulls[i] = false;
		values[i] = CStringGetTextDatum(changes[i].new_status);
	}
	bind_texts(&arguments, values, nulls, count);
	tc_bind_text(&arguments, changes[0].old_row_key);
	bind_context(&arguments, changes[0].by);
	tc_run_bound(&insert_set, &arguments);
}

static bool
may_share(const WaitingChange *one, const WaitingChange *other)
{
	return one->old_row_key == NULL && other->old_row_key == NULL && one->by == other->by &&
		same_table(&one->table, &other->table);
}

static int
compare_commands(const void *one, const void *other)
{
	const WaitingChange *a = one;
	const WaitingChange *b = other;

	if (a->command != b->command)
		return a->command < b->command ? -1 : 1;
	return a->number - b->number;
}

static void
forget_waiting(void)
{
	waiting_count = 0;
	waiting = NULL;
	nested = false;
	MemoryContextReset(context);
}

static void
write_waiting(void)
{
	MemoryContext old;
	StoreFrame	frame;
	int			first;
	int			next;

	if (waiting_count == 0)
		return;
	old = MemoryContextSwitchTo(context);
	/* most statements change one row */
	if (waiting_count == 1 && waiting[0].old_row_key == NULL && append_one(&waiting[0]))
	{
		MemoryContextSwitchTo(old);
		forget_waiting();
		return;
	}
	if (nested)
		qsort(waiting, waiting_count, sizeof(WaitingChange), compare_commands);
	tc_store_begin(&frame);
	for (first = 0; first < waiting_count; first = next)
	{
		next = first + 1;
		while (next < waiting_count && next - first < PIECE &&
			   may_share(&waiting[first], &waiting[next]))
			next++;
		if (next == first + 1 && waiting[first].old_row_key == NULL)
			write_one(&waiting[first]);
		else
			write_set(&waiting[first], next - first);
	}
	tc_store_end(&frame);
	MemoryContextSwitchTo(old);
	forget_waiting();
}

/* ---- reading ---- */

void
tc_row_history_read(const char *relation, const char *row_key, int max_rows)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, relation);
	tc_bind_text(&arguments, row_key);
	tc_bind_int32(&arguments, max_rows);
	tc_run_bound(&read_rows, &arguments);
}
