# Administration is never hindered: databases are dropped, renamed, moved and
# cloned, the extension and roles are dropped, servers are stopped, whatever
# our processes do at that moment.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_server('main', 'max_worker_processes' => 24);
my $tablespace = PostgreSQL::Test::Utils::tempdir;

$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN CREATEDB; CREATE ROLE stranger LOGIN CREATEDB;');
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$tablespace'; GRANT CREATE ON TABLESPACE elsewhere TO keeper");
new_database($node, 'other', 'worker');

# A database of keeper's with an idle executor, or with a run that sleeps.
sub victim
{
	my ($db, $seconds) = @_;

	new_database($node, $db, 'worker');
	sql($node, 'postgres', "ALTER DATABASE $db OWNER TO keeper");
	sql($node, $db, "CREATE TABLE app.pace AS SELECT 0::float8 AS seconds; GRANT ALL ON app.pace TO PUBLIC");
	create_task($node, $db, 'worker', 'sleep', EFFECT . '; SELECT pg_sleep(seconds) FROM app.pace');
	my $run = enqueue($node, $db, 'worker', 'sleep');
	wait_for($node, $db, "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded');
	return busy($db, $seconds) if $seconds;
	return;
}

# Let a run of that length execute; returns its id.
sub busy
{
	my ($db, $seconds) = @_;

	sql($node, $db, "UPDATE app.pace SET seconds = $seconds");
	my $run = enqueue($node, $db, 'worker', 'sleep');
	wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = '$db' AND wait_event = 'PgSleep'", '1');
	return $run;
}

sub takes
{
	my ($limit, $role, $db, $command, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $error;
	my $start = time;
	my ($result, $out, $err) = $node->psql($db, $command, extra_params => [ '-U', $role ]);
	my $seconds = time - $start;

	is($err, '', "$name: no error");
	within($limit, $seconds, $name);
	return;
}

sub refused
{
	my ($limit, $role, $db, $command, $pattern, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $start = time;
	my ($result, $out, $err) = $node->psql($db, $command, extra_params => [ '-U', $role ]);
	my $seconds = time - $start;

	like($err, $pattern, "$name: refused");
	within($limit, $seconds, $name);
	return;
}

subtest 'DROP DATABASE (T-L13)' => sub {
	victim('v1');
	takes(1, 'postgres', 'postgres', 'DROP DATABASE v1', 'idle, by a superuser');
	victim('v2');
	takes(1, 'keeper', 'template1', 'DROP DATABASE v2', 'idle, by its owner, from template1');
	victim('v3');
	takes(1, 'keeper', 'other', 'DROP DATABASE v3 WITH (FORCE)', 'idle, FORCE, by its owner, from another served one');
	victim('v4', 600);
	takes(1, 'keeper', 'postgres', 'DROP DATABASE v4 WITH (FORCE)', 'busy, FORCE, by its owner');
	victim('v5', 600);
	takes(5, 'keeper', 'postgres', 'DROP DATABASE v5', 'busy, plain, by its owner');
	victim('v6', 600);
	my @before = (pids($node, 'scheduler', 'v6'), pids($node, 'executor', 'v6'));
	refused(1, 'stranger', 'postgres', 'DROP DATABASE v6', qr/must be owner of database v6/, 'by a stranger');
	refused(1, 'stranger', 'postgres', 'DROP DATABASE v6 WITH (FORCE)', qr/must be owner of database v6/, 'FORCE, by a stranger');
	refused(1, 'postgres', 'postgres', 'BEGIN; DROP DATABASE v6; COMMIT', qr/cannot run inside a transaction block/, 'in a block');
	is_deeply([ pids($node, 'scheduler', 'v6'), pids($node, 'executor', 'v6') ], \@before, 'refused commands disturbed nobody');
	my $session = $node->background_psql('v6');
	refused(12, 'keeper', 'postgres', 'DROP DATABASE v6', qr/is being accessed by other users/, 'with a session in it');
	$session->quit;
	ok(wait_until(sub { schedulers($node, 'v6') == 1 }, 6), 'its scheduler is back');
	is(sql($node, 'v6', "SELECT count(*) FROM taskcenter.live_runs WHERE status = 'running' AND lost = 0"), 1, 'its run was left alone');
	takes(1, 'postgres', 'postgres', 'DROP DATABASE v6 WITH (FORCE)', 'FORCE, by a superuser');
	one_scheduler_each($node, 'other');
};

subtest 'RENAME, SET TABLESPACE' => sub {
	victim('r1');
	takes(1, 'keeper', 'postgres', 'ALTER DATABASE r1 RENAME TO r2', 'rename, idle');
	my $run = enqueue($node, 'r2', 'worker', 'sleep');
	ok(wait_for($node, 'r2', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'), 'it works on under its new name');
	refused(1, 'stranger', 'postgres', 'ALTER DATABASE r2 RENAME TO r3', qr/must be owner/, 'rename by a stranger');
	$run = busy('r2', 1);
	takes(4, 'keeper', 'postgres', 'ALTER DATABASE r2 RENAME TO r3', 'rename, with a run of 1 s, which is waited for');
	is(sql($node, 'r3', "SELECT status, lost FROM taskcenter.task_runs WHERE run_id = $run"), 'succeeded|0', 'the run ended well');
	sql($node, 'r3', 'UPDATE app.pace SET seconds = 0');
	takes(2, 'keeper', 'postgres', 'ALTER DATABASE r3 SET TABLESPACE elsewhere', 'set tablespace, idle');
	$run = busy('r3', 0.8);
	takes(4, 'postgres', 'postgres', 'ALTER DATABASE r3 SET TABLESPACE pg_default', 'set tablespace, with a run of 0.8 s');
	is(sql($node, 'r3', "SELECT status, lost FROM taskcenter.task_runs WHERE run_id = $run"), 'succeeded|0', 'the run ended well');
	$run = busy('r3', 600);
	refused(12, 'keeper', 'postgres', 'ALTER DATABASE r3 RENAME TO r4', qr/is being accessed by other users/, 'rename, with a run that goes on');
	is(sql($node, 'r3', "SELECT status, lost FROM taskcenter.task_runs WHERE run_id = $run"), 'running|0', 'which is not interrupted');
	ok(wait_until(sub { schedulers($node, 'r3') == 1 }, 6), 'and the scheduler is back');
	takes(1, 'keeper', 'postgres', 'DROP DATABASE r3 WITH (FORCE)', 'dropped');
};

subtest 'a clone is quiet until it is adopted (T-U05)' => sub {
	victim('c1');
	create_task($node, 'c1', 'worker', 'tick', EFFECT, schedule => '* * * * * *');
	sql_as($node, 'c1', 'worker', "SELECT taskcenter.enqueue_task('sleep', run_at => now() + interval '2 seconds')");
	wait_for($node, 'c1', 'SELECT count(*) >= 2 FROM app.effects');
	takes(2, 'keeper', 'postgres', 'CREATE DATABASE c2 TEMPLATE c1', 'create from a live template');
	refused(1, 'stranger', 'postgres', 'CREATE DATABASE c3 TEMPLATE c1', qr/permission denied to copy/, 'by a stranger');
	sql($node, 'c2', "CREATE VIEW public.all_of_it AS SELECT (SELECT count(*) FROM taskcenter.task_run_history) AS history,
		(SELECT count(*) FROM taskcenter.task_runs) AS runs, (SELECT count(*) FROM app.effects) AS effects");
	my $before = sql($node, 'c2', 'TABLE public.all_of_it');
	ok(wait_for($node, 'c2', "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'identity'", 'fail'), 'status says that it is a copy');
	note(sql($node, 'c2', "SELECT detail, hint FROM taskcenter.status_checks() WHERE check_name = 'identity'"));
	my $ticks = sql($node, 'c1', 'SELECT count(*) FROM app.effects');
	ok(wait_for($node, 'c1', "SELECT count(*) >= $ticks + 4 FROM app.effects"), 'the original fires on');
	is(sql($node, 'c2', 'TABLE public.all_of_it'), $before, 'the copy did nothing meanwhile');
	is(executors($node, 'c2'), 0, 'it has no executor');
	is(sql($node, 'c2', "SELECT taskcenter.adopt_database('it is to be a server of its own')"), 0, 'adopted');
	ok(wait_for($node, 'c2', "SELECT count(*) FROM taskcenter.live_runs JOIN taskcenter.tasks USING (task_id) WHERE name = 'sleep'", '0'),
		'its waiting run is executed');
	$ticks = sql($node, 'c2', 'SELECT count(*) FROM app.effects');
	ok(wait_for($node, 'c2', "SELECT count(*) >= $ticks + 2 FROM app.effects"), 'and it fires');
	is(sql($node, 'c2', "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'identity'"), 'ok', 'status is well');
	is(sql($node, 'c1', "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'identity'"), 'ok', 'and that of the original');
	is(sql($node, 'c2', 'SELECT count(*) FROM (SELECT run_id FROM taskcenter.task_runs GROUP BY 1 HAVING count(*) > 1) AS d'), 0, 'no id twice');

	my $run = busy('c1', 1);
	takes(4, 'keeper', 'postgres', 'CREATE DATABASE c3 TEMPLATE c1', 'create from a template with a run of 1 s');
	is(sql($node, 'c1', "SELECT status, lost FROM taskcenter.task_runs WHERE run_id = $run"), 'succeeded|0', 'which ended well');
	sql($node, 'postgres', "DROP DATABASE $_ WITH (FORCE)") for qw(c1 c2 c3);
};

subtest 'DROP EXTENSION while runs execute (T-L05)' => sub {
	victim('e1');
	create_task($node, 'e1', 'worker', 'nap', EFFECT . '; SELECT pg_sleep(0.5)');
	enqueue_many($node, 'e1', 'worker', 'nap', 20);
	wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'e1' AND wait_event = 'PgSleep'", '4');
	my $start = time;
	sql($node, 'e1', 'BEGIN; DROP EXTENSION taskcenter CASCADE; ROLLBACK');
	within(5, time - $start, 'dropped and rolled back');
	ok(defined settle($node, 'e1', 20), 'after the rollback all runs finish');
	is(sql($node, 'e1', "SELECT count(*), count(DISTINCT run_id) FROM app.effects JOIN taskcenter.task_runs USING (run_id) WHERE task = 'nap'"),
		'20|20', 'each exactly once');

	enqueue_many($node, 'e1', 'worker', 'nap', 20);
	wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'e1' AND wait_event = 'PgSleep'", '4');
	my @ours = (pids($node, 'scheduler', 'e1'), pids($node, 'executor', 'e1'));
	sql($node, 'e1', 'DROP EXTENSION taskcenter CASCADE');
	within(3, wait_until(sub { all_gone(@ours) }, 5), 'dropped for good: workers gone');
	my $seen = wait_until(sub { schedulers($node, 'e1') + executors($node, 'e1') > 0 }, 2);
	ok(!defined $seen, 'and nobody comes back');
	one_scheduler_each($node, 'other');
};

subtest 'drop and create again, in one session (T-L06)' => sub {
	my $session = $node->background_psql('e1', on_error_stop => 0);
	my $start = time;
	for my $round (1 .. (LONG ? 30 : 3))
	{
		$session->query_safe('SET client_min_messages = error; CREATE EXTENSION taskcenter');
		$session->query_safe("SELECT taskcenter.create_task('t', 'SELECT 1', '* * * * * *')");
		my $run = $session->query_safe("SELECT taskcenter.enqueue_task('t')");
		is($session->query_safe("SELECT status FROM taskcenter.wait_for_run($run, '10 seconds')"), 'succeeded', "round $round: executed");
		$session->query_safe("SELECT taskcenter.alter_task('t', priority => 3); SELECT taskcenter.pause_task('t');
			SELECT taskcenter.resume_task('t'); SELECT taskcenter.rename_task('t', 'u');
			SELECT taskcenter.schedule_task('u', 'every 1 hour', 'more'); SELECT taskcenter.drop_schedule('u', 'more');
			SELECT count(*) FROM taskcenter.explain_task('u'); SELECT count(*) FROM taskcenter.explain_run($run);
			SELECT count(*) FROM taskcenter.list_runs('u'); SELECT count(*) FROM taskcenter.status;
			SELECT taskcenter.create_queue('q'); SELECT taskcenter.limit_queue('q', 3);
			SELECT taskcenter.set_setting('max_wait', '1 minute'); SELECT taskcenter.cancel_run(taskcenter.enqueue_task('u', run_at => 'tomorrow'));
			SELECT taskcenter.archive_task('u')");
		is(sql($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskcenter scheduler' AND datname = 'e1'"), 1,
			"round $round: one scheduler (T-L14)");
		$session->query_safe('DROP EXTENSION taskcenter CASCADE');
	}
	$session->quit;
	unlike(slurp_file($node->logfile), qr/could not open relation|cache lookup failed/, 'nobody held on to what was dropped');
	takes(1, 'keeper', 'postgres', 'DROP DATABASE e1', 'and the database can be dropped');
};

subtest 'DROP ROLE of an owner whose run executes' => sub {
	sql($node, 'postgres', 'CREATE ROLE leaving LOGIN');
	sql($node, 'other', 'CREATE TABLE app.pace AS SELECT 2::float8 AS seconds; GRANT ALL ON app.pace TO PUBLIC');
	create_task($node, 'other', 'leaving', 'last', EFFECT . '; SELECT pg_sleep(seconds) FROM app.pace');
	create_task($node, 'other', 'worker', 'sleep', EFFECT . '; SELECT pg_sleep(0)');
	my $first = enqueue($node, 'other', 'leaving', 'last');
	my $second = enqueue($node, 'other', 'leaving', 'last', run_at => \"now() + interval '1 second'");
	wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'other' AND wait_event = 'PgSleep'", '1');
	takes(1, 'postgres', 'other', 'DROP ROLE leaving', 'drop the role');
	ok(wait_for($node, 'other', "SELECT state FROM taskcenter.tasks WHERE name = 'last'", 'quarantined', 15), 'its task is quarantined');
	is(sql($node, 'other', "SELECT status FROM taskcenter.task_runs WHERE run_id = $second"), 'queued', 'its waiting run is held');
	ok(wait_for($node, 'other', "SELECT finished_at IS NOT NULL FROM taskcenter.task_runs WHERE run_id = $first"), 'the executing one came to an end');
	my $run = enqueue($node, 'other', 'worker', 'sleep');
	ok(wait_for($node, 'other', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'), 'others go on');
};

subtest 'databases come and go beside us (T-L04), templates are left alone (T-L10)' => sub {
	my $rounds = LONG ? 200 : 20;

	for my $db (qw(idle busy broken))
	{
		victim($db);
	}
	busy('busy', 3600);
	# a scheduler that fails at each start is in backoff most of the time
	sql($node, 'broken', 'ALTER TABLE taskcenter.queues RENAME TO queues_elsewhere');
	kill 'TERM', pids($node, 'scheduler', 'broken');
	ok(wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskcenter scheduler' AND datname = 'broken'", '0'),
		'one database has no scheduler but failures');
	my ($worst_create, $worst_drop, $seen) = (0, 0, 0);
	for my $round (1 .. $rounds)
	{
		my $create = timed(sub { sql($node, 'postgres', 'CREATE DATABASE fleeting') });
		$seen += sql($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'template_' AND backend_type LIKE 'taskcenter%'");
		my $drop = timed(sub { sql($node, 'postgres', 'DROP DATABASE fleeting') });
		$worst_create = $create if $create > $worst_create;
		$worst_drop = $drop if $drop > $worst_drop;
	}
	within(1, $worst_create, "worst of $rounds CREATE DATABASE");
	within(1, $worst_drop, "worst of $rounds DROP DATABASE");
	is($seen, 0, 'nobody of ours was in a template');
	is(sql($node, 'busy', "SELECT count(*) FROM taskcenter.live_runs WHERE status = 'running' AND lost = 0"), 1, 'the busy one was not disturbed');
	takes(1, 'postgres', 'postgres', 'DROP DATABASE broken', 'a database in backoff can be dropped');
	sql($node, 'postgres', "DROP DATABASE $_ WITH (FORCE)") for qw(idle busy);
};

subtest 'event triggers that raise (T-S13)' => sub {
	new_database($node, 'events', 'worker');
	sql($node, 'events', <<'SQL');
CREATE FUNCTION app.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('app.allowed', true) IS DISTINCT FROM 'yes'
    THEN RAISE EXCEPTION 'no changes of the schema here: %', tg_tag; END IF; END $$;
CREATE EVENT TRIGGER refuse_start ON ddl_command_start EXECUTE FUNCTION app.refuse();
CREATE EVENT TRIGGER refuse_end ON ddl_command_end EXECUTE FUNCTION app.refuse();
CREATE EVENT TRIGGER refuse_drop ON sql_drop EXECUTE FUNCTION app.refuse();
SQL
	my $scheduler;
	# the first task makes partitions of its own; the scheduler would make more
	sql_as($node, 'events', 'worker', "SET app.allowed = 'yes'; SELECT taskcenter.create_task('tick', '" . EFFECT . "', '* * * * * *')");
	ok(wait_until(sub { ($scheduler) = pids($node, 'scheduler', 'events'); defined $scheduler }, 6), 'a scheduler came');
	ok(wait_for($node, 'events', 'SELECT count(*) >= 3 FROM app.effects', 't', 15), 'schedules fire and runs are recorded');
	create_task($node, 'events', 'worker', 'ddl', 'CREATE TABLE app.made_by_run (i int)');
	my $run = enqueue($node, 'events', 'worker', 'ddl');
	ok(wait_for($node, 'events', "SELECT status, sqlstate FROM taskcenter.task_runs WHERE run_id = $run", 'failed|P0001'), 'a command that makes DDL fails by itself');
	is_deeply([ pids($node, 'scheduler', 'events') ], [$scheduler], 'the scheduler never ended');
	is(scalar(() = slurp_file($node->logfile) =~ /could not make partitions ahead: no changes of the schema here/g), 1, 'what it could not do is said, once');
	sql_as($node, 'events', 'worker', "SELECT taskcenter.pause_task('tick')");
	is(unaccounted_fires($node, 'events', 'tick'), 0, 'no fire was lost');
	sql($node, 'postgres', 'DROP DATABASE events WITH (FORCE)');
};

check_log($node, per_minute => 400,
	allow => qr/terminating background worker|exited with exit code 1|could not open relation|relation "taskcenter.queues" does not exist/);

subtest 'shutdown' => sub {
	new_database($node, 'down', 'worker');
	sql($node, 'down', "CREATE TABLE app.pace AS SELECT 0::float8 AS seconds; GRANT ALL ON app.pace TO PUBLIC");
	create_task($node, 'down', 'worker', 'sleep', EFFECT . '; SELECT pg_sleep(seconds) FROM app.pace');
	my $run = enqueue($node, 'down', 'worker', 'sleep');
	wait_for($node, 'down', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded');
	sql($node, 'postgres', 'CHECKPOINT');

	within(1, timed(sub { $node->stop('fast') }), 'fast, idle');
	$node->start;
	ok(wait_until(sub { schedulers($node, 'down') == 1 }, 5), 'the scheduler is back');
	$run = busy('down', 600);
	sql($node, 'postgres', 'CHECKPOINT');
	within(5, timed(sub { $node->stop('fast') }), 'fast, busy');
	$node->start;
	sql($node, 'down', 'UPDATE app.pace SET seconds = 0');
	$node->psql('down', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
	ok(wait_for($node, 'down', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'), 'its run is repeated after the start');
	is(sql($node, 'down', "SELECT count(*) FROM app.effects WHERE run_id = $run"), 1, 'with one effect');
	within(2, timed(sub { $node->stop('smart') }), 'smart, no client');
	$node->start;
	$run = busy('down', 600);
	within(2, timed(sub { $node->stop('immediate') }), 'immediate, busy');
	$node->start;
	sql($node, 'down', 'UPDATE app.pace SET seconds = 0');
	$node->psql('down', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
	within(6, wait_for($node, 'down', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'), 'its run was repeated');

	# a client holds a smart shutdown up; runs go on until it leaves
	my $client = $node->background_psql('down');
	my $pid = $node->{_pid};
	kill 'TERM', $pid;
	$client->query_safe("SELECT taskcenter.enqueue_task('sleep')");
	$client->query_safe('SELECT 1');
	my $start = time;
	$client->quit;
	within(3, wait_until(sub { all_gone($pid) }, 20), 'smart, after the last client left');
	$node->_update_pid(0);
	$node->start;
	ok(defined settle($node, 'down', 10), 'what it had asked for is done after the start');
	$node->stop;
};

done_testing();
