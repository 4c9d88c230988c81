/*
 * The contract: what can be called and read, and a comparison with what an
 * application expects.  From the catalogs, for everybody.
 */
CREATE FUNCTION taskcenter.refuse_null(argument text, is_missing boolean) RETURNS boolean
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'taskcenter_refuse_null';
COMMENT ON FUNCTION taskcenter.refuse_null(text, boolean) IS
'False, or 22004 that says which argument is missing: what functions in SQL begin with';

CREATE FUNCTION taskcenter.require_monitor(what text) RETURNS boolean
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'taskcenter_require_monitor';
COMMENT ON FUNCTION taskcenter.require_monitor(text) IS
'True for superusers, the owner of the database and members of pg_monitor, 42501 for others';

SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.contract_entry AS (
    kind            text,
    name            text,
    signature       text,
    hash            text
);
COMMENT ON TYPE taskcenter.contract_entry IS
'A part of the contract: kind is function, procedure, view, table or type; signature has arguments or columns with their types; hash is the md5 of signature';

CREATE TYPE taskcenter.contract_difference AS (
    name            text,
    problem         text,
    expected        text,
    installed       text
);
COMMENT ON TYPE taskcenter.contract_difference IS
'A difference between what is expected and what is installed; problem is missing, changed or not expected';

RESET ROLE;

CREATE FUNCTION taskcenter.api_contract() RETURNS SETOF taskcenter.contract_entry
LANGUAGE SQL STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 200
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH parts AS (
        SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind,
            p.proname::text AS name,
            format('%s(%s)', p.proname, pg_get_function_arguments(p.oid))
                || CASE p.prokind WHEN 'p' THEN ''
                    ELSE ' RETURNS ' || pg_get_function_result(p.oid) END AS signature
        FROM pg_proc AS p
        WHERE p.pronamespace = to_regnamespace('taskcenter')
          AND p.prorettype <> to_regtype('trigger')
          AND EXISTS (SELECT FROM aclexplode(p.proacl) AS a
            WHERE a.grantee = 0 OR a.grantee = to_regrole('pg_monitor'))
        UNION ALL
        SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'c' THEN 'type' ELSE 'table' END,
            c.relname::text,
            format('%s(%s)', c.relname, (
                SELECT string_agg(format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)),
                    ', ' ORDER BY a.attnum)
                FROM pg_attribute AS a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
        FROM pg_class AS c
        WHERE c.relnamespace = to_regnamespace('taskcenter')
          AND (c.relkind = 'c' OR (c.relkind = ANY (ARRAY['r'::"char", 'p'::"char", 'v'::"char"])
            AND EXISTS (SELECT FROM aclexplode(c.relacl) AS a
                WHERE a.grantee = 0 AND a.privilege_type = 'SELECT'))))
    SELECT p.kind, p.name, p.signature, md5(p.signature)
    FROM parts AS p
    ORDER BY p.kind, p.name;
END;
COMMENT ON FUNCTION taskcenter.api_contract() IS
'Everything that users can call and read: functions with their arguments, relations and row types with their columns, each with a hash. The same on every server of this version';

CREATE FUNCTION taskcenter.check_contract(expected text[], complete boolean = false)
RETURNS SETOF taskcenter.contract_difference
LANGUAGE SQL STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH wanted AS (
        SELECT btrim(e.entry) AS entry,
            btrim(regexp_replace(split_part(e.entry, '(', 1), '^\s*taskcenter\.', '')) AS name
        FROM unnest(check_contract.expected) AS e (entry)
        WHERE NOT taskcenter.refuse_null('expected', check_contract.expected IS NULL)
          AND btrim(e.entry) <> ''),
    /* relation.column stands for the column */
    installed AS (
        SELECT c.name, regexp_replace(c.signature, ' RETURNS .*$', '') AS arguments, c.signature
        FROM taskcenter.api_contract() AS c),
    judged AS (
        SELECT w.entry, w.name, i.signature,
            CASE WHEN i.name IS NULL THEN 'missing'
                WHEN position('.' IN w.name) > 0 AND NOT EXISTS (
                    SELECT FROM pg_catalog.pg_attribute AS a
                    WHERE a.attrelid = to_regclass('taskcenter.' || quote_ident(split_part(w.name, '.', 1)))
                      AND a.attname = split_part(w.name, '.', 2)
                      AND a.attnum > 0 AND NOT a.attisdropped) THEN 'missing'
                WHEN position('(' IN w.entry) > 0
                    AND regexp_replace(w.entry, '^taskcenter\.', '') <> i.signature
                    AND regexp_replace(w.entry, '^taskcenter\.', '') <> i.arguments THEN 'changed'
            END AS problem
        FROM wanted AS w
        LEFT JOIN installed AS i ON i.name = split_part(w.name, '.', 1))
    SELECT j.name, j.problem, j.entry, CASE WHEN j.problem = 'changed' THEN j.signature END
    FROM judged AS j
    WHERE j.problem IS NOT NULL
    UNION ALL
    SELECT i.name, 'not expected', NULL, i.signature
    FROM installed AS i
    WHERE check_contract.complete
      AND NOT EXISTS (SELECT FROM wanted AS w WHERE split_part(w.name, '.', 1) = i.name)
    ORDER BY 1, 2;
END;
COMMENT ON FUNCTION taskcenter.check_contract(text[], boolean) IS
'Compare what an application expects with what is installed: rows are differences, no rows mean that all is there. An entry is a name (it exists), relation.column, or a signature as api_contract() shows it, with or without what it returns. With complete, what is installed and not expected counts too. Keep the list by: SELECT array_agg(signature) FROM taskcenter.api_contract()';

GRANT EXECUTE ON FUNCTION taskcenter.refuse_null(text, boolean), taskcenter.require_monitor(text),
    taskcenter.api_contract(), taskcenter.check_contract(text[], boolean) TO PUBLIC;
