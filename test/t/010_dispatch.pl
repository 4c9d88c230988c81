# A run from its making to its end: at once, in order, within limits, and with
# its effects and its record in one transaction.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('dispatch', conf => "taskcenter.max_executors = 6\n");

$tc->sql(q{
CREATE TABLE effects (run_id bigint, pid int, at timestamptz DEFAULT clock_timestamp(), note text);
CREATE TABLE spans (run_id bigint, began_at timestamptz, ended_at timestamptz);
CREATE TABLE sequence_of (place serial, note text);
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
});

my $note = q{INSERT INTO effects (run_id, pid, note)
  SELECT r.run_id, pg_backend_pid(), taskcenter.param('note')->>0
  FROM taskcenter.current_run() AS r};

# Most of these that ran at one moment; the spans lie within the runs.
my $span = q{INSERT INTO spans
    SELECT run_id, clock_timestamp(), NULL FROM taskcenter.current_run();
  SELECT pg_sleep(0.02);
  UPDATE spans SET ended_at = clock_timestamp()
    WHERE run_id = (SELECT run_id FROM taskcenter.current_run())};

sub most_at_once
{
	return $tc->sql(q{SELECT max(n) FROM (SELECT count(*) AS n FROM spans AS a
		JOIN spans AS b ON b.began_at <= a.began_at AND a.began_at < b.ended_at
		GROUP BY a.run_id) AS counted});
}

# ---- one run ----

$tc->task('note', $note);
my $run = $tc->run('note', params => { note => 'first' });
$tc->is_run($run, 'succeeded', 'an enqueued run is executed');
is($run->{attempt}, 1, 'at its first attempt');
is($tc->history($run->{run_id}), 'queued running succeeded', 'every move is in its history');
$tc->is_sql(
	"SELECT count(*), min(note) FROM effects WHERE run_id = $run->{run_id}",
	'1|first', 'its effect is there once');
$tc->is_sql(
	qq{SELECT e.xmin = f.xmin AND f.xmin = h.xmin
	FROM effects AS e JOIN taskcenter.finished_runs AS f USING (run_id)
	JOIN taskcenter.task_run_history AS h USING (run_id)
	WHERE run_id = $run->{run_id} AND h.new_status = 'succeeded'},
	't', 'effect, end and history are one transaction');
$tc->is_sql(
	qq{SELECT created_at <= started_at AND started_at <= finished_at
	FROM taskcenter.task_runs WHERE run_id = $run->{run_id}},
	't', 'it began after it was made and ended after it began');
$tc->is_sql(
	qq{SELECT string_agg(coalesce(old_status, '-') || '>' || new_status || ' by ' || actor, ', '
	ORDER BY changed_at) FROM taskcenter.task_run_history WHERE run_id = $run->{run_id}},
	'->queued by postgres, queued>running by executor, running>succeeded by executor',
	'the history says who moved it');

# ---- waking ----

# what is due later is known too, whatever is due before it in the same lane
for my $delay ('0', '1.2')
{
	my $task = "soon after $delay s";

	$tc->task($task, "SELECT pg_sleep($delay)");
	$tc->sql("SELECT taskcenter.enqueue_task('$task', run_at => clock_timestamp() + at)"
		  . " FROM unnest(ARRAY['0', '700 milliseconds']::interval[]) AS at");
	$tc->finish_all($task);
	$tc->is_sql(
		"SELECT count(*), max(started_at - run_at) < '600 milliseconds'"
		  . " FROM taskcenter.task_runs WHERE task = '$task'",
		'2|t', "a run that is due later starts in time behind one of $delay s");
}

# a role that has one executor
$tc->sql('CREATE ROLE solo LOGIN CONNECTION LIMIT 1; GRANT ALL ON effects TO solo');
$tc->task('solo', $note, run_as => 'solo');
my @woken = map { $tc->run('solo') } 1 .. 5;
$tc->is_sql(
	'SELECT count(*), count(DISTINCT pid) FROM effects WHERE run_id IN ('
	  . join(', ', map { $_->{run_id} } @woken) . ')',
	'5|1', 'an idle executor serves the runs that come next');
$tc->is_sql(
	'SELECT max(started_at - created_at) < \'2 seconds\' FROM taskcenter.task_runs WHERE run_id IN ('
	  . join(', ', map { $_->{run_id} } @woken) . ')',
	't', 'it is woken at commit, and polls nothing');

$tc->wait_until(q{SELECT bool_and(state = 'idle') FROM taskcenter.executor_activity()});
my $activity = q{SELECT string_agg(pid || ' ' || state || ' ' || state_since, ', ' ORDER BY pid)
	FROM taskcenter.executor_activity()};
my $idle = $tc->sql($activity);
my $unborn = $tc->sql(q{BEGIN; SELECT taskcenter.enqueue_task('note'); ROLLBACK});
$tc->is_sql($activity, $idle, 'a rollback wakes nobody');
is($tc->look($unborn), undef, 'and leaves no run');

$run = $tc->sql(q{BEGIN; SELECT taskcenter.enqueue_task('note')});
$tc->is_sql('SELECT count(*) FROM taskcenter.task_runs WHERE run_id = ' . $run,
	'0', 'a run that is not committed is seen by nobody', 'other');
$tc->is_sql($activity, $idle, 'and wakes nobody yet', 'other');
$tc->sql('COMMIT');
$tc->is_run($tc->finish($run), 'succeeded', 'from its commit on it is executed');

$tc->refused(q{BEGIN; SELECT taskcenter.enqueue_task('note'); PREPARE TRANSACTION 'later'},
	'0A000', 'a transaction that made a run cannot be prepared');
$tc->sql('ROLLBACK');

# ---- output and params ----

$run = $tc->once('set_output', q{SELECT taskcenter.set_output('{"rows": 7}')});
is_deeply($run->{output}, { rows => 7 }, 'set_output() is stored with the run');
$run = $tc->once(
	'rows', q{SELECT n, n * n AS square FROM generate_series(1, 3) AS n},
	options => { capture_output => Taskcenter::true });
is_deeply($run->{output},
	[ { n => 1, square => 1 }, { n => 2, square => 4 }, { n => 3, square => 9 } ],
	'capture_output stores the rows of the last query');
is($tc->run('note')->{output}, undef, 'without it there is no output');

$tc->task(
	'params', q{SELECT taskcenter.set_output(jsonb_build_object(
	  'all', (taskcenter.current_run()).params, 'a', taskcenter.param('a'),
	  'null', taskcenter.param('b', '5'), 'missing', taskcenter.param('x', '7'),
	  'who', session_user || '/' || current_user))},
	params => { a => 1, b => 2, deep => { x => 1 } });
$run = $tc->run('params', params => { b => undef, deep => { y => 2 } });
is_deeply($run->{output},
	{
		all => { a => 1, b => undef, deep => { y => 2 } },
		a => 1, null => undef, missing => 7, who => 'app/app'
	},
	'params are laid over those of the task, and a null in them is a value');

# ---- order ----

$tc->sql(q{SELECT taskcenter.create_queue('ordered', max_running => 1);
	SELECT taskcenter.pause_queue('ordered')});
$tc->task('ordered', q{INSERT INTO sequence_of (note) VALUES (taskcenter.param('note')->>0)},
	queue => 'ordered');
for my $order ([ 5, 0 ], [ 0, 0.3 ], [ 0, 0.1 ], [ -5, 0.2 ], [ 5, 0.1 ])
{
	my ($priority, $delay) = @$order;
	$tc->sql("SELECT taskcenter.enqueue_task('ordered', jsonb_build_object('note',"
		  . " '$priority/$delay'), now() + interval '$delay seconds', $priority)");
}
$tc->wait_until('SELECT max(run_at) < clock_timestamp() FROM taskcenter.live_runs');
$tc->is_sql(q{SELECT DISTINCT status FROM taskcenter.task_runs WHERE task = 'ordered'},
	'queued', 'nothing runs in a paused queue');
$tc->sql(q{SELECT taskcenter.resume_queue('ordered')});
ok($tc->finish_all('ordered'), 'a resumed queue goes on');
$tc->is_sql('SELECT string_agg(note, \' \' ORDER BY place) FROM sequence_of',
	'-5/0.2 0/0.1 0/0.3 5/0 5/0.1', 'runs go by priority, then by due time');

$run = $tc->sql(q{SELECT taskcenter.enqueue_task('note', run_at => now() + interval '1 second')});
$tc->is_run($tc->look($run), 'queued', 'a run due later waits');
$tc->is_run($tc->finish($run), 'succeeded', 'until it is due');
$tc->is_sql(
	qq{SELECT started_at >= run_at AND started_at < run_at + interval '2 seconds'
	FROM taskcenter.task_runs WHERE run_id = $run},
	't', 'it begins at its time, not before');

# ---- many ----

my @many = $tc->enqueue_many('note', 500);
ok($tc->finish_all('note'), 'many runs finish');
my ($first, $last) = @many[ 0, -1 ];
$tc->is_sql(
	"SELECT count(*), count(DISTINCT run_id) FROM effects WHERE run_id BETWEEN $first AND $last",
	'500|500', 'each was executed exactly once');
$tc->is_sql(
	qq{SELECT count(DISTINCT xmin::text) < 250 FROM taskcenter.task_run_history
	WHERE run_id BETWEEN $first AND $last AND new_status = 'running'},
	't', 'a claim takes many short runs');
$tc->is_sql(
	qq{SELECT count(*) FROM (SELECT string_agg(new_status, ' ' ORDER BY changed_at) AS moves
	FROM taskcenter.task_run_history WHERE run_id BETWEEN $first AND $last GROUP BY run_id) AS h
	WHERE moves = 'queued running succeeded'},
	'500', 'and each has its own history');

# A slow run that was claimed together with others does not hold them up.
$tc->task('front', $tc->gate(1) . ' WHERE taskcenter.param(\'slow\') IS NOT NULL');
$tc->enqueue_many('front', 300);
$tc->finish_all('front');
$tc->close_gate(1);
my ($slow, @behind) = $tc->enqueue_many('front', 40,
	q{CASE WHEN i = 1 THEN '{"slow": true}'::jsonb ELSE '{}' END});
ok( $tc->wait_until(
		"SELECT count(*) = 39 FROM taskcenter.finished_runs WHERE run_id BETWEEN $behind[0] AND $behind[-1]"),
	'runs behind a slow one are executed');
$tc->is_run($tc->look($slow), 'running', 'while that one still runs');
$tc->open_gate(1);
$tc->is_run($tc->finish($slow), 'succeeded', 'and it ends, too');

# ---- limits ----

$tc->sql(q{SELECT taskcenter.create_queue('narrow', max_running => 2)});
$tc->task('narrow', $span, queue => 'narrow');
$tc->enqueue_many('narrow', 40);
ok($tc->finish_all('narrow'), 'runs of a limited queue finish');
is(most_at_once(), 2, 'never more at once than the queue allows, and that many');

$tc->sql('TRUNCATE spans');
$tc->task('limited', $span, options => { max_running => 3 });
$tc->enqueue_many('limited', 40);
ok($tc->finish_all('limited'), 'runs of a limited task finish');
is(most_at_once(), 3, 'never more at once than the task allows, and that many');

$tc->sql('TRUNCATE spans');
$tc->task('single', $span, queue => 'narrow', options => { max_running => 1 });
$tc->sql(q{SELECT taskcenter.limit_queue('narrow', 4)});
$tc->enqueue_many('single', 15);
$tc->enqueue_many('narrow', 30);
ok($tc->finish_all('single') && $tc->finish_all('narrow'), 'limits of queue and task go together');
is(most_at_once(), 4, 'the queue keeps its raised limit');
$tc->is_sql(
	q{SELECT count(*) FROM spans AS a JOIN spans AS b
	ON a.run_id < b.run_id AND a.began_at < b.ended_at AND b.began_at < a.ended_at
	JOIN taskcenter.task_runs AS x ON x.run_id = a.run_id
	JOIN taskcenter.task_runs AS y ON y.run_id = b.run_id
	WHERE x.task = 'single' AND y.task = 'single'},
	'0', 'and the task in it its own');

$tc->sql(q{SELECT taskcenter.limit_queue('narrow', 0)});
$run = $tc->enqueue('narrow');
$tc->is_run($tc->run('note'), 'succeeded', 'while other queues go on,');
$tc->is_run($tc->look($run), 'queued', 'a queue with limit 0 runs nothing');
$tc->is_sql("SELECT count(*) > 0 FROM taskcenter.explain_run($run)", 't', 'explain_run() says why');
$tc->sql(q{SELECT taskcenter.limit_queue('narrow', 1)});
$tc->is_run($tc->finish($run), 'succeeded', 'until the limit is raised');

# ---- pauses ----

$tc->sql(q{SELECT taskcenter.create_queue('aside')});
$tc->task('aside', 'SELECT 1', queue => 'aside');
$tc->task('off', $note);
$tc->sql(q{SELECT taskcenter.pause_task('off')});
$tc->is_run($tc->run('off'), 'succeeded', 'a paused task runs what is enqueued');
$run = $tc->sql(q{BEGIN; SELECT taskcenter.enqueue_task('off');
	SELECT 1 FROM taskcenter.disable_task('off'); COMMIT});
($run) = split /\n/, $run;
$tc->is_run($tc->run('note'), 'succeeded', 'while other tasks go on,');
$tc->is_run($tc->look($run), 'queued', 'a disabled task keeps its runs waiting');
$tc->refused(q{SELECT taskcenter.enqueue_task('off')}, '55000', 'and takes no new ones');
$tc->sql(q{SELECT taskcenter.enable_task('off')});
$tc->is_run($tc->finish($run), 'succeeded', 'an enabled task goes on');

$tc->sql(q{SELECT taskcenter.pause_scheduler('test')});
$run = $tc->enqueue('note');
$tc->task('control', 'SELECT 1', queue => 'control');
$tc->is_run($tc->run('control'), 'succeeded', 'the queue "control" is exempt from a pause');
$tc->is_run($tc->look($run), 'queued', 'a paused scheduler runs nothing else');
$tc->sql(q{SELECT taskcenter.resume_scheduler('test')});
$tc->is_run($tc->finish($run), 'succeeded', 'a resumed scheduler goes on');

$tc->task('gated', $tc->gate(2));
$tc->close_gate(2);
$run = $tc->enqueue('gated');
$tc->wait_at_gate(2);
$tc->is_sql(q{SELECT taskcenter.drain_scheduler('test')}, '1', 'a drain tells what is in flight');
my $held = $tc->enqueue('note');
$tc->send_only(q{SELECT taskcenter.wait_until_idle('30 seconds')}, 'other');
$tc->is_run($tc->look($run), 'running', 'a drain interrupts nothing');
$tc->open_gate(2);
$tc->is_sql('SELECT 1', "0\n1", 'wait_until_idle() waits for what was in flight', 'other');
$tc->is_run($tc->look($run), 'succeeded', 'which was finished by then');
$tc->is_run($tc->look($held), 'queued', 'and nothing new was started');
$tc->sql(q{SELECT taskcenter.resume_scheduler('test')});
$tc->is_run($tc->finish($held), 'succeeded', 'until it is resumed');

$tc->sql(q{SELECT taskcenter.disable_scheduler('test')});
$run = $tc->enqueue('control');
$tc->restart;
$tc->is_sql(q{SELECT state FROM taskcenter.scheduler_state}, 'disabled',
	'a disabled scheduler stays so over a restart');
ok($tc->wait_until(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'taskcenter scheduler'}),
	'the scheduler process is there');
$tc->is_run($tc->look($run), 'queued', 'and runs nothing, not even in "control"');
$tc->sql(q{SELECT taskcenter.resume_scheduler('test')});
$tc->is_run($tc->finish($run), 'succeeded', 'until it is resumed');

# ---- isolation by process ----

$tc->task('isolated', $note, options => { isolation => 'process' });
my @isolated = map { $tc->run('isolated') } 1 .. 3;
push @isolated, map { $tc->finish($_) } $tc->enqueue_many('isolated', 4);
is(scalar(grep { $_->{status} eq 'succeeded' } @isolated), 7, 'isolated runs succeed');
$tc->is_sql(
	'SELECT count(DISTINCT pid) FROM effects WHERE run_id IN ('
	  . join(', ', map { $_->{run_id} } @isolated) . ')',
	'7', 'each in a process of its own');

# ---- unique keys ----

$tc->sql(q{SELECT taskcenter.pause_queue('aside')});
my $key = $tc->enqueue('aside', unique_key => 'k', params => { n => 1 });
is($tc->enqueue('aside', unique_key => 'k', params => { n => 1 }),
	$key, 'an unfinished run with the key is returned');
$tc->refused(q{SELECT taskcenter.enqueue_task('aside', '{"n": 2}', unique_key => 'k')},
	'23505', 'but not for other params');
$tc->refused(q{SELECT taskcenter.enqueue_task('aside', unique_key => 'k', on_conflict => 'error')},
	'23505', 'on_conflict "error" refuses');
is($tc->enqueue('aside', unique_key => 'k', params => { n => 3 }, on_conflict => 'replace'),
	$key, 'on_conflict "replace" keeps the run');
is_deeply($tc->look($key)->{params}, { n => 3 }, 'with the new params');
$tc->sql(q{SELECT taskcenter.resume_queue('aside')});
$tc->is_run($tc->finish($key), 'succeeded', 'the run with the key is executed once');
isnt($tc->run('aside', unique_key => 'k')->{run_id}, $key, 'then the key is free again');

$tc->close_gate(3);
$tc->task('until_started', $tc->gate(3));
my $started = $tc->enqueue('until_started', unique_key => 'k', unique_until => 'started');
$tc->wait_at_gate(3);
my $second = $tc->enqueue('until_started', unique_key => 'k', unique_until => 'started');
isnt($second, $started, 'unique_until "started" frees the key when the run starts');
$tc->open_gate(3);
$tc->is_run($tc->finish($_), 'succeeded', 'both run') for $started, $second;

$run = $tc->run('aside', unique_key => 'kept', options => { unique_for => '1 hour' });
is($tc->enqueue('aside', unique_key => 'kept', options => { unique_for => '1 hour' }),
	$run->{run_id}, 'unique_for keeps the key after the end');

# 50 at once: one wins.
$tc->node->pgbench(
	'--no-vacuum --client=8 --jobs=2 --transactions=20',
	0, [qr{actually processed}], [qr{^$}],
	'concurrent callers with one key',
	{ '010_unique' => q{SELECT taskcenter.enqueue_task('aside', run_at => now() + interval '1 hour',
		unique_key => 'race')} });
$tc->is_sql(q{SELECT count(*) FROM taskcenter.live_runs WHERE unique_key = 'race'},
	'1', 'make one run');

# ---- waiting ----

$tc->close_gate(4);
$tc->task('waited', $tc->gate(4) . q{; SELECT taskcenter.set_output('"done"')});
$run = $tc->enqueue('waited');
$tc->wait_at_gate(4);
$tc->is_sql("SELECT status, finished_at FROM taskcenter.wait_for_run($run, '50 milliseconds')",
	'running|', 'wait_for_run() returns when its time is up');
$tc->send_only("SELECT status, output FROM taskcenter.wait_for_run($run)", 'other');
$tc->open_gate(4);
$tc->is_sql('SELECT 1', "succeeded|\"done\"\n1", 'or when the run has finished', 'other');
$tc->is_sql("SELECT status FROM taskcenter.wait_for_run($run)", 'succeeded', 'at once if it had');
$tc->is_sql("CALL taskcenter.await_run(" . $tc->enqueue('waited') . ')',
	'succeeded', 'await_run() waits without a snapshot');
$tc->refused(q{BEGIN; SELECT taskcenter.wait_for_run(taskcenter.enqueue_task('note'))},
	'55000', 'nobody waits for a run of his own transaction');
$tc->sql('ROLLBACK');
$run = $tc->once('waits', 'SELECT taskcenter.wait_for_run(' . $tc->enqueue('note') . ')');
$tc->failed_with($run, '55000', 'nor inside a run');

# ---- progress ----

$tc->task('progress', q{SELECT taskcenter.report_progress(3, 10, 'reading'); } . $tc->gate(5));
$tc->close_gate(5);
$run = $tc->enqueue('progress');
$tc->wait_at_gate(5);
$tc->is_sql(
	qq{SELECT done, total, phase, attempt, pid IS NOT NULL, running_for >= '0'
	FROM taskcenter.running_runs WHERE run_id = $run},
	'3|10|reading|1|t|t', 'progress is seen while the run goes on');
$tc->open_gate(5);
$tc->finish($run);
$tc->is_sql('SELECT count(*) FROM taskcenter.running_runs', '0', 'and is gone with it');

# ---- logs ----

$run = $tc->once('logs', q{DO $$ BEGIN RAISE NOTICE 'hello'; RAISE DEBUG 'too low';
	PERFORM taskcenter.write_log('info', 'counted', '{"n": 1}');
	RAISE WARNING 'hm' USING DETAIL = 'a detail', HINT = 'a hint'; END $$});
like(join("\n", $tc->logs($run->{run_id})),
	qr/\Anotice: hello\ninfo: counted\nwarning: hm \| DETAIL: +a detail \| HINT: +a hint[^\n]*\z/,
	'messages of a run are its log');
$run = $tc->once('fails', q{DO $$ BEGIN RAISE NOTICE 'before';
	PERFORM taskcenter.write_log('info', 'written');
	INSERT INTO effects (note) VALUES ('of a failed run');
	RAISE EXCEPTION 'no' USING ERRCODE = 'TC001', DETAIL = 'why'; END $$});
$tc->failed_with($run, 'TC001', 'a failing command fails the run');
my @logs = $tc->logs($run->{run_id});
is_deeply([ @logs[ 0, 1 ] ], [ 'notice: before', 'info: written' ], 'its log is kept');
like($logs[2], qr/^error: no \| DETAIL: why/, 'with the error as the last line');
is($run->{error}, 'no', 'the run has the message');
$tc->is_sql(q{SELECT count(*) FROM effects WHERE note = 'of a failed run'},
	'0', 'the effects of a failed run are gone');
is($tc->history($run->{run_id}), 'queued running failed', 'and its history is complete');

# ---- many roles, few executors ----

$tc->sql("CREATE ROLE tenant$_ LOGIN") for 1 .. 9;
$tc->task("tenant$_", 'SELECT taskcenter.set_output(to_jsonb(session_user::text))',
	run_as => "tenant$_")
  for 1 .. 9;
my %tenant = map { $_ => $tc->enqueue("tenant$_") } 1 .. 9;
is(join(' ', map { $tc->finish($tenant{$_})->{output} // 'none' } 1 .. 9),
	join(' ', map { "tenant$_" } 1 .. 9), 'more roles than executors take turns');
$tc->is_sql('SELECT count(*) <= 6 FROM taskcenter.executor_activity()', 't', 'within the limit');

$tc->never_crashed;
$tc->stop;
done_testing();
