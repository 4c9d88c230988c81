/*-------------------------------------------------------------------------
 *
 * audit_triggers.c
 *		The audit of definitions and control: a row for each change, in the
 *		same transaction; and what follows when a plain UPDATE resumes a task.
 *
 * Fires as ENABLE ALWAYS row trigger after changes of tasks, schedules,
 * queues, workflows, setting_values, flags and scheduler_state, and when a worker registers or
 * ends.  Only fields that changed are kept; that we move a schedule's cursor is no change.  What a restore loads
 * is not recorded: its audit arrives by itself, as does that of a publisher.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "activation.h"
#include "audit.h"
#include "schedule_define.h"
#include "statement.h"
#include "task_change.h"

PG_FUNCTION_INFO_V1(taskcenter_audit_change);

/* what a relation's rows are, and which columns name them */
typedef struct AuditedRelation
{
	const char *relation;
	const char *object_type;
	const char *id;				/* NULL: none, as all that follow */
	const char *name;
	const char *task_id;
	const char *owner_id;
} AuditedRelation;

static const AuditedRelation relations[] = {
	{"tasks", "task", "task_id", "name", NULL, "owner_id"},
	{"schedules", "schedule", "schedule_id", "name", "task_id", "owner_id"},
	{"queues", "queue", "queue_id", "queue", NULL, NULL},
	{"workflows", "workflow", "workflow_id", "name", NULL, "owner_id"},
	{"guarded_tables", "guarded table", "guarded_table_id", "relation", NULL, "owner_id"},
	{"setting_values", "setting", NULL, "key", NULL, NULL},
	{"scheduler_state", "scheduler", NULL, "database_name", NULL, NULL},
	{"access_grants", "grant", "grant_id", "role", "task_id", "owner_id"},
	{"alert_rules", "alert rule", "alert_rule_id", "name", NULL, NULL},
	{"attention_rules", "attention rule", "attention_rule_id", "name", NULL, NULL},
	{"workers", "worker", "worker_id", "name", NULL, "role_id"},
	{"feature_flags", "flag", NULL, "flag", NULL, NULL},
	{"flag_overrides", "flag override", NULL, "flag", NULL, NULL}
};

/* columns that follow from others */
static const char *const derived[] = {"gated", "retention_class", "status_changed_at",
"only_row", NULL};

/* bookkeeping and cursors: what our own statements move all the time */
static const char *const bookkeeping[] = {"updated_at", "changed_at", "changed_by", "updated_by",
	"definition_version", "next_run_at", "last_run_at", "rebooted_at", "created_at", "registered_at",
"last_heartbeat_at", NULL};

static const AuditedRelation *
audited_relation(Relation rel)
{
	int			i;

	for (i = 0; i < (int) lengthof(relations); i++)
	{
		if (strcmp(relations[i].relation, RelationGetRelationName(rel)) == 0)
			return &relations[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("relation \"%s\" is not audited", RelationGetRelationName(rel))));
	return NULL;
}

/* ---- what changed ---- */

static bool
is_in(const char *const *columns, const char *column)
{
	for (; *columns != NULL; columns++)
	{
		if (strcmp(*columns, column) == 0)
			return true;
	}
	return false;
}

static bool
is_audited(Form_pg_attribute attribute, bool own)
{
	const char *column = NameStr(attribute->attname);

	return !attribute->attisdropped && !is_in(derived, column) &&
		!(own && is_in(bookkeeping, column));
}

static bool
same_column(HeapTuple old, HeapTuple new, TupleDesc desc, int number)
{
	Form_pg_attribute attribute = TupleDescAttr(desc, number - 1);
	bool		old_null;
	bool		new_null;
	Datum		before = heap_getattr(old, number, desc, &old_null);
	Datum		after = heap_getattr(new, number, desc, &new_null);

	if (old_null || new_null)
		return old_null == new_null;
	return datum_image_eq(before, after, attribute->attbyval, attribute->attlen);
}

/* does a column differ that is kept? */
static bool
differs(HeapTuple old, HeapTuple new, TupleDesc desc, bool own)
{
	int			i;

	for (i = 1; i <= desc->natts; i++)
	{
		if (is_audited(TupleDescAttr(desc, i - 1), own) && !same_column(old, new, desc, i))
			return true;
	}
	return false;
}

static Jsonb *
row_as_jsonb(HeapTuple tuple, TupleDesc desc)
{
	Datum		row = heap_copy_tuple_as_datum(tuple, desc);
	text	   *json = DatumGetTextPP(DirectFunctionCall1(row_to_json, row));

	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(json))));
}

static JsonbValue *
field(const Jsonb *row, const char *name)
{
	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &row->root),
										name, strlen(name), NULL);
}

/*
 * The audited fields of a row: those that differ from another row, or, where
 * there is none, those that are not null.  NULL: there are none.
 */
static Jsonb *
audited_fields(HeapTuple tuple, HeapTuple other, TupleDesc desc, bool own)
{
	Jsonb	   *row;
	JsonbParseState *state = NULL;
	JsonbValue *value;
	bool		any = false;
	int			i;

	if (tuple == NULL)
		return NULL;
	row = row_as_jsonb(tuple, desc);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 1; i <= desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i - 1);
		JsonbValue	key;

		if (!is_audited(attribute, own) ||
			(other != NULL && same_column(tuple, other, desc, i)))
			continue;
		value = field(row, NameStr(attribute->attname));
		if (value == NULL || (other == NULL && value->type == jbvNull))
			continue;
		key.type = jbvString;
		key.val.string.val = NameStr(attribute->attname);
		key.val.string.len = strlen(NameStr(attribute->attname));
		pushJsonbValue(&state, WJB_KEY, &key);
		pushJsonbValue(&state, WJB_VALUE, value);
		any = true;
	}
	value = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return any ? JsonbValueToJsonb(value) : NULL;
}

/* ---- what it is called ---- */

/* false: null, or there is no such column (name may be NULL) */
static bool
find_column(HeapTuple tuple, TupleDesc desc, const char *name, Datum *value)
{
	bool		isnull;
	int			i;

	for (i = 1; tuple != NULL && name != NULL && i <= desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i - 1)->attname), name) != 0)
			continue;
		*value = heap_getattr(tuple, i, desc, &isnull);
		return !isnull;
	}
	return false;
}

static char *
column_text(HeapTuple tuple, TupleDesc desc, const char *name)
{
	Datum		value;

	return find_column(tuple, desc, name, &value) ? TextDatumGetCString(value) : NULL;
}

/* ids, and instants: eight bytes passed by value */
static int64
column_id(HeapTuple tuple, TupleDesc desc, const char *name)
{
	Datum		value;

	return find_column(tuple, desc, name, &value) ? DatumGetInt64(value) : 0;
}

static bool
column_is_given(HeapTuple tuple, TupleDesc desc, const char *name)
{
	Datum		value;

	return find_column(tuple, desc, name, &value);
}

typedef struct StateAction
{
	const char *old_state;		/* NULL: any */
	const char *new_state;
	const char *action;
} StateAction;

static const StateAction state_actions[] = {
	{"disabled", "active", "enable"},
	{"archived", "active", "unarchive"},
	{NULL, "active", "resume"},
	{NULL, "running", "resume"},
	{NULL, "paused", "pause"},
	{NULL, "disabled", "disable"},
	{NULL, "draining", "drain"},
	{NULL, "quarantined", "quarantine"},
	{NULL, "archived", "archive"},
	{NULL, "completed", "complete"},
	{NULL, "guarded", "guard"},
	{NULL, "unguarded", "unguard"}
};

static bool
differ(const char *one, const char *other)
{
	return one != NULL && other != NULL && strcmp(one, other) != 0;
}

static const char *
state_action(const char *old_state, const char *new_state)
{
	int			i;

	for (i = 0; i < (int) lengthof(state_actions); i++)
	{
		const StateAction *entry = &state_actions[i];

		if (strcmp(entry->new_state, new_state) == 0 &&
			(entry->old_state == NULL || strcmp(entry->old_state, old_state) == 0))
			return entry->action;
	}
	return "alter";
}

static const char *
action_of(const AuditedRelation *audited, HeapTuple old, HeapTuple new, TupleDesc desc)
{
	char	   *old_state;
	char	   *new_state;
	bool		held;

	if (old == NULL)
		return "create";
	if (new == NULL)
		return "drop";
	old_state = column_text(old, desc, "state");
	new_state = column_text(new, desc, "state");
	if (differ(old_state, new_state))
		return state_action(old_state, new_state);
	if (differ(column_text(old, desc, "status"), column_text(new, desc, "status")))
		return "move";
	held = column_is_given(old, desc, "hold_reason");
	if (held != column_is_given(new, desc, "hold_reason"))
		return held ? "release" : "hold";
	if (!column_is_given(old, desc, "ended_at") && column_is_given(new, desc, "ended_at"))
		return "end";
	if (column_id(old, desc, "adopted_at") != column_id(new, desc, "adopted_at"))
		return "adopt";
	if (audited->owner_id != NULL &&
		column_id(old, desc, audited->owner_id) != column_id(new, desc, audited->owner_id))
		return "change owner";
	if (differ(column_text(old, desc, audited->name), column_text(new, desc, audited->name)))
		return "rename";
	return "alter";
}

/* ---- what follows ---- */

/* a plain UPDATE resumed a task: its schedules follow as behind resume_task() */
static void
follow_state(HeapTuple old, HeapTuple new, TupleDesc desc)
{
	char	   *old_state = column_text(old, desc, "state");
	char	   *new_state = column_text(new, desc, "state");
	const char *woken = tc_task_wakes_from(old_state, new_state);

	if (woken != NULL)
		tc_define_resume_task(column_id(new, desc, "task_id"), woken, GetCurrentTimestamp());
}

static void
write_row(const AuditedRelation *audited, HeapTuple old, HeapTuple new, TupleDesc desc,
		  bool own, Oid writer)
{
	HeapTuple	known = new != NULL ? new : old;
	AuditRow	row = {0};

	row.action = action_of(audited, old, new, desc);
	row.object_type = audited->object_type;
	row.object_id = column_id(known, desc, audited->id);
	row.object_name = column_text(known, desc, audited->name);
	row.task_id = column_id(known, desc, audited->task_id);
	row.owner_id = column_id(known, desc, audited->owner_id);
	row.old_values = audited_fields(old, new, desc, own);
	row.new_values = audited_fields(new, old, desc, own);
	tc_audit_record(&row, writer, GetCurrentTimestamp());
}

Datum
taskcenter_audit_change(PG_FUNCTION_ARGS)
{
	TriggerData *call = (TriggerData *) fcinfo->context;
	bool		own = tc_statement_is_own();
	Oid			writer = tc_statement_caller();
	const AuditedRelation *audited;
	TupleDesc	desc;
	HeapTuple	old = NULL;
	HeapTuple	new = NULL;
	StoreFrame	frame;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(call->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(call->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("audit_change() can only be called as a row trigger after a change")));
	audited = audited_relation(call->tg_relation);
	desc = RelationGetDescr(call->tg_relation);
	if (TRIGGER_FIRED_BY_INSERT(call->tg_event))
		new = call->tg_trigtuple;
	else
		old = call->tg_trigtuple;
	if (TRIGGER_FIRED_BY_UPDATE(call->tg_event))
		new = call->tg_newtuple;

	if (IsLogicalWorker() || (old == NULL && !own && tc_activation_restoring()) ||
		(old != NULL && new != NULL && !differs(old, new, desc, own)))
		return PointerGetDatum(NULL);

	tc_store_begin(&frame);
	if (strcmp(audited->object_type, "schedule") == 0)
		tc_audit_check_scheduled_run();
	write_row(audited, old, new, desc, own, writer);
	if (!own && old != NULL && new != NULL && strcmp(audited->object_type, "task") == 0)
		follow_state(old, new, desc);
	tc_store_end(&frame);
	return PointerGetDatum(NULL);
}
