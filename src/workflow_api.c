/*-------------------------------------------------------------------------
 *
 * workflow_api.c
 *		Functions that make, alter and drop workflows.
 *
 * Anybody may make one; its owner, and the owner of the database, may alter
 * and drop it.  Everybody sees all of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "activation.h"
#include "arguments.h"
#include "audit_context.h"
#include "statement.h"
#include "workflow_cache.h"
#include "workflow_store.h"

#define MAX_TRANSITIONS_SIZE (256 * 1024)	/* bytes of jsonb */

PG_FUNCTION_INFO_V1(taskcenter_create_workflow);
PG_FUNCTION_INFO_V1(taskcenter_alter_workflow);
PG_FUNCTION_INFO_V1(taskcenter_drop_workflow);

static const char *const options_known[] = {"terminal", NULL};

/* ---- reading ---- */

static void
refuse_terminal(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"terminal\" must be an array of statuses"),
			 errdetail("An element of it is no text."),
			 errhint("Write an array such as [\"done\", \"cancelled\"].")));
}

/* false: not given */
static bool
read_terminal(const Jsonb *options, WorkflowRow *row)
{
	Jsonb	   *array = tc_option_array(options, "terminal");
	Datum	   *words;
	int			count;
	int			i;

	if (array == NULL)
		return false;
	count = JB_ROOT_COUNT(array);
	tc_check_int("terminal", count, 0, TC_MAX_STATUSES);
	words = palloc(sizeof(Datum) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(&array->root, i);

		if (value->type != jbvString)
			refuse_terminal();
		words[i] = PointerGetDatum(cstring_to_text_with_len(value->val.string.val,
															value->val.string.len));
	}
	row->terminal = PointerGetDatum(construct_array(words, count, TEXTOID, -1, false,
													TYPALIGN_INT));
	row->terminal_is_null = false;
	return true;
}

static Jsonb *
read_transitions(FunctionCallInfo fcinfo, int n)
{
	Jsonb	   *transitions = tc_arg_object(fcinfo, n, "transitions");

	if (transitions != NULL && VARSIZE(transitions) > MAX_TRANSITIONS_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"transitions\" is too large"),
				 errdetail("\"transitions\" has %u bytes.", (unsigned) VARSIZE(transitions)),
				 errhint("Use at most %d bytes.", MAX_TRANSITIONS_SIZE)));
	return transitions;
}

/* the map as a whole; what is wrong with it is named */
static void
check_rules(const WorkflowRow *row)
{
	Workflow	rules;
	WorkflowFault fault;
	int			count;
	char	  **terminal = tc_workflow_terminal(row, &count);

	if (tc_workflow_parse(row->transitions, row->initial, terminal, count, &rules, &fault))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the transitions are no workflow"),
			 errdetail("\"%s\" %s.", fault.place, fault.problem),
			 errhint("Write an object such as {\"open\": [\"done\", {\"to\": \"rejected\", \"requires\": [\"reason\"]}], \"done\": [], \"rejected\": []}.")));
}

static void
report_missing(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("workflow \"%s\" does not exist", tc_shorten(name)),
			 errdetail("\"workflow\" is \"%s\".", tc_shorten(name)),
			 errhint("The relation taskcenter.workflows shows all workflows.")));
}

static void
check_may_change(const WorkflowRow *row)
{
	Oid			caller = tc_statement_caller();

	if (has_privs_of_role(caller, row->owner_id) || tc_access_is_admin(caller))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for workflow \"%s\"", row->name),
			 errdetail("Role \"%s\" does not have the privileges of the owner \"%s\", and does not own the database.",
					   GetUserNameFromId(caller, true), row->owner),
			 errhint("Ask the owner of the workflow, or make one of your own.")));
}

/* the workflow of the first argument, within a frame, with nobody moving by it */
static bool
find_to_change(const char *name, WorkflowRow *row)
{
	if (!tc_workflow_row_find(name, false, row))
		return false;
	/* nobody waits for what is not his */
	check_may_change(row);
	tc_workflow_hold_exclusively(name);
	if (!tc_workflow_row_find(name, true, row))
		return false;
	check_may_change(row);
	return true;
}

/* ---- create_workflow(name, initial, transitions, description, options) ---- */

Datum
taskcenter_create_workflow(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	Jsonb	   *options = tc_arg_object(fcinfo, 4, "options");
	WorkflowRow row = {0};
	StoreFrame	frame;

	row.name = tc_arg_required_text(fcinfo, 0, "name");
	tc_check_name("name", row.name);
	row.initial = tc_arg_required_text(fcinfo, 1, "initial");
	tc_arg_require(fcinfo, 2, "transitions");
	row.transitions = read_transitions(fcinfo, 2);
	if (row.transitions == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "transitions"),
				 errdetail("\"transitions\" is the JSON value null."),
				 errhint("Give an object with a key for each status.")));
	row.description = tc_arg_text(fcinfo, 3);
	tc_check_length("description", row.description, TC_MAX_DESCRIPTION_LENGTH);
	tc_options_check(options, options_known);
	row.terminal_is_null = true;
	(void) read_terminal(options, &row);
	check_rules(&row);
	row.owner_id = GetUserId();
	row.owner = GetUserNameFromId(row.owner_id, false);
	(void) tc_activate_if_fresh(now);

	tc_store_begin(&frame);
	if (!tc_workflow_row_insert(&row, now))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("workflow \"%s\" already exists", row.name),
				 errdetail("Names are unique among the workflows of a database."),
				 errhint("Choose another name, or use taskcenter.alter_workflow().")));
	tc_store_end(&frame);
	PG_RETURN_INT64(row.workflow_id);
}

/* ---- alter_workflow(workflow, initial, transitions, description, reset, reason, options) ---- */

enum
{
	ALTER_WORKFLOW,
	ALTER_INITIAL,
	ALTER_TRANSITIONS,
	ALTER_DESCRIPTION,
	ALTER_RESET,
	ALTER_REASON,
	ALTER_OPTIONS
};

static void
reset_properties(FunctionCallInfo fcinfo, WorkflowRow *row)
{
	int			count;
	char	  **reset = tc_arg_text_array(fcinfo, ALTER_RESET, "reset", &count);
	int			i;

	for (i = 0; i < count; i++)
	{
		if (strcmp(reset[i], "description") == 0)
			row->description = NULL;
		else if (strcmp(reset[i], "terminal") == 0)
			row->terminal_is_null = true;
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("property \"%s\" cannot be reset", tc_shorten(reset[i])),
					 errdetail("\"reset\" holds \"%s\".", tc_shorten(reset[i])),
					 errhint("Name \"description\" or \"terminal\".")));
	}
}

Datum
taskcenter_alter_workflow(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, ALTER_WORKFLOW, "workflow");
	char	   *initial = tc_arg_text(fcinfo, ALTER_INITIAL);
	Jsonb	   *transitions = read_transitions(fcinfo, ALTER_TRANSITIONS);
	char	   *description = tc_arg_text(fcinfo, ALTER_DESCRIPTION);
	Jsonb	   *options = tc_arg_object(fcinfo, ALTER_OPTIONS, "options");
	WorkflowRow row;
	StoreFrame	frame;

	tc_check_length("description", description, TC_MAX_DESCRIPTION_LENGTH);
	tc_options_check(options, options_known);
	tc_audit_call_reason(tc_arg_reason(fcinfo, ALTER_REASON));
	tc_store_begin(&frame);
	if (!find_to_change(name, &row))
		report_missing(name);
	reset_properties(fcinfo, &row);
	if (initial != NULL)
		row.initial = initial;
	if (transitions != NULL)
		row.transitions = transitions;
	if (description != NULL)
		row.description = description;
	(void) read_terminal(options, &row);
	check_rules(&row);
	tc_workflow_row_update(&row, now);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_INT64(row.workflow_id);
}

/* ---- drop_workflow(workflow, reason, if_exists) ---- */

Datum
taskcenter_drop_workflow(PG_FUNCTION_ARGS)
{
	char	   *name = tc_arg_required_text(fcinfo, 0, "workflow");
	WorkflowRow row;
	StoreFrame	frame;
	bool		found;

	tc_audit_call_reason(tc_arg_reason(fcinfo, 1));
	tc_store_begin(&frame);
	found = find_to_change(name, &row);
	if (!found && !tc_arg_bool(fcinfo, 2, false))
		report_missing(name);
	if (found)
		tc_workflow_row_delete(row.workflow_id);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_BOOL(found);
}
