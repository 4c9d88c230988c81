-- Under row security a condition on an indexed column stays an index scan, for
-- owners and for whoever was granted access; who may see what is asked once.
SET client_min_messages = error;
\set super :USER
CREATE DATABASE regress_access_plans;
CREATE ROLE regress_plan_alice LOGIN;
CREATE ROLE regress_plan_bob LOGIN;
CREATE ROLE regress_plan_carol LOGIN;
\connect regress_access_plans
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
-- indexes, and nodes that read a table as a whole, of the plan of a query
CREATE FUNCTION public.plan_of(query text) RETURNS TABLE (how text) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN QUERY
    WITH RECURSIVE nodes (node) AS (
        SELECT plan -> 0 -> 'Plan'
        UNION ALL
        SELECT child FROM nodes, json_array_elements(CASE WHEN json_typeof(node -> 'Plans') = 'array' THEN node -> 'Plans' ELSE '[]' END) AS child)
    SELECT DISTINCT CASE WHEN node ->> 'Node Type' LIKE 'Seq%' THEN 'all of ' || (node ->> 'Relation Name')
        ELSE regexp_replace(node ->> 'Index Name', '_(p\d{8}|rest)_', '_') END
    FROM nodes
    WHERE node ->> 'Index Name' IS NOT NULL OR node ->> 'Node Type' LIKE 'Seq%' AND node ->> 'Relation Name' !~ '_rest$|_p\d{8}$|^queues$'
    ORDER BY 1;
END $$;
SET ROLE regress_plan_bob;
SELECT count(taskcenter.create_task('b' || i, 'SELECT 1', application => 'app', schedule => 'every 1 day')) FROM generate_series(1, 3000) AS i;
SELECT count(taskcenter.create_task('m' || i, kind => 'manual', application => 'app')) FROM generate_series(1, 3000) AS i;
SELECT count(taskcenter.pause_task('m' || i)) FROM generate_series(1, 20) AS i;
RESET ROLE;
SET ROLE regress_plan_alice;
SELECT count(taskcenter.create_task('a' || i, 'SELECT 1')) FROM generate_series(1, 20) AS i;
SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task', 'a' || i % 20 + 1)) FROM generate_series(1, 3000) AS i));
SELECT taskcenter.grant_access('regress_plan_carol', 'operator', application => 'app') > 0 AS granted,
    taskcenter.grant_access('regress_plan_carol', 'viewer', task => 'a1') > 0 AS granted_too;
RESET ROLE;
SET ROLE regress_plan_bob;
SELECT taskcenter.grant_access('regress_plan_carol', 'operator', application => 'app') > 0 AS granted;
SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task', 'b' || i)) FROM generate_series(1, 3000) AS i));
RESET ROLE;
INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at, priority, max_attempts, status, token, created_by)
SELECT 100000 + task_id, task_id, run_as_id, owner_id, 1, now(), now(), 0, 1, 'running', 1, 'x' FROM taskcenter.tasks WHERE name IN ('a1', 'b1');
VACUUM ANALYZE;

\connect - regress_plan_alice
SELECT public.plan_of($$SELECT task FROM taskcenter.task_runs WHERE status = 'running'$$);
SELECT public.plan_of($$SELECT task FROM taskcenter.task_runs WHERE run_id = 17$$);
SELECT public.plan_of($$SELECT name FROM taskcenter.tasks WHERE workflow = 'editorial' AND status = 'in_progress'$$);
SELECT public.plan_of($$SELECT name FROM taskcenter.tasks WHERE state = 'paused'$$);
SELECT public.plan_of($$SELECT name FROM taskcenter.tasks WHERE name = 'a1' AND state <> 'archived'$$);
SELECT public.plan_of($$SELECT name FROM taskcenter.tasks WHERE task_id = 17$$);
SELECT public.plan_of($$UPDATE taskcenter.tasks SET state = 'paused' WHERE task_id = 17$$);
SELECT public.plan_of($$SELECT FROM taskcenter.schedules WHERE state = 'active' AND next_run_at < now()$$);
SELECT public.plan_of($$SELECT FROM taskcenter.schedules WHERE task_id = 17$$);
SELECT public.plan_of($$SELECT FROM taskcenter.task_audit_logs WHERE object_type = 'task' AND object_id = 17$$);
SELECT public.plan_of($$SELECT FROM taskcenter.task_run_history WHERE run_id = 17$$);
SELECT public.plan_of($$SELECT FROM taskcenter.task_status_history WHERE task_id = 17 ORDER BY timestamp DESC LIMIT 50$$);
SELECT task FROM taskcenter.task_runs WHERE status = 'running';
\connect - regress_plan_carol
SELECT public.plan_of($$SELECT task FROM taskcenter.task_runs WHERE status = 'running'$$);
SELECT public.plan_of($$SELECT name FROM taskcenter.tasks WHERE workflow = 'editorial' AND status = 'in_progress'$$);
SELECT public.plan_of($$UPDATE taskcenter.tasks SET state = 'paused' WHERE task_id = 17$$);
SELECT task FROM taskcenter.task_runs WHERE status = 'running' ORDER BY 1;
SELECT count(*) FROM taskcenter.tasks WHERE state = 'paused';
-- with parallel workers
SET force_parallel_mode = on;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT count(*), count(params) FROM taskcenter.task_runs;
SELECT count(*) FROM taskcenter.tasks;
\connect - regress_plan_alice
SET force_parallel_mode = on;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT count(*), count(params) FROM taskcenter.task_runs;
SELECT count(*) FROM taskcenter.task_run_history;
BEGIN;
SELECT taskcenter.create_task('new', 'SELECT 1') > 0 AS made;
SELECT count(*) FROM taskcenter.tasks;
ROLLBACK;

\connect postgres :super
DROP DATABASE regress_access_plans;
DROP ROLE regress_plan_alice, regress_plan_bob, regress_plan_carol;
