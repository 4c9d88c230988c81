-- Prints the reference as Markdown, from the comments in the catalog.
\pset format unaligned
\pset tuples_only on
\pset pager off
SET search_path = pg_catalog, pg_temp;
SET client_min_messages = error;

-- help() has the topics: 55-help.sql
CREATE TEMP TABLE topics AS
SELECT row_number() OVER ()::int AS place, title AS topic, members FROM taskcenter.list_help_topics();

CREATE FUNCTION pg_temp.short_type(type oid) RETURNS text LANGUAGE sql AS
$$SELECT replace(replace(replace(format_type(type, NULL), 'timestamp with time zone', 'timestamptz'),
    'integer', 'int'), 'taskcenter.', '')$$;

CREATE FUNCTION pg_temp.cell(value text) RETURNS text LANGUAGE sql AS
$$SELECT coalesce(replace(replace(value, '|', '\|'), E'\n', ' '), '')$$;

-- name type = default, in the order of the declaration
CREATE FUNCTION pg_temp.arguments(routine oid) RETURNS text[] LANGUAGE sql AS
$$SELECT coalesce(array_agg(
    CASE p.proargmodes[a.place] WHEN 'b' THEN 'INOUT ' ELSE '' END
    || p.proargnames[a.place] || ' ' || pg_temp.short_type(a.type)
    || coalesce(' = ' || regexp_replace(regexp_replace(
        pg_get_function_arg_default(p.oid, a.place::int), '::[a-z ]+(\[\])?', '', 'g'),
        '^\((.*)\)$', '\1'), '')
    ORDER BY a.place), '{}')
FROM pg_proc AS p, unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS a (type, place)
WHERE p.oid = routine AND coalesce(p.proargmodes[a.place], 'i') <> 't'$$;

CREATE FUNCTION pg_temp.signature(routine oid) RETURNS text LANGUAGE sql AS
$$SELECT CASE WHEN length(line) <= 96 THEN line
    ELSE p.proname || E'(\n    ' || array_to_string(arguments, E',\n    ') || ')' || result END
FROM pg_proc AS p, pg_temp.arguments(p.oid) AS arguments,
    LATERAL (SELECT CASE WHEN p.prokind = 'p' THEN '' ELSE ' returns '
        || CASE WHEN p.proretset THEN 'setof ' ELSE '' END || pg_temp.short_type(p.prorettype) END) AS r (result),
    LATERAL (SELECT CASE WHEN p.prokind = 'p' THEN 'CALL ' ELSE '' END
        || p.proname || '(' || array_to_string(arguments, ', ') || ')' || result) AS l (line)
WHERE p.oid = routine$$;

\qecho '# Reference'
\qecho
\qecho 'Made from the comments in the catalog by `test/tools/reference`; what it says is also shown by'
\qecho '`SELECT * FROM taskcenter.help()` and by `\\df+` and `\\d+` in psql. Everything is in the schema'
\qecho '`taskcenter`. An argument with `=` can be left out; `NULL` means "not given".'
\qecho
\qecho '## Functions'
SELECT CASE WHEN f.number = 1 THEN E'\n### ' || f.topic || E'\n' ELSE '' END
    || E'\n#### ' || f.proname || E'\n\n```sql\n' || pg_temp.signature(f.oid) || E'\n```\n\n'
    || coalesce(obj_description(f.oid, 'pg_proc'), '') || '.'
FROM (SELECT p.oid, p.proname, coalesce(t.topic, 'Other functions') AS topic,
        coalesce(t.place, 99) AS place, array_position(t.members, p.proname::text) AS member,
        row_number() OVER (PARTITION BY coalesce(t.place, 99)
            ORDER BY array_position(t.members, p.proname::text), p.proname) AS number
    FROM pg_proc AS p LEFT JOIN topics AS t ON p.proname = ANY (t.members)
    WHERE p.pronamespace = 'taskcenter'::regnamespace AND p.prorettype <> 'trigger'::regtype) AS f
ORDER BY f.place, f.number;

\qecho
\qecho '## Rows that functions return'
\qecho
\qecho '| type | columns | meaning |'
\qecho '|---|---|---|'
SELECT format('| `%s` | %s | %s |', c.relname,
    (SELECT string_agg(format('`%s` %s', a.attname, pg_temp.short_type(a.atttypid)), ', ' ORDER BY a.attnum)
     FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    pg_temp.cell(obj_description(c.reltype, 'pg_type')))
FROM pg_class AS c
WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind = 'c'
ORDER BY c.relname;

\qecho
\qecho '## Views and tables'
\qecho
\qecho 'Rows of tasks, and of what belongs to them, are shown to their owners: to roles that have the'
\qecho 'owner''s privileges. Members of `pg_monitor` see states and timings of all runs.'
SELECT E'\n### ' || c.relname || E'\n\n' || obj_description(c.oid, 'pg_class') || E'.\n\n'
    || E'| column | type | meaning |\n|---|---|---|\n'
    || (SELECT string_agg(format('| `%s` | %s | %s |', a.attname, pg_temp.short_type(a.atttypid),
            pg_temp.cell(col_description(c.oid, a.attnum))), E'\n' ORDER BY a.attnum)
        FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_class AS c
WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
  AND EXISTS (SELECT FROM aclexplode(c.relacl) AS g WHERE g.grantee = 0 AND g.privilege_type = 'SELECT')
ORDER BY c.relkind = 'v' DESC, c.relname;

\qecho
\qecho '### Tables that only taskcenter reads'
\qecho
\qecho '| table | meaning |'
\qecho '|---|---|'
SELECT format('| `%s` | %s |', c.relname, pg_temp.cell(obj_description(c.oid, 'pg_class')))
FROM pg_class AS c
WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) AS g WHERE g.grantee = 0 AND g.privilege_type = 'SELECT')
ORDER BY c.relname;

\qecho
\qecho '## Settings of a database'
\qecho
\qecho '`set_setting()` changes them, for the database in which it is called. A retention is an interval of'
\qecho 'at least one hour, or `keep`.'
\qecho
\qecho '| key | default | meaning |'
\qecho '|---|---|---|'
SELECT format('| `%s` | %s | %s |', s.key, s.default_value, pg_temp.cell(s.description))
FROM taskcenter.list_settings() AS s
ORDER BY s.key;

\qecho
\qecho '## Settings of the server'
\qecho
\qecho 'In `postgresql.conf`, or by `ALTER SYSTEM`.'
\qecho
\qecho '| parameter | default | takes effect on | meaning |'
\qecho '|---|---|---|---|'
SELECT format('| `%s` | %s | %s | %s |', s.name,
    CASE WHEN s.boot_val = '' THEN '(empty)' ELSE s.boot_val || coalesce(' ' || s.unit, '') END,
    CASE s.context WHEN 'postmaster' THEN 'restart' WHEN 'sighup' THEN 'reload' ELSE s.context END,
    pg_temp.cell(s.short_desc || coalesce(' ' || s.extra_desc, '')))
FROM pg_settings AS s
WHERE s.name LIKE 'taskcenter.%'
ORDER BY s.name;
