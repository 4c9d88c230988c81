/* Functions that guard tables of users, and move their rows. */
CREATE FUNCTION taskcenter.guard_table(relation regclass, status_column name, workflow text,
    key_columns name[] = NULL, options jsonb = '{}') RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_guard_table';
COMMENT ON FUNCTION taskcenter.guard_table(regclass, name, text, name[], jsonb) IS
'From commit on the status of each row of a table of yours changes only as the workflow allows, whoever writes and by whatever way, and each change has its row in task_status_history; returns the id in guarded_tables. The same call again changes nothing. The status is text, varchar, an enum or a domain; null means not yet in the workflow. key_columns identify a row (default: the primary key without the status). Partitions are included, those attached later too. Writers wait while the present rows are looked at. Option: existing, refuse (default) or accept rows whose status the workflow does not know; they may then move to any that it knows. Raises 42501 unless you own the table, 42809, 42703, 42804, 0A000 and 55000 for tables, columns and keys that cannot be guarded, 42704 for an unknown workflow, 23514 for rows in other statuses, 55000 if it is guarded in another way';

CREATE FUNCTION taskcenter.unguard_table(relation regclass, reason text = NULL,
    if_exists boolean = false) RETURNS boolean
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_unguard_table';
COMMENT ON FUNCTION taskcenter.unguard_table(regclass, text, boolean) IS
'Take the guard off a table of yours; returns whether there was one. The history stays, and goes on if the table is guarded again. Raises 42501 unless you own the table, 55000 if it is not guarded and if_exists is false, or if it is guarded as a partition of another';

GRANT EXECUTE ON FUNCTION
    taskcenter.guard_table(regclass, name, text, name[], jsonb),
    taskcenter.unguard_table(regclass, text, boolean)
TO PUBLIC;

CREATE FUNCTION taskcenter.set_row_status(relation regclass, row_key jsonb, to_status text,
    reason text = NULL, metadata jsonb = '{}', expected text = NULL)
RETURNS taskcenter.status_change
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_set_row_status';
COMMENT ON FUNCTION taskcenter.set_row_status(regclass, jsonb, text, text, jsonb, text) IS
'Move a row of a guarded table to another status, by an UPDATE with the caller''s own privileges and policies, which needs SELECT of the status and the key too. row_key is an object with the columns of the key. A move that the workflow does not allow, that lacks what it requires in reason or metadata (an object of up to 64 kB), or that finds another status than expected, is refused: success is false, nothing changes, problems says all that is wrong, and the attempt is kept in task_status_history; not_changed is the problem when a trigger of the table did not let the row change. The status that the row has already is no move, and succeeds. Raises 55000 for a table that is not guarded, 42704 for a row that does not exist for the caller, 22023 for what is no key, 42501 without the privileges, and what the table''s own triggers and constraints raise';

CREATE FUNCTION taskcenter.row_status_history(relation regclass, row_key jsonb,
    max_rows int = 50) RETURNS SETOF taskcenter.task_status_history
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 50
AS 'MODULE_PATHNAME', 'taskcenter_row_status_history';
COMMENT ON FUNCTION taskcenter.row_status_history(regclass, jsonb, int) IS
'The moves of a row of a guarded table and the attempts that were refused, newest first, up to 10000. For whoever may SELECT the status and the key; under row security only for rows that he finds, otherwise also of rows that were deleted. Raises 55000 for a table that is not guarded, 22023 for what is no key, 42501 without the privileges';

GRANT EXECUTE ON FUNCTION
    taskcenter.set_row_status(regclass, jsonb, text, text, jsonb, text),
    taskcenter.row_status_history(regclass, jsonb, int)
TO PUBLIC;
