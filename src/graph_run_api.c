/*-------------------------------------------------------------------------
 *
 * graph_run_api.c
 *		What people and other sessions tell a graph that runs: decisions,
 *		signals, and to hold on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "audit.h"
#include "audit_context.h"
#include "decision_store.h"
#include "graph_cache.h"
#include "graph_run_store.h"
#include "graph_start.h"
#include "redact_json.h"
#include "run_control_store.h"
#include "shared_roots.h"
#include "shared_state.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_decide_step);
PG_FUNCTION_INFO_V1(taskcenter_send_signal);
PG_FUNCTION_INFO_V1(taskcenter_pause_run);
PG_FUNCTION_INFO_V1(taskcenter_resume_run);

#define HOLD_TRIES 200
#define HOLD_PAUSE_US 1000
#define MAX_SIGNAL_BYTES 200
#define MAX_EVIDENCE_BYTES (64 * 1024)

static const char *const decisions[] = {"approve", "reject", NULL};

static void
audit_run(const char *action, int64 run_id, const TaskRow *task, const char *reason,
		  Jsonb *values, TimestampTz now)
{
	AuditRow	row = {0};

	row.action = action;
	row.object_type = "run";
	row.object_id = run_id;
	row.object_name = task->name;
	row.owner_id = task->owner_id;
	row.new_values = values;
	row.reason = reason;
	tc_audit_record(&row, tc_statement_caller(), now);
}

/* ---- decisions ---- */

/* the run of a step, by its path from a root: outer/inner */
static int64
find_step_run(int64 root, const char *path)
{
	char	   *rest = pstrdup(path);
	char	   *name;
	int64		run_id = root;

	while ((name = strsep(&rest, "/")) != NULL)
	{
		run_id = tc_step_find(run_id, name);
		if (run_id == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("step \"%s\" of run %lld waits for no decision",
							tc_shorten(path), (long long) root),
					 errdetail("There is no such step, it has not started, or it has ended."),
					 errhint("The view taskcenter.open_decisions shows what waits.")));
	}
	return run_id;
}

static const StepApproval *
require_approval(int64 run_id, const char *step, RootRow *run)
{
	const CachedGraph *graph = NULL;
	int			number = 0;

	if (tc_root_read(run_id, run) && run->definition_id != 0)
		graph = tc_graph_of_definition(run->definition_id, &number);
	if (graph == NULL || graph->graph.steps[number].kind != STEP_APPROVAL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("step \"%s\" is not an approval", tc_shorten(step)),
				 errhint("The view taskcenter.open_decisions shows what waits.")));
	return graph->graph.steps[number].approval;
}

static bool
may_decide(Oid role, const StepApproval *approval)
{
	int			i;

	for (i = 0; i < approval->role_count; i++)
	{
		Oid			asked = get_role_oid(approval->roles[i], true);

		if (OidIsValid(asked) && has_privs_of_role(role, asked))
			return true;
	}
	return false;
}

/*
 * Who decides is the session's user where he may himself, by whatever role he
 * acts, so that nobody is two of them; else the current role.
 */
static Oid
decider_of(Oid current, const StepApproval *approval)
{
	Oid			session = GetSessionUserId();

	if (session == current || superuser_arg(session) || !may_decide(session, approval))
		return current;
	return session;
}

/* could he have asked himself, as the role that did? */
static bool
is_requester(Oid role, const char *requester)
{
	Oid			asked = get_role_oid(requester, true);

	return OidIsValid(asked) && is_member_of_role_nosuper(role, asked);
}

/* who asked for the run of which it all is a part */
static const char *
requester_of(int64 run_id)
{
	RootRow		run = {0};

	while (run_id != 0 && tc_root_read(run_id, &run))
		run_id = run.parent_run_id;
	return run.created_by;
}

static void
check_decider(Oid role, const StepApproval *approval, const char *step, const RootRow *run)
{
	const char *requester;

	if (!may_decide(role, approval))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not decide step \"%s\"",
						GetUserNameFromId(role, false), tc_shorten(step)),
				 errhint("The graph says which roles may.")));
	if (!approval->exclude_requester)
		return;
	requester = requester_of(run->run_id);
	if (requester != NULL &&
		(is_requester(role, requester) || is_requester(GetSessionUserId(), requester)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("who asked for the run may not decide step \"%s\"", tc_shorten(step)),
				 errdetail("The run was made by \"%s\".", requester)));
}

/* Lock it, while nobody looks at it: an executor that does needs a moment. */
static void
hold(int64 run_id, const char *step)
{
	int			tries;

	for (tries = 0; tries < HOLD_TRIES; tries++)
	{
		if (tc_approval_hold(run_id))
			return;
		pg_usleep(HOLD_PAUSE_US);
		CHECK_FOR_INTERRUPTS();
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("step \"%s\" waits for no decision", tc_shorten(step)),
			 errdetail("It has been decided, has expired, or somebody decides at this moment.")));
}

static const char *
decide(int64 root, const char *step, NewDecision *decision)
{
	TimestampTz now = GetCurrentTimestamp();
	RootRow		run;
	const StepApproval *approval;
	Decisions	all;
	TaskRow		task;
	const char *state;

	decision->run_id = find_step_run(root, step);
	approval = require_approval(decision->run_id, step, &run);
	decision->role_id = decider_of(tc_statement_caller(), approval);
	decision->role = GetUserNameFromId(decision->role_id, false);
	check_decider(decision->role_id, approval, step, &run);
	hold(decision->run_id, step);
	if (!tc_task_find_id(run.task_id, false, &task))
		tc_run_report_missing(root);
	decision->owner_id = task.owner_id;
	if (!tc_decision_insert(decision, now))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("role \"%s\" has decided step \"%s\" already", decision->role,
						tc_shorten(step))));
	tc_decisions_read(decision->run_id, &all);
	state = all.rejected_by != NULL ? "rejected"
		: all.approved >= approval->quorum ? "approved" : "waiting";
	tc_approval_note(decision->run_id, strcmp(state, "waiting") != 0, now);
	audit_run(decision->decision, decision->run_id, &task, decision->note,
			  tc_audit_text("step", step), now);
	return state;
}

Datum
taskcenter_decide_step(PG_FUNCTION_ARGS)
{
	int64		root = tc_arg_id(fcinfo, 0, "run_id");
	char	   *step = tc_arg_required_text(fcinfo, 1, "step");
	char	   *word = tc_arg_required_text(fcinfo, 2, "decision");
	NewDecision decision = {0};
	StoreFrame	frame;
	const char *state;

	tc_check_choice("decision", word, decisions);
	decision.decision = word;
	decision.note = tc_arg_reason(fcinfo, 3);
	decision.evidence = tc_redact_json(tc_arg_object(fcinfo, 4, "evidence"));
	if (decision.evidence != NULL && VARSIZE(decision.evidence) > MAX_EVIDENCE_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("evidence is too large"),
				 errdetail("It takes %u bytes.", (unsigned) VARSIZE(decision.evidence)),
				 errhint("Use at most %d bytes; keep more in a table of your own.",
						 MAX_EVIDENCE_BYTES)));
	tc_store_begin(&frame);
	state = decide(root, step, &decision);
	tc_store_end(&frame);
	PG_RETURN_TEXT_P(cstring_to_text(state));
}

/* ---- signals ---- */

Datum
taskcenter_send_signal(PG_FUNCTION_ARGS)
{
	SignalWait	wait;
	Jsonb	   *payload;
	StoreFrame	frame;
	int64		signal_id;

	wait.signal = tc_arg_required_text(fcinfo, 0, "signal");
	wait.key = tc_arg_text(fcinfo, 1);
	tc_check_name("signal", wait.signal);
	if (wait.key != NULL)
		tc_check_length("key", wait.key, MAX_SIGNAL_BYTES);
	payload = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	if (payload != NULL && VARSIZE(payload) > MAX_EVIDENCE_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the payload of a signal is too large"),
				 errdetail("It takes %u bytes.", (unsigned) VARSIZE(payload)),
				 errhint("Use at most %d bytes; keep more in a table of your own.",
						 MAX_EVIDENCE_BYTES)));
	tc_store_begin(&frame);
	signal_id = tc_signal_insert(&wait, payload, GetUserNameFromId(tc_statement_caller(), false),
								 tc_statement_caller(), GetCurrentTimestamp());
	tc_shared_touch_signals();
	tc_store_end(&frame);
	PG_RETURN_INT64(signal_id);
}

/* ---- holding on ---- */

static const char *
set_paused(int64 run_id, bool paused, const char *reason)
{
	TimestampTz now = GetCurrentTimestamp();
	RunFacts	run;
	TaskRow		task;

	tc_run_require(run_id, &run);
	if (!tc_task_find_id(run.task_id, false, &task))
		tc_run_report_missing(run_id);
	tc_access_check_run(&task, &run, TASK_RIGHT_OPERATE);
	if (!tc_graph_pause(run_id, paused, now))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run %lld is no graph that runs", (long long) run_id),
				 errdetail("Its status is \"%s\".", run.status),
				 errhint("Pause the task or its queue to keep queued runs from starting.")));
	audit_run(paused ? "pause" : "resume", run_id, &task, reason,
			  tc_audit_text("state", paused ? "paused" : "running"), now);
	return paused ? "paused" : "running";
}

static Datum
pause_or_resume(FunctionCallInfo fcinfo, bool paused)
{
	int64		run_id = tc_arg_id(fcinfo, 0, "run_id");
	char	   *reason = tc_arg_reason(fcinfo, 1);
	StoreFrame	frame;
	const char *state;

	tc_store_begin(&frame);
	state = set_paused(run_id, paused, reason);
	tc_store_end(&frame);
	PG_RETURN_TEXT_P(cstring_to_text(state));
}

Datum
taskcenter_pause_run(PG_FUNCTION_ARGS)
{
	return pause_or_resume(fcinfo, true);
}

Datum
taskcenter_resume_run(PG_FUNCTION_ARGS)
{
	return pause_or_resume(fcinfo, false);
}
