/* The smoke test. */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.self_test_result AS (
    check_name      text,
    ok              boolean,
    detail          text,
    took            interval
);
COMMENT ON TYPE taskcenter.self_test_result IS
'A check of self_test(): whether it went as it has to, what was seen, and how long it took';

RESET ROLE;

CREATE FUNCTION taskcenter.self_test() RETURNS SETOF taskcenter.self_test_result
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'taskcenter_self_test';
COMMENT ON FUNCTION taskcenter.self_test() IS
'Try out, on this server and as the current role, what taskcenter promises: makes tasks in the queue self_test, lets one run, one fail, one become a dead letter, one be retried, one exceed its time limit, one be cancelled and one fire by its schedule, claims and completes one as an external worker does, and archives them; their history goes after a day. A row for each check; all is well if ok is true in every row. Where nothing would run (scheduler paused, a copy of a database) it says so and tries nothing. Safe in production: nothing but its own tasks is touched, and they are removed when a check fails or the session goes away, too. Takes a few seconds, and two minutes at most; a run waits its turn behind those of others. It needs a background worker of its own. For superusers and the owner of the database: 42501 for others. Raises 55000 without preloading, inside a run, and for a role that cannot execute tasks, 53400 without a free background worker';
GRANT EXECUTE ON FUNCTION taskcenter.self_test() TO PUBLIC;
