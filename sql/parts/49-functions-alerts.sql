/* Rules by which the scheduler raises alerts. */
CREATE FUNCTION taskcenter.set_alert_rule(name text, metric text, comparison text,
    threshold text, time_window interval = '5 minutes', severity text = 'warning',
    task text = NULL, queue text = NULL, description text = NULL, reason text = NULL)
RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_set_alert_rule';
COMMENT ON FUNCTION taskcenter.set_alert_rule(text, text, text, text, interval, text, text, text, text, text) IS
'Have the scheduler compare a metric with a threshold, and write into alerts when it is breached and when it recovers; the rule of that name, if there is one, is replaced. Returns its id. comparison: > >= < <=. threshold: a number, as text. Metrics over time_window (1 second to 7 days): runs_finished, runs_failed, failure_ratio (0 to 1; none while nothing finishes), run_retries, runs_lost, dispatch_delay_p50, _p95, _p99 and run_duration_p50, _p95, _p99 (seconds), schedule_misfires and executors_lost (of the whole database). Metrics of the present, which must be beyond the threshold for time_window: runs_due (claimable runs that nobody claimed), oldest_due_seconds and dead_letters_open. task, queue: only these count. It is looked at sixty times in a window, at most each second; below a threshold (<, <=) only once a whole window was seen. For superusers and the owner of the database: 42501 for others. Raises 22023 for what cannot be read, 42704 for an unknown task or queue, 54000 beyond 100 rules';

CREATE FUNCTION taskcenter.drop_alert_rule(name text, if_exists boolean = false,
    reason text = NULL) RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_drop_alert_rule';
COMMENT ON FUNCTION taskcenter.drop_alert_rule(text, boolean, text) IS
'End an alert rule; its alerts stay. Returns its id, or null if there is none and if_exists is true. For superusers and the owner of the database: 42501 for others. Raises 42704 for an unknown name';

GRANT EXECUTE ON FUNCTION
    taskcenter.set_alert_rule(text, text, text, text, interval, text, text, text, text, text),
    taskcenter.drop_alert_rule(text, boolean, text) TO PUBLIC;

CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.alert_rules
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
ALTER TABLE taskcenter.alert_rules ENABLE ALWAYS TRIGGER audit_change;
