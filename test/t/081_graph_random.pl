# Random graphs, undisturbed, with executors that are terminated, and through
# crashes of the server: what happened is what the rules say.
#
# A failure prints the seed of its graph; GRAPH_SEED=n repeats that one alone.
# GRAPH_COUNT and GRAPH_SIZE choose how many there are, and how many steps one has at most.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use GraphTest;
use Taskcenter;
use Test::More;
use Time::HiRes qw(usleep);

my $long = $ENV{TASKCENTER_LONG} ? 1 : 0;
my $count = $ENV{GRAPH_COUNT} // ($long ? 1000 : 50);
my $largest = $ENV{GRAPH_SIZE} // ($long ? 1000 : 40);
my $at_once = $long ? 20 : 17;

my $tc = Taskcenter->start('graph_random', conf => "taskcenter.max_executors = 4\n");
make_helpers($tc);
$tc->task('graph_works', q{SELECT act('ok')});
$tc->task('graph_fails', q{SELECT act('fail')});
composite($tc, 'graph_nested', { a => { command => q{SELECT act('ok')} }, b => { command => q{SELECT act('fail')}, after => ['a'], on_error => 'continue' } });
composite($tc, 'graph_nested_fails', { a => { command => q{SELECT act('ok')} }, b => { command => q{SELECT act('fail')}, after => ['a'] } });

my %kinds = map { $_ => 1 } qw(wait task nested for_each);

# a run may be lost twice, so it is struck at most twice
my %strikes = (
	'left alone' => sub { },
	'executors terminated' => sub {
		for (1 .. 2)
		{
			usleep(150_000);
			$tc->sql('SELECT pg_terminate_backend(pid) FROM taskcenter.executor_activity()');
		}
	},
	'server crashed' => sub {
		usleep(200_000);
		$tc->stop('immediate');
		$tc->node->start;
		usleep(300_000);
		$tc->sql('SELECT pg_terminate_backend(pid) FROM taskcenter.executor_activity()');
	});

sub make_graph
{
	my ($seed) = @_;

	srand($seed);
	# many small ones, few large ones
	my $size = 1 + int($largest**rand());
	my ($steps, $plan) = random_graph($size, \%kinds);
	my $name = "random_$seed";
	composite($tc, $name, $steps, options => { max_lost => 10 });
	return { seed => $seed, name => $name, steps => $steps, plan => $plan, size => $size };
}

my ($checked, $size, $problems) = (0, 0, 0);

sub check_batch
{
	my ($how, @seeds) = @_;
	my @graphs = map { make_graph($_) } @seeds;

	$tc->sql('BEGIN');
	$_->{root} = start_root($tc, $_->{name}) for @graphs;
	$tc->sql('COMMIT');
	$strikes{$how}->();
	ok(end_of_roots($tc, $long ? 600 : 60), "$how: all have ended")
	  or diag($tc->sql(q{SELECT string_agg(format('%s %s %s %s', run_id, parent_run_id, step, status), E'\n') FROM taskcenter.live_runs}));
	$tc->sql('ANALYZE taskcenter.finished_runs, taskcenter.task_run_history');
	for my $graph (@graphs)
	{
		my @found = problems_of($tc, $graph->{root}, $graph->{steps}, $graph->{plan});
		diag("seed $graph->{seed}, run $graph->{root}, $graph->{size} steps, $how:\n  ", join("\n  ", @found)) if @found;
		$problems += @found;
		$checked++;
		$size += $graph->{size};
	}
	is(invariant_problems($tc), '', "$how: nothing is left over");
	return;
}

# everything that a crash could have doubled or lost
sub effects_problems
{
	return $tc->sql(q{
		SELECT string_agg(problem, E'\n') FROM (
			SELECT format('run %s (%s) left %s traces', run_id, step, count(*)) FROM effects
			GROUP BY run_id, step HAVING count(*) > 1
			UNION ALL
			SELECT format('run %s (%s) is %s, and left a trace', r.run_id, r.step, r.status)
			FROM effects JOIN taskcenter.finished_runs AS r USING (run_id) WHERE r.status <> 'succeeded'
			UNION ALL
			SELECT format('run %s (%s) succeeded without a trace', r.run_id, r.step)
			FROM taskcenter.finished_runs AS r WHERE r.status = 'succeeded' AND r.output ? 'attempt'
				AND NOT EXISTS (SELECT FROM effects AS e WHERE e.run_id = r.run_id)) AS p (problem)});
}

my @seeds = $ENV{GRAPH_SEED} ? ($ENV{GRAPH_SEED}) : (1 .. $count);
my @how = ('left alone', 'executors terminated', 'server crashed');
for (my $batch = 0; @seeds; $batch++)
{
	check_batch($how[ $batch % @how ], splice(@seeds, 0, $at_once));
}
is($problems, 0, "$checked graphs of together $size steps did what the rules say");
is(effects_problems(), '', 'and their steps took effect exactly once');
is($tc->sql(q{SELECT string_agg(i::text, E'\n') FROM taskcenter.check_integrity() AS i}), '', 'what is stored agrees with itself');
unlike($tc->log_since(0), qr/PANIC:|TRAP:|was terminated by signal|XX000/, 'no process failed');
$tc->stop;
done_testing();
