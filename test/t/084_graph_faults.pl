# The executor of a graph ends at each point of what it does, one after the
# other: before each statement and before each commit.  The graph comes to the
# same end, and each step takes effect once.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use GraphTest;
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use Taskcenter;
use Test::More;
use Time::HiRes qw(usleep);

my $long = $ENV{TASKCENTER_LONG} ? 1 : 0;

# ---- a server whose executors end where they are told to ----

sub pg_config
{
	my ($what) = @_;
	chomp(my $answer = `pg_config --$what`);
	return $answer;
}

my $library = PostgreSQL::Test::Utils::tempdir . '/end_at.so';
is(system('gcc', '-shared', '-fPIC', '-I' . pg_config('includedir-server'), '-o', $library, 'test/fault/end_at.c'),
	0, 'what ends executors is built');
my $tc = Taskcenter->start('graph_faults', extension => 0, conf => "taskcenter.max_executors = 1\nshared_preload_libraries = 'taskcenter,$library'\n");
$tc->prepare_database;
make_helpers($tc);

my $hard = 0;
my $log_place = 0;
my $armed = $tc->node->data_dir . '/end_at.armed';

sub without_executors
{
	# one can come while others go
	return $tc->wait_until('SELECT count(pg_terminate_backend(pid)) = 0 FROM taskcenter.executor_activity()', 20);
}

# where the server goes down with its executor, and so do sessions
sub finish_over_crash
{
	my ($root) = @_;
	my $tries = 6000;

	$tc->end_sessions;
	while ($tries-- > 0)
	{
		my ($code, $answer) = $tc->node->psql('postgres', "SELECT finished_at IS NOT NULL FROM taskcenter.task_runs WHERE run_id = $root");
		return if $code == 0 && $answer eq 't';
		usleep(10_000);
	}
	die "run $root does not end";
}

sub server_is_back
{
	my $crashed = qr/terminated by signal 9.*ready to accept connections/s;

	$tc->end_sessions;
	for (1 .. 3000)
	{
		return if slurp_file($tc->node->logfile, $log_place) =~ $crashed;
		usleep(10_000);
	}
	die 'the server does not come back';
}

# run_with_end(NAME, POINT): the root, and whether its executor ended there
sub run_with_end
{
	my ($name, $point) = @_;

	without_executors() or die 'an executor stays';
	$tc->configure('end_at.point' => $point);
	$log_place = -s $tc->node->logfile;
	append_to_file($armed, '');
	my $root = start_root($tc, $name);
	if ($hard) { finish_over_crash($root); }
	else { $tc->finish($root, 60); }
	my $ended = !unlink $armed;
	# it can be that the last thing it did was the point, and the server is about to go down
	server_is_back() if $hard && $ended;
	return ($root, $ended);
}

sub effects_of
{
	my ($root) = @_;
	return $tc->sql(qq{SELECT string_agg(step || ':' || n, ' ' ORDER BY step) FROM (SELECT step, count(*) AS n FROM effects
		WHERE parent_run_id = $root OR parent_run_id IN (SELECT run_id FROM taskcenter.task_runs WHERE parent_run_id = $root)
		GROUP BY step) AS e});
}

# end_everywhere(NAME, ROUNDS, EXPECTED): as many rounds, their points evenly spread; all in the long form
sub end_everywhere
{
	my ($name, $rounds, $expected) = @_;
	my ($ended, $last, @wrong) = (0, 0);

	# where the last point is: twice as far as long as one is reached, then in halves
	my ($low, $high) = (1, 64);
	while ((run_with_end($name, $high))[1]) { ($low, $high) = ($high, 2 * $high); }
	while ($high - $low > 4)
	{
		my $middle = int(($low + $high) / 2);
		if ((run_with_end($name, $middle))[1]) { $low = $middle; }
		else { $high = $middle; }
	}
	my $stride = $long ? 1 : max(1, int($low / $rounds));
	for (my $point = 1 + int(rand($stride)); $point <= $low; $point += $stride)
	{
		my ($root, $here) = run_with_end($name, $point);
		my $seen = $tc->sql("SELECT status FROM taskcenter.task_runs WHERE run_id = $root") . '; '
		  . statuses($tc, $root) . '; ' . (effects_of($root) // '');
		push @wrong, "point $point: $seen" if $seen ne $expected;
		my $problems = invariant_problems($tc);
		push @wrong, "point $point: $problems" if $problems ne '';
		$ended += $here;
	}
	is(join("\n", @wrong), '', "$name: ended at $ended of $low points, the same comes of it");
	cmp_ok($ended, '>=', int($rounds / 2), 'and it was ended');
	return;
}

my $works = q{SELECT act('ok')};

composite($tc, 'goes', {
	a => { command => $works },
	b => { command => $works, after => ['a'] },
	c => { command => $works, after => ['b'], when => 'SELECT true' },
	d => { command => q{SELECT act('fail1')}, after => ['b'], max_attempts => 2, backoff => 'none' },
	each => { command => $works, after => ['c'], for_each => 'SELECT generate_series(1, 3) AS n' },
	never => { command => $works, after => ['a'], rule => 'all_failed' },
	pause => { wait => '10 milliseconds', after => ['b'] },
	sure => { check => { sql => 'SELECT 1', op => '=', value => 1 }, after => ['pause'] },
	z => { command => $works, after => [ 'd', 'each', 'sure' ] } });
composite($tc, 'fails', {
	a => { command => $works, compensate => q{SELECT act('ok')} },
	b => { command => $works, after => ['a'], compensate => q{SELECT act('ok')} },
	c => { command => q{SELECT act('fail')}, after => ['b'] },
	d => { command => $works, after => ['c'] },
	e => { command => $works, after => ['c'], rule => 'all_done' } });

my $goes = 'succeeded; a: succeeded, b: succeeded, c: succeeded, d: succeeded, each: succeeded, never: skipped, pause: succeeded, '
  . 'sure: succeeded, z: succeeded; a:1 b:1 c:1 d:1 each:3 z:1';
my $fails = 'failed; a: succeeded, b: succeeded, c: failed, d: skipped, e: succeeded, undo:a: succeeded, undo:b: succeeded; '
  . 'a:1 b:1 e:1 undo:a:1 undo:b:1';

for my $way ($long ? (0, 1) : (0))
{
	$hard = $way;
	$tc->configure('end_at.hard' => $hard);
	end_everywhere('goes', 20, $goes);
	end_everywhere('fails', 12, $fails);
}

# ---- a step whose executor ends while it executes ----

$tc->sql('CREATE TABLE over (); GRANT ALL ON over TO PUBLIC');
my $waits = q{SELECT CASE WHEN NOT EXISTS (SELECT FROM over) THEN pg_sleep(600) END};
composite($tc, 'loses', {
	once => { command => $waits, on_crash => 'fail', on_error => 'continue' },
	again => { command => $works, after => ['once'], rule => 'all_done' } });
composite($tc, 'repeats', {
	plain => { command => $waits },
	after => { command => $works, after => ['plain'] } });
for my $case ([ 'loses', 'once', 'again: succeeded, once: failed' ], [ 'repeats', 'plain', 'after: succeeded, plain: succeeded' ])
{
	my ($name, $step, $expected) = @$case;

	$tc->sql('DELETE FROM over');
	my $root = start_root($tc, $name);
	$tc->until("EXISTS (SELECT FROM taskcenter.executor_activity() AS e JOIN taskcenter.live_runs AS r ON r.run_id = e.run_id WHERE r.step = '$step')",
		"step $step executes");
	$tc->sql('INSERT INTO over DEFAULT VALUES');
	$tc->sql('SELECT pg_terminate_backend(pid) FROM taskcenter.executor_activity()');
	$tc->finish($root, 30);
	is(statuses($tc, $root), $expected, 'its executor is ended, and it ends as it says');
	is(step_row($tc, $root, $step)->{lost}, 1, 'one attempt is lost');
}
is(invariant_problems($tc), '', 'nothing is left over');

$tc->stop;
done_testing();
