/*
 * Functions that steer the scheduler, queues and settings of the database, and
 * the views over them.  Who may not is refused by the functions themselves.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.setting_info AS (
    key             text,
    value           text,
    default_value   text,
    description     text,
    updated_at      timestamptz,
    updated_by      text
);
COMMENT ON TYPE taskcenter.setting_info IS
'A setting of the database: its value now, its default, and who set it when';

CREATE TYPE taskcenter.database_info AS (
    database        text,
    phase           text,
    has_scheduler   boolean,
    scheduler_pid   int,
    executors       int,
    last_cycle_at   timestamptz,
    reason          text
);
COMMENT ON TYPE taskcenter.database_info IS
'What taskcenter does in a database of the server; phase is unknown, starting, running, absent (no extension there), backoff, or not preloaded';

CREATE TYPE taskcenter.process_info AS (
    process         text,
    pid             int,
    database        text,
    state           text,
    state_since     timestamptz
);
COMMENT ON TYPE taskcenter.process_info IS
'The launcher, or the scheduler of a database';

RESET ROLE;

/* ---- the scheduler ---- */

CREATE FUNCTION taskcenter.pause_scheduler(reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_pause_scheduler';
COMMENT ON FUNCTION taskcenter.pause_scheduler(text) IS
'From commit on no run is started in this database but of the queue control; what runs goes on. Returns the state, paused. For superusers and the owner of the database, as all functions here: 42501 for others';

CREATE FUNCTION taskcenter.resume_scheduler(reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_resume_scheduler';
COMMENT ON FUNCTION taskcenter.resume_scheduler(text) IS
'Let a paused, draining or disabled scheduler go on. Returns the state, running';

CREATE FUNCTION taskcenter.drain_scheduler(reason text = NULL) RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_drain_scheduler';
COMMENT ON FUNCTION taskcenter.drain_scheduler(text) IS
'As pause_scheduler(), and return the number of runs that are in flight now; wait_until_idle() waits for them';

CREATE FUNCTION taskcenter.disable_scheduler(reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_disable_scheduler';
COMMENT ON FUNCTION taskcenter.disable_scheduler(text) IS
'As pause_scheduler(), without maintenance too. Returns the state, disabled';

CREATE FUNCTION taskcenter.wait_until_idle(timeout interval = '5 minutes', queue text = NULL)
RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_wait_until_idle';
COMMENT ON FUNCTION taskcenter.wait_until_idle(interval, text) IS
'Wait until nothing is running, in one queue or all, at most for timeout and the setting max_wait. Returns the number of runs that are still running: 0 when idle. Raises 55000 in the transaction that paused or drained the scheduler, and under REPEATABLE READ';

CREATE FUNCTION taskcenter.adopt_database(reason text, unfinished text = 'keep')
RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_adopt_database';
COMMENT ON FUNCTION taskcenter.adopt_database(text, text) IS
'Let a restored or cloned database work: nothing fires in it until then. unfinished: keep or cancel its unfinished runs. Roles are found again by their names; tasks whose roles are missing are quarantined. Returns the number of cancelled runs';

CREATE FUNCTION taskcenter.repair_partitions() RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_repair_partitions';
COMMENT ON FUNCTION taskcenter.repair_partitions() IS
'Move rows out of the default partitions of runs, history and logs into partitions of their days, which it makes: after a data-only restore, or a time without maintenance. Returns the number of partitions made; 0 means that all is well. It locks the default partitions';

/* ---- queues ---- */

CREATE FUNCTION taskcenter.create_queue(queue text, max_running int = NULL,
    description text = NULL, options jsonb = '{}') RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_create_queue';
COMMENT ON FUNCTION taskcenter.create_queue(text, int, text, jsonb) IS
'Make a queue, with at most max_running runs at a time (NULL: no limit), and return its id. There are no options yet. Raises 42710 if there is one of that name';

CREATE FUNCTION taskcenter.pause_queue(queue text, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_pause_queue';
COMMENT ON FUNCTION taskcenter.pause_queue(text, text) IS
'Let no run of a queue start; what runs goes on. Returns the state, paused';

CREATE FUNCTION taskcenter.resume_queue(queue text, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_resume_queue';
COMMENT ON FUNCTION taskcenter.resume_queue(text, text) IS
'Let the runs of a paused queue start again. Returns the state, active';

CREATE FUNCTION taskcenter.limit_queue(queue text, max_running int, reason text = NULL)
RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_limit_queue';
COMMENT ON FUNCTION taskcenter.limit_queue(text, int, text) IS
'Let at most max_running runs of a queue run at a time; NULL: no limit, 0: none. Returns the queue''s id';

/* ---- settings ---- */

CREATE FUNCTION taskcenter.set_setting(key text, value text, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_set_setting';
COMMENT ON FUNCTION taskcenter.set_setting(text, text, text) IS
'Set a setting of the database, NULL: back to its default. Returns the value. The view settings describes them. Raises 42704 for an unknown key';

CREATE FUNCTION taskcenter.get_setting(key text) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_get_setting';
COMMENT ON FUNCTION taskcenter.get_setting(text) IS
'The value of a setting of the database, or its default';

CREATE FUNCTION taskcenter.list_settings() RETURNS SETOF taskcenter.setting_info
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 12
AS 'MODULE_PATHNAME', 'taskcenter_list_settings';
COMMENT ON FUNCTION taskcenter.list_settings() IS
'The rows of the view settings';

CREATE FUNCTION taskcenter.set_context(actor text = NULL, reason text = NULL,
    trace_id text = NULL) RETURNS jsonb
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_set_context';
COMMENT ON FUNCTION taskcenter.set_context(text, text, text) IS
'Say who makes the changes of this transaction, why, and in which trace: the audit, history and new runs take it. NULL leaves a value, an empty text removes it. Returns what holds now; all of it ends with the transaction';

/* ---- what goes on ---- */

CREATE FUNCTION taskcenter.list_databases() RETURNS SETOF taskcenter.database_info
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'taskcenter_list_databases';
COMMENT ON FUNCTION taskcenter.list_databases() IS
'The rows of the view databases';

CREATE FUNCTION taskcenter.scheduler_processes() RETURNS SETOF taskcenter.process_info
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'taskcenter_scheduler_processes';
COMMENT ON FUNCTION taskcenter.scheduler_processes() IS
'The launcher and the schedulers of the server, from shared memory; no rows without preloading';

SET LOCAL ROLE taskcenter_owner;

CREATE VIEW taskcenter.settings AS
SELECT key, value, default_value, description
FROM taskcenter.list_settings();
COMMENT ON VIEW taskcenter.settings IS
'The settings of this database; set_setting() changes them, list_settings() shows also who did';
COMMENT ON COLUMN taskcenter.settings.key IS 'What set_setting() and get_setting() take';
COMMENT ON COLUMN taskcenter.settings.value IS 'The value that holds now';
COMMENT ON COLUMN taskcenter.settings.default_value IS 'The value if nobody sets one';

CREATE VIEW taskcenter.databases AS
SELECT database, phase, scheduler_pid, executors,
    date_trunc('second', last_cycle_at) AS last_cycle_at, reason
FROM taskcenter.list_databases();
COMMENT ON VIEW taskcenter.databases IS
'One row per database of the server that takes connections: whether taskcenter works there';
COMMENT ON COLUMN taskcenter.databases.phase IS
'unknown (without the extension, or nobody has looked yet), starting, running, absent (the extension is not there), backoff (its scheduler failed and starts again later), or not preloaded';
COMMENT ON COLUMN taskcenter.databases.executors IS 'Executors that exist or are starting there';
COMMENT ON COLUMN taskcenter.databases.last_cycle_at IS
'When its scheduler last had work to do';
COMMENT ON COLUMN taskcenter.databases.reason IS 'Why no run is started there; null: none is held';

RESET ROLE;

GRANT EXECUTE ON FUNCTION
    taskcenter.pause_scheduler(text), taskcenter.resume_scheduler(text),
    taskcenter.drain_scheduler(text), taskcenter.disable_scheduler(text),
    taskcenter.wait_until_idle(interval, text), taskcenter.adopt_database(text, text),
    taskcenter.repair_partitions(), taskcenter.create_queue(text, int, text, jsonb),
    taskcenter.pause_queue(text, text), taskcenter.resume_queue(text, text),
    taskcenter.limit_queue(text, int, text), taskcenter.set_setting(text, text, text),
    taskcenter.get_setting(text), taskcenter.list_settings(),
    taskcenter.set_context(text, text, text), taskcenter.list_databases(),
    taskcenter.scheduler_processes()
TO PUBLIC;
GRANT SELECT ON taskcenter.settings, taskcenter.databases TO PUBLIC;
