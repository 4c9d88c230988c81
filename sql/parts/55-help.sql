/* The comments of everything that users can call or read, by topic. */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.help_entry AS (
    kind            text,
    name            text,
    meaning         text
);

RESET ROLE;

CREATE FUNCTION taskcenter.help(topic text = NULL) RETURNS SETOF taskcenter.help_entry
LANGUAGE SQL STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    WITH entries AS (
        SELECT 1 AS place,
            CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind,
            p.proname::text AS topic,
            CASE p.prokind WHEN 'p' THEN
                format('%s(%s)', p.proname, pg_get_function_arguments(p.oid))
            ELSE
                format('%s(%s) returns %s', p.proname, pg_get_function_arguments(p.oid),
                    pg_get_function_result(p.oid))
            END AS name,
            obj_description(p.oid, 'pg_proc') AS meaning,
            0 AS number
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = to_regnamespace('taskcenter')
          AND p.prorettype <> to_regtype('trigger')
          AND has_function_privilege(p.oid, 'EXECUTE')
        UNION ALL
        SELECT 2, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END, c.relname::text,
            c.relname::text, obj_description(c.oid, 'pg_class'), 0
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = to_regnamespace('taskcenter')
          AND c.relkind = ANY (ARRAY['r'::"char", 'p'::"char", 'v'::"char"])
          AND NOT c.relispartition
          AND has_table_privilege(c.oid, 'SELECT')
        UNION ALL
        SELECT 3, 'column', c.relname::text, format('%s.%s', c.relname, a.attname),
            col_description(c.oid, a.attnum), a.attnum
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace = to_regnamespace('taskcenter')
          AND c.relkind = ANY (ARRAY['r'::"char", 'p'::"char", 'v'::"char"])
          AND NOT c.relispartition
          AND a.attnum > 0 AND NOT a.attisdropped
          AND has_table_privilege(c.oid, 'SELECT')
        UNION ALL
        SELECT 4, 'setting', s.key, s.key, s.description, 0
        FROM taskcenter.settings AS s)
    SELECT e.kind, e.name, e.meaning
    FROM entries AS e
    WHERE (help.topic IS NULL AND e.place < 3)
       OR help.topic = e.topic
       OR help.topic = e.kind || 's'
       OR (e.place <> 3 AND length(help.topic) > 2
           AND position(lower(help.topic) IN lower(e.topic)) > 0)
    ORDER BY e.place, e.topic, e.number;
END;
COMMENT ON FUNCTION taskcenter.help(text) IS
'What can be called and read, with its meaning: all of it; or functions, procedures, views, tables, columns or settings; or what has the topic in its name, with columns for the name of a relation';

REVOKE ALL ON FUNCTION taskcenter.help(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION taskcenter.help(text) TO PUBLIC;
