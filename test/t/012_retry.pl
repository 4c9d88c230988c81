# What follows a failed attempt: which errors are tried again, when, how often,
# and what retry_run() does with a run that has ended.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('retry', conf => "taskcenter.max_executors = 3\n");

$tc->sql(q{CREATE SEQUENCE tries; GRANT ALL ON SEQUENCE tries TO app;
CREATE FUNCTION fail(code text) RETURNS void LANGUAGE plpgsql AS
  $$BEGIN PERFORM nextval('tries'); RAISE EXCEPTION 'failing with %', code USING ERRCODE = code; END$$});

# ---- when: the due time is stored; the test makes it come ----

# The delays in minutes that a task's runs are given, attempt by attempt.
sub delays
{
	my ($name, %arguments) = @_;
	my @delays;

	$tc->task($name, q{SELECT fail('TC001')}, max_attempts => 5, %arguments);
	my $run = $tc->enqueue($name);
	for my $attempt (1 .. 4)
	{
		$tc->wait_until("SELECT status = 'retrying' AND attempt = $attempt"
			  . " FROM taskcenter.live_runs WHERE run_id = $run");
		push @delays, $tc->sql(
			qq{SELECT extract(epoch FROM r.run_at - h.changed_at) / 60
			FROM taskcenter.live_runs AS r JOIN taskcenter.task_run_history AS h USING (run_id)
			WHERE run_id = $run AND h.new_status = 'retrying' AND h.attempt = $attempt});
		$tc->sql("UPDATE taskcenter.live_runs SET run_at = now() WHERE run_id = $run");
	}
	my $row = $tc->finish($run);
	$tc->failed_with($row, 'TC001', "$name: the last attempt fails");
	is($row->{attempt}, 5, 'after max_attempts');
	is($tc->history($run), 'queued' . ' running retrying' x 4 . ' running failed',
		'each attempt is in its history');
	return @delays;
}

sub between
{
	my ($delay, $from, $to, $name) = @_;
	return ok($delay >= $from && $delay <= $to, "$name ($delay within $from to $to)");
}

my @minutes = (backoff_base => '10 minutes', backoff_cap => '25 minutes');
my @delays = delays('fixed', backoff => 'fixed', @minutes);
is(join(' ', map { $_ + 0 } @delays), '10 10 10 10', 'fixed: always the base, to the microsecond');
@delays = delays('linear', backoff => 'linear', @minutes);
is(join(' ', map { $_ + 0 } @delays), '10 20 25 25', 'linear: more by the base each time, up to the cap');
@delays = delays('exponential', backoff => 'exponential', @minutes);
between($delays[0], 5, 10, 'exponential: the base, less up to a half');
between($delays[1], 10, 20, 'twice that');
between($delays[2], 20, 25, 'up to the cap');
is($delays[3] + 0, 25, 'and never more');
my @again = delays('exponential again', backoff => 'exponential', @minutes);
isnt($again[0], $delays[0], 'it differs from run to run');

$tc->sql('ALTER SEQUENCE tries RESTART');
my $run = $tc->once('none', q{SELECT fail('TC001')}, max_attempts => 4, backoff => 'none');
$tc->failed_with($run, 'TC001', 'without a backoff');
is("$run->{attempt} " . $tc->sql('SELECT last_value FROM tries'), '4 4', 'attempts follow at once');

# ---- whether: the class of the error ----

my %verdicts = (
	'TC001' => 'again', 'P0001' => 'again', '22012' => 'again', '23505' => 'again',
	'53100' => 'again', '55P03' => 'again', '57014' => 'again', '57P03' => 'again', '08006' => 'again',
	'58030' => 'again', 'XX000' => 'again',
	'42601' => 'never', '42P01' => 'never', '42501' => 'never', '0A000' => 'never',
	'28000' => 'never', '3D000' => 'never', '3F000' => 'never');
for my $code (sort keys %verdicts)
{
	$run = $tc->once("error $code", "SELECT fail('$code')", max_attempts => 2, backoff => 'none');
	is("$run->{status} $run->{sqlstate} $run->{attempt}",
		"failed $code " . ($verdicts{$code} eq 'again' ? 2 : 1), "$code is tried $verdicts{$code}");
}
$run = $tc->once('missing', 'SELECT * FROM missing', max_attempts => 3);
is("$run->{status} $run->{sqlstate} $run->{attempt}", 'failed 42P01 1', 'a missing table stays missing');
is($run->{error}, 'relation "missing" does not exist', 'the run has the message');
is($run->{finished_at} gt $run->{started_at}, 1, 'and its times');

# collisions are repeated within an attempt, and count as one when they go on
$tc->sql('ALTER SEQUENCE tries RESTART');
$run = $tc->once('collision', q{SELECT fail('40001')}, max_attempts => 2, backoff => 'none');
is("$run->{status} $run->{attempt}", 'failed 2', 'attempts that collide');
$tc->is_sql('SELECT last_value FROM tries', '12', 'are repeated five times each');

# ---- rules of the task ----

$tc->task(
	'ruled', q{SELECT fail(taskcenter.param('code')->>0)}, max_attempts => 3, backoff => 'none',
	options => {
		retry_rules => [
			{ sqlstate => '22012', retry => Taskcenter::false },
			{ sqlstate => '42P01', delay => '7 minutes', max_attempts => 2 },
			{ sqlstate => '23', max_attempts => 4 },
			{ sqlstate => '*', retry => Taskcenter::false } ] });
$run = $tc->run('ruled', params => { code => '22012' });
is("$run->{status} $run->{attempt}", 'failed 1', 'a rule can forbid another attempt');
$run = $tc->run('ruled', params => { code => '23505' });
is("$run->{status} $run->{attempt}", 'failed 4', 'or give more, to a class of errors');
$run = $tc->run('ruled', params => { code => 'TC001' });
is("$run->{status} $run->{attempt}", 'failed 1', 'the first rule that matches decides');
my $id = $tc->enqueue('ruled', params => { code => '42P01' });
ok($tc->wait_status($id, 'retrying'), 'a rule can allow what is permanent otherwise');
$tc->is_sql(
	qq{SELECT r.run_at - h.changed_at FROM taskcenter.live_runs AS r
	JOIN taskcenter.task_run_history AS h USING (run_id)
	WHERE run_id = $id AND h.new_status = 'retrying'}, '00:07:00', 'with a delay of its own');
$tc->sql("UPDATE taskcenter.live_runs SET run_at = now() WHERE run_id = $id");
$run = $tc->finish($id);
is("$run->{status} $run->{attempt}", 'failed 2', 'as often as it says');
for my $rules ('[{"retry": true}]', '[{"sqlstate": "4"}]', '[{"sqlstate": "40x01"}]', '["40"]',
	'{"sqlstate": "40"}', '[{"sqlstate": "40", "delay": "-1 s"}]', '[{"sqlstate": "40", "extra": 1}]',
	'[{"sqlstate": "40", "retry": "maybe"}]')
{
	$tc->refused(
		qq{SELECT taskcenter.create_task('bad rules', 'SELECT 1', options => '{"retry_rules": $rules}')},
		'22023', "rules $rules are refused");
}

# ---- an attempt that succeeds in the end ----

$tc->sql('ALTER SEQUENCE tries RESTART');
$tc->task('third time', q{SELECT fail('TC001') WHERE (taskcenter.current_run()).attempt < 3;
	SELECT taskcenter.set_output(to_jsonb((SELECT attempt || ' of ' || max_attempts
	  FROM taskcenter.current_run())))}, max_attempts => 5, backoff => 'fixed',
	backoff_base => '50 milliseconds');
$run = $tc->run('third time');
$tc->is_run($run, 'succeeded', 'a third attempt');
is("$run->{attempt} $run->{output}", '3 3 of 5', 'knows which one it is');
is($run->{error}, undef, 'a run that succeeded has no error');
is(scalar(grep { /^error: failing with TC001/ } $tc->logs($run->{run_id})),
	2, 'its log has those of the attempts before');
$tc->is_sql(
	qq{SELECT bool_and(changed_at >= failed_at + interval '50 ms') FROM (SELECT new_status, changed_at,
	lag(changed_at) OVER (ORDER BY changed_at) AS failed_at FROM taskcenter.task_run_history
	WHERE run_id = $run->{run_id} AND new_status IN ('running', 'retrying')) AS h
	WHERE new_status = 'running' AND failed_at IS NOT NULL}, 't', 'no attempt began before it was due');

# while it waits for the next attempt, the run tells why
$id = $tc->enqueue('ruled', params => { code => '42P01' });
$tc->wait_status($id, 'retrying');
$run = $tc->look($id);
is("$run->{sqlstate} $run->{error} $run->{attempt}", '42P01 failing with 42P01 1',
	'a run that is retrying shows the error of its last attempt');
is($run->{finished_at}, undef, 'and has not finished');

# ---- time limits ----

$run = $tc->once('slow', 'SELECT pg_sleep(60)', timeout => '100 milliseconds',
	max_attempts => 2, backoff => 'none');
is("$run->{status} $run->{sqlstate} $run->{attempt}", 'timed_out 57014 2',
	'an attempt that takes too long is tried again');
is($tc->history($run->{run_id}), 'queued running retrying running timed_out', 'and then timed_out');

# ---- retry_run() ----

$tc->sql('CREATE TABLE switch (broken boolean); INSERT INTO switch VALUES (true); GRANT ALL ON switch TO app');
$tc->task('repaired', q{SELECT 1 / (CASE WHEN broken THEN 0 ELSE 1 END) FROM switch},
	max_attempts => 2, backoff => 'none');
$run = $tc->run('repaired', params => { kept => 'yes' });
is("$run->{status} $run->{attempt}", 'failed 2', 'a run that failed');
$tc->is_sql("SELECT taskcenter.retry_run($run->{run_id}, 'still broken')", 'queued', 'is retried');
$run = $tc->finish($run->{run_id});
is("$run->{status} $run->{attempt} $run->{max_attempts}", 'failed 3 3', 'with one attempt more');
$tc->sql('UPDATE switch SET broken = false');
$tc->sql("SELECT taskcenter.retry_run($run->{run_id}, 'repaired')");
my $retried = $tc->finish($run->{run_id});
is("$retried->{status} $retried->{attempt}", 'succeeded 4', 'until it succeeds');
is_deeply($retried->{params}, { kept => 'yes' }, 'with its params');
is($retried->{error}, undef, 'and without an error');
$tc->is_sql(
	qq{SELECT string_agg(reason || ' by ' || actor, ', ' ORDER BY changed_at)
	FROM taskcenter.task_run_history WHERE run_id = $run->{run_id} AND old_status = 'failed'},
	'still broken by postgres, repaired by postgres', 'the history says who retried it, and why');
is($tc->history($run->{run_id}),
	'queued running retrying running failed queued running failed queued running succeeded',
	'in one line');
$tc->refused("SELECT taskcenter.retry_run($run->{run_id})", '55000', 'a run that succeeded is not retried');
$tc->refused('SELECT taskcenter.retry_run(999999)', '42704', 'nor one that does not exist');
$tc->refused('SELECT taskcenter.retry_run(NULL)', '22004', 'nor none');

$tc->task('waits', $tc->gate(1));
$tc->close_gate(1);
$id = $tc->enqueue('waits');
$tc->wait_at_gate(1);
$tc->refused("SELECT taskcenter.retry_run($id)", '55000', 'a running run is not retried');
$tc->sql("SELECT taskcenter.cancel_run($id)");
$tc->is_run($tc->finish($id), 'cancelled', 'a cancelled one');
$tc->open_gate(1);
$tc->sql("SELECT taskcenter.retry_run($id)");
$tc->is_run($tc->finish($id), 'succeeded', 'is');
$run = $tc->once('slow again', 'SELECT pg_sleep(CASE WHEN broken THEN 60 ELSE 0 END) FROM switch',
	timeout => '100 milliseconds');
$tc->is_run($run, 'succeeded', 'quick now');
$tc->sql('UPDATE switch SET broken = true');
my @failed = map { $tc->run('repaired') } 1 .. 3;
push @failed, $tc->run('slow again');
is(join(' ', map { $_->{status} } @failed), 'failed failed failed timed_out', 'several that failed');
$tc->sql('UPDATE switch SET broken = false');
$tc->is_sql(
	q{SELECT string_agg(run_id || old_status || status || coalesce(problem, ''), ' ' ORDER BY run_id)
	FROM taskcenter.retry_runs('repaired', reason => 'all of them')},
	join(' ', map { "$_->{run_id}failedqueued" } @failed[ 0 .. 2 ]), 'are retried together');
is($tc->finish($_->{run_id})->{status}, 'succeeded', 'each succeeds') for @failed[ 0 .. 2 ];
$tc->is_run($tc->look($failed[3]{run_id}), 'timed_out', 'and no other task\'s');
$tc->sql(q{SELECT taskcenter.retry_runs(statuses => '{timed_out}')});
$tc->is_run($tc->finish($failed[3]{run_id}), 'succeeded', 'by status, over all tasks');

# a rollback retries nothing
$tc->sql('UPDATE switch SET broken = true');
$run = $tc->run('repaired');
$tc->sql("BEGIN; SELECT taskcenter.retry_run($run->{run_id}); ROLLBACK");
$tc->is_run($tc->look($run->{run_id}), 'failed', 'a retry that is rolled back did not happen');
is($tc->history($run->{run_id}), 'queued running retrying running failed', 'not even in the history');

# the unique key of a run that comes back
$run = $tc->run('repaired', unique_key => 'k');
my $other = $tc->sql(q{SELECT taskcenter.enqueue_task('repaired', unique_key => 'k',
	run_at => now() + interval '1 hour')});
$tc->refused("SELECT taskcenter.retry_run($run->{run_id})", '23505',
	'a run whose key another one has by now is not retried');
$tc->sql("SELECT taskcenter.cancel_run($other)");
$tc->is_sql("SELECT taskcenter.retry_run($run->{run_id})", 'queued', 'until that one has ended');
$tc->finish($run->{run_id});

$tc->never_crashed;
$tc->stop;
done_testing();
