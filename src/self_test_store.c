/*-------------------------------------------------------------------------
 *
 * self_test_store.c
 *		What the self test does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "private_lock.h"
#include "self_test_store.h"
#include "statement.h"

static Statement make_queue = {
	.label = "make the queue of the self test",
	.text =
	"SELECT taskcenter.create_queue($1, NULL, 'of taskcenter.self_test()')"
	" WHERE NOT EXISTS (SELECT FROM taskcenter.queues AS q WHERE q.queue = $1)",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

static Statement resume_queue = {
	.label = "resume the queue of the self test",
	.text =
	"SELECT taskcenter.resume_queue(q.queue, 'self test') FROM taskcenter.queues AS q"
	" WHERE q.queue = $1 AND q.state = 'paused'",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

static Statement revive_task = {
	.label = "bring a task of the self test back",
	.text =
	"SELECT taskcenter.unarchive_task($1, 'self test')"
	" WHERE EXISTS (SELECT FROM taskcenter.tasks AS t"
	"     WHERE t.name = $1 AND t.state = 'archived')"
	"   AND NOT EXISTS (SELECT FROM taskcenter.tasks AS t"
	"     WHERE t.name = $1 AND t.state <> 'archived')",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

static Statement declare_task = {
	.label = "declare a task of the self test",
	.text =
	"SELECT taskcenter.declare_task(name => $1, command => $2, queue => $3,"
	"   max_attempts => $4, backoff => 'none', timeout => $5::interval,"
	"   kind => $6, description => 'Made by taskcenter.self_test(), which archives it at its end.',"
	"   options => '{\"retention\": \"1 day\", \"failed_retention\": \"1 day\"}')",
	.nargs = 6,
	.types = {TEXTOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID},
	.any_plan = true
};

static Statement enqueue = {
	.label = "enqueue a run of the self test",
	.text = "SELECT taskcenter.enqueue_task($1)",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

static Statement wait = {
	.label = "wait for a run of the self test",
	.text = "SELECT (taskcenter.wait_for_run($1, make_interval(secs => $2))).status",
	.nargs = 2,
	.types = {INT8OID, INT4OID},
	.any_plan = true
};

static Statement look = {
	.label = "look at a run of the self test",
	.text =
	"SELECT r.status, r.attempt, r.sqlstate, r.error,"
	"   coalesce((extract(epoch FROM r.started_at - r.run_at) * 1000)::text, '-1'),"
	"   coalesce((extract(epoch FROM r.finished_at - r.started_at) * 1000)::text, '-1')"
	" FROM taskcenter.task_runs AS r WHERE r.run_id = $1",
	.nargs = 1,
	.types = {INT8OID},
	.any_plan = true
};

static Statement cancel = {
	.label = "cancel a run of the self test",
	.text = "SELECT taskcenter.cancel_run($1, 'self test')",
	.nargs = 1,
	.types = {INT8OID},
	.any_plan = true
};

static Statement history = {
	.label = "read the history of a run of the self test",
	.text =
	"SELECT string_agg(h.new_status, ' ' ORDER BY h.changed_at, h.attempt)"
	" FROM taskcenter.task_run_history AS h WHERE h.run_id = $1",
	.nargs = 1,
	.types = {INT8OID},
	.any_plan = true
};

static Statement lines = {
	.label = "count the log lines of a run of the self test",
	.text =
	"SELECT count(*) FROM taskcenter.task_run_logs AS l WHERE l.run_id = $1",
	.nargs = 1,
	.types = {INT8OID},
	.any_plan = true
};

static Statement explain = {
	.label = "explain a run of the self test",
	.text =
	"SELECT concat_ws(': ', e.reason, e.detail) FROM taskcenter.explain_run($1) AS e LIMIT 1",
	.nargs = 1,
	.types = {INT8OID},
	.any_plan = true
};

static Statement schedule = {
	.label = "schedule a task of the self test",
	.text = "SELECT taskcenter.schedule_task($1, $2)",
	.nargs = 2,
	.types = {TEXTOID, TEXTOID},
	.any_plan = true
};

static Statement unschedule = {
	.label = "drop the schedule of the self test",
	.text = "SELECT taskcenter.drop_schedule($1, 'default', 'self test', true)",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

static Statement fired = {
	.label = "look for runs that the schedule of the self test made",
	.text =
	"SELECT count(*) FROM taskcenter.task_runs AS r JOIN taskcenter.tasks AS t USING (task_id)"
	" WHERE t.name = $1 AND t.state = 'active' AND r.scheduled_for IS NOT NULL"
	"   AND r.status = 'succeeded' AND r.finished_at > $2",
	.nargs = 2,
	.types = {TEXTOID, TIMESTAMPTZOID},
	.any_plan = true
};

static Statement dead_letter = {
	.label = "look for a dead letter of the self test",
	.text =
	"SELECT d.dead_letter_id, d.state, d.code FROM taskcenter.dead_letters AS d"
	" WHERE d.run_id = $1",
	.nargs = 1,
	.types = {INT8OID},
	.any_plan = true
};

static Statement resolve = {
	.label = "resolve a dead letter of the self test",
	.text = "SELECT taskcenter.resolve_dead_letter($1, 'self test')",
	.nargs = 1,
	.types = {INT8OID},
	.any_plan = true
};

static Statement register_worker = {
	.label = "register the worker of the self test",
	.text = "SELECT taskcenter.register_worker('self_test', ARRAY[$2], ARRAY[$1])",
	.nargs = 2,
	.types = {TEXTOID, TEXTOID},
	.any_plan = true
};

static Statement unregister_worker = {
	.label = "unregister the worker of the self test",
	.text = "SELECT taskcenter.unregister_worker($1)",
	.nargs = 1,
	.types = {INT8OID},
	.any_plan = true
};

/* if the process ends meanwhile nobody waits for long */
static Statement claim = {
	.label = "claim a run of the self test",
	.text =
	"SELECT c.run_id, c.token FROM taskcenter.claim_runs($1, 100, '5 seconds') AS c"
	" ORDER BY c.run_id DESC LIMIT 1",
	.nargs = 1,
	.types = {INT8OID},
	.any_plan = true
};

static Statement snooze = {
	.label = "put off a run of the self test",
	.text = "SELECT taskcenter.snooze_run($1, $2, '0')",
	.nargs = 2,
	.types = {INT8OID, INT8OID},
	.any_plan = true
};

static Statement complete = {
	.label = "complete a run of the self test",
	.text =
	"SELECT coalesce(c.status, c.problem) FROM taskcenter.complete_runs(jsonb_build_array("
	"   jsonb_build_object('run_id', $1, 'token', $2))) AS c",
	.nargs = 2,
	.types = {INT8OID, INT8OID},
	.any_plan = true
};

static Statement discard = {
	.label = "discard the dead letters of the self test",
	.text =
	"SELECT taskcenter.discard_dead_letter(d.dead_letter_id, 'self test')"
	" FROM taskcenter.dead_letters AS d JOIN taskcenter.queues AS q USING (queue_id)"
	" WHERE q.queue = $1 AND d.state = 'open'",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

static Statement archive = {
	.label = "archive a task of the self test",
	.text = "SELECT taskcenter.archive_task($1, 'self test', true)",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

static Statement unfinished = {
	.label = "look for unfinished runs of the self test",
	.text =
	"SELECT count(*) FROM taskcenter.task_runs AS r"
	" WHERE r.queue = $1 AND r.finished_at IS NULL",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

/* with one text, or one id, as parameter */
static uint64
run_with_text(Statement *statement, const char *value)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, value);
	return tc_run_bound(statement, &bindings);
}

static uint64
run_with_id(Statement *statement, int64 id)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, id);
	return tc_run_bound(statement, &bindings);
}

bool
tc_self_test_lock(void)
{
	return tc_private_lock_try_session(PRIVATE_LOCK_SELF_TEST, 0);
}

void
tc_self_test_open_queue(void)
{
	run_with_text(&make_queue, TC_SELF_TEST_QUEUE);
	run_with_text(&resume_queue, TC_SELF_TEST_QUEUE);
}

void
tc_self_test_open_task(const SelfTestTask *task)
{
	Bindings	bindings = {0};

	run_with_text(&revive_task, task->name);
	tc_bind_text(&bindings, task->name);
	tc_bind_text(&bindings, task->command);
	tc_bind_text(&bindings, TC_SELF_TEST_QUEUE);
	tc_bind_int32(&bindings, task->max_attempts);
	tc_bind_text(&bindings, task->timeout);
	tc_bind_text(&bindings, task->kind != NULL ? task->kind : "sql");
	tc_run_bound(&declare_task, &bindings);
}

int64
tc_self_test_enqueue(const char *task)
{
	run_with_text(&enqueue, task);
	return tc_get_int64(0, 1);
}

bool
tc_self_test_wait(int64 run_id, int seconds, SelfTestRun *run)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	tc_bind_int32(&bindings, seconds);
	tc_run_bound(&wait, &bindings);
	return tc_self_test_look(run_id, run);
}

bool
tc_self_test_look(int64 run_id, SelfTestRun *run)
{
	if (run_with_id(&look, run_id) == 0)
		return false;
	run->status = tc_get_text(0, 1);
	run->attempt = tc_get_int32(0, 2);
	run->sqlstate = tc_get_text(0, 3);
	run->error = tc_get_text(0, 4);
	run->delay_ms = atof(tc_get_text(0, 5));
	run->duration_ms = atof(tc_get_text(0, 6));
	return true;
}

char *
tc_self_test_cancel(int64 run_id)
{
	run_with_id(&cancel, run_id);
	return tc_get_text(0, 1);
}

char *
tc_self_test_history(int64 run_id)
{
	run_with_id(&history, run_id);
	return tc_get_text(0, 1);
}

int64
tc_self_test_lines(int64 run_id)
{
	run_with_id(&lines, run_id);
	return tc_get_int64(0, 1);
}

char *
tc_self_test_explain(int64 run_id)
{
	return run_with_id(&explain, run_id) == 0 ? NULL : tc_get_text(0, 1);
}

void
tc_self_test_schedule(const char *task, const char *text)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, task);
	tc_bind_text(&bindings, text);
	tc_run_bound(&schedule, &bindings);
}

void
tc_self_test_unschedule(const char *task)
{
	run_with_text(&unschedule, task);
}

int64
tc_self_test_fired(const char *task, TimestampTz since)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, task);
	tc_bind_timestamptz(&bindings, since);
	tc_run_bound(&fired, &bindings);
	return tc_get_int64(0, 1);
}

bool
tc_self_test_dead_letter(int64 run_id, int64 *id, char **state, char **code)
{
	if (run_with_id(&dead_letter, run_id) == 0)
		return false;
	*id = tc_get_int64(0, 1);
	*state = tc_get_text(0, 2);
	*code = tc_get_text(0, 3);
	return true;
}

void
tc_self_test_resolve(int64 dead_letter_id)
{
	run_with_id(&resolve, dead_letter_id);
}

static void
run_with_token(Statement *statement, int64 run_id, int64 token)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	tc_bind_int64(&bindings, token);
	tc_run_bound(statement, &bindings);
}

int64
tc_self_test_register(const char *task)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, task);
	tc_bind_text(&bindings, TC_SELF_TEST_QUEUE);
	tc_run_bound(&register_worker, &bindings);
	return tc_get_int64(0, 1);
}

void
tc_self_test_unregister(int64 worker_id)
{
	run_with_id(&unregister_worker, worker_id);
}

bool
tc_self_test_claim(int64 worker_id, int64 *run_id, int64 *token)
{
	if (run_with_id(&claim, worker_id) == 0)
		return false;
	*run_id = tc_get_int64(0, 1);
	*token = tc_get_int64(0, 2);
	return true;
}

void
tc_self_test_snooze(int64 run_id, int64 token)
{
	run_with_token(&snooze, run_id, token);
}

char *
tc_self_test_complete(int64 run_id, int64 token)
{
	run_with_token(&complete, run_id, token);
	return tc_get_text(0, 1);
}

int64
tc_self_test_discard(void)
{
	return (int64) run_with_text(&discard, TC_SELF_TEST_QUEUE);
}

void
tc_self_test_close_task(const char *task)
{
	run_with_text(&archive, task);
}

int64
tc_self_test_unfinished(void)
{
	run_with_text(&unfinished, TC_SELF_TEST_QUEUE);
	return tc_get_int64(0, 1);
}
