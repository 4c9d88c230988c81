/*-------------------------------------------------------------------------
 *
 * partition_store.c
 *		The time partitions of finished_runs, task_run_history and
 *		task_run_logs.
 *
 * A partition is made whole, with indexes and guards, before it is attached.
 * Rows that the default partition holds for its range are moved in first, in
 * the same transaction and under the lock that attaching needs anyway.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"

#include "bindings.h"
#include "partition_store.h"
#include "setting_keys.h"
#include "taskcenter.h"

/* longest retention, in days, that days and weeks serve well */
#define DAYS_UNTIL 60
#define WEEKS_UNTIL 420

#define MAX_RANGES 2000

typedef enum PartitionWidth
{
	PARTITION_DAY,
	PARTITION_WEEK,
	PARTITION_MONTH
} PartitionWidth;

typedef struct Range
{
	TimestampTz from;
	TimestampTz to;
} Range;

typedef struct PartitionSet
{
	const char *root;
	int32		class;
	const char *parent;
	const char *key;
	const char *retention_key;	/* NULL: rows decide */
	bool		by_task;		/* an index for the runs of a task */
	bool		by_policy;		/* an index for what of a task is old */
	bool		by_failure;		/* an index for the latest failures */
	Statement  *oldest;
	bool		by_event;		/* an index for the numbers of events */
} PartitionSet;

static Statement list_ranges = {
	.label = "list partitions",
	.text =
	"SELECT b.range[1]::timestamptz, b.range[2]::timestamptz"
	" FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid,"
	"   LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid),"
	"     'FROM \\(''([^'']*)''\\) TO \\(''([^'']*)''\\)') AS b (range)"
	" WHERE i.inhparent = format('taskcenter.%I', $1)::regclass AND b.range IS NOT NULL"
	" ORDER BY 1",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

static Statement oldest_finished_runs_1 = {
	.label = "look into finished_runs_1_rest",
	.text =
	"SELECT min(finished_at) FROM taskcenter.finished_runs_1_rest WHERE isfinite(finished_at)",
	.any_plan = true
};

static Statement oldest_finished_runs_2 = {
	.label = "look into finished_runs_2_rest",
	.text =
	"SELECT min(finished_at) FROM taskcenter.finished_runs_2_rest WHERE isfinite(finished_at)",
	.any_plan = true
};

static Statement oldest_finished_runs_3 = {
	.label = "look into finished_runs_3_rest",
	.text =
	"SELECT min(finished_at) FROM taskcenter.finished_runs_3_rest WHERE isfinite(finished_at)",
	.any_plan = true
};

static Statement oldest_task_run_history_1 = {
	.label = "look into task_run_history_1_rest",
	.text =
	"SELECT min(changed_at) FROM taskcenter.task_run_history_1_rest WHERE isfinite(changed_at)",
	.any_plan = true
};

static Statement oldest_task_run_history_3 = {
	.label = "look into task_run_history_3_rest",
	.text =
	"SELECT min(changed_at) FROM taskcenter.task_run_history_3_rest WHERE isfinite(changed_at)",
	.any_plan = true
};

static Statement oldest_task_run_logs_1 = {
	.label = "look into task_run_logs_1_rest",
	.text =
	"SELECT min(logged_at) FROM taskcenter.task_run_logs_1_rest WHERE isfinite(logged_at)",
	.any_plan = true
};

static Statement oldest_task_run_logs_3 = {
	.label = "look into task_run_logs_3_rest",
	.text =
	"SELECT min(logged_at) FROM taskcenter.task_run_logs_3_rest WHERE isfinite(logged_at)",
	.any_plan = true
};

static const PartitionSet sets[TC_PARTITION_SET_COUNT] = {
	{"finished_runs", TC_CLASS_DEFAULT, "finished_runs_1", "finished_at", TC_SETTING_RUNS_RETENTION, true, false, false, &oldest_finished_runs_1},
	{"finished_runs", TC_CLASS_FAILED, "finished_runs_2", "finished_at", TC_SETTING_FAILED_RUNS_RETENTION, true, false, true, &oldest_finished_runs_2},
	{"finished_runs", TC_CLASS_OWN, "finished_runs_3", "finished_at", NULL, true, true, true, &oldest_finished_runs_3},
	{"task_run_history", TC_CLASS_DEFAULT, "task_run_history_1", "changed_at", TC_SETTING_RUN_HISTORY_RETENTION, false, false, false, &oldest_task_run_history_1, true},
	{"task_run_history", TC_CLASS_OWN, "task_run_history_3", "changed_at", NULL, false, true, false, &oldest_task_run_history_3, true},
	{"task_run_logs", TC_CLASS_DEFAULT, "task_run_logs_1", "logged_at", TC_SETTING_RUN_LOGS_RETENTION, false, false, false, &oldest_task_run_logs_1},
	{"task_run_logs", TC_CLASS_OWN, "task_run_logs_3", "logged_at", NULL, false, true, false, &oldest_task_run_logs_3}
};

const char *
tc_partition_retention_key(int set)
{
	return sets[set].retention_key;
}

const char *
tc_partition_parent(int set)
{
	return sets[set].parent;
}

int32
tc_partition_class(int set)
{
	return sets[set].class;
}

int
tc_partition_set_of(const char *root, int32 class)
{
	int			set;

	for (set = 0; set < TC_PARTITION_SET_COUNT; set++)
		if (sets[set].class == class && strcmp(sets[set].root, root) == 0)
			return set;
	return -1;
}

/* ---- time ---- */

static PartitionWidth
width_for(int64 retention)
{
	if (retention >= 0 && retention <= DAYS_UNTIL * USECS_PER_DAY)
		return PARTITION_DAY;
	if (retention >= 0 && retention <= WEEKS_UNTIL * USECS_PER_DAY)
		return PARTITION_WEEK;
	return PARTITION_MONTH;
}

/* the width's unit, in UTC, that the instant lies in; weeks begin on Monday */
static Range
range_around(TimestampTz instant, PartitionWidth width)
{
	int64		day = instant / USECS_PER_DAY - (instant % USECS_PER_DAY < 0 ? 1 : 0);
	int64		from = day;
	int64		to = day + 1;
	Range		range;
	int			year;
	int			month;
	int			ignored;

	switch (width)
	{
		case PARTITION_DAY:
			break;
		case PARTITION_WEEK:
			from = day - ((day - 2) % 7 + 7) % 7;
			to = from + 7;
			break;
		case PARTITION_MONTH:
			j2date((int) day + POSTGRES_EPOCH_JDATE, &year, &month, &ignored);
			from = date2j(year, month, 1) - POSTGRES_EPOCH_JDATE;
			to = date2j(year + month / 12, month % 12 + 1, 1) - POSTGRES_EPOCH_JDATE;
			break;
	}
	range.from = from * USECS_PER_DAY;
	range.to = to * USECS_PER_DAY;
	return range;
}

/* "20261121", and the time of day where the range begins within a day */
static char *
instant_label(TimestampTz instant)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(instant, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "partition bound is out of range");
	if (tm.tm_hour == 0 && tm.tm_min == 0 && tm.tm_sec == 0)
		return psprintf("%04d%02d%02d", tm.tm_year, tm.tm_mon, tm.tm_mday);
	return psprintf("%04d%02d%02d_%02d%02d%02d", tm.tm_year, tm.tm_mon,
					tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static char *
instant_literal(TimestampTz instant)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(instant, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "partition bound is out of range");
	return psprintf("'%04d-%02d-%02d %02d:%02d:%02d+00'", tm.tm_year, tm.tm_mon,
					tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* ---- making ---- */

/* what is there, in order; bounds are read in a form that does not depend on the session */
static int
read_ranges(const PartitionSet *set, Range *ranges)
{
	Bindings	arguments = {0};
	int			count;
	int			i;

	(void) set_config_option("datestyle", "ISO, YMD", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	tc_bind_text(&arguments, set->parent);
	count = (int) Min(tc_run_bound(&list_ranges, &arguments), MAX_RANGES);
	for (i = 0; i < count; i++)
	{
		ranges[i].from = tc_get_timestamptz(i, 1);
		ranges[i].to = tc_get_timestamptz(i, 2);
	}
	return count;
}

/* narrow the range around the instant to what is free; false: it is taken */
static bool
make_free(Range *range, TimestampTz instant, const Range *taken, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (taken[i].from <= instant && instant < taken[i].to)
			return false;
		if (taken[i].to <= instant && taken[i].to > range->from)
			range->from = taken[i].to;
		if (taken[i].from > instant && taken[i].from < range->to)
			range->to = taken[i].from;
	}
	return true;
}

static void
make_partition(const PartitionSet *set, const Range *range)
{
	char	   *name = psprintf("%s_p%s", set->parent, instant_label(range->from));
	const char *table = quote_qualified_identifier(TC_SCHEMA, name);
	const char *parent = quote_qualified_identifier(TC_SCHEMA, set->parent);
	const char *rest = quote_qualified_identifier(TC_SCHEMA, psprintf("%s_rest", set->parent));
	char	   *from = instant_literal(range->from);
	char	   *to = instant_literal(range->to);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS);",
					 table, parent);
	appendStringInfo(&text, "CREATE INDEX %s ON %s (run_id);",
					 quote_identifier(psprintf("%s_run_idx", name)), table);
	if (set->by_task)
		appendStringInfo(&text, "CREATE INDEX %s ON %s (task_id, run_id DESC);",
						 quote_identifier(psprintf("%s_task_idx", name)), table);
	if (set->by_policy)
		appendStringInfo(&text, "CREATE INDEX %s ON %s (task_id, %s);",
						 quote_identifier(psprintf("%s_policy_idx", name)), table, set->key);
	if (set->by_failure)
	{
		appendStringInfo(&text, "CREATE INDEX %s ON %s (finished_at DESC)"
						 " WHERE status = ANY (ARRAY['failed', 'timed_out']);",
						 quote_identifier(psprintf("%s_failed_idx", name)), table);
		appendStringInfo(&text, "CREATE INDEX %s ON %s (task_id, finished_at DESC)"
						 " WHERE status = ANY (ARRAY['failed', 'timed_out']);",
						 quote_identifier(psprintf("%s_failed_task_idx", name)), table);
		appendStringInfo(&text, "CREATE INDEX %s ON %s (parent_run_id, step)"
						 " WHERE parent_run_id IS NOT NULL;",
						 quote_identifier(psprintf("%s_parent_idx", name)), table);
	}
	if (set->by_event)
		appendStringInfo(&text, "CREATE INDEX %s ON %s (event_id) WHERE event_id IS NOT NULL;",
						 quote_identifier(psprintf("%s_event_idx", name)), table);
	appendStringInfo(&text, "ALTER TABLE %s REPLICA IDENTITY FULL;", table);
	appendStringInfo(&text, "ALTER TABLE %s ENABLE ROW LEVEL SECURITY;", table);
	appendStringInfo(&text, "CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON %s"
					 " FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();", table);
	appendStringInfo(&text, "ALTER TABLE %s ENABLE ALWAYS TRIGGER guard_truncate;", table);
	appendStringInfo(&text, "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE;", rest);
	appendStringInfo(&text, "WITH gone AS (DELETE FROM %s WHERE %s >= %s AND %s < %s RETURNING *)"
					 " INSERT INTO %s SELECT * FROM gone;",
					 rest, set->key, from, set->key, to, table);
	appendStringInfo(&text, "ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s);",
					 parent, table, from, to);
	tc_run_utility("make a partition", text.data);
}

/* from an instant on, until another and for some widths at least */
static int
cover(const PartitionSet *set, PartitionWidth width, TimestampTz from, TimestampTz until,
	  int least)
{
	Range	   *taken = palloc(sizeof(Range) * MAX_RANGES);
	int			count = read_ranges(set, taken);
	TimestampTz instant = from;
	int			periods = 0;
	int			made = 0;

	while (instant < until || periods < least)
	{
		Range		period = range_around(instant, width);
		Range		range = period;

		if (make_free(&range, instant, taken, count))
		{
			make_partition(set, &range);
			made++;
			instant = range.to;
		}
		else
		{
			int			i;

			for (i = 0; i < count; i++)
			{
				if (taken[i].from <= instant && instant < taken[i].to)
				{
					instant = taken[i].to;
					break;
				}
			}
		}
		if (instant >= period.to)
			periods++;
	}
	pfree(taken);
	return made;
}

int
tc_partition_ensure(int set, int64 retention, TimestampTz now, int days)
{
	return cover(&sets[set], width_for(retention), now, now + days * USECS_PER_DAY, 3);
}

int
tc_partition_cover(int set, int64 retention, TimestampTz from, TimestampTz until)
{
	return cover(&sets[set], width_for(retention), from, until, 0);
}

int
tc_partition_repair(int set, int64 retention, int most)
{
	Range	   *taken = palloc(sizeof(Range) * (MAX_RANGES + most));
	int			count = read_ranges(&sets[set], taken);
	int			made = 0;

	while (made < most)
	{
		TimestampTz oldest;
		Range		range;

		tc_run(sets[set].oldest, NULL, NULL);
		oldest = tc_get_timestamptz(0, 1);
		if (tc_is_null(0, 1))
			break;
		range = range_around(oldest, width_for(retention));
		if (!make_free(&range, oldest, taken, count))
			elog(ERROR, "default partition of \"%s\" holds rows of another partition",
				 sets[set].parent);
		make_partition(&sets[set], &range);
		taken[count++] = range;
		made++;
	}
	pfree(taken);
	return made;
}
