# Logical replication of everything: claims on the publisher do not fail, and
# the subscriber has the rows, runs nothing and doubles no history.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %settings = (init => { allows_streaming => 'logical' },
	'shared_buffers' => "'16MB'", 'max_connections' => 40, 'max_worker_processes' => 24);
my $publisher = new_server('publisher', %settings);
my $subscriber = new_server('subscriber', %settings);

# What the publication carries: history and runs are compared row by row.
my @relations = qw(tasks schedules skipped_fires queues setting_values scheduler_state
  live_runs finished_runs task_run_history task_run_logs kept_keys task_audit_logs workflows task_status_history);

sub contents
{
	my ($node) = @_;
	return sql($node, 'work', join ' UNION ALL ', map {
			"SELECT '$_', count(*), md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\"), '')) FROM taskcenter.$_ AS t"
	} @relations);
}

new_database($publisher, 'work', 'app');
new_database($subscriber, 'work', 'app');
sql($subscriber, 'work', 'TRUNCATE app.effects');
create_task($publisher, 'work', 'app', 'tick', EFFECT, schedule => '* * * * * *');
create_task($publisher, 'work', 'app', 'once', EFFECT);
create_task($publisher, 'work', 'app', 'fails', 'SELECT 1/0', max_attempts => 2, backoff => 'none');
create_task($publisher, 'work', 'app', 'batched', EFFECT, transaction_mode => 'batched');
sql_as($publisher, 'work', 'app', "SELECT taskcenter.create_task('moved', kind => 'manual')");
wait_for($publisher, 'work', 'SELECT count(*) >= 2 FROM app.effects');

subtest 'published by FOR ALL TABLES, nothing of ours fails (T-U06)' => sub {
	sql($publisher, 'work', 'CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = true)');
	enqueue_many($publisher, 'work', 'app', $_, 20) for qw(once batched);
	enqueue_many($publisher, 'work', 'app', 'fails', 3);
	my $cancelled = sql_as($publisher, 'work', 'app', "SELECT taskcenter.enqueue_task('once', run_at => now() + interval '1 hour')");
	sql_as($publisher, 'work', 'app', "SELECT taskcenter.cancel_run($cancelled)");
	ok(wait_for($publisher, 'work', "SELECT count(*) FROM taskcenter.live_runs JOIN taskcenter.tasks USING (task_id) WHERE name <> 'tick'", '0'), 'all runs end');
	is(sql($publisher, 'work', "SELECT task, status, count(*) FROM taskcenter.task_runs WHERE task <> 'tick' GROUP BY 1, 2 ORDER BY 1, 2"),
		"batched|succeeded|20\nfails|failed|3\nonce|cancelled|1\nonce|succeeded|20", 'as they should');
	is(sql_as($publisher, 'work', 'app', "SELECT taskcenter.retry_run(max(run_id)) FROM taskcenter.task_runs WHERE task = 'fails'"), 'queued', 'a finished run can be retried');
	ok(wait_for($publisher, 'work', "SELECT count(*) FROM taskcenter.live_runs JOIN taskcenter.tasks USING (task_id) WHERE name <> 'tick'", '0'), 'and ends again');
	unlike(slurp_file($publisher->logfile), qr/does not have a replica identity/, 'every table has a replica identity');
};

subtest 'the subscriber has the rows and does nothing' => sub {
	my $connection = $publisher->connstr . ' dbname=work';

	sql($subscriber, 'work', "CREATE SUBSCRIPTION copy CONNECTION '$connection' PUBLICATION everything");
	$subscriber->wait_for_subscription_sync($publisher, 'copy', 'work');
	enqueue_many($publisher, 'work', 'app', $_, 20) for qw(once batched fails);
	sql_as($publisher, 'work', 'app', "SELECT taskcenter.retry_run(max(run_id)) FROM taskcenter.task_runs WHERE task = 'fails' AND status = 'failed'");
	sql_as($publisher, 'work', 'app', "SELECT taskcenter.alter_task('once', priority => 7); SELECT taskcenter.enqueue_task('once', run_at => now() + interval '1 second')");
	sql_as($publisher, 'work', 'app', "SELECT taskcenter.set_task_status('moved', 'in_progress'); SELECT taskcenter.set_task_status('moved', 'published'); UPDATE taskcenter.tasks SET status = 'on_hold' WHERE name = 'moved'");
	sql_as($publisher, 'work', 'app', "SELECT taskcenter.create_workflow('w', 'a', '{\"a\": [\"b\"], \"b\": []}'); SELECT taskcenter.create_task('young', kind => 'manual', options => '{\"workflow\": \"w\"}'); UPDATE taskcenter.tasks SET status = 'b' WHERE name = 'young'");
	sql_as($publisher, 'work', 'app', "SELECT taskcenter.archive_task('young'); SELECT taskcenter.drop_workflow('w')");
	ok(wait_for($publisher, 'work', "SELECT count(*) FROM taskcenter.live_runs JOIN taskcenter.tasks USING (task_id) WHERE name <> 'tick'", '0'), 'the publisher works');
	ok(wait_for($publisher, 'work', "SELECT count(*) >= 4 FROM taskcenter.task_runs WHERE task = 'tick'"), 'and fires');
	sql_as($publisher, 'work', 'app', "SELECT taskcenter.pause_task('tick')");
	settle($publisher, 'work', 10);
	$publisher->wait_for_catchup('copy');
	is(contents($subscriber), contents($publisher), 'every relation is the same, row by row');
	is(sql($subscriber, 'work', 'SELECT count(*) FROM app.effects'), sql($publisher, 'work', 'SELECT count(*) FROM app.effects'), 'so are the effects');
	is(executors($subscriber), 0, 'no executor on the subscriber');
	is(sql($subscriber, 'work', "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'identity'"), 'fail', 'its status says that it is a copy');
	is(sql($subscriber, 'work', "SELECT count(*) FROM taskcenter.task_run_history WHERE actor LIKE '%subscr%'"), 0, 'the apply worker recorded nothing');
	unlike(slurp_file($subscriber->logfile), qr/ERROR:  (?!.*terminat)/, 'and met no error');
};

subtest 'the subscriber takes over' => sub {
	sql($publisher, 'work', 'SELECT taskcenter.disable_scheduler()');
	my $waiting = sql_as($publisher, 'work', 'app', "SELECT taskcenter.enqueue_task('once')");
	$publisher->wait_for_catchup('copy');
	sql($subscriber, 'work', 'ALTER SUBSCRIPTION copy DISABLE; ALTER SUBSCRIPTION copy SET (slot_name = NONE); DROP SUBSCRIPTION copy');
	is(sql($subscriber, 'work', "SELECT taskcenter.adopt_database('the publisher is retired')"), 0, 'adopted');
	is(sql($subscriber, 'work', "SELECT taskcenter.resume_scheduler('the publisher is retired')"), 'running', 'resumed');
	is(sql_as($subscriber, 'work', 'app', "SELECT success, old_status FROM taskcenter.set_task_status('moved', 'in_progress')"), 't|on_hold', 'people move their tasks here');
	ok(wait_for($subscriber, 'work', "SELECT status FROM taskcenter.task_runs WHERE run_id = $waiting", 'succeeded'), 'what waited is executed here');
	my $next = eval { enqueue($subscriber, 'work', 'app', 'once') } // 0;
	cmp_ok($next, '>', $waiting, 'new runs have new ids: sequences are not replicated, adoption puts them right');
	create_task($subscriber, 'work', 'app', 'fresh', EFFECT, schedule => '* * * * * *');
	ok(wait_for($subscriber, 'work', "SELECT count(*) >= 2 FROM taskcenter.task_runs WHERE task = 'fresh' AND status = 'succeeded'"), 'new tasks fire');
};

check_log($publisher, per_minute => 40, allow => qr/terminating|starting logical decoding/);
check_log($subscriber, per_minute => 40);
$publisher->stop('immediate');
$subscriber->stop('immediate');
done_testing();
