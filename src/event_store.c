/*-------------------------------------------------------------------------
 *
 * event_store.c
 *		Events: those that leave no other record, and the stream of all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"

#include "bindings.h"
#include "event_order.h"
#include "event_store.h"
#include "server_look.h"

static Statement note = {
	.label = "note an event",
	.text =
	"INSERT INTO taskcenter.noted_events (recorded_at, event_type, owner_id, task_id, run_id,"
	"   payload)"
	" VALUES ($1, $2, nullif($3, 0), nullif($4, 0), nullif($5, 0), coalesce($6, '{}'))",
	.nargs = 6,
	.types = {TIMESTAMPTZOID, TEXTOID, INT8OID, INT8OID, INT8OID, JSONBOID}
};

static Statement note_tick = {
	.label = "note a tick of the scheduler",
	.text =
	"INSERT INTO taskcenter.noted_events (recorded_at, event_type, payload)"
	" VALUES ($1, 'scheduler_tick', jsonb_build_object('scheduler', $2, 'state',"
	"   (SELECT s.state FROM taskcenter.scheduler_state AS s), 'schedules', $3, 'runs', $4,"
	"   'skips', $5))",
	.nargs = 5,
	.types = {TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, INT4OID}
};

static Statement note_dead_letter = {
	.label = "note what became of a dead letter",
	.text =
	"INSERT INTO taskcenter.noted_events (recorded_at, event_type, owner_id, task_id, run_id,"
	"   payload)"
	" SELECT $2, 'dead_letter_' || CASE d.state WHEN 'open' THEN 'opened' ELSE d.state END,"
	"   d.owner_id, d.task_id, d.run_id, jsonb_strip_nulls(jsonb_build_object("
	"     'dead_letter_id', d.dead_letter_id, 'code', d.code, 'sqlstate', d.sqlstate,"
	"     'error', left(d.error, 2000), 'attempts', d.attempts, 'redrives', d.redrives,"
	"     'redriven_by', CASE WHEN d.state = 'redriven' THEN d.redriven_by END,"
	"     'closed_by', d.closed_by, 'note', d.note))"
	" FROM taskcenter.dead_letters AS d WHERE d.dead_letter_id = $1",
	.nargs = 2,
	.types = {INT8OID, TIMESTAMPTZOID}
};

/* as with alerts: who sees a task sees that it fails, rules are for monitors */
static Statement note_alert = {
	.label = "note an alert",
	.text =
	"INSERT INTO taskcenter.noted_events (recorded_at, event_type, owner_id, task_id, payload)"
	" SELECT $2, 'alert_' || a.state, t.owner_id, t.task_id, jsonb_strip_nulls("
	"   jsonb_build_object('alert_id', a.alert_id, 'name', a.name, 'severity', a.severity,"
	"     'alert_rule_id', a.alert_rule_id, 'metric', a.metric, 'value', a.value,"
	"     'threshold', a.threshold, 'detail', a.detail, 'attention', a.attention,"
	"     'explanation', a.explanation))"
	" FROM taskcenter.alerts AS a"
	" LEFT JOIN taskcenter.tasks AS t ON t.task_id = a.task_id AND a.kind = 'failures'"
	" WHERE a.alert_id = $1",
	.nargs = 2,
	.types = {INT8OID, TIMESTAMPTZOID}
};

static Statement last_given = {
	.label = "read the last number of an event",
	.text =
	"SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM taskcenter.event_ids AS s"
};

/* what transactions that have not ended hold back */
static Statement held_back = {
	.label = "look at who writes events",
	.text =
	"SELECT min((l.classid::bigint << 32) | l.objid::bigint) FROM pg_locks AS l"
	" WHERE l.locktype = 'advisory' AND l.objsubid = $1 AND l.database = $2::oid",
	.nargs = 2,
	.types = {INT4OID, INT8OID},
	.any_plan = true
};

static Statement holders = {
	.label = "list who writes events",
	.text =
	"SELECT DISTINCT coalesce(l.pid, -1) FROM pg_locks AS l"
	" WHERE l.locktype = 'advisory' AND l.objsubid = $1 AND l.database = $2::oid",
	.nargs = 2,
	.types = {INT4OID, INT8OID},
	.any_plan = true
};

static Statement next_event = {
	.label = "find the next event",
	.text =
	"SELECT least("
	"   (SELECT min(h.event_id) FROM taskcenter.task_run_history AS h WHERE h.event_id > $1),"
	"   (SELECT min(a.event_id) FROM taskcenter.task_audit_logs AS a WHERE a.event_id > $1),"
	"   (SELECT min(s.event_id) FROM taskcenter.task_status_history AS s"
	"     WHERE s.event_id > $1),"
	"   (SELECT min(n.event_id) FROM taskcenter.noted_events AS n WHERE n.event_id > $1))",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement events_between = {
	.label = "read events",
	.text =
	"SELECT e.event_id, e.recorded_at, e.event_type, e.task_id, e.task, e.run_id, e.attempt,"
	"   e.status, e.actor, e.payload"
	" FROM taskcenter.events AS e"
	" WHERE e.event_id > $1 AND e.event_id <= $2 AND ($3 IS NULL OR e.event_type = ANY ($3))"
	" ORDER BY e.event_id LIMIT $4",
	.nargs = 4,
	.types = {INT8OID, INT8OID, TEXTARRAYOID, INT8OID}
};

void
tc_event_note(const NotedEvent *event)
{
	Bindings	arguments = {0};

	tc_bind_timestamptz(&arguments, event->recorded_at);
	tc_bind_text(&arguments, event->event_type);
	tc_bind_int64(&arguments, event->owner_id);
	tc_bind_int64(&arguments, event->task_id);
	tc_bind_int64(&arguments, event->run_id);
	tc_bind_redacted_jsonb(&arguments, event->payload);
	tc_run_bound(&note, &arguments);
}

static void
note_row(Statement *statement, int64 id, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, id);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(statement, &arguments);
}

void
tc_event_note_dead_letter(int64 dead_letter_id, TimestampTz now)
{
	note_row(&note_dead_letter, dead_letter_id, now);
}

void
tc_event_note_alert(int64 alert_id, TimestampTz now)
{
	note_row(&note_alert, alert_id, now);
}

void
tc_event_note_tick(int schedules, int runs, int skips, TimestampTz now)
{
	StoreFrame	frame;
	Bindings	arguments = {0};

	tc_bind_timestamptz(&arguments, now);
	tc_bind_int32(&arguments, MyProcPid);
	tc_bind_int32(&arguments, schedules);
	tc_bind_int32(&arguments, runs);
	tc_bind_int32(&arguments, skips);
	tc_store_begin(&frame);
	tc_run_bound(&note_tick, &arguments);
	tc_store_end(&frame);
}

static void
bind_locks(Bindings *arguments)
{
	tc_bind_int32(arguments, TC_EVENT_LOCK);
	tc_bind_int64(arguments, MyDatabaseId);
}

int64
tc_events_end(void)
{
	Bindings	arguments = {0};
	int64		last;

	/* the order of both looks matters: who locks later gets a later number */
	tc_run(&last_given, NULL, NULL);
	last = tc_get_int64(0, 1);
	bind_locks(&arguments);
	tc_run_bound(&held_back, &arguments);
	return tc_is_null(0, 1) ? last : Min(last, tc_get_int64(0, 1) - 1);
}

int64
tc_events_next(int64 after)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, after);
	tc_run_bound(&next_event, &arguments);
	return tc_is_null(0, 1) ? PG_INT64_MAX : tc_get_int64(0, 1);
}

int
tc_events_between(int64 after, int64 last, char *const *types, int type_count, int most)
{
	Bindings	arguments = {0};
	Datum	   *values = palloc(sizeof(Datum) * Max(type_count, 1));
	int			i;

	tc_bind_int64(&arguments, after);
	tc_bind_int64(&arguments, last);
	for (i = 0; i < type_count; i++)
		values[i] = CStringGetTextDatum(types[i]);
	if (types == NULL)
		tc_bind_null(&arguments);
	else
		tc_bind_datum(&arguments,
					  PointerGetDatum(construct_array(values, type_count, TEXTOID, -1, false,
													  TYPALIGN_INT)), false);
	tc_bind_int64(&arguments, most);
	return (int) tc_run_bound(&events_between, &arguments);
}

int
tc_events_holder(TimestampTz *since)
{
	Bindings	arguments = {0};
	int			oldest = 0;
	int			count;
	int			i;

	*since = DT_NOEND;
	bind_locks(&arguments);
	count = (int) tc_run_bound(&holders, &arguments);
	for (i = 0; i < count; i++)
	{
		int			pid = tc_get_int32(i, 1);
		TimestampTz begun = pid < 0 ? DT_NOBEGIN : tc_server_transaction_start(pid);

		if (begun != 0 && begun < *since)
		{
			oldest = pid;
			*since = begun;
		}
	}
	return oldest;
}
