/*-------------------------------------------------------------------------
 *
 * run_draw_api.c
 *		run_tree(), run_dot(), run_mermaid(), run_timeline(): a run of a
 *		composite task as text.
 *
 * Executed in any session, as the user who looks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "run_picture.h"
#include "run_timeline.h"

PG_FUNCTION_INFO_V1(taskcenter_run_tree);
PG_FUNCTION_INFO_V1(taskcenter_run_dot);
PG_FUNCTION_INFO_V1(taskcenter_run_mermaid);
PG_FUNCTION_INFO_V1(taskcenter_run_timeline);

typedef char *(*DrawFunction) (const Graph *graph, const char *title, const GraphLook *looks);

static void
read_picture(FunctionCallInfo fcinfo, TimestampTz now, RunPicture *picture)
{
	int64		run_id;

	run_id = tc_arg_id(fcinfo, 0, "run_id");
	tc_picture_read(run_id, now, picture);
}

static Datum
draw(FunctionCallInfo fcinfo, DrawFunction function)
{
	RunPicture	picture;

	read_picture(fcinfo, GetCurrentTimestamp(), &picture);
	if (picture.graph == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run %lld has no graph of its own", (long long) picture.run.run_id),
				 errdetail("It is %s.", picture.title),
				 errhint("run_timeline() draws the items of for_each; explain_run() says how a run stands.")));
	PG_RETURN_TEXT_P(cstring_to_text(function(picture.graph, picture.title, picture.looks)));
}

Datum
taskcenter_run_tree(PG_FUNCTION_ARGS)
{
	return draw(fcinfo, tc_graph_draw_tree);
}

Datum
taskcenter_run_dot(PG_FUNCTION_ARGS)
{
	return draw(fcinfo, tc_graph_draw_dot);
}

Datum
taskcenter_run_mermaid(PG_FUNCTION_ARGS)
{
	return draw(fcinfo, tc_graph_draw_mermaid);
}

/* ---- run_timeline() ---- */

static const char *
name_of(const PictureRun *run)
{
	const char *step = run->step != NULL ? run->step : "run";

	return run->item == 0 ? step : psprintf("%s %d", step, run->item);
}

Datum
taskcenter_run_timeline(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	RunPicture	picture;
	TimelineRow *rows;
	int			i;

	read_picture(fcinfo, now, &picture);
	rows = palloc(sizeof(TimelineRow) * Max(picture.count, 1));
	for (i = 0; i < picture.count; i++)
	{
		const PictureRun *run = &picture.steps[i];

		rows[i].name = name_of(run);
		rows[i].status = run->status;
		rows[i].made_at = Max(run->created_at, picture.run.created_at);
		rows[i].started_at = run->started_at;
		rows[i].finished_at = run->finished_at;
	}
	PG_RETURN_TEXT_P(cstring_to_text(tc_timeline_draw(picture.title, rows, picture.count,
													  picture.run.created_at,
													  picture.run.finished ? picture.run.finished_at : now)));
}
