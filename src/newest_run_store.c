/*-------------------------------------------------------------------------
 *
 * newest_run_store.c
 *		The runs that views show: the newest, the failed, the last of each task.
 *
 * Runs are read in their order, as far as the limit goes.  Who does not know
 * all tasks is looked for in a window of the newest runs first.  Is that not
 * enough, his tasks are few or have few runs, and each is asked for its own.
 *
 * The runs of a time are those of the partitions that hold it and what follows:
 * no row of these is read and dismissed before the limit.  Which are too old is
 * asked afterwards.  The plans are kept, since making one for all partitions
 * takes longer than reading.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "newest_run_store.h"
#include "partition_store.h"
#include "taskcenter.h"

#define MOST 1000				/* runs that a view shows: as in the
								 * statements */

/* ---- what the statements have in common ---- */

#define COLUMNS \
	"run_id, task_id, status, attempt, run_at, created_at, created_by, schedule_id, started_at,"

#define LIVE \
	"SELECT " COLUMNS " 'infinity'::timestamptz AS finished_at, sqlstate, error, 0 AS class" \
	" FROM taskcenter.live_runs"

/* the tables of the classes by their names: so each has a bound of its own */
#define FINISHED_OF(class) \
	"SELECT " COLUMNS " finished_at, sqlstate, error, " class " AS class" \
	" FROM taskcenter.finished_runs_" class

#define FINISHED \
	FINISHED_OF("1") " UNION ALL " FINISHED_OF("2") " UNION ALL " FINISHED_OF("3")

/* $1 to $8 are the reader */
#define KNOWN \
	"($1 OR t.owner_id = ANY ($2) OR taskcenter.is_among(t.task_id, $3))"
#define READABLE \
	"($4 OR t.owner_id = ANY ($2) OR taskcenter.is_among(t.task_id, $5)" \
	" OR (taskcenter.is_among(t.task_id, $6) AND w.created_by = $7 AND w.schedule_id IS NULL" \
	"   AND w.created_at >= $8))"

#define SHOWN \
	" w.run_id, t.name, w.status, w.attempt, date_trunc('second', w.run_at)," \
	" CASE WHEN isfinite(w.finished_at) THEN w.finished_at END," \
	" CASE WHEN isfinite(w.finished_at)" \
	"   THEN date_trunc('milliseconds', w.finished_at - w.started_at) END," \
	" w.sqlstate," \
	" CASE WHEN " READABLE " THEN left(split_part(w.error, E'\\n', 1), 40) END"

#define READER_TYPES \
	BOOLOID, INT8ARRAYOID, INT8ARRAYOID, BOOLOID, INT8ARRAYOID, INT8ARRAYOID, TEXTOID, \
	TIMESTAMPTZOID

static void
bind_reader(Bindings *bindings, const RunReader *reader)
{
	tc_bind_bool(bindings, reader->known.all);
	/* who may read all needs no list of owners; whoever else has one here */
	tc_bind_ids(bindings, reader->readable.owners, reader->readable.owner_count);
	tc_bind_ids(bindings, reader->known.ids, reader->known.id_count);
	tc_bind_bool(bindings, reader->readable.all);
	tc_bind_ids(bindings, reader->readable.ids, reader->readable.id_count);
	tc_bind_ids(bindings, reader->enqueueable.ids, reader->enqueueable.id_count);
	tc_bind_text(bindings, reader->name);
	tc_bind_datum(bindings, TimestampTzGetDatum(reader->enqueuing_since), false);
}

/* where the partitions that hold the instant begin, class by class */
static void
bind_bounds(Bindings *bindings, TimestampTz since)
{
	TimestampTz bounds[TC_CLASS_OWN];
	int32		class;

	for (class = TC_CLASS_DEFAULT; class <= TC_CLASS_OWN; class++)
		bounds[class - 1] = tc_partition_begin(tc_partition_set_of("finished_runs", class), since);
	for (class = TC_CLASS_DEFAULT; class <= TC_CLASS_OWN; class++)
		tc_bind_datum(bindings, TimestampTzGetDatum(bounds[class - 1]), false);
	tc_bind_datum(bindings, TimestampTzGetDatum(since), false);
}

/* ---- the newest ---- */

#define SINCE_BOUND \
	" r.finished_at >= CASE r.class WHEN 1 THEN $9 WHEN 2 THEN $10 WHEN 3 THEN $11" \
	"   ELSE '-infinity' END"

static Statement newest_window = {
	.label = "find the newest runs",
	.text =
	"SELECT" SHOWN
	" FROM (SELECT r.* FROM (" LIVE " UNION ALL " FINISHED ") AS r"
	"   WHERE" SINCE_BOUND
	"   ORDER BY r.run_id DESC LIMIT 2000) AS w"
	" LEFT JOIN taskcenter.tasks AS t ON t.task_id = w.task_id"
	" WHERE w.finished_at > $12 AND " KNOWN
	" ORDER BY w.run_id DESC LIMIT 1000",
	.nargs = 12,
	.types = {READER_TYPES, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
};

/*
 * A range of one task: with = the planner would rather read the runs of all
 * tasks.  No partition of days to come.
 */
static Statement newest_by_task = {
	.label = "find the newest runs of each known task",
	.text =
	"WITH known AS MATERIALIZED (SELECT t.task_id FROM taskcenter.tasks AS t"
	"   WHERE " KNOWN ")"
	" SELECT" SHOWN
	" FROM (SELECT l.* FROM ("
	"     SELECT f.* FROM known AS k CROSS JOIN LATERAL ("
	"       SELECT r.* FROM (" FINISHED ") AS r"
	"       WHERE r.task_id BETWEEN k.task_id AND k.task_id AND" SINCE_BOUND
	"         AND r.finished_at < $13"
	"       ORDER BY r.task_id, r.run_id DESC LIMIT 1000) AS f"
	"     UNION ALL"
	"     SELECT r.* FROM (" LIVE ") AS r"
	"     WHERE EXISTS (SELECT FROM known) AND taskcenter.is_among(r.task_id,"
	"       ARRAY(SELECT k.task_id FROM known AS k ORDER BY k.task_id))) AS l"
	"   WHERE l.finished_at > $12"
	"   ORDER BY l.run_id DESC LIMIT 1000) AS w"
	" LEFT JOIN taskcenter.tasks AS t ON t.task_id = w.task_id"
	" ORDER BY w.run_id DESC",
	.nargs = 13,
	.types = {READER_TYPES, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	TIMESTAMPTZOID}
};

void
tc_runs_newest(const RunReader *reader, TimestampTz since, TimestampTz now)
{
	Bindings	bindings = {0};

	bind_reader(&bindings, reader);
	bind_bounds(&bindings, since);
	if (tc_run_bound(&newest_window, &bindings) == MOST || reader->known.all)
		return;
	tc_bind_datum(&bindings, TimestampTzGetDatum(now + USECS_PER_HOUR), false);
	tc_run_bound(&newest_by_task, &bindings);
}

/* ---- those that failed last ---- */

#define FAILED \
	" r.retention_class = ANY (ARRAY[2, 3]) AND r.status = ANY (ARRAY['failed', 'timed_out'])"

static Statement failed_window = {
	.label = "find the runs that failed last",
	.text =
	"SELECT" SHOWN
	" FROM (SELECT r.* FROM taskcenter.finished_runs AS r"
	"   WHERE" FAILED " ORDER BY r.finished_at DESC LIMIT 2000) AS w"
	" LEFT JOIN taskcenter.tasks AS t ON t.task_id = w.task_id"
	" WHERE " KNOWN
	" ORDER BY w.finished_at DESC LIMIT 1000",
	.nargs = 8,
	.types = {READER_TYPES}
};

static Statement failed_by_task = {
	.label = "find the runs of each known task that failed last",
	.text =
	"SELECT" SHOWN
	" FROM (SELECT f.* FROM taskcenter.tasks AS t CROSS JOIN LATERAL ("
	"     SELECT r.* FROM taskcenter.finished_runs AS r"
	"     WHERE r.task_id = t.task_id AND" FAILED
	"     ORDER BY r.finished_at DESC LIMIT 1000) AS f"
	"   WHERE " KNOWN
	"   ORDER BY f.finished_at DESC LIMIT 1000) AS w"
	" LEFT JOIN taskcenter.tasks AS t ON t.task_id = w.task_id"
	" ORDER BY w.finished_at DESC",
	.nargs = 8,
	.types = {READER_TYPES}
};

void
tc_runs_failed(const RunReader *reader)
{
	Bindings	bindings = {0};

	bind_reader(&bindings, reader);
	if (tc_run_bound(&failed_window, &bindings) < MOST && !reader->known.all)
		tc_run_bound(&failed_by_task, &bindings);
}

/* ---- the last of each task ---- */

/* as above */
static Statement last_by_task = {
	.label = "find the last run of each task",
	.text =
	"SELECT t.task_id, w.status, w.started_at, w.finished_at"
	" FROM taskcenter.tasks AS t CROSS JOIN LATERAL ("
	"   SELECT r.status, r.started_at, r.finished_at FROM (" FINISHED ") AS r"
	"   WHERE r.task_id BETWEEN t.task_id AND t.task_id"
	"     AND r.finished_at >= CASE r.class WHEN 1 THEN $4 WHEN 2 THEN $5 WHEN 3 THEN $6 END"
	"     AND r.finished_at < $8"
	"   ORDER BY r.task_id, r.run_id DESC LIMIT 1) AS w"
	" WHERE " KNOWN " AND t.state <> 'archived' AND t.kind <> 'manual'"
	"   AND w.finished_at > $7",
	.nargs = 8,
	.types = {BOOLOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID}
};

void
tc_runs_last(const TaskSet *known, TimestampTz since, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_bool(&bindings, known->all);
	tc_bind_ids(&bindings, known->owners, known->owner_count);
	tc_bind_ids(&bindings, known->ids, known->id_count);
	bind_bounds(&bindings, since);
	tc_bind_datum(&bindings, TimestampTzGetDatum(now + USECS_PER_HOUR), false);
	tc_run_bound(&last_by_task, &bindings);
}
