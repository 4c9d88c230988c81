# Composite tasks whose steps end at once, fail at their commit, are cancelled,
# held, repeated and killed, wide ones and deep ones.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use GraphTest;
use Taskcenter;
use Test::More;
use Time::HiRes qw(usleep);

my $long = $ENV{TASKCENTER_LONG} ? 1 : 0;
my $tc = Taskcenter->start('graph_races', conf => "taskcenter.max_executors = 4\n");
make_helpers($tc);

my $works = q{SELECT act('ok')};
my $fails = q{SELECT act('fail')};

sub outcome
{
	my ($root, $row) = @_;
	return ($row->{status} // 'unfinished') . '; ' . statuses($tc, $root);
}

sub effects
{
	my ($root, $step) = @_;
	return $tc->sql("SELECT count(*) FROM effects WHERE parent_run_id = $root AND step = '$step'");
}

# ---- two parents at once ----

# A commit stands at a gate: its transaction has done all it does, and is not visible yet.
$tc->sql(q{
CREATE TABLE held (gate int); GRANT ALL ON held TO PUBLIC;
CREATE FUNCTION hold_commit() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN PERFORM pg_advisory_xact_lock_shared(NEW.gate); RETURN NULL; END$$;
CREATE CONSTRAINT TRIGGER hold_commit AFTER INSERT ON held DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION hold_commit()});

composite($tc, 'at_once', {
	a => { command => "$works; INSERT INTO held VALUES (1)" },
	b => { command => "$works; INSERT INTO held VALUES (1)" },
	join => { command => $works, after => [ 'a', 'b' ] },
	either => { command => $works, after => [ 'a', 'b' ], rule => 'one_success' } });
for my $round (1 .. ($long ? 200 : 10))
{
	$tc->close_gate(1);
	my $root = start_root($tc, 'at_once');
	my $staged = $tc->wait_at_gate(1, 2);
	$tc->open_gate(1);
	my $row = $tc->finish($root);
	my $seen = ($staged ? '' : 'not staged: ') . outcome($root, $row) . ' ' . join ' ', map { effects($root, $_) } qw(join either);
	is($seen, 'succeeded; a: succeeded, b: succeeded, either: succeeded, join: succeeded 1 1',
		"two parents that end at once, round $round")
	  if $round == 1 || $seen !~ /^succeeded.* 1 1$/;
}

# ---- a snapshot that is older than the sibling's end ----

composite($tc, 'old_snapshot', {
	old => { command => 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM effects; ' . $tc->gate(2) . '; ' . $works },
	serial => { command => 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM pg_class; ' . $tc->gate(2) . '; ' . q{SELECT act('ok')} },
	quick => { command => $works },
	join => { command => $works, after => [ 'old', 'quick', 'serial' ] } });
$tc->close_gate(2);
my $root = start_root($tc, 'old_snapshot');
$tc->wait_at_gate(2, 2);
$tc->until("SELECT count(*) = 1 FROM taskcenter.finished_runs WHERE parent_run_id = $root AND step = 'quick'",
	'a step ends that two with older snapshots cannot see');
$tc->open_gate(2);
my $row = $tc->finish($root);
is(outcome($root, $row), 'succeeded; join: succeeded, old: succeeded, quick: succeeded, serial: succeeded', 'the join starts nevertheless');
is(effects($root, 'join'), 1, 'once');

# ---- a commit that takes long ----

composite($tc, 'slow_commit', {
	a => { command => $works },
	b => { command => "$works; INSERT INTO held VALUES (1)", after => ['a'] },
	c => { command => $works, after => ['b'] } });
$tc->close_gate(1);
$root = start_root($tc, 'slow_commit');
ok($tc->wait_at_gate(1), 'a step waits in a deferred trigger');
$tc->sql("SET statement_timeout = '10s'", 'canceller');
is($tc->sql("SELECT taskcenter.cancel_run($root)", 'canceller'), 'cancelling', 'and keeps nobody from cancelling its root');
$tc->open_gate(1);
$row = $tc->finish($root);
is($row->{status}, 'cancelled', 'which ends so');
is(effects($root, 'c'), 0, 'the step after it does not begin');

# ---- a commit that fails at its end ----

$tc->sql(q{
CREATE TABLE late (run_id bigint, attempt int); GRANT ALL ON late TO PUBLIC;
CREATE FUNCTION refuse_late() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    IF NEW.attempt <= 1 THEN RAISE EXCEPTION 'too late' USING ERRCODE = 'TC002'; END IF; RETURN NULL; END$$;
CREATE CONSTRAINT TRIGGER refuse_late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse_late()});
my $late = "$works; INSERT INTO late SELECT run_id, attempt FROM taskcenter.current_run()";
composite($tc, 'late', {
	once => { command => $late, on_error => 'continue' },
	twice => { command => $late, max_attempts => 2, backoff => 'none' },
	never => { command => $works, after => ['once'] },
	after => { command => $works, after => ['twice'] },
	alarm => { command => $works, after => ['once'], rule => 'one_failed' } });
$root = start_root($tc, 'late');
$row = $tc->finish($root);
is(outcome($root, $row), 'succeeded; after: succeeded, alarm: succeeded, never: skipped, once: failed, twice: succeeded',
	'a commit that fails is a failure, and what waits for success does not start');
is(step_row($tc, $root, 'once')->{sqlstate}, 'TC002', 'with its error');
is(join(' ', map { effects($root, $_) } qw(once twice never after alarm)), '0 1 0 1 1', 'of which nothing stays');

# ---- wide and deep ----

my %wide = (first => { command => $works }, last => { command => $works, after => [ map { "w$_" } 1 .. 100 ] });
$wide{"w$_"} = { command => $works, after => ['first'] } for 1 .. 100;
composite($tc, 'wide', \%wide);
$root = start_root($tc, 'wide');
$row = $tc->finish($root, 60);
is($row->{status}, 'succeeded', '100 siblings');
is(join("\n", problems_of($tc, $root, \%wide, { map { $_ => { status => 'succeeded' } } keys %wide })), '', 'end as the rules say');
$tc->is_sql("SELECT count(*), count(DISTINCT step) FROM effects WHERE parent_run_id = $root", '102|102', 'each once');

my $depth = $long ? 10000 : 300;
my %deep = (s1 => { command => $works });
$deep{"s$_"} = { command => $works, after => [ 's' . ($_ - 1) ] } for 2 .. $depth;
composite($tc, 'deep', \%deep);
$root = start_root($tc, 'deep');
$row = $tc->finish($root, 120);
is($row->{status}, 'succeeded', "a chain of $depth");
is(join("\n", problems_of($tc, $root, \%deep, { map { $_ => { status => 'succeeded' } } keys %deep })), '', 'in its order');

$deep{s1} = { command => $fails };
composite($tc, 'deep_skip', \%deep);
$root = start_root($tc, 'deep_skip');
$row = $tc->finish($root, 120);
is($row->{status}, 'failed', "a chain of $depth whose first step fails");
$tc->is_sql("SELECT string_agg(s, ' ' ORDER BY s) FROM (SELECT status || ' ' || count(*) AS s FROM taskcenter.finished_runs WHERE parent_run_id = $root GROUP BY status) AS c",
	'failed 1 skipped ' . ($depth - 1), 'the rest is skipped');
is(invariant_problems($tc), '', 'and nothing is left over');

# ---- cancel ----

composite($tc, 'inner', { i => { command => $tc->gate(3) }, j => { command => $works, after => ['i'] } });
$tc->sql('CREATE ROLE ops; GRANT ops TO app');
composite($tc, 'cancelled', {
	done => { command => $works, compensate => q{INSERT INTO effects (step) VALUES ('undone')} },
	runs => { command => $tc->gate(3), after => ['done'] },
	nested => { task => 'inner' },
	approve => { approval => { roles => ['ops'] } },
	soak => { wait => '1 day' },
	signal => { signal => 'never' },
	each => { for_each => 'SELECT generate_series(1, 50)', command => $tc->gate(3), after => ['done'] },
	later => { command => $works, after => [ 'runs', 'approve' ] },
	always => { command => $works, after => ['runs'], rule => 'all_done' } });
$tc->close_gate(3);
$root = start_root($tc, 'cancelled');
$tc->wait_at_gate(3, 3);
like($tc->sql("SELECT taskcenter.cancel_run($root, 'enough')"), qr/cancel/, 'a root is cancelled');
$row = $tc->finish($root);
is($row->{status}, 'cancelled', 'and ends so');
$tc->open_gate(3);
ok(end_of_roots($tc, 20), 'everything under it ends');
is(invariant_problems($tc), '', 'nothing is left over');
my %end = map { $_->{step} => $_->{status} } step_rows($tc, $root);
is(join(' ', map { "$_:" . ($end{$_} // '') } grep { ($end{$_} // '') !~ /^(?:cancelled|skipped)$/ } sort keys %end),
	'done:succeeded undo:done:succeeded', 'what had not ended was cancelled or skipped, what had was undone');
is($tc->sql(q{SELECT count(*) FROM effects WHERE step = 'undone'}), 1, 'once');
is(effects($root, 'always'), 0, 'no rule starts anything after a cancel');

# cancel against finish: whoever comes first, all end
composite($tc, 'raced', {
	a => { command => q{SELECT act('ok', 5)} }, b => { command => q{SELECT act('ok', 3)}, after => ['a'] },
	c => { command => q{SELECT act('ok', 4)}, after => ['a'] }, d => { command => $works, after => [ 'b', 'c' ] } });
my (@raced, @answers);
for my $round (1 .. ($long ? 500 : 40))
{
	push @raced, start_root($tc, 'raced');
	usleep(rand 25_000);
	my ($answer, $error) = $tc->try("SELECT taskcenter.cancel_run($raced[-1], 'race')");
	push @answers, $error if $error ne '' && $error !~ /55000/;
}
is("@answers", '', 'who cancels gets an answer, or hears that it has ended');
ok(end_of_roots($tc, 30), 'cancel against finish: all end');
is(invariant_problems($tc), '', 'nothing is left over');
$tc->is_sql("SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM taskcenter.finished_runs WHERE run_id IN (" . join(',', @raced) . ')',
	'cancelled succeeded', 'both happened');
$tc->is_sql('SELECT count(*) FROM taskcenter.finished_runs AS r JOIN taskcenter.finished_runs AS c ON c.parent_run_id = r.run_id'
	  . " WHERE r.status = 'succeeded' AND c.status <> 'succeeded' AND r.run_id IN (" . join(',', @raced) . ')', '0', 'a root that succeeded did all');
$tc->is_sql('SELECT count(*) FROM taskcenter.finished_runs AS r JOIN taskcenter.finished_runs AS c ON c.parent_run_id = r.run_id'
	  . ' WHERE c.finished_at > r.finished_at AND r.run_id IN (' . join(',', @raced) . ')', '0', 'and no step ended after its root');

# the same where nothing ends by itself, at whatever moment of its start
composite($tc, 'asks', { question => { approval => { roles => ['ops'] } }, late => { command => $works, after => ['question'], rule => 'all_done' } });
composite($tc, 'asks_nested', { first => { command => $works }, nested => { task => 'asks' }, later => { task => 'asks', after => ['first'] } });
@raced = ();
for my $round (1 .. ($long ? 500 : 40))
{
	push @raced, start_root($tc, 'asks_nested');
	usleep(rand 12_000);
	$tc->sql("SELECT taskcenter.cancel_run($raced[-1], 'race')");
}
ok(end_of_roots($tc, 30), 'cancel against start: nothing goes on')
  or diag($tc->sql(q{SELECT string_agg(format('%s under %s: %s %s, executor %s', run_id, parent_run_id, step, status, executor_id), E'\n') FROM taskcenter.live_runs}));
is(invariant_problems($tc), '', 'nothing is left over');
$tc->is_sql("SELECT string_agg(DISTINCT status, ' ') FROM taskcenter.finished_runs WHERE run_id IN (" . join(',', @raced) . ')', 'cancelled', 'all were cancelled');

# a step by itself
composite($tc, 'step_cancelled', { a => { command => $tc->gate(4) }, next => { command => $works, after => ['a'] },
	cleanup => { command => $works, after => ['a'], rule => 'all_done' } });
$tc->close_gate(4);
$root = start_root($tc, 'step_cancelled');
$tc->wait_at_gate(4);
$tc->sql('SELECT taskcenter.cancel_run(' . step_row($tc, $root, 'a')->{run_id} . ", 'only this')");
$row = $tc->finish($root);
$tc->open_gate(4);
is(outcome($root, $row), 'failed; a: cancelled, cleanup: succeeded, next: skipped', 'a step that is cancelled counts as failed');

# ---- retry ----

$tc->sql('CREATE TABLE mended (ok boolean); INSERT INTO mended VALUES (false); GRANT ALL ON mended TO PUBLIC');
my %mend = (
	a => { command => $works },
	b => { command => $works . q{; SELECT 1 / (SELECT ok::int FROM mended)}, after => ['a'] },
	c => { command => $works, after => ['b'] },
	d => { command => $works, after => ['c'] },
	e => { command => $works, after => ['a'] });
composite($tc, 'mend', \%mend);
$root = start_root($tc, 'mend');
$row = $tc->finish($root);
is($row->{status}, 'failed', 'a root that failed');
is(step_row($tc, $root, 'b')->{sqlstate}, '22012', 'because of one step');
my $kept = effects($root, 'e');
$tc->sql('UPDATE mended SET ok = true');
$tc->sql("SELECT taskcenter.retry_run($root, 'mended')");
$row = $tc->finish($root);
is(outcome($root, $row), 'succeeded; a: succeeded, b: succeeded, c: succeeded, d: succeeded, e: succeeded', 'is resumed by retry_run()');
is(join(' ', map { effects($root, $_) } qw(a b c d e)), '1 1 1 1 1', 'what had succeeded is kept');
is(invariant_problems($tc), '', 'and nothing is left over');
$tc->refused("SELECT taskcenter.retry_run($root)", '55000', 'a root that succeeded is not repeated');

# of a nested one, and of a cancelled one
$tc->sql('UPDATE mended SET ok = false');
composite($tc, 'mend_outer', { first => { command => $works }, inner => { task => 'mend', after => ['first'] }, last => { command => $works, after => ['inner'] } });
$root = start_root($tc, 'mend_outer');
$row = $tc->finish($root);
is(outcome($root, $row), 'failed; first: succeeded, inner: failed, last: skipped', 'a nested one that failed');
$tc->sql('UPDATE mended SET ok = true');
$tc->sql("SELECT taskcenter.retry_run($root, 'mended')");
$row = $tc->finish($root);
is(outcome($root, $row), 'succeeded; first: succeeded, inner: succeeded, last: succeeded', 'is resumed with its root');
my $inner = step_row($tc, $root, 'inner')->{run_id};
is(join(' ', map { effects($inner, $_) } qw(a b c d e)), '1 1 1 1 1', 'and goes on where it was');

# a retry and a cancel, one after the other, many times
$tc->sql('UPDATE mended SET ok = false');
$root = start_root($tc, 'mend');
for (1 .. ($long ? 50 : 8))
{
	$tc->finish($root);
	$tc->sql("SELECT taskcenter.retry_run($root)");
	usleep(rand 10_000);
	$tc->try("SELECT taskcenter.cancel_run($root)");
}
ok(end_of_roots($tc, 20), 'retries that are cancelled end');
is(invariant_problems($tc), '', 'without a trace');
$tc->sql('UPDATE mended SET ok = true');
$tc->finish($root);
$tc->sql("SELECT taskcenter.retry_run($root)");
$row = $tc->finish($root);
is($row->{status}, 'succeeded', 'and can be resumed at last');
is(effects($root, 'b'), 1, 'once');

# ---- pause ----

composite($tc, 'held_root', { a => { command => $tc->gate(5) }, b => { command => $works, after => ['a'] } });
$tc->close_gate(5);
$root = start_root($tc, 'held_root');
$tc->wait_at_gate(5);
$tc->sql("SELECT taskcenter.pause_run($root, 'look first')");
$tc->open_gate(5);
$tc->until("SELECT count(*) = 1 FROM taskcenter.finished_runs WHERE parent_run_id = $root AND status = 'succeeded'", 'what runs ends under a pause');
$tc->run('raced');
is(effects($root, 'b'), 0, 'and nothing starts, while others do');
$tc->sql("SELECT taskcenter.resume_run($root)");
$row = $tc->finish($root);
is(outcome($root, $row), 'succeeded; a: succeeded, b: succeeded', 'until it is resumed');

# ---- a root that drains the scheduler by which it runs ----

composite($tc, 'drains', {
	drain => { command => q{SELECT taskcenter.drain_scheduler('upgrade')} },
	work => { command => $works, after => ['drain'] },
	resume => { command => q{SELECT taskcenter.resume_scheduler('upgrade')}, after => ['work'], rule => 'all_done' } },
	run_as => 'postgres');
$root = start_root($tc, 'drains');
$row = $tc->finish($root);
is(outcome($root, $row), 'succeeded; drain: succeeded, resume: succeeded, work: succeeded', 'goes on itself');
$tc->is_sql('SELECT state FROM taskcenter.scheduler_state', 'running', 'and ends the drain');

# ---- an executor ends while it lets steps start ----

my $fan = $long ? 10000 : 3000;
composite($tc, 'fan', { first => { command => $works }, map { ("f$_" => { command => 'SELECT 1', after => ['first'] }) } 1 .. $fan });
for my $round (1 .. ($long ? 10 : 2))
{
	$root = start_root($tc, 'fan');
	my $staged = $tc->wait_until("SELECT count(*) = 1 FROM taskcenter.finished_runs WHERE parent_run_id = $root");
	$tc->sql('SELECT pg_terminate_backend(pid) FROM taskcenter.executor_activity()');
	$tc->wait_until('SELECT count(*) > 0 FROM taskcenter.executor_activity()', 2);
	$row = $tc->finish($root, 60);
	is($row->{status}, 'succeeded', "an executor ends while it lets $fan steps start, round $round");
}

# ---- a graph that cannot be advanced ----

$tc->sql(q{CREATE FUNCTION refuse_step() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'no such step today'; END$$;
CREATE TRIGGER refuse_step BEFORE INSERT ON taskcenter.live_runs FOR EACH ROW
  WHEN (NEW.step = 'refused') EXECUTE FUNCTION refuse_step()});
composite($tc, 'stuck', { first => { command => $works }, beside => { command => q{SELECT act('ok', 500)} },
	refused => { command => $works, after => ['first'] } });
$root = start_root($tc, 'stuck');
$row = $tc->finish($root, 60);
is($row->{status}, 'failed', 'a graph whose next step cannot be made fails');
like($row->{error}, qr/cannot go on: no such step today/, 'and says why');
$tc->run('raced');
is(effects($root, 'refused'), 0, 'others go on');
$tc->sql('DROP TRIGGER refuse_step ON taskcenter.live_runs');

# ---- the server dies under it ----

composite($tc, 'crashes', {
	(map { ("a$_" => { command => q{SELECT act('ok', 30)} }) } 1 .. 8),
	(map { ("b$_" => { command => q{SELECT act('ok', 5)}, after => [ "a$_", 'a' . ($_ % 8 + 1) ] }) } 1 .. 8),
	last => { command => $works, after => [ map { "b$_" } 1 .. 8 ] } });
for my $round (1 .. ($long ? 20 : 3))
{
	$root = start_root($tc, 'crashes');
	usleep(rand 120_000);
	$tc->stop('immediate');
	$tc->node->start;
	$row = $tc->finish($root, 60);
	is($row->{status}, 'succeeded', "a crash, round $round");
	is($tc->sql("SELECT count(*) || ' ' || count(DISTINCT step) FROM effects WHERE parent_run_id = $root"), '17 17', 'each step took effect once');
}
is(invariant_problems($tc), '', 'nothing is left over');
unlike($tc->log_since(0), qr/PANIC:|TRAP:|XX000/, 'no process failed');
$tc->stop;
done_testing();
