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
	$tc->sql('SELECT pg_sleep(0.05)');
	$tc->sql("SELECT taskcenter.resume_queue('paused')");
	is($tc->finish($run, 5)->{status}, 'succeeded', "round $round: a pause that ends at once delays nothing");
}

$tc->never_crashed;
$tc->stop;
done_testing();
