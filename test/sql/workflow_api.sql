--
-- Workflows: made, altered, dropped, and what is refused.
--
SET timezone = 'UTC';
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
CREATE ROLE regress_tc_flow LOGIN;
CREATE ROLE regress_tc_other LOGIN;

-- The first workflow activates the database; "editorial" is shipped.
SET ROLE regress_tc_flow;
SELECT taskcenter.create_workflow('ticket', 'open',
    '{"open": ["doing", {"to": "rejected", "requires": ["reason"]}],
      "doing": ["open", {"to": "done", "requires": ["checked_by", ["result", "result_summary"]]}],
      "done": [], "rejected": ["open"]}', 'What support does') AS workflow_id;
RESET ROLE;
SELECT name, initial, terminal, description, owner FROM taskcenter.workflows ORDER BY workflow_id;
SELECT * FROM taskcenter.workflow_transitions;
-- the history's foreign key came with the activation: restricting, never cascading
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'taskcenter.task_status_history'::regclass AND contype = 'f';
SELECT indexname FROM pg_indexes WHERE schemaname = 'taskcenter'
AND indexname LIKE 'task_status_history%' ORDER BY 1;
-- the columns of the contract, by name and unquoted
SELECT id, task_id, old_status, new_status, reason, metadata, timestamp, accepted,
    requested_status, problems, actor, relation, row_key FROM taskcenter.task_status_history;

-- Each fault of a map is named with its place.
\set VERBOSITY terse
CREATE FUNCTION fault(transitions jsonb, initial text = 'a', options jsonb = '{}') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
  PERFORM taskcenter.create_workflow('faulty', initial, transitions, options => options);
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN sqlstate || ': ' || detail;
END $$;
SELECT fault('{}');
SELECT fault('[]');
SELECT fault('{"a": []}', 'b');
SELECT fault('{"a": "b"}');
SELECT fault('{"a": ["b"]}');
SELECT fault('{"a": ["a"]}');
SELECT fault('{"a": [1]}');
SELECT fault('{"a": ["b", {"to": "b"}], "b": []}');
SELECT fault('{"a": [{"too": "b"}], "b": []}');
SELECT fault('{"a": [{"requires": []}]}');
SELECT fault('{"a": [{"to": 1}]}');
SELECT fault('{"a": [{"to": "c"}], "b": []}');
SELECT fault('{"a": [{"to": "b", "requires": "reason"}], "b": []}');
SELECT fault('{"a": [{"to": "b", "requires": [1]}], "b": []}');
SELECT fault('{"a": [{"to": "b", "requires": [[]]}], "b": []}');
SELECT fault('{"a": [{"to": "b", "requires": [["x", ""]]}], "b": []}');
SELECT fault('{"a": [{"to": "b", "requires": [["1","2","3","4","5","6","7","8","9"]]}], "b": []}');
SELECT fault(jsonb_build_object('a', jsonb_build_array(jsonb_build_object('to', 'b', 'requires',
    (SELECT jsonb_agg('k' || i) FROM generate_series(1, 21) AS i))), 'b', '[]'::jsonb));
SELECT fault('{"": []}', '');
SELECT fault('{" a": []}');
SELECT fault('{"a\u0007": []}');
SELECT fault('{"validation_failed": []}');
SELECT fault(jsonb_build_object('a', '[]'::jsonb, repeat('ö', 32), '[]'::jsonb));
SELECT fault((SELECT jsonb_object_agg('s' || i, '[]'::jsonb) FROM generate_series(1, 201) AS i));
SELECT fault('{"a": []}', repeat('ö', 200));
SELECT fault('{"a": []}', 'a', '{"terminal": ["b"]}');
SELECT fault('{"a": []}', 'a', '{"terminal": "a"}');
SELECT fault('{"a": []}', 'a', '{"terminal": [1]}');
SELECT fault('{"a": []}', 'a', '{"final": ["a"]}');
SELECT fault(jsonb_build_object('a', '[]'::jsonb, 'b', jsonb_build_array(repeat('x', 300000))));
SELECT fault(NULL);
SELECT fault('null');
SELECT fault('{"a": []}', NULL);
SELECT taskcenter.create_workflow(NULL, 'a', '{"a": []}');
SELECT taskcenter.create_workflow(' x', 'a', '{"a": []}');
SELECT taskcenter.create_workflow('ticket', 'a', '{"a": []}');

-- Altered: what is given changes, the rest stays; reset puts back.
SELECT taskcenter.alter_workflow('ticket', description => 'Support', reason => 'shorter',
    options => '{"terminal": ["done", "rejected"]}') AS workflow_id;
SELECT initial, terminal, description FROM taskcenter.workflows WHERE name = 'ticket';
SELECT taskcenter.alter_workflow('ticket', 'doing', '{"doing": ["done"], "done": []}');
SELECT taskcenter.alter_workflow('ticket', 'doing', '{"doing": ["done"], "done": []}',
    reset => '{terminal,description}');
SELECT initial, transitions, terminal, description FROM taskcenter.workflows WHERE name = 'ticket';
SELECT taskcenter.alter_workflow('ticket', reset => '{transitions}');
SELECT taskcenter.alter_workflow('ticket', 'gone');
SELECT taskcenter.alter_workflow('gone', 'a');
SELECT action, object_name, reason, old_values, new_values FROM taskcenter.task_audit_logs
WHERE object_type = 'workflow' AND object_name = 'ticket' AND action = 'alter' ORDER BY audit_id;

-- Who may: its owner, and the owner of the database.
SET ROLE regress_tc_other;
SELECT taskcenter.alter_workflow('ticket', 'done');
SELECT taskcenter.drop_workflow('ticket');
SELECT taskcenter.drop_workflow('editorial');
SELECT count(*) FROM taskcenter.workflows;
UPDATE taskcenter.workflows SET initial = 'done';
DELETE FROM taskcenter.workflows;
INSERT INTO taskcenter.task_status_history (task_id, new_status, actor, owner_id) VALUES (1, 'x', 'x', 0);
RESET ROLE;

-- Plain SQL, by a superuser and in replica mode, is guarded.
UPDATE taskcenter.workflows SET name = 'other' WHERE name = 'ticket';
UPDATE taskcenter.workflows SET workflow_id = 99 WHERE name = 'ticket';
UPDATE taskcenter.workflows SET transitions = '{"a": 1}' WHERE name = 'ticket';
UPDATE taskcenter.workflows SET terminal = '{{done},{doing}}' WHERE name = 'ticket';
UPDATE taskcenter.workflows SET terminal = '{gone}' WHERE name = 'ticket';
INSERT INTO taskcenter.workflows (name, initial, transitions, owner, owner_id) VALUES ('x', 'a', '[]', 'x', 0);
SET session_replication_role = replica;
INSERT INTO taskcenter.workflows (name, initial, transitions, owner, owner_id) VALUES ('x', 'a', '{"a": ["b"]}', 'x', 0);
DELETE FROM taskcenter.workflows;
TRUNCATE taskcenter.workflows;
TRUNCATE taskcenter.task_status_history;
RESET session_replication_role;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT taskcenter.alter_workflow('ticket', description => 'x');
ROLLBACK;

-- Dropped.
SELECT taskcenter.drop_workflow('ticket', 'no longer needed');
SELECT taskcenter.drop_workflow('ticket');
SELECT taskcenter.drop_workflow('ticket', if_exists => true);
SELECT taskcenter.drop_workflow(NULL);
SELECT action, reason, new_values FROM taskcenter.task_audit_logs
WHERE object_type = 'workflow' ORDER BY audit_id DESC LIMIT 1;
SELECT count(*) FROM taskcenter.status_checks() WHERE check_name = 'guards' AND state = 'ok';

DROP FUNCTION fault(jsonb, text, jsonb);
DROP EXTENSION taskcenter;
DROP ROLE regress_tc_flow, regress_tc_other;
