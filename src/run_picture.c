/*-------------------------------------------------------------------------
 *
 * run_picture.c
 *		How a run of a composite task stands: its graph, and how each step looks.
 *
 * Steps that wait for others have no run: they look like that as long as the
 * root goes on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "access.h"
#include "graph_cache.h"
#include "run_control_store.h"
#include "run_picture.h"
#include "run_timeline.h"
#include "statement.h"

#define UNDO "undo:"
#define MESSAGE_COLUMNS 60		/* of an error or a reason */
#define ALL_TEXT 200			/* of a detail; what draws it clips it further */

/* what is known besides the rows */
typedef struct Reading
{
	int64		root_task_id;
	bool		contents;		/* may contents of the root be shown? */
	TimestampTz now;
	PictureCount *counts;		/* by run_id */
	int			count;
} Reading;

/* ---- numbers of nested ones ---- */

static int
compare_counts(const void *one, const void *other)
{
	int64		a = ((const PictureCount *) one)->run_id;
	int64		b = ((const PictureCount *) other)->run_id;

	return a < b ? -1 : a > b;
}

static void
read_counts(int64 run_id, const PictureRun *steps, int step_count, Reading *reading)
{
	int64	   *ended = palloc(sizeof(int64) * Max(step_count, 1));
	PictureCount *live;
	PictureCount *finished;
	int			live_count = tc_picture_progress(run_id, &live);
	int			ended_count = 0;
	int			i;

	for (i = 0; i < step_count; i++)
	{
		if (steps[i].finished)
			ended[ended_count++] = steps[i].run_id;
	}
	ended_count = tc_picture_ended(ended, ended_count, &finished);
	reading->count = live_count + ended_count;
	reading->counts = palloc(sizeof(PictureCount) * Max(reading->count, 1));
	memcpy(reading->counts, live, sizeof(PictureCount) * live_count);
	memcpy(reading->counts + live_count, finished, sizeof(PictureCount) * ended_count);
	qsort(reading->counts, reading->count, sizeof(PictureCount), compare_counts);
}

static const PictureCount *
find_count(const Reading *reading, int64 run_id)
{
	PictureCount key = {.run_id = run_id};

	return bsearch(&key, reading->counts, reading->count, sizeof(PictureCount),
				   compare_counts);
}

/* ---- what is said of a step ---- */

static void
add_detail(StringInfo detail, const char *text)
{
	if (detail->len > 0)
		appendStringInfoString(detail, ", ");
	appendStringInfoString(detail, text);
}

/* errors and reasons of another task's run: if its task may be read */
static bool
may_read(const Reading *reading, int64 task_id)
{
	TaskRow		task;

	if (task_id == reading->root_task_id)
		return reading->contents;
	return tc_task_find_id(task_id, false, &task) &&
		tc_access_may(tc_statement_caller(), &task, TASK_RIGHT_READ);
}

static void
add_message(StringInfo detail, const Reading *reading, const PictureRun *run)
{
	const char *message = run->error != NULL ? run->error : run->reason;

	if (message != NULL && strcmp(run->status, "succeeded") != 0 &&
		may_read(reading, run->task_id))
		add_detail(detail, tc_clip_text(message, MESSAGE_COLUMNS));
}

static void
add_times(StringInfo detail, const Reading *reading, const PictureRun *run)
{
	if (run->started_at != DT_NOBEGIN && run->finished)
		add_detail(detail, tc_duration_text(run->finished_at - run->started_at));
	else if (run->started_at != DT_NOBEGIN && strcmp(run->status, "running") == 0)
		add_detail(detail, psprintf("for %s", tc_duration_text(reading->now - run->started_at)));
	else if (!run->finished && run->run_at > reading->now && !TIMESTAMP_NOT_FINITE(run->run_at))
		add_detail(detail, psprintf("due in %s", tc_duration_text(run->run_at - reading->now)));
}

static void
add_count(StringInfo detail, const PictureCount *count)
{
	int			done = count->succeeded + count->failed + count->skipped;

	add_detail(detail, psprintf("%d of %d done", done, count->total));
	if (count->failed > 0)
		add_detail(detail, psprintf("%d failed", count->failed));
}

static void
look_at(const Reading *reading, const GraphStep *step, const PictureRun *run, GraphLook *look)
{
	const PictureCount *count = find_count(reading, run->run_id);
	StringInfoData detail;

	initStringInfo(&detail);
	add_times(&detail, reading, run);
	if (count != NULL)
		add_count(&detail, count);
	if (run->attempt > 1)
		add_detail(&detail, psprintf("attempt %d of %d", run->attempt, run->max_attempts));
	if (!run->finished && step->kind == STEP_APPROVAL)
		add_detail(&detail, psprintf("%d of %d approved", run->decisions,
									 step->approval->quorum));
	add_message(&detail, reading, run);
	look->status = run->status;
	look->detail = detail.len == 0 ? NULL : tc_clip_text(detail.data, ALL_TEXT);
}

/* how what was done was undone */
static void
look_at_undo(const PictureRun *run, GraphLook *look)
{
	const char *how = psprintf("undo %s", run->status);

	look->detail = look->detail == NULL ? how : psprintf("%s, %s", look->detail, how);
}

static int
step_of(const Graph *graph, const PictureRun *run, bool undo)
{
	const char *name = run->step;

	if (name == NULL || run->item != 0)
		return -1;
	if (undo)
	{
		if (strncmp(name, UNDO, strlen(UNDO)) != 0)
			return -1;
		name += strlen(UNDO);
	}
	return tc_graph_find(graph, name, strlen(name));
}

static void
look_at_steps(const Reading *reading, RunPicture *picture)
{
	const Graph *graph = picture->graph;
	int			i;
	int			step;

	picture->looks = palloc0(sizeof(GraphLook) * graph->count);
	for (i = 0; i < graph->count && !picture->run.finished; i++)
		picture->looks[i].status = "waiting";
	for (i = 0; i < picture->count; i++)
	{
		step = step_of(graph, &picture->steps[i], false);
		if (step >= 0)
			look_at(reading, &graph->steps[step], &picture->steps[i], &picture->looks[step]);
	}
	for (i = 0; i < picture->count; i++)
	{
		step = step_of(graph, &picture->steps[i], true);
		if (step >= 0)
			look_at_undo(&picture->steps[i], &picture->looks[step]);
	}
}

/* ---- the whole ---- */

static char *
title_of(const Reading *reading, const RunPicture *picture, const char *task)
{
	StringInfoData title;
	StringInfoData detail;

	initStringInfo(&title);
	initStringInfo(&detail);
	add_times(&detail, reading, &picture->run);
	add_message(&detail, reading, &picture->run);
	appendStringInfo(&title, "%s, run %lld: %s", task, (long long) picture->run.run_id,
					 picture->run.status);
	if (detail.len > 0)
		appendStringInfo(&title, ", %s", detail.data);
	return title.data;
}

/* the version that it keeps, or that it would begin with now; NULL: none */
static const Graph *
graph_of(const PictureRun *run, const TaskRow *task)
{
	const CachedGraph *found = NULL;
	int			version = run->graph_version;

	if (strcmp(task->kind, "composite") != 0)
		return NULL;
	if (version == 0 && run->started_at == DT_NOBEGIN)
		version = tc_graph_newest(run->task_id);
	if (version > 0)
		found = tc_graph(run->task_id, version);
	return found == NULL ? NULL : &found->graph;
}

void
tc_picture_read(int64 run_id, TimestampTz now, RunPicture *picture)
{
	StoreFrame	frame;
	RunFacts	facts;
	TaskRow		task;
	Reading		reading = {.now = now};

	tc_store_begin(&frame);
	tc_run_require(run_id, &facts);
	if (!tc_task_find_id(facts.task_id, false, &task) || !tc_picture_run(run_id, &picture->run))
		tc_run_report_missing(run_id);
	tc_access_check_run(&task, &facts, TASK_RIGHT_VIEW);
	reading.root_task_id = task.task_id;
	reading.contents = tc_access_may_run(tc_statement_caller(), &task, &facts, TASK_RIGHT_READ);
	picture->count = tc_picture_steps(run_id, &picture->steps);
	read_counts(run_id, picture->steps, picture->count, &reading);
	picture->title = title_of(&reading, picture, task.name);
	picture->graph = graph_of(&picture->run, &task);
	picture->looks = NULL;
	if (picture->graph != NULL)
		look_at_steps(&reading, picture);
	tc_store_end(&frame);
}
