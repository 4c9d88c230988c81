# What sessions do with runs that executors execute: wait, await, watch, cancel,
# perform beside them, keep a key until the start.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('run_api');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'taskcenter'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE alice LOGIN');
$node->safe_psql('postgres', 'CREATE EXTENSION taskcenter');

sub query
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql, extra_params => [ '-U', 'alice' ]);
}

sub fails
{
	my ($sql, $pattern, $name) = @_;
	my ($code, $out, $err) =
	  $node->psql('postgres', $sql, extra_params => [ '-U', 'alice' ]);
	isnt($code, 0, "$name is refused");
	like($err, $pattern, "$name says why");
}

query(q{SELECT taskcenter.create_task('quick', 'SELECT taskcenter.set_output(taskcenter.param(''x''))')});
query(q{SELECT taskcenter.create_task('slow', $$
    SELECT taskcenter.write_log('notice', 'has begun'), taskcenter.report_progress(3, 10, 'waiting');
    SELECT pg_sleep(600) $$)});

# waiting
my $run = query(q{SELECT taskcenter.enqueue_task('quick', '{"x": [1]}')});
is(query("SELECT task, status, output, finished_at IS NOT NULL FROM taskcenter.wait_for_run($run)"),
	'quick|succeeded|[1]|t', 'wait_for_run returns the outcome');
is(query("CALL taskcenter.await_run($run)"), 'succeeded', 'await_run returns the status');

# a run that executes: seen by others, without a commit
my $slow = query(q{SELECT taskcenter.enqueue_task('slow')});
ok( $node->poll_query_until(
		'postgres',
		"SELECT count(*) = 1 FROM taskcenter.running_runs WHERE run_id = $slow AND pid IS NOT NULL
         AND done = 3 AND total = 10 AND phase = 'waiting'"),
	'progress is shown live');
is(query("SELECT status FROM taskcenter.wait_for_run($slow, '10 ms')"),
	'running', 'a wait that ends early tells the present status');
is(query("SELECT reason FROM taskcenter.explain_run($slow)"), 'it is running', 'explained');
fails("SELECT taskcenter.retry_run($slow)", qr/cannot be retried/, 'retry of a running run');
fails("SELECT taskcenter.perform_run($slow)", qr/cannot be performed/, 'performing a running run');
fails("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT taskcenter.wait_for_run($slow)",
	qr/cannot wait in this transaction/, 'waiting under a fixed snapshot');

# await_run holds nothing while it waits
my $waiter = $node->background_psql('postgres', extra_params => [ '-U', 'alice' ]);
$waiter->query_until(qr/begin/, "\\echo begin\nCALL taskcenter.await_run($slow);\n");
ok( $node->poll_query_until(
		'postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ '^CALL taskcenter.await_run'
         AND wait_event_type = 'Extension' AND backend_xmin IS NULL AND backend_xid IS NULL"),
	'await_run holds no snapshot');

# a cancellation that is rolled back cancels nothing; one that commits does
query("BEGIN; SELECT taskcenter.cancel_run($slow, 'no'); ROLLBACK");
is(query("SELECT status FROM taskcenter.wait_for_run($slow, '200 ms')"),
	'running', 'a rolled back cancellation does nothing');
is(query("SELECT taskcenter.cancel_run($slow, 'enough')"), 'cancelling', 'cancelling');
is(query("SELECT status FROM taskcenter.wait_for_run($slow)"), 'cancelled', 'cancelled');
$waiter->query_until(qr/cancelled/, "\n");
$waiter->quit;
is( query("SELECT new_status, reason, actor FROM taskcenter.task_run_history
           WHERE run_id = $slow ORDER BY changed_at DESC LIMIT 1"),
	'cancelled|enough|alice', 'the history names who and why');
is( query("SELECT message FROM taskcenter.task_run_logs
           WHERE run_id = $slow AND level = 'notice'"),
	'has begun', 'log lines survive the cancellation');
is(query("SELECT taskcenter.cancel_run($slow)"), 'cancelled', 'a finished run is left alone');
is(query("SELECT taskcenter.retry_run($slow)"), 'queued', 'the same run again');
ok( $node->poll_query_until(
		'postgres', "SELECT count(*) = 1 FROM taskcenter.running_runs WHERE run_id = $slow AND attempt = 2 AND pid IS NOT NULL"),
	'in its second attempt');
is(query("SELECT string_agg(status, ',') FROM taskcenter.cancel_runs('slow')"), 'cancelling', 'all of the task');
is(query("SELECT status FROM taskcenter.wait_for_run($slow)"), 'cancelled', 'cancelled again');

# performing beside executors: they do not see it
is( query(q{BEGIN;
        SELECT taskcenter.enqueue_task('quick', '{"x": 5}') AS r \gset
        SELECT status, output FROM taskcenter.perform_run(:r);
        COMMIT;}),
	"succeeded|5", 'performed in the session');
is(query(q{SELECT count(*) FROM taskcenter.task_run_history WHERE actor = 'executor' AND run_id =
        (SELECT max(run_id) FROM taskcenter.task_runs WHERE task = 'quick')}), '0', 'by nobody else');

# a key until the start: held back until the promise is committed, then started
my $holder = $node->background_psql('postgres', extra_params => [ '-U', 'alice' ]);
$node->safe_psql('postgres', q{SELECT taskcenter.pause_queue('default')});
my $keyed = query(q{SELECT taskcenter.enqueue_task('quick', unique_key => 'k', unique_until => 'started')});
$holder->query_safe('BEGIN');
is( $holder->query_safe(q{SELECT taskcenter.enqueue_task('quick', unique_key => 'k', unique_until => 'started')}),
	$keyed, 'the queued run is promised');
$node->safe_psql('postgres', q{SELECT taskcenter.resume_queue('default')});
is(query("SELECT status FROM taskcenter.wait_for_run($keyed, '300 ms')"),
	'queued', 'it does not start before the promise is committed');
$holder->query_safe('COMMIT');
is(query("SELECT status FROM taskcenter.wait_for_run($keyed)"), 'succeeded', 'and starts then');
$holder->quit;

# everything is in order
is($node->safe_psql('postgres', q{SELECT string_agg(check_name, ',') FROM taskcenter.status_checks() WHERE state = 'fail'}),
	'', 'status finds no failure');

$node->stop;
done_testing();
