/*
 * Graphs that run: decisions, signals, and holding on.
 */
CREATE FUNCTION taskcenter.decide_step(run_id bigint, step text, decision text,
    note text = NULL, evidence jsonb = NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_decide_step';
COMMENT ON FUNCTION taskcenter.decide_step(bigint, text, text, text, jsonb) IS
'Approve or reject a step that waits for an approval; run_id is the graph''s run, nested steps are named outer/inner. Who decides is the user of the session if that may, else the current role; each once. With exclude_requester nobody may who could act as the role that made the run. Returns approved, rejected, or waiting while the quorum is not reached; raises 42501 for a role that may not, 55000 where nothing waits';

CREATE FUNCTION taskcenter.send_signal(signal text, key text = NULL, payload jsonb = NULL)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_send_signal';
COMMENT ON FUNCTION taskcenter.send_signal(text, text, jsonb) IS
'Send a signal: one step that waits for it, with that key or without any, goes on and has the payload as its output. It is kept until a step takes it. Only steps of tasks that the sender may enqueue take it. Returns its id';

CREATE FUNCTION taskcenter.pause_run(run_id bigint, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_pause_run';
COMMENT ON FUNCTION taskcenter.pause_run(bigint, text) IS
'Let no step of a graph that runs start until resume_run(); steps that have started go on. Returns paused; raises 55000 for a run that is no graph, or has ended';

CREATE FUNCTION taskcenter.resume_run(run_id bigint, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_resume_run';
COMMENT ON FUNCTION taskcenter.resume_run(bigint, text) IS
'Let the steps of a paused graph start again. Returns running';

REVOKE ALL ON FUNCTION
    taskcenter.decide_step(bigint, text, text, text, jsonb),
    taskcenter.send_signal(text, text, jsonb),
    taskcenter.pause_run(bigint, text),
    taskcenter.resume_run(bigint, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    taskcenter.decide_step(bigint, text, text, text, jsonb),
    taskcenter.send_signal(text, text, jsonb),
    taskcenter.pause_run(bigint, text),
    taskcenter.resume_run(bigint, text)
    TO PUBLIC;
