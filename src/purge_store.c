/*-------------------------------------------------------------------------
 *
 * purge_store.c
 *		Which relations are purged, and the rows that go from them.
 *
 * Statements are composed of the fragments in the table of relations and the
 * quoted name of a partition; every value is a parameter.  Rows are found
 * first and then deleted by their place, under a lock that keeps a second
 * purge away, so that what is counted is what went.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "bindings.h"
#include "partition_store.h"
#include "purge_store.h"
#include "setting_keys.h"
#include "shared_metrics.h"
#include "shared_roots.h"
#include "taskcenter.h"
#include "usage_store.h"

const PurgeRelation tc_purge_relations[] = {
	{
		.name = "finished_runs",.time = "finished_at",
		.key = TC_SETTING_RUNS_RETENTION,.failed_key = TC_SETTING_FAILED_RUNS_RETENTION,
		.own = OWN_BY_OUTCOME,.usage = true,.partitioned = true
	},
	{
		.name = "task_run_history",.time = "changed_at",
		.key = TC_SETTING_RUN_HISTORY_RETENTION,.own = OWN_LONGER,.partitioned = true
	},
	{
		.name = "task_run_logs",.time = "logged_at",
		.key = TC_SETTING_RUN_LOGS_RETENTION,.own = OWN_LONGER,.partitioned = true
	},
	{
		.name = "task_audit_logs",.time = "recorded_at",.key = TC_SETTING_AUDIT_RETENTION,
		.walk = "audit_id",.spared = "r.object_type = 'purge'",
		/* of a schedule that is gone, its own audit still says the task */
		.task = "CASE r.object_type WHEN 'task' THEN r.object_id"
		" WHEN 'schedule' THEN coalesce("
		"   (SELECT s.task_id FROM taskcenter.schedules AS s WHERE s.schedule_id = r.object_id),"
		"   (SELECT (d.old_values ->> 'task_id')::bigint FROM taskcenter.task_audit_logs AS d"
		"     WHERE d.object_type = 'schedule' AND d.object_id = r.object_id"
		"       AND d.action = 'drop' ORDER BY d.audit_id DESC LIMIT 1)) END"
	},
	{
		.name = "task_status_history",.time = "timestamp",
		.key = TC_SETTING_STATUS_HISTORY_RETENTION,.walk = "id",.task = "r.task_id"
	},
	{
		.name = "noted_events",.time = "recorded_at",.key = TC_SETTING_EVENTS_RETENTION,
		.walk = "event_id",.task = "r.task_id"
	},
	{
		.name = "skipped_fires",.time = "skipped_to",.key = TC_SETTING_RUN_HISTORY_RETENTION,
		.walk = "skip_id",.scattered = true,.task = "r.task_id"
	},
	/* those that are open have no end: they are never out of policy */
	{
		.name = "dead_letters",.time = "closed_at",.key = TC_SETTING_DEAD_LETTERS_RETENTION,
		.walk = "dead_letter_id",.scattered = true,.task = "r.task_id"
	},
	/* what is still to be told stays until then */
	{
		.name = "alerts",.time = "raised_at",.key = TC_SETTING_ALERTS_RETENTION,
		.walk = "alert_id",.spared = "r.due_at IS NOT NULL",.task = "r.task_id"
	},
	{
		.name = "decisions",.time = "decided_at",
		.key = TC_SETTING_RUNS_RETENTION,.failed_key = TC_SETTING_FAILED_RUNS_RETENTION,
		.own = OWN_BY_OUTCOME,.walk = "run_id",.scattered = true,.run = "r.run_id"
	},
	/* of no run: nobody ever took them */
	{
		.name = "signals",.time = "sent_at",
		.key = TC_SETTING_RUNS_RETENTION,.failed_key = TC_SETTING_FAILED_RUNS_RETENTION,
		.own = OWN_BY_OUTCOME,.walk = "signal_id",.run = "r.consumed_by_run_id"
	},
	{
		.name = "counted_usage",.time = "counted_at",.key = TC_SETTING_USAGE_RETENTION,
		.own = OWN_NOT_EVEN_HELD
	},
	{
		.name = "kept_keys",.time = "expires_at",.own = OWN_NOT_EVEN_HELD
	}
};

const int	tc_purge_relation_count = lengthof(tc_purge_relations);

const char *const tc_purge_policy_labels[] = {"default", "failed", "own"};

static Statement own_policies = {
	.label = "read the retentions of tasks",
	.text =
	"SELECT t.task_id, t.name, t.hold_reason IS NOT NULL, t.retention, t.failed_retention"
	" FROM taskcenter.tasks AS t WHERE t.retention_class = 3 ORDER BY t.task_id",
	.any_plan = true
};

static Statement piece_as_jsonb = {
	.label = "describe a piece of a purge",
	.text =
	"SELECT jsonb_strip_nulls(jsonb_build_object('policy', $1, 'cutoff', $2, 'rows', $3,"
	"   'bytes', $4, 'partitions', $5, 'kept', $6, 'newest', $7, 'partition', $8))",
	.nargs = 8,
	.types = {TEXTOID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID,
	TEXTOID}
};

static const char *
leaf_table(const Leaf *leaf)
{
	return quote_qualified_identifier(TC_SCHEMA, leaf->name);
}

/* condition on a row r: did the run fail? */
static const char *
failure(const PurgeRelation *relation)
{
	return relation->own == OWN_BY_OUTCOME ?
		"(r.status = ANY (ARRAY['failed', 'timed_out']))" : "false";
}

/*
 * Further condition: what belongs to unfinished runs stays.  A graph that goes
 * on needs its finished steps: their outputs, and what undoes them.
 */
static const char *
of_unfinished(const PurgeRelation *relation)
{
	switch (relation->own)
	{
		case OWN_LONGER:
			return " AND NOT EXISTS (SELECT FROM taskcenter.live_runs AS l"
				" WHERE l.run_id = r.run_id)";
		case OWN_BY_OUTCOME:
			return " AND NOT EXISTS (SELECT FROM taskcenter.live_runs AS l"
				" WHERE l.run_id = r.parent_run_id)";
		default:
			return "";
	}
}

/* unlike tc_bind_timestamptz(), infinity is a value */
static void
bind_instant(Bindings *bindings, TimestampTz value)
{
	tc_bind_datum(bindings, TimestampTzGetDatum(value), false);
}

int
tc_purge_own_policies(OwnPolicy **policies)
{
	int			count = (int) tc_run(&own_policies, NULL, NULL);
	int			i;

	*policies = palloc(sizeof(OwnPolicy) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		(*policies)[i].task_id = tc_get_int64(i, 1);
		(*policies)[i].name = tc_get_text(i, 2);
		(*policies)[i].held = tc_get_bool(i, 3);
		(*policies)[i].retention = tc_get_text(i, 4);
		(*policies)[i].failed_retention = tc_get_text(i, 5);
	}
	return count;
}

/* ---- single rows of a partition ---- */

int
tc_purge_leaf_tasks(const Leaf *leaf, int64 **tasks)
{
	const char *table = leaf_table(leaf);
	Statement	list = {.label = "list the tasks of a partition",.transient = true};
	int			count;
	int			i;

	/* from one task to the next, however many rows each has */
	list.text = psprintf("WITH RECURSIVE t AS ("
						 "(SELECT r.task_id FROM %s AS r ORDER BY r.task_id LIMIT 1)"
						 " UNION ALL SELECT (SELECT r.task_id FROM %s AS r"
						 " WHERE r.task_id > t.task_id ORDER BY r.task_id LIMIT 1)"
						 " FROM t WHERE t.task_id IS NOT NULL)"
						 " SELECT t.task_id FROM t WHERE t.task_id IS NOT NULL", table, table);
	count = (int) tc_run(&list, NULL, NULL);
	*tasks = palloc(sizeof(int64) * Max(count, 1));
	for (i = 0; i < count; i++)
		(*tasks)[i] = tc_get_int64(i, 1);
	return count;
}

static char *
leaf_rows_text(const PurgeRelation *relation, const Leaf *leaf, bool take)
{
	const char *table = leaf_table(leaf);
	const char *failed = failure(relation);
	const char *time = psprintf("r.%s", quote_identifier(relation->time));
	const char *columns = psprintf("%s AS at, pg_column_size(r.*)::bigint AS size,"
								   " %s AS failed", time, failed);
	bool		usage = take && relation->usage && tc_usage_misses(leaf->until);
	StringInfoData found;

	initStringInfo(&found);
	appendStringInfo(&found, " FROM %s AS r WHERE r.task_id = $1"
					 " AND %s >= $4 AND %s < greatest($2, $3)"
					 " AND %s < CASE WHEN %s THEN $3 ELSE $2 END%s",
					 table, time, time, time, failed, of_unfinished(relation));
	if (!take)
		return psprintf("SELECT g.failed, count(*), sum(g.size)::bigint, max(g.at)"
						" FROM (SELECT %s%s LIMIT $5) AS g GROUP BY 1", columns, found.data);
	return psprintf("WITH found AS (SELECT r.ctid AS place%s ORDER BY %s LIMIT $5),"
					" gone AS (DELETE FROM %s AS r"
					" WHERE r.ctid = ANY (ARRAY(SELECT f.place FROM found AS f)) RETURNING %s%s)%s"
					" SELECT g.failed, count(*), sum(g.size)::bigint, max(g.at)"
					" FROM gone AS g GROUP BY 1",
					found.data, time, table, columns,
					usage ? ", " TC_USAGE_COLUMNS : "",
					usage ? psprintf(", used AS (%s)", tc_usage_insert("gone")) : "");
}

static int64
add_row(int row, TimestampTz cutoff, PurgeCount *count)
{
	int64		rows = tc_get_int64(row, 2);

	count->rows += rows;
	count->bytes += tc_get_int64(row, 3);
	count->newest = Max(count->newest, tc_get_timestamptz(row, 4));
	count->cutoff = Max(count->cutoff, cutoff);
	return rows;
}

void
tc_purge_scan_begin(LeafScan *scan, const PurgeRelation *relation, const Leaf *leaf, bool take)
{
	static const Statement rows = {.label = "find rows that are out of policy",.nargs = 5,
		.types = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID},
	.transient = true};

	scan->statement = rows;
	scan->statement.text = leaf_rows_text(relation, leaf, take);
}

int64
tc_purge_scan(LeafScan *scan, int64 task_id, const Cutoffs *cutoffs, int64 most,
			  TimestampTz *at, PurgeCount *passed, PurgeCount *failed)
{
	Bindings	arguments = {0};
	int64		total = 0;
	int			groups;
	int			i;

	tc_bind_int64(&arguments, task_id);
	bind_instant(&arguments, cutoffs->standard);
	bind_instant(&arguments, cutoffs->failed);
	bind_instant(&arguments, *at);
	tc_bind_int64(&arguments, most);
	groups = (int) tc_run_bound(&scan->statement, &arguments);
	for (i = 0; i < groups; i++)
	{
		*at = Max(*at, tc_get_timestamptz(i, 4));
		if (tc_get_bool(i, 1))
			total += add_row(i, cutoffs->failed, failed);
		else
			total += add_row(i, cutoffs->standard, passed);
	}
	return total;
}

/* tasks and their cutoffs, of those to which the choice applies */
typedef bool (*OwnChoice) (const Cutoffs *own, const Leaf *leaf);

static bool
may_stay(const Cutoffs *own, const Leaf *leaf)
{
	return Min(own->standard, own->failed) < leaf->until;
}

static bool
may_go(const Cutoffs *own, const Leaf *leaf)
{
	return Max(own->standard, own->failed) > leaf->from;
}

static void
bind_own(Bindings *arguments, const RelationCutoffs *cutoffs, const Leaf *leaf,
		 OwnChoice choice)
{
	Datum	   *columns[3];
	int			count = 0;
	int			i;

	for (i = 0; i < 3; i++)
		columns[i] = palloc(sizeof(Datum) * Max(cutoffs->count, 1));
	for (i = 0; i < cutoffs->count; i++)
	{
		const Cutoffs *own = &cutoffs->own[i];

		if (!choice(own, leaf))
			continue;
		columns[0][count] = Int64GetDatum(cutoffs->tasks[i]);
		columns[1][count] = TimestampTzGetDatum(own->standard);
		columns[2][count] = TimestampTzGetDatum(own->failed);
		count++;
	}
	for (i = 0; i < 3; i++)
		tc_bind_datum(arguments,
					  PointerGetDatum(construct_array(columns[i], count,
													  i == 0 ? INT8OID : TIMESTAMPTZOID, 8,
													  true, TYPALIGN_DOUBLE)), false);
}

void
tc_purge_count_own(const PurgeRelation *relation, const Leaf *leaf,
				   const RelationCutoffs *cutoffs, PurgeCount *count)
{
	Statement	look = {.label = "count rows that are out of their own policy",.nargs = 3,
		.types = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID},.any_plan = true,
	.transient = true};
	Bindings	arguments = {0};
	const char *cutoff;

	/* the ids ascend, so that a row finds its cutoff by halving */
	cutoff = psprintf("(CASE WHEN %s THEN $3 ELSE $2 END)[width_bucket(r.task_id, $1)]",
					  failure(relation));
	/* rows are measured where they are read: a join would make them anew */
	look.text = psprintf("SELECT false, count(*), coalesce(sum(r.size), 0)::bigint, max(r.at),"
						 "   max(r.cutoff)"
						 " FROM (SELECT r.*, r.%s AS at, pg_column_size(r.*)::bigint AS size,"
						 "     %s AS cutoff FROM %s AS r"
						 "   WHERE r.task_id = ANY ($1) AND r.%s < %s OFFSET 0) AS r"
						 " WHERE true%s",
						 quote_identifier(relation->time), cutoff, leaf_table(leaf),
						 quote_identifier(relation->time), cutoff, of_unfinished(relation));
	bind_own(&arguments, cutoffs, leaf, may_go);
	tc_run_bound(&look, &arguments);
	add_row(0, tc_get_timestamptz(0, 5), count);
}

/* ---- partitions as a whole ---- */

/* places of the rows that stay; $1 to $3: tasks and their cutoffs */
static char *
staying(const PurgeRelation *relation, const Leaf *leaf)
{
	const char *table = leaf_table(leaf);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "SELECT r.ctid AS place"
					 " FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[])"
					 "   AS o (task_id, cutoff, failed_cutoff)"
					 " JOIN %s AS r ON r.task_id = o.task_id"
					 " WHERE r.%s >= CASE WHEN %s THEN o.failed_cutoff ELSE o.cutoff END",
					 table, quote_identifier(relation->time), failure(relation));
	/* ids ascend: few unfinished runs are as old as the partition's */
	if (relation->own == OWN_LONGER)
		appendStringInfo(&text, " UNION SELECT r.ctid"
						 " FROM taskcenter.live_runs AS l JOIN %s AS r ON r.run_id = l.run_id"
						 " WHERE l.run_id >= (SELECT min(m.run_id) FROM %s AS m)"
						 "   AND l.run_id <= (SELECT max(m.run_id) FROM %s AS m)",
						 table, table, table);
	if (relation->own == OWN_BY_OUTCOME)
		appendStringInfo(&text, " UNION SELECT r.ctid"
						 " FROM taskcenter.live_runs AS l JOIN %s AS r ON r.parent_run_id = l.run_id"
						 " WHERE l.graph_version IS NOT NULL"
						 "   OR l.status = 'running' AND l.executor_id IS NULL", table);
	return text.data;
}

int64
tc_purge_count_staying(const PurgeRelation *relation, const Leaf *leaf,
					   const RelationCutoffs *cutoffs, int64 most)
{
	Statement	count = {.label = "count what stays of a partition",.nargs = 4,
		.types = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, INT8OID},
	.transient = true};
	Bindings	arguments = {0};

	/* what may look at all rows may be planned for that */
	count.any_plan = !leaf->by_task;
	count.text = psprintf("SELECT count(*) FROM (SELECT FROM (%s) AS s LIMIT $4) AS s",
						  staying(relation, leaf));
	bind_own(&arguments, cutoffs, leaf, may_stay);
	tc_bind_int64(&arguments, most);
	tc_run_bound(&count, &arguments);
	return tc_get_int64(0, 1);
}

/* all columns but the class */
static char *
columns_of(const PurgeRelation *relation)
{
	Statement	list = {.label = "list columns",.nargs = 1,.types = {TEXTOID},
	.transient = true};
	Bindings	arguments = {0};

	list.text = "SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)"
		" FROM pg_attribute AS a WHERE a.attrelid = format('taskcenter.%I', $1)::regclass"
		"   AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'retention_class'";
	tc_bind_text(&arguments, relation->name);
	tc_run_bound(&list, &arguments);
	return tc_get_text(0, 1);
}

int64
tc_purge_move_staying(const PurgeRelation *relation, const Leaf *leaf,
					  const RelationCutoffs *cutoffs, int64 most)
{
	Statement	move = {.label = "move what stays of a partition",.nargs = 4,
		.types = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, INT8OID},
	.transient = true};
	Bindings	arguments = {0};
	const char *columns = columns_of(relation);
	int64		count;

	move.text = psprintf("WITH stay AS (SELECT s.place FROM (%s) AS s LIMIT $4),"
						 " moved AS (DELETE FROM %s AS r WHERE r.ctid ="
						 "   ANY (ARRAY(SELECT s.place FROM stay AS s)) RETURNING r.*)"
						 " INSERT INTO taskcenter.%s (%s, retention_class)"
						 " SELECT %s, %d FROM moved",
						 staying(relation, leaf), leaf_table(leaf),
						 quote_identifier(relation->name), columns, columns, TC_CLASS_OWN);
	bind_own(&arguments, cutoffs, leaf, may_stay);
	tc_bind_int64(&arguments, most);
	/* they finished long ago */
	tc_metric_pause(true);
	tc_arrivals_mute();
	count = (int64) tc_run_bound(&move, &arguments);
	tc_arrivals_hear();
	tc_metric_pause(false);
	return count;
}

void
tc_purge_count_usage(const PurgeRelation *relation, const Leaf *leaf)
{
	if (relation->usage && tc_usage_misses(leaf->until))
		tc_usage_count_table(leaf_table(leaf));
}

/* ---- relations that are not partitioned ---- */

TimestampTz
tc_purge_latest(const RelationCutoffs *cutoffs)
{
	return Max(cutoffs->latest_own, Max(cutoffs->by_setting.standard, cutoffs->by_setting.failed));
}

/* condition on a row r that always stays, whatever its age; $2: held tasks */
static char *
spared_rows(const PurgeRelation *relation)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, relation->spared != NULL ? relation->spared : "false");
	if (relation->own != OWN_NOT_EVEN_HELD)
		appendStringInfo(&text, " OR cardinality($2) > 0 AND coalesce((%s) = ANY ($2), false)",
						 relation->task);
	else
		appendStringInfoString(&text, " OR cardinality($2) < 0");
	return text.data;
}

/*
 * Condition on a row r that goes; $1: the latest cutoff, $3: the one by the
 * setting.  A row is older than the end of its run: where it is not older
 * than all cutoffs nobody has to look for the run.
 */
static char *
going_rows(const PurgeRelation *relation)
{
	const char *time = psprintf("r.%s", quote_identifier(relation->time));

	if (relation->run == NULL)
		return psprintf("%s < $1 AND %s < $3 AND NOT (%s)", time, time, spared_rows(relation));
	return psprintf("%s < $1 AND cardinality($2) >= 0 AND CASE WHEN %s IS NULL THEN %s < $3"
					" ELSE NOT EXISTS (SELECT FROM taskcenter.live_runs AS l"
					"     WHERE l.run_id = %s)"
					"   AND NOT EXISTS (SELECT FROM taskcenter.finished_runs AS f"
					"     WHERE f.run_id = %s) END",
					time, relation->run, time, relation->run, relation->run);
}

static void
bind_held(Bindings *arguments, const RelationCutoffs *cutoffs)
{
	Datum	   *tasks = palloc(sizeof(Datum) * Max(cutoffs->count, 1));
	int			count = 0;
	int			i;

	for (i = 0; i < cutoffs->count; i++)
		if (cutoffs->own[i].standard == DT_NOBEGIN && cutoffs->own[i].failed == DT_NOBEGIN)
			tasks[count++] = Int64GetDatum(cutoffs->tasks[i]);
	tc_bind_datum(arguments, PointerGetDatum(construct_array(tasks, count, INT8OID, 8, true,
															 TYPALIGN_DOUBLE)), false);
}

static void
bind_limits(Bindings *arguments, const RelationCutoffs *cutoffs)
{
	bind_instant(arguments, tc_purge_latest(cutoffs));
	bind_held(arguments, cutoffs);
	bind_instant(arguments, cutoffs->by_setting.standard);
}

/* a walk by ids looks at every row on its way, the other way at the oldest only */
static char *
rows_text(const PurgeRelation *relation)
{
	const char *table = quote_qualified_identifier(TC_SCHEMA, relation->name);
	const char *time = psprintf("r.%s", quote_identifier(relation->time));
	const char *walk = relation->walk != NULL ?
	psprintf("r.%s", quote_identifier(relation->walk)) : "0::bigint";
	const char *way = relation->walk != NULL ?
	psprintf("%s > $4 ORDER BY %s FETCH FIRST $5 ROWS WITH TIES", walk, walk) :
	psprintf("%s < $1 AND $4 IS NOT NULL ORDER BY %s LIMIT $5", time, time);

	return psprintf("WITH found AS (SELECT r.ctid AS place, %s AS id, %s AS at,"
					" %s AS goes FROM %s AS r WHERE %s),"
					" gone AS (DELETE FROM %s AS r WHERE r.ctid = ANY (ARRAY("
					"     SELECT f.place FROM found AS f WHERE f.goes)) AND %s < $1"
					"   RETURNING %s AS at, pg_column_size(r.*)::bigint AS size)"
					" SELECT false, g.rows, coalesce(g.bytes, 0), g.newest, f.id, f.seen, f.old"
					" FROM (SELECT count(*) AS rows, sum(size)::bigint AS bytes,"
					"     max(at) AS newest FROM gone) AS g,"
					"   (SELECT max(id) AS id, count(*) AS seen,"
					"     count(*) FILTER (WHERE at < $1) AS old FROM found) AS f",
					walk, time, going_rows(relation), table, way,
					table, time, time);
}

bool
tc_purge_rows(const PurgeRelation *relation, const RelationCutoffs *cutoffs, int64 most,
			  int64 *place, PurgeCount *count)
{
	Statement	rows = {.label = "take rows that are out of policy",.nargs = 5,
		.types = {TIMESTAMPTZOID, INT8ARRAYOID, TIMESTAMPTZOID, INT8OID, INT8OID},
	.transient = true};
	Bindings	arguments = {0};
	int64		seen;
	int64		old;

	rows.text = rows_text(relation);
	bind_limits(&arguments, cutoffs);
	tc_bind_int64(&arguments, *place);
	tc_bind_int64(&arguments, most);
	tc_run_bound(&rows, &arguments);
	add_row(0, tc_purge_latest(cutoffs), count);
	*place = tc_get_int64(0, 5);
	seen = tc_get_int64(0, 6);
	old = tc_get_int64(0, 7);
	return seen >= most && (old > 0 || relation->scattered);
}

void
tc_purge_look_at_rows(const PurgeRelation *relation, const RelationCutoffs *cutoffs,
					  PurgeCount *count)
{
	const char *table = quote_qualified_identifier(TC_SCHEMA, relation->name);
	const char *time = psprintf("r.%s", quote_identifier(relation->time));
	Statement	look = {.label = "count rows that are out of policy",.nargs = 3,
	.types = {TIMESTAMPTZOID, INT8ARRAYOID, TIMESTAMPTZOID},.any_plan = true,.transient = true};
	Bindings	arguments = {0};

	look.text = psprintf("SELECT false, count(*), coalesce(sum(pg_column_size(r.*)), 0)::bigint,"
						 " max(%s) FROM %s AS r WHERE %s", time, table, going_rows(relation));
	bind_limits(&arguments, cutoffs);
	tc_run_bound(&look, &arguments);
	add_row(0, tc_purge_latest(cutoffs), count);
}

/* ---- the audit ---- */

Jsonb *
tc_purge_as_jsonb(PurgePolicy policy, const PurgeCount *count, const char *partition)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, tc_purge_policy_labels[policy]);
	tc_bind_timestamptz(&arguments, count->cutoff);
	tc_bind_int64(&arguments, count->rows);
	tc_bind_int64(&arguments, count->bytes);
	tc_bind_int64(&arguments, count->partitions);
	tc_bind_int64(&arguments, count->kept);
	tc_bind_timestamptz(&arguments, count->newest);
	tc_bind_text(&arguments, partition);
	tc_run_bound(&piece_as_jsonb, &arguments);
	return tc_get_jsonb(0, 1);
}
