# Cancelling: whatever a run is doing, soon, and never another run.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $storm = $ENV{TASKCENTER_LONG} ? 10000 : 1000;

my $tc = Taskcenter->start(
	'cancel', conf => q{
taskcenter.max_executors = 4
taskcenter.cancel_grace = 2
});
$tc->sql(q{CREATE TABLE effects (run_id bigint, note text); GRANT ALL ON effects TO app;
CREATE ROLE solo LOGIN CONNECTION LIMIT 1; GRANT ALL ON effects TO solo});

my $effect = q{INSERT INTO effects SELECT run_id FROM taskcenter.current_run()};

sub effects
{
	my ($run) = @_;
	return $tc->sql("SELECT count(*) FROM effects WHERE run_id = $run");
}

# The last move of a run, as "queued>cancelled: reason by actor".
sub last_move
{
	my ($run) = @_;
	return $tc->sql(
		qq{SELECT old_status || '>' || new_status || ': ' || coalesce(reason, '-') || ' by ' || actor
		FROM taskcenter.task_run_history WHERE run_id = $run ORDER BY changed_at DESC, ctid DESC LIMIT 1});
}

# ---- before it runs ----

$tc->task('effect', $effect);
my $run = $tc->enqueue('effect', run_at => '2100-01-01 00:00 UTC');
$tc->is_sql("SELECT taskcenter.cancel_run($run, 'not needed')", 'cancelled', 'a queued run is cancelled');
is($tc->look($run)->{status}, 'cancelled', 'at once');
is($tc->look($run)->{reason}, 'not needed', 'for the reason given');
is($tc->look($run)->{started_at}, undef, 'it never began');
is(last_move($run), 'queued>cancelled: not needed by postgres', 'the history says who and why');
$tc->is_sql("SELECT taskcenter.cancel_run($run, 'again')", 'cancelled', 'once more changes nothing');
is(last_move($run), 'queued>cancelled: not needed by postgres', 'and records nothing');

$run = $tc->enqueue('effect', run_at => '2100-01-01 00:00 UTC');
$tc->sql("BEGIN; SELECT taskcenter.cancel_run($run); ROLLBACK");
$tc->is_run($tc->look($run), 'queued', 'a cancellation that is rolled back did not happen');
$tc->sql("UPDATE taskcenter.live_runs SET run_at = now() WHERE run_id = $run");
$tc->is_run($tc->finish($run), 'succeeded', 'the run is executed');

$tc->task('fails', 'SELECT 1/0', max_attempts => 3, backoff => 'fixed', backoff_base => '1 hour');
$run = $tc->enqueue('fails');
$tc->wait_status($run, 'retrying');
$tc->is_sql("SELECT taskcenter.cancel_run($run)", 'cancelled', 'a run that waits for its next attempt');
is(last_move($run), 'retrying>cancelled: - by postgres', 'is cancelled from there');

$run = $tc->run('effect');
$tc->is_sql("SELECT taskcenter.cancel_run($run->{run_id})", 'succeeded', 'one that has ended stays as it is');
$tc->refused('SELECT taskcenter.cancel_run(999999)', '42704', 'one that does not exist cannot be cancelled');
$tc->refused('SELECT taskcenter.cancel_run(NULL)', '22004', 'nor none');

# ---- while it runs ----

$tc->task('sleeps', "$effect; SELECT pg_sleep(120)");

sub start_run
{
	my ($task) = @_;
	my $started = $tc->enqueue($task);

	$tc->wait_until("SELECT count(*) > 0 FROM taskcenter.running_runs WHERE run_id = $started AND pid IS NOT NULL");
	return $started;
}

for my $round (1 .. 5)
{
	$run = start_run('sleeps');
	my ($answer, $asked_at) = split /\|/,
	  $tc->sql("SELECT taskcenter.cancel_run($run, 'enough'), clock_timestamp()");
	is($answer, 'cancelling', 'a running run is told to end');
	my $row = $tc->finish($run);
	$tc->is_run($row, 'cancelled', 'and does');
	$tc->is_sql(
		"SELECT finished_at - '$asked_at' < interval '1 second' FROM taskcenter.task_runs WHERE run_id = $run",
		't', 'within a second');
	is(effects($run) . ' ' . last_move($run), '0 running>cancelled: enough by postgres',
		'without effects, with who and why');
}

$run = start_run('sleeps');
$tc->sql("BEGIN; SELECT taskcenter.cancel_run($run, 'x'); ROLLBACK");
$tc->is_run($tc->run('effect'), 'succeeded', 'a rolled back cancellation');
$tc->is_run($tc->look($run), 'running', 'lets it run');
$tc->sql("BEGIN; SELECT taskcenter.cancel_run($run, 'x')");
$tc->is_sql("SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'running',
	'one that is not committed, too', 'other');
$tc->sql('COMMIT');
$tc->is_run($tc->finish($run), 'cancelled', 'from its commit on it is in force');

$run = start_run('sleeps');
$tc->sql(q{CREATE ROLE stranger LOGIN});
$tc->session('stranger', 'stranger');
$tc->refused("SELECT taskcenter.cancel_run($run)", '42501', 'a stranger may not cancel it', 'stranger');
$tc->is_run($tc->look($run), 'running', 'and it goes on');
$tc->sql("SELECT taskcenter.cancel_run($run)");
$tc->finish($run);

# ---- many ----

my @sleeping = map { start_run('sleeps') } 1, 2;
my @waiting = map { $tc->enqueue('effect', run_at => '2100-01-01 00:00 UTC') } 1 .. 3;
$tc->is_sql(q{SELECT count(*), min(status) FROM taskcenter.cancel_runs('effect', reason => 'all')},
	'3|cancelled', 'all runs of a task are cancelled');
$tc->is_sql(q{SELECT count(*) FROM taskcenter.cancel_runs(statuses => '{queued}')}, '0', 'or of a status');
is(join(' ', map { $tc->look($_)->{status} } @sleeping), 'running running', 'and no others');
$tc->is_sql(q{SELECT count(*), min(status) FROM taskcenter.cancel_runs()}, '2|cancelling', 'or all');
is($tc->finish($_)->{status}, 'cancelled', 'which end') for @sleeping;

# ---- claimed and not begun: behind a slow run, in a list and in a batch ----

$tc->task('list', $effect . '; ' . $tc->gate(1) . q{ WHERE taskcenter.param('i') = '1'}, run_as => 'solo');
$tc->enqueue_many('list', 200, q{'{}'::jsonb});
$tc->finish_all('list');
my $cancelling = 0;
for my $round (1 .. 5)
{
	$tc->close_gate(1);
	my @list = $tc->enqueue_many('list', 20);
	my $victim = $list[10];
	my $answer = $tc->sql(
		qq{DO \$\$ BEGIN
		WHILE (SELECT status FROM taskcenter.live_runs WHERE run_id = $victim) = 'queued' LOOP
		END LOOP; END \$\$; SELECT taskcenter.cancel_run($victim, 'round $round')});

	$cancelling++ if $answer eq 'cancelling';
	$tc->open_gate(1) if $round > 2;
	$tc->is_run($tc->finish($victim), 'cancelled', 'a run that was claimed and has not begun is cancelled');
	is(effects($victim), 0, 'and never executed');
	like(last_move($victim), qr/>cancelled: round $round by postgres$/, 'for the reason that was given');
	$tc->open_gate(1) if $round <= 2;
	$tc->finish_all('list');
	$tc->is_sql(
		"SELECT count(*) FROM taskcenter.task_runs WHERE status = 'succeeded' AND run_id BETWEEN $list[0] AND $list[-1]",
		'19', 'all others are');
}
cmp_ok($cancelling, '>', 0, 'it was claimed indeed');

$tc->task('batch', $effect . '; ' . $tc->gate(2) . q{ WHERE taskcenter.param('i') = '1'},
	transaction_mode => 'batched', run_as => 'solo');
$tc->close_gate(2);
my @batch = $tc->enqueue_many('batch', 30);
$tc->wait_at_gate(2);
$tc->is_sql("SELECT taskcenter.cancel_run($batch[20], 'one')", 'cancelling', 'a run further on in a batch');
$tc->open_gate(2);
$tc->is_run($tc->finish($batch[20]), 'cancelled', 'is cancelled');
$tc->finish_all('batch');
$tc->is_sql(
	"SELECT count(*) FROM taskcenter.task_runs WHERE status = 'succeeded' AND run_id BETWEEN $batch[0] AND $batch[-1]",
	'29', 'and no other one of it');
is(effects($batch[20]), 0, 'it has no effects');

# ---- between two repetitions of an attempt ----

$tc->task('collides', q{DO $$ BEGIN PERFORM pg_sleep(0.05); RAISE SQLSTATE '40001'; END $$},
	max_attempts => 1000, backoff => 'none');
for my $delay (map { $_ * 0.023 } 1 .. 5)
{
	$run = start_run('collides');
	$tc->sql("SELECT pg_sleep($delay); SELECT taskcenter.cancel_run($run)");
	$tc->is_run($tc->finish($run, 10), 'cancelled', 'a run that is being repeated is cancelled');
}

# ---- never another run ----

# While short runs go by, whatever of the victims runs at a moment is cancelled.
$tc->sql(q{
CREATE TABLE cancels (run_id bigint, answer text);
CREATE PROCEDURE storm(wanted int) LANGUAGE plpgsql AS $$
DECLARE
  target bigint;
  made int := 0;
  give_up timestamptz := clock_timestamp() + interval '100 seconds';
BEGIN
  WHILE made < wanted AND clock_timestamp() < give_up LOOP
    IF (SELECT count(*) < 100 FROM taskcenter.live_runs) THEN
      PERFORM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task', 'short',
        'params', jsonb_build_object('i', i))) FROM generate_series(1, 200) AS i));
      COMMIT;
    END IF;
    SELECT run_id INTO target FROM taskcenter.live_runs
      WHERE status = 'running' AND run_id % 2 = 0 ORDER BY random() LIMIT 1;
    IF FOUND THEN
      INSERT INTO cancels VALUES (target, taskcenter.cancel_run(target, 'storm'));
      made := made + 1;
    END IF;
    COMMIT;
  END LOOP;
END $$});
$tc->task('short', $effect . '; SELECT pg_sleep(random() * 0.003)');
$tc->sql("CALL storm($storm)");
ok($tc->finish_all('short', 60), 'a storm of cancellations leaves no run behind');
note($tc->sql(q{SELECT 'storm: ' || string_agg(status || ' ' || n, ', ') FROM
	(SELECT status, count(*) AS n FROM taskcenter.task_runs WHERE task = 'short' GROUP BY status) AS s}));
$tc->is_sql('SELECT count(*) FROM cancels', $storm, 'of so many');
$tc->is_sql(
	q{SELECT count(*) FROM taskcenter.task_runs WHERE task = 'short' AND status <> 'succeeded'
	AND run_id NOT IN (SELECT run_id FROM cancels)}, '0', 'none of them hit another run');
$tc->is_sql(
	q{SELECT string_agg(DISTINCT h.reason || ' by ' || h.actor, ', ') FROM taskcenter.task_run_history AS h
	JOIN taskcenter.task_runs AS r USING (run_id) WHERE r.task = 'short' AND h.new_status = 'cancelled'},
	'storm by postgres', 'each says who cancelled it, and why');
$tc->is_sql(
	q{SELECT string_agg(DISTINCT status, ' ') FROM taskcenter.task_runs WHERE task = 'short'},
	'cancelled succeeded', 'runs were cancelled or succeeded, nothing else');
$tc->is_sql(
	q{SELECT count(*) FROM taskcenter.task_runs AS r LEFT JOIN
	(SELECT run_id, count(*) AS n FROM effects GROUP BY run_id) AS e USING (run_id)
	WHERE task = 'short' AND coalesce(n, 0) <> CASE status WHEN 'succeeded' THEN 1 ELSE 0 END},
	'0', 'and their effects say the same');
$tc->is_sql(
	q{SELECT coalesce(string_agg(moves || ' ' || n, ', '), '') FROM (SELECT moves, count(*) AS n
	FROM (SELECT string_agg(old_status || '>' || new_status, ' ' ORDER BY changed_at, h.ctid) AS moves
	FROM taskcenter.task_run_history AS h JOIN taskcenter.task_runs AS r USING (run_id)
	WHERE task = 'short' GROUP BY run_id) AS h
	WHERE moves !~ '^(queued>running running>queued )*(queued>running running>(succeeded|cancelled)|queued>cancelled)$'
	GROUP BY moves) AS bad}, '', 'every history is a legal way');

# ---- what does not heed it ----

$tc->task('deaf', q{DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60);
	EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$});
$run = start_run('deaf');
my ($pid) = $tc->sql("SELECT pid FROM taskcenter.running_runs WHERE run_id = $run");
my $asked_at = $tc->sql("SELECT taskcenter.cancel_run($run, 'deaf')") && $tc->sql('SELECT clock_timestamp()');
$tc->is_run($tc->run('effect'), 'succeeded', 'while others go on,');
$tc->is_run($tc->finish($run), 'cancelled', 'a run that swallows its cancellation ends');
$tc->is_sql(
	qq{SELECT finished_at - '$asked_at' BETWEEN '1.5 seconds' AND '6 seconds'
	FROM taskcenter.task_runs WHERE run_id = $run}, 't', 'after the grace');
is(last_move($run), 'running>cancelled: deaf by postgres', 'as cancelled, with who and why');
$tc->is_sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", '0', 'its process was terminated');

# one that has a trap for its end, too
$tc->sql(q{CREATE FUNCTION once_more() RETURNS void LANGUAGE plpgsql AS
	$$BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(60); END$$});
$tc->task('once more', 'SELECT once_more()');
$run = start_run('once more');
$tc->sql("SELECT taskcenter.cancel_run($run)");
$tc->is_run($tc->finish($run), 'cancelled', 'a run that goes on once ends, too');

# a reason that is cut is cut between characters
$run = start_run('sleeps');
$tc->sql("BEGIN; SELECT taskcenter.set_context(actor => repeat('é', 40));
SELECT taskcenter.cancel_run($run, 'x' || repeat('é', 400)); COMMIT");
$tc->is_run($tc->finish($run), 'cancelled', 'a run that is cancelled at length');
$tc->is_sql("SELECT length(convert_to(reason || actor, 'UTF8')) BETWEEN 300 AND 400
FROM taskcenter.task_run_history WHERE run_id = $run AND new_status = 'cancelled'", 't', 'has a reason of whole characters');

# asked for without end: others wait while a commit tells the executors
$run = start_run('sleeps');
$tc->sql('BEGIN', 'asker');
$tc->sql("SELECT count(*) FROM (SELECT taskcenter.cancel_run($run) FROM generate_series(1, 60000)) AS c", 'asker');
$asked_at = $tc->sql('SELECT clock_timestamp()');
$tc->sql('COMMIT', 'asker');
$tc->is_sql("SELECT clock_timestamp() - '$asked_at' < '100 ms'", 't', 'a transaction that asks 60,000 times commits at once');
$tc->is_run($tc->finish($run), 'cancelled', 'and cancels the run');

# ---- what is meant for a run, and comes when none executes ----

$tc->is_run($tc->run('effect'), 'succeeded', 'a run, after which');
my @idle = split /\n/, $tc->sql(q{SELECT pid FROM taskcenter.executor_activity() WHERE state = 'idle'});
cmp_ok(scalar @idle, '>', 0, 'executors are idle');
$tc->sql("SELECT pg_cancel_backend($_)") for @idle;
$tc->is_run($tc->run('effect'), 'succeeded', 'a run, after pg_cancel_backend() hit all of them');
$tc->is_sql('SELECT count(*) FROM pg_stat_activity WHERE pid IN (' . join(', ', @idle) . ')', scalar @idle, 'and ended none');

$tc->never_crashed('no process was killed for it');
$tc->stop;
done_testing();
