# Nobody calls a lane empty that is not: runs that come, and pauses that end,
# while an executor looks.  With a single executor, what is missed stays.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('wakeups', conf => "fsync = off\ntaskcenter.max_executors = 1\n");

$tc->task('quick', 'SELECT 1');
$tc->task('sleep', 'SELECT pg_sleep(0.6)');
$tc->finish($tc->enqueue('quick')) for 1 .. 5;

# A run that was made before a claim and committed while what was claimed runs,
# beside work in another lane, which comes first.
for my $round (1 .. 3)
{
	$tc->sql('BEGIN', 'late');
	my $late = $tc->sql("SELECT taskcenter.enqueue_task('quick')", 'late');
	my $front = $tc->enqueue('sleep');
	$tc->wait_status($front, 'running');
	$tc->sql('COMMIT', 'late');
	my $first = $tc->enqueue('quick', priority => -1);
	is($tc->finish($first, 5)->{status}, 'succeeded', "round $round: what comes first is executed");
	is($tc->finish($late, 5)->{status}, 'succeeded', 'what was committed late is executed');
}

# A pause that is committed between an executor's look at the state and its claim.
$tc->sql("SELECT taskcenter.create_queue('paused')");
$tc->task('limited', 'SELECT 1', queue => 'paused', options => { max_running => 1 });
for my $round (1 .. 10)
{
	$tc->sql('BEGIN', 'holder');
	$tc->sql("SELECT task_id FROM taskcenter.tasks WHERE name = 'limited' FOR UPDATE", 'holder');
	my $run = $tc->enqueue('limited');
	$tc->sql("SELECT taskcenter.pause_queue('paused')");
	$tc->sql('ROLLBACK', 'holder');
	$tc->wait_until("SELECT wait_event_type = 'Extension' FROM pg_stat_activity
		WHERE backend_type = 'taskcenter executor'");
	$tc->sql("SELECT taskcenter.resume_queue('paused')");
	is($tc->finish($run, 5)->{status}, 'succeeded', "round $round: a pause that ends at once delays nothing");
}

# A run that somebody locks by hand, and lets go without a word.
$tc->task('held', 'SELECT 1', queue => 'paused');
$tc->sql("SELECT taskcenter.pause_queue('paused')");
my $held = $tc->enqueue('held');
$tc->sql('BEGIN', 'holder');
$tc->sql("SELECT run_id FROM taskcenter.live_runs WHERE run_id = $held FOR UPDATE", 'holder');
$tc->sql("SELECT taskcenter.resume_queue('paused')");
$tc->finish($tc->enqueue('quick'));
$tc->sql('ROLLBACK', 'holder');
is($tc->finish($held, 5)->{status}, 'succeeded', 'a run that was locked by hand is found again');

# A run that changes between a claim's snapshot and its locks: several look for
# it at once, and one that had it locked in vain must not hide it.
my $crowd = Taskcenter->start('crowd', conf => "fsync = off\ntaskcenter.max_executors = 3\n");
$crowd->task('again', 'SELECT 1 / 0', max_attempts => 4, backoff => 'none');
$crowd->sql(<<'SQL');
CREATE PROCEDURE public.one_by_one(runs int, INOUT late int = 0) LANGUAGE plpgsql AS $$
DECLARE
  id bigint;
  since timestamptz;
BEGIN
  FOR i IN 1 .. runs LOOP
    since := clock_timestamp();
    id := taskcenter.enqueue_task('again');
    COMMIT;
    LOOP
      PERFORM FROM taskcenter.finished_runs WHERE run_id = id;
      EXIT WHEN FOUND OR clock_timestamp() > since + interval '10 seconds';
      COMMIT;
      PERFORM pg_sleep(0.0003);
    END LOOP;
    late := late + (clock_timestamp() > since + interval '700 milliseconds')::int;
  END LOOP;
END $$
SQL
cmp_ok($crowd->sql('CALL public.one_by_one(1500)'), '<', 3,
	'runs that are tried again at once, under several executors, do not wait');
$crowd->is_sql('SELECT count(*) FROM taskcenter.live_runs', 0, 'and none is left');
$crowd->never_crashed;
$crowd->stop;

$tc->never_crashed;
$tc->stop;
done_testing();
