# Who may do what: every function and every relation, for every kind of role.
#
# A function or relation without an expectation here fails the test: add its
# line to @functions or @relations.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use Test::More;

my @roles = qw(owner member stranger viewer enqueuer worker operator admin monitor reader keeper super);

# Who has a right to the task: the levels, as src/access_levels.c says it.
my @own = qw(owner member super);
my @manage = (@own, 'admin');
my @operate = (@manage, 'operator');
my @read = (@operate, 'viewer');
my @enqueue = (@operate, 'enqueuer');
my @view = (@read, qw(enqueuer worker monitor));
my @steer = qw(keeper super);

# who knows of the task, but not its contents, gets an empty answer from functions
my $answered = 'enqueuer=empty worker=empty monitor=empty';

# [ call, who may, what the others get (42501) ]
# The tasks are the owner's: "t", "tells" and "fails" of the application "app", on which the levels
# were granted; "gone" is archived.  Runs: :done (of "tells"), :failed, :cancelled and :queued by the
# owner, :theirs by the enqueuer, :fired by a schedule.  Each call is undone.
my @functions = (
	[ q{create_task('mine', 'SELECT 1')}, \@roles ],
	[ q{create_task('mine', 'SELECT 1', run_as => 'r_owner')}, \@own ],
	[ q{declare_task('t', 'SELECT taskcenter.write_log(''notice'', ''line'')', 'every 1 hour', params => '{"secret": 1}', application => 'app')}, \@manage ],
	[ q{alter_task('t', priority => 1)}, \@manage ],
	[ q{alter_task('t', command => 'SELECT 2')}, \@own ],
	[ q{alter_task('t', options => '{"settings": {"search_path": "evil"}}')}, \@own ],
	[ q{alter_task('tells', run_as => current_user::text)}, \@own ],
	[ q{alter_task('t', queue => 'control')}, \@own ],
	[ q{alter_task('t', application => 'other')}, \@own ],
	[ q{rename_task('t', 'u')}, \@manage ],
	[ q{alter_task_owner('tells', current_user::text)}, \@own ],
	[ q{pause_task('t')}, \@operate ],
	[ q{resume_task('t')}, \@operate ],
	[ q{disable_task('t')}, \@operate ],
	[ q{enable_task('t')}, \@operate ],
	[ q{archive_task('t')}, \@manage ],
	[ q{unarchive_task('gone')}, \@manage ],
	[ q{explain_task('t')}, \@view ],
	[ q{schedule_task('t', '@hourly')}, \@manage ],
	[ q{pause_schedule('t')}, \@operate ],
	[ q{resume_schedule('t')}, \@operate ],
	[ q{drop_schedule('t')}, \@manage ],
	[ q{preview_schedule('@hourly')}, \@roles ],
	[ q{preview_fires()}, \@roles ],
	[ q{preview_fires(task => 't')}, \@view ],
	[ q{pause_scheduler()}, \@steer ],
	[ q{resume_scheduler()}, \@steer ],
	[ q{drain_scheduler()}, \@steer ],
	[ q{disable_scheduler()}, \@steer ],
	[ q{wait_until_idle('0')}, \@roles ],
	[ q{adopt_database('again')}, \@steer ],
	[ q{repair_partitions()}, \@steer ],
	[ q{repair_guards()}, \@steer ],
	[ q{guard_problems()}, \@roles ],
	[ q{create_queue('mine')}, \@steer ],
	[ q{pause_queue('default')}, \@steer ],
	[ q{resume_queue('default')}, \@steer ],
	[ q{limit_queue('default', 1)}, \@steer ],
	[ q{set_setting('max_wait', '1 minute')}, \@steer ],
	[ q{get_setting('max_wait')}, \@roles ],
	[ q{list_settings()}, \@roles ],
	[ q{set_context('me')}, \@roles ],
	[ q{list_databases()}, \@roles ],
	[ q{scheduler_processes()}, \@roles ],
	[ q{enqueue_task('t')}, \@enqueue ],
	[ q{enqueue_task('t', options => '{"queue": "control"}')}, \@own ],
	[ q{enqueue_tasks('[{"task": "t"}]')}, \@enqueue ],
	[ q{wait_for_run(:done)}, \@view ],
	[ q{CALL await_run(:done)}, \@view ],
	[ q{perform_run(:queued)}, ['owner'] ],
	[ q{perform_due_runs('t')}, ['owner'] ],
	[ q{cancel_run(:queued)}, \@operate ],
	[ q{cancel_run(:theirs)}, \@enqueue ],
	[ q{cancel_runs('t')}, \@operate ],
	[ q{cancel_runs()}, \@roles ],
	[ q{retry_run(:cancelled)}, \@operate ],
	[ q{retry_runs('t')}, \@operate ],
	[ q{redrive_dead_letter(1)}, \@operate ],
	[ q{redrive_dead_letters()}, \@roles ],
	[ q{redrive_dead_letters('{"task": "fails"}')}, \@operate ],
	[ q{resolve_dead_letter(1)}, \@operate ],
	[ q{discard_dead_letter(1)}, \@operate ],
	[ q{export_dead_letters()}, \@roles ],
	[ q{export_dead_letters('{"task": "fails"}')}, \@read ],
	[ q{dlq_stats()}, \@roles ],
	[ q{watchdog_metrics()}, \@roles ],
	[ q{last_beat(1, now())}, \@roles ],
	[ q{failure_code_of('22012')}, \@roles ],
	[ q{set_failure_code('MINE', true)}, \@steer ],
	[ q{explain_run(:done)}, \@view ],
	[ q{list_runs()}, \@roles ],
	[ q{run_tree(:graph)}, \@view ],
	[ q{run_dot(:graph)}, \@view ],
	[ q{run_mermaid(:graph)}, \@view ],
	[ q{run_timeline(:graph)}, \@view ],
	[ q{list_runs('t')}, \@view ],
	[ q{listed_run_ids('t', NULL, NULL, NULL, 5)}, \@view ],
	[ q{newest_runs(true)}, \@roles ],
	[ q{last_runs()}, \@roles ],
	[ q{help()}, \@roles ],
	[ q{list_help_topics()}, \@roles ],
	[ q{fold_text('text', 10)}, \@roles ],
	[ q{health()}, \@roles ],
	[ q{api_contract()}, \@roles ],
	[ q{check_contract('{}', false)}, \@roles ],
	[ q{refuse_null('argument', false)}, \@roles ],
	[ q{check_integrity()}, [ @steer, 'monitor' ] ],
	[ q{table_digests()}, [ @steer, 'monitor' ] ],
	[ q{integrity_snapshot()}, [ @steer, 'monitor' ] ],
	[ q{compare_integrity('{}')}, [ @steer, 'monitor' ] ],
	[ q{require_monitor('see this')}, [ @steer, 'monitor' ] ],
	[ q{current_run()}, \@roles ],
	[ q{param('secret')}, \@roles ],
	[ q{write_log('notice', 'text')}, [], '55000' ],
	[ q{report_progress(1)}, [], '55000' ],
	[ q{set_output('{}')}, [], '55000' ],
	[ q{step_output('step')}, [], '55000' ],
	[ q{metrics()}, [ @steer, 'monitor' ] ],
	[ q{set_alert_rule('mine', 'runs_failed', '>', '1')}, \@steer ],
	[ q{drop_alert_rule('mine', true)}, \@steer ],
	[ q{set_attention_rule('mine', 'drop')}, \@steer ],
	[ q{remove_attention_rule('mine', true)}, \@steer ],
	[ q{acknowledge_alert(1)}, [ @operate, 'keeper' ] ],
	[ q{preview_attention('rule', 'mine')}, [ @steer, 'monitor' ] ],
	[ q{review()}, \@roles ],
	[ q{self_test()}, \@steer ],
	[ q{set_flag('f', true)}, \@steer ],
	[ q{override_flag('f', 'x', true)}, \@steer ],
	[ q{flag_enabled('f', 'x')}, \@roles ],
	[ q{read_events()}, \@roles ],
	[ q{events_end()}, \@roles ],
	[ q{next_event_id()}, ['super'] ],
	[ q{next_run_event_id()}, ['super'] ],
	[ q{preview_purge()}, \@steer ],
	[ q{CALL purge()}, \@steer ],
	[ q{hold_history('t', 'why')}, [ @manage, 'keeper' ] ],
	[ q{release_history('t')}, \@steer ],
	[ q{redact_text('password=x')}, \@roles ],
	[ q{redact_json('{}')}, \@roles ],
	[ q{grant_access('r_stranger', 'viewer', task => 't')}, \@manage ],
	[ q{grant_access('r_stranger', 'admin', task => 't')}, \@own ],
	[ q{grant_access('r_stranger', 'viewer', application => 'app', owner => 'r_owner')}, \@manage ],
	[ q{grant_access('r_stranger', 'admin', application => 'app', owner => 'r_owner')}, \@own ],
	[ q{grant_access('r_stranger', 'viewer', queue => 'default', owner => 'r_owner')}, \@own ],
	[ q{grant_access('r_stranger', 'admin', application => 'app')}, \@roles ],
	[ q{revoke_access('r_viewer')}, \@roles ],
	[ q{granted_task_ids('read')}, \@roles ],
	[ q{enqueuing_since()}, \@roles ],
	[ q{is_among(1, '{1}')}, \@roles ],
	[ q{made_run(:theirs)}, \@roles ],
	[ q{list_access_levels()}, \@roles ],
	[ q{visible_owner_ids()}, \@roles ],
	[ q{sees_contents_of_all()}, \@roles ],
	[ q{sees_states_of_all()}, \@roles ],
	[ q{list_run_transitions()}, \@roles ],
	[ q{executor_activity()}, \@roles ],
	[ q{status_checks()}, \@roles ],
	[ q{guard_table('public.free', 'status', 'rows')}, \@own ],
	[ q{unguard_table('public.work')}, \@own ],
	[ q{set_row_status('public.work', '{"id": 1}', 'done')}, \@own ],
	[ q{row_status_history('public.work', '{"id": 1}')}, [ @own, 'reader' ] ],
	[ q{set_task_status('moved', 'in_progress')}, \@operate ],
	[ q{set_task_statuses('[{"task": "moved", "to_status": "in_progress"}]')}, \@roles ],
	[ q{allowed_transitions('moved')}, \@view ],
	[ q{status_history('moved')}, \@view ],
	[ q{transition_failures('moved')}, \@view ],
	[ q{create_workflow('mine', 'a', '{"a": ["b"], "b": []}')}, \@roles ],
	[ q{alter_workflow('editorial', description => 'x')}, \@steer ],
	[ q{drop_workflow('spare')}, \@steer ],
	[ q{save_graph('graphed', '{"steps": {"a": {"command": "SELECT 1"}}}')}, \@manage ],
	[ q{save_graph('graphed', '{"steps": {"a": {"command": "SELECT 2"}}}')}, \@own ],
	[ q{alter_task('graphed', options => '{"graph": {"steps": {"a": {"wait": "1 day"}}}}')}, \@own ],
	[ q{get_graph('graphed')}, \@read ],
	[ q{plan_task('graphed')}, \@read ],
	[ q{task_tree('graphed')}, \@read ],
	[ q{task_dot('graphed')}, \@read ],
	[ q{task_mermaid('graphed')}, \@read ],
	[ q{decide_step(:graph, 'ask', 'approve')}, [qw(operator super)] ],
	[ q{send_signal('go')}, \@roles ],
	[ q{pause_run(:graph)}, \@operate ],
	[ q{resume_run(:graph)}, \@operate ],
	[ q{export_tasks()}, \@roles ],
	[ q{apply_tasks('{"format": 1, "tasks": []}', 'none')}, \@roles ],
	[ q{register_worker('mine', '{default}')}, [ @own, qw(worker admin keeper) ] ],
	[ q{unregister_worker(:worker)}, \@own ],
	[ q{claim_runs(:worker)}, \@own ],
	[ q{heartbeat(:worker)}, \@own ],
	[ q{CALL await_runs(:worker, '0')}, \@own ],
	[ q{complete_run(:held, :token)}, \@own ],
	[ q{complete_runs('[{"run_id": :held, "token": :token}]')}, \@own ],
	[ q{fail_run(:held, :token, 'why')}, \@own ],
	[ q{snooze_run(:held, :token, '1 minute')}, \@own ],
	[ q{log_run(:held, :token, 'notice', 'text')}, \@own ],
	[ q{report_run_progress(:held, :token, 1)}, \@own ],
	[ q{create_alias_views('aliases')}, \@own ],
	[ q{drop_alias_views('aliases')}, \@own ]);

# [ relation, who sees rows, what the others get: empty, or a state ]
my @relations = (
	[ 'access_grants', \@view ],
	[ 'access_levels', \@roles ],
	[ 'alert_rules', [qw(monitor keeper super)] ],
	[ 'alerts', [ @read, qw(monitor keeper) ] ],
	[ 'attention_rules', [qw(monitor keeper super)] ],
	[ 'databases', \@roles ],
	[ 'dead_letters', \@read ],
	[ 'arrivals', ['super'], '42501', 'reader=empty' ],
	[ 'decisions', ['super'], '42501', 'reader=empty' ],
	[ 'failed_runs', \@view ],
	[ 'failure_codes', \@roles ],
	[ 'events', [ @read, 'monitor' ] ],
	[ 'feature_flags', \@roles ],
	[ 'finished_runs', ['super'], '42501', 'reader=empty' ],
	[ 'graph_exemptions', ['super'], '42501', 'reader=empty' ],
	[ 'graph_progress', ['super'], '42501', 'reader=empty' ],
	[ 'graphs', \@read ],
	[ 'flag_overrides', [qw(monitor super)] ],
	[ 'guarded_tables', [ @own, 'monitor' ] ],
	[ 'kept_keys', ['super'], '42501', 'reader=empty' ],
	[ 'live_runs', ['super'], '42501', 'reader=empty' ],
	[ 'next_fires', \@view ],
	[ 'purges', [qw(monitor keeper super)] ],
	[ 'open_dead_letters', \@read ],
	[ 'open_decisions', [qw(operator super)] ],
	[ 'open_alerts', [qw(monitor keeper super)] ],
	[ 'noted_events', ['super'], '42501', 'reader=empty' ],
	[ 'overview', \@roles ],
	[ 'queues', \@roles ],
	[ 'recent_runs', \@view ],
	[ 'review_items', \@view ],
	[ 'run_transitions', \@roles ],
	[ 'running_runs', \@view ],
	[ 'saved_metrics', ['super'], '42501', 'reader=empty' ],
	[ 'scheduler_state', [qw(reader super)], '42501' ],
	[ 'schedules', \@view ],
	[ 'setting_values', [qw(reader super)], '42501' ],
	[ 'settings', \@roles ],
	[ 'signals', ['super'], '42501', 'reader=empty' ],
	[ 'skipped_fires', \@view ],
	[ 'status', \@roles ],
	[ 'storage', \@roles ],
	[ 'task_audit_logs', \@manage ],
	[ 'task_overview', \@view ],
	[ 'task_run_history', [ @read, 'enqueuer' ] ],
	[ 'task_run_logs', \@read ],
	[ 'task_runs', \@view ],
	[ 'task_status_history', \@read ],
	[ 'tasks', \@read ],
	[ 'rate_buckets', ['super'], '42501', 'reader=empty' ],
	[ 'counted_usage', ['super'], '42501', 'reader=empty' ],
	[ 'usage', [ @own, 'monitor' ] ],
	[ 'usage_of_days', ['super'], '42501', 'reader=empty' ],
	[ 'usage_horizon', ['super'], '42501', 'reader=empty' ],
	[ 'worker_runs', \@view ],
	[ 'workers', [ @own, 'monitor' ] ],
	[ 'workflow_transitions', \@roles ],
	[ 'workflows', \@roles ]);

# [ statement, who reads or changes a row, what the others get ]
my @contents = (
	[ q{SELECT FROM taskcenter.task_runs WHERE run_id = :done AND params IS NOT NULL}, \@read ],
	[ q{SELECT FROM taskcenter.task_runs WHERE run_id = :done AND output IS NOT NULL}, \@read ],
	[ q{SELECT FROM taskcenter.task_runs WHERE run_id = :queued AND unique_key IS NOT NULL}, \@read ],
	[ q{SELECT FROM taskcenter.task_runs WHERE run_id = :failed AND error IS NOT NULL}, \@read ],
	[ q{SELECT FROM taskcenter.task_runs WHERE run_id = :cancelled AND reason IS NOT NULL}, \@read ],
	[ q{SELECT FROM taskcenter.task_runs WHERE run_id = :theirs AND params IS NOT NULL}, [ @enqueue, 'viewer' ] ],
	[ q{SELECT FROM taskcenter.task_runs WHERE run_id = :fired AND params IS NOT NULL}, \@read ],
	[ q{SELECT FROM taskcenter.recent_runs WHERE run_id = :failed AND error IS NOT NULL}, \@read ],
	[ q{SELECT FROM taskcenter.failed_runs WHERE run_id = :failed AND error IS NOT NULL}, \@read ],
	[ q{SELECT FROM jsonb_array_elements(taskcenter.export_dead_letters())}, \@read ],
	[ q{SELECT FROM taskcenter.redrive_dead_letters(dry_run => true) WHERE problem IS NULL}, \@operate ],
	[ q{SELECT FROM taskcenter.dlq_stats() AS s WHERE s ->> 'open' = '1'}, \@view ],
	[ q{SELECT FROM taskcenter.wait_for_run(:failed) WHERE error IS NOT NULL}, \@read, '42501', $answered ],
	[ q{SELECT FROM taskcenter.wait_for_run(:done) WHERE output IS NOT NULL}, \@read, '42501', $answered ],
	[ q{SELECT FROM taskcenter.explain_run(:failed) WHERE detail ~ 'division'}, \@read, '42501', $answered ],
	[ q{SELECT FROM taskcenter.list_runs() WHERE params IS NOT NULL AND run_id = :done}, \@read ],
	[ q{SELECT FROM taskcenter.export_tasks('app') AS d WHERE d::text ~ 'write_log'}, \@read ],
	[ q{SELECT FROM taskcenter.task_run_history WHERE run_id = :theirs}, [ @enqueue, 'viewer' ] ],
	[ q{SELECT FROM taskcenter.task_run_history WHERE run_id = :done}, \@read ],
	[ q{SELECT FROM taskcenter.read_events() WHERE run_id = :done}, \@read ],
	[ q{SELECT FROM taskcenter.events WHERE run_id = :done}, \@read ],
	[ q{SELECT FROM taskcenter.events WHERE event_type = 'task_changed'}, \@own ],
	[ q{SELECT FROM taskcenter.events WHERE event_type = 'flag_changed'}, [qw(monitor super)] ],
	[ q{UPDATE taskcenter.tasks SET state = 'paused' WHERE name = 't'}, \@operate ],
	[ q{UPDATE taskcenter.tasks SET status = status WHERE name = 't'}, \@operate ],
	[ q{UPDATE taskcenter.tasks SET status = 'in_progress' WHERE name = 'moved'}, \@operate ],
	[ q{SELECT FROM taskcenter.set_task_statuses('[{"task": "moved", "to_status": "in_progress"}]') AS s WHERE s::text ~ ',t,pending,in_progress'}, \@operate ],
	[ q{UPDATE taskcenter.schedules SET state = 'paused'}, \@operate ],
	[ q{UPDATE taskcenter.tasks SET command = command WHERE name = 't'}, ['super'], '42501' ],
	[ q{UPDATE taskcenter.tasks SET owner_id = owner_id WHERE name = 't'}, ['super'], '42501' ],
	[ q{UPDATE taskcenter.schedules SET next_run_at = next_run_at}, ['super'], '42501' ]);

my $node = new_server('main', 'taskcenter.databases' => q{'none'}, 'autovacuum' => 'off');
my %name = map { $_ => $_ eq 'super' ? 'postgres' : "r_$_" } @roles;

$node->safe_psql('postgres', join(';', map { "CREATE ROLE $name{$_} LOGIN" } grep { $_ ne 'super' } @roles));
$node->safe_psql('postgres', <<'SQL');
GRANT r_owner TO r_member;
GRANT pg_monitor TO r_monitor;
GRANT pg_read_all_data TO r_reader;
SQL
new_database($node, 'app');
sql($node, 'postgres', 'ALTER DATABASE app OWNER TO r_keeper');

my %runs;
sub as { return sql_as($node, 'app', $name{ $_[0] }, $_[1]); }
as('owner', "SELECT taskcenter.create_task('t', 'SELECT taskcenter.write_log(''notice'', ''line'')', 'every 1 hour',
	params => '{\"secret\": 1}', application => 'app')");
as('owner', q{SELECT taskcenter.create_task('tells', 'SELECT taskcenter.set_output(''{"a": 1}'')', application => 'app')});
as('owner', q{SELECT taskcenter.create_task('fails', 'SELECT 1 / 0', application => 'app')});
as('owner', q{SELECT taskcenter.create_task('moved', kind => 'manual', application => 'app')});
as('owner', q{SELECT taskcenter.create_task('graphed', kind => 'composite', application => 'app',
	options => '{"graph": {"steps": {"a": {"command": "SELECT 1"}}}}')});
as('owner', q{SELECT taskcenter.create_task('asks', kind => 'composite', application => 'app',
	options => '{"graph": {"steps": {"ask": {"approval": {"roles": ["r_operator"]}}}}}')});
as('owner', q{SELECT taskcenter.create_task('gone', 'SELECT 1', application => 'app')});
as('owner', q{SELECT taskcenter.archive_task('gone')});
as('owner', "SELECT taskcenter.grant_access('r_$_', '$_', application => 'app')") for qw(viewer enqueuer worker operator admin);

as('owner', q{SELECT taskcenter.create_task('calls', kind => 'external', application => 'app')});
sql($node, 'app', 'CREATE ROLE r_left LOGIN; GRANT r_left TO r_owner');
as('owner', q{SELECT taskcenter.create_task('orphan', 'SELECT 1', run_as => 'r_left', application => 'app')});
sql($node, 'app', 'DROP ROLE r_left');

sub performed
{
	my ($task) = @_;
	my $run = as('owner', "SELECT taskcenter.enqueue_task('$task')");
	as('owner', "SELECT taskcenter.perform_run($run)");
	return $run;
}
performed('t');
$runs{done} = performed('tells');
$runs{failed} = performed('fails');
$runs{cancelled} = as('owner', q{SELECT taskcenter.enqueue_task('t')});
as('owner', "SELECT taskcenter.cancel_run($runs{cancelled}, 'why')");
$runs{queued} = as('owner', q{SELECT taskcenter.enqueue_task('t', unique_key => 'key', options => '{"unique_for": "1 day"}')});
$runs{theirs} = as('enqueuer', q{SELECT taskcenter.enqueue_task('t', params => '{"theirs": 1}')});
as('owner', q{SELECT taskcenter.enqueue_task('calls')});
$runs{worker} = as('owner', q{SELECT taskcenter.register_worker('theirs', '{default}')});
@runs{qw(held token)} = split /\|/, as('owner', "SELECT run_id, token FROM taskcenter.claim_runs($runs{worker}, lease => '1 day')");
# rows that only an engine makes: a superuser may, as a restore does
sql($node, 'app', <<'SQL');
SELECT taskcenter.set_setting('max_wait', '1 minute');
SELECT taskcenter.set_flag('f', true), taskcenter.override_flag('f', 'someone', false);
ALTER TABLE taskcenter.noted_events DISABLE TRIGGER guard_record;
INSERT INTO taskcenter.noted_events (recorded_at, event_type) VALUES (now(), 'scheduler_tick');
ALTER TABLE taskcenter.noted_events ENABLE ALWAYS TRIGGER guard_record;
SELECT taskcenter.create_workflow('spare', 'a', '{"a": ["b"], "b": []}');
INSERT INTO taskcenter.rate_buckets VALUES (1, 'key', now());
INSERT INTO taskcenter.counted_usage SELECT '2020-12-31', owner_id, 'tenant', owner, 1, 0, '1 second' FROM taskcenter.tasks WHERE name = 't';
INSERT INTO taskcenter.kept_keys (task_id, unique_key, run_id, params, expires_at)
SELECT task_id, 'old', 1, '{}', now() - interval '1 hour' FROM taskcenter.tasks WHERE name = 't';
INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at,
	priority, max_attempts, status, token, attempt, created_by, graph_version, claimed_at)
SELECT 1000010, t.task_id, t.run_as_id, t.owner_id, 1, now(), now(), 0, 1, 'running', 1000010, 1, 'r_owner', 1, now()
FROM taskcenter.tasks AS t WHERE t.name = 'asks';
INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at,
	priority, max_attempts, status, created_by, parent_run_id, step, definition_id, step_state)
SELECT 1000011, t.task_id, t.run_as_id, t.owner_id, 1, 'infinity', now(), 0, 1, 'queued', 'r_owner', 1000010,
	'ask', g.first_definition_id, '{}'
FROM taskcenter.tasks AS t JOIN taskcenter.graphs AS g USING (task_id) WHERE t.name = 'asks';
INSERT INTO taskcenter.graph_progress (run_id, task_id, version, owner_id, state)
SELECT 1000010, t.task_id, 1, t.owner_id, 'r' FROM taskcenter.tasks AS t WHERE t.name = 'asks';
INSERT INTO taskcenter.graph_exemptions (run_id) VALUES (1000010);
INSERT INTO taskcenter.arrivals (root_run_id, run_id, step, outcome, arrived_at)
VALUES (1000012, 1000013, 'gone', 'succeeded', now());
INSERT INTO taskcenter.decisions (run_id, role_id, role, owner_id, decision, decided_at)
VALUES (1000013, 10, 'postgres', 10, 'approve', now());
INSERT INTO taskcenter.signals (signal, sent_at, sent_by, sender_id) VALUES ('gone', now(), 'postgres', 10);
CALL taskcenter.purge();
CREATE SCHEMA aliases AUTHORIZATION r_owner;
CREATE TABLE public.free (id int PRIMARY KEY, status text);
CREATE TABLE public.work (id int PRIMARY KEY, status text);
INSERT INTO public.work VALUES (1, NULL);
ALTER TABLE public.free OWNER TO r_owner;
ALTER TABLE public.work OWNER TO r_owner;
SET ROLE r_owner;
SELECT taskcenter.create_workflow('rows', 'open', '{"open": ["done"], "done": []}');
SELECT taskcenter.guard_table('public.work', 'status', 'rows');
UPDATE public.work SET status = 'open';
RESET ROLE;
INSERT INTO taskcenter.skipped_fires (schedule_id, task_id, owner_id, skipped_from, skipped_to, instants, reason)
SELECT schedule_id, task_id, owner_id, now(), now(), 1, 'overlap' FROM taskcenter.schedules;
ALTER TABLE taskcenter.task_status_history DISABLE TRIGGER guard_record;
INSERT INTO taskcenter.task_status_history (task_id, owner_id, new_status, accepted, requested_status, actor)
SELECT task_id, owner_id, 'pending', true, 'pending', 'r_owner' FROM taskcenter.tasks WHERE name = 't';
ALTER TABLE taskcenter.task_status_history ENABLE ALWAYS TRIGGER guard_record;
SELECT taskcenter.set_alert_rule('rule', 'runs_failed', '>', '1');
ALTER TABLE taskcenter.alerts DISABLE TRIGGER guard_record;
INSERT INTO taskcenter.alerts (raised_at, kind, name, state, severity, alert_rule_id, task_id, metric, threshold, detail)
SELECT now(), 'failures', name, 'notified', 'warning', NULL, task_id, 'failures_in_a_row', '3', 'It fails.'
FROM taskcenter.tasks WHERE name = 'fails'
UNION ALL SELECT clock_timestamp(), 'rule', name, 'breached', severity, alert_rule_id, NULL, metric, threshold, 'It is so.'
FROM taskcenter.alert_rules;
ALTER TABLE taskcenter.alerts ENABLE ALWAYS TRIGGER guard_record;
SELECT taskcenter.set_attention_rule('none', 'drop', pattern => 'none');
INSERT INTO taskcenter.saved_metrics VALUES ('others', 0, 0, 0, now(), true, '{}');
INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at, priority,
    max_attempts, status, token, schedule_id, created_by)
SELECT 1000000 + n, task_id, run_as_id, owner_id, 1, now(), now(), 0, 1, CASE n WHEN 1 THEN 'running' ELSE 'queued' END,
    CASE n WHEN 1 THEN 1 END, CASE n WHEN 2 THEN 1 END, 'r_enqueuer'
FROM taskcenter.tasks, generate_series(1, 2) AS n WHERE name = 't';
SQL
$runs{fired} = 1000002;
$runs{graph} = 1000010;

# What a statement comes to; it is undone.  rows: how many it returned or changed.
sql($node, 'app', <<'SQL');
CREATE FUNCTION public.outcome(statement text, OUT state text, OUT rows bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION WHEN OTHERS THEN
    state := CASE SQLSTATE WHEN 'UNDO0' THEN 'ok' ELSE SQLSTATE END;
END $$;
SQL

# outcomes(role, statements): "state|rows" of each.
sub outcomes
{
	my ($role, @statements) = @_;
	my $query = join ";\n", map { "SELECT state, rows FROM public.outcome(\$try\$$_\$try\$)" } @statements;
	my @lines = split /\n/, $node->safe_psql('app', "SET client_min_messages = error;\n$query", extra_params => [ '-U', $name{$role} ]);
	return @lines;
}

# A procedure that commits is called by itself.
sub called
{
	my ($role, $call) = @_;
	my ($result, $out, $error) = $node->psql('app', "\\set VERBOSITY sqlstate\n$call", extra_params => [ '-U', $name{$role} ]);
	return $error =~ /ERROR:  (\w{5})/ ? $1 : 'ok';
}

sub spelt
{
	my ($call) = @_;
	$call =~ s/:(done|failed|queued|cancelled|theirs|fired|worker|held|token|graph)\b/$runs{$1}/g;
	return $call if $call =~ /^(?:SELECT|UPDATE) /;
	return $call =~ /^CALL (.*)/ ? "CALL taskcenter.$1" : "SELECT * FROM taskcenter.$call";
}

# Compare "role=state ..." of all roles.
sub is_expected
{
	my ($name, $got, $good, $who, $denied, $exceptions) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my %expected = map { $_ => $denied // '42501' } @roles;

	$expected{$_} = $good for @$who;
	%expected = (%expected, map { split /=/ } split / /, $exceptions // '');
	return is(join(' ', map { "$_=" . ($got->{$_} // '?') } @roles), join(' ', map { "$_=$expected{$_}" } @roles), $name);
}

subtest 'functions' => sub {
	my %seen = map { $_->[0] =~ /^(?:CALL )?(\w+)/ ? ($1 => 1) : () } @functions;
	my @missing = grep { !$seen{ (split /\(/)[0] } } split /\n/, sql($node, 'app',
		"SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' FROM pg_proc AS p
		 WHERE p.pronamespace = 'taskcenter'::regnamespace AND p.prorettype <> 'trigger'::regtype ORDER BY 1");
	is(join("\n", @missing), '', 'each function has an expectation')
	  or diag("who may call it?  Add a line to \@functions in $0, such as\n",
		map { my ($f) = /^(\w+)/; "\t[ q{$f(...)}, \\\@operate ],\n" } @missing);

	my %got;
	for my $role (@roles)
	{
		my @plain = grep { $_->[0] !~ /^CALL/ } @functions;
		my @states = map { (split /\|/)[0] } outcomes($role, map { spelt($_->[0]) } @plain);
		$got{ $plain[$_][0] }{$role} = $states[$_] for 0 .. $#plain;
		$got{ $_->[0] }{$role} = called($role, spelt($_->[0])) for grep { $_->[0] =~ /^CALL/ } @functions;
	}
	is_expected($_->[0], $got{ $_->[0] }, 'ok', @$_[ 1 .. $#$_ ]) for @functions;
};

# rows, empty, or the state
sub shape
{
	my ($state, $rows) = split /\|/, $_[0];
	return $state ne 'ok' ? $state : $rows > 0 ? 'rows' : 'empty';
}

sub check_rows
{
	my ($statement, @expectations) = @_;
	my %got;

	for my $role (@roles)
	{
		my @shapes = map { shape($_) } outcomes($role, map { spelt($statement->($_)) } @expectations);
		$got{ $expectations[$_][0] }{$role} = $shapes[$_] for 0 .. $#expectations;
	}
	for (@expectations)
	{
		my ($name, $who, $denied, $exceptions) = @$_;
		is_expected($name, $got{$name}, 'rows', $who, $denied // 'empty', $exceptions);
	}
	return;
}

subtest 'rows of relations' => sub {
	my %seen = map { $_->[0] => 1 } @relations;
	my @missing = grep { !$seen{$_} } split /\n/, sql($node, 'app',
		"SELECT relname FROM pg_class WHERE relnamespace = 'taskcenter'::regnamespace
		 AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition ORDER BY 1");
	is(join("\n", @missing), '', 'each relation has an expectation')
	  or diag("who sees its rows?  Add a line to \@relations in $0, such as\n", map { "\t[ '$_', \\\@read ],\n" } @missing);
	check_rows(sub { "SELECT * FROM taskcenter.$_[0][0]" }, @relations);
};

subtest 'contents of rows' => sub { check_rows(sub { $_[0][0] }, @contents) };

# INSERT, UPDATE, DELETE and TRUNCATE of everything, partitions too
subtest 'writing' => sub {
	my @all = map { [ split /\|/ ] } split /\n/, sql($node, 'app',
		"SELECT c.relname, c.relkind, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = 1
		 WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') ORDER BY 1");
	for my $role (grep { $_ ne 'super' } @roles)
	{
		my (@statements, @bad);
		for (@all)
		{
			my ($name, $kind, $column) = @$_;
			push @statements, $kind eq 'S' ? ("SELECT nextval('taskcenter.$name')", "SELECT setval('taskcenter.$name', 1)")
			  : ("INSERT INTO taskcenter.$name DEFAULT VALUES", "UPDATE taskcenter.$name SET $column = $column",
				"DELETE FROM taskcenter.$name", $kind eq 'v' ? () : "TRUNCATE taskcenter.$name");
		}
		my @states = outcomes($role, @statements);
		for (0 .. $#states)
		{
			# a view that takes no rows says so first
			push @bad, "$statements[$_]: $states[$_]" unless $states[$_] =~ /^42501/ || $states[$_] =~ /^55000/ && $statements[$_] !~ /TRUNCATE/;
		}
		is(join("\n", @bad), '', "$role writes nothing by plain SQL");
	}
	is(sql($node, 'app', <<'SQL'), '', 'nobody else holds a privilege to write, refer to or put triggers on anything');
SELECT c.relname, g.grantee::regrole, g.privilege_type
FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS g
WHERE c.relnamespace = 'taskcenter'::regnamespace AND g.grantee <> c.relowner AND g.privilege_type <> 'SELECT'
SQL
	is(sql($node, 'app', <<'SQL'), "schedules|state\ntasks|state\ntasks|status", 'nor to any column, but to these by everybody');
SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
CROSS JOIN aclexplode(a.attacl) AS g
WHERE c.relnamespace = 'taskcenter'::regnamespace AND g.grantee <> c.relowner ORDER BY 1, 2
SQL
	my @tables = map { $_->[0] } grep { $_->[1] =~ /[rp]/ } @all;
	my @states = outcomes('super', map { "TRUNCATE taskcenter.$_ CASCADE" } @tables);
	is(join(' ', map { $states[$_] =~ /^55000/ ? () : $tables[$_] } 0 .. $#tables), 'kept_keys', 'a superuser truncates nothing but keys that are kept');
};

$node->stop;
done_testing();
