/*-------------------------------------------------------------------------
 *
 * run_inside_api.c
 *		What a run can ask and say about itself.
 *
 * Called by the command of a run, in an executor or under perform_run().
 * Everything comes from, and goes to, process memory: no table is touched, so
 * it costs next to nothing and survives the rollback of what the run did.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "current_run.h"
#include "graph_run_store.h"
#include "message_capture.h"
#include "redact.h"
#include "redact_json.h"
#include "shared_state.h"

PG_FUNCTION_INFO_V1(taskcenter_current_run);
PG_FUNCTION_INFO_V1(taskcenter_param);
PG_FUNCTION_INFO_V1(taskcenter_step_output);
PG_FUNCTION_INFO_V1(taskcenter_write_log);
PG_FUNCTION_INFO_V1(taskcenter_report_progress);
PG_FUNCTION_INFO_V1(taskcenter_set_output);

/* columns of current_run_info */
#define CURRENT_RUN_COLUMNS 14

typedef struct LogLevel
{
	const char *label;
	int			elevel;
} LogLevel;

static const LogLevel log_levels[] = {
	{"debug", DEBUG1}, {"info", INFO}, {"notice", NOTICE}, {"warning", WARNING},
	{"error", ERROR}
};

static const char *const log_level_labels[] = {
	"debug", "info", "notice", "warning", "error", NULL
};

static CurrentRun *
require_run(const char *function)
{
	CurrentRun *run = tc_current_run();

	if (run == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s() can only be called inside a run", function),
				 errdetail("No run is executing in this session."),
				 errhint("Call it in a task's command; taskcenter.perform_run() executes one in your session.")));
	return run;
}

/* ---- asking ---- */

static Datum
text_or_null(const char *value, bool *isnull)
{
	*isnull = value == NULL;
	return value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

static Datum
time_or_null(TimestampTz value, bool *isnull)
{
	*isnull = TIMESTAMP_NOT_FINITE(value);
	return TimestampTzGetDatum(value);
}

Datum
taskcenter_current_run(PG_FUNCTION_ARGS)
{
	CurrentRun *run = tc_current_run();
	TupleDesc	desc;
	Datum		values[CURRENT_RUN_COLUMNS];
	bool		nulls[CURRENT_RUN_COLUMNS] = {false};

	if (run == NULL)
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(run->run_id);
	values[1] = Int64GetDatum(run->task_id);
	values[2] = text_or_null(run->task, &nulls[2]);
	values[3] = text_or_null(run->step, &nulls[3]);
	values[4] = Int64GetDatum(run->parent_run_id);
	nulls[4] = run->parent_run_id == 0;
	values[5] = text_or_null(run->queue, &nulls[5]);
	values[6] = Int32GetDatum(run->attempt);
	values[7] = Int32GetDatum(run->max_attempts);
	values[8] = JsonbPGetDatum(run->params);
	values[9] = time_or_null(run->scheduled_for, &nulls[9]);
	values[10] = BoolGetDatum(run->is_catchup);
	values[11] = time_or_null(run->catchup_from, &nulls[11]);
	values[12] = Int64GetDatum(run->catchup_count);
	nulls[12] = !run->is_catchup;
	values[13] = text_or_null(run->trace_id, &nulls[13]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* A param that is null in the run is a JSON null, not the fallback. */
Datum
taskcenter_param(PG_FUNCTION_ARGS)
{
	CurrentRun *run = tc_current_run();
	text	   *key;
	JsonbValue *value = NULL;

	tc_arg_require(fcinfo, 0, "key");
	key = PG_GETARG_TEXT_PP(0);
	if (run != NULL)
		value = getKeyJsonValueFromContainer(&run->params->root, VARDATA_ANY(key),
											 VARSIZE_ANY_EXHDR(key), NULL);
	if (value != NULL)
		PG_RETURN_JSONB_P(JsonbValueToJsonb(value));
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(1));
}

/* An item's parent is the step that it belongs to, whose parent is the graph. */
Datum
taskcenter_step_output(PG_FUNCTION_ARGS)
{
	char	   *step = tc_arg_required_text(fcinfo, 0, "step");
	CurrentRun *run = require_run("step_output");
	RootRow		root;
	bool		found;
	Jsonb	   *output;

	found = run->parent_run_id != 0 && tc_root_read(run->parent_run_id, &root);
	if (found && root.graph_version == 0 && root.parent_run_id != 0)
		found = tc_root_read(root.parent_run_id, &root);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the run is no step of a graph"),
				 errdetail("It has no steps before it, so none is called \"%s\".",
						   tc_shorten(step)),
				 errhint("step_output() gives the outputs of other steps of the same graph.")));
	output = tc_step_output(&root, step);
	if (output == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(output);
}

/* ---- saying ---- */

static int
elevel_of(const char *label)
{
	int			i;

	for (i = 0; i < (int) lengthof(log_levels); i++)
		if (strcmp(log_levels[i].label, label) == 0)
			return log_levels[i].elevel;
	return NOTICE;
}

/* As with a client's messages, only what is below the task's level is dropped, and "info" never. */
static bool
is_wanted(const CurrentRun *run, const char *label)
{
	int			elevel = elevel_of(label);

	return elevel == INFO || elevel >= run->log_level;
}

Datum
taskcenter_write_log(PG_FUNCTION_ARGS)
{
	char	   *level = tc_arg_required_text(fcinfo, 0, "level");
	char	   *message = tc_arg_required_text(fcinfo, 1, "message");
	Jsonb	   *metadata = tc_arg_object(fcinfo, 2, "metadata");
	CurrentRun *run = require_run("write_log");

	tc_check_choice("level", level, log_level_labels);
	if (metadata != NULL && VARSIZE(metadata) > TC_MESSAGE_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("metadata of a log line is too large"),
				 errdetail("It takes %u bytes.", (unsigned) VARSIZE(metadata)),
				 errhint("Use at most %d bytes.", TC_MESSAGE_MAX_BYTES)));
	if (!is_wanted(run, level))
		PG_RETURN_BOOL(false);
	message = unconstify(char *, tc_redact_text(message));
	metadata = tc_redact_json(metadata);
	if (!run->performed)
		PG_RETURN_BOOL(tc_message_capture_add(level, message, metadata));
	message[pg_mbcliplen(message, strlen(message), TC_MESSAGE_MAX_BYTES)] = '\0';
	PG_RETURN_BOOL(tc_current_run_log(GetCurrentTimestamp(), level, message, metadata));
}

Datum
taskcenter_report_progress(PG_FUNCTION_ARGS)
{
	int64		done;
	int64		total = tc_arg_int64(fcinfo, 1, -1);
	char	   *phase = tc_arg_text(fcinfo, 2);
	CurrentRun *run;

	tc_arg_require(fcinfo, 0, "done");
	done = PG_GETARG_INT64(0);
	tc_check_int("done", done, 0, PG_INT64_MAX);
	if (!PG_ARGISNULL(1))
		tc_check_int("total", total, 0, PG_INT64_MAX);
	run = require_run("report_progress");
	phase = unconstify(char *, tc_redact_text(phase));
	if (phase != NULL)
		phase[pg_mbcliplen(phase, strlen(phase), TC_PHASE_LENGTH - 1)] = '\0';

	/* a run in somebody's own transaction has nobody to show it to */
	if (run->performed || tc_my_executor == NULL)
		PG_RETURN_BOOL(false);
	tc_shared_progress(done, total, phase);
	PG_RETURN_BOOL(true);
}

Datum
taskcenter_set_output(PG_FUNCTION_ARGS)
{
	Jsonb	   *output = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);

	(void) require_run("set_output");
	if (output != NULL && VARSIZE(output) > TC_MAX_PARAMS_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("output of a run is too large"),
				 errdetail("It takes %u bytes.", (unsigned) VARSIZE(output)),
				 errhint("Use at most %d bytes; keep large results in a table and put out their key.",
						 TC_MAX_PARAMS_SIZE)));
	tc_current_run_set_output(output);
	PG_RETURN_BOOL(true);
}
