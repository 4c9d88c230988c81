/*-------------------------------------------------------------------------
 *
 * status_work.c
 *		The checks of runs, tasks, schedules and queues.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "dead_letter_store.h"
#include "status_work.h"

#define LATE_RUN_S 300
#define MANY_DEAD_LETTERS 10

/* "5000 or more", where counting ends */
static const char *
counted(int64 count)
{
	return psprintf(count >= TC_STATUS_COUNT_LIMIT ? "%lld or more" : "%lld", (long long) count);
}

static void
check_backlog(CheckList *list, const WorkFacts *work)
{
	int64		late = tc_check_seconds_since(list, work->due_since);

	tc_check_that(list, "backlog", late <= LATE_RUN_S, CHECK_WARN,
				  work->due == 0
				  ? psprintf("No run is late; running: %s.", counted(work->running))
				  : psprintf("Runs due: %s, the oldest for %lld s; running: %s.",
							 counted(work->due), (long long) late, counted(work->running)),
				  "taskcenter.explain_run() says of each run what holds it up.");
}

static void
check_lost(CheckList *list, const WorkFacts *work)
{
	tc_check_that(list, "stuck_runs", work->stuck == 0, CHECK_FAIL,
				  work->stuck == 0 ? "All that is running has somebody alive."
				  : psprintf("Running without anybody alive: %s; one is %lld.",
							 counted(work->stuck), (long long) work->a_stuck_run),
				  "Runbook \"Stuck runs\" in doc/operations.md; explain_run() says more, and whose open transaction holds one. The scheduler settles the others when it works.");
	tc_check_that(list, "lost_runs", work->lost == 0, CHECK_WARN,
				  work->lost == 0 ? "No unfinished run has lost its executor."
				  : psprintf("Unfinished runs that lost their executor: %s; one is %lld.",
							 counted(work->lost), (long long) work->a_lost_run),
				  "Find out what ended it: the server log, memory. After max_lost times such a run fails. Runbook \"Stuck runs\".");
}

static void
check_dead_letters(CheckList *list)
{
	TimestampTz oldest;
	int64		open = tc_dead_letters_look(TC_STATUS_COUNT_LIMIT, &oldest);

	tc_check_that(list, "dead_letters", open < MANY_DEAD_LETTERS, CHECK_WARN,
				  open == 0 ? "No dead letter is open."
				  : psprintf("Dead letters open: %s; the oldest for %lld s.", counted(open),
							 (long long) tc_check_seconds_since(list, oldest)),
				  "The view taskcenter.open_dead_letters shows them: repair the cause, then redrive_dead_letters(). Runbook \"Dead letters\".");
}

static void
check_quarantined(CheckList *list, const DefinitionFacts *facts)
{
	tc_check_that(list, "quarantined", facts->quarantined == 0, CHECK_FAIL,
				  facts->quarantined == 0 ? "No task or schedule is quarantined."
				  : psprintf("Tasks and schedules quarantined: %lld; one is of \"%s\".",
							 (long long) facts->quarantined, facts->a_quarantined),
				  "state_reason of taskcenter.tasks and taskcenter.schedules says why; repair it and call taskcenter.enable_task() or taskcenter.resume_schedule(). Runbook \"A broken schedule or task\".");
}

static void
check_paused(CheckList *list, const DefinitionFacts *facts)
{
	bool		nothing = facts->paused == 0 && facts->disabled == 0 &&
	facts->paused_queues == NULL;

	tc_check_that(list, "paused", nothing, CHECK_WARN,
				  nothing ? "Nothing is paused or disabled."
				  : psprintf("Paused tasks and schedules: %lld; disabled: %lld; paused queues: %s.",
							 (long long) facts->paused, (long long) facts->disabled,
							 facts->paused_queues == NULL ? "none" : facts->paused_queues),
				  "Call taskcenter.resume_task(), resume_schedule(), enable_task() or resume_queue() when that is no longer meant.");
}

static void
check_schedules(CheckList *list, const EngineState *engine, const DefinitionFacts *facts)
{
	bool		overdue = facts->overdue > 0 && engine->control->running;

	if (facts->without_next > 0)
		tc_check_put(list, "schedules", CHECK_FAIL,
					 psprintf("Active schedules that will never fire: %lld; one is \"%s\".",
							  (long long) facts->without_next, facts->a_without_next),
					 "Define it again with taskcenter.schedule_task(). Runbook \"A broken schedule or task\".");
	else
		tc_check_that(list, "schedules", !overdue, CHECK_FAIL,
					  !overdue ? "Every active schedule has its next time."
					  : psprintf("Not fired: %lld schedules, \"%s\" for %lld s.",
								 (long long) facts->overdue, facts->an_overdue,
								 (long long) tc_check_seconds_since(list, facts->overdue_since)),
					  "The scheduler does not come to them: see the check scheduler.");
}

static void
check_roles(CheckList *list, const DefinitionFacts *facts)
{
	tc_check_that(list, "roles", facts->homeless == 0, CHECK_WARN,
				  facts->homeless == 0 ? "The roles of all active tasks can log in."
				  : psprintf("Active tasks whose role is gone or cannot log in: %lld; one is \"%s\".",
							 (long long) facts->homeless, facts->a_homeless),
				  "alter_task(task, run_as => ...), or let the role log in; else they are quarantined when due.");
}

void
tc_status_work_checks(CheckList *list, const EngineState *engine, const WorkFacts *work,
					  const DefinitionFacts *definitions)
{
	check_backlog(list, work);
	check_lost(list, work);
	check_dead_letters(list);
	check_quarantined(list, definitions);
	check_paused(list, definitions);
	check_schedules(list, engine, definitions);
	check_roles(list, definitions);
}
