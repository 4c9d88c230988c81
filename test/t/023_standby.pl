# A standby is quiet; when it is promoted it takes over by itself.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $primary = new_server('primary',
	init => { allows_streaming => 1 },
	'shared_buffers' => "'16MB'",
	'max_connections' => 40,
	'max_worker_processes' => 16);

sub new_standby
{
	my ($name, $from) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);

	$from->backup("for_$name");
	$standby->init_from_backup($from, "for_$name", has_streaming => 1);
	$standby->start;
	return $standby;
}

sub caught_up
{
	my ($standby, $from) = @_;
	my $lsn = $from->safe_psql('postgres', 'SELECT pg_current_wal_flush_lsn()');
	return wait_for($standby, 'postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'");
}

new_database($primary, 'work', 'app');
sql($primary, 'work', 'CREATE TABLE app.pace AS SELECT 0::float8 AS seconds; GRANT ALL ON app.pace TO PUBLIC');
create_task($primary, 'work', 'app', 'tick', EFFECT, schedule => '* * * * * *');
create_task($primary, 'work', 'app', 'boot', EFFECT, schedule => '@reboot');
create_task($primary, 'work', 'app', 'sleep', EFFECT . '; SELECT pg_sleep(seconds) FROM app.pace', options => '{"max_lost": 1000}');
wait_for($primary, 'work', 'SELECT count(*) >= 2 FROM app.effects');
my $standby = new_standby('standby', $primary);

subtest 'a standby is quiet (T-U03)' => sub {
	ok(wait_for($primary, 'work', 'SELECT count(*) >= 4 FROM app.effects'), 'the primary works');
	ok(caught_up($standby, $primary), 'the standby follows');
	is(sql($standby, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'taskcenter%'"), 0, 'no process of ours');
	cmp_ok(sql($standby, 'work', 'SELECT count(*) FROM taskcenter.task_runs'), '>=', 3, 'views are readable');
	is(sql($standby, 'work', "SELECT count(*) FROM taskcenter.status_checks() WHERE check_name = 'launcher' AND detail ~* 'standby'"), 1, 'status says that a standby has no launcher');
	cmp_ok(sql($standby, 'work', 'SELECT count(*) FROM taskcenter.next_fires'), '>=', 1, 'next_fires too');
	is(join("\n", grep { /taskcenter/ && !/parameter/ } split /\n/, slurp_file($standby->logfile)), '', 'not a line of ours in its log');
	like(($standby->psql('work', 'SELECT * FROM taskcenter.read_events()'))[2], qr/cannot be called on a standby/, 'who follows events is sent to the primary');
	my ($result, $out, $err) = $standby->psql('work', "SELECT taskcenter.enqueue_task('sleep')");
	like($err, qr/cannot enqueue a run in a read-only transaction/, 'a call that would write is refused by the server');
	unlike($err, qr/XX000/, 'properly');
};

# The primary is gone in the midst of work; the standby has to go on.
sub promote_in_midst
{
	my ($from, $to, $name) = @_;
	my $started = time;

	sql($from, 'work', 'UPDATE app.pace SET seconds = 600');
	my $before = sql($from, 'work', 'SELECT coalesce(max(run_id), 0) FROM taskcenter.task_runs');
	enqueue_many($from, 'work', 'app', 'sleep', 6);
	wait_for($from, 'work', "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = 'work'", '4');
	sql($from, 'work', 'UPDATE app.pace SET seconds = 0');
	caught_up($to, $from);
	$from->stop('immediate');
	my $boots = sql($to, 'work', "SELECT count(*) FROM taskcenter.task_runs WHERE task = 'boot'");
	cmp_ok(sql($to, 'work', "SELECT count(*) FROM taskcenter.live_runs WHERE status = 'running'"), '>=', 4, "$name: four runs and more were in flight");
	$to->promote;
	within(3, wait_for($to, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskcenter scheduler' AND datname = 'work'", '1'),
		"$name: the scheduler is live");
	within(5, wait_for($to, 'work', "SELECT count(*) FROM taskcenter.live_runs JOIN taskcenter.tasks USING (task_id) WHERE name = 'sleep'", '0'),
		"$name: orphans settled and done");
	is(sql($to, 'work', "SELECT count(*), count(DISTINCT e.run_id) FROM app.effects AS e JOIN taskcenter.task_runs AS r USING (run_id)
			WHERE r.task = 'sleep' AND r.run_id > $before"), '6|6', "$name: each run once");
	is(sql($to, 'work', "SELECT next_run_at > now() - interval '2 seconds' FROM taskcenter.schedules JOIN taskcenter.tasks USING (task_id)
			WHERE tasks.name = 'tick'"), 't', "$name: the next fire is there");
	my $fired = sql($to, 'work', "SELECT count(*) FROM taskcenter.task_runs WHERE task = 'tick'");
	ok(wait_for($to, 'work', "SELECT count(*) >= $fired + 2 FROM taskcenter.task_runs WHERE task = 'tick'"), "$name: and it fires on");
	is(sql($to, 'work', "SELECT count(*) FROM taskcenter.task_runs WHERE task = 'boot'"), $boots, "$name: \@reboot did not fire");
	is(sql($to, 'work', "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'identity'"), 'ok', "$name: it is the same database");
	return;
}

subtest 'promotion takes over (P9)' => sub {
	promote_in_midst($primary, $standby, 'first promotion');
	sql_as($standby, 'work', 'app', "SELECT taskcenter.pause_task('tick')");
	is(unaccounted_fires($standby, 'work', 'tick'), 0, 'every instant has a run or a record');
	sql_as($standby, 'work', 'app', "SELECT taskcenter.resume_task('tick')");
};

subtest 'a promoted server that restarts is like any other' => sub {
	my $boots = sql($standby, 'work', "SELECT count(*) FROM taskcenter.task_runs WHERE task = 'boot'");
	$standby->restart;
	ok(wait_for($standby, 'work', "SELECT count(*) FROM taskcenter.task_runs WHERE task = 'boot'", $boots + 1), '@reboot fires at its next start');
};

if (LONG)
{
	my $from = $standby;
	for my $round (1 .. 10)
	{
		my $next = new_standby("standby$round", $from);
		subtest "promotion $round" => sub { promote_in_midst($from, $next, "promotion $round"); };
		check_log($next, per_minute => 100, allow => qr/terminating|exited with exit code/);
		$from = $next;
	}
	$from->stop;
}

check_log($primary, per_minute => 100);
check_log($standby, per_minute => 100, allow => qr/terminating|exited with exit code/);
$standby->stop('immediate') if !LONG;
done_testing();
