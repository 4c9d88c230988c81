/*-------------------------------------------------------------------------
 *
 * step_task.c
 *		A step that names a task, and asks before it starts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph_release.h"
#include "step_state.h"
#include "step_store.h"
#include "step_task.h"

const char *
tc_step_hand_over(const RunRow *run, const CachedGraph *graph, int number, int64 owner_id,
				  TimestampTz now)
{
	Advance		advance = {0};
	NewStep		new = {0};

	if (!tc_root_read(run->parent_run_id, &advance.root))
		return NULL;
	advance.progress.owner_id = owner_id;
	advance.graph = graph;
	tc_release_choose_task(&advance, graph->graph.steps[number].task, &new);
	if (new.state == NULL)
	{
		StepRun		given;

		tc_graph_step_run(graph, number, &given);
		tc_step_becomes(run, new.task_id, &given, now);
	}
	return tc_state_text(new.state, "problem");
}
