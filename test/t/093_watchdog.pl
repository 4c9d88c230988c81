# The watchdog: who is alive beats, who hangs is asked to end and then terminated, never killed.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('watchdog', conf => q{
taskcenter.max_executors = 3
taskcenter.cancel_grace = 1
});

sub look
{
	my ($row) = $tc->rows('SELECT * FROM taskcenter.watchdog_metrics()');
	return $row;
}

# by how much the counters grew, as "stuck=1 terminated=1"
sub growth
{
	my ($before) = @_;
	my $now = look();
	return join ' ', map { "$_=" . ($now->{$_} - $before->{$_}) }
	  grep { $now->{$_} != $before->{$_} } qw(checked false_positives moved_to_dead_letters stuck terminated);
}

sub code_of
{
	my ($run) = @_;
	return $tc->sql("SELECT code || ' ' || state FROM taskcenter.dead_letters WHERE run_id = $run->{run_id}");
}

my $before = look();
is("$before->{checked} $before->{stuck} $before->{running} $before->{stuck_now}", '0 0 0 0', 'at first nothing was to be done');

# ---- alive ----

$tc->task('sleeps', 'SELECT pg_sleep(600)', options => { stuck_after => '1 second' });
my $long = $tc->enqueue('sleeps');
ok($tc->wait_status($long, 'running'), 'a long run');
ok($tc->wait_until("SELECT clock_timestamp() - claimed_at > '1.5 seconds' FROM taskcenter.live_runs WHERE run_id = $long"), 'that goes on for longer than stuck_after');
$tc->is_sql("SELECT clock_timestamp() - last_heartbeat_at BETWEEN '-1 second' AND '1 second' FROM taskcenter.task_runs WHERE run_id = $long",
	't', 'beats by being alive');
is(look()->{running} . ' ' . look()->{stuck_now}, '1 0', 'and is not stuck');
$tc->is_sql("SELECT state FROM taskcenter.status WHERE check_name = 'stuck_runs'", 'ok', 'for status neither');
is(growth($before), '', 'there was nothing to do for the watchdog');

# ---- deaf ----

my $deaf = q{DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$};
my $run = $tc->once('deaf', $deaf, timeout => '500 milliseconds');
$tc->is_run($run, 'timed_out', 'a run that swallows its time limit is ended');
like($run->{error}, qr/went on after its time limit/, 'which is told');
is(code_of($run), 'TIMEOUT open', 'and leaves a dead letter');
is(growth($before), 'checked=1 moved_to_dead_letters=1 stuck=1 terminated=1', 'its executor was terminated, once');
$tc->is_run($tc->look($long), 'running', 'the long run goes on');

# without a limit only somebody's cancel ends it
$before = look();
$tc->task('deaf for ever', $deaf);
my $asked = $tc->enqueue('deaf for ever');
# before it sleeps it is not deaf yet
ok($tc->wait_until("SELECT EXISTS (SELECT FROM pg_stat_activity AS a JOIN taskcenter.running_runs AS r ON r.pid = a.pid
	WHERE r.run_id = $asked AND a.wait_event = 'PgSleep')"), 'one without a limit');
$tc->sql("SELECT taskcenter.cancel_run($asked)");
$tc->is_run($tc->finish($asked), 'cancelled', 'a deaf run that is cancelled is ended, too');
is(growth($before), 'checked=1 stuck=1 terminated=1', 'without a dead letter');
$tc->is_sql("SELECT count(*) FROM taskcenter.dead_letters WHERE run_id = $asked", '0', 'as nobody asked for its success');

# ---- stopped: it cannot even be asked ----

$before = look();
$tc->task('stopped', 'SELECT pg_sleep(600)', timeout => '1 second');
my $stopped = $tc->enqueue('stopped');
$tc->wait_status($stopped, 'running');
my $pid = $tc->sql("SELECT pid FROM taskcenter.running_runs WHERE run_id = $stopped");
ok(kill('STOP', $pid), 'an executor that does not answer anything');
ok($tc->wait_until('SELECT terminated > ' . $before->{terminated} . ' FROM taskcenter.watchdog_metrics()'), 'is terminated');
$tc->is_run($tc->look($stopped), 'running', 'which it does not hear');
$tc->task('other', 'SELECT 1');
$tc->is_run($tc->run('other'), 'succeeded', 'others go on');
kill('CONT', $pid);
$tc->is_run($tc->finish($stopped), 'timed_out', 'as soon as it can it ends');
is(growth($before), 'checked=1 moved_to_dead_letters=1 stuck=1 terminated=1', 'it was asked once');

# ---- gone ----

$before = look();
$pid = $tc->sql("SELECT pid FROM taskcenter.running_runs WHERE run_id = $long");
$tc->sql("SELECT pg_terminate_backend($pid)");
ok($tc->wait_until("SELECT lost = 1 AND status = 'running' FROM taskcenter.task_runs WHERE run_id = $long"), 'a run whose executor is gone goes again, at once');
is(growth($before), 'checked=1 stuck=1', 'the watchdog saw it');

# ---- too late ----

$before = look();
$tc->sql('CREATE TABLE effects (i int); GRANT ALL ON effects TO app');
$tc->close_gate(1);
$tc->task('late', 'INSERT INTO effects VALUES (1); ' . $tc->gate(1), max_attempts => 5);
my $late = $tc->enqueue('late');
$tc->wait_at_gate(1);
# somebody took the run away meanwhile
$tc->sql("UPDATE taskcenter.live_runs SET status = 'queued', token = NULL, executor_id = NULL, run_at = now() + interval '1 hour' WHERE run_id = $late");
$tc->open_gate(1);
ok($tc->wait_until('SELECT false_positives = ' . ($before->{false_positives} + 1) . ' FROM taskcenter.watchdog_metrics()'), 'a late finish is refused, and counted');
$tc->is_sql('SELECT count(*) FROM effects', '0', 'its effects are undone');
$tc->is_run($tc->look($late), 'queued', 'the run is what it was made');

# a worker that was silent for too long
$before = look();
$tc->sql(q{SELECT taskcenter.create_task('outside', kind => 'external', options => '{"max_lost": 1}')});
my $worker = $tc->sql(q{SELECT taskcenter.register_worker('silent', '{default}')});
my $outside = $tc->enqueue('outside');
my ($claimed) = $tc->rows("SELECT * FROM taskcenter.claim_runs($worker, 1, '1 second')");
$tc->is_run($tc->finish($outside), 'failed', 'a run whose worker sends no beat is lost');
is(growth($before), 'checked=1 moved_to_dead_letters=1 stuck=1', 'the watchdog moved it to the dead letters');
is($tc->sql("SELECT code || ' ' || lost FROM taskcenter.dead_letters WHERE run_id = $outside"), 'TIMEOUT 1', 'where it is');
$tc->refused("SELECT taskcenter.complete_run($outside, $claimed->{token}, '{}')", '55000', 'its late finish is refused');
is(growth($before), 'checked=1 false_positives=1 moved_to_dead_letters=1 stuck=1', 'and counted as a false alarm');

$tc->sql("SELECT taskcenter.cancel_run($long), taskcenter.cancel_run($late)");
$tc->finish($long);

# what was counted stays
$before = look();
$tc->restart;
ok($tc->wait_until("SELECT checked > 0 FROM taskcenter.watchdog_metrics()"), 'the counters outlive a restart');
is(growth($before), '', 'all of them');
$tc->never_crashed('nothing was killed, the server never restarted');
$tc->stop;
done_testing();
