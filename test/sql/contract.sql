-- The contract: what can be called and read, compared with what is expected; and help().
SET client_min_messages = error;
CREATE DATABASE regress_contract;
CREATE ROLE regress_contract_reader;
\connect regress_contract
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
SET ROLE regress_contract_reader;

SELECT kind, name, signature, hash = md5(signature) AS hashed FROM taskcenter.api_contract()
WHERE name IN ('help', 'await_run', 'run_transitions', 'help_entry', 'queues') ORDER BY kind, name;
SELECT count(*) > 100 AS many, count(*) = count(DISTINCT (kind, name)) AS once FROM taskcenter.api_contract();
-- what nobody may call or read is no part of it
SELECT name FROM taskcenter.api_contract() WHERE name IN ('guard_task', 'live_runs', 'finished_runs', 'audit_change');
-- the same whatever the session's settings are
SELECT md5(string_agg(hash, '' ORDER BY kind, name)) AS whole FROM taskcenter.api_contract() \gset
SET search_path = taskcenter;
SELECT md5(string_agg(hash, '' ORDER BY kind, name)) = :'whole' AS same FROM api_contract();

-- what is installed meets itself, both ways
SELECT count(*) FROM check_contract((SELECT array_agg(signature) FROM api_contract()), true);
SELECT count(*) FROM check_contract((SELECT array_agg(name) FROM api_contract()), true);
SELECT * FROM check_contract('{}');
-- names, columns, signatures; what is missing, what changed
\pset format unaligned
SELECT * FROM check_contract(ARRAY['enqueue_task', 'taskcenter.enqueue_task', ' tasks.name ', 'pause_queue(queue text, reason text DEFAULT NULL::text)',
    'taskcenter.pause_queue(queue text, reason text DEFAULT NULL::text) RETURNS text']);
SELECT * FROM check_contract(ARRAY['no_such', 'taskcenter.no_such(a text)', 'tasks.no_such', 'no_such.name', 'pause_queue(queue text)',
    'pause_queue(queue text, reason text DEFAULT NULL::text) RETURNS bigint', '', NULL]);
-- with complete, also what nobody expects
SELECT name, problem, expected, installed FROM check_contract((SELECT array_agg(name) FROM api_contract() WHERE name <> 'pause_queue'), true);
\set VERBOSITY sqlstate
SELECT * FROM check_contract(NULL);
\set VERBOSITY default
RESET ROLE;
-- a function that somebody changed is found
BEGIN;
SELECT array_agg(signature) AS expected FROM api_contract() \gset
ALTER FUNCTION taskcenter.pause_queue(text, text) RENAME TO pause_queues;
CREATE FUNCTION taskcenter.pause_queue(queue text, force boolean) RETURNS text LANGUAGE sql AS 'SELECT queue';
ALTER TABLE taskcenter.queues RENAME COLUMN max_running TO limited;
SELECT name, problem FROM check_contract(:'expected', true);
ROLLBACK;

-- help: a thing, a topic, a kind, a part of a name, nothing
SELECT * FROM help('pause_queue');
SELECT * FROM help('taskcenter.pause_queue(text, text)');
SELECT * FROM help('run_transitions');
SELECT kind, name FROM help('queues');
SELECT kind, name FROM help('pause_');
SELECT kind, name FROM help('settings') WHERE kind = 'setting' AND name ~ '^max';
SELECT * FROM help('max_wait');
SELECT * FROM help('no such thing');
-- words lead to the topics that speak of them, and blanks are as underscores
SELECT kind, name FROM help('composite');
SELECT kind, name FROM help('dead letter') WHERE kind = 'topic' OR name ~ '^(redrive|dead)';
SELECT kind, count(*) > 5 AS several FROM help() GROUP BY kind;
SELECT kind, count(*) > 5 AS several FROM help('views') GROUP BY kind;

\connect contrib_regression
DROP DATABASE regress_contract;
DROP ROLE regress_contract_reader;
