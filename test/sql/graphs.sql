-- Graphs of composite tasks: saving, checking, versions, plans, drawings.
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
SET search_path = taskcenter, pg_catalog;
CREATE ROLE regress_tc_ann LOGIN;
CREATE ROLE regress_tc_bob LOGIN;
GRANT CREATE ON SCHEMA public TO regress_tc_ann;

SELECT create_task('load_orders', 'SELECT 1') > 0 AS made;
SELECT create_task('moved', kind => 'manual') > 0 AS made;
SELECT create_task('nightly', kind => 'composite') AS nightly \gset

---- save and get ----

SELECT get_graph('nightly');
SELECT enqueue_task('nightly');
SELECT reason, detail FROM explain_task('nightly') WHERE reason ~ 'graph';
SELECT save_graph('nightly', '{"steps": {
    "extract": {"command": "SELECT 1", "params": {"day": {"$param": "day"}}, "max_attempts": 3,
        "timeout": "5 minutes", "backoff": "fixed", "backoff_base": "2 seconds"},
    "clean": {"command": "SELECT 2", "after": ["extract"], "for_each": "SELECT 1 AS x", "max_items": 100,
        "params": {"rows": {"$output": "extract.rows"}, "list": [{"$output": "extract"}]}},
    "soak": {"wait": "2 hours", "after": ["extract"]},
    "load": {"task": "load_orders", "after": ["clean", "soak"], "rule": "k_of_n", "k": 1,
        "when": "SELECT true", "on_error": "continue", "compensate": "SELECT 3", "priority": -3},
    "gate": {"check": {"sql": "SELECT 0.001", "op": "<", "value": 0.01, "for": "5 minutes",
        "every": "10 seconds", "on_breach": "restart", "deadline": "1 hour"}, "after": ["load"]},
    "ok": {"approval": {"roles": ["regress_tc_ann", "regress_tc_bob"], "quorum": 2,
        "exclude_requester": true, "expires": "24 hours", "on_expiry": "reject"}, "after": ["gate"]},
    "go": {"signal": {"name": "release", "key": {"$param": "day"}, "deadline": "1 day"}, "after": ["ok"]},
    "stop": {"signal": "halt", "after": ["go"], "rule": "none_failed", "requires_flag": "halts"},
    "until": {"wait": "2035-01-01T00:00:00+01:00"},
    "vacuum": {"command": "VACUUM", "after": ["until"], "rule": "all_done", "queue": "control"}}}') AS version;

-- what is wrong comes with what to do: steps that others come after, references, the whole
SELECT save_graph('nightly', '{"steps": {"a": {"command": "SELECT 1", "after": ["b"]}, "b": {"command": "SELECT 1", "after": ["a"]}}}');
SELECT save_graph('nightly', '{"steps": {"a": {"command": "SELECT 1", "params": {"n": {"$output": "b.n"}}}}}');
SELECT save_graph('nightly', '{"steps": {"a": {"comand": "SELECT 1"}}}');

-- the same again is the same version, another one the next; 1.0 is not 1
SELECT save_graph('nightly', get_graph('nightly')) AS version;
SELECT save_graph('nightly', '{"steps": {"a": {"command": "SELECT 1", "params": {"n": 1.0}}}}') AS version;
SELECT save_graph('nightly', '{"steps": {"a": {"command": "SELECT 1", "params": {"n": 1}}}}') AS version;
SELECT save_graph('nightly', get_graph('nightly', 1), reason => 'back again') AS version;
SELECT get_graph('nightly', 2), get_graph('nightly', 3);
SELECT get_graph('nightly', 1) = get_graph('nightly') AS same;
SELECT version, step_count, autonomous, first_definition_id - min(first_definition_id) OVER () AS first, created_by = current_user AS mine
FROM graphs ORDER BY version;
SELECT get_graph('nightly', 9);
SELECT get_graph('nightly', 0);
SELECT action, object_type, object_name, object_id = :nightly AS its_id, old_values, new_values, reason
FROM task_audit_logs WHERE object_type = 'graph' ORDER BY audit_id;

-- a version that is rolled back was never there
BEGIN;
SELECT save_graph('nightly', '{"steps": {"undone": {"command": "SELECT 1"}}}') AS version;
SELECT task_tree('nightly');
ROLLBACK;
SELECT save_graph('nightly', '{"steps": {"kept": {"command": "SELECT 1"}}}') AS version;
SELECT task_tree('nightly');
BEGIN;
SAVEPOINT s;
SELECT save_graph('nightly', '{"steps": {"undone": {"command": "SELECT 1"}}}') AS version;
SELECT task_tree('nightly');
ROLLBACK TO s;
SELECT save_graph('nightly', '{"steps": {"other": {"command": "SELECT 1"}}}') AS version;
SELECT task_tree('nightly');
COMMIT;
SELECT save_graph('nightly', get_graph('nightly', 1)) AS version;

---- plan and drawings ----

SELECT ordinal, step, kind, rule, after, task, params, outcome, reason FROM plan_task('nightly', '{"day": "monday", "x": 1}');
SELECT step, outcome, reason FROM plan_task('nightly');
SELECT disable_task('load_orders');
SELECT step, outcome, reason FROM plan_task('nightly', '{"day": 1}') WHERE outcome IN ('fails', 'skipped');
SELECT enable_task('load_orders');
SELECT task_tree('nightly');
SELECT task_dot('nightly');
SELECT task_mermaid('nightly');

-- lines fit, names are quoted, whatever is in them; deep ones stay at the same column
SELECT create_task('odd "] <b>;-- \', kind => 'composite') > 0 AS made;
SELECT save_graph('odd "] <b>;-- \', jsonb_build_object('steps', jsonb_object_agg(
    CASE i WHEN 1 THEN '"] --> x; <script>\"' WHEN 2 THEN repeat('long ', 12) ELSE 's' || i END,
    jsonb_build_object('command', 'SELECT ' || i, 'description', repeat('x', 200)) || CASE i WHEN 1 THEN '{}' ELSE jsonb_build_object('after',
        ARRAY[CASE i WHEN 2 THEN '"] --> x; <script>\"' WHEN 3 THEN repeat('long ', 12) ELSE 's' || i - 1 END]) END)))
FROM generate_series(1, 25) AS i;
SELECT task_tree('odd "] <b>;-- \');
SELECT max(length(line)) <= 100 AS fits FROM (
    SELECT regexp_split_to_table(task_tree('odd "] <b>;-- \') || E'\n' || task_dot('odd "] <b>;-- \')
        || E'\n' || task_mermaid('odd "] <b>;-- \'), E'\n')) AS l (line);
SELECT line FROM regexp_split_to_table(task_dot('odd "] <b>;-- \'), E'\n') AS line WHERE line ~ 'script|digraph';
SELECT line FROM regexp_split_to_table(task_mermaid('odd "] <b>;-- \'), E'\n') AS line WHERE line ~ 'script|odd';

---- what is no graph ----

\set VERBOSITY terse
CREATE TABLE public.refused (number serial, graph jsonb);
INSERT INTO public.refused (graph) VALUES
    ('null'), ('1'), ('[]'), ('{}'), ('{"steps": null}'), ('{"steps": []}'), ('{"steps": {}}'),
    ('{"steps": {"a": {"command": "SELECT 1"}}, "more": 1}'),
    ('{"steps": {"a": 1}}'), ('{"steps": {"a": []}}'), ('{"steps": {"a": {}}}'), ('{"steps": {"": {"command": "SELECT 1"}}}'),
    ('{"steps": {"a/b": {"command": "SELECT 1"}}}'), ('{"steps": {"undo:a": {"command": "SELECT 1"}}}'), ('{"steps": {"a\nb": {"command": "SELECT 1"}}}'),
    (jsonb_build_object('steps', jsonb_build_object(repeat('x', 64), '{"command": "SELECT 1"}'::jsonb))),
    ('{"steps": {"a": {"command": "SELECT 1", "wait": "1 day"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "colour": "red"}}}'),
    ('{"steps": {"a": {"command": 1}}}'), ('{"steps": {"a": {"command": ""}}}'), ('{"steps": {"a": {"task": ["x"]}}}'),
    ('{"steps": {"a": {"wait": "1 day", "max_attempts": 2}}}'), ('{"steps": {"a": {"task": "load_orders", "timeout": "1 s"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "max_attempts": "2"}}}'), ('{"steps": {"a": {"command": "SELECT 1", "max_attempts": 1.5}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "max_attempts": 0}}}'), ('{"steps": {"a": {"command": "SELECT 1", "priority": 1e10}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "params": []}}}'), ('{"steps": {"a": {"command": "SELECT 1", "capture_output": 1}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "max_items": 5}}}'), ('{"steps": {"a": {"command": "SELECT 1", "for_each": "SELECT 1", "max_items": 10001}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "rule": "sometimes"}}}'), ('{"steps": {"a": {"command": "SELECT 1", "rule": "k_of_n"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "k": 1}}}'), ('{"steps": {"a": {"command": "SELECT 1", "rule": "k_of_n", "k": 1}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "on_error": "panic"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "after": "b"}}}'), ('{"steps": {"a": {"command": "SELECT 1", "after": [1]}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "after": ["a"]}}}'), ('{"steps": {"a": {"command": "SELECT 1"}, "b": {"command": "SELECT 1", "after": ["a", "z"]}}}'),
    ('{"steps": {"a": {"command": "SELECT 1"}, "b": {"command": "SELECT 1", "after": ["a", "a"]}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "after": ["c"]}, "b": {"command": "SELECT 1", "after": ["a"]}, "c": {"command": "SELECT 1", "after": ["b"]}, "d": {"command": "SELECT 1", "after": ["c"]}}}'),
    ('{"steps": {"a": {"wait": "soon"}}}'), ('{"steps": {"a": {"wait": "-1 day"}}}'), ('{"steps": {"a": {"wait": "2030-01-01 00:00"}}}'),
    ('{"steps": {"a": {"wait": "1000 years"}}}'), ('{"steps": {"a": {"wait": 5}}}'), ('{"steps": {"a": {"wait": "infinity"}}}'),
    ('{"steps": {"a": {"check": "SELECT 1"}}}'), ('{"steps": {"a": {"check": {"op": "=", "value": 1}}}}'), ('{"steps": {"a": {"check": {"sql": "SELECT 1", "value": 1}}}}'),
    ('{"steps": {"a": {"check": {"sql": "SELECT 1", "op": "="}}}}'), ('{"steps": {"a": {"check": {"sql": "SELECT 1", "op": "~", "value": 1}}}}'),
    ('{"steps": {"a": {"check": {"sql": "SELECT 1", "op": "=", "value": [1]}}}}'), ('{"steps": {"a": {"check": {"sql": "SELECT 1", "op": "=", "value": 1, "every": "1 ms"}}}}'),
    ('{"steps": {"a": {"check": {"sql": "SELECT 1", "op": "=", "value": 1, "deadline": "0"}}}}'), ('{"steps": {"a": {"check": {"sql": "SELECT 1", "op": "=", "value": 1, "on_breach": "x"}}}}'),
    ('{"steps": {"a": {"check": {"sql": "SELECT 1", "op": "=", "value": 1, "colour": "x"}}}}'), ('{"steps": {"a": {"check": {"sql": "DELETE FROM pg_class", "op": "=", "value": 1}}}}'),
    ('{"steps": {"a": {"approval": {}}}}'), ('{"steps": {"a": {"approval": {"roles": []}}}}'), ('{"steps": {"a": {"approval": {"roles": [1]}}}}'),
    ('{"steps": {"a": {"approval": {"roles": ["regress_tc_ann"], "quorum": 0}}}}'), ('{"steps": {"a": {"approval": {"roles": ["regress_tc_ann"], "on_expiry": "approve"}}}}'),
    ('{"steps": {"a": {"approval": {"roles": ["regress_tc_nobody"]}}}}'), ('{"steps": {"a": {"approval": {"roles": ["regress_tc_ann"], "exclude_requester": "yes"}}}}'),
    ('{"steps": {"a": {"signal": ""}}}'), ('{"steps": {"a": {"signal": {"key": "x"}}}}'), ('{"steps": {"a": {"signal": {"name": "x", "key": 1}}}}'),
    ('{"steps": {"a": {"signal": {"name": "x", "key": {"$output": "b"}}}}}'), ('{"steps": {"a": {"signal": 1}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "params": {"x": {"$output": "b.c"}}}}}'), ('{"steps": {"a": {"command": "SELECT 1", "params": {"x": {"$output": 1}}}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "params": {"x": {"$param": ""}}}}}'), ('{"steps": {"a": {"command": "SELECT 1", "params": {"x": {"$param": "y", "z": 1}}}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "params": {"b": {"c": 1}, "$param": "y"}}}}'),
    ('{"steps": {"a": {"command": "SELECT 1"}, "b": {"command": "SELECT 1", "params": {"x": [{"$output": "a"}]}}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "params": {"x": {"$output": "b"}}}, "b": {"command": "SELECT 1", "after": ["a"]}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "params": {"x": {"$output": "a"}}}}}'),
    ('{"steps": {"a": {"command": "SELEC 1"}}}'), ('{"steps": {"a": {"command": "BEGIN"}}}'), ('{"steps": {"a": {"command": "VACUUM", "transaction_mode": "atomic"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "when": "SELEC 1"}}}'), ('{"steps": {"a": {"command": "SELECT 1", "when": "SELECT 1; SELECT 2"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "when": "x > 1"}}}'), ('{"steps": {"a": {"command": "SELECT 1", "for_each": "SELECT 1 INTO x"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "compensate": "ROLLBACK"}}}'), ('{"steps": {"a": {"command": "SELECT 1", "compensate": "UNDO 1"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "timeout": "soon"}}}'), ('{"steps": {"a": {"command": "SELECT 1", "timeout": "-1 s"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "backoff": "x"}}}'), ('{"steps": {"a": {"command": "SELECT 1", "backoff_base": "2 h"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "transaction_mode": "x"}}}'), ('{"steps": {"a": {"command": "SELECT 1", "on_crash": "x"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "settings": {"no_such": 1}}}}'), ('{"steps": {"a": {"command": "SELECT 1", "retry_rules": [1]}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "batch": 61}}}'), ('{"steps": {"a": {"command": "SELECT 1", "log_level": "x"}}}'),
    ('{"steps": {"a": {"command": "SELECT 1", "queue": "nowhere"}}}'),
    ('{"steps": {"a": {"task": "nobody"}}}'), ('{"steps": {"a": {"task": "nightly"}}}'), ('{"steps": {"a": {"task": "moved"}}}');

-- each is refused, by name and place, and changes nothing
CREATE FUNCTION public.refusal(graph jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    context text;
BEGIN
    PERFORM taskcenter.save_graph('nightly', graph);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws(' ', sqlstate, sqlerrm, detail, substring(context FROM '(steps\..*) of the graph'));
END $$;
SELECT number, public.refusal(graph) FROM public.refused ORDER BY number;
SELECT count(*) FROM public.refused WHERE public.refusal(graph) ~ '^(accepted|XX)';
SELECT max(version) FROM graphs;

-- what is null was not given
SELECT save_graph('nightly', '{"steps": {"a": {"command": "SELECT 1", "wait": null, "rule": null, "after": null, "queue": null, "params": null}}}') AS version;
\set VERBOSITY default
SELECT save_graph('nightly', NULL);
SELECT save_graph(NULL, '{}');
SELECT save_graph('nobody', '{}');
SELECT save_graph('moved', '{"steps": {"a": {"command": "SELECT 1"}}}');
SELECT get_graph('moved');
SELECT save_graph('nightly', '{"steps": {"a": {"command": "SELECT 1"}, "load": {"task": "load_orders", "after": ["a", "b"]}}}');
SELECT save_graph('nightly', '{"steps": {"a": {"command": "SELECT 1", "when": "SELECT true AND)"}}}');

---- composites in composites ----

SELECT create_task('c' || i, kind => 'composite', options => jsonb_build_object('graph', jsonb_build_object('steps',
    jsonb_build_object('s', CASE i WHEN 0 THEN '{"command": "SELECT 1"}' ELSE jsonb_build_object('task', 'c' || i - 1) END)))) > 0 AS made
FROM generate_series(0, 7) AS i;
SELECT save_graph('nightly', '{"steps": {"s": {"task": "c7"}}}') AS version;
SELECT create_task('c9', kind => 'composite', options => '{"graph": {"steps": {"s": {"task": "nightly"}}}}');
SELECT save_graph('c0', '{"steps": {"s": {"task": "c2"}}}');
SELECT create_task('empty', kind => 'composite') > 0 AS made;
SELECT save_graph('c0', '{"steps": {"s": {"task": "empty"}}}') AS version;
SELECT step, outcome, reason FROM plan_task('c0');

---- tasks with graphs ----

SELECT create_task('x', 'SELECT 1', kind => 'composite');
SELECT create_task('x', kind => 'composite', max_attempts => 2);
SELECT create_task('x', kind => 'composite', options => '{"isolation": "process"}');
SELECT create_task('x', 'SELECT 1', options => '{"graph": {"steps": {"a": {"command": "SELECT 1"}}}}');
SELECT create_task('x', kind => 'composite', options => '{"graph": {"steps": {"a": {"command": "SELECT 1", "after": ["a"]}}}}');
SELECT create_task('x', kind => 'composite', options => '{"graph": 1}');
SELECT count(*) FROM tasks WHERE name = 'x';
SELECT create_task('x', schedule => '@daily', kind => 'composite', timeout => '1 hour', options => '{"graph": {"steps": {"a": {"command": "SELECT 1"}}}, "max_running": 1}') > 0 AS made;
SELECT declare_task('x', schedule => '@daily', kind => 'composite', timeout => '1 hour', options => '{"graph": {"steps": {"a": {"command": "SELECT 1"}}}, "max_running": 1}');
SELECT declare_task('x', schedule => '@daily', kind => 'composite', timeout => '1 hour', options => '{"graph": {"steps": {"b": {"command": "SELECT 1"}}}, "max_running": 1}');
SELECT declare_task('x', schedule => '@daily', kind => 'composite', timeout => '1 hour', options => '{"max_running": 1}');
SELECT alter_task('x', options => '{"graph": {"steps": {"c": {"command": "SELECT 1"}}}}') > 0 AS altered;
SELECT alter_task('x', command => 'SELECT 1');
SELECT version, graph FROM graphs WHERE task_id = (SELECT task_id FROM tasks WHERE name = 'x') ORDER BY version;
SELECT step, kind FROM plan_task('x');

---- whose ----

SET ROLE regress_tc_ann;
SELECT create_task('hers', kind => 'composite', options => '{"graph": {"steps": {"a": {"command": "SELECT 1"}}}}') > 0 AS made;
SELECT save_graph('hers', '{"steps": {"a": {"task": "load_orders"}}}');
SELECT count(*) FROM graphs;
SELECT get_graph('nightly');
SET ROLE regress_tc_bob;
SELECT get_graph('hers');
SELECT task_tree('hers');
SELECT save_graph('hers', '{"steps": {"a": {"command": "SELECT 2"}}}');
SELECT count(*) FROM graphs;
RESET ROLE;
SELECT grant_access('regress_tc_ann', 'enqueuer', task => 'load_orders') > 0 AS granted;
SET ROLE regress_tc_ann;
SELECT save_graph('hers', '{"steps": {"a": {"task": "load_orders"}}}') AS version;
SELECT grant_access('regress_tc_bob', 'admin', task => 'hers') > 0 AS granted;
SET ROLE regress_tc_bob;
SELECT get_graph('hers');
SELECT save_graph('hers', get_graph('hers')) AS version;
SELECT save_graph('hers', '{"steps": {"a": {"command": "SELECT 2"}}}');
RESET ROLE;
-- the owner must be able to run it too, whoever saves
SELECT create_task('mine', 'SELECT 1') > 0 AS made;
SELECT save_graph('hers', '{"steps": {"a": {"task": "mine"}}}');

---- nobody changes them ----

INSERT INTO graphs (task_id, version, step_count, graph, created_by) VALUES (1, 1, 1, '{}', 'x');
UPDATE graphs SET graph = '{}';
DELETE FROM graphs;
TRUNCATE graphs;
SET session_replication_role = replica;
UPDATE graphs SET graph = '{}';
RESET session_replication_role;

---- documents ----

SELECT alter_task(name, application => 'shop') > 0 AS altered FROM tasks WHERE name IN ('x', 'c0', 'empty', 'load_orders') ORDER BY name;
SELECT save_graph('empty', '{"steps": {"l": {"task": "load_orders"}}}') AS version;
SELECT export_tasks('shop') AS document \gset
SELECT t ->> 'name' AS name, t -> 'kind' AS kind, t -> 'graph' AS graph FROM jsonb_array_elements(:'document'::jsonb -> 'tasks') AS t;
SELECT * FROM apply_tasks(:'document', 'shop');
SELECT * FROM apply_tasks(replace(:'document', '"c": {"command": "SELECT 1"}', '"d": {"task": "load_orders"}')::jsonb, 'shop', dry_run => true);
SELECT * FROM apply_tasks(replace(:'document', '"c": {"command": "SELECT 1"}', '"d": {"task": "load_orders"}')::jsonb, 'shop');
SELECT get_graph('x');
-- new ones, that name each other, in any order
SELECT * FROM apply_tasks(replace(replace(regexp_replace(:'document', '"name": "', '"name": "n', 'g'), '"task": "', '"task": "n'), '"shop"', '"new"')::jsonb, 'new', dry_run => true);
SELECT action, object_type, name FROM apply_tasks(replace(replace(regexp_replace(:'document', '"name": "', '"name": "n', 'g'), '"task": "', '"task": "n'), '"shop"', '"new"')::jsonb, 'new');
SELECT name, get_graph(name) FROM tasks WHERE application = 'new' AND kind = 'composite' ORDER BY name;
SELECT * FROM apply_tasks('{"tasks": [{"name": "bad", "kind": "composite", "graph": {"steps": {"a": {"task": "none of it"}}}}]}', 'new');
SELECT * FROM apply_tasks('{"tasks": [{"name": "bad", "command": "SELECT 1", "graph": {"steps": {"a": {"command": "SELECT 1"}}}}]}', 'new');
SELECT * FROM apply_tasks('{"tasks": [{"name": "bad", "kind": "composite", "graph": {"steps": {"a": {"command": "SELEC 1"}}}}]}', 'new');

SELECT * FROM check_integrity();

DROP FUNCTION public.refusal(jsonb);
DROP TABLE public.refused;
REVOKE CREATE ON SCHEMA public FROM regress_tc_ann;
DROP EXTENSION taskcenter;
DROP ROLE regress_tc_ann, regress_tc_bob;

---- another extension has other graphs under the same ids ----

SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
SELECT create_task('one', 'SELECT 1'), create_task('two', kind => 'composite', options => '{"graph": {"steps": {"old": {"command": "SELECT 1"}}}}');
SELECT task_tree('two');
SET client_min_messages = error;
DROP EXTENSION taskcenter;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
SELECT create_task('one', 'SELECT 1'), create_task('two', kind => 'composite', options => '{"graph": {"steps": {"new": {"command": "SELECT 1"}}}}');
SELECT task_tree('two');
DROP EXTENSION taskcenter;
