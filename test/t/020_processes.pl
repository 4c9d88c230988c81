# Launcher, schedulers and executors: who is started, for whom, how many, who
# yields to whom, and who comes back when it is ended.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = new_server('main',
	'taskcenter.max_executors' => 2,
	'taskcenter.turn' => "'200ms'",
	'max_worker_processes' => 16);
my @roles = qw(alice bob carol);

sub count_effects
{
	my ($db) = @_;
	return sql($node, $db, 'SELECT count(*) FROM app.effects');
}

# The largest number of executors of a role, or of all, while code's runs last.
sub most_executors
{
	my ($db, $role, $seconds) = @_;
	my $most = 0;

	my $elapsed = wait_until(
		sub {
			my ($count, $left) = split /\|/,
			  sql($node, $db,
				"SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskcenter executor'"
				  . ($role ? " AND usename = '$role'" : '') . '),
				 (SELECT count(*) FROM taskcenter.live_runs)');
			$most = $count if $count > $most;
			return $left == 0;
		},
		$seconds);
	ok(defined $elapsed, 'all runs finished');
	return $most;
}

subtest 'schedulers are found and made without a restart' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE plain; CREATE DATABASE tpl IS_TEMPLATE true');
	is(pids($node, 'launcher'), 1, 'one launcher');
	for my $db (qw(one two))
	{
		new_database($node, $db, @roles);
		within(5, wait_for($node, 'postgres',
				"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskcenter scheduler' AND datname = '$db'", '1'),
			"CREATE EXTENSION in \"$db\" brings its scheduler");
		create_task($node, $db, 'alice', 'tick', EFFECT, schedule => '* * * * * *');
	}
	for my $db (qw(one two))
	{
		ok(wait_for($node, $db, 'SELECT count(*) >= 2 FROM app.effects'), "schedules of \"$db\" fire");
	}

	sql($node, 'plain', 'BEGIN; SET client_min_messages = error; CREATE EXTENSION taskcenter; ROLLBACK');
	sql($node, 'tpl', 'SET client_min_messages = error; CREATE EXTENSION taskcenter');
	new_database($node, 'three', @roles);
	ok(wait_for($node, 'postgres',
			"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskcenter scheduler' AND datname = 'three'", '1'),
		'a later database is found as well');
	one_scheduler_each($node, qw(one two three));
	is(sql($node, 'postgres',
			"SELECT string_agg(DISTINCT wait_event, ' ' ORDER BY wait_event) FROM pg_stat_activity
			 WHERE backend_type IN ('taskcenter launcher', 'taskcenter scheduler') AND wait_event_type = 'Extension'"),
		'Extension', 'they wait on their latches');
	for my $db (qw(one two))
	{
		sql_as($node, $db, 'alice', "SELECT taskcenter.pause_task('tick')");
		is(unaccounted_fires($node, $db, 'tick'), 0, "every instant of \"$db\" has one run");
	}
};

subtest 'executors are few, pooled and bound to their role' => sub {
	settle($node, 'one', 20);
	sql($node, 'one', 'TRUNCATE app.effects');
	for my $role (@roles)
	{
		create_task($node, 'one', $role, "short_$role", EFFECT . '; SELECT pg_sleep(0.01)');
		enqueue_many($node, 'one', $role, "short_$role", 60);
	}
	my $most = most_executors('one', undef, 60);
	cmp_ok($most, '<=', 2, "at most max_executors = 2 existed, measured $most");
	is(sql($node, 'one', 'SELECT count(*), count(DISTINCT run_id) FROM app.effects'),
		'180|180', 'each run was executed once');
	is(sql($node, 'one',
			'SELECT count(*) FROM (SELECT pid FROM app.effects GROUP BY pid HAVING count(DISTINCT role) > 1) AS mixed'),
		0, 'no process served two roles');
	is(sql($node, 'one', "SELECT count(*) FROM app.effects AS e JOIN taskcenter.task_runs AS r USING (run_id)
			WHERE r.task <> 'short_' || e.role"), 0, 'each run was executed by the role of its task');
	my $processes = sql($node, 'one', 'SELECT count(DISTINCT pid) FROM app.effects');
	cmp_ok($processes, '<=', 60, "executors are used again: $processes processes for 180 runs");
};

subtest 'a role that floods does not starve others (T-R06)' => sub {
	my ($flood, $worst) = (LONG ? 2000 : 400, 0);

	create_task($node, 'one', 'alice', 'flood', EFFECT . '; SELECT pg_sleep(0.05)');
	create_task($node, 'two', 'bob', 'short_bob', EFFECT);
	enqueue_many($node, 'one', 'alice', 'flood', $flood);
	ok(wait_for($node, 'one', "SELECT count(*) >= 4 FROM app.effects JOIN taskcenter.task_runs USING (run_id) WHERE task = 'flood'"),
		'the flood runs');
	# three tenants, turns of 0.2 s and runs of 0.05 s; one of them in another database
	for my $round (1 .. (LONG ? 20 : 4))
	{
		for my $other ([ 'one', 'bob' ], [ 'one', 'carol' ], [ 'two', 'bob' ])
		{
			my ($db, $role) = @$other;
			my $run = enqueue($node, $db, $role, "short_$role");
			my $waited = wait_for($node, $db, "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded') // 99;
			$worst = $waited if $waited > $worst;
		}
	}
	within(1.5, $worst, 'others are served while alice floods, worst');
	ok(sql($node, 'one', "SELECT count(*) FROM taskcenter.live_runs") > 0, 'the flood was still on');
	ok(defined settle($node, 'one', 120), 'the flood ends');
	is(sql($node, 'one', "SELECT status, count(*) FROM taskcenter.task_runs WHERE task = 'flood' GROUP BY 1"),
		"succeeded|$flood", 'none of its runs was lost by yielding');
};

subtest 'an idle executor yields to another role at once' => sub {
	my $idle = sql($node, 'one', "SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity
		WHERE backend_type = 'taskcenter executor'");
	sql($node, 'one', 'CREATE ROLE dave LOGIN');
	create_task($node, 'one', 'dave', 'first_of_dave', EFFECT);
	my $run = enqueue($node, 'one', 'dave', 'first_of_dave');
	within(2, wait_for($node, 'one', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'),
		"executors idled ($idle), dave's run finished");
	cmp_ok(executors($node), '<=', 2, 'still at most two');
};

subtest 'executors are recycled' => sub {
	configure($node, 'taskcenter.executor_max_runs' => 5);
	$node->reload;
	sql($node, 'one', 'TRUNCATE app.effects');
	create_task($node, 'one', 'bob', 'steady', EFFECT . '; SELECT pg_sleep(0.06)');
	enqueue_many($node, 'one', 'bob', 'steady', 24);
	ok(defined settle($node, 'one', 40), 'all done');
	my ($processes, $most) = split /\|/, sql($node, 'one',
		'SELECT count(*), max(runs) FROM (SELECT pid, count(*) AS runs FROM app.effects GROUP BY pid) AS p');
	cmp_ok($most, '<=', 5, "after executor_max_runs = 5: $processes processes, at most $most runs each");

	configure($node, 'taskcenter.executor_max_runs' => 0, 'taskcenter.executor_max_memory' => "'1MB'");
	$node->reload;
	sql($node, 'one', 'TRUNCATE app.effects');
	# memory is looked at now and then only
	enqueue_many($node, 'one', 'bob', 'steady', 48);
	ok(defined settle($node, 'one', 40), 'all done');
	my $processes_small = sql($node, 'one', 'SELECT count(DISTINCT pid) FROM app.effects');
	cmp_ok($processes_small, '>=', 3, "beyond executor_max_memory: $processes_small processes for 48 runs");

	configure($node, 'taskcenter.executor_max_memory' => "'256MB'", 'taskcenter.executor_idle_timeout' => "'1s'");
	$node->reload;
	enqueue($node, 'one', 'bob', 'steady');
	ok(defined settle($node, 'one', 20), 'done');
	within(8, wait_until(sub { executors($node) == 0 }, 12), 'after executor_idle_timeout = 1 s all are gone');
	configure($node, 'taskcenter.executor_idle_timeout' => "'300s'");
	$node->reload;
};

subtest 'ALTER ROLE and ALTER DATABASE ... SET hold from the next run on' => sub {
	create_task($node, 'one', 'carol', 'look', "SELECT taskcenter.set_output(to_jsonb(current_setting('work_mem')))");
	my $seen = sub {
		my $run = enqueue($node, 'one', 'carol', 'look');
		ok(wait_for($node, 'one', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'), 'ran');
		return sql($node, 'one', "SELECT output #>> '{}' FROM taskcenter.task_runs WHERE run_id = $run");
	};
	is($seen->(), '4MB', 'the default');
	sql($node, 'one', "ALTER ROLE carol SET work_mem = '5MB'");
	is($seen->(), '5MB', 'ALTER ROLE ... SET');
	sql($node, 'one', "ALTER ROLE carol IN DATABASE one SET work_mem = '6MB'");
	is($seen->(), '6MB', 'ALTER ROLE ... IN DATABASE ... SET');
	sql($node, 'postgres', "ALTER ROLE carol IN DATABASE one RESET work_mem; ALTER ROLE carol RESET work_mem;
		ALTER DATABASE one SET work_mem = '7MB'");
	is($seen->(), '7MB', 'ALTER DATABASE ... SET, from another database');
	sql($node, 'two', 'ALTER DATABASE one RESET ALL');
	is($seen->(), '4MB', 'RESET ALL');
};

subtest 'connection limits hold for executors (T-R09)' => sub {
	sql($node, 'one', 'CREATE ROLE limited LOGIN CONNECTION LIMIT 1');
	create_task($node, 'one', 'limited', 'few', EFFECT . '; SELECT pg_sleep(0.1)');
	enqueue_many($node, 'one', 'limited', 'few', 10);
	my $most = most_executors('one', 'limited', 30);
	is($most, 1, 'CONNECTION LIMIT 1: one executor at a time');

	sql($node, 'one', 'ALTER ROLE limited CONNECTION LIMIT 0');
	kill 'TERM', pids($node, 'executor');
	wait_until(sub { executors($node) == 0 }, 5);
	# its own connections would be refused as well
	my $run = sql($node, 'one', "SELECT taskcenter.enqueue_task('few')");
	ok(wait_for($node, 'one', "SELECT detail FROM taskcenter.status_checks() WHERE check_name = 'executors'",
			'connection limit of the role or the database'), 'status says why it waits');
	is(sql($node, 'one', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run"), 'queued', 'the run waits');
	is(executors($node), 0, 'no executor was started');
	sql($node, 'one', 'ALTER ROLE limited CONNECTION LIMIT -1');
	within(2.5, wait_for($node, 'one', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'),
		'after the limit is lifted it finished');

	sql($node, 'postgres', 'ALTER DATABASE two CONNECTION LIMIT 0');
	sql_as($node, 'postgres', 'postgres', 'SELECT 1');
	my $other = sql($node, 'two', "SELECT taskcenter.enqueue_task('tick')");
	ok(wait_for($node, 'two', "SELECT detail FROM taskcenter.status_checks() WHERE check_name = 'executors'",
			'connection limit of the role or the database'), 'the same for the database');
	sql($node, 'postgres', 'ALTER DATABASE two CONNECTION LIMIT -1');
	within(2.5, wait_for($node, 'two', "SELECT status FROM taskcenter.task_runs WHERE run_id = $other", 'succeeded'),
		'lifted: it finished');
};

subtest 'a role that cannot serve loses only its own tasks (T-L07)' => sub {
	my %broken = (
		gone_login => 'ALTER ROLE gone_login NOLOGIN',
		gone_name => 'ALTER ROLE gone_name RENAME TO another_name',
		gone_role => 'DROP ROLE gone_role',
		gone_connect => 'REVOKE staff FROM gone_connect');
	# that a role was renamed matters when a run is to start
	my $settled = "SELECT count(*) FROM taskcenter.tasks
		WHERE name LIKE 'gone%' AND name <> 'gone_name_waits' AND state = 'quarantined'";

	sql($node, 'postgres', 'CREATE ROLE staff; GRANT staff TO alice;
		REVOKE CONNECT ON DATABASE three FROM PUBLIC; GRANT CONNECT ON DATABASE three TO staff');
	sql($node, 'postgres', "CREATE ROLE $_ LOGIN IN ROLE staff") for sort keys %broken;
	create_task($node, 'three', 'alice', 'healthy', EFFECT, schedule => '* * * * * *');
	for my $role (sort keys %broken)
	{
		create_task($node, 'three', $role, $role, 'SELECT 1', schedule => '* * * * * *');
		create_task($node, 'three', $role, "${role}_waits", 'SELECT 1');
		sql_as($node, 'three', $role, "SELECT taskcenter.enqueue_task('${role}_waits', run_at => now() + interval '1 hour')");
	}
	ok(wait_for($node, 'three', "SELECT count(DISTINCT task) = 5 FROM taskcenter.task_runs WHERE status = 'succeeded'"),
		'all of them run');

	sql($node, 'postgres', $broken{$_}) for sort keys %broken;
	within(6, wait_for($node, 'three', $settled, '7', 15), 'all their tasks are quarantined');
	is(sql($node, 'three', "SELECT count(*) FROM taskcenter.tasks WHERE state = 'quarantined' AND state_reason IS NULL"), 0,
		'with a reason');
	note(sql($node, 'three', "SELECT name, state_reason FROM taskcenter.tasks WHERE state = 'quarantined' ORDER BY 1"));
	is(sql($node, 'three', "SELECT state FROM taskcenter.tasks WHERE name = 'healthy'"), 'active', 'the healthy one is not');
	is(sql($node, 'three', "SELECT count(*) FROM taskcenter.task_runs WHERE task LIKE '%_waits' AND status = 'queued'"), 4,
		'runs of later are held, not lost');
	is(sql($node, 'three', "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'quarantined'"), 'fail', 'status shows it');

	my $before = sql($node, 'three', "SELECT count(*) FROM taskcenter.task_runs WHERE task = 'healthy'");
	ok(wait_for($node, 'three', "SELECT count(*) >= $before + 2 FROM taskcenter.task_runs WHERE task = 'healthy'"),
		'the healthy one goes on');
	is(unaccounted_fires($node, 'three', 'healthy'), 0, 'and lost no fire');

	sql($node, 'postgres', 'ALTER ROLE gone_login LOGIN; GRANT staff TO gone_connect');
	for my $role (qw(gone_login gone_connect))
	{
		sql_as($node, 'three', $role, "SELECT taskcenter.enable_task('${role}_waits')");
		my $run = enqueue($node, 'three', $role, "${role}_waits");
		ok(wait_for($node, 'three', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'),
			"$role is repaired and enabled, and its task runs again");
	}
	sql($node, 'three', "SELECT taskcenter.pause_task('healthy')");
};

subtest 'whoever is terminated comes back and nothing is lost (T-L03)' => sub {
	my $times = LONG ? 50 : 3;

	sql($node, 'two', 'TRUNCATE app.effects');
	sql_as($node, 'two', 'alice', "SELECT taskcenter.resume_task('tick')");
	create_task($node, 'two', 'bob', 'work', EFFECT . '; SELECT pg_sleep(0.2)', options => '{"max_lost": 1000}');
	enqueue_many($node, 'two', 'bob', 'work', LONG ? 600 : 60);
	for my $kind (qw(launcher scheduler executor))
	{
		my $worst = 0;
		my $db = $kind eq 'launcher' ? undef : 'two';
		for my $time (1 .. $times)
		{
			my ($victim) = pids($node, $kind, $db);
			if (!defined $victim)
			{
				wait_until(sub { ($victim) = pids($node, $kind, $db); defined $victim }, 8);
			}
			sql($node, 'postgres', "SELECT pg_terminate_backend($victim)");
			my $back = wait_until(sub { my @now = pids($node, $kind, $db); @now && !grep { $_ == $victim } @now }, 10) // 99;
			$worst = $back if $back > $worst;
		}
		within(5, $worst, "$kind, terminated $times times, was back");
	}
	one_scheduler_each($node, qw(one two three));
	ok(defined wait_for($node, 'two', "SELECT count(*) FROM taskcenter.live_runs JOIN taskcenter.tasks USING (task_id) WHERE name = 'work'", '0', LONG ? 200 : 60),
		'all runs finished');
	is(sql($node, 'two', "SELECT count(*), count(DISTINCT run_id) FROM app.effects JOIN taskcenter.task_runs USING (run_id) WHERE task = 'work'"),
		LONG ? '600|600' : '60|60', 'each exactly once');
	sql_as($node, 'two', 'alice', "SELECT taskcenter.pause_task('tick')");
	is(unaccounted_fires($node, 'two', 'tick'), 0, 'no fire was lost');
};

subtest 'a run whose executor dies is settled at once (P8)' => sub {
	my @settled;

	sql($node, 'two', 'CREATE TABLE app.pace AS SELECT 60.0::float8 AS seconds; GRANT ALL ON app.pace TO PUBLIC');
	create_task($node, 'two', 'bob', 'dies', EFFECT . '; SELECT pg_sleep(seconds) FROM app.pace', options => '{"max_lost": 1000}');
	my $run = enqueue($node, 'two', 'bob', 'dies');
	for my $time (1 .. (LONG ? 50 : 5))
	{
		wait_for($node, 'two', "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = 'bob'", '1');
		my $lost = sql($node, 'two', "SELECT lost FROM taskcenter.live_runs WHERE run_id = $run");
		sql($node, 'two', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = 'bob'");
		push @settled, wait_for($node, 'two', "SELECT lost FROM taskcenter.live_runs WHERE run_id = $run", $lost + 1) // 99;
	}
	within(2, (sort { $a <=> $b } @settled)[-1], 'worst of ' . @settled);
	sql($node, 'two', 'UPDATE app.pace SET seconds = 0');
	sql($node, 'two', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = 'bob'");
	ok(wait_for($node, 'two', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'), 'it ends well');
	is(sql($node, 'two', "SELECT count(*) FROM app.effects WHERE run_id = $run"), 1, 'with one effect');
};

subtest 'an executor that fails at once is not started over and over (T-R11)' => sub {
	my $errors = sub {
		return scalar(() = slurp_file($node->logfile) =~ /taskcenter executor\|ERROR:  relation "taskcenter.task_run_history" does not exist/g);
	};

	my $run = enqueue($node, 'one', 'alice', 'short_alice', run_at => \"now() + interval '1 second'");
	sql($node, 'one', 'ALTER TABLE taskcenter.task_run_history RENAME TO elsewhere');
	ok(wait_until(sub { $errors->() > 0 }, 10), 'it cannot claim');
	ok(!defined wait_until(sub { $errors->() > 2 }, 3.5), 'for 3.5 s one error each of an old and a new process');
	like(sql($node, 'one', "SELECT detail FROM taskcenter.status_checks() WHERE check_name = 'executors'"), qr/executors of a role fail/, 'status says so');
	sql($node, 'one', 'ALTER TABLE taskcenter.elsewhere RENAME TO task_run_history');
	within(7, wait_for($node, 'one', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'), 'repaired: the run finished');
};

subtest 'switched off and on, and restricted, by reload' => sub {
	configure($node, 'taskcenter.enabled' => 'off');
	$node->reload;
	within(5, wait_until(sub { executors($node) + schedulers($node) == 0 }, 10), 'enabled = off: all but the launcher gone');
	my $run = enqueue($node, 'one', 'alice', 'short_alice');
	is(sql($node, 'one', "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'enabled'"), 'fail', 'status says so');
	is(sql($node, 'one', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run"), 'queued', 'runs wait');
	configure($node, 'taskcenter.enabled' => 'on');
	$node->reload;
	within(5, wait_for($node, 'one', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'),
		'enabled = on: the waiting run finished');

	configure($node, 'taskcenter.databases' => "'two, three'");
	$node->reload;
	within(5, wait_until(sub { schedulers($node, 'one') + executors($node, 'one') == 0 }, 10), 'databases = two, three: none in one');
	one_scheduler_each($node, qw(two three));
	configure($node, 'taskcenter.databases' => "''");
	$node->reload;
	within(5, wait_until(sub { schedulers($node, 'one') == 1 }, 10), 'databases = all: back in one');
};

check_log($node, per_minute => LONG ? 120 : 40,
	allow => qr/terminating background worker|exited with exit code 1/);
unlike(slurp_file($node->logfile), qr/terminating any other active server processes/, 'no end looked like a crash');
$node->stop;

subtest 'no worker slot is free (T-R01)' => sub {
	my $tight = new_server('tight', 'max_worker_processes' => 5, 'max_parallel_workers' => 5,
		'max_logical_replication_workers' => 0);
	my $seconds = LONG ? 150 : 6;

	new_database($tight, 'tight', 'alice');
	create_task($tight, 'tight', 'alice', 'work', EFFECT);
	ok(wait_until(sub { schedulers($tight, 'tight') == 1 }, 10), 'launcher and scheduler are there');
	my @hogs;
	for (1 .. 3)
	{
		my $hog = $tight->background_psql('postgres', on_error_stop => 0);
		$hog->query_until(qr/on/, "SET force_parallel_mode = on; SET max_parallel_workers_per_gather = 1;\n\\echo on\nSELECT pg_sleep(3600);\n");
		push @hogs, $hog;
	}
	ok(wait_for($tight, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'", '3'),
		'parallel queries hold all other slots');
	enqueue_many($tight, 'tight', 'alice', 'work', 5);
	new_database($tight, 'late', 'alice');
	ok(wait_for($tight, 'tight', "SELECT detail FROM taskcenter.status_checks() WHERE check_name = 'executors'",
			'no background worker slot is free'), 'status says why runs wait');

	my $until = time + $seconds;
	my $errors = 0;
	while (time < $until)
	{
		my ($result) = $tight->psql('tight', "SELECT count(*) FROM taskcenter.task_runs WHERE status = 'queued'");
		$errors++ if $result != 0;
		usleep(200_000);
	}
	is($errors, 0, "clients saw no error for $seconds s");
	is(sql($tight, 'tight', "SELECT count(*) FROM taskcenter.task_runs WHERE status = 'queued'"), 5, 'runs are queued, not failed');
	my @lines = grep { /runs are waiting: no background worker slot|no background worker slot is free for a taskcenter scheduler/ }
	  split /\n/, slurp_file($tight->logfile);
	cmp_ok(scalar @lines, '<=', 2 * (1 + int($seconds / 60)), scalar(@lines) . " log lines about two conditions in $seconds s");
	cmp_ok(scalar @lines, '>=', 2, 'both are said');

	sql($tight, 'postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid() AND backend_type = 'client backend'");
	within(2, wait_for($tight, 'tight', "SELECT count(*) FROM taskcenter.task_runs WHERE status = 'succeeded'", '5'),
		'slots are free: all runs finished');
	within(5, wait_until(sub { schedulers($tight, 'late') == 1 }, 8), 'and the late database has its scheduler');
	$_->quit for @hogs;
	check_log($tight, allow => qr/canceling statement/);
	$tight->stop;
};

subtest 'beside other libraries, before and after them (T-U04)' => sub {
	my $server = new_server('beside', 'shared_preload_libraries' => "'taskcenter, pg_stat_statements, auto_explain'",
		'auto_explain.log_min_duration' => 0);

	new_database($server, 'beside', 'alice');
	sql($server, 'beside', 'CREATE EXTENSION pg_stat_statements');
	create_task($server, 'beside', 'alice', 'tick', EFFECT, schedule => '* * * * * *', overlap => 'allow');
	for my $order ('taskcenter first', 'taskcenter last')
	{
		my $count = sql($server, 'beside', 'SELECT count(*) FROM app.effects');
		ok(wait_for($server, 'beside', "SELECT count(*) > $count FROM app.effects"), "$order: it fires");
		my ($scheduler) = pids($server, 'scheduler', 'beside');
		kill_9($scheduler);
		ok(wait_until(sub { my ($new) = eval { pids($server, 'scheduler', 'beside') }; defined $new && $new != $scheduler }, 20), "$order: and again after a crash");
		$count = sql($server, 'beside', 'SELECT count(*) FROM app.effects');
		ok(wait_for($server, 'beside', "SELECT count(*) > $count FROM app.effects"), "$order: it fires on");
		configure($server, 'shared_preload_libraries' => "'auto_explain, pg_stat_statements, taskcenter'");
		$server->restart;
	}
	cmp_ok(sql($server, 'beside', "SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%app.effects%'"), '>=', 1, 'what runs execute is seen by others');
	check_log($server, per_minute => 1_000_000, allow => qr/signal 9/);
	$server->stop;
};

subtest 'without preloading the SQL works and nothing executes' => sub {
	my $bare = new_server('bare', 'shared_preload_libraries' => "''");
	my ($result, $out, $err) = $bare->psql('postgres', 'CREATE EXTENSION taskcenter');
	is($result, 0, 'CREATE EXTENSION succeeds');
	is(scalar(() = $err =~ /WARNING: /g), 1, 'and warns once');
	like($err, qr/shared_preload_libraries = 'taskcenter'/, 'with the line to add');
	is(sql($bare, 'postgres', "SELECT taskcenter.create_task('t', 'SELECT 1', '* * * * * *') > 0"), 't', 'a task is made');
	my $run = sql($bare, 'postgres', "SELECT taskcenter.enqueue_task('t')");
	is(sql($bare, 'postgres', "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'preloaded'"), 'fail', 'status fails');
	like(sql($bare, 'postgres', "SELECT hint FROM taskcenter.status_checks() WHERE check_name = 'preloaded'"),
		qr/shared_preload_libraries = 'taskcenter'/, 'with the line to add');
	is(sql($bare, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'taskcenter%'"), 0, 'no process of ours');
	is(sql($bare, 'postgres', "SELECT string_agg(status, ' ') FROM taskcenter.task_runs"), 'queued', 'the run waits, nothing fires');
	is(sql($bare, 'postgres', "SELECT status FROM taskcenter.perform_run($run)"), 'succeeded', 'perform_run() works');
	is(sql($bare, 'postgres', "SELECT taskcenter.cancel_run(taskcenter.enqueue_task('t'))"), 'cancelled', 'so does cancel_run()');

	configure($bare, 'shared_preload_libraries' => "'taskcenter'");
	$bare->restart;
	ok(wait_for($bare, 'postgres', "SELECT count(*) >= 2 FROM taskcenter.task_runs WHERE status = 'succeeded' AND scheduled_for IS NOT NULL"),
		'preloaded after all, it fires');
	check_log($bare);
	$bare->stop;
};

done_testing();
