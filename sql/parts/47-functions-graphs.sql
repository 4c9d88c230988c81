/*
 * Graphs of composite tasks: saving, showing, planning, drawing.  See
 * src/graph_rules.h for what a graph is.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.planned_step AS (
    ordinal         int,
    step            text,
    kind            text,
    rule            text,
    after           text[],
    task            text,
    params          jsonb,
    outcome         text,
    reason          text
);
COMMENT ON TYPE taskcenter.planned_step IS
'What a run would do with a step, in an order in which the steps can run: params are resolved as far as they are known, references to outputs stay; outcome is starts, depends (on its condition or flag, see reason), skipped or fails, with the reason; what starts is taken to succeed';

RESET ROLE;

CREATE FUNCTION taskcenter.save_graph(task text, graph jsonb, reason text = NULL) RETURNS int
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_save_graph';
COMMENT ON FUNCTION taskcenter.save_graph(text, jsonb, text) IS
'Give a task of kind composite a graph of steps; returns its version, the present one if the graph is the same. Runs that began keep theirs. A graph is {"steps": {name: step, ...}}; a step is one of command (SQL), task (the name of one), wait (an interval, or a time with an offset), check ({"sql", "op", "value", "for", "every", "on_breach", "deadline"}), approval ({"roles", "quorum", "exclude_requester", "expires", "on_expiry"}) or signal (a name, or {"name", "key", "deadline"}). Any step may have after (an array of steps), rule (all_success, all_done, all_failed, one_success, one_failed, none_failed, none_skipped, or k_of_n with k), when (a query), requires_flag, on_error (stop, continue) and description; commands and tasks params, for_each (a query) with max_items, compensate, max_attempts and priority; commands what create_task() knows of execution: queue, timeout, backoff, backoff_base, backoff_cap, transaction_mode, on_crash, batch, isolation, settings, capture_output, log_level, synchronous_commit, retry_rules. Params may hold {"$param": "day"} and {"$output": "extract.rows"}. Raises 22004, 22023 with the place in DETAIL, as in "steps.load.after[1]", 42601 for SQL that does not parse, 42704 for what does not exist, 42501 unless the caller manages the task and could become the role that runs it, and for a task that caller or owner may not enqueue';

CREATE FUNCTION taskcenter.get_graph(task text, version int = NULL) RETURNS jsonb
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_get_graph';
COMMENT ON FUNCTION taskcenter.get_graph(text, int) IS
'A version of the graph of a composite task, by default the newest, as it was saved. Raises 42704 if there is none, 42501 unless the caller may read the task';

CREATE FUNCTION taskcenter.plan_task(task text, params jsonb = NULL)
RETURNS SETOF taskcenter.planned_step
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'taskcenter_plan_task';
COMMENT ON FUNCTION taskcenter.plan_task(text, jsonb) IS
'What a run of a composite task with these params would do, by its newest graph, in order: nothing is executed, no condition evaluated. Raises 42704 without a graph, 42501 unless the caller may read the task';

CREATE FUNCTION taskcenter.task_tree(task text) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_task_tree';
COMMENT ON FUNCTION taskcenter.task_tree(text) IS
'The newest graph of a composite task as a tree of text: each step stands below the deepest of those that it comes after, and names the others. Raises as plan_task()';

CREATE FUNCTION taskcenter.task_dot(task text) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_task_dot';
COMMENT ON FUNCTION taskcenter.task_dot(text) IS
'The newest graph of a composite task for Graphviz; dashed are the edges to steps with a condition. Raises as plan_task()';

CREATE FUNCTION taskcenter.task_mermaid(task text) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_task_mermaid';
COMMENT ON FUNCTION taskcenter.task_mermaid(text) IS
'The newest graph of a composite task for Mermaid, as in Markdown; dashed are the edges to steps with a condition. Raises as plan_task()';

REVOKE ALL ON FUNCTION
    taskcenter.save_graph(text, jsonb, text),
    taskcenter.get_graph(text, int),
    taskcenter.plan_task(text, jsonb),
    taskcenter.task_tree(text),
    taskcenter.task_dot(text),
    taskcenter.task_mermaid(text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    taskcenter.save_graph(text, jsonb, text),
    taskcenter.get_graph(text, int),
    taskcenter.plan_task(text, jsonb),
    taskcenter.task_tree(text),
    taskcenter.task_dot(text),
    taskcenter.task_mermaid(text)
TO PUBLIC;
