/*-------------------------------------------------------------------------
 *
 * explain_store.c
 *		What surrounds one run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "explain_store.h"
#include "statement.h"

enum
{
	STATEMENT_LIVE,
	STATEMENT_FINISHED,
	STATEMENT_HOLDER
};

static Statement statements[] = {
	[STATEMENT_LIVE] = {
		.label = "look at the circumstances of an unfinished run",
		.text =
		"SELECT r.status, r.attempt, r.max_attempts, r.lost, r.run_at, r.started_at,"
		"   NULL::timestamptz, r.error, r.sqlstate, r.reason, r.run_as_id,"
		"   t.state, t.state_reason, t.max_running,"
		"   (SELECT count(*) FROM taskcenter.live_runs AS o"
		"     WHERE o.status = 'running' AND o.task_id = r.task_id),"
		"   q.queue, q.state, q.state_reason, q.max_running,"
		"   (SELECT count(*) FROM taskcenter.live_runs AS o"
		"     WHERE o.status = 'running' AND o.queue_id = r.queue_id),"
		"   (SELECT count(*) FROM (SELECT FROM taskcenter.live_runs AS o"
		"     WHERE o.run_as_id = r.run_as_id AND o.status = ANY (ARRAY['queued', 'retrying'])"
		"       AND o.run_at <= $2"
		"       AND (o.priority, o.run_at, o.run_id) < (r.priority, r.run_at, r.run_id)"
		"     LIMIT 10000) AS a),"
		"   h.actor, h.reason, h.changed_at, p.phase, coalesce(p.paused, false),"
		"   coalesce(p.items, length(p.state)), p.items_succeeded + p.items_failed"
		"     + length(p.state) - length(translate(p.state, 'sfk', '')), r.definition_id,"
		"   r.step_state ->> 'signal', r.step_state ->> 'key',"
		"   (SELECT count(*) FROM taskcenter.decisions AS d"
		"     WHERE d.run_id = r.run_id AND d.decision = 'approve'),"
		"   CASE WHEN t.kind = ANY (ARRAY['sql', 'external']) THEN t.rate_limit END,"
		"   r.queue_id, r.task_id, t.owner_id || ' ' || coalesce(r.group_key, t.group_key),"
		"   t.requires_flag, coalesce(CASE WHEN r.run_as_id = 0 THEN r.group_key END,"
		"     t.group_key, t.owner),"
		"   r.xmax::text, t.xmax::text, q.xmax::text"
		" FROM taskcenter.live_runs AS r"
		" LEFT JOIN taskcenter.graph_progress AS p ON p.run_id = r.run_id"
		" LEFT JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" LEFT JOIN taskcenter.queues AS q ON q.queue_id = r.queue_id"
		" LEFT JOIN LATERAL (SELECT * FROM taskcenter.task_run_history AS h"
		"   WHERE h.run_id = r.run_id ORDER BY h.changed_at DESC LIMIT 1) AS h ON true"
		" WHERE r.run_id = $1",
		.nargs = 2,
		.types = {INT8OID, TIMESTAMPTZOID}
	},
	[STATEMENT_FINISHED] = {
		.label = "look at the circumstances of a finished run",
		.text =
		"SELECT r.status, r.attempt, r.max_attempts, r.lost, r.run_at, r.started_at,"
		"   r.finished_at, r.error, r.sqlstate, r.reason, r.run_as_id,"
		"   t.state, t.state_reason, t.max_running, 0::bigint,"
		"   q.queue, q.state, q.state_reason, q.max_running, 0::bigint, 0::bigint,"
		"   h.actor, h.reason, h.changed_at"
		" FROM taskcenter.finished_runs AS r"
		" LEFT JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" LEFT JOIN taskcenter.queues AS q ON q.queue_id = r.queue_id"
		" LEFT JOIN LATERAL (SELECT * FROM taskcenter.task_run_history AS h"
		"   WHERE h.run_id = r.run_id AND h.new_status = r.status"
		"   ORDER BY h.changed_at DESC LIMIT 1) AS h ON true"
		" WHERE r.run_id = $1 AND $2 IS NOT NULL",
		.nargs = 2,
		.types = {INT8OID, TIMESTAMPTZOID}
	},
	[STATEMENT_HOLDER] = {
		.label = "look who holds a row",
		.text =
		"SELECT l.pid FROM pg_locks AS l WHERE l.locktype = 'transactionid' AND l.granted"
		"   AND l.mode = 'ExclusiveLock' AND l.transactionid::text = $1 AND l.pid IS NOT NULL",
		.nargs = 1,
		.types = {TEXTOID}
	}
};

static int32
limit_or_none(int column)
{
	return tc_is_null(0, column) ? -1 : tc_get_int32(0, column);
}

bool
tc_run_circumstances(int64 run_id, bool finished, TimestampTz now, RunCircumstances *run)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	tc_bind_timestamptz(&bindings, now);
	if (tc_run_bound(&statements[finished ? STATEMENT_FINISHED : STATEMENT_LIVE],
					 &bindings) == 0)
		return false;
	run->finished = finished;
	run->status = tc_get_text(0, 1);
	run->attempt = tc_get_int32(0, 2);
	run->max_attempts = tc_get_int32(0, 3);
	run->lost = tc_get_int32(0, 4);
	run->run_at = tc_get_timestamptz(0, 5);
	run->started_at = tc_get_timestamptz(0, 6);
	run->finished_at = tc_get_timestamptz(0, 7);
	run->error = tc_get_text(0, 8);
	run->sqlstate = tc_get_text(0, 9);
	run->reason = tc_get_text(0, 10);
	run->run_as_id = (Oid) tc_get_int64(0, 11);
	run->task_state = tc_get_text(0, 12);
	run->task_reason = tc_get_text(0, 13);
	run->task_limit = limit_or_none(14);
	run->task_running = tc_get_int64(0, 15);
	run->queue = tc_get_text(0, 16);
	run->queue_state = tc_get_text(0, 17);
	run->queue_reason = tc_get_text(0, 18);
	run->queue_limit = limit_or_none(19);
	run->queue_running = tc_get_int64(0, 20);
	run->ahead = tc_get_int64(0, 21);
	run->changed_by = tc_get_text(0, 22);
	run->change_reason = tc_get_text(0, 23);
	run->changed_at = tc_get_timestamptz(0, 24);
	if (finished)
		return true;
	run->phase = tc_get_text(0, 25);
	run->paused = tc_get_bool(0, 26);
	run->steps = tc_get_int32(0, 27);
	run->steps_done = tc_get_int32(0, 28);
	run->definition_id = tc_get_int64(0, 29);
	run->signal = tc_get_text(0, 30);
	run->signal_key = tc_get_text(0, 31);
	run->approved = (int32) tc_get_int64(0, 32);
	run->rate_limit = tc_get_text(0, 33);
	run->queue_id = tc_get_int64(0, 34);
	run->task_id = tc_get_int64(0, 35);
	run->rate_key = tc_get_text(0, 36);
	run->requires_flag = tc_get_text(0, 37);
	run->flag_subject = tc_get_text(0, 38);
	run->held_by = tc_get_text(0, 39);
	run->task_held_by = tc_get_text(0, 40);
	run->queue_held_by = tc_get_text(0, 41);
	return true;
}

int
tc_row_holder(const char *held_by)
{
	Bindings	bindings = {0};

	if (held_by == NULL || strcmp(held_by, "0") == 0)
		return 0;
	tc_bind_text(&bindings, held_by);
	return tc_run_bound(&statements[STATEMENT_HOLDER], &bindings) == 0 ? 0 : tc_get_int32(0, 1);
}
