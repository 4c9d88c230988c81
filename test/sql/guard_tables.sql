--
-- Guarded tables: which can be, what is refused, what is recorded.
--
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
CREATE ROLE regress_tc_shop NOLOGIN;
CREATE ROLE regress_tc_clerk NOLOGIN;
CREATE SCHEMA shop AUTHORIZATION regress_tc_shop;
GRANT USAGE ON SCHEMA shop TO regress_tc_clerk;
CREATE VIEW recorded AS
SELECT relation, row_key, old_status, new_status, reason, metadata, accepted, actor
FROM taskcenter.task_status_history ORDER BY id;
SELECT taskcenter.create_workflow('order', 'new', '{"new": ["paid", "gone"],
    "paid": ["sent", {"to": "gone", "requires": ["reason"]}], "sent": [], "gone": []}') > 0 AS made;

-- One call on; the same again changes nothing.
SET ROLE regress_tc_shop;
CREATE TABLE shop.orders (id int PRIMARY KEY, status text NOT NULL DEFAULT 'new', note text);
INSERT INTO shop.orders (id) SELECT generate_series(1, 6);
SELECT taskcenter.guard_table('shop.orders', 'status', 'order') AS id \gset
SELECT taskcenter.guard_table('shop.orders', 'status', 'order') = :id AS same;
SELECT relation, status_column, key_columns, workflow, state, owner, guarded_by
FROM taskcenter.guarded_tables;
RESET ROLE;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'shop.orders'::regclass ORDER BY 1;

-- Statements that know nothing of it, of a role without any right but to the table.
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.orders TO regress_tc_clerk;
SET ROLE regress_tc_clerk;
SET search_path = shop;
UPDATE orders SET status = 'paid' WHERE id < 4;
UPDATE orders SET status = 'sent', note = 'by post' WHERE id = 1 RETURNING id, status, note;
UPDATE orders SET note = 'x', status = status;
INSERT INTO orders (id) VALUES (7) RETURNING status;
INSERT INTO orders VALUES (8, 'sent', 'any status of the workflow');
INSERT INTO orders VALUES (4, 'new') ON CONFLICT (id) DO UPDATE SET status = 'paid';
MERGE INTO orders AS o USING (VALUES (5), (9)) AS v (id) ON o.id = v.id
WHEN MATCHED THEN UPDATE SET status = 'gone' WHEN NOT MATCHED THEN INSERT VALUES (v.id, 'new');
COPY orders FROM stdin;
10	new	copied
11	paid	copied
\.
DELETE FROM orders WHERE id = 8;
WITH moved AS (UPDATE orders SET status = 'paid' WHERE id = 10 RETURNING id)
INSERT INTO orders SELECT 12, 'new' FROM moved;
RESET search_path;
RESET ROLE;
TABLE recorded;

-- What the map forbids is refused, whoever writes.
SET ROLE regress_tc_clerk;
\set SHOW_CONTEXT never
UPDATE shop.orders SET status = 'new' WHERE id = 1;
DO $$
DECLARE
    code text;
    in_schema text;
    in_table text;
    in_column text;
BEGIN
    UPDATE shop.orders SET status = 'new' WHERE id = 1;
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, in_schema = SCHEMA_NAME,
        in_table = TABLE_NAME, in_column = COLUMN_NAME;
    RAISE NOTICE '%: %, %, %', code, in_schema, in_table, in_column;
END $$;
UPDATE shop.orders SET status = 'new' WHERE id = 2;
UPDATE shop.orders SET status = 'lost' WHERE id = 2;
INSERT INTO shop.orders VALUES (20, 'lost');
COPY shop.orders FROM stdin;
20	lost	x
\.
INSERT INTO shop.orders VALUES (2, 'new') ON CONFLICT (id) DO UPDATE SET status = 'new';
UPDATE shop.orders SET status = 'gone' WHERE id = 2;
UPDATE shop.orders SET status = CASE id WHEN 6 THEN 'sent' ELSE 'paid' END WHERE id IN (6, 7);
SELECT id, status FROM shop.orders WHERE id IN (2, 6, 7) ORDER BY id;
BEGIN;
SELECT taskcenter.set_context(actor => 'jane', reason => 'customer called') IS NOT NULL AS set;
UPDATE shop.orders SET status = 'gone' WHERE id = 2;
COMMIT;
UPDATE shop.orders SET status = 'gone' WHERE id = 2;
RESET ROLE;
SET session_replication_role = replica;
UPDATE shop.orders SET status = 'new' WHERE id = 3;
UPDATE shop.orders SET status = 'sent' WHERE id = 3;
RESET session_replication_role;
SELECT * FROM recorded OFFSET 8;

-- Values of a row are told only to who may read them.
REVOKE SELECT ON shop.orders FROM regress_tc_clerk;
SET ROLE regress_tc_clerk;
UPDATE shop.orders SET status = 'new';
RESET ROLE;
GRANT SELECT (id, status) ON shop.orders TO regress_tc_clerk;
SET ROLE regress_tc_clerk;
UPDATE shop.orders SET status = 'new' WHERE id = 1;
RESET ROLE;
ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON shop.orders TO regress_tc_clerk USING (true);
SET ROLE regress_tc_clerk;
UPDATE shop.orders SET status = 'new' WHERE id = 1;
RESET ROLE;
ALTER TABLE shop.orders DISABLE ROW LEVEL SECURITY;

-- Rolled back with what it records; in order when triggers change more.
CREATE FUNCTION shop.pay_next() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note = 'chain' THEN
        UPDATE shop.orders SET status = 'sent' WHERE id = NEW.id AND status = 'paid';
        BEGIN
            UPDATE shop.orders SET status = 'paid' WHERE id = 9;
            RAISE division_by_zero;
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
    ELSIF NEW.note = 'change' THEN
        NEW.status := 'sent';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER a_chain AFTER UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.pay_next();
CREATE TRIGGER a_change BEFORE UPDATE ON shop.orders FOR EACH ROW
    WHEN (NEW.note = 'change') EXECUTE FUNCTION shop.pay_next();
SELECT count(*) AS before FROM recorded \gset
BEGIN;
UPDATE shop.orders SET status = 'paid' WHERE id = 7;
SAVEPOINT a;
UPDATE shop.orders SET status = 'sent' WHERE id = 7;
ROLLBACK TO a;
SELECT * FROM recorded OFFSET :before;
ROLLBACK;
UPDATE shop.orders SET status = 'paid', note = 'chain' WHERE id = 7;
UPDATE shop.orders SET note = 'change' WHERE id = 11;
SELECT * FROM recorded OFFSET :before;
UPDATE shop.orders SET note = 'change' WHERE id = 6;
SELECT id, status FROM shop.orders WHERE id IN (6, 7, 9, 11) ORDER BY id;
CREATE TABLE pairs (id int PRIMARY KEY, status text);
INSERT INTO pairs VALUES (1, 'new'), (2, 'new');
SELECT taskcenter.guard_table('pairs', 'status', 'order') > 0 AS guarded;
CREATE FUNCTION send_other() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pairs SET status = 'sent' WHERE id = 2;
    RETURN NULL;
END $$;
CREATE TRIGGER send_other AFTER UPDATE ON pairs FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION send_other();
UPDATE pairs SET status = 'paid';
SELECT row_key, old_status, new_status FROM recorded WHERE relation = 'public.pairs';
DROP TABLE pairs;
DROP TRIGGER a_chain ON shop.orders;
DROP TRIGGER a_change ON shop.orders;

-- The guard follows its table and columns; a new key is part of the record.
SELECT count(*) AS before FROM recorded \gset
ALTER TABLE shop.orders RENAME COLUMN id TO number;
ALTER TABLE shop.orders RENAME COLUMN status TO state;
ALTER TABLE shop.orders RENAME TO purchases;
ALTER TABLE shop.purchases SET SCHEMA public;
ALTER TABLE purchases ADD COLUMN more int DEFAULT 1, DROP COLUMN note;
UPDATE purchases SET state = 'paid' WHERE number = 6;
UPDATE purchases SET state = 'new' WHERE number = 6;
UPDATE purchases SET number = 600 WHERE number = 6;
UPDATE purchases SET number = 6, state = 'sent' WHERE number = 600;
SELECT * FROM recorded OFFSET :before;
ALTER TABLE purchases DROP COLUMN state;
ALTER TABLE purchases ALTER COLUMN state TYPE varchar(10);
TRUNCATE purchases;
INSERT INTO purchases VALUES (1, 'new');
UPDATE purchases SET state = 'paid';

-- Off in one call; the history stays, and goes on.
SELECT taskcenter.unguard_table('purchases', 'no longer');
UPDATE purchases SET state = 'lost';
SELECT tgname FROM pg_trigger WHERE tgrelid = 'purchases'::regclass;
SELECT relation, relation_id::oid::regclass, state FROM taskcenter.guarded_tables WHERE relation = 'shop.orders';
SELECT taskcenter.guard_table('purchases', 'state', 'order');
SELECT taskcenter.guard_table('purchases', 'state', 'order', options => '{"existing": "accept"}') = :id AS same;
UPDATE purchases SET state = 'sent';
UPDATE purchases SET state = 'lost';
SELECT relation, row_key, old_status, new_status FROM recorded OFFSET :before + 4;
SELECT action, object_name, reason FROM taskcenter.task_audit_logs
WHERE object_type = 'guarded table' AND object_name = 'shop.orders' ORDER BY audit_id;
SELECT taskcenter.guard_table('purchases', 'state', 'editorial');
-- another table of the old name has a history of its own
CREATE TABLE shop.orders (id int PRIMARY KEY, status text);
SELECT taskcenter.guard_table('shop.orders', 'status', 'order') > :id AS other;
INSERT INTO shop.orders VALUES (1, 'new');
UPDATE shop.orders SET status = 'paid';
SELECT relation ~ '^shop.orders \(\d+\)$' AS unique_name, row_key, old_status, new_status
FROM recorded OFFSET :before + 5;
DROP TABLE shop.orders, purchases;

-- Keys and types.
CREATE TYPE shop.color AS ENUM ('new', 'paid', 'sent', 'blue');
CREATE DOMAIN shop.word AS varchar(10) CHECK (VALUE <> 'never');
CREATE TABLE kinds (a uuid, b bigint, c text, d timestamptz, e numeric, f date, g boolean, h shop.word,
    i shop.color, j inet, status shop.color, PRIMARY KEY (a, b, c, d, e, f, g, h, i, j));
INSERT INTO kinds VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 9007199254740993, E'say "hi"\n', '2026-01-02 03:04:05.6+07',
    1.500, '2026-01-02', true, 'word', 'blue', '10.0.0.1', 'new');
SELECT taskcenter.guard_table('kinds', 'status', 'order') > 0 AS guarded;
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';
UPDATE kinds SET status = 'paid';
SET timezone = 'UTC';
RESET datestyle;
UPDATE kinds SET status = 'blue';
SELECT row_key, old_status, new_status FROM recorded WHERE relation = 'public.kinds';
SELECT jsonb_typeof(row_key::jsonb) FROM recorded WHERE relation = 'public.kinds';
CREATE TABLE texts (k text PRIMARY KEY, status shop.word);
INSERT INTO texts VALUES ('', NULL), ('ä', 'new');
SELECT taskcenter.guard_table('texts', 'status', 'order') > 0 AS guarded;
UPDATE texts SET status = 'paid';
UPDATE texts SET status = NULL;
INSERT INTO texts VALUES ('b', NULL);
SELECT row_key, old_status, new_status FROM recorded WHERE relation = 'public.texts';

-- Partitions: present, deeper, attached later; rows that move between them.
CREATE TABLE parts (id int, region text, status text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu') PARTITION BY RANGE (id);
CREATE TABLE parts_eu_1 PARTITION OF parts_eu FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_us (extra int, status text, region text NOT NULL, id int NOT NULL, PRIMARY KEY (id, region));
ALTER TABLE parts_us DROP COLUMN extra;
ALTER TABLE parts ATTACH PARTITION parts_us FOR VALUES IN ('us');
INSERT INTO parts VALUES (1, 'eu', 'new'), (2, 'us', 'new');
SELECT taskcenter.guard_table('parts', 'status', 'order', '{id}') > 0 AS guarded;
SELECT taskcenter.guard_table('parts', 'status', 'order') > 0 AS guarded;
CREATE TABLE parts_as (id int NOT NULL, region text NOT NULL, status text);
ALTER TABLE parts ATTACH PARTITION parts_as FOR VALUES IN ('as');
INSERT INTO parts VALUES (3, 'as', 'new');
INSERT INTO parts VALUES (4, 'as', 'lost');
UPDATE parts SET status = 'paid';
UPDATE parts_us SET status = 'sent';
UPDATE parts SET region = 'us', status = 'sent' WHERE id = 1;
UPDATE parts SET region = 'eu' WHERE id = 2;
UPDATE parts SET region = 'eu', status = 'new' WHERE id = 3;
UPDATE parts_us SET status = 'new';
SELECT row_key, old_status, new_status, metadata FROM recorded WHERE relation = 'public.parts';
SELECT taskcenter.unguard_table('parts_us');
SELECT taskcenter.guard_table('parts_us', 'status', 'order');
ALTER TABLE parts DETACH PARTITION parts_us;
UPDATE parts_us SET status = 'new';
SELECT taskcenter.unguard_table('parts');
SELECT count(*) FROM pg_trigger WHERE tgfoid = 'taskcenter.guard_row'::regproc AND tgrelid::regclass::text ~ 'parts';
-- by status: the key is without it
CREATE TABLE by_status (id int, status text, PRIMARY KEY (id, status)) PARTITION BY LIST (status);
CREATE TABLE by_status_new PARTITION OF by_status FOR VALUES IN ('new');
CREATE TABLE by_status_rest PARTITION OF by_status DEFAULT;
INSERT INTO by_status SELECT n, 'new' FROM generate_series(1, 3) AS n;
SELECT taskcenter.guard_table('by_status', 'status', 'order') > 0 AS guarded;
UPDATE by_status SET status = 'paid';
UPDATE by_status SET status = 'sent' WHERE id = 1;
UPDATE by_status SET status = 'new' WHERE id = 2;
SELECT row_key, old_status, new_status FROM recorded WHERE relation = 'public.by_status';

-- Foreign keys that write.
CREATE TABLE states (name text PRIMARY KEY);
INSERT INTO states VALUES ('new'), ('paid'), ('sent');
CREATE TABLE linked (id int PRIMARY KEY, status text DEFAULT 'gone' REFERENCES states ON UPDATE CASCADE ON DELETE SET NULL);
INSERT INTO linked VALUES (1, 'new'), (2, 'sent'), (3, 'paid');
SELECT taskcenter.guard_table('linked', 'status', 'order') > 0 AS guarded;
UPDATE states SET name = 'gone' WHERE name = 'new';
UPDATE states SET name = 'new' WHERE name = 'sent';
DELETE FROM states WHERE name = 'paid';
SELECT row_key, old_status, new_status FROM recorded WHERE relation = 'public.linked';

-- Sets are recorded in sets, in the order of the rows.
CREATE TABLE many (id int PRIMARY KEY, status text NOT NULL);
INSERT INTO many SELECT n, 'new' FROM generate_series(1, 2500) AS n;
SELECT taskcenter.guard_table('many', 'status', 'order') > 0 AS guarded;
UPDATE many SET status = 'paid';
SELECT count(*), count(DISTINCT row_key),
    bool_and(row_key::jsonb -> 'id' = to_jsonb(n)) AS in_order
FROM (SELECT row_key, row_number() OVER (ORDER BY id) AS n FROM taskcenter.task_status_history
    WHERE relation = 'public.many') AS h;

-- A key that is too long for an index has a digest in its place.
CREATE TABLE long_keys (k text PRIMARY KEY, status text);
INSERT INTO long_keys VALUES (repeat('"', 2500), 'new'), (repeat('x', 500), 'new');
SELECT taskcenter.guard_table('long_keys', 'status', 'order') > 0 AS guarded;
UPDATE long_keys SET status = 'paid';
SELECT length(row_key), left(row_key, 20) FROM recorded WHERE relation = 'public.long_keys';
SELECT success FROM taskcenter.set_row_status('long_keys', jsonb_build_object('k', repeat('"', 2500)), 'sent');
SELECT new_status FROM taskcenter.row_status_history('long_keys', jsonb_build_object('k', repeat('"', 2500)));
INSERT INTO long_keys VALUES ('', NULL);
UPDATE long_keys SET status = repeat('y', 100000) WHERE k = '';

-- The status view tells of a guard that is not in force.
SELECT state, detail FROM taskcenter.status_checks() WHERE check_name = 'guarded_tables';
ALTER TABLE long_keys DISABLE TRIGGER USER, ENABLE TRIGGER USER;
ALTER TABLE texts DISABLE TRIGGER _taskcenter_guard_change;
SELECT state, detail FROM taskcenter.status_checks() WHERE check_name = 'guarded_tables';
DROP TABLE long_keys, texts;
SELECT state FROM taskcenter.status_checks() WHERE check_name = 'guarded_tables';

-- What cannot be guarded, and who may not.
CREATE TABLE nokey (id int, status text);
CREATE TABLE odd (id float8 PRIMARY KEY, code int UNIQUE, part int NOT NULL UNIQUE, status int, kind char(5),
    made text GENERATED ALWAYS AS (part::text) STORED, word text);
CREATE VIEW seen AS SELECT * FROM odd;
CREATE TABLE parent (id int PRIMARY KEY, status text);
CREATE TABLE child () INHERITS (parent);
CREATE TEMP TABLE passing (id int PRIMARY KEY, status text);
SELECT taskcenter.guard_table(NULL, 'status', 'order');
SELECT taskcenter.guard_table('nokey', NULL, 'order');
SELECT taskcenter.guard_table('nokey', 'status', NULL);
SELECT taskcenter.guard_table('nokey', 'status', 'order');
SELECT taskcenter.guard_table('nokey', 'status', 'order', '{id}');
SELECT taskcenter.guard_table('odd', 'word', 'order');
SELECT taskcenter.guard_table('odd', 'word', 'order', '{code}');
SELECT taskcenter.guard_table('odd', 'word', 'order', '{part,part}');
SELECT taskcenter.guard_table('odd', 'word', 'order', '{part,word}');
SELECT taskcenter.guard_table('odd', 'word', 'order', '{none}');
SELECT taskcenter.guard_table('odd', 'word', 'order', '{}');
SELECT taskcenter.guard_table('odd', 'word', 'order', '{part,NULL}');
SELECT taskcenter.guard_table('odd', 'none', 'order', '{part}');
SELECT taskcenter.guard_table('odd', 'ctid', 'order', '{part}');
SELECT taskcenter.guard_table('odd', 'status', 'order', '{part}');
SELECT taskcenter.guard_table('odd', 'kind', 'order', '{part}');
SELECT taskcenter.guard_table('odd', 'made', 'order', '{part}');
SELECT taskcenter.guard_table('odd', 'word', 'none', '{part}');
SELECT taskcenter.guard_table('odd', 'word', 'order', '{part}', '{"existing": "drop"}');
SELECT taskcenter.guard_table('odd', 'word', 'order', '{part}', '{"other": 1}');
SELECT taskcenter.guard_table('seen', 'word', 'order', '{part}');
SELECT taskcenter.guard_table('parent', 'status', 'order');
SELECT taskcenter.guard_table('passing', 'status', 'order');
SELECT taskcenter.guard_table('taskcenter.tasks', 'status', 'order');
SELECT taskcenter.guard_table('pg_class', 'relname', 'order');
SELECT taskcenter.guard_table(0, 'status', 'order');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT taskcenter.guard_table('odd', 'word', 'order', '{part}');
ROLLBACK;
SELECT taskcenter.unguard_table('odd');
SELECT taskcenter.unguard_table('odd', if_exists => true);
SELECT taskcenter.unguard_table(NULL);
SET ROLE regress_tc_clerk;
SELECT taskcenter.guard_table('many', 'status', 'order');
SELECT taskcenter.unguard_table('many');
RESET ROLE;
INSERT INTO odd VALUES (1, 1, 1, 1, 'x', DEFAULT, 'lost'), (2, 2, 2, 1, 'x', DEFAULT, 'lost'), (3, 3, 3, 1, 'x', DEFAULT, 'won'), (4, 4, 4, 1, 'x', DEFAULT, NULL);
SELECT taskcenter.guard_table('odd', 'word', 'order', '{part}');
ALTER TABLE odd ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE odd OWNER TO regress_tc_shop;
SET ROLE regress_tc_shop;
SELECT taskcenter.guard_table('odd', 'word', 'order', '{part}');
RESET ROLE;
-- no trigger of this kind does more for a stranger than for the owner
SET ROLE regress_tc_shop;
CREATE TABLE shop.forged (id int PRIMARY KEY, status text);
CREATE TRIGGER forged AFTER UPDATE ON shop.forged FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.id IS DISTINCT FROM NEW.id)
    EXECUTE FUNCTION taskcenter.guard_row('order', '1');
INSERT INTO shop.forged VALUES (1, 'new');
UPDATE shop.forged SET status = 'paid';
DROP TRIGGER forged ON shop.forged;
CREATE TRIGGER forged AFTER UPDATE ON shop.forged FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_row('order', '1');
UPDATE shop.forged SET status = 'sent';
CREATE TRIGGER forged_2 AFTER DELETE ON shop.forged FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_row();
DELETE FROM shop.forged;
SELECT taskcenter.guard_row();
RESET ROLE;
SELECT relation, row_key, new_status FROM recorded WHERE relation ~ 'forged';
UPDATE taskcenter.guarded_tables SET relation_id = 1;
DELETE FROM taskcenter.guarded_tables;
TRUNCATE taskcenter.guarded_tables;

-- A workflow stays as long as a table needs it.
SELECT taskcenter.drop_workflow('order');
SELECT relation, state FROM taskcenter.guarded_tables WHERE relation = 'public.linked';

-- Without the extension the tables are as they were.
SET client_min_messages = error;
DROP EXTENSION taskcenter;
DROP VIEW recorded;
DROP EXTENSION taskcenter CASCADE;
RESET client_min_messages;
UPDATE many SET status = 'anything' WHERE id = 1;
SET client_min_messages = error;
DROP OWNED BY regress_tc_shop, regress_tc_clerk CASCADE;
DROP ROLE regress_tc_shop, regress_tc_clerk;
