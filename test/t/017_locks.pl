# What a user's open transaction holds makes nobody else wait: neither the
# scheduler nor the executors of others, and what it held goes on afterwards.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('locks', conf => "fsync = off\ntaskcenter.max_executors = 4\n");

$tc->sql(q{
CREATE ROLE other LOGIN;
CREATE TABLE effects (run_id bigint, task text, at timestamptz DEFAULT clock_timestamp(), until timestamptz);
GRANT ALL ON effects TO app, other;
CREATE TABLE gate (id int);
GRANT ALL ON gate TO app;
});
my $note = q{INSERT INTO effects SELECT run_id, task FROM taskcenter.current_run()};
$tc->task('tick', $note, run_as => 'other', schedule => '* * * * * *');
$tc->task('other', $note, run_as => 'other');

# Schedules of others fire, and their runs are executed, within two seconds.
sub others_are_served
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ticks = $tc->sql("SELECT count(*) FROM effects WHERE task = 'tick'");

	ok($tc->wait_until("SELECT count(*) >= $ticks + 2 FROM effects WHERE task = 'tick'", 5),
		"$what: schedules of others fire");
	return is($tc->finish($tc->enqueue('other'), 5)->{status}, 'succeeded', "$what: runs of others are executed");
}

# sleeping(TASK, SECONDS): a run that executes by now.
sub sleeping
{
	my ($task) = @_;
	my $run = $tc->enqueue($task);

	$tc->wait_until("SELECT status = 'running' FROM taskcenter.task_runs WHERE run_id = $run");
	return $run;
}

# ---- a scheduled run that is held, of a task whose next one cancels it ----

$tc->sql("SELECT taskcenter.create_queue('turns', max_running => 0)");
$tc->task('turns', 'SELECT 1', schedule => '* * * * * *', overlap => 'cancel_running', queue => 'turns');
ok($tc->wait_until(q{SELECT count(*) > 0 FROM taskcenter.task_runs WHERE task = 'turns' AND status = 'queued'}), 'a run waits');
$tc->sql('BEGIN', 'holder');
$tc->sql(q{SELECT count(*) FROM taskcenter.cancel_runs('turns')}, 'holder');
others_are_served('a waiting run is held');
$tc->sql('ROLLBACK', 'holder');
$tc->sql("SELECT taskcenter.limit_queue('turns', 4)");
ok($tc->wait_until(q{SELECT count(*) > 2 FROM taskcenter.task_runs WHERE task = 'turns' AND status = 'succeeded'}), 'then it goes on');
$tc->sql("SELECT taskcenter.archive_task('turns')");

# ---- a run that is held while somebody else's cancellation of it is on its way ----

$tc->task('fails', 'SELECT pg_sleep(0.3); SELECT 1 / 0', max_attempts => 3, backoff => 'fixed', backoff_base => '1 hour');
my $run = sleeping('fails');
$tc->sql('BEGIN', 'canceller');
is($tc->sql("SELECT taskcenter.cancel_run($run)", 'canceller'), 'cancelling', 'a run is to be cancelled');
ok($tc->wait_status($run, 'retrying'), 'but fails before');
$tc->sql('BEGIN', 'holder');
is($tc->sql("SELECT taskcenter.cancel_run($run)", 'holder'), 'cancelled', 'and somebody else holds it');
$tc->sql('COMMIT', 'canceller');
others_are_served('a run to be cancelled is held');
$tc->sql('ROLLBACK', 'holder');
is($tc->finish($run, 5)->{status}, 'cancelled', 'then it is cancelled');

# ---- a run that is held when its executor dies ----

# A statement that waited for a claim holds what was claimed, if it wants it no more.
$tc->task('held', 'SELECT pg_sleep(600)');
$run = sleeping('held');
$tc->sql('BEGIN', 'holder');
$tc->sql("SELECT run_id FROM taskcenter.live_runs WHERE run_id = $run FOR UPDATE", 'holder');
$tc->sql(qq{SELECT pg_terminate_backend(pid) FROM taskcenter.executor_activity() WHERE run_id = $run});
others_are_served('a lost run is held');
$tc->sql('ROLLBACK', 'holder');
ok($tc->wait_until("SELECT lost = 1 AND status = 'running' FROM taskcenter.task_runs WHERE run_id = $run", 5), 'then it is settled');
$tc->sql("SELECT taskcenter.cancel_run($run)");
is($tc->finish($run, 5)->{status}, 'cancelled', 'and can be cancelled');

# ---- a task that is held ----

# of the same role, in a queue with a limit that others use
$tc->sql("SELECT taskcenter.create_queue('shared', max_running => 3)");
$tc->task('limited', $note, queue => 'shared', options => { max_running => 1 });
$tc->task('beside', $note);
$tc->task('shared', $note, queue => 'shared', run_as => 'other');
$tc->sql('BEGIN', 'holder');
$tc->sql("UPDATE taskcenter.tasks SET state = 'paused' WHERE name = 'limited'", 'holder');
$run = $tc->enqueue('limited');
is($tc->finish($tc->enqueue('beside'), 5)->{status}, 'succeeded', 'a limited task is held: runs of its role are executed');
is($tc->finish($tc->enqueue('shared'), 5)->{status}, 'succeeded', 'and those of its queue');
others_are_served('a limited task is held');
is($tc->look($run)->{status}, 'queued', 'its own run waits');
$tc->sql('ROLLBACK', 'holder');
is($tc->finish($run, 5)->{status}, 'succeeded', 'and goes on');

# of a role that cannot execute any more
$tc->sql('CREATE ROLE leaver LOGIN');
$tc->task('left', 'SELECT 1', run_as => 'leaver');
$tc->sql('BEGIN', 'holder');
$tc->sql("SELECT task_id FROM taskcenter.tasks WHERE name = 'left' FOR UPDATE", 'holder');
$tc->sql('ALTER ROLE leaver NOLOGIN');
$run = $tc->enqueue('left');
others_are_served('a task to be quarantined is held');
$tc->sql('ROLLBACK', 'holder');
ok($tc->wait_until("SELECT state = 'quarantined' FROM taskcenter.tasks WHERE name = 'left'", 5), 'then it is quarantined');

# one with a run that is held
$tc->sql('ALTER ROLE leaver LOGIN');
$tc->sql("SELECT taskcenter.enable_task('left')");
ok($tc->finish($run, 5)->{finished_at}, 'enabled, it goes on');
$tc->sql("SELECT taskcenter.pause_queue('default')");
$run = $tc->enqueue('left');
$tc->enqueue('left');
$tc->sql('BEGIN', 'holder');
$tc->sql("SELECT taskcenter.cancel_run($run)", 'holder');
$tc->sql('ALTER ROLE leaver NOLOGIN');
$tc->sql("SELECT taskcenter.resume_queue('default')");
others_are_served('a run of a task to be quarantined is held');
ok($tc->wait_until("SELECT state = 'quarantined' FROM taskcenter.tasks WHERE name = 'left'", 5), 'the task is quarantined at once');
$tc->sql('ROLLBACK', 'holder');
$tc->sql('ALTER ROLE leaver LOGIN');
$tc->sql("SELECT taskcenter.enable_task('left')");
is($tc->finish($run, 5)->{status}, 'succeeded', 'enabled, what was held goes on');

# ---- an @reboot schedule that is held when the scheduler starts ----

$tc->task('reboot', $note, schedule => '@reboot');
$tc->sql("SELECT taskcenter.pause_scheduler()");
$tc->restart;
$tc->sql('BEGIN', 'holder');
$tc->sql("SELECT schedule_id FROM taskcenter.schedules WHERE schedule = '\@reboot' FOR UPDATE", 'holder');
$tc->sql("SELECT taskcenter.resume_scheduler()");
others_are_served('an @reboot schedule is held');
is($tc->sql("SELECT count(*) FROM effects WHERE task = 'reboot'"), '0', 'it did not fire');
$tc->sql('ROLLBACK', 'holder');
ok($tc->wait_until("SELECT count(*) = 1 FROM effects WHERE task = 'reboot'", 10), 'then it fires');

# ---- a run that another one performs, and that goes back with it ----

$tc->task('performed', $note);
$tc->task('performer', q{DO $$BEGIN
	PERFORM taskcenter.perform_run((taskcenter.param('run'))::text::bigint);
	PERFORM pg_sleep(3);
	RAISE 'no'; END$$});
$run = $tc->enqueue('performed', run_at => $tc->sql("SELECT clock_timestamp() + interval '1 s'"));
my $performer = $tc->enqueue('performer', params => { run => $run + 0 });
$tc->wait_until("SELECT now() > run_at FROM taskcenter.task_runs WHERE run_id = $run");
is($tc->look($performer)->{status}, 'running', 'a run performs another');
for (1 .. 3)
{
	is($tc->finish($tc->enqueue('performed'), 5)->{status}, 'succeeded', 'meanwhile its lane goes on');
}
is($tc->finish($performer)->{error}, 'no', 'it fails');
is($tc->finish($run, 5)->{status}, 'succeeded', 'the other is executed');

$tc->never_crashed;
$tc->stop;
done_testing();
