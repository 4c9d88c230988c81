/*-------------------------------------------------------------------------
 *
 * graph_end.c
 *		The end of a graph: what it gives, and what is undone before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "graph_end.h"

#define MAX_OUTPUTS 100			/* of last steps, in the output of a root */

/* {"step": output, ...} of the steps that none comes after; NULL: they have none */
static Jsonb *
output_of(const Advance *advance)
{
	JsonbParseState *state = NULL;
	bool		any = false;
	int			looked = 0;
	int			i;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < advance->graph->graph.count && looked < MAX_OUTPUTS; i++)
	{
		const GraphStep *step = &advance->graph->graph.steps[i];
		Jsonb	   *output;
		JsonbValue	value;

		if (step->after_count > 0 || advance->walk.state[i] != STEP_STATE_SUCCEEDED)
			continue;
		looked++;
		output = tc_step_output(&advance->root, step->name);
		if (output == NULL)
			continue;
		any = true;
		value.type = jbvString;
		value.val.string.val = step->name;
		value.val.string.len = strlen(step->name);
		(void) pushJsonbValue(&state, WJB_KEY, &value);
		if (JB_ROOT_IS_SCALAR(output))
			(void) JsonbExtractScalar(&output->root, &value);
		else
			JsonbToJsonbValue(output, &value);
		(void) pushJsonbValue(&state, WJB_VALUE, &value);
	}
	if (!any)
		return NULL;
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

void
tc_graph_end(const Advance *advance, const char *status, Jsonb *output, const char *reason)
{
	bool		failed = strcmp(status, "failed") == 0 || strcmp(status, "timed_out") == 0;

	(void) tc_root_end(advance->root.run_id, status, output, reason,
					   failed ? (reason != NULL ? reason : "a step failed") : NULL,
					   advance->now);
	tc_progress_delete(advance->root.run_id);
}

/* Queue the next compensation; false: there is none left. */
bool
tc_graph_compensate(Advance *advance)
{
	char	  **succeeded;
	int			count = tc_steps_succeeded(&advance->root, &succeeded);
	int			i;

	for (i = 0; i < count; i++)
	{
		int			number = tc_graph_find(&advance->graph->graph, succeeded[i],
										   strlen(succeeded[i]));
		NewStep		new = {0};
		StepRun		run;

		if (number < 0 || advance->graph->graph.steps[number].compensate == NULL)
			continue;
		tc_graph_step_run(advance->graph, number, &run);
		new.task_id = advance->graph->task_id;
		new.definition_id = advance->graph->first_definition_id + number;
		new.queue_id = run.queue_id != 0 ? run.queue_id : advance->root.queue_id;
		new.has_priority = true;
		new.priority = run.has_priority ? run.priority : advance->root.priority;
		new.max_attempts = Max(run.max_attempts, 1);
		new.run_at = advance->now;
		new.step = psprintf(TC_UNDO_PREFIX "%s", succeeded[i]);
		new.params = advance->root.params;
		tc_steps_insert(&advance->root, &new, 1, advance->progress.exempt, advance->now);
		return true;
	}
	return false;
}

static bool
has_compensations(const Graph *graph)
{
	int			i;

	for (i = 0; i < graph->count; i++)
	{
		if (graph->steps[i].compensate != NULL)
			return true;
	}
	return false;
}

const char *
tc_graph_reason(const Advance *advance)
{
	int			done = tc_steps_count(&advance->root, TC_UNDO_PREFIX "%", true);
	int			failed = tc_steps_count(&advance->root, TC_UNDO_PREFIX "%", false);
	const char *reason = advance->progress.reason != NULL ? advance->progress.reason
	: "it was cancelled";

	if (done + failed == 0)
		return reason;
	return psprintf("%s; %d of %d compensations succeeded", reason, done, done + failed);
}

/* Nothing of it runs any more. */
void
tc_graph_close(Advance *advance, const char *status)
{
	GraphProgress *progress = &advance->progress;

	if (strcmp(status, "succeeded") == 0)
	{
		tc_graph_end(advance, status, output_of(advance), NULL);
		return;
	}
	if (has_compensations(&advance->graph->graph) && tc_graph_compensate(advance))
	{
		progress->phase = TC_PHASE_COMPENSATING;
		progress->end_status = status;
		tc_progress_update(progress);
		return;
	}
	tc_graph_end(advance, status, NULL, tc_graph_reason(advance));
}

const char *
tc_graph_verdict(const Advance *advance)
{
	int			i;

	for (i = 0; i < advance->graph->graph.count; i++)
	{
		if (advance->walk.state[i] == STEP_STATE_FAILED &&
			!advance->graph->graph.steps[i].goes_on)
			return "failed";
	}
	return "succeeded";
}
