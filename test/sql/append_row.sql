-- The history of a single row is written without a statement: as an INSERT would,
-- and by one where the table has more than the extension gave it.
\set super :USER
SET client_min_messages = error;
CREATE DATABASE regress_append_row;
CREATE ROLE regress_append_alice LOGIN;
\connect regress_append_row
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
CREATE SCHEMA shop AUTHORIZATION regress_append_alice;
SET ROLE regress_append_alice;
SELECT taskcenter.create_workflow('short', 'open', '{"open": ["closed"], "closed": ["open", "failed"], "failed": []}') > 0 AS made;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, status text);
SELECT taskcenter.guard_table('shop.orders', 'status', 'short');
INSERT INTO shop.orders SELECT n, 'open' FROM generate_series(1, 40) AS n;
RESET ROLE;

-- everything about it, and with a trigger of somebody's, who has it by a statement
CREATE TABLE public.seen (id bigint, row_key text);
GRANT INSERT ON public.seen TO taskcenter_owner;
CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen VALUES (NEW.id, NEW.row_key);
    RETURN NULL;
END $$;
BEGIN;
SELECT taskcenter.set_context(actor => 'Ann', reason => 'it is paid, password=hunter2') IS NOT NULL AS set;
UPDATE shop.orders SET status = 'closed' WHERE id = 1;
CREATE TRIGGER see AFTER INSERT ON taskcenter.task_status_history FOR EACH ROW EXECUTE FUNCTION public.see();
UPDATE shop.orders SET status = 'closed' WHERE id = 2;
DROP TRIGGER see ON taskcenter.task_status_history;
UPDATE shop.orders SET status = 'closed' WHERE id = 3;
SELECT success FROM taskcenter.set_row_status('shop.orders', '{"id": 11}', 'closed', metadata => '{"token": "hunter2", "by": "card"}');
SELECT bool_and(timestamp > now()) AS later FROM taskcenter.task_status_history;
COMMIT;
SELECT row_key FROM public.seen;
SELECT row_key, old_status, new_status, reason, metadata, accepted, requested_status, problems, actor, relation,
    task_id, owner_id = 'regress_append_alice'::regrole::oid::bigint AS of_alice
FROM taskcenter.task_status_history ORDER BY id;
SELECT count(DISTINCT id) AS ids, max(id) - min(id) + 1 AS span FROM taskcenter.task_status_history;

-- a constraint of somebody's holds, and what is refused leaves no row
ALTER TABLE taskcenter.task_status_history ADD CONSTRAINT not_the_fourth CHECK (row_key <> '{"id": 4}');
\set VERBOSITY sqlstate
UPDATE shop.orders SET status = 'closed' WHERE id = 4;
\set VERBOSITY default
UPDATE shop.orders SET status = 'closed' WHERE id = 5;
ALTER TABLE taskcenter.task_status_history DROP CONSTRAINT not_the_fourth;
SELECT status, count(*) FROM shop.orders GROUP BY 1 ORDER BY 1;

-- goes with its subtransaction, and with its transaction
SET ROLE regress_append_alice;
BEGIN;
UPDATE shop.orders SET status = 'closed' WHERE id = 6;
SAVEPOINT before;
UPDATE shop.orders SET status = 'closed' WHERE id = 7;
ROLLBACK TO before;
UPDATE shop.orders SET status = 'open' WHERE id = 6;
COMMIT;
BEGIN;
UPDATE shop.orders SET status = 'closed' WHERE id = 8;
ROLLBACK;
SELECT old_status, new_status FROM taskcenter.row_status_history('shop.orders', '{"id": 6}');
SELECT count(*) FROM taskcenter.row_status_history('shop.orders', '{"id": 7}');
SELECT count(*) FROM taskcenter.row_status_history('shop.orders', '{"id": 8}');

-- visible to the next command, in any isolation
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE shop.orders SET status = 'closed' WHERE id = 9;
SELECT count(*) FROM taskcenter.row_status_history('shop.orders', '{"id": 9}');
UPDATE shop.orders SET status = 'failed' WHERE id = 9;
COMMIT;

-- a value too long for a row of the heap
SELECT success FROM taskcenter.set_row_status('shop.orders', '{"id": 10}', 'closed',
    metadata => (SELECT jsonb_build_object('notes', string_agg(md5(n::text), ' ')) FROM generate_series(1, 1000) AS n));
SELECT length(metadata ->> 'notes') FROM taskcenter.row_status_history('shop.orders', '{"id": 10}');
RESET ROLE;

-- every index has what the table has
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM taskcenter.task_status_history WHERE id > 0;
SELECT count(*) FROM taskcenter.task_status_history WHERE relation IS NOT NULL AND row_key > '';
SELECT count(*) FROM taskcenter.task_status_history WHERE new_status = 'failed' AND owner_id > 0;
SELECT count(*) FROM taskcenter.task_status_history WHERE task_id > 0;

\connect contrib_regression :super
DROP DATABASE regress_append_row;
DROP ROLE regress_append_alice;
