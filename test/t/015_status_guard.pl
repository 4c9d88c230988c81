# Nobody moves a run but along the table of moves, and nobody rewrites a record:
# no superuser, no plain SQL of any kind, no replica mode.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('guard', conf => "taskcenter.max_executors = 2\n");

my @statuses = qw(waiting queued running retrying succeeded failed timed_out cancelled skipped);
my %finished = map { $_ => 1 } qw(succeeded failed timed_out cancelled skipped);
my %moves = (
	waiting => [qw(queued skipped cancelled failed)],
	queued => [qw(running skipped cancelled failed)],
	running => [qw(succeeded retrying failed timed_out cancelled queued)],
	retrying => [qw(running cancelled failed)],
	succeeded => [],
	failed => [qw(queued)],
	timed_out => [qw(queued)],
	cancelled => [qw(queued)],
	skipped => [qw(waiting)]);

# ---- runs in every status; nothing executes meanwhile ----

$tc->task('task', 'SELECT 1');
$tc->task('gated', $tc->gate(1));
$tc->is_run($tc->run('task'), 'succeeded', 'a run that was executed');
my $real = $tc->run('task')->{run_id};
$tc->close_gate(1);
my $running = $tc->enqueue('gated');
$tc->wait_at_gate(1);
$tc->sql(q{SELECT taskcenter.pause_scheduler('test')});

# As a restore does: rows in any valid status.
sub live
{
	my ($status) = @_;
	my ($token, $executor) = $status eq 'running' ? (990001, 990001) : ('NULL', 'NULL');

	return $tc->sql(
		qq{INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at,
		created_at, priority, max_attempts, status, token, executor_id, created_by)
		SELECT nextval('taskcenter.run_ids'), task_id, run_as_id, owner_id, queue_id,
		'2100-01-01 00:00 UTC', now(), 0, 1, '$status', $token, $executor, 'test'
		FROM taskcenter.tasks JOIN taskcenter.queues USING (queue) WHERE name = 'task' RETURNING run_id});
}

sub history
{
	my ($run) = @_;
	return $tc->sql(
		qq{SELECT string_agg(old_status || '>' || new_status || ' by ' || actor, ', ' ORDER BY changed_at, ctid)
		FROM taskcenter.task_run_history WHERE run_id = $run});
}

# What a row must hold in a status besides it.
sub assignment
{
	my ($status) = @_;
	return "status = '$status', "
	  . ($status eq 'running' ? 'token = 990002, executor_id = 990002' : 'token = NULL, executor_id = NULL');
}

# ---- every pair of statuses, by a superuser, in both modes ----

for my $mode ('origin', 'replica', 'local')
{
	$tc->sql("SET session_replication_role = $mode");
	for my $from (qw(waiting queued running retrying))
	{
		for my $to (@statuses)
		{
			next if $to eq $from;
			my $run = live($from);
			my $legal = grep { $_ eq $to } @{ $moves{$from} };
			my $update = 'UPDATE taskcenter.live_runs SET ' . assignment($to) . " WHERE run_id = $run";

			if ($legal && !$finished{$to})
			{
				$tc->is_sql("$update RETURNING status", $to, "$mode: $from to $to is a legal move");
				is(history($run), "$from>$to by postgres", 'and is recorded');
			}
			else
			{
				$tc->refused($update, '23514', "$mode: $from to $to is refused");
				is(history($run), '', 'and leaves no trace of having been done');
			}
		}
	}
	my $run = live('queued');
	$tc->refused("UPDATE taskcenter.live_runs SET status = 'paused' WHERE run_id = $run",
		'23514', "$mode: a status that does not exist");
	$tc->refused("UPDATE taskcenter.live_runs SET status = NULL WHERE run_id = $run", '23502', "$mode: no status");
	$tc->is_sql("UPDATE taskcenter.live_runs SET priority = 5 WHERE run_id = $run RETURNING priority",
		'5', "$mode: what is no move is allowed");
	is(history($run), '', 'and is none');
	for my $column ('run_id = 1', 'task_id = 999', 'run_as_id = 999', 'owner_id = 999', 'created_at = now() - interval \'1 day\'')
	{
		$tc->refused("UPDATE taskcenter.live_runs SET $column WHERE run_id = $run", '55000',
			"$mode: $column of a run cannot be changed");
	}
	$tc->refused("DELETE FROM taskcenter.live_runs WHERE run_id = $run", '55000', "$mode: a run is not deleted");
	$tc->refused(
		qq{MERGE INTO taskcenter.live_runs AS r USING (VALUES ($run)) AS v (id) ON r.run_id = v.id
		WHEN MATCHED THEN UPDATE SET status = 'retrying'}, '23514', "$mode: nor moved by MERGE");
	$tc->refused(
		qq{MERGE INTO taskcenter.live_runs AS r USING (VALUES ($run)) AS v (id) ON r.run_id = v.id
		WHEN MATCHED THEN DELETE}, '55000', "$mode: nor deleted by it");
	$tc->refused(
		qq{INSERT INTO taskcenter.live_runs SELECT * FROM taskcenter.live_runs WHERE run_id = $run
		ON CONFLICT (run_id) DO UPDATE SET status = 'retrying'}, '23514', "$mode: nor by ON CONFLICT");
	$tc->refused(
		qq{WITH moved AS (UPDATE taskcenter.live_runs SET status = 'retrying' WHERE run_id = $run RETURNING 1)
		SELECT count(*) FROM moved}, '23514', "$mode: nor in a WITH");
	$tc->refused(
		qq{INSERT INTO taskcenter.live_runs SELECT (r).* FROM (SELECT jsonb_populate_record(l,
		'{"run_id": 990003, "status": "succeeded"}') AS r FROM taskcenter.live_runs AS l WHERE run_id = $run) AS x},
		'23514', "$mode: a finished run is no live one");
	$tc->is_sql("SELECT status FROM taskcenter.live_runs WHERE run_id = $run", 'queued', 'it is as it was');

	# what has ended
	$tc->refused("UPDATE taskcenter.finished_runs SET $_ WHERE run_id = $real", '55000',
		"$mode: a finished run cannot be given $_")
	  for "status = 'failed'", "status = 'queued'", "output = '1'", 'run_id = 1', "finished_at = now()",
	  'status = status', 'retention_class = 2';
	$tc->refused("DELETE FROM taskcenter.finished_runs WHERE run_id = $real", '55000', "$mode: nor is it deleted");

	# the records
	for my $relation ('task_run_history', 'task_run_logs', 'task_audit_logs')
	{
		next if $tc->sql("SELECT count(*) FROM taskcenter.$relation") eq '0' && $relation ne 'task_run_logs';
		$tc->sql(qq{INSERT INTO taskcenter.task_run_logs (run_id, logged_at, owner_id, task_id, attempt, level, message)
			VALUES ($real, now(), 10, 1, 1, 'notice', 'x')}) if $relation eq 'task_run_logs';
		my ($column) = $relation eq 'task_run_logs' ? 'message' : 'actor';
		$tc->refused("UPDATE taskcenter.$relation SET $column = 'nobody'", '55000', "$mode: $relation is not rewritten");
		$tc->refused("DELETE FROM taskcenter.$relation", '55000', "$mode: nor deleted from");
	}
}
$tc->sql('RESET session_replication_role');

# ---- each partition by itself ----

my @partitions = split /\n/,
  $tc->sql(q{SELECT p.relid FROM (VALUES ('taskcenter.finished_runs'), ('taskcenter.task_run_history'),
	('taskcenter.task_run_logs')) AS t (name), LATERAL pg_partition_tree(t.name::regclass) AS p ORDER BY 1});
cmp_ok(scalar(@partitions), '>=', 20, 'there are partitions, made ahead');
for my $mode ('origin', 'replica')
{
	$tc->sql("SET session_replication_role = $mode");
	for my $partition (@partitions)
	{
		$tc->refused("TRUNCATE $partition", '55000', "$mode: $partition is not truncated");
		next if $tc->sql("SELECT count(*) FROM $partition") eq '0';
		$tc->refused("DELETE FROM $partition", '55000', "$mode: nor deleted from");
		$tc->refused("UPDATE $partition SET run_id = run_id", '55000', "$mode: nor rewritten");
	}
	$tc->refused("TRUNCATE taskcenter.$_ CASCADE", '55000', "$mode: $_ is not truncated")
	  for qw(live_runs tasks schedules skipped_fires queues setting_values scheduler_state task_audit_logs);
	$tc->refused('TRUNCATE taskcenter.live_runs, taskcenter.finished_runs', '55000', "$mode: nor are several");
	$tc->refused('DELETE FROM taskcenter.tasks', '55000', "$mode: tasks are not deleted");
	$tc->refused('DELETE FROM taskcenter.queues', '55000', "$mode: nor queues");
	$tc->refused('DELETE FROM taskcenter.scheduler_state', '55000', "$mode: nor the scheduler's state");
}
$tc->sql('RESET session_replication_role');

# with rows in every class, so that each kind of partition was tried
$tc->task('failing', 'SELECT 1/0', queue => 'control');
$tc->task('own', 'SELECT 1', queue => 'control', options => { retention => 'keep' });
$tc->run($_) for 'failing', 'own';
for my $class (1 .. 3)
{
	my ($partition) = $tc->sql("SELECT tableoid::regclass FROM taskcenter.finished_runs WHERE retention_class = $class LIMIT 1");
	ok($partition, "class $class has a partition with rows");
	$tc->refused("DELETE FROM $partition", '55000', 'guarded against deletion');
	$tc->refused("UPDATE $partition SET output = '1'", '55000', 'and against changes');
}

# ---- others ----

$tc->session('app', 'app');
$tc->refused($_, '42501', 'no other role may write: ' . substr($_, 0, 40), 'app')
  for "UPDATE taskcenter.live_runs SET status = 'cancelled'", 'DELETE FROM taskcenter.live_runs',
  'DELETE FROM taskcenter.finished_runs', 'INSERT INTO taskcenter.task_run_history DEFAULT VALUES',
  'TRUNCATE taskcenter.live_runs', 'UPDATE taskcenter.task_run_logs SET message = message',
  'DELETE FROM taskcenter.task_audit_logs', q{SELECT nextval('taskcenter.run_ids')},
  'INSERT INTO taskcenter.live_runs DEFAULT VALUES', 'BEGIN; LOCK TABLE taskcenter.live_runs; ROLLBACK';

# ---- a legal move is recorded in the same transaction, and comes into force ----

my $run = live('waiting');
$tc->sql("BEGIN; UPDATE taskcenter.live_runs SET status = 'queued', run_at = now() WHERE run_id = $run");
is(history($run), 'waiting>queued by postgres', 'a move by plain SQL is recorded at once');
$tc->sql('ROLLBACK');
is(history($run), '', 'and is gone with its transaction');
$tc->sql(q{BEGIN; SELECT taskcenter.set_context(actor => 'anna', reason => 'by hand');
	UPDATE taskcenter.live_runs SET status = 'queued', run_at = now() WHERE run_id = } . "$run; COMMIT");
$tc->is_sql(
	qq{SELECT old_status, new_status, actor, reason FROM taskcenter.task_run_history WHERE run_id = $run},
	'waiting|queued|anna|by hand', 'with the context that was set');
$tc->is_sql(
	qq{SELECT h.xmin = r.xmin FROM taskcenter.task_run_history AS h JOIN taskcenter.live_runs AS r USING (run_id)
	WHERE run_id = $run}, 't', 'in the transaction that moved it');

# ---- guards that were switched off are noticed ----

for my $switch ('DISABLE TRIGGER guard_status', 'ENABLE TRIGGER guard_status', 'DISABLE TRIGGER ALL')
{
	$tc->is_sql(
		qq{BEGIN; ALTER TABLE taskcenter.live_runs $switch;
		SELECT state, detail LIKE '%live_runs%' FROM taskcenter.status_checks() WHERE check_name = 'guards'; ROLLBACK},
		'fail|t', "the status tells of $switch");
}
$tc->is_sql(q{SELECT state FROM taskcenter.status_checks() WHERE check_name = 'guards'}, 'ok', 'and of none otherwise');
my ($partition) = grep { /finished_runs_1_p|finished_runs_1_2|finished_runs_1_\w+\d{4}/ } @partitions;
$partition //= 'taskcenter.finished_runs_1_rest';
$tc->is_sql(
	qq{BEGIN; ALTER TABLE $partition DISABLE TRIGGER guard_status;
	SELECT state FROM taskcenter.status_checks() WHERE check_name = 'guards'; ROLLBACK},
	'fail', "nor does a partition escape it ($partition)");

# ---- after all this the engine goes on ----

$tc->sql(q{SELECT taskcenter.resume_scheduler('test')});
$tc->is_run($tc->finish($run), 'succeeded', 'a run that was moved legally is executed');
$tc->open_gate(1);
$tc->is_run($tc->finish($running), 'succeeded', 'what was running all the time succeeds');
is($tc->history($running), 'queued running succeeded', 'with its own history');
$tc->is_run($tc->look($real), 'succeeded', 'and the finished run is as it was');

$tc->never_crashed;
$tc->stop;
done_testing();
