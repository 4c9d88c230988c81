/*
 * Functions that define and steer tasks and schedules.  All of them are
 * SECURITY INVOKER: the caller's rights to the task decide, and only our own
 * pinned statements run as the owner of our relations.
 *
 * NULL means "not given": the default where something is made, "leave it"
 * where something is altered.
 */
GRANT USAGE ON SCHEMA taskcenter TO PUBLIC;

SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.explanation AS (
    explained_at    timestamptz,
    reason          text,
    detail          text
);
COMMENT ON TYPE taskcenter.explanation IS
'Why something is not running or did not run: since when, the reason, and what is known besides';

CREATE TYPE taskcenter.planned_fire AS (
    task            text,
    schedule        text,
    fires_at        timestamptz
);
COMMENT ON TYPE taskcenter.planned_fire IS
'An instant at which a schedule of a task will fire';

RESET ROLE;

/* ---- defining tasks ---- */

CREATE FUNCTION taskcenter.create_task(name text, command text = NULL, schedule text = NULL,
    timezone text = NULL, kind text = 'sql', params jsonb = '{}', queue text = 'default',
    priority int = 0, max_attempts int = 1, backoff text = 'exponential',
    backoff_base interval = '1 second', backoff_cap interval = '1 hour',
    timeout interval = NULL, overlap text = 'skip', misfire text = 'run_once',
    transaction_mode text = 'auto', on_crash text = 'retry', run_as text = NULL,
    description text = NULL, tags text[] = '{}', application text = NULL,
    options jsonb = '{}') RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_create_task';
COMMENT ON FUNCTION taskcenter.create_task(text, text, text, text, text, jsonb, text, int, int,
    text, interval, interval, interval, text, text, text, text, text, text, text[], text,
    jsonb) IS
'Make a task and return its id. kind: sql (command is executed), external (workers claim its runs; no command, no run_as), composite (the steps of a graph are: option graph, or save_graph() later; how each is executed is said by the step, so there is no command, max_attempts, backoff, transaction_mode and the like), or manual (people move it from status to status by its workflow, by set_task_status(); nothing of it is executed). The current role owns it; run_as (default: the owner) executes it, must be a role that the caller could SET ROLE to, and must be able to log in. schedule, if given, becomes the schedule named "default", in timezone (default: the setting default_timezone). Lower priority runs first. Delays between attempts go from backoff_base to backoff_cap as backoff says: none, fixed, linear, exponential. overlap (skip, queue, allow, cancel_running) and misfire (run_once, skip, run_all) concern what schedules make. transaction_mode: auto, atomic, batched, autonomous; on_crash: retry, fail. Options: batch, isolation, synchronous_commit, settings, capture_output, log_level, max_running, max_lost, stuck_after, misfire_grace, max_catchup, dst_gap, dst_repeat, retention, failed_retention, events, paused, retry_rules, graph (of kind composite: see save_graph()), workflow (of kind manual; default editorial), of kinds sql and external rate_limit (how many runs may begin in how long, such as "100 per minute", and in a day or a month of the calendar, such as "1000 daily" or "5/second, 1000 daily, 20000 monthly", for each queue: of the task, or of all of the owner''s with the same group_key), and group_key (the tenant of its runs; external runs take turns by it; default the owner). Params may hold {"$secret": "name"}: a run gets the secret when it starts, from the function of the setting secret_function. Raises 22004 and 22023 for arguments, 42601 for a command that does not parse, 42710 if the name is taken, 42704 for an unknown queue, role or workflow, 42501 for a role out of reach, 55000 for one that cannot execute, 0A000 for kinds that are not there yet, and what save_graph() raises';

CREATE FUNCTION taskcenter.declare_task(name text, command text = NULL, schedule text = NULL,
    timezone text = NULL, kind text = 'sql', params jsonb = '{}', queue text = 'default',
    priority int = 0, max_attempts int = 1, backoff text = 'exponential',
    backoff_base interval = '1 second', backoff_cap interval = '1 hour',
    timeout interval = NULL, overlap text = 'skip', misfire text = 'run_once',
    transaction_mode text = 'auto', on_crash text = 'retry', run_as text = NULL,
    description text = NULL, tags text[] = '{}', application text = NULL,
    options jsonb = '{}') RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_declare_task';
COMMENT ON FUNCTION taskcenter.declare_task(text, text, text, text, text, jsonb, text, int, int,
    text, interval, interval, interval, text, text, text, text, text, text, text[], text,
    jsonb) IS
'Let a task be as described, whether it exists or not: for migrations that run twice. The arguments are those of create_task(). Returns created, changed or unchanged; unchanged writes nothing, and a schedule with the same instants keeps its cursor. Other schedules than "default", the state and the owner are left alone. Raises what create_task() and alter_task() raise, but an instant that has passed makes a completed schedule';

CREATE FUNCTION taskcenter.alter_task(task text, command text = NULL, schedule text = NULL,
    timezone text = NULL, params jsonb = NULL, queue text = NULL, priority int = NULL,
    max_attempts int = NULL, backoff text = NULL, backoff_base interval = NULL,
    backoff_cap interval = NULL, timeout interval = NULL, overlap text = NULL,
    misfire text = NULL, transaction_mode text = NULL, on_crash text = NULL,
    run_as text = NULL, description text = NULL, tags text[] = NULL,
    application text = NULL, reset text[] = '{}', reason text = NULL,
    options jsonb = '{}') RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_alter_task';
COMMENT ON FUNCTION taskcenter.alter_task(text, text, text, text, jsonb, text, int, int, text,
    interval, interval, interval, text, text, text, text, text, text, text[], text, text[],
    text, jsonb) IS
'Change what is given of a task and leave the rest; returns its id. reset puts the named properties back to their defaults first. schedule and timezone concern the schedule named "default". Runs that are not running yet follow the new definition. A quarantined task becomes active. Options as for create_task(), but for paused. Raises what create_task() raises, 42704 for an unknown task, 42501 unless the caller has the owner''s privileges, 55000 for a new run_as while it runs';

CREATE FUNCTION taskcenter.rename_task(task text, new_name text, reason text = NULL)
RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_rename_task';
COMMENT ON FUNCTION taskcenter.rename_task(text, text, text) IS
'Give a task another name; returns its id. Raises 42710 if the name is taken';

CREATE FUNCTION taskcenter.alter_task_owner(task text, owner text, reason text = NULL)
RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_alter_task_owner';
COMMENT ON FUNCTION taskcenter.alter_task_owner(text, text, text) IS
'Give a task, with its schedules and unfinished runs, to another role that the caller could SET ROLE to; returns its id. A task that runs as its owner then runs as the new one. Raises 55000 while it runs';

/* ---- steering tasks ---- */

CREATE FUNCTION taskcenter.pause_task(task text, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_pause_task';
COMMENT ON FUNCTION taskcenter.pause_task(text, text) IS
'Stop the schedules of a task; runs that are enqueued go on being executed. Returns the state, paused. Raises 55000 if the task is disabled or quarantined';

CREATE FUNCTION taskcenter.resume_task(task text, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_resume_task';
COMMENT ON FUNCTION taskcenter.resume_task(text, text) IS
'Let a paused or quarantined task go on. Instants that passed meanwhile do not fire; skipped_fires records them. Returns the state, active. Raises 55000 if the task is disabled';

CREATE FUNCTION taskcenter.disable_task(task text, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_disable_task';
COMMENT ON FUNCTION taskcenter.disable_task(text, text) IS
'Let nothing of a task start: its schedules stop, enqueue_task() is refused, queued runs are held. What runs goes on. Returns the state, disabled';

CREATE FUNCTION taskcenter.enable_task(task text, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_enable_task';
COMMENT ON FUNCTION taskcenter.enable_task(text, text) IS
'Let a disabled or quarantined task go on. Instants that passed meanwhile do not fire; skipped_fires records them. Returns the state, active. Raises 55000 if the task is paused';

CREATE FUNCTION taskcenter.archive_task(task text, reason text = NULL,
    if_exists boolean = false) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_archive_task';
COMMENT ON FUNCTION taskcenter.archive_task(text, text, boolean) IS
'End a task: no new runs, unfinished ones are cancelled, its name is free. Its history stays until retention takes it. Returns the state, archived; null if there is no such task and if_exists is true';

CREATE FUNCTION taskcenter.unarchive_task(task text, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_unarchive_task';
COMMENT ON FUNCTION taskcenter.unarchive_task(text, text) IS
'Bring the task of that name back that was archived last. Returns the state, active. Raises 42710 if another task has the name by now';

CREATE FUNCTION taskcenter.explain_task(task text) RETURNS SETOF taskcenter.explanation
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 5
AS 'MODULE_PATHNAME', 'taskcenter_explain_task';
COMMENT ON FUNCTION taskcenter.explain_task(text) IS
'Why a task is not running: a row for each thing that holds it, what is there to run, what was skipped last, and how the last run ended';

/* ---- schedules ---- */

CREATE FUNCTION taskcenter.schedule_task(task text, schedule text, name text = 'default',
    timezone text = NULL, starts_at timestamptz = NULL, ends_at timestamptz = NULL,
    jitter interval = NULL, misfire text = NULL, options jsonb = '{}') RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_schedule_task';
COMMENT ON FUNCTION taskcenter.schedule_task(text, text, text, text, timestamptz, timestamptz,
    interval, text, jsonb) IS
'Give a task a schedule of that name, or make the one it has anew; returns the schedule''s id. The same again changes nothing, and the same instants keep the cursor. schedule: five or six cron fields, @hourly and the like, @reboot, "every 15 minutes", "after 15 minutes", "at 2030-12-01 03:00", or RRULE:...; timezone NULL: the setting default_timezone; starts_at is also the anchor of intervals; jitter (up to a day) delays each run by chance; misfire NULL: that of the task. Options: misfire_grace, max_catchup, dst_gap, dst_repeat, paused. Raises 22023 with the position for a text that is no schedule, and for one that never fires again';

CREATE FUNCTION taskcenter.pause_schedule(task text, name text = 'default', reason text = NULL)
RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_pause_schedule';
COMMENT ON FUNCTION taskcenter.pause_schedule(text, text, text) IS
'Stop one schedule of a task. Returns the state, paused. Raises 55000 if it is completed or quarantined';

CREATE FUNCTION taskcenter.resume_schedule(task text, name text = 'default', reason text = NULL)
RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_resume_schedule';
COMMENT ON FUNCTION taskcenter.resume_schedule(text, text, text) IS
'Let a paused or quarantined schedule fire again. Instants that passed meanwhile do not fire; skipped_fires records them. Returns the state: active, or completed if none is left';

CREATE FUNCTION taskcenter.drop_schedule(task text, name text = 'default', reason text = NULL,
    if_exists boolean = false) RETURNS boolean
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_drop_schedule';
COMMENT ON FUNCTION taskcenter.drop_schedule(text, text, text, boolean) IS
'Remove one schedule of a task; its runs stay. Returns whether there was one';

CREATE FUNCTION taskcenter.preview_schedule(schedule text, timezone text = NULL, count int = 5,
    after timestamptz = now()) RETURNS SETOF timestamptz
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 5
AS 'MODULE_PATHNAME', 'taskcenter_preview_schedule';
COMMENT ON FUNCTION taskcenter.preview_schedule(text, text, int, timestamptz) IS
'The next instants of a schedule after a time, up to 1000; intervals are anchored there. Nothing is stored';

CREATE FUNCTION taskcenter.preview_fires(starting timestamptz = now(),
    ending timestamptz = now() + '1 day'::interval, task text = NULL)
RETURNS SETOF taskcenter.planned_fire
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'taskcenter_preview_fires';
COMMENT ON FUNCTION taskcenter.preview_fires(timestamptz, timestamptz, text) IS
'When the active schedules of the tasks that the caller may see will fire within a window, in order of time; at most 10000 rows';

GRANT EXECUTE ON FUNCTION
    taskcenter.create_task(text, text, text, text, text, jsonb, text, int, int, text, interval,
        interval, interval, text, text, text, text, text, text, text[], text, jsonb),
    taskcenter.declare_task(text, text, text, text, text, jsonb, text, int, int, text, interval,
        interval, interval, text, text, text, text, text, text, text[], text, jsonb),
    taskcenter.alter_task(text, text, text, text, jsonb, text, int, int, text, interval,
        interval, interval, text, text, text, text, text, text, text[], text, text[], text,
        jsonb),
    taskcenter.rename_task(text, text, text),
    taskcenter.alter_task_owner(text, text, text),
    taskcenter.pause_task(text, text),
    taskcenter.resume_task(text, text),
    taskcenter.disable_task(text, text),
    taskcenter.enable_task(text, text),
    taskcenter.archive_task(text, text, boolean),
    taskcenter.unarchive_task(text, text),
    taskcenter.explain_task(text),
    taskcenter.schedule_task(text, text, text, text, timestamptz, timestamptz, interval, text,
        jsonb),
    taskcenter.pause_schedule(text, text, text),
    taskcenter.resume_schedule(text, text, text),
    taskcenter.drop_schedule(text, text, text, boolean),
    taskcenter.preview_schedule(text, text, int, timestamptz),
    taskcenter.preview_fires(timestamptz, timestamptz, text)
TO PUBLIC;
