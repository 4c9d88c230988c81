/*-------------------------------------------------------------------------
 *
 * shared_metrics.c
 *		Counting what becomes of runs, in shared memory.
 *
 * The notes of a transaction are a stack: what a sub-transaction noted lies
 * at its end, and goes when that is rolled back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "settings.h"
#include "shared_internal.h"
#include "shared_metrics.h"

#define FEW_NOTES 64

typedef struct Note
{
	int			level;			/* nesting of the transaction */
	int			counter;		/* RunCounter; from RUN_COUNTER_COUNT on those
								 * of the database */
	int64		amount;
	int64		queue_id;
	int64		task_id;
	int64		delay;			/* microseconds, -1: not known */
	int64		duration;		/* the same */
	bool		is_step;		/* of a graph: no outcome of the task */
} Note;

const int64 tc_metric_bounds[TC_METRIC_BUCKETS - 1] = TC_METRIC_BOUNDS_US;

static Note few[FEW_NOTES];
static Note *notes = few;
static int	note_count = 0;
static int	note_capacity = FEW_NOTES;
static bool is_paused = false;

/* ---- noting ---- */

/* What it noted becomes its parent's, or is forgotten. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	int			i;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	for (i = note_count - 1; i >= 0 && notes[i].level >= level; i--)
		notes[i].level = level - 1;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		note_count = i + 1;
}

static void
register_callbacks(void)
{
	static bool registered = false;

	tc_shared_wake_init();
	if (!registered)
		RegisterSubXactCallback(at_subtransaction_end, NULL);
	registered = true;
}

static void
make_room(void)
{
	Note	   *more;

	if (note_count < note_capacity)
		return;
	more = MemoryContextAllocHuge(TopTransactionContext, sizeof(Note) * note_capacity * 2);
	memcpy(more, notes, sizeof(Note) * note_count);
	if (notes != few)
		pfree(notes);
	notes = more;
	note_capacity *= 2;
}

static void
add_note(const Note *note)
{
	Note	   *last = note_count > 0 ? &notes[note_count - 1] : NULL;

	if (tc_shared == NULL || !tc_metrics)
		return;
	register_callbacks();
	if (last != NULL && last->level == note->level && last->counter == note->counter &&
		last->queue_id == note->queue_id && last->task_id == note->task_id &&
		last->is_step == note->is_step &&
		last->delay < 0 && last->duration < 0 && note->delay < 0 && note->duration < 0)
	{
		last->amount += note->amount;
		return;
	}
	make_room();
	notes[note_count++] = *note;
}

void
tc_metric_run(RunCounter counter, int64 queue_id, int64 task_id, int64 delay, int64 duration,
			  bool is_step)
{
	Note		note = {GetCurrentTransactionNestLevel(), counter, 1, queue_id, task_id,
	delay, duration, is_step};

	if (!is_paused)
		add_note(&note);
}

void
tc_metric_database(DatabaseCounter counter, int64 amount)
{
	Note		note = {GetCurrentTransactionNestLevel(), RUN_COUNTER_COUNT + counter, amount,
	0, 0, -1, -1, false};

	if (amount > 0)
		add_note(&note);
}

void
tc_metric_pause(bool paused)
{
	/* the end of the transaction ends it too */
	tc_shared_wake_init();
	is_paused = paused;
}

int
tc_metric_bucket(int64 microseconds)
{
	int			bucket = 0;

	while (bucket < TC_METRIC_BUCKETS - 1 && microseconds > tc_metric_bounds[bucket])
		bucket++;
	return bucket;
}

/* ---- at the end of the transaction; the lock is held where it counts ---- */

bool
tc_metrics_noted(void)
{
	return note_count > 0;
}

void
tc_metrics_forget(void)
{
	notes = few;
	note_count = 0;
	note_capacity = FEW_NOTES;
	is_paused = false;
}

static uint32
hash_of(int64 queue_id, int64 task_id)
{
	return hash_combine(hash_combine(murmurhash32((uint32) task_id), (uint32) queue_id),
						MyDatabaseId);
}

/* NULL: there is no place for it */
static MetricSeries *
find_series(DatabaseSlot *database, int64 queue_id, int64 task_id, bool make)
{
	uint32		place = hash_of(queue_id, task_id);
	MetricSeries *vacant = NULL;
	int			i;

	for (i = 0; i < TC_MAX_SERIES; i++)
	{
		MetricSeries *series = &tc_shared->series[(place + i) % TC_MAX_SERIES];

		if (series->database == MyDatabaseId && series->task_id == task_id &&
			series->queue_id == queue_id)
			return series;
		if (vacant == NULL && !OidIsValid(series->database))
			vacant = series;
		if (!series->used)
			break;
	}
	if (!make || vacant == NULL || database->metrics.series_count >= TC_SERIES_QUOTA)
		return NULL;
	database->metrics.series_count++;
	memset(vacant, 0, sizeof(MetricSeries));
	vacant->database = MyDatabaseId;
	vacant->used = true;
	vacant->queue_id = queue_id;
	vacant->task_id = task_id;
	return vacant;
}

static void
add_time(Histogram *histogram, int64 microseconds)
{
	if (microseconds < 0)
		return;
	histogram->counts[tc_metric_bucket(microseconds)]++;
	histogram->sum += microseconds;
}

static void
note_outcome(DatabaseSlot *database, MetricSeries *series, int counter, int64 amount)
{
	if (counter == RUN_COUNTER_SUCCEEDED)
		series->failures.in_a_row = 0;
	else if (counter == RUN_COUNTER_FAILED || counter == RUN_COUNTER_TIMED_OUT)
	{
		series->failures.in_a_row += amount;
		series->failures.kept_back += amount;
		series->failed = true;
		database->metrics.any_failed = true;
	}
}

static void
apply_note(DatabaseSlot *database, const Note *note)
{
	MetricSeries *series;
	MetricCounts *counts;

	if (note->counter >= RUN_COUNTER_COUNT)
	{
		database->metrics.counters[note->counter - RUN_COUNTER_COUNT] += note->amount;
		database->metrics.changed = true;
		return;
	}
	series = find_series(database, note->queue_id, note->task_id, true);
	counts = series != NULL ? &series->counts : &database->metrics.others;
	counts->counters[note->counter] += note->amount;
	add_time(&counts->delay, note->delay);
	add_time(&counts->duration, note->duration);
	database->metrics.changed = true;
	if (series == NULL)
		return;
	series->changed = true;
	if (!note->is_step)
		note_outcome(database, series, note->counter, note->amount);
}

void
tc_metrics_apply(void)
{
	DatabaseSlot *database = tc_shared_database(MyDatabaseId);
	int			i;

	for (i = 0; i < note_count && database != NULL; i++)
		apply_note(database, &notes[i]);
}

void
tc_metrics_forget_database(Oid database)
{
	int			i;

	for (i = 0; i < TC_MAX_SERIES; i++)
	{
		if (tc_shared->series[i].database == database)
			tc_shared->series[i].database = InvalidOid;
	}
}

/* ---- reading and keeping ---- */

static bool
copy_metrics(MetricsCopy *copy, bool changed_only)
{
	DatabaseSlot *database;
	int			i;

	copy->count = 0;
	if (tc_shared == NULL)
		return false;
	copy->series = palloc(sizeof(MetricSeries) * TC_SERIES_QUOTA);
	LWLockAcquire(tc_shared->lock, changed_only ? LW_EXCLUSIVE : LW_SHARED);
	database = tc_shared_database(MyDatabaseId);
	for (i = 0; i < TC_MAX_SERIES && database != NULL; i++)
	{
		MetricSeries *series = &tc_shared->series[i];

		if (series->database != MyDatabaseId || (changed_only && !series->changed) ||
			copy->count >= TC_SERIES_QUOTA)
			continue;
		copy->series[copy->count++] = *series;
		if (changed_only)
			series->changed = false;
	}
	if (database != NULL)
	{
		copy->database = database->metrics;
		if (changed_only)
			database->metrics.changed = false;
	}
	LWLockRelease(tc_shared->lock);
	return database != NULL;
}

bool
tc_metrics_copy(MetricsCopy *copy)
{
	return copy_metrics(copy, false);
}

bool
tc_metrics_take_changed(MetricsCopy *copy)
{
	return copy_metrics(copy, true);
}

static bool
database_flag(size_t offset)
{
	DatabaseSlot *database;
	bool		flag;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	database = tc_shared_database(MyDatabaseId);
	flag = database != NULL && *(const bool *) ((const char *) &database->metrics + offset);
	LWLockRelease(tc_shared->lock);
	return flag;
}

bool
tc_metrics_changed(void)
{
	return database_flag(offsetof(DatabaseMetrics, changed));
}

bool
tc_metrics_loaded(void)
{
	return database_flag(offsetof(DatabaseMetrics, loaded));
}

static void
add_counts(MetricCounts *to, const MetricCounts *counts)
{
	int64	   *sums = (int64 *) to;
	const int64 *values = (const int64 *) counts;
	int			i;

	for (i = 0; i < TC_METRIC_COUNTS; i++)
		sums[i] += values[i];
}

void
tc_metrics_add(int64 queue_id, int64 task_id, const MetricCounts *counts,
			   const FailureState *failures)
{
	DatabaseSlot *database;
	MetricSeries *series = NULL;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	database = tc_shared_database(MyDatabaseId);
	if (database != NULL && task_id != 0)
		series = find_series(database, queue_id, task_id, true);
	if (series != NULL)
	{
		add_counts(&series->counts, counts);
		if (failures != NULL && series->counts.counters[RUN_COUNTER_SUCCEEDED] ==
			counts->counters[RUN_COUNTER_SUCCEEDED])
			series->failures.in_a_row += failures->in_a_row;
		if (failures != NULL)
		{
			series->failures.noticed_at = failures->noticed_at;
			series->failures.kept_back += failures->kept_back;
		}
	}
	else if (database != NULL)
		add_counts(&database->metrics.others, counts);
	LWLockRelease(tc_shared->lock);
}

void
tc_metrics_add_database(const int64 counters[DATABASE_COUNTER_COUNT])
{
	DatabaseSlot *database;
	int			i;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	database = tc_shared_database(MyDatabaseId);
	for (i = 0; i < DATABASE_COUNTER_COUNT && database != NULL; i++)
		database->metrics.counters[i] += counters[i];
	LWLockRelease(tc_shared->lock);
}

void
tc_metrics_set_loaded(void)
{
	DatabaseSlot *database;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	database = tc_shared_database(MyDatabaseId);
	if (database != NULL)
		database->metrics.loaded = true;
	LWLockRelease(tc_shared->lock);
}

/* ---- failures ---- */

int
tc_metrics_take_failed(MetricSeries **series)
{
	DatabaseSlot *database;
	int			count = 0;
	int			i;

	if (!database_flag(offsetof(DatabaseMetrics, any_failed)))
		return 0;
	*series = palloc(sizeof(MetricSeries) * TC_SERIES_QUOTA);
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	database = tc_shared_database(MyDatabaseId);
	for (i = 0; i < TC_MAX_SERIES && database != NULL; i++)
	{
		MetricSeries *one = &tc_shared->series[i];

		if (one->database != MyDatabaseId || !one->failed || count >= TC_SERIES_QUOTA)
			continue;
		one->failed = false;
		(*series)[count++] = *one;
	}
	if (database != NULL)
		database->metrics.any_failed = false;
	LWLockRelease(tc_shared->lock);
	return count;
}

void
tc_metrics_noticed(int64 queue_id, int64 task_id, TimestampTz noticed_at, int64 kept_back)
{
	DatabaseSlot *database;
	MetricSeries *series;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	database = tc_shared_database(MyDatabaseId);
	series = database != NULL ? find_series(database, queue_id, task_id, false) : NULL;
	if (series != NULL)
	{
		series->failures.noticed_at = noticed_at;
		series->failures.kept_back -= kept_back;
		series->changed = true;
		database->metrics.changed = true;
	}
	LWLockRelease(tc_shared->lock);
}
