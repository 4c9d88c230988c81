# Schedules in real time: each due instant becomes one run or lies in one
# recorded skip, whatever was paused, stopped, broken or late meanwhile.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('schedules', conf => "taskcenter.max_executors = 16\n");

$tc->sql(q{
CREATE TABLE spans (task text, run_id bigint, began_at timestamptz, ended_at timestamptz);
GRANT ALL ON spans TO app;

-- What stands for an instant: a run of its own, a run that stands for a range, a skip.
CREATE VIEW covered AS
  SELECT t.name AS task, CASE WHEN r.catchup_count > 0 THEN r.catchup_from ELSE r.scheduled_for END AS from_at,
    r.scheduled_for AS to_at, CASE WHEN r.catchup_count > 0 THEN r.catchup_count ELSE 1 END AS instants,
    'run ' || r.run_id AS what
  FROM taskcenter.task_runs AS r JOIN taskcenter.tasks AS t USING (task_id) WHERE r.schedule_id IS NOT NULL
  UNION ALL
  SELECT t.name, k.skipped_from, k.skipped_to, k.instants, 'skip for ' || k.reason
  FROM taskcenter.skipped_fires AS k JOIN taskcenter.tasks AS t USING (task_id);

-- Of a task that is due each second: the seconds that are not covered exactly
-- once, between the first and the last of them, and ranges that miscount.
CREATE FUNCTION holes(name text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(problem, '; ') FROM (
    SELECT i || ': ' || coalesce(string_agg(c.what, ' and '), 'nothing') AS problem
    FROM generate_series((SELECT min(from_at) FROM covered WHERE task = name),
      (SELECT max(to_at) FROM covered WHERE task = name), interval '1 second') AS i
    LEFT JOIN covered AS c ON c.task = name AND i BETWEEN c.from_at AND c.to_at
    GROUP BY i HAVING count(c.what) <> 1
    UNION ALL
    SELECT c.what || ' counts ' || c.instants FROM covered AS c
    WHERE c.task = name AND c.instants <> extract(epoch FROM c.to_at - c.from_at) + 1) AS problems $$;
});

my $span = q{INSERT INTO spans SELECT task, run_id, clock_timestamp(), NULL FROM taskcenter.current_run();
	SELECT pg_sleep(%s);
	UPDATE spans SET ended_at = clock_timestamp() WHERE run_id = (SELECT run_id FROM taskcenter.current_run())};

sub most_at_once
{
	my ($task) = @_;
	return $tc->sql(qq{SELECT max(n) FROM (SELECT count(*) AS n FROM spans AS a JOIN spans AS b
		ON b.began_at <= a.began_at AND (a.began_at < b.ended_at OR b.ended_at IS NULL)
		WHERE a.task = '$task' AND b.task = '$task' GROUP BY a.run_id) AS counted});
}

sub in_seconds
{
	my ($seconds) = @_;
	return $tc->sql("SELECT clock_timestamp() + interval '$seconds seconds'");
}

sub statuses
{
	my ($task) = @_;
	return $tc->sql(qq{SELECT string_agg(status || ' ' || n, ', ' ORDER BY status) FROM
		(SELECT status, count(*) AS n FROM taskcenter.task_runs WHERE task = '$task' GROUP BY status) AS s});
}

my $every_second = '* * * * * *';

# ---- all of these go on at the same time ----

$tc->task('tick', 'SELECT 1', schedule => $every_second, overlap => 'allow');
$tc->close_gate(1);
$tc->task('skipping', $tc->gate(1), schedule => $every_second);
my $soon = in_seconds(4);
my %overlapping = (queueing => [ 'queue', 1.3 ], allowing => [ 'allow', 1.5 ],
	cancelling => [ 'cancel_running', 60 ]);
for my $name (sort keys %overlapping)
{
	my ($overlap, $takes) = @{ $overlapping{$name} };
	$tc->task($name, sprintf($span, $takes), overlap => $overlap);
	$tc->sql("SELECT taskcenter.schedule_task('$name', '$every_second', ends_at => '$soon')");
}
$tc->task('delayed', sprintf($span, 0.7), schedule => 'after 1 second');
$tc->task('jittered', 'SELECT 1', overlap => 'allow');
$tc->sql("SELECT taskcenter.schedule_task('jittered', '$every_second', jitter => '1.5 seconds', ends_at => '$soon')");
$tc->task('interval', 'SELECT 1', schedule => 'every 2 seconds', overlap => 'allow');
$tc->task('once', 'SELECT 1',
	schedule => 'at ' . $tc->sql(q{SELECT to_char((clock_timestamp() + interval '2 seconds') AT TIME ZONE 'UTC',
		'YYYY-MM-DD HH24:MI:SS')}));
$tc->task('rebooted', 'SELECT 1', schedule => '@reboot');
$tc->task('named', 'SELECT taskcenter.set_output(to_jsonb((taskcenter.current_run()).scheduled_for))',
	overlap => 'allow');
$tc->sql("SELECT taskcenter.schedule_task('named', '0-59/2 * * * * *', 'even', ends_at => '$soon');"
	  . "SELECT taskcenter.schedule_task('named', '1-59/2 * * * * *', 'odd', ends_at => '$soon')");

# ---- ten years missed cost nothing ----

my %policies = (run_once => 'run_once', skip => 'skip', run_all => 'run_all');
for my $policy (sort keys %policies)
{
	my $name = "decade $policy";
	$tc->task($name, 'SELECT 1', misfire => $policy, overlap => 'allow', options => { max_catchup => 3 });
	$tc->sql("SELECT taskcenter.schedule_task('$name', '$every_second')");
	$tc->sql(qq{UPDATE taskcenter.schedules AS s SET next_run_at = date_trunc('second', now()) - interval '10 years'
		FROM taskcenter.tasks AS t WHERE t.task_id = s.task_id AND t.name = '$name'});
}
ok( $tc->wait_until(q{SELECT bool_and(s.next_run_at > now() - interval '2 seconds') FROM taskcenter.schedules AS s
	JOIN taskcenter.tasks AS t USING (task_id) WHERE t.name LIKE 'decade %'}, 4),
	'ten years of missed seconds are seen to at once');
$tc->sql("SELECT taskcenter.archive_task('decade $_')") for sort keys %policies;
$tc->is_sql(
	q{SELECT count(*), bool_and(is_catchup), bool_and(catchup_count = extract(epoch FROM scheduled_for - catchup_from) + 1),
	bool_and(catchup_count > 315000000) FROM taskcenter.task_runs WHERE task = 'decade run_once' AND catchup_count IS NOT NULL},
	'1|t|t|t', 'misfire "run_once": one run stands for all of them');
$tc->is_sql(
	q{SELECT count(*), min(reason), bool_and(instants = extract(epoch FROM skipped_to - skipped_from) + 1),
	bool_and(instants > 315000000) FROM taskcenter.skipped_fires JOIN taskcenter.tasks USING (task_id)
	WHERE name = 'decade skip'}, '1|misfire|t|t', 'misfire "skip": one skip');
$tc->is_sql(
	q{SELECT count(*) FROM taskcenter.task_runs WHERE task = 'decade run_all' AND is_catchup},
	'3', 'misfire "run_all": as many of the latest as max_catchup allows');
$tc->is_sql(
	q{SELECT count(*), min(reason), bool_and(instants = extract(epoch FROM skipped_to - skipped_from) + 1),
	bool_and(instants > 315000000) FROM taskcenter.skipped_fires JOIN taskcenter.tasks USING (task_id)
	WHERE name = 'decade run_all'}, '1|max_catchup|t|t', 'and one skip for the others');
$tc->is_sql(
	q{SELECT string_agg(DISTINCT (r.scheduled_for - k.skipped_to)::text, ' ' ORDER BY (r.scheduled_for - k.skipped_to)::text)
	FROM taskcenter.task_runs AS r JOIN taskcenter.skipped_fires AS k USING (task_id)
	WHERE r.task = 'decade run_all' AND r.is_catchup},
	'00:00:01 00:00:02 00:00:03', 'without a gap between them');

# ---- a broken definition is quarantined alone ----

my $scheduler = $tc->scheduler_pid;
my %broken = (
	'text' => q{schedule = 'whenever it suits'}, 'zone' => q{timezone = 'Mars/Base'},
	'gap' => q{dst_gap = 'sideways'}, 'empty' => q{schedule = ''});
for my $name (sort keys %broken)
{
	$tc->task("broken $name", 'SELECT 1', schedule => $every_second, overlap => 'allow');
	$tc->sql(qq{UPDATE taskcenter.schedules AS s SET $broken{$name}, next_run_at = now()
		FROM taskcenter.tasks AS t WHERE t.task_id = s.task_id AND t.name = 'broken $name'});
}
$tc->task('broken queue', 'SELECT 1', schedule => $every_second);
$tc->sql(q{UPDATE taskcenter.tasks SET queue = 'nowhere' WHERE name = 'broken queue'});
for my $name (sort(keys %broken), 'queue')
{
	ok( $tc->wait_until(qq{SELECT s.state = 'quarantined' AND s.state_reason <> '' FROM taskcenter.schedules AS s
		JOIN taskcenter.tasks AS t USING (task_id) WHERE t.name = 'broken $name'}, 5),
		"a broken $name quarantines the schedule, with its error");
}
my $ticks = $tc->sql(q{SELECT count(*) FROM taskcenter.task_runs WHERE task = 'tick'});
ok($tc->wait_until("SELECT count(*) > $ticks FROM taskcenter.task_runs WHERE task = 'tick'", 5), 'others go on');
is($tc->scheduler_pid, $scheduler, 'with the same scheduler');
$tc->is_sql(q{SELECT state FROM taskcenter.status_checks() WHERE check_name = 'quarantined'}, 'fail', 'the status tells');
$tc->sql("SELECT taskcenter.schedule_task('broken text', '$every_second')");
ok( $tc->wait_until(q{SELECT max(created_at) > now() - interval '3 seconds' FROM taskcenter.task_runs
	WHERE task = 'broken text'}, 5), 'a schedule that was repaired fires again');
$tc->sql("SELECT taskcenter.archive_task('broken $_')") for sort(keys %broken), 'queue';

# ---- overlap ----

ok($tc->wait_until(q{SELECT sum(instants) >= 3 FROM taskcenter.skipped_fires JOIN taskcenter.tasks USING (task_id)
	WHERE name = 'skipping'}, 10), 'overlap "skip": instants pass while a run goes on');
$tc->is_sql(q{SELECT string_agg(status, ' ') FROM taskcenter.task_runs WHERE task = 'skipping'},
	'running', 'there is that one run');
$tc->is_sql(q{SELECT count(*), min(reason) FROM taskcenter.skipped_fires JOIN taskcenter.tasks USING (task_id)
	WHERE name = 'skipping'}, '1|overlap', 'and one skip for all of them');
$tc->open_gate(1);
ok($tc->wait_until(q{SELECT count(*) > 2 FROM taskcenter.task_runs WHERE task = 'skipping' AND status = 'succeeded'}, 6),
	'after it the schedule fires again');

ok($tc->finish_all('queueing', 15), 'overlap "queue": all runs are executed');
is(most_at_once('queueing'), 1, 'one after the other');
like(statuses('queueing'), qr/^succeeded [345]$/, 'none is left out');
$tc->is_sql(
	q{SELECT count(*) FROM (SELECT scheduled_for < lag(scheduled_for) OVER (ORDER BY started_at) AS bad
	FROM taskcenter.task_runs WHERE task = 'queueing') AS o WHERE bad}, '0', 'in order');
ok($tc->finish_all('allowing', 10), 'overlap "allow": all runs are executed');
cmp_ok(most_at_once('allowing'), '>=', 2, 'at the same time');
ok( $tc->wait_until(q{SELECT s.state = 'completed' FROM taskcenter.schedules AS s JOIN taskcenter.tasks AS t USING (task_id)
	WHERE t.name = 'cancelling'}), 'overlap "cancel_running": to its end');
ok( $tc->wait_until(q{SELECT count(*) = 1 FROM taskcenter.live_runs JOIN taskcenter.tasks USING (task_id)
	WHERE name = 'cancelling'}), 'a later run takes the place of the one before');
like(statuses('cancelling'), qr/^cancelled [2345], (running|queued) 1$/, 'which is cancelled');
$tc->sql(q{SELECT count(*) FROM taskcenter.cancel_runs('cancelling')});

# ---- kinds of schedules ----

$tc->is_sql(q{SELECT s.state, s.next_run_at IS NULL, count(r.run_id) FROM taskcenter.schedules AS s
	JOIN taskcenter.tasks AS t USING (task_id) LEFT JOIN taskcenter.task_runs AS r USING (task_id)
	WHERE t.name = 'once' GROUP BY 1, 2}, 'completed|t|1', '"at" fires once and is completed');
$tc->is_sql(qq{SELECT string_agg(s.state || ' ' || (s.next_run_at IS NULL)::text, ', ') FROM taskcenter.schedules AS s
	JOIN taskcenter.tasks AS t USING (task_id) WHERE t.name = 'jittered'}, 'completed true', 'ends_at completes a schedule');
$tc->is_sql("SELECT max(scheduled_for) BETWEEN timestamptz '$soon' - interval '1 second' AND '$soon'"
	  . q{ FROM taskcenter.task_runs WHERE task = 'jittered'}, 't', 'after its last instant');
$tc->is_sql(q{SELECT bool_and(run_at >= scheduled_for AND run_at <= scheduled_for + interval '1.5 seconds'
	AND started_at >= run_at), count(DISTINCT run_at - scheduled_for) > 1
	FROM taskcenter.task_runs WHERE task = 'jittered'}, 't|t', 'jitter delays each run, within its bound');
$tc->is_sql(q{SELECT count(*) >= 2, bool_and(gap = '2 seconds') FROM (SELECT scheduled_for
	- lag(scheduled_for) OVER (ORDER BY scheduled_for) AS gap FROM taskcenter.task_runs WHERE task = 'interval') AS g
	WHERE gap IS NOT NULL}, 't|t', 'an interval does not drift');
$tc->is_sql(q{SELECT count(*) >= 2, bool_and(began_at >= ended + interval '1 second' AND began_at < ended + interval '3 seconds')
	FROM (SELECT began_at, lag(ended_at) OVER (ORDER BY began_at) AS ended FROM spans WHERE task = 'delayed') AS d
	WHERE ended IS NOT NULL}, 't|t', 'a fixed delay counts from the end');
$tc->is_sql(q{SELECT count(*) FROM taskcenter.task_runs WHERE task = 'rebooted'}, '0', '@reboot waits for a start');
$tc->is_sql(q{SELECT holes('named')}, '', 'two schedules of one task fill each other\'s gaps');
$tc->is_sql(q{SELECT string_agg(DISTINCT s.name || ' ' || extract(second FROM r.scheduled_for)::int % 2, ', ')
	FROM taskcenter.task_runs AS r JOIN taskcenter.schedules AS s USING (schedule_id) WHERE r.task = 'named'},
	'even 0, odd 1', 'each run knows which one it is of');

# ---- pauses ----

$tc->task('paused', 'SELECT 1', schedule => $every_second, overlap => 'allow');
$tc->wait_until(q{SELECT count(*) > 0 FROM taskcenter.task_runs WHERE task = 'paused'}, 5);
$tc->sql(q{SELECT taskcenter.pause_task('paused')});
my $missed = in_seconds(2.2);
$tc->task('paused schedule', 'SELECT 1', schedule => $every_second, overlap => 'allow');
$tc->wait_until(q{SELECT count(*) > 0 FROM taskcenter.task_runs WHERE task = 'paused schedule'}, 5);
$tc->sql(q{SELECT taskcenter.pause_schedule('paused schedule')});
my $runs = $tc->sql(q{SELECT count(*) FROM taskcenter.task_runs WHERE task LIKE 'paused%'});
$tc->wait_until("SELECT clock_timestamp() > timestamptz '$missed' + interval '1 second'", 5);
$tc->is_sql(q{SELECT count(*) FROM taskcenter.task_runs WHERE task LIKE 'paused%'}, $runs,
	'neither a paused task nor a paused schedule fires');
$tc->sql(q{SELECT taskcenter.resume_task('paused'); SELECT taskcenter.resume_schedule('paused schedule')});
ok( $tc->wait_until("SELECT count(DISTINCT task) = 2 FROM taskcenter.task_runs WHERE task LIKE 'paused%' AND created_at > '$missed'", 5),
	'once resumed they do');
$tc->is_sql(qq{SELECT holes('$_')}, '', "every instant of \"$_\" is a run or a recorded skip") for 'paused', 'paused schedule';

# ---- the scheduler ends, is held off, and the server restarts ----

$tc->sql("SELECT pg_terminate_backend($scheduler)");
ok($tc->wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'taskcenter scheduler' AND pid <> $scheduler", 8),
	'a scheduler that was terminated comes back');

my %late = (
	'late run_once' => [ 'run_once', 100 ], 'late skip' => [ 'skip', 100 ],
	'late run_all' => [ 'run_all', 100 ], 'late capped' => [ 'run_all', 2 ]);
for my $name (sort keys %late)
{
	my ($misfire, $max) = @{ $late{$name} };
	$tc->task($name, 'SELECT 1', schedule => $every_second, overlap => 'allow', misfire => $misfire,
		options => { misfire_grace => '900 milliseconds', max_catchup => $max });
}
$tc->wait_until(q{SELECT count(DISTINCT task) = 4 FROM taskcenter.task_runs WHERE task LIKE 'late %'}, 5);
$tc->configure('taskcenter.enabled' => 'off');
ok($tc->wait_until(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'taskcenter %r'
	AND backend_type <> 'taskcenter launcher'}, 8), 'taskcenter.enabled = off ends scheduler and executors');
my $off_at = $tc->sql('SELECT clock_timestamp()');
$tc->wait_until("SELECT clock_timestamp() > timestamptz '$off_at' + interval '3.5 seconds'");
$tc->is_sql("SELECT count(*) FROM taskcenter.task_runs WHERE created_at > '$off_at'", '0', 'nothing fires meanwhile');
my $on_at = $tc->sql('SELECT clock_timestamp()');
$tc->configure('taskcenter.enabled' => 'on');
ok($tc->wait_until("SELECT count(DISTINCT task) = 4 FROM taskcenter.task_runs WHERE task LIKE 'late %' AND created_at > '$on_at'", 10),
	'turned on again, schedules go on');
$tc->is_sql(q{SELECT count(*), bool_and(is_catchup), min(catchup_count) >= 3 FROM taskcenter.task_runs
	WHERE task = 'late run_once' AND catchup_count IS NOT NULL}, '1|t|t', 'misfire "run_once": one run for what was missed');
$tc->is_sql(q{SELECT count(*), min(reason), min(instants) >= 3 FROM taskcenter.skipped_fires JOIN taskcenter.tasks
	USING (task_id) WHERE name = 'late skip'}, '1|misfire|t', 'misfire "skip": one skip for it');
$tc->is_sql(q{SELECT count(*) >= 3 FROM taskcenter.task_runs WHERE task = 'late run_all' AND is_catchup
	AND catchup_count IS NULL}, 't', 'misfire "run_all": a run for each instant');
$tc->is_sql(q{SELECT count(*) FROM taskcenter.task_runs WHERE task = 'late capped' AND is_catchup}, '2',
	'as many as max_catchup allows');
$tc->is_sql(q{SELECT min(reason) FROM taskcenter.skipped_fires JOIN taskcenter.tasks USING (task_id)
	WHERE name = 'late capped'}, 'max_catchup', 'the others are skipped');
$tc->is_sql(q{SELECT count(*) FROM taskcenter.task_runs WHERE task = 'tick' AND is_catchup}, '0',
	'within its grace nothing is late');
$tc->is_sql(q{SELECT count(*) FROM taskcenter.task_runs WHERE task = 'rebooted'}, '0', 'this was no start of the server');

for my $times (1, 2)
{
	$tc->restart;
	ok($tc->wait_until("SELECT count(*) >= $times FROM taskcenter.task_runs WHERE task = 'rebooted' AND status = 'succeeded'", 10),
		'@reboot fires at a start of the server');
}
my $after = $tc->sql('SELECT clock_timestamp()');
ok($tc->wait_until("SELECT count(*) > 0 FROM taskcenter.task_runs WHERE task = 'tick' AND created_at > '$after'", 10), 'and all goes on');
$tc->is_sql(q{SELECT count(*) FROM taskcenter.task_runs WHERE task = 'rebooted'}, '2', 'once each');

# ---- in the end ----

$tc->sql(q{SELECT taskcenter.archive_task(name) FROM taskcenter.tasks WHERE state <> 'archived'});
ok($tc->wait_until('SELECT count(*) = 0 FROM taskcenter.live_runs'), 'all runs end');
$tc->is_sql(qq{SELECT holes('$_')}, '', "every second of \"$_\" is one run or in one skip, and in no two")
  for 'tick', 'skipping', 'queueing', 'allowing', 'cancelling', 'jittered', sort keys %late;
$tc->is_sql(q{SELECT extract(epoch FROM max(scheduled_for) - min(scheduled_for)) > 15 FROM taskcenter.task_runs
	WHERE task = 'tick'}, 't', 'over the whole time');
$tc->is_sql(q{SELECT count(*) FROM (SELECT schedule_id, scheduled_for FROM taskcenter.task_runs
	WHERE schedule_id IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1) AS twice}, '0', 'no instant has two runs');
$tc->never_crashed;
$tc->stop;
done_testing();
