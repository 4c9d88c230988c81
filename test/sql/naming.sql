/*
 * The rules for everything that can be called and read, checked on whatever the
 * catalog holds: each query lists what breaks one rule, and finds nothing.
 *
 * A new function, relation, column or type is policed here without being named.
 * What to do about a row: rename it, give it another type, or write the
 * COMMENT ON; types that are allowed are listed once, in rule_types.
 */
SET client_min_messages = error;
CREATE DATABASE regress_naming;
\connect regress_naming
SET client_min_messages = error;
CREATE EXTENSION taskcenter;

CREATE TEMP VIEW ours AS
SELECT d.classid, d.objid FROM pg_depend AS d
JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'taskcenter' AND d.deptype = 'e';

-- what every driver maps, and stays indexable under row security
CREATE TEMP TABLE rule_types (type regtype PRIMARY KEY);
INSERT INTO rule_types VALUES ('text'), ('bigint'), ('int'), ('boolean'), ('interval'),
    ('timestamptz'), ('jsonb'), ('regclass'), ('name');

CREATE FUNCTION pg_temp.is_allowed(type oid) RETURNS boolean LANGUAGE sql AS
$$SELECT EXISTS (SELECT FROM rule_types AS r JOIN pg_type AS t ON t.oid = r.type
    WHERE is_allowed.type IN (t.oid, t.typarray))$$;

-- as a row that a function returns: a type of ours, or a relation's
CREATE FUNCTION pg_temp.is_row(type oid) RETURNS boolean LANGUAGE sql AS
$$SELECT EXISTS (SELECT FROM pg_type AS t
    WHERE t.oid = is_row.type AND t.typtype = 'c' AND t.typnamespace = 'taskcenter'::regnamespace)$$;

CREATE TEMP VIEW routines AS
SELECT p.* FROM pg_proc AS p JOIN ours AS o ON o.classid = 'pg_proc'::regclass AND o.objid = p.oid;

CREATE TEMP VIEW callables AS
SELECT * FROM routines WHERE prorettype <> 'trigger'::regtype;

CREATE TEMP VIEW arguments AS
SELECT p.oid, p.proname, a.place, p.proargnames[a.place] AS name, a.type,
    coalesce(p.proargmodes[a.place], 'i') AS mode
FROM callables AS p,
    unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS a (type, place);

-- relations, and the row types that functions return
CREATE TEMP VIEW relations AS
SELECT c.* FROM pg_class AS c
WHERE c.relnamespace = 'taskcenter'::regnamespace
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND NOT c.relispartition;

CREATE TEMP VIEW columns AS
SELECT c.oid, c.relname, c.relkind, a.attname, a.attnum, a.atttypid
FROM relations AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped;

-- the rules below look at something
SELECT (SELECT count(*) FROM callables) > 50 AS functions,
    (SELECT count(*) FROM columns) > 200 AS columns,
    (SELECT count(*) FROM arguments) > 150 AS arguments;

-- everything lies in our schema, and all of it is a member
SELECT o.objid::regprocedure AS elsewhere FROM ours AS o JOIN pg_proc AS p ON p.oid = o.objid
WHERE o.classid = 'pg_proc'::regclass AND p.pronamespace <> 'taskcenter'::regnamespace;
SELECT p.oid::regprocedure AS not_a_member FROM pg_proc AS p
WHERE p.pronamespace = 'taskcenter'::regnamespace AND NOT EXISTS (SELECT FROM ours WHERE objid = p.oid);
SELECT c.relname AS not_a_member FROM pg_class AS c
WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
  AND NOT EXISTS (SELECT FROM ours WHERE objid = c.oid);

-- types of arguments, results and columns
SELECT proname AS routine, name AS argument, format_type(type, NULL) AS type
FROM arguments WHERE NOT pg_temp.is_allowed(type);
SELECT proname AS routine, format_type(prorettype, NULL) AS returns FROM callables
WHERE NOT (pg_temp.is_allowed(prorettype) OR pg_temp.is_row(prorettype)
    OR prokind = 'p' AND prorettype IN ('void'::regtype, 'record'::regtype));
SELECT relname, attname, format_type(atttypid, NULL) AS type
FROM columns WHERE NOT pg_temp.is_allowed(atttypid);
-- no domains, enums or ranges of ours
SELECT t.typname, t.typtype FROM pg_type AS t
WHERE t.typnamespace = 'taskcenter'::regnamespace AND t.typtype NOT IN ('c', 'b');

-- arguments have names, and go in; rows are types, not lists of OUT arguments
SELECT proname AS routine, place AS argument FROM arguments WHERE coalesce(name, '') = '';
SELECT proname AS routine, name AS argument, mode FROM arguments AS a
WHERE mode <> 'i' AND NOT (mode = 'b' AND EXISTS (
    SELECT FROM pg_proc AS p WHERE p.oid = a.oid AND p.prokind = 'p'));
-- no overloads, no STRICT, no aggregates
SELECT proname AS overloaded FROM routines GROUP BY proname HAVING count(*) > 1;
SELECT proname AS strict FROM routines WHERE proisstrict;
SELECT proname AS routine, prokind FROM routines WHERE prokind NOT IN ('f', 'p');
-- two languages; who may call it was decided, not left to the default
SELECT p.proname AS routine, l.lanname FROM routines AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE l.lanname NOT IN ('c', 'sql');
SELECT proname AS privileges_not_stated FROM routines WHERE proacl IS NULL;
-- a SECURITY DEFINER function pins its path
SELECT proname AS not_pinned FROM routines
WHERE prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false);

-- names: lower-case words; none is a keyword where it stands
CREATE TEMP VIEW names AS
SELECT 'routine' AS kind, proname::text AS name, proname::text AS place FROM routines
UNION SELECT 'argument', name, proname::text FROM arguments
UNION SELECT 'column', attname::text, relname::text FROM columns
UNION SELECT 'relation', relname::text, relname::text FROM pg_class
    WHERE relnamespace = 'taskcenter'::regnamespace;
SELECT kind, name, place FROM names WHERE name !~ '^[a-z][a-z0-9]*(_[a-z0-9]+)*$';
SELECT n.kind, n.name, n.place, k.catdesc FROM names AS n JOIN pg_get_keywords() AS k ON k.word = n.name
WHERE k.catcode = 'R'
   OR k.catcode = 'T' AND n.kind <> 'routine'
   OR k.catcode = 'C' AND n.kind = 'routine';
SELECT kind, name, place FROM names WHERE length(name) > 63;

-- ids fit into what every language holds exactly: 2^53 - 1
SELECT c.relname, s.seqmax FROM pg_sequence AS s JOIN pg_class AS c ON c.oid = s.seqrelid
WHERE c.relnamespace = 'taskcenter'::regnamespace
  AND (s.seqmax > 9007199254740991 OR s.seqcycle OR s.seqtypid <> 'bigint'::regtype);

-- everything says what it means
SELECT oid::regprocedure AS without_comment FROM routines
WHERE coalesce(obj_description(oid, 'pg_proc'), '') = '';
SELECT relname, relkind AS without_comment FROM pg_class AS c
WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND NOT c.relispartition AND coalesce(obj_description(oid, 'pg_class'), '') = '';
SELECT relname, attname AS without_comment FROM columns
WHERE relkind <> 'c' AND coalesce(col_description(oid, attnum), '') = '';
SELECT relname AS type_without_comment FROM relations
WHERE relkind = 'c' AND coalesce(obj_description(reltype, 'pg_type'), '') = '';
-- comments are statements: no full stop at the end, as in the reference
SELECT obj_description(oid, 'pg_proc') AS comment FROM routines
WHERE obj_description(oid, 'pg_proc') ~ '(\.|\s)$';

-- tables belong to the one role, replicate, and are dumped with their rows
SELECT relname, relowner::regrole FROM pg_class
WHERE relnamespace = 'taskcenter'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
  AND relowner <> 'taskcenter_owner'::regrole;
SELECT c.relname AS without_replica_identity FROM pg_class AS c
WHERE c.relnamespace = 'taskcenter'::regnamespace
  AND (c.relkind = 'r' OR c.relkind = 'p' AND NOT c.relispartition) AND c.relreplident <> 'f' AND NOT EXISTS (
    SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary AND c.relreplident = 'd');
SELECT c.relname AS not_dumped FROM pg_class AS c, pg_extension AS e
WHERE e.extname = 'taskcenter' AND c.relnamespace = 'taskcenter'::regnamespace
  AND c.relkind IN ('r', 'S') AND NOT c.oid = ANY (e.extconfig);
-- no foreign keys between them: a parallel restore loads them in any order
SELECT conrelid::regclass, conname FROM pg_constraint
WHERE connamespace = 'taskcenter'::regnamespace AND (contype = 'f' OR condeferrable);
-- none of a parent of partitions: a dump could not attach them again
SELECT i.indrelid::regclass, i.indexrelid::regclass FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind = 'p';

/*
 * Each column of each relation selected by its bare name, and each routine
 * called with each argument by its bare name.  A routine may refuse NULL, or
 * to be called here; it must be found, and must not fail as if by a bug.
 */
SELECT taskcenter.create_task('known', 'SELECT 1', schedule => '@daily') > 0 AS made;
SET search_path = taskcenter;
SET statement_timeout = '2min';

CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE call;
        RAISE SQLSTATE 'OK000';
    EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
        RETURN SQLSTATE || CASE SQLSTATE WHEN 'OK000' THEN '' ELSE ' ' || SQLERRM END;
    END;
END $$;

SELECT relname, attname, outcome
FROM columns, pg_temp.try(format('SELECT %s FROM %s LIMIT 1', attname, relname)) AS outcome
WHERE relkind <> 'c' AND outcome NOT LIKE 'OK000%';

CREATE TEMP TABLE outcomes AS
SELECT p.proname, p.prokind, c.call, pg_temp.try(c.call) AS outcome
FROM callables AS p, LATERAL (
    SELECT format(CASE p.prokind WHEN 'p' THEN 'CALL %s(%s)' ELSE 'SELECT * FROM %s(%s)' END, p.proname,
        (SELECT string_agg(format('%s => NULL::%s', a.name, format_type(a.type, NULL)), ', ' ORDER BY a.place)
         FROM arguments AS a WHERE a.oid = p.oid)) AS call) AS c
ORDER BY p.proname;
-- refusals are of these classes: invalid value, no such object, wrong state, not allowed, limits
SELECT call, outcome FROM outcomes
WHERE outcome !~ '^(OK000|22004|22023|22[0-9P]..|25001|25006|2D000|42704|42710|42501|55000|0A000|P0002|23514|53400)';
SELECT count(*) FILTER (WHERE outcome = 'OK000') > 10 AS some_work,
    count(*) FILTER (WHERE outcome LIKE '22004%') > 10 AS some_refuse
FROM outcomes;

-- whoever looks for it finds it: list_help_topics() in 55-help.sql has a place for each
CREATE ROLE regress_naming_reader IN ROLE pg_monitor;
SET ROLE regress_naming_reader;
SELECT name AS without_topic FROM help('others') WHERE kind <> 'help';
SELECT count(*) AS topics FROM help() WHERE name = 'others';
-- each line of each answer fits 100 columns; everything tells of itself
SELECT t.name, 7 + max(length(h.kind)) + max(length(h.name)) + max(length(l.line)) AS columns
FROM (SELECT unnest(members) AS name FROM list_help_topics() UNION SELECT topic FROM list_help_topics()
    UNION SELECT key FROM settings UNION SELECT NULL UNION SELECT 'settings') AS t,
    help(t.name) AS h, regexp_split_to_table(h.meaning, E'\n') AS l (line)
GROUP BY t.name HAVING 7 + max(length(h.kind)) + max(length(h.name)) + max(length(l.line)) > 100;
SELECT m.name AS tells_nothing FROM list_help_topics() AS t, unnest(t.members) AS m (name)
WHERE NOT EXISTS (SELECT FROM help(m.name) AS h WHERE h.name = m.name AND h.meaning <> '')
  AND to_regclass('taskcenter.' || m.name) IS NULL;
SELECT name AS twice FROM list_help_topics(), unnest(members) AS m (name) GROUP BY name HAVING count(*) > 1;
-- nothing is listed that does not exist
SELECT name AS missing FROM list_help_topics(), unnest(members) AS m (name)
WHERE NOT EXISTS (SELECT FROM pg_proc WHERE proname = name AND pronamespace = 'taskcenter'::regnamespace)
  AND to_regclass('taskcenter.' || name) IS NULL;
RESET ROLE;
DROP ROLE regress_naming_reader;

RESET search_path;
\connect contrib_regression
DROP DATABASE regress_naming;
