/*
 * Runs of composite tasks as text, for people.  Who may see a run may see its
 * picture; errors and reasons appear to those who may read them.
 */
CREATE FUNCTION taskcenter.run_tree(run_id bigint) RETURNS text
LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_run_tree';
COMMENT ON FUNCTION taskcenter.run_tree(bigint) IS
'A run of a composite task as a tree of at most 100 columns: how each step stands, how long it took, and why it failed or was skipped; steps that wait for others are waiting; of nested tasks and of for_each it says how much is done. 55000 for a run that has no steps';

CREATE FUNCTION taskcenter.run_dot(run_id bigint) RETURNS text
LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_run_dot';
COMMENT ON FUNCTION taskcenter.run_dot(bigint) IS
'A run of a composite task in the language of Graphviz, each step with its state; 55000 for a run that has no steps';

CREATE FUNCTION taskcenter.run_mermaid(run_id bigint) RETURNS text
LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_run_mermaid';
COMMENT ON FUNCTION taskcenter.run_mermaid(bigint) IS
'A run of a composite task as a Mermaid flowchart, each step with its state; 55000 for a run that has no steps';

CREATE FUNCTION taskcenter.run_timeline(run_id bigint) RETURNS text
LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_run_timeline';
COMMENT ON FUNCTION taskcenter.run_timeline(bigint) IS
'The runs under a run as bars along time, by when they began, in at most 100 columns: dots while one waited, = while it ran (its last attempt), | where one ended without having begun';

GRANT EXECUTE ON FUNCTION
    taskcenter.run_tree(bigint),
    taskcenter.run_dot(bigint),
    taskcenter.run_mermaid(bigint),
    taskcenter.run_timeline(bigint) TO PUBLIC;
