/*
 * Retention: what is out of policy goes, and what is held stays.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.purge_item AS (
    relation        text,
    cutoff          timestamptz,
    rows            bigint,
    bytes           bigint,
    partitions      bigint,
    policy          text
);
COMMENT ON TYPE taskcenter.purge_item IS
'What a purge would take from a relation: rows older than cutoff (of rows with a retention of their own, policy own, the latest of their cutoffs), of which as many partitions go as a whole; policy is default, failed or own';

RESET ROLE;

CREATE FUNCTION taskcenter.preview_purge() RETURNS SETOF taskcenter.purge_item
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'taskcenter_preview_purge';
COMMENT ON FUNCTION taskcenter.preview_purge() IS
'What CALL purge() would take now, a row for each relation and policy; no row: nothing is out of policy. It counts, so it reads what it counts. For superusers and the owner of the database: 42501 for others';

CREATE PROCEDURE taskcenter.purge(reason text = NULL, INOUT rows bigint = NULL,
    INOUT bytes bigint = NULL, INOUT partitions bigint = NULL)
LANGUAGE C AS 'MODULE_PATHNAME', 'taskcenter_purge';
COMMENT ON PROCEDURE taskcenter.purge(text, bigint, bigint, bigint) IS
'Take what is out of policy: whole partitions, and row by row what is mixed. In pieces, each a transaction with a row in the audit, which the view purges shows; so it stands outside of a transaction block. Never waits long for a lock: what is in use stays, with a warning. Sets rows, bytes and partitions to what it took. Unfinished runs, what is held and the audit of purges stay. For superusers and the owner of the database: 42501 for others; 55000 in a copy that was not adopted';

CREATE FUNCTION taskcenter.hold_history(task text, reason text) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_hold_history';
COMMENT ON FUNCTION taskcenter.hold_history(text, text) IS
'From commit on nothing of the history of a task is purged, whatever the retentions say: its runs, their history and logs, its status history, skipped fires and audit. Archived tasks of that name are held too. Returns held. For who may manage the task, superusers and the owner of the database';

CREATE FUNCTION taskcenter.release_history(task text, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_release_history';
COMMENT ON FUNCTION taskcenter.release_history(text, text) IS
'End what hold_history() began: the next purge takes what is out of policy. Returns released. For superusers and the owner of the database only: 42501 for others';

SET LOCAL ROLE taskcenter_owner;

CREATE VIEW taskcenter.purges WITH (security_barrier) AS
SELECT a.audit_id AS purge_id,
    a.recorded_at AS purged_at,
    a.object_name AS relation,
    a.new_values ->> 'policy' AS policy,
    (a.new_values ->> 'cutoff')::timestamptz AS cutoff,
    (a.new_values ->> 'rows')::bigint AS rows,
    (a.new_values ->> 'bytes')::bigint AS bytes,
    (a.new_values ->> 'partitions')::bigint AS partitions,
    (a.new_values ->> 'kept')::bigint AS kept,
    (a.new_values ->> 'newest')::timestamptz AS newest,
    a.new_values ->> 'partition' AS partition_name,
    a.actor,
    a.reason
FROM taskcenter.task_audit_logs AS a
WHERE a.object_type = 'purge'
  AND ((SELECT taskcenter.sees_states_of_all())
    OR (SELECT pg_has_role('pg_database_owner', 'USAGE')));

GRANT SELECT ON taskcenter.purges TO PUBLIC;

COMMENT ON VIEW taskcenter.purges IS
'The pieces of all purges, from the audit: for members of pg_monitor and the owner of the database. These rows are never purged';
COMMENT ON COLUMN taskcenter.purges.purge_id IS 'Its audit_id in task_audit_logs';
COMMENT ON COLUMN taskcenter.purges.purged_at IS 'When its transaction began';
COMMENT ON COLUMN taskcenter.purges.relation IS 'Relation that rows were taken from';
COMMENT ON COLUMN taskcenter.purges.policy IS
'Why they went: default (the setting of the relation), failed (failed_runs_retention) or own (the task''s)';
COMMENT ON COLUMN taskcenter.purges.cutoff IS
'Nothing younger was out of policy; of own retentions the latest';
COMMENT ON COLUMN taskcenter.purges.rows IS 'Rows that went';
COMMENT ON COLUMN taskcenter.purges.bytes IS
'Their size; of a whole partition that of its files, with indexes';
COMMENT ON COLUMN taskcenter.purges.partitions IS '1 if a partition went as a whole, else 0';
COMMENT ON COLUMN taskcenter.purges.kept IS
'Rows of the partition that stay, moved to where single rows are looked at';
COMMENT ON COLUMN taskcenter.purges.newest IS
'No row that went was younger: never later than the cutoff';
COMMENT ON COLUMN taskcenter.purges.partition_name IS
'Partition that they lay in; null where there are none';
COMMENT ON COLUMN taskcenter.purges.actor IS
'Who called purge(), or taskcenter purger for the automatic purge';
COMMENT ON COLUMN taskcenter.purges.reason IS 'The reason given to purge()';

RESET ROLE;

REVOKE ALL ON FUNCTION
    taskcenter.preview_purge(),
    taskcenter.hold_history(text, text),
    taskcenter.release_history(text, text) FROM PUBLIC;
REVOKE ALL ON PROCEDURE taskcenter.purge(text, bigint, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    taskcenter.preview_purge(),
    taskcenter.hold_history(text, text),
    taskcenter.release_history(text, text) TO PUBLIC;
GRANT EXECUTE ON PROCEDURE taskcenter.purge(text, bigint, bigint, bigint) TO PUBLIC;
