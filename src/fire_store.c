/*-------------------------------------------------------------------------
 *
 * fire_store.c
 *		The statements that turn due schedules into runs.
 *
 * Schedules are locked while they are evaluated, so the cursor that is
 * written is the successor of the one that was read, whoever else is there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "arguments.h"
#include "bindings.h"
#include "fire_store.h"
#include "run_columns.h"
#include "statement.h"

enum
{
	STATEMENT_FIND_DUE,
	STATEMENT_NEXT,
	STATEMENT_INSERT_RUNS,
	STATEMENT_GROW_SKIP,
	STATEMENT_INSERT_SKIP,
	STATEMENT_SET_CURSORS,
	STATEMENT_LOCK_STATE,
	STATEMENT_LOCK_REBOOT,
	STATEMENT_NOTE_REBOOT,
	STATEMENT_REBOOT,
	STATEMENT_CANCEL_WAITING,
	STATEMENT_LIST_RUNNING,
	STATEMENT_LOAD,
	STATEMENT_AFTER_END
};

static Statement statements[] = {
	[STATEMENT_FIND_DUE] = {
		.label = "find due schedules",
		.text =
		"SELECT s.schedule_id, s.task_id, s.owner_id, s.schedule, s.timezone,"
		"   coalesce(s.dst_gap, t.dst_gap), coalesce(s.dst_repeat, t.dst_repeat),"
		"   coalesce(s.misfire, t.misfire, 'run_once'), coalesce(t.overlap, 'skip'),"
		"   coalesce(t.state, 'archived'), s.next_run_at, s.last_run_at, s.starts_at,"
		"   s.ends_at, s.anchor_at, coalesce(s.misfire_grace, t.misfire_grace), s.jitter,"
		"   coalesce(s.max_catchup, t.max_catchup, 100), q.queue_id IS NOT NULL,"
		"   EXISTS (SELECT FROM taskcenter.live_runs AS r"
		"     WHERE r.task_id = s.task_id AND r.schedule_id IS NOT NULL)"
		" FROM taskcenter.schedules AS s"
		" LEFT JOIN taskcenter.tasks AS t ON t.task_id = s.task_id"
		" LEFT JOIN taskcenter.queues AS q ON q.queue = t.queue"
		" WHERE s.state = 'active' AND s.next_run_at IS NOT NULL"
		"   AND s.next_run_at >= $1 AND s.next_run_at <= $2"
		" ORDER BY s.next_run_at LIMIT $3 FOR NO KEY UPDATE OF s SKIP LOCKED",
		.nargs = 3,
		.types = {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID}
	},
	[STATEMENT_NEXT] = {
		.label = "find the next fire",
		.text =
		"SELECT s.next_run_at FROM taskcenter.schedules AS s"
		" WHERE s.state = 'active' AND s.next_run_at IS NOT NULL AND s.next_run_at >= $1"
		" ORDER BY s.next_run_at LIMIT 1",
		.nargs = 1,
		.types = {TIMESTAMPTZOID}
	},
	[STATEMENT_INSERT_RUNS] = {
		.label = "insert scheduled runs",
		.text =
		"WITH made AS ("
		" INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id,"
		"   gate, schedule_id, run_at, created_at, scheduled_for, catchup_from,"
		"   catchup_count, priority, max_attempts, is_catchup, status, params, created_by,"
		"   retention_class)"
		" SELECT nextval('taskcenter.run_ids'), t.task_id, t.run_as_id, t.owner_id,"
		"   q.queue_id,"
		"   CASE WHEN f.in_turn THEN -t.task_id - 1 WHEN t.gated THEN t.task_id ELSE 0 END,"
		"   f.schedule_id, f.run_at, $9, f.scheduled_for, f.catchup_from, f.catchup_count,"
		"   t.priority, t.max_attempts, f.is_catchup, 'queued', t.params, 'scheduler',"
		"   t.retention_class"
		" FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[],"
		"   $5::timestamptz[], $6::bigint[], $7::boolean[], $8::boolean[])"
		"   WITH ORDINALITY AS f (task_id, schedule_id, scheduled_for, run_at, catchup_from,"
		"     catchup_count, is_catchup, in_turn, ordinal)"
		" JOIN taskcenter.tasks AS t ON t.task_id = f.task_id"
		" JOIN taskcenter.queues AS q ON q.queue = t.queue"
		" RETURNING run_id, owner_id, task_id, retention_class)"
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, reason, actor, event_id)"
		" SELECT m.run_id, $9, m.owner_id, m.task_id, m.retention_class, 0, NULL, 'queued',"
		"   'schedule', 'scheduler', NULL FROM made AS m",
		.nargs = 9,
		.types = {INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID,
		TIMESTAMPTZARRAYOID, INT8ARRAYOID, BOOLARRAYOID, BOOLARRAYOID, TIMESTAMPTZOID}
	},
	[STATEMENT_GROW_SKIP] = {
		/*
		 * the schedule's latest skip, if it has the same reason and nothing
		 * ran since
		 */
		.label = "extend a recorded skip",
		.text =
		"UPDATE taskcenter.skipped_fires AS k SET skipped_to = $3,"
		"   instants = k.instants + $4, recorded_at = $6"
		" FROM (SELECT l.skip_id, l.reason, l.skipped_to FROM taskcenter.skipped_fires AS l"
		"   WHERE l.schedule_id = $1 ORDER BY l.skip_id DESC LIMIT 1) AS last"
		" WHERE k.skip_id = last.skip_id AND last.reason = $5 AND last.skipped_to < $2"
		"   AND ($7::timestamptz IS NULL OR $7 <= last.skipped_to)",
		.nargs = 7,
		.types = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, TEXTOID,
		TIMESTAMPTZOID, TIMESTAMPTZOID}
	},
	[STATEMENT_INSERT_SKIP] = {
		.label = "record a skip",
		.text =
		"INSERT INTO taskcenter.skipped_fires (schedule_id, task_id, owner_id,"
		"   skipped_from, skipped_to, instants, reason, recorded_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		.nargs = 8,
		.types = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID,
		TEXTOID, TIMESTAMPTZOID}
	},
	[STATEMENT_SET_CURSORS] = {
		.label = "advance schedules",
		.text =
		"UPDATE taskcenter.schedules AS s SET next_run_at = c.next_run_at,"
		"   last_run_at = coalesce(c.last_run_at, s.last_run_at), state = c.state,"
		"   state_reason = c.reason"
		" FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::text[],"
		"   $5::text[]) AS c (schedule_id, next_run_at, last_run_at, state, reason)"
		" WHERE s.schedule_id = c.schedule_id",
		.nargs = 5,
		.types = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID,
		TEXTARRAYOID}
	},
	[STATEMENT_LOCK_STATE] = {
		.label = "lock the state of the scheduler",
		.text =
		"SELECT s.only_row FROM taskcenter.scheduler_state AS s FOR NO KEY UPDATE SKIP LOCKED",
		.nargs = 0
	},
	[STATEMENT_LOCK_REBOOT] = {
		.label = "lock @reboot schedules",
		.text =
		"WITH free AS (SELECT s.schedule_id FROM taskcenter.schedules AS s"
		" WHERE s.state = 'active' AND lower(btrim(s.schedule)) = '@reboot'"
		" FOR NO KEY UPDATE SKIP LOCKED)"
		" SELECT count(*) = (SELECT count(*) FROM free) FROM taskcenter.schedules AS s"
		" WHERE s.state = 'active' AND lower(btrim(s.schedule)) = '@reboot'",
		.nargs = 0,
		.any_plan = true
	},
	[STATEMENT_NOTE_REBOOT] = {
		.label = "note a server start",
		.text =
		"UPDATE taskcenter.scheduler_state AS s SET rebooted_at = $1"
		" WHERE s.rebooted_at IS NULL OR s.rebooted_at < $1",
		.nargs = 1,
		.types = {TIMESTAMPTZOID}
	},
	[STATEMENT_REBOOT] = {
		.label = "make @reboot schedules due",
		.text =
		"UPDATE taskcenter.schedules AS s SET next_run_at = $1"
		" WHERE s.state = 'active' AND lower(btrim(s.schedule)) = '@reboot'",
		.nargs = 1,
		.types = {TIMESTAMPTZOID},
		.any_plan = true
	},
	[STATEMENT_CANCEL_WAITING] = {
		.label = "cancel scheduled runs that wait",
		.text =
		"WITH waiting AS ("
		" SELECT r.ctid AS place FROM taskcenter.live_runs AS r"
		" WHERE r.task_id = $1 AND r.schedule_id IS NOT NULL"
		"   AND r.status = ANY (ARRAY['waiting', 'queued', 'retrying'])"
		" FOR UPDATE SKIP LOCKED),"
		" gone AS ("
		" DELETE FROM taskcenter.live_runs AS r"
		" WHERE r.ctid = ANY (ARRAY(SELECT w.place FROM waiting AS w))"
		" RETURNING r.*, greatest($2, clock_timestamp()) AS moved_at),"
		" kept AS ("
		TC_FINISH_GONE
		"   g.started_at, g.moved_at, g.retention_class, g.lost, 'cancelled', NULL, 'overlap', g.error,"
		"   g.sqlstate, NULL, NULL, NULL FROM gone AS g)"
		TC_NOTE_GONE("g.moved_at")
		"   g.status, 'cancelled', 'overlap', 'scheduler' FROM gone AS g",
		.nargs = 2,
		.types = {INT8OID, TIMESTAMPTZOID}
	},
	[STATEMENT_LIST_RUNNING] = {
		.label = "list scheduled runs that execute",
		.text =
		"SELECT r.run_id, r.attempt FROM taskcenter.live_runs AS r"
		" WHERE r.task_id = $1 AND r.schedule_id IS NOT NULL AND r.status = 'running'",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_LOAD] = {
		.label = "load a schedule",
		.text =
		"SELECT s.schedule, s.timezone, s.anchor_at, s.starts_at, s.ends_at"
		" FROM taskcenter.schedules AS s WHERE s.schedule_id = $1 AND s.state = 'active'",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_AFTER_END] = {
		.label = "advance a fixed-delay schedule",
		.text =
		"UPDATE taskcenter.schedules AS s SET next_run_at = $2"
		" WHERE s.schedule_id = $1 AND s.state = 'active'",
		.nargs = 2,
		.types = {INT8OID, TIMESTAMPTZOID}
	}
};

static int64
usecs(Interval *value, int64 otherwise)
{
	int64		result;

	if (value == NULL || !tc_interval_usecs(value, &result))
		return otherwise;
	return result;
}

static void
read_due(uint64 row, DueSchedule *due)
{
	due->schedule_id = tc_get_int64(row, 1);
	due->task_id = tc_get_int64(row, 2);
	due->owner_id = tc_get_int64(row, 3);
	due->schedule = tc_get_text(row, 4);
	due->timezone = tc_get_text(row, 5);
	due->dst_gap = tc_get_text(row, 6);
	due->dst_repeat = tc_get_text(row, 7);
	due->misfire = tc_get_text(row, 8);
	due->overlap = tc_get_text(row, 9);
	due->task_state = tc_get_text(row, 10);
	due->next_run_at = tc_get_timestamptz(row, 11);
	due->last_run_at = tc_get_timestamptz(row, 12);
	due->starts_at = tc_get_timestamptz(row, 13);
	due->ends_at = tc_is_null(row, 14) ? DT_NOEND : tc_get_timestamptz(row, 14);
	due->anchor_at = tc_get_timestamptz(row, 15);
	due->misfire_grace = usecs(tc_get_interval(row, 16), USECS_PER_MINUTE);
	due->jitter = usecs(tc_get_interval(row, 17), 0);
	due->max_catchup = Max(tc_get_int32(row, 18), 1);
	due->has_queue = tc_get_bool(row, 19);
	due->busy = tc_get_bool(row, 20);
}

int
tc_fire_find_due(TimestampTz bound, TimestampTz now, int max, DueSchedule **due)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			count;
	int			i;

	tc_bind_datum(&bindings, TimestampTzGetDatum(bound), false);
	tc_bind_timestamptz(&bindings, now);
	tc_bind_int64(&bindings, max);
	tc_store_begin(&frame);
	inside = MemoryContextSwitchTo(outside);
	count = (int) tc_run_bound(&statements[STATEMENT_FIND_DUE], &bindings);
	*due = palloc(sizeof(DueSchedule) * Max(count, 1));
	for (i = 0; i < count; i++)
		read_due(i, &(*due)[i]);
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
	return count;
}

TimestampTz
tc_fire_next(TimestampTz bound)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	TimestampTz next = DT_NOEND;

	tc_bind_datum(&bindings, TimestampTzGetDatum(bound), false);
	tc_store_begin(&frame);
	if (tc_run_bound(&statements[STATEMENT_NEXT], &bindings) > 0)
		next = tc_get_timestamptz(0, 1);
	tc_store_end(&frame);
	return next;
}

/* One column of an unnest(): values of eight bytes, NULL where nulls says so. */
static Datum
column_of(Datum *values, bool *nulls, int count, Oid type)
{
	int			dims[1] = {count};
	int			lower[1] = {1};

	switch (type)
	{
		case BOOLOID:
			return PointerGetDatum(construct_md_array(values, nulls, 1, dims, lower, type, 1,
													  true, TYPALIGN_CHAR));
		case TEXTOID:
			return PointerGetDatum(construct_md_array(values, nulls, 1, dims, lower, type, -1,
													  false, TYPALIGN_INT));
		default:
			return PointerGetDatum(construct_md_array(values, nulls, 1, dims, lower, type, 8,
													  true, TYPALIGN_DOUBLE));
	}
}

int
tc_fire_insert_runs(const NewRun *runs, int count, TimestampTz now)
{
	static const Oid types[8] = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	TIMESTAMPTZOID, INT8OID, BOOLOID, BOOLOID};
	StoreFrame	frame;
	Bindings	bindings = {0};
	Datum	   *columns[8];
	bool	   *nulls[8];
	int			made;
	int			i;

	if (count == 0)
		return 0;
	for (i = 0; i < 8; i++)
	{
		columns[i] = palloc(sizeof(Datum) * count);
		nulls[i] = palloc0(sizeof(bool) * count);
	}
	for (i = 0; i < count; i++)
	{
		columns[0][i] = Int64GetDatum(runs[i].task_id);
		columns[1][i] = Int64GetDatum(runs[i].schedule_id);
		columns[2][i] = TimestampTzGetDatum(runs[i].scheduled_for);
		columns[3][i] = TimestampTzGetDatum(runs[i].run_at);
		columns[4][i] = TimestampTzGetDatum(runs[i].catchup_from);
		nulls[4][i] = TIMESTAMP_NOT_FINITE(runs[i].catchup_from);
		columns[5][i] = Int64GetDatum(runs[i].catchup_count);
		nulls[5][i] = runs[i].catchup_count == 0;
		columns[6][i] = BoolGetDatum(runs[i].is_catchup);
		columns[7][i] = BoolGetDatum(runs[i].in_turn);
	}
	for (i = 0; i < 8; i++)
		tc_bind_datum(&bindings, column_of(columns[i], nulls[i], count, types[i]), false);
	tc_bind_timestamptz(&bindings, now);

	tc_store_begin(&frame);
	made = (int) tc_run_bound(&statements[STATEMENT_INSERT_RUNS], &bindings);
	tc_store_end(&frame);
	return made;
}

void
tc_fire_record_skip(const NewSkip *skip, TimestampTz now)
{
	StoreFrame	frame;
	Bindings	grow = {0};
	Bindings	insert = {0};

	tc_bind_int64(&grow, skip->due->schedule_id);
	tc_bind_timestamptz(&grow, skip->from);
	tc_bind_timestamptz(&grow, skip->to);
	tc_bind_int64(&grow, skip->instants);
	tc_bind_text(&grow, skip->reason);
	tc_bind_timestamptz(&grow, now);
	tc_bind_timestamptz(&grow, skip->due->last_run_at);

	tc_bind_int64(&insert, skip->due->schedule_id);
	tc_bind_int64(&insert, skip->due->task_id);
	tc_bind_int64(&insert, skip->due->owner_id);
	tc_bind_timestamptz(&insert, skip->from);
	tc_bind_timestamptz(&insert, skip->to);
	tc_bind_int64(&insert, skip->instants);
	tc_bind_text(&insert, skip->reason);
	tc_bind_timestamptz(&insert, now);

	tc_store_begin(&frame);
	if (tc_run_bound(&statements[STATEMENT_GROW_SKIP], &grow) == 0)
		tc_run_bound(&statements[STATEMENT_INSERT_SKIP], &insert);
	tc_store_end(&frame);
}

void
tc_fire_set_cursors(const NewCursor *cursors, int count)
{
	static const Oid types[5] = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID};
	StoreFrame	frame;
	Bindings	bindings = {0};
	Datum	   *columns[5];
	bool	   *nulls[5];
	int			i;

	if (count == 0)
		return;
	for (i = 0; i < 5; i++)
	{
		columns[i] = palloc(sizeof(Datum) * count);
		nulls[i] = palloc0(sizeof(bool) * count);
	}
	for (i = 0; i < count; i++)
	{
		columns[0][i] = Int64GetDatum(cursors[i].schedule_id);
		columns[1][i] = TimestampTzGetDatum(cursors[i].next_run_at);
		nulls[1][i] = TIMESTAMP_NOT_FINITE(cursors[i].next_run_at);
		columns[2][i] = TimestampTzGetDatum(cursors[i].last_run_at);
		nulls[2][i] = TIMESTAMP_NOT_FINITE(cursors[i].last_run_at);
		columns[3][i] = CStringGetTextDatum(cursors[i].state);
		nulls[4][i] = cursors[i].reason == NULL;
		columns[4][i] = nulls[4][i] ? (Datum) 0 : CStringGetTextDatum(tc_redact_text(cursors[i].reason));
	}
	for (i = 0; i < 5; i++)
		tc_bind_datum(&bindings, column_of(columns[i], nulls[i], count, types[i]), false);
	tc_store_begin(&frame);
	tc_run_bound(&statements[STATEMENT_SET_CURSORS], &bindings);
	tc_store_end(&frame);
}

bool
tc_fire_reboot(TimestampTz started_at, TimestampTz now)
{
	StoreFrame	frame;
	Bindings	note = {0};
	Bindings	fire = {0};
	Bindings	nothing = {0};
	bool		free;

	tc_bind_timestamptz(&note, started_at);
	tc_bind_timestamptz(&fire, now);
	tc_store_begin(&frame);
	free = tc_run_bound(&statements[STATEMENT_LOCK_STATE], &nothing) > 0 &&
		tc_run_bound(&statements[STATEMENT_LOCK_REBOOT], &nothing) > 0 &&
		tc_get_bool(0, 1);
	if (free && tc_run_bound(&statements[STATEMENT_NOTE_REBOOT], &note) > 0)
		tc_run_bound(&statements[STATEMENT_REBOOT], &fire);
	tc_store_end(&frame);
	return free;
}

int
tc_fire_cancel_waiting(int64 task_id, TimestampTz now)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			count;

	tc_bind_int64(&bindings, task_id);
	tc_bind_timestamptz(&bindings, now);
	tc_store_begin(&frame);
	count = (int) tc_run_bound(&statements[STATEMENT_CANCEL_WAITING], &bindings);
	tc_store_end(&frame);
	return count;
}

int
tc_fire_list_running(int64 task_id, int64 **run_ids, int32 **attempts)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			count;
	int			i;

	tc_bind_int64(&bindings, task_id);
	tc_store_begin(&frame);
	inside = MemoryContextSwitchTo(outside);
	count = (int) tc_run_bound(&statements[STATEMENT_LIST_RUNNING], &bindings);
	*run_ids = palloc(sizeof(int64) * Max(count, 1));
	*attempts = palloc(sizeof(int32) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		(*run_ids)[i] = tc_get_int64(i, 1);
		(*attempts)[i] = tc_get_int32(i, 2);
	}
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
	return count;
}

DueSchedule *
tc_fire_load(int64 schedule_id)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Bindings	bindings = {0};
	DueSchedule *due = NULL;

	tc_bind_int64(&bindings, schedule_id);
	tc_store_begin(&frame);
	inside = MemoryContextSwitchTo(outside);
	if (tc_run_bound(&statements[STATEMENT_LOAD], &bindings) > 0)
	{
		due = palloc0(sizeof(DueSchedule));
		due->schedule_id = schedule_id;
		due->schedule = tc_get_text(0, 1);
		due->timezone = tc_get_text(0, 2);
		due->anchor_at = tc_get_timestamptz(0, 3);
		due->starts_at = tc_get_timestamptz(0, 4);
		due->ends_at = tc_is_null(0, 5) ? DT_NOEND : tc_get_timestamptz(0, 5);
	}
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
	return due;
}

void
tc_fire_after_end(int64 schedule_id, TimestampTz next_run_at)
{
	StoreFrame	frame;
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, schedule_id);
	tc_bind_timestamptz(&bindings, next_run_at);
	tc_store_begin(&frame);
	tc_run_bound(&statements[STATEMENT_AFTER_END], &bindings);
	tc_store_end(&frame);
}
