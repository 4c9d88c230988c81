/*-------------------------------------------------------------------------
 *
 * row_status_api.c
 *		set_row_status() and row_status_history(), for rows of guarded tables.
 *
 * Nothing is lifted for a row: the caller's own privileges and policies
 * decide what he finds and changes.  A move that is refused is an answer, and
 * its row of history is kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "audit_context.h"
#include "guard_cache.h"
#include "redact.h"
#include "redact_json.h"
#include "row_move.h"
#include "statement.h"
#include "status_history_store.h"
#include "user_table_store.h"

#define MAX_LISTED 10000
#define MAX_METADATA_SIZE (64 * 1024)	/* bytes of jsonb */

/* a trigger of the table kept the row as it was, or made something else of it */
#define PROBLEM_NOT_CHANGED "not_changed"

PG_FUNCTION_INFO_V1(taskcenter_set_row_status);
PG_FUNCTION_INFO_V1(taskcenter_row_status_history);

/* a row that somebody asks for */
typedef struct RowRequest
{
	Relation	rel;
	char	   *name;			/* of the table, qualified and quoted */
	TableGuard *guard;
	Datum	   *values;			/* of the key, as given */
	Datum	   *stored;			/* of the key, as the row has it */
} RowRequest;

static void
open_row(FunctionCallInfo fcinfo, RowRequest *row)
{
	Oid			relation;
	Jsonb	   *object;

	tc_arg_require(fcinfo, 0, "relation");
	tc_arg_require(fcinfo, 1, "row_key");
	relation = PG_GETARG_OID(0);
	row->rel = try_relation_open(relation, AccessShareLock);
	if (row->rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation),
				 errdetail("\"relation\" is %u.", relation),
				 errhint("Name a table of this database.")));
	row->guard = tc_guard_copy_of(row->rel);
	if (row->guard == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not guarded", RelationGetRelationName(row->rel)),
				 errdetail("Only rows of guarded tables have a history."),
				 errhint("Its owner guards it with taskcenter.guard_table().")));
	object = tc_arg_object(fcinfo, 1, "row_key");
	if (object == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "row_key"),
				 errdetail("\"row_key\" is the JSON value null."),
				 errhint("Give an object with the columns of the key.")));
	row->name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(row->rel)),
										   RelationGetRelationName(row->rel));
	row->values = tc_row_key_parse(&row->guard->key, RelationGetDescr(row->rel), object);
	row->stored = palloc0(sizeof(Datum) * row->guard->key.count);
}

/* how many rows the caller finds; the first one's status */
static uint64
find_row(RowRequest *row, bool lock, char **status)
{
	StoreFrame	frame;
	uint64		found;

	tc_store_begin_as_caller(&frame);
	found = tc_user_table_find_row(row->name, RelationGetDescr(row->rel), row->guard,
								   row->values, lock, status, row->stored);
	tc_store_end(&frame);
	return found;
}

/* ---- set_row_status(relation, row_key, to_status, reason, metadata, expected) ---- */

typedef struct Move
{
	const char *from;			/* NULL: none */
	const char *to;
	const char *expected;		/* NULL: whatever it is */
	const char *now;			/* what the row has in the end */
	bool		success;
	WorkflowProblems problems;
} Move;

static void
require_row(RowRequest *row, Move *move)
{
	char	   *status = NULL;
	uint64		found = find_row(row, true, &status);
	char	   *key = tc_row_key_values_text(&row->guard->key, row->values, NULL);

	if (found == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" has no such row", RelationGetRelationName(row->rel)),
				 errdetail("The key is %s.", tc_shorten(key)),
				 errhint("Rows that you may not see, or not update, do not exist for you.")));
	if (found > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("table \"%s\" has more than one such row",
						RelationGetRelationName(row->rel)),
				 errdetail("The key is %s.", tc_shorten(key)),
				 errhint("Guard the table by a key that identifies its rows.")));
	move->from = move->now = status;
}

static const Workflow *
require_workflow(const TableGuard *guard)
{
	const CachedWorkflow *workflow = tc_row_workflow(guard);

	if (workflow == NULL)
		tc_row_report_no_workflow(guard);
	return &workflow->rules;
}

static bool
same_status(const char *one, const char *other)
{
	return one != NULL && other != NULL && strcmp(one, other) == 0;
}

static void
check_move(const TableGuard *guard, Move *move)
{
	if (move->expected != NULL && !same_status(move->expected, move->from))
		tc_workflow_add_problem(&move->problems, TC_PROBLEM_CONFLICT,
								tc_workflow_clip(move->expected),
								psprintf("The status is %s, and not \"%s\".",
										 move->from == NULL ? "null"
										 : psprintf("\"%s\"", tc_workflow_clip(move->from)),
										 tc_workflow_clip(move->expected)));
	(void) tc_row_may_become(require_workflow(guard), move->from, move->to, &move->problems);
}

/* the table's own triggers, policies and constraints have their say; an error of theirs is raised */
static void
carry_out(RowRequest *row, Move *move)
{
	TableGuard *guard = row->guard;
	StoreFrame	frame;
	Oid			input;
	Oid			parameter;
	Datum		status;
	char	   *now;

	getTypeInputInfo(guard->status_type, &input, &parameter);
	status = OidInputFunctionCall(input, unconstify(char *, move->to), parameter, -1);
	tc_store_begin_as_caller(&frame);
	if (tc_user_table_set_status(row->name, RelationGetDescr(row->rel), guard, row->values,
								 status, &now) > 0)
		move->now = now;
	tc_store_end(&frame);
	if (!same_status(move->now, move->to))
		tc_workflow_add_problem(&move->problems, PROBLEM_NOT_CHANGED,
								tc_workflow_clip(move->to),
								"A trigger of the table did not let the status become this one.");
}

static void
record_refusal(const RowRequest *row, const Move *move, TimestampTz now)
{
	StatusHistoryRow history = {0};
	StoreFrame	frame;
	const Jsonb *metadata = tc_audit_metadata();

	history.relation = row->guard->table.relation;
	history.row_key = tc_row_key_values_text(&row->guard->key, row->stored, NULL);
	history.owner_id = row->guard->table.owner_id;
	history.old_status = move->from == NULL ? NULL : tc_workflow_clip(move->from);
	history.requested_status = tc_workflow_clip(move->to);
	history.problems = tc_workflow_problems_jsonb(&move->problems);
	history.reason = tc_redact_text(tc_audit_reason());
	if (metadata != NULL)
		history.metadata = tc_redact_json(unconstify(Jsonb *, metadata));
	history.actor = tc_audit_actor(GetUserId());
	history.at = now;
	tc_store_begin(&frame);
	tc_status_history_insert(&history);
	tc_store_end(&frame);
}

static Datum
text_array(char *const *words, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(words[i]);
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
set_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text == NULL;
	*value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

/* (success, old_status, status, requested_status, allowed, problems) */
static Datum
form_answer(FunctionCallInfo fcinfo, const TableGuard *guard, const Move *move)
{
	TupleDesc	desc;
	Datum		values[6];
	bool		nulls[6] = {false};
	char	  **allowed;
	int			count;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "set_row_status() must return a row");
	allowed = tc_row_allowed(require_workflow(guard), move->now, &count);
	values[0] = BoolGetDatum(move->success);
	set_text(&values[1], &nulls[1], move->from);
	set_text(&values[2], &nulls[2], move->now);
	set_text(&values[3], &nulls[3], move->to);
	values[4] = text_array(allowed, count);
	values[5] = JsonbPGetDatum(tc_workflow_problems_jsonb(&move->problems));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

static Jsonb *
read_metadata(FunctionCallInfo fcinfo, int n)
{
	Jsonb	   *metadata = tc_arg_object(fcinfo, n, "metadata");

	if (metadata != NULL && VARSIZE(metadata) > MAX_METADATA_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is too large", "metadata"),
				 errdetail("\"metadata\" has %u bytes.", (unsigned) VARSIZE(metadata)),
				 errhint("Use at most %d bytes, and keep large values in a table.",
						 MAX_METADATA_SIZE)));
	return metadata;
}

Datum
taskcenter_set_row_status(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	Move		move = {0};
	RowRequest	row;
	AuditCall	before;
	char	   *reason;
	Datum		answer;

	move.to = tc_arg_required_text(fcinfo, 2, "to_status");
	move.expected = tc_arg_text(fcinfo, 5);
	tc_check_length("to_status", move.to, TC_MAX_NAME_LENGTH);
	tc_check_length("expected", move.expected, TC_MAX_NAME_LENGTH);
	reason = tc_arg_reason(fcinfo, 3);
	before = tc_audit_call_begin(reason, read_metadata(fcinfo, 4));

	open_row(fcinfo, &row);
	require_row(&row, &move);
	check_move(row.guard, &move);
	if (move.problems.count == 0 && !same_status(move.from, move.to))
		carry_out(&row, &move);
	move.success = move.problems.count == 0;
	if (!move.success)
		record_refusal(&row, &move, now);
	tc_audit_call_end(before);
	answer = form_answer(fcinfo, row.guard, &move);
	relation_close(row.rel, NoLock);
	PG_RETURN_DATUM(answer);
}

/* ---- row_status_history(relation, row_key, max_rows) ---- */

/* as for SELECT of the status and the key */
static void
require_select(const RowRequest *row)
{
	Oid			relation = RelationGetRelid(row->rel);
	Oid			user = GetUserId();
	bool		may = pg_class_aclcheck(relation, user, ACL_SELECT) == ACLCHECK_OK;
	int			i;

	if (!may)
	{
		may = pg_attribute_aclcheck(relation, row->guard->status, user,
									ACL_SELECT) == ACLCHECK_OK;
		for (i = 0; i < row->guard->key.count && may; i++)
			may = pg_attribute_aclcheck(relation, row->guard->key.columns[i].number, user,
										ACL_SELECT) == ACLCHECK_OK;
	}
	if (!may)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for the history of table \"%s\"",
						RelationGetRelationName(row->rel)),
				 errdetail("Role \"%s\" may not read the status and the key of its rows.",
						   GetUserNameFromId(user, true)),
				 errhint("Ask the owner of the table.")));
}

/* false: where policies hold, the history of a row that he does not find is not his to read */
static bool
may_read(RowRequest *row)
{
	char	   *status;

	if (find_row(row, false, &status) > 0)
		return true;
	if (check_enable_rls(RelationGetRelid(row->rel), InvalidOid, true) == RLS_ENABLED)
		return false;
	memcpy(row->stored, row->values, sizeof(Datum) * row->guard->key.count);
	return true;
}

static void
put_history(FunctionCallInfo fcinfo, const RowRequest *row, int32 max_rows)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *key = tc_row_key_values_text(&row->guard->key, row->stored, NULL);
	StoreFrame	frame;
	uint64		number;
	int			i;

	tc_store_begin(&frame);
	tc_row_history_read(row->guard->table.relation, key, max_rows);
	for (number = 0; number < tc_rows(); number++)
	{
		Datum		values[STATUS_HISTORY_COLUMNS];
		bool		nulls[STATUS_HISTORY_COLUMNS];

		for (i = 0; i < STATUS_HISTORY_COLUMNS; i++)
			values[i] = tc_get_datum(number, i + 1, &nulls[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	tc_store_end(&frame);
}

Datum
taskcenter_row_status_history(PG_FUNCTION_ARGS)
{
	int32		max_rows = tc_arg_int32(fcinfo, 2, 50);
	RowRequest	row;

	tc_check_int("max_rows", max_rows, 1, MAX_LISTED);
	InitMaterializedSRF(fcinfo, 0);
	open_row(fcinfo, &row);
	require_select(&row);
	if (row.guard->guarded_table_id != 0 && may_read(&row))
		put_history(fcinfo, &row, max_rows);
	relation_close(row.rel, NoLock);
	return (Datum) 0;
}
