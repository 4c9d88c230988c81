--
-- set_row_status() and row_status_history(): with the caller's own rights.
--
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
CREATE ROLE regress_tc_clerk NOLOGIN;
CREATE ROLE regress_tc_reader NOLOGIN;
CREATE VIEW recorded AS
SELECT relation, row_key, old_status, new_status, requested_status, reason, metadata, accepted, actor
FROM taskcenter.task_status_history ORDER BY id;
SELECT taskcenter.create_workflow('order', 'new', '{"new": ["paid", "gone"],
    "paid": [{"to": "sent", "requires": ["carrier"]}, {"to": "gone", "requires": ["reason"]}],
    "sent": [], "gone": []}') > 0 AS made;
CREATE TABLE orders (id int, region text, status text, note text, PRIMARY KEY (id, region));
INSERT INTO orders VALUES (1, 'eu', 'new'), (2, 'eu', 'new'), (3, 'us', NULL);
SELECT taskcenter.guard_table('orders', 'status', 'order') > 0 AS guarded;
GRANT SELECT (id, region, status), UPDATE (status) ON orders TO regress_tc_clerk;
GRANT SELECT ON orders TO regress_tc_reader;
\set VERBOSITY default
\set SHOW_CONTEXT never

-- Moves, and answers.
SET ROLE regress_tc_clerk;
SELECT * FROM taskcenter.set_row_status('orders', '{"id": 1, "region": "eu"}', 'paid', 'by card');
SELECT * FROM taskcenter.set_row_status('orders', '{"region": "eu", "id": "1"}', 'paid');
SELECT * FROM taskcenter.set_row_status('orders', '{"id": 1, "region": "eu"}', 'new', expected => 'new');
SELECT * FROM taskcenter.set_row_status('orders', '{"id": 1, "region": "eu"}', 'sent');
SELECT * FROM taskcenter.set_row_status('orders', '{"id": 1, "region": "eu"}', 'sent', metadata => '{"carrier": ""}');
SELECT * FROM taskcenter.set_row_status('orders', '{"id": 1, "region": "eu"}', 'lost', 'token=abc', '{"password": "x"}');
SELECT * FROM taskcenter.set_row_status('orders', '{"id": 1, "region": "eu"}', 'sent', 'token=abc',
    '{"carrier": "ship", "password": "x"}', 'paid');
SELECT * FROM taskcenter.set_row_status('orders', '{"id": 3, "region": "us"}', 'paid', expected => 'new');
SELECT * FROM taskcenter.set_row_status('orders', '{"id": 3, "region": "us"}', 'paid');
SELECT new_status, old_status, requested_status, reason, metadata, problems, actor
FROM taskcenter.row_status_history('orders', '{"id": 1, "region": "eu"}');
SELECT new_status FROM taskcenter.row_status_history('orders', '{"id": 1, "region": "eu"}', 2);
SELECT new_status FROM taskcenter.row_status_history('orders', '{"id": 9, "region": "eu"}');
RESET ROLE;
TABLE recorded;

-- The context of a call is that of its moves only.
CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note = 'follow' THEN
        PERFORM taskcenter.set_row_status('orders', '{"id": 3, "region": "us"}', 'gone', 'inner');
    ELSIF NEW.note = 'keep' THEN
        RETURN NULL;
    ELSIF NEW.note = 'turn' THEN
        NEW.status := 'gone';
    ELSIF NEW.note = 'fail' THEN
        RAISE EXCEPTION 'not today' USING ERRCODE = 'TC001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER follow AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION follow();
CREATE TRIGGER turn BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION follow();
INSERT INTO orders VALUES (4, 'eu', 'new', 'follow'), (5, 'eu', 'new', 'keep'), (6, 'eu', 'new', 'turn'), (7, 'eu', 'new', 'fail');
SELECT count(*) AS before FROM recorded \gset
SELECT success, status FROM taskcenter.set_row_status('orders', '{"id": 4, "region": "eu"}', 'paid', 'outer', '{"a": 1}');
UPDATE orders SET status = 'paid' WHERE id = 2;
SELECT success, status, problems FROM taskcenter.set_row_status('orders', '{"id": 5, "region": "eu"}', 'paid');
SELECT success, status, problems FROM taskcenter.set_row_status('orders', '{"id": 6, "region": "eu"}', 'paid', 'why');
SELECT success FROM taskcenter.set_row_status('orders', '{"id": 7, "region": "eu"}', 'paid');
SELECT * FROM recorded OFFSET :before;
DROP TRIGGER follow ON orders;
DROP TRIGGER turn ON orders;
-- a trigger that calls itself ends
CREATE FUNCTION endless() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM taskcenter.set_row_status('orders', '{"id": 2, "region": "eu"}',
        CASE NEW.status WHEN 'paid' THEN 'gone' ELSE 'paid' END, 'again');
    RETURN NEW;
END $$;
CREATE TRIGGER endless AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION endless();
SELECT taskcenter.create_workflow('loop', 'paid', '{"paid": ["gone"], "gone": ["paid"]}') > 0 AS made;
SELECT taskcenter.unguard_table('orders');
SELECT taskcenter.guard_table('orders', 'status', 'loop', options => '{"existing": "accept"}') > 0 AS guarded;
\set VERBOSITY sqlstate
SELECT success FROM taskcenter.set_row_status('orders', '{"id": 2, "region": "eu"}', 'gone', 'again');
\set VERBOSITY default
DROP TRIGGER endless ON orders;
SELECT taskcenter.unguard_table('orders');
SELECT taskcenter.guard_table('orders', 'status', 'order') > 0 AS guarded;

-- Nobody gains a right by it.
SET ROLE regress_tc_reader;
SELECT taskcenter.set_row_status('orders', '{"id": 2, "region": "eu"}', 'gone', 'x');
SELECT count(*) FROM taskcenter.row_status_history('orders', '{"id": 1, "region": "eu"}');
RESET ROLE;
REVOKE SELECT ON orders FROM regress_tc_reader;
GRANT SELECT (id, region) ON orders TO regress_tc_reader;
SET ROLE regress_tc_reader;
SELECT count(*) FROM taskcenter.row_status_history('orders', '{"id": 1, "region": "eu"}');
SELECT count(*) FROM taskcenter.task_status_history;
RESET ROLE;
-- policies: what he does not find is not there; what he may not change is raised
GRANT SELECT ON orders TO regress_tc_reader;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY in_eu ON orders TO regress_tc_clerk, regress_tc_reader USING (region = 'eu')
    WITH CHECK (status <> 'gone');
SET ROLE regress_tc_clerk;
SELECT success FROM taskcenter.set_row_status('orders', '{"id": 3, "region": "us"}', 'paid');
SELECT success FROM taskcenter.set_row_status('orders', '{"id": 2, "region": "eu"}', 'gone', 'x');
SELECT success, problems -> 0 ->> 'code' AS code FROM taskcenter.set_row_status('orders', '{"id": 2, "region": "eu"}', 'new');
SELECT count(*) FROM taskcenter.row_status_history('orders', '{"id": 3, "region": "us"}');
SELECT count(*) > 0 AS seen FROM taskcenter.row_status_history('orders', '{"id": 1, "region": "eu"}');
RESET ROLE;
DELETE FROM orders WHERE id = 1;
SET ROLE regress_tc_clerk;
SELECT count(*) AS of_deleted FROM taskcenter.row_status_history('orders', '{"id": 1, "region": "eu"}');
RESET ROLE;
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
SET ROLE regress_tc_clerk;
SELECT count(*) > 0 AS of_deleted FROM taskcenter.row_status_history('orders', '{"id": 1, "region": "eu"}');
RESET ROLE;

-- No statement hides in a name or a value.
CREATE TABLE "a ""b; DROP" ("k'""1" text PRIMARY KEY, "s;t" text);
INSERT INTO "a ""b; DROP" VALUES (''' OR 1=1; --"', 'new');
SELECT taskcenter.guard_table('"a ""b; DROP"', 's;t', 'order') > 0 AS guarded;
SELECT success, status FROM taskcenter.set_row_status('"a ""b; DROP"', jsonb_build_object('k''"1', ''' OR 1=1; --"'), 'paid');
SELECT row_key, new_status FROM taskcenter.row_status_history('"a ""b; DROP"', jsonb_build_object('k''"1', ''' OR 1=1; --"'));
-- nor in the search path
CREATE SCHEMA evil;
CREATE FUNCTION evil.yes(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.yes);
CREATE TABLE plain (id int PRIMARY KEY, status text);
INSERT INTO plain VALUES (1, 'new'), (2, 'new');
SET search_path = evil, pg_catalog, public;
SELECT taskcenter.guard_table('plain', 'status', 'order') > 0 AS guarded;
SELECT success FROM taskcenter.set_row_status('plain', '{"id": 2}', 'paid');
RESET search_path;
SELECT * FROM plain ORDER BY id;
SELECT pg_get_triggerdef(oid, true) FROM pg_trigger WHERE tgrelid = 'plain'::regclass ORDER BY tgname;

-- Refused calls.
SELECT taskcenter.set_row_status(NULL, '{"id": 1}', 'paid');
SELECT taskcenter.set_row_status('plain', NULL, 'paid');
SELECT taskcenter.set_row_status('plain', 'null', 'paid');
SELECT taskcenter.set_row_status('plain', '[1]', 'paid');
SELECT taskcenter.set_row_status('plain', '{"id": 1}', NULL);
SELECT taskcenter.set_row_status('plain', '{}', 'paid');
SELECT taskcenter.set_row_status('plain', '{"nr": 1}', 'paid');
SELECT taskcenter.set_row_status('plain', '{"id": 1, "more": 2}', 'paid');
SELECT taskcenter.set_row_status('plain', '{"id": null}', 'paid');
SELECT taskcenter.set_row_status('plain', '{"id": {"a": 1}}', 'paid');
SELECT taskcenter.set_row_status('plain', '{"id": "one"}', 'paid');
SELECT taskcenter.set_row_status('plain', '{"id": 99}', 'paid');
SELECT taskcenter.set_row_status('plain', '{"id": 1}', repeat('x', 300));
SELECT taskcenter.set_row_status('plain', '{"id": 1}', 'paid', metadata => '[]');
SELECT taskcenter.set_row_status('plain', '{"id": 1}', 'paid', metadata => jsonb_build_object('a', repeat('x', 70000)));
SELECT taskcenter.set_row_status('pg_class', '{"id": 1}', 'paid');
SELECT taskcenter.set_row_status(0, '{"id": 1}', 'paid');
SELECT taskcenter.row_status_history('plain', '{"id": 1}', 0);
SELECT taskcenter.row_status_history('recorded', '{"id": 1}');
BEGIN READ ONLY;
SELECT taskcenter.set_row_status('plain', '{"id": 1}', 'paid');
ROLLBACK;
BEGIN READ ONLY;
SELECT count(*) FROM taskcenter.row_status_history('plain', '{"id": 2}');
COMMIT;

-- Labels are what they were; the present names do as well.
ALTER TABLE plain RENAME COLUMN id TO nr;
SELECT success FROM taskcenter.set_row_status('plain', '{"nr": 1}', 'paid');
SELECT success FROM taskcenter.set_row_status('plain', '{"id": 1}', 'gone', 'x');
SELECT row_key, new_status FROM taskcenter.row_status_history('plain', '{"nr": 1}');
-- twins, where nothing but the status tells rows apart
CREATE TABLE twins (id int, status text, PRIMARY KEY (id, status)) PARTITION BY LIST (status);
CREATE TABLE twins_all PARTITION OF twins DEFAULT;
INSERT INTO twins VALUES (1, 'new'), (1, 'paid');
SELECT taskcenter.guard_table('twins', 'status', 'order') > 0 AS guarded;
SELECT taskcenter.set_row_status('twins', '{"id": 1}', 'gone', 'x');
-- types of the status
CREATE TYPE short AS ENUM ('new', 'paid');
CREATE TABLE typed (id int PRIMARY KEY, status short DEFAULT 'new');
INSERT INTO typed VALUES (1);
SELECT taskcenter.guard_table('typed', 'status', 'order') > 0 AS guarded;
SELECT success, status FROM taskcenter.set_row_status('typed', '{"id": 1}', 'paid');
SELECT success FROM taskcenter.set_row_status('typed', '{"id": 1}', 'gone', 'x');

SET client_min_messages = error;
DROP VIEW recorded;
DROP EXTENSION taskcenter CASCADE;
SET client_min_messages = error;
DROP OWNED BY regress_tc_clerk, regress_tc_reader CASCADE;
DROP ROLE regress_tc_clerk, regress_tc_reader;
