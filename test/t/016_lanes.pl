# Lanes: many of one role, and more than there are places for.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('lanes', conf => "fsync = off\n");

$tc->sql(q{
CREATE ROLE other LOGIN;
CREATE TABLE effects (run_id bigint, lane int, at timestamptz DEFAULT clock_timestamp());
GRANT ALL ON effects TO app, other;
});
my $note = q{INSERT INTO effects SELECT run_id, (taskcenter.param('lane'))::int FROM taskcenter.current_run()};
$tc->task('note', $note);
$tc->task('other', $note, run_as => 'other');

# enqueue_lanes(FROM, TO, DELAY): a run in each of so many lanes.
sub enqueue_lanes
{
	my ($from, $to, $delay) = @_;

	return $tc->sql(qq{
SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task', 'note',
    'priority', i, 'params', jsonb_build_object('lane', i),
    'run_at', clock_timestamp() + interval '$delay'))
FROM generate_series($from, $to) AS i))});
}

# ---- a role with more lanes than one look ever took in ----

is(enqueue_lanes(1, 600, '0'), 600, 'runs in 600 lanes');
ok($tc->finish_all('note', 20), 'all of them are executed');

# Tasks that are limited have a lane each, which stays when it is empty.
$tc->sql(q{SELECT count(taskcenter.create_task('limited' || i, 'SELECT 1', run_as => 'app',
    options => '{"max_running": 1}')) FROM generate_series(1, 600) AS i});
for my $round (1, 2)
{
	$tc->sql(q{SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(
	    jsonb_build_object('task', 'limited' || i)) FROM generate_series(1, 600) AS i))});
	ok($tc->finish_all('limited%', 20), "runs of 600 limited tasks, round $round");
}

# ---- more lanes than there are places for ----

my $commits = q{SELECT pg_stat_clear_snapshot();
SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'};

$tc->sql('TRUNCATE effects');
is(enqueue_lanes(1, 2500, '10 hours'), 2500, 'runs due later in 2500 lanes');
is(enqueue_lanes(2501, 3000, '3 s'), 500, 'and in 500 due soon');
for (1 .. 3)
{
	my $waited = $tc->sql(q{SELECT extract(epoch FROM (r.finished_at - r.created_at)) < 2
FROM taskcenter.task_runs AS r WHERE run_id = } . $tc->finish($tc->enqueue('other'))->{run_id});
	is($waited, 't', 'a run of another role is executed at once');
}
ok($tc->wait_until('SELECT count(*) = 500 FROM effects WHERE lane > 2500', 15), 'those due soon are executed');
is($tc->sql('SELECT max(e.at - r.run_at) < interval \'3 s\' FROM effects AS e
JOIN taskcenter.task_runs AS r USING (run_id) WHERE lane > 2500'), 't', 'in time');

# what executors took from one another is looked at once more
sub commits_in
{
	my ($seconds) = @_;
	my ($before) = $tc->sql($commits) =~ /(\d+)\s*$/;

	$tc->sql("SELECT pg_sleep($seconds)");
	my ($after) = $tc->sql($commits) =~ /(\d+)\s*$/;
	return $after - $before;
}
my $tries = 0;
$tries++ while ($tries < 10 && commits_in(1) >= 15);
cmp_ok(commits_in(2), '<', 25, 'and nobody looks for the others all the time');

$tc->sql(q{SELECT count(*) FROM taskcenter.cancel_runs('note')});
$tc->sql('TRUNCATE effects');
is(enqueue_lanes(1, 5000, '0'), 5000, 'runs due in 5000 lanes');
my $other = $tc->finish($tc->enqueue('other'));
is($other->{status}, 'succeeded', 'beside which another role is served');
is($tc->sql("SELECT '$other->{finished_at}'::timestamptz - '$other->{created_at}' < interval '5 s'"), 't', 'soon');
ok($tc->finish_all('note', 60), 'all of them are executed');
is($tc->sql('SELECT count(*), count(DISTINCT run_id) FROM effects WHERE lane IS NOT NULL'), '5000|5000', 'once');

# What cannot be claimed leaves its places to what can.
$tc->sql("SELECT taskcenter.create_queue('closed')");
$tc->sql("SELECT taskcenter.pause_queue('closed')");
$tc->sql(q{SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task', 'note',
    'priority', i, 'params', '{"lane": 0}'::jsonb, 'options', '{"queue": "closed"}'::jsonb))
FROM generate_series(1, 3000) AS i))});
is($tc->finish($tc->enqueue('other'))->{status}, 'succeeded', 'with 3000 lanes of a paused queue another role is served');
is($tc->finish($tc->enqueue('note', params => { lane => 1 }))->{status}, 'succeeded', 'and the same role');
$tc->sql("SELECT taskcenter.resume_queue('closed')");
ok($tc->finish_all('note', 60), 'resumed, all of them are executed');

# ---- runs of a task that was changed meanwhile ----

# A limit holds for runs that others were making when it was set.
$tc->task('changed', q{INSERT INTO effects SELECT run_id, -1 FROM taskcenter.current_run();
	SELECT pg_sleep(0.2)});
$tc->session('maker');
$tc->sql('BEGIN', 'maker');
$tc->sql(q{SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object(
    'task', 'changed', 'priority', i)) FROM generate_series(1, 8) AS i))}, 'maker');
$tc->sql(q{SELECT taskcenter.alter_task('changed', options => '{"max_running": 1}')});
$tc->sql('COMMIT', 'maker');
ok($tc->finish_all('changed', 20), 'runs of a task that was limited while they were made');
is($tc->sql(q{SELECT count(*) FROM (SELECT at, lead(at) OVER (ORDER BY at) AS next FROM effects
WHERE lane = -1) AS e WHERE next - at < interval '0.2 s'}), '0', 'run one by one');

# They take turns across queues, too.
$tc->sql("SELECT taskcenter.create_queue('elsewhere')");
my $turns = q{FROM taskcenter.live_runs AS r JOIN taskcenter.tasks USING (task_id) WHERE name = 'turns'};
$tc->task('turns', 'SELECT pg_sleep(3)', schedule => '* * * * * *', overlap => 'queue');
ok($tc->wait_until("SELECT count(*) = 2 $turns"), 'runs take turns');
$tc->sql("SELECT taskcenter.alter_task('turns', queue => 'elsewhere')");
ok($tc->wait_until("SELECT count(DISTINCT queue_id) = 2 $turns"), 'one of them in another queue');
$tc->sql("SELECT taskcenter.pause_schedule('turns')");
ok($tc->finish_all('turns', 20), 'each has its turn');

$tc->never_crashed;
$tc->stop;
done_testing();
