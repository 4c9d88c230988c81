# Composite tasks: making them, and proving from runs and their history alone
# that what they did is what the rules say.
#
# The rules are told here a second time, in another way than the product does:
# a rule is a condition on how all the steps before one ended.  A step may be
# skipped as soon as no way in which the rest can end fulfils it, and started
# when it is fulfilled for good.

package GraphTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use Taskcenter;
use Test::More;

our @EXPORT = qw(
  RULES make_helpers composite start_root step_row step_rows statuses random_graph problems_of
  invariant_problems end_of_roots verdict rule_holds
);

use constant RULES =>
  qw(all_success all_done all_failed one_success one_failed none_failed none_skipped k_of_n);

# rules that a failure elsewhere keeps from starting
my %wants_success = map { $_ => 1 } qw(all_success one_success k_of_n none_failed none_skipped);

# rules that can hold before all steps have ended
my %existential = map { $_ => 1 } qw(one_success one_failed k_of_n);

# ---- what steps do ----

# act(): leaves a trace of each execution that commits, then sleeps, then does as it is told:
# 'ok', 'fail', or 'failN': fails in the first N attempts.
sub make_helpers
{
	my ($tc) = @_;

	$tc->sql(q{
CREATE TABLE effects (run_id bigint, parent_run_id bigint, step text, attempt int,
    started timestamptz, ended timestamptz DEFAULT clock_timestamp());
GRANT ALL ON effects TO PUBLIC;
CREATE FUNCTION act(outcome text, ms float8 = 0) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
    me taskcenter.current_run_info := taskcenter.current_run();
BEGIN
    IF ms > 0 THEN
        PERFORM pg_sleep(ms / 1000);
    END IF;
    INSERT INTO effects VALUES (me.run_id, me.parent_run_id, me.step, me.attempt, began);
    IF outcome = 'fail' OR (outcome ~ '^fail\d+$' AND me.attempt <= substr(outcome, 5)::int) THEN
        RAISE EXCEPTION 'told to fail' USING ERRCODE = 'TC001';
    END IF;
    PERFORM taskcenter.set_output(jsonb_build_object('step', me.step, 'attempt', me.attempt));
END $$});
	return;
}

# composite(SERVER, NAME, STEPS, ARGUMENT => VALUE...): a composite task; STEPS is a hash.
sub composite
{
	my ($tc, $name, $steps, %arguments) = @_;

	%arguments = (run_as => 'app', %arguments, name => $name, kind => 'composite');
	$tc->sql('SELECT taskcenter.create_task(' . Taskcenter::arguments(%arguments) . ')');
	return $tc->sql('SELECT taskcenter.save_graph('
		  . Taskcenter::arguments(task => $name, graph => { steps => $steps }) . ')');
}

sub start_root
{
	my ($tc, $name, %arguments) = @_;
	return $tc->enqueue($name, %arguments);
}

# ---- looking ----

my $moment = '(extract(epoch FROM %s) * 1000000)::bigint';

sub us { return sprintf $moment, $_[0]; }

# step_rows(SERVER, ROOT): the runs under a root, unfinished ones too, each with its history
sub step_rows
{
	my ($tc, $root) = @_;
	my $columns = 'run_id, parent_run_id, task_id, step, item, status, attempt, lost, reason, error, '
	  . 'sqlstate, created_at, started_at';

	return $tc->rows(qq{
		SELECT r.run_id, r.task_id, r.step, r.item, r.status, r.attempt, r.lost, r.reason, r.error, r.sqlstate, r.output,
			${\ us('r.created_at')} AS created, ${\ us('r.started_at')} AS started,
			${\ us('r.finished_at')} AS finished,
			(SELECT json_agg(json_build_array(h.old_status, h.new_status, h.attempt,
					${\ us('h.changed_at')}, h.reason) ORDER BY h.changed_at, h.ctid)
				FROM taskcenter.task_run_history AS h WHERE h.run_id = r.run_id) AS history
		FROM (SELECT $columns, NULL::jsonb AS output, NULL::timestamptz AS finished_at FROM taskcenter.live_runs
			UNION ALL SELECT $columns, output, finished_at FROM taskcenter.finished_runs) AS r
		WHERE r.parent_run_id = $root ORDER BY r.run_id});
}

# the run of a step, as in step_rows(); after a retry the last one
sub step_row
{
	my ($tc, $root, $step, $item) = @_;
	my @rows = grep { $_->{step} eq $step && ($_->{item} // 0) == ($item // 0) } step_rows($tc, $root);

	return $rows[-1];
}

# "a: succeeded, b: failed", by name; after a retry the last run of each step
sub statuses
{
	my ($tc, $root) = @_;
	my %last = map { $_->{step} => $_->{status} } grep { !defined $_->{item} } step_rows($tc, $root);

	return join ', ', map { "$_: $last{$_}" } sort keys %last;
}

# end_of_roots(SERVER, SECONDS): waits until nothing is unfinished
sub end_of_roots
{
	my ($tc, $seconds) = @_;
	return $tc->wait_until('SELECT NOT EXISTS (SELECT FROM taskcenter.live_runs)', $seconds);
}

# What must be true at any time: '' when it is.
sub invariant_problems
{
	my ($tc) = @_;

	return $tc->sql(q{
		SELECT string_agg(problem, E'\n') FROM (
			SELECT format('run %s (%s) is %s under the finished run %s', c.run_id, c.step, c.status, p.run_id)
			FROM taskcenter.live_runs AS c JOIN taskcenter.finished_runs AS p ON p.run_id = c.parent_run_id
			UNION ALL
			SELECT format('step %s %s of run %s has %s runs that are open or succeeded', step, item, parent_run_id, count(*))
			FROM (SELECT parent_run_id, step, item FROM taskcenter.live_runs
				UNION ALL SELECT parent_run_id, step, item FROM taskcenter.finished_runs AS f WHERE status = 'succeeded'
					AND NOT EXISTS (SELECT FROM taskcenter.finished_runs AS u
						WHERE u.parent_run_id = f.parent_run_id AND u.step = 'undo:' || f.step AND u.run_id > f.run_id)) AS r
			WHERE parent_run_id IS NOT NULL AND NOT starts_with(step, 'undo:')
			GROUP BY parent_run_id, step, item
			/* what comes after a step that runs again does so, too */
			HAVING count(*) > 1 AND count(*) > coalesce((SELECT f.attempt FROM taskcenter.finished_runs AS f
				WHERE f.run_id = r.parent_run_id), 1)
			UNION ALL
			SELECT format('run %s is in both tables', run_id)
			FROM taskcenter.live_runs JOIN taskcenter.finished_runs USING (run_id)
			UNION ALL
			SELECT format('progress of run %s is kept, which has ended', g.run_id)
			FROM taskcenter.graph_progress AS g WHERE NOT EXISTS (
				SELECT FROM taskcenter.live_runs AS r WHERE r.run_id = g.run_id)
			UNION ALL
			SELECT format('an arrival of run %s is left', a.root_run_id)
			FROM taskcenter.arrivals AS a WHERE NOT EXISTS (
				SELECT FROM taskcenter.live_runs AS r WHERE r.run_id = a.root_run_id)) AS p (problem)});
}

# ---- the rules, told again ----

# rule_holds(RULE, K, COUNTS): of complete outcomes; counts: succeeded, failed, skipped
sub rule_holds
{
	my ($rule, $k, $n) = @_;
	my $total = $n->{succeeded} + $n->{failed} + $n->{skipped};

	return 1 if $total == 0 || $rule eq 'all_done';
	return $n->{succeeded} == $total if $rule eq 'all_success';
	return $n->{failed} == $total if $rule eq 'all_failed';
	return $n->{succeeded} > 0 if $rule eq 'one_success';
	return $n->{failed} > 0 if $rule eq 'one_failed';
	return $n->{failed} == 0 if $rule eq 'none_failed';
	return $n->{skipped} == 0 if $rule eq 'none_skipped';
	return $n->{succeeded} >= $k if $rule eq 'k_of_n';
	die "no such rule: $rule";
}

# verdict(RULE, K, COUNTS, LEFT): 'start', 'skip' or 'wait' while LEFT steps have not ended
sub verdict
{
	my ($rule, $k, $n, $left) = @_;

	if ($left == 0)
	{
		return rule_holds($rule, $k, $n) ? 'start' : 'skip';
	}

	# each rule is monotone in every kind of outcome: the extreme ways of ending suffice
	my @ways = map {
		my %ended = %$n;
		$ended{$_} += $left;
		rule_holds($rule, $k, \%ended)
	} qw(succeeded failed skipped);
	return 'skip' unless grep { $_ } @ways;
	return 'start' if $existential{$rule} && !grep { !$_ } @ways;
	return 'wait';
}

my %outcome_of = (
	succeeded => 'succeeded', failed => 'failed', timed_out => 'failed', cancelled => 'failed',
	skipped => 'skipped');

# What the rule said, when, and which step's end made it say so.
sub decide
{
	my ($step, $rows) = @_;
	my @before = sort { $a->{finished} <=> $b->{finished} } map { $rows->{$_} } @{ $step->{after} // [] };
	my %n = (succeeded => 0, failed => 0, skipped => 0);
	my $rule = $step->{rule} // 'all_success';
	my $left = @before;

	return ('start', 0, undef) unless @before;
	for my $row (@before)
	{
		$n{ $outcome_of{ $row->{status} } }++;
		my $verdict = verdict($rule, $step->{k}, \%n, --$left);
		return ($verdict, $row->{finished}, $row->{step}) if $verdict ne 'wait';
	}
	die 'all have ended, and no verdict';
}

# ---- one run ----

# Is its history a chain, and was it started once per attempt?
sub history_problems
{
	my ($row) = @_;
	my @history = @{ $row->{history} // [] };
	my ($last, $begun, %started, @problems);

	return ("no history") unless @history;
	while (@history)
	{
		# of those at one moment, the one that goes on from the last
		my ($next) = grep { $history[$_][3] == $history[0][3] && ($history[$_][0] // '') eq ($last // '') } 0 .. $#history;
		my ($old, $new, $attempt, $at) = @{ splice @history, $next // 0, 1 };
		push @problems, 'from ' . ($old // 'nothing') . ' to ' . $new . ' after ' . ($last // 'nothing')
		  if ($old // '') ne ($last // '');
		# given back before it began, put back to look again, or its executor died: the same
		# attempt begins again
		$started{$begun}-- if ($old // '') eq 'running' && $new eq 'queued';
		($begun = $attempt, $started{$attempt}++) if $new eq 'running';
		$last = $new;
	}
	push @problems, "ends as $last, but is $row->{status}" if $last ne $row->{status};
	for my $attempt (keys %started)
	{
		push @problems, "attempt $attempt was started $started{$attempt} times" if $started{$attempt} > 1;
	}
	return @problems;
}

# ---- a root ----

# Could the stopping failure have been known when the step's turn came?  It was, if the step's
# release follows from it: by the chain of steps whose ends released the next.
sub follows_from
{
	my ($name, $failure, $cause) = @_;

	while (defined($name = $cause->{$name}))
	{
		return 1 if $failure->{$name};
	}
	return 0;
}

# problems_of(SERVER, ROOT, STEPS, PLAN, OPTIONS): what of a finished root contradicts the rules.
# PLAN: for each step the status with which it ends if it is executed, and whether its
# condition holds (when => 0).
sub problems_of
{
	my ($tc, $root, $steps, $plan) = @_;
	my ($end) = $tc->rows(qq{SELECT status, reason, error, ${\ us('finished_at')} AS finished
		FROM taskcenter.finished_runs WHERE run_id = $root});
	my (%rows, %cause, @problems);

	return ("run $root has not ended") unless $end;
	for my $row (grep { !defined $_->{item} } step_rows($tc, $root))
	{
		push @problems, "$row->{step}: is no step" unless $steps->{ $row->{step} };
		push @problems, "$row->{step}: has two runs" if $rows{ $row->{step} };
		push @problems, map { "$row->{step}: $_" } history_problems($row);
		push @problems, "$row->{step}: $row->{status} under a root that has ended"
		  unless $row->{finished};
		$rows{ $row->{step} } = $row;
	}
	push @problems, map { "$_: has no run" } grep { !$rows{$_} } sort keys %$steps;
	return @problems if @problems;

	# those that keep the others from starting
	my %failure = map { $_ => 1 } grep {
		$outcome_of{ $rows{$_}{status} } eq 'failed' && ($steps->{$_}{on_error} // 'stop') eq 'stop'
	} keys %$steps;
	my $stops = grep { $rows{$_}{status} ne 'cancelled' } keys %failure;
	my ($first_failure) = sort { $a <=> $b } map { $rows{$_}{finished} } keys %failure;

	for my $name (keys %$steps)
	{
		(undef, undef, $cause{$name}) = decide($steps->{$name}, \%rows);
	}
	for my $name (sort keys %$steps)
	{
		my ($step, $row) = ($steps->{$name}, $rows{$name});
		my ($verdict, $at) = decide($step, \%rows);
		my $condition = $plan->{$name}{when} // 1;
		my $can_stop = $wants_success{ $step->{rule} // 'all_success' };
		my $ran = $row->{status} ne 'skipped';
		# what merely waits is cancelled when a failure has stopped the root
		my $gave_up = $stops && $step->{wait} && $row->{status} eq 'cancelled';
		my $seen = "$name (" . ($step->{rule} // 'all_success') . "): $row->{status}";

		if ($ran)
		{
			push @problems, "$seen, though its rule forbids it" if $verdict eq 'skip';
			push @problems, "$seen, though its condition is false" unless $condition || $gave_up;
			push @problems, "$seen, not $plan->{$name}{status}: "
			  . ($row->{error} // $row->{reason} // '')
			  if $row->{status} ne $plan->{$name}{status} && !$gave_up;
			push @problems, "$seen, begun before its rule held"
			  if defined $row->{started} && $row->{started} < $at;
			push @problems, "$seen, which follows from a failure that stops the root"
			  if $can_stop && follows_from($name, \%failure, \%cause);
		}
		else
		{
			my $stopped = $can_stop && defined $first_failure && $first_failure <= $row->{finished};
			push @problems, "$seen without a reason" if ($row->{reason} // '') eq '';
			push @problems, "$seen, though its rule holds ($row->{reason})"
			  if $verdict eq 'start' && $condition && !$stopped;
			push @problems, "$seen before its rule said so ($row->{reason})"
			  if $row->{finished} < $at && !$stopped;
		}
		push @problems, "$seen after its root" if $row->{finished} > $end->{finished};
	}
	my $expected = %failure ? 'failed' : 'succeeded';
	push @problems, "the root is $end->{status}, not $expected: " . ($end->{error} // $end->{reason} // '')
	  if $end->{status} ne $expected;
	return @problems;
}

# ---- random graphs ----

sub one_of { return $_[ int rand @_ ]; }

# a step of a kind: what it is, and how it ends if it is executed
sub random_step
{
	my ($kinds) = @_;
	my $dice = rand;
	my $pause = rand() < 0.2 ? ', ' . int(rand 20) : '';

	if ($kinds->{wait} && $dice < 0.04)
	{
		return ({ wait => '15 milliseconds' }, 'succeeded');
	}
	if ($kinds->{task} && $dice < 0.12)
	{
		my $fails = rand() < 0.2;
		return ({ task => $fails ? 'graph_fails' : 'graph_works' }, $fails ? 'failed' : 'succeeded');
	}
	if ($kinds->{nested} && $dice < 0.14)
	{
		my $fails = rand() < 0.3;
		return ({ task => $fails ? 'graph_nested_fails' : 'graph_nested' }, $fails ? 'failed' : 'succeeded');
	}
	if ($kinds->{for_each} && $dice < 0.18)
	{
		my $fails = rand() < 0.3;
		return ({
				for_each => 'SELECT i FROM generate_series(1, ' . int(rand 5) . ') AS i' . ($fails ? ' UNION ALL SELECT 99' : ''),
				command => q{SELECT act(CASE WHEN (taskcenter.param('item')->>'i')::int = 99 THEN 'fail' ELSE 'ok' END)} },
			$fails ? 'failed' : 'succeeded');
	}
	if ($dice < 0.19)
	{
		return ({ command => 'SELECT pg_sleep(60)', timeout => '50 milliseconds' }, 'timed_out');
	}
	if ($dice < 0.35)
	{
		return ({ command => "SELECT act('fail'$pause)" }, 'failed');
	}
	if ($dice < 0.45)
	{
		my $enough = rand() < 0.7;
		return ({ command => 'SELECT act(' . ($enough ? "'fail1'" : "'fail2'") . "$pause)",
				max_attempts => 2, backoff => 'none' },
			$enough ? 'succeeded' : 'failed');
	}
	return ({ command => "SELECT act('ok'$pause)" }, 'succeeded');
}

# random_graph(SIZE, KINDS): steps and plan; srand() before makes it the same again
sub random_graph
{
	my ($size, $kinds) = @_;
	my (%steps, %plan, @names);
	my $stopping = one_of(0, 0.1, 0.5);
	my $reach = one_of(3, 10, $size);
	my $width = one_of(1, 2, 4, 8);

	for my $i (1 .. $size)
	{
		my $name = "s$i";
		my ($step, $status) = random_step($kinds);
		my %before;

		if (@names)
		{
			my $low = @names > $reach ? @names - $reach : 0;
			$before{ $names[ $low + int rand(@names - $low) ] } = 1 for 1 .. int rand($width + 1);
		}
		$plan{$name} = { status => $status };
		if (%before)
		{
			$step->{after} = [ sort keys %before ];
			$step->{rule} = one_of(RULES) if rand() < 0.6;
			$step->{k} = 1 + int rand(scalar keys %before) if ($step->{rule} // '') eq 'k_of_n';
		}
		if (rand() < 0.15)
		{
			$plan{$name}{when} = rand() < 0.5 ? 1 : 0;
			$step->{when} = $plan{$name}{when} ? one_of('SELECT true', 'SELECT 1 = 1') : one_of('SELECT false', 'SELECT NULL::boolean', 'SELECT true WHERE false');
		}
		$step->{on_error} = 'continue' if rand() >= $stopping;
		$steps{$name} = $step;
		push @names, $name;
	}
	return (\%steps, \%plan);
}

1;
