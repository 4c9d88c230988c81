/* What a monitor reads. */
CREATE FUNCTION taskcenter.metrics() RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_metrics';
COMMENT ON FUNCTION taskcenter.metrics() IS
'Counters, gauges and histograms of this database in the text format of Prometheus: runs by outcome, dispatch delay and duration by queue and task, claims, retries, fires and misfires, executors, depths of queues, open dead letters, what the watchdog found, and the age of the scheduler''s last cycle. Counters outlive restarts and purges; tasks beyond 512 are counted together, as task "". For superusers, the owner of the database and members of pg_monitor: 42501 for others';
GRANT EXECUTE ON FUNCTION taskcenter.metrics() TO PUBLIC;
