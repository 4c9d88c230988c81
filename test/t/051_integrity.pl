# check_integrity() raises no false alarm while everything moves, after a crash,
# and after a restore; a snapshot taken before a restart or a restore is met after it.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('integrity', 'max_worker_processes' => 16, 'taskcenter.max_executors' => 3);
new_database($node, 'work');
my $problems = "SELECT concat_ws(' ', check_name, object_type, object_id, detail) FROM taskcenter.check_integrity()";

sql($node, 'work', q{
	SELECT taskcenter.create_task('plain', 'SELECT 1'),
		taskcenter.create_task('fails', 'SELECT 1 / 0', max_attempts => 3, backoff => 'none'),
		taskcenter.create_task('slow', 'SELECT pg_sleep(0.05)', timeout => '30 milliseconds'),
		taskcenter.create_task('batched', 'SELECT 1', transaction_mode => 'batched'),
		taskcenter.create_task('talks', $$SELECT taskcenter.write_log('info', 'x')$$),
		taskcenter.create_task('short', 'SELECT 1', options => '{"retention": "1 hour", "failed_retention": "1 hour"}'),
		taskcenter.create_task('moved', kind => 'manual', options => '{"workflow": "editorial"}'),
		taskcenter.create_task('fires', 'SELECT 1', schedule => 'every 1 second'),
		taskcenter.create_task('follows', 'SELECT 1', schedule => 'after 1 second')});

# ---- while everything moves ----

my $load = q{SELECT taskcenter.enqueue_task(t.name, unique_key => CASE WHEN n % 10 = 0 THEN 'k' || n % 50 END)
	FROM generate_series(1, 60) AS n, taskcenter.tasks AS t WHERE t.kind = 'sql';
	SELECT taskcenter.cancel_run(run_id) FROM taskcenter.task_runs WHERE status IN ('queued', 'running') AND run_id % 7 = 0;
	SELECT count(taskcenter.retry_run(run_id)) FROM (SELECT run_id FROM taskcenter.failed_runs LIMIT 20) AS f;
	SELECT taskcenter.set_task_status('moved', CASE status WHEN 'pending' THEN 'in_progress' WHEN 'in_progress' THEN 'on_hold' ELSE 'in_progress' END)
	FROM taskcenter.tasks WHERE name = 'moved'};
my (@alarms, $looks);
for my $round (1 .. 4)
{
	my $session = $node->background_psql('work', on_error_stop => 0);
	$session->query("SET client_min_messages = error");
	$session->{stdin} .= "$load;\n";
	$session->{run}->pump_nb();
	push @alarms, grep { $_ ne '' } split /\n/, sql($node, 'work', $problems) for 1 .. 3;
	$looks += 3;
	$session->quit;
}
is_deeply(\@alarms, [], "$looks looks while runs are made, executed, cancelled and retried");
cmp_ok(sql($node, 'work', "SELECT count(DISTINCT status) FROM taskcenter.task_runs"), '>=', 4, 'there were all sorts of runs');

# ---- after a crash, and when all has ended ----

sql($node, 'work', 'SELECT taskcenter.enqueue_task(name) FROM taskcenter.tasks, generate_series(1, 50) WHERE kind = \'sql\'');
$node->stop('immediate');
$node->start;
is(sql($node, 'work', $problems), '', 'right after a crash');
sql($node, 'work', q{SELECT taskcenter.pause_schedule(t.name) FROM taskcenter.tasks AS t WHERE t.name IN ('fires', 'follows')});
ok(defined settle($node, 'work', 120), 'everything ends');
is(sql($node, 'work', $problems), '', 'and when all has ended');
is(sql($node, 'work', "SELECT taskcenter.health() ->> 'fail'"), 0, 'nothing fails');

# ---- counts and digests: before and after a restart, and in a copy ----

sql($node, 'work', "SELECT taskcenter.disable_scheduler('upgrade')");
my $before = sql($node, 'work', 'SELECT taskcenter.integrity_snapshot()');
my $next = sql($node, 'work', "SELECT string_agg(format('%s %s', name, next_run_at), ' ' ORDER BY schedule_id) FROM taskcenter.schedules");
$node->restart;
is(sql($node, 'work', "SELECT * FROM taskcenter.compare_integrity('$before')"), '', 'a restart changes nothing');
is(sql($node, 'work', "SELECT string_agg(format('%s %s', name, next_run_at), ' ' ORDER BY schedule_id) FROM taskcenter.schedules"), $next, 'nor the next times');
my $dump = $node->basedir . '/work.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('work') ], 'a dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('copy'), $dump ], 'restored');
is(sql($node, 'copy', "SELECT * FROM taskcenter.compare_integrity('$before')"), '', 'the copy has every row as it was');
is(sql($node, 'copy', $problems), '', 'and is whole');

# ---- what is lost is found ----

sql($node, 'copy', q{ALTER TABLE taskcenter.finished_runs DISABLE TRIGGER ALL;
	DELETE FROM taskcenter.finished_runs WHERE run_id = (SELECT min(run_id) FROM taskcenter.finished_runs);
	SELECT taskcenter.repair_guards()});
like(sql($node, 'copy', "SELECT string_agg(DISTINCT check_name, ' ') FROM taskcenter.check_integrity()"), qr/^history_without_run/, 'a run that was deleted is missed');
is(sql($node, 'copy', "SELECT after_value::bigint - before_value::bigint FROM taskcenter.compare_integrity('$before') WHERE relation = 'finished_runs' AND measure = 'rows'"), -1, 'by the counts too');

check_log($node, allow => qr/starts nothing in database|taskcenter goes on|It found that|repair_guards/);
$node->stop;
done_testing();
