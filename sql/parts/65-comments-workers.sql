/* What the relations of workers mean. */
COMMENT ON SEQUENCE taskcenter.worker_ids IS 'Ids of workers';
COMMENT ON TABLE taskcenter.workers IS
'External workers, each incarnation with an id of its own; ended ones, and silent ones without runs, are removed after a day. Shown to their role, to roles that have its privileges and to monitors';
COMMENT ON COLUMN taskcenter.workers.worker_id IS 'Identifies the incarnation';
COMMENT ON COLUMN taskcenter.workers.name IS 'What register_worker() was told; need not be unique';
COMMENT ON COLUMN taskcenter.workers.role IS 'Name of the role that registered it, then';
COMMENT ON COLUMN taskcenter.workers.role_id IS 'OID of that role: whoever has its privileges acts as the worker';
COMMENT ON COLUMN taskcenter.workers.queues IS 'Names of the queues that it claims from';
COMMENT ON COLUMN taskcenter.workers.tasks IS 'Names of the tasks that it knows; null: all';
COMMENT ON COLUMN taskcenter.workers.metadata IS 'What it said of itself, without secrets';
COMMENT ON COLUMN taskcenter.workers.registered_at IS 'When it was registered';
COMMENT ON COLUMN taskcenter.workers.last_heartbeat_at IS
'When it was last heard of, by a beat or a claim; a claim is noted every ten seconds';
COMMENT ON COLUMN taskcenter.workers.ended_at IS 'When it was unregistered; null: it was not';

COMMENT ON TABLE taskcenter.rate_buckets IS
'What is left of rate limits, which are buckets of tokens, one for each run, and of daily and monthly budgets; removed when they are full again and the day and the month are over';
COMMENT ON COLUMN taskcenter.rate_buckets.queue_id IS 'The queue of the runs';
COMMENT ON COLUMN taskcenter.rate_buckets.rate_key IS 'Owner and group key of the run, else of the task, else the task';
COMMENT ON COLUMN taskcenter.rate_buckets.full_at IS 'When the bucket is full again';
COMMENT ON COLUMN taskcenter.rate_buckets.day_ends_at IS
'When the day ends that day_begun counts, in the zone of the setting default_timezone; null: nothing has a budget';
COMMENT ON COLUMN taskcenter.rate_buckets.day_begun IS
'Attempts that began in that day, while the limit had a daily budget';
COMMENT ON COLUMN taskcenter.rate_buckets.month_ends_at IS
'When the month ends that month_begun counts, in that zone; null: nothing has a budget';
COMMENT ON COLUMN taskcenter.rate_buckets.month_begun IS
'Attempts that began in that month, while the limit had a monthly budget';

COMMENT ON VIEW taskcenter.worker_runs IS 'What external workers hold now';
COMMENT ON COLUMN taskcenter.worker_runs.worker_id IS 'Who holds the run';
COMMENT ON COLUMN taskcenter.worker_runs.worker IS 'Its name; null: it is gone';
COMMENT ON COLUMN taskcenter.worker_runs.run_id IS 'Identifies the run';
COMMENT ON COLUMN taskcenter.worker_runs.task IS 'Name of its task';
COMMENT ON COLUMN taskcenter.worker_runs.attempt IS 'The attempt, from 1';
COMMENT ON COLUMN taskcenter.worker_runs.started_at IS 'When it was claimed';
COMMENT ON COLUMN taskcenter.worker_runs.last_heartbeat_at IS 'The last beat for it';
COMMENT ON COLUMN taskcenter.worker_runs.lease_until IS 'When it is lost without another beat';
COMMENT ON COLUMN taskcenter.worker_runs.cancel_requested_at IS
'When somebody asked for its end; null: nobody did';
COMMENT ON COLUMN taskcenter.worker_runs.done IS 'What report_run_progress() said; null: nothing';
COMMENT ON COLUMN taskcenter.worker_runs.total IS 'Of how much; null: not known';
COMMENT ON COLUMN taskcenter.worker_runs.phase IS 'What it does; null: not said';

COMMENT ON COLUMN taskcenter.live_runs.worker_id IS 'The worker that holds it; null: none does';
COMMENT ON COLUMN taskcenter.live_runs.last_token IS
'Token of the attempt that a worker ended last, by which it is known when it repeats its call';
COMMENT ON COLUMN taskcenter.live_runs.lease_until IS
'When a worker loses it without another beat; null: no worker holds it';
COMMENT ON COLUMN taskcenter.live_runs.group_key IS
'The tenant that it is claimed for in turn; null: the task''s, else the owner';
COMMENT ON COLUMN taskcenter.live_runs.progress IS 'What report_run_progress() said: done, total, phase';
COMMENT ON COLUMN taskcenter.finished_runs.worker_id IS 'The worker that held it last; null: none did';
COMMENT ON COLUMN taskcenter.finished_runs.token IS
'Token of the attempt by which a worker ended it; null: no worker did';
COMMENT ON COLUMN taskcenter.finished_runs.group_key IS
'The tenant that it was claimed for in turn; null: the task''s, else the owner';
