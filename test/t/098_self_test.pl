# self_test(): that it finds a working server in order, and a broken one not;
# that it leaves nothing behind, whatever comes in between.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use Test::More;

my $node = new_server('main', 'taskcenter.max_executors' => 1);
my $db = 'postgres';
new_database($node, $db, 'alice', 'keeper', 'stranger');
create_task($node, $db, 'alice', 'bystander', 'SELECT 1', schedule => 'every 1 hour');

my $all = 'alone scheduler create run history fail dead_letter retry time_limit cancel schedule worker remove';

sub results
{
	my ($rows) = @_;
	return join ' ', map { my ($name, $ok) = split /\|/; $ok eq 't' ? $name : "not $name" } split /\n/, $rows;
}

sub left
{
	return sql($node, $db, q{SELECT (SELECT count(*) FROM taskcenter.live_runs) + (SELECT count(*) FROM taskcenter.tasks
		WHERE state <> 'archived' AND name LIKE 'self_test%')
		+ (SELECT count(*) FROM taskcenter.workers WHERE ended_at IS NULL)
		+ (SELECT count(*) FROM taskcenter.dead_letters WHERE state <> ALL (ARRAY['resolved', 'discarded'])
			AND task_id <> ALL (SELECT task_id FROM taskcenter.tasks WHERE name = 'nested'))});
}

# ---- all is well ----

sql($node, $db, q{SELECT taskcenter.set_setting('failure_notice_after', '1')});

my $bystanders = sql($node, $db, q{SELECT md5(string_agg(t::text, '')) FROM taskcenter.tasks AS t WHERE name = 'bystander'});
my $rows;
my $took = timed(sub { $rows = sql($node, $db, 'SELECT * FROM taskcenter.self_test()'); });
is(results($rows), $all, 'every check is fine, with one executor') or diag($rows);
within(15, $took, 'it takes a moment');
is(left(), 0, 'nothing is left');
my $tasks = sql($node, $db, q{SELECT count(*) FROM taskcenter.tasks WHERE name LIKE 'self_test%'});
is(results(sql($node, $db, 'SELECT * FROM taskcenter.self_test()')), $all, 'again');
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.tasks WHERE name LIKE 'self_test%'}), $tasks, 'with the same tasks');
is(sql($node, $db, q{SELECT md5(string_agg(t::text, '')) FROM taskcenter.tasks AS t WHERE name = 'bystander'}), $bystanders,
	'tasks of others are as they were');
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.task_runs WHERE task NOT LIKE 'self_test%'}), 0, 'and did not run');
is(sql($node, $db, q{SELECT string_agg(DISTINCT queue, ' ') FROM taskcenter.task_runs WHERE task LIKE 'self_test%'}), 'self_test',
	'in its own queue');
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.alerts}), 0, 'its failures alarm nobody');

# ---- by the owner of the database, not by others ----

sql($node, $db, 'ALTER DATABASE postgres OWNER TO keeper');
is(results(sql_as($node, $db, 'keeper', 'SELECT * FROM taskcenter.self_test()')), $all, 'the owner of the database may');
is(left(), 0, 'nothing is left');
my (undef, undef, $stderr) = $node->psql($db, '\set VERBOSITY sqlstate
	SELECT * FROM taskcenter.self_test()', extra_params => [ '-U', 'stranger' ]);
like($stderr, qr/42501/, 'others may not');
sql($node, $db, 'ALTER ROLE keeper NOLOGIN');
(undef, undef, $stderr) = $node->psql($db, '\set VERBOSITY sqlstate
	SET ROLE keeper; SELECT * FROM taskcenter.self_test()');
like($stderr, qr/55000/, 'a role that cannot log in executes nothing');
sql($node, $db, 'ALTER ROLE keeper LOGIN');

# ---- not inside a run ----

create_task($node, $db, 'postgres', 'nested', 'SELECT * FROM taskcenter.self_test()');
my $run = enqueue($node, $db, 'postgres', 'nested');
wait_for($node, $db, "SELECT status || ' ' || sqlstate FROM taskcenter.task_runs WHERE run_id = $run", 'failed 55000');

# ---- a server that executes nothing ----

sql($node, $db, 'SELECT taskcenter.pause_scheduler()');
$took = timed(sub { $rows = sql($node, $db, 'SELECT * FROM taskcenter.self_test()'); });
is(results($rows), 'alone not scheduler', 'a paused scheduler is found, and the rest not tried');
like($rows, qr/scheduler\|f\|the scheduler is paused: .*resume_scheduler/, 'with the reason');
within(5, $took, 'at once');
is(left(), 0, 'nothing is left');
sql($node, $db, 'SELECT taskcenter.resume_scheduler()');

sql($node, 'template1', 'CREATE DATABASE copied TEMPLATE postgres');
wait_until(sub { sql($node, 'copied', 'SELECT * FROM taskcenter.self_test()') =~ /copy/ }, 20);
$took = timed(sub { $rows = sql($node, 'copied', 'SELECT * FROM taskcenter.self_test()'); });
is(results($rows), 'alone not scheduler', 'so is a copy');
like($rows, qr/scheduler\|f\|the database is a copy: .*adopt_database/, 'with what to do');
within(5, $took, 'at once');
sql($node, 'template1', 'DROP DATABASE copied WITH (FORCE)');

sql($node, 'template1', 'CREATE DATABASE fresh');
sql($node, 'fresh', 'CREATE EXTENSION taskcenter');
is(results($rows = sql($node, 'fresh', 'SELECT * FROM taskcenter.self_test()')), $all, 'after an installation all is well') or diag($rows);
sql($node, 'template1', 'DROP DATABASE fresh WITH (FORCE)');

configure($node, 'taskcenter.enabled' => 'off');
$node->reload;
wait_until(sub { schedulers($node) == 0 }, 10);
is(results(sql($node, $db, 'SELECT * FROM taskcenter.self_test()')), 'alone not scheduler', 'as is one that is switched off');
configure($node, 'taskcenter.enabled' => 'on');
$node->reload;

# ---- two at a time, one that is given up, one whose process dies ----

my $first = $node->background_psql($db, timeout => 60);
$first->query('SELECT 1');
$first->{stdin} .= "SELECT * FROM taskcenter.self_test();\n";
$first->{run}->pump_nb;
wait_until(sub { pids($node, 'self test') > 0 }, 10);
wait_for($node, $db, q{SELECT count(*) > 0 FROM taskcenter.tasks WHERE name LIKE 'self_test%' AND state = 'active'});
is(results(sql($node, $db, 'SELECT * FROM taskcenter.self_test()')), 'not alone', 'a second one is refused');
is(sql($node, $db, q{SELECT count(*) > 0, count(*) FILTER (WHERE objsubid <= 2) FROM pg_locks WHERE locktype = 'advisory'}), 't|0',
	'by a lock that nobody takes with SQL');
sql($node, $db, q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%self_test()%' AND state = 'active'
	AND pid <> pg_backend_pid() AND backend_type = 'client backend'});
ok(defined wait_until(sub { scalar(pids($node, 'self test')) == 0 }, 60), 'one that was cancelled comes to its end');
is(left(), 0, 'and leaves nothing');
eval { $first->quit };

my $second = $node->background_psql($db, timeout => 60);
$second->query('SELECT 1');
$second->{stdin} .= "SELECT * FROM taskcenter.self_test();\n";
$second->{run}->pump_nb;
wait_for($node, $db, q{SELECT count(*) > 0 FROM taskcenter.tasks WHERE name LIKE 'self_test%' AND state = 'active'});
sql($node, $db, q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'taskcenter self test'});
ok(defined wait_until(sub { scalar(pids($node, 'self test')) == 0 }, 20), 'its process is ended');
eval { $second->quit };
is(results(sql($node, $db, 'SELECT * FROM taskcenter.self_test()')), $all, 'the next one tidies up, and finds all in order');
is(left(), 0, 'nothing is left');

check_log($node, allow => qr/terminating|division by zero|canceling|permission denied|cannot (?:execute|be called)|did not start|self test/);
$node->stop;
done_testing();
