# Composite tasks: rules by every mix of outcomes, failures that stop and that do
# not, conditions, attempts, outputs, and every kind of step.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use GraphTest;
use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('graphs', conf => "taskcenter.max_executors = 4\n");
make_helpers($tc);

my $works = q{SELECT act('ok')};
my $fails = q{SELECT act('fail')};
my ($true, $false) = (Taskcenter::true, Taskcenter::false);

# run_graph(NAME, STEPS, ARGUMENTS of enqueue_task): (id, row) of a run of a new composite task
sub run_graph
{
	my ($name, $steps, %arguments) = @_;

	composite($tc, $name, $steps);
	my $root = start_root($tc, $name, %arguments);
	my $row = $tc->finish($root);
	is(invariant_problems($tc), '', "$name: nothing is left of it");
	return ($root, $row);
}

# ---- each rule with each mix of outcomes ----

# s: succeeded, f: failed, k: skipped; what starts, by hand
my %starts = (
	all_success => [qw(ss)],
	all_done => [qw(ss sf sk ff fk kk)],
	all_failed => [qw(ff)],
	one_success => [qw(ss sf sk)],
	one_failed => [qw(sf ff fk)],
	none_failed => [qw(ss sk kk)],
	none_skipped => [qw(ss sf ff)],
	k_of_n => [qw(ss sf sk)],
	both_of_n => [qw(ss)]);
my %parents = (
	s1 => { command => $works }, s2 => { command => $works },
	f1 => { command => $fails, on_error => 'continue' }, f2 => { command => $fails, on_error => 'continue' },
	k1 => { command => $works, when => 'SELECT false' }, k2 => { command => $works, when => 'SELECT false' });
my %mixed = %parents;
for my $rule (keys %starts)
{
	for my $mix (qw(ss sf sk ff fk kk))
	{
		my ($one, $other) = split //, $mix;
		my $step = {
			command => $works, rule => $rule eq 'both_of_n' ? 'k_of_n' : $rule,
			after => [ "${one}1", "${other}2" ] };
		$step->{k} = $rule eq 'both_of_n' ? 2 : 1 if $step->{rule} eq 'k_of_n';
		$mixed{"${rule}_$mix"} = $step;
	}
}
my ($root, $row) = run_graph('mixed', \%mixed);
$tc->is_run($row, 'succeeded', 'failures of steps that go on are none of the root\'s');
my %status = map { $_->{step} => $_ } step_rows($tc, $root);
for my $rule (sort keys %starts)
{
	my @started = grep { ($status{"${rule}_$_"}{status} // '') eq 'succeeded' } qw(ss sf sk ff fk kk);
	my @skipped = grep { ($status{"${rule}_$_"}{status} // '') eq 'skipped' } qw(ss sf sk ff fk kk);
	is("@started", "@{ $starts{$rule} }", "$rule starts after these");
	is(@started + @skipped, 6, "$rule skips the others");
}
my @silent = grep { $_->{status} eq 'skipped' && ($_->{reason} // '') eq '' } values %status;
is(join(' ', map { $_->{step} } @silent), '', 'whatever is skipped says why');
is(join("\n", problems_of($tc, $root, \%mixed,
	{ map { $_ => { status => /^f\d/ ? 'failed' : 'succeeded', when => /^k\d/ ? 0 : 1 } } keys %mixed })),
	'', 'and the checker agrees');
my ($sees_nothing) = problems_of($tc, $root, { %mixed, all_success_ff => { %{ $mixed{all_success_ff} }, rule => 'all_failed' } },
	{ map { $_ => { status => /^f\d/ ? 'failed' : 'succeeded', when => /^k\d/ ? 0 : 1 } } keys %mixed });
like($sees_nothing, qr/all_success_ff \(all_failed\): skipped, though its rule holds/, 'which would see a step that was skipped wrongly');

# three before it, none of them needed: the fast ones decide
($root, $row) = run_graph('early', {
	slow => { command => q{SELECT act('ok', 1500)} },
	quick => { command => $works },
	first => { command => $works, after => [ 'slow', 'quick' ], rule => 'one_success' } });
$tc->is_run($row, 'succeeded', 'one_success');
ok(step_row($tc, $root, 'first')->{finished} < step_row($tc, $root, 'slow')->{finished},
	'starts as soon as one has succeeded');

# ---- on_error ----

($root, $row) = run_graph('stops', {
	bad => { command => $fails },
	next => { command => $works, after => ['bad'] },
	cleanup => { command => $works, after => ['bad'], rule => 'all_done' },
	alarm => { command => $works, after => ['bad'], rule => 'one_failed' },
	last => { command => $works, after => ['cleanup'] } });
is(statuses($tc, $root), 'alarm: succeeded, bad: failed, cleanup: succeeded, last: skipped, next: skipped',
	'a failure stops what waits for success, and nothing else');
is($row->{status}, 'failed', 'and the root has failed');
like(($row->{error} // '') . ' ' . ($row->{reason} // ''), qr/bad/, 'naming the step');

composite($tc, 'asks_then', {
	bad => { command => $fails },
	soaks => { wait => '1 day' },
	ask => { approval => { roles => ['pg_monitor'], expires => '300 milliseconds', on_expiry => 'approve' }, after => ['bad'], rule => 'one_failed' },
	pause => { wait => '100 milliseconds', after => ['bad'], rule => 'all_done' },
	mend => { command => $works, after => ['ask'], rule => 'all_done' } });
($root) = start_root($tc, 'asks_then');
$row = $tc->finish($root);
is("$row->{status}; " . statuses($tc, $root),
	'failed; ask: succeeded, bad: failed, mend: succeeded, pause: succeeded, soaks: cancelled',
	'what waited for something else gives up; a question that follows from the failure is asked');

($root, $row) = run_graph('goes_on', {
	bad => { command => $fails, on_error => 'continue' },
	next => { command => $works, after => ['bad'] },
	other => { command => $works, after => ['bad'], rule => 'all_done' },
	last => { command => $works, after => ['other'] } });
is("$row->{status}; " . statuses($tc, $root),
	'succeeded; bad: failed, last: succeeded, next: skipped, other: succeeded', 'a failure that goes on');

($root, $row) = run_graph('limit', {
	slow => { command => 'SELECT pg_sleep(60)', timeout => '100 milliseconds', on_error => 'continue' },
	next => { command => $works, after => ['slow'], rule => 'all_failed' } });
is("$row->{status}; " . statuses($tc, $root), 'succeeded; next: succeeded, slow: timed_out', 'a time limit is a failure');

# ---- conditions ----

$tc->task('inner_later', $works);
($root, $row) = run_graph('conditions', {
	count => { command => q{SELECT taskcenter.set_output('{"rows": 3}')} },
	many => { command => $works, after => ['count'], when => q{SELECT (taskcenter.step_output('count')->>'rows')::int > 2} },
	few => { command => $works, after => ['count'], when => q{SELECT (taskcenter.step_output('count')->>'rows')::int <= 2} },
	asked => { command => $works, when => q{SELECT taskcenter.param('full') = 'true'} },
	unknown => { command => $works, when => 'SELECT NULL::boolean' } },
	params => { full => $true });
is("$row->{status}; " . statuses($tc, $root),
	'succeeded; asked: succeeded, count: succeeded, few: skipped, many: succeeded, unknown: skipped',
	'conditions see outputs and params; null is no');
like(step_row($tc, $root, 'few')->{reason}, qr/condition/, 'the reason says so');

($root, $row) = run_graph('conditional_wait', {
	map { $_->[0] => { %{ $_->[1] }, when => 'SELECT false' } } (
		[ 'approve', { approval => { roles => ['pg_monitor'] } } ], [ 'soak', { wait => '1 day' } ],
		[ 'signal', { signal => 'never' } ], [ 'check', { check => { sql => 'SELECT 1', op => '=', value => 2 } } ],
		[ 'each', { for_each => 'SELECT 1', command => $works } ], [ 'task', { task => 'inner_later' } ]) });
is("$row->{status}; " . statuses($tc, $root),
	'succeeded; approve: skipped, check: skipped, each: skipped, signal: skipped, soak: skipped, task: skipped',
	'whatever a step waits for, its condition comes first');

($root, $row) = run_graph('bad_condition', {
	wrong => { command => $works, when => 'SELECT 1/0 = 1', on_error => 'continue' },
	writes => { command => $works, when => q{SELECT count(*) = 1 FROM act('ok')}, on_error => 'continue' },
	after => { command => $works, after => [ 'wrong', 'writes' ], rule => 'all_failed' } });
is("$row->{status}; " . statuses($tc, $root), 'succeeded; after: succeeded, writes: failed, wrong: failed',
	'a condition that cannot be evaluated, or writes, fails its step');
is(join(' ', map { step_row($tc, $root, $_)->{sqlstate} // '-' } qw(wrong writes)), '22012 25006', 'with the error');

# ---- flags ----

$tc->sql("SELECT taskcenter.set_flag('steps_on', true), taskcenter.set_flag('steps_off', false)");
composite($tc, 'flagged', {
	on => { command => $works, requires_flag => 'steps_on' },
	off => { command => $works, requires_flag => 'steps_off' },
	after => { command => $works, after => ['off'], rule => 'none_failed' } });
my $flagged = start_root($tc, 'flagged');
is($tc->finish($flagged)->{status}, 'succeeded', 'a graph with flags');
is($tc->sql("SELECT string_agg(step || ' ' || status, ', ' ORDER BY step) FROM taskcenter.finished_runs
	WHERE parent_run_id = $flagged"), 'after succeeded, off skipped, on succeeded', 'a step starts if its flag is on');

# ---- attempts, outputs, params ----

($root, $row) = run_graph('attempts', {
	shaky => { command => q{SELECT act('fail2')}, max_attempts => 3, backoff => 'none' },
	next => { command => $works, after => ['shaky'] } });
is("$row->{status}; " . statuses($tc, $root), 'succeeded; next: succeeded, shaky: succeeded', 'a step has attempts of its own');
is(step_row($tc, $root, 'shaky')->{attempt}, 3, 'as many as it needed');
$tc->is_sql(qq{SELECT count(*) FROM effects WHERE parent_run_id = $root AND step = 'shaky'}, '1', 'of which one counts');

$tc->sql(q{CREATE TABLE given (step text, params jsonb); GRANT ALL ON given TO app});
my $note = q{INSERT INTO given SELECT step, params FROM taskcenter.current_run()};
($root, $row) = run_graph('outputs', {
	extract => { command => q{SELECT taskcenter.set_output('{"rows": 42, "file": {"name": "a.csv"}, "list": [1, 2], "none": null}')} },
	load => { command => $note, after => ['extract'], params => {
			rows => { '$output' => 'extract.rows' }, name => { '$output' => 'extract.file.name' },
			all => { '$output' => 'extract' }, deep => { list => [ { '$output' => 'extract.list' } ] },
			day => { '$param' => 'day' }, fixed => 'text' } },
	plain => { command => $note },
	unknown => { command => $note, after => ['extract'], on_error => 'continue', params => { x => { '$output' => 'extract.missing' } } } },
	params => { day => '2026-11-21', n => 1 });
$tc->is_run($row, 'succeeded', 'params that refer to outputs');
$tc->is_sql(q{SELECT params = '{"rows": 42, "name": "a.csv", "day": "2026-11-21", "fixed": "text", "deep": {"list": [[1, 2]]},
	"all": {"rows": 42, "file": {"name": "a.csv"}, "list": [1, 2], "none": null}}' FROM given WHERE step = 'load'}, 't',
	'keep their types, deep inside too');
$tc->is_sql(q{SELECT params = '{"day": "2026-11-21", "n": 1}' FROM given WHERE step = 'plain'}, 't', 'a step without params has those of the root');
my $unknown = step_row($tc, $root, 'unknown');
is("$unknown->{status} $unknown->{sqlstate}", 'failed 22023', 'an unknown reference fails that step');
like($unknown->{error}, qr/extract.*missing/, 'naming it');

# ---- wait, check, approval, signal ----

($root, $row) = run_graph('waits', {
	soak => { wait => '300 milliseconds' }, past => { wait => '2020-01-01 00:00+00' },
	next => { command => $works, after => [ 'soak', 'past' ] } });
is("$row->{status}; " . statuses($tc, $root), 'succeeded; next: succeeded, past: succeeded, soak: succeeded', 'waits');
my ($soak) = step_row($tc, $root, 'soak');
cmp_ok($soak->{finished} - $soak->{created}, '>=', 300_000, 'as long as they say');

$tc->sql('CREATE TABLE gauge AS SELECT 5.0 AS value; GRANT ALL ON gauge TO PUBLIC');
composite($tc, 'checks', {
	gate => { check => { sql => 'SELECT value FROM gauge', op => '<', value => 1, for => '300 milliseconds', every => '100 milliseconds', on_breach => 'restart', deadline => '30 seconds' } },
	next => { command => $works, after => ['gate'] } });
$root = start_root($tc, 'checks');
$tc->until("SELECT status = 'queued' AND step_state IS NOT NULL FROM taskcenter.live_runs WHERE parent_run_id = $root AND step = 'gate'",
	'a check that does not hold is looked at again');
$tc->sql('UPDATE gauge SET value = 0.5');
my ($held) = $tc->rows('SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS since');
$row = $tc->finish($root);
is("$row->{status}; " . statuses($tc, $root), 'succeeded; gate: succeeded, next: succeeded', 'until it holds');
my $gate = step_row($tc, $root, 'gate');
cmp_ok($gate->{finished} - $held->{since}, '>=', 300_000, 'for as long as asked');
is($gate->{attempt}, 1, 'in one attempt');

$tc->sql('UPDATE gauge SET value = 5');
($root, $row) = run_graph('breached', {
	gate => { check => { sql => 'SELECT value FROM gauge', op => '<', value => 1, every => '100 milliseconds', deadline => '300 milliseconds' } },
	next => { command => $works, after => ['gate'] } });
like("$row->{status}; " . statuses($tc, $root), qr/^failed; gate: (?:failed|timed_out), next: skipped$/, 'a check that never holds fails at its deadline');

$tc->sql(q{CREATE ROLE ops; CREATE ROLE anna LOGIN; CREATE ROLE bert LOGIN; CREATE ROLE carl LOGIN; GRANT ops TO anna, bert, app});
$tc->session($_, $_) for qw(anna bert carl app);
sub decide
{
	my ($who, $run, $decision, %more) = @_;
	return $tc->try('SELECT taskcenter.decide_step('
		  . Taskcenter::arguments(run_id => $run, step => 'approve', decision => $decision, %more) . ')', $who);
}
composite($tc, 'approvals', {
	approve => { approval => { roles => ['ops'], quorum => 2, exclude_requester => $true, expires => '1 hour' } },
	next => { command => $works, after => ['approve'] } });
$tc->sql(q{SELECT taskcenter.grant_access('app', 'enqueuer', task => 'approvals')});
$root = $tc->sql(q{SELECT taskcenter.enqueue_task('approvals')}, 'app');
$tc->until("SELECT count(*) = 1 FROM taskcenter.live_runs WHERE parent_run_id = $root", 'an approval waits');
$tc->is_sql('SELECT count(*) FROM taskcenter.open_decisions', '1', 'it is open for who may decide', 'anna');
$tc->is_sql('SELECT count(*) FROM taskcenter.open_decisions', '0', 'not for who may not', 'carl');
$tc->is_sql('SELECT count(*) FROM taskcenter.open_decisions', '0', 'and not for who asked for it', 'app');
$tc->is_sql("SELECT run_id = $root, task, step, array_to_string(roles, ' '), quorum, approved, requester FROM taskcenter.open_decisions",
	't|approvals|approve|ops|2|0|app', 'with all that one has to know', 'anna');
like((decide('carl', $root, 'approve'))[1], qr/42501/, 'a stranger cannot decide');
like((decide('app', $root, 'approve'))[1], qr/42501/, 'neither can who asked for it');
like((decide('anna', $root, 'perhaps'))[1], qr/22023/, 'a decision is approve or reject');
is((decide('anna', $root, 'approve', note => 'looks good'))[1], '', 'the first approves');
$tc->is_sql('SELECT count(*) FROM taskcenter.open_decisions', '0', 'for whom it is not open any more', 'anna');
$tc->is_sql('SELECT approved FROM taskcenter.open_decisions', '1', 'the next sees that one has', 'bert');
like((decide('anna', $root, 'approve'))[1], qr/55000/, 'nobody decides twice');
is((decide('bert', $root, 'approve'))[1], '', 'the second approves');
$row = $tc->finish($root);
is("$row->{status}; " . statuses($tc, $root), 'succeeded; approve: succeeded, next: succeeded', 'a quorum lets it go on');
$tc->is_sql(q{SELECT count(*) FROM taskcenter.task_audit_logs WHERE action = ANY ('{approve,reject}') AND actor = ANY ('{anna,bert}')}, '2', 'both are audited');
like((decide('bert', $root, 'reject'))[1], qr/55000|42704/, 'afterwards there is nothing to decide');

composite($tc, 'rejected', {
	approve => { approval => { roles => ['ops'] } }, next => { command => $works, after => ['approve'] } });
$root = start_root($tc, 'rejected');
$tc->wait_until("SELECT count(*) = 1 FROM taskcenter.live_runs WHERE parent_run_id = $root");
decide('anna', $root, 'reject', note => 'no');
$row = $tc->finish($root);
is("$row->{status}; " . statuses($tc, $root), 'failed; approve: failed, next: skipped', 'a rejection fails the step');

for my $outcome ([ 'approve', 'succeeded; approve: succeeded' ], [ 'reject', 'failed; approve: failed' ])
{
	($root, $row) = run_graph("expires_$outcome->[0]", {
		approve => { approval => { roles => ['ops'], expires => '200 milliseconds', on_expiry => $outcome->[0] } } });
	is("$row->{status}; " . statuses($tc, $root), $outcome->[1], "an approval that expires: $outcome->[0]");
}

composite($tc, 'signals', {
	early => { signal => { name => 'go', key => 'a' } }, late => { signal => { name => 'go', key => { '$param' => 'key' } } },
	next => { command => $note, after => [ 'early', 'late' ], params => { got => { '$output' => 'late' } } } });
$tc->sql(q{SELECT taskcenter.send_signal('go', 'a'), taskcenter.send_signal('go', 'other')});
$root = start_root($tc, 'signals', params => { key => 'b' });
$tc->until("SELECT status = 'succeeded' FROM taskcenter.finished_runs WHERE parent_run_id = $root AND step = 'early'", 'an early signal is kept');
$tc->sql(q{SELECT taskcenter.send_signal('go', 'b', '{"who": "me"}')});
$row = $tc->finish($root);
is("$row->{status}; " . statuses($tc, $root), 'succeeded; early: succeeded, late: succeeded, next: succeeded', 'each key has its step');
$tc->is_sql(q{SELECT params FROM given WHERE step = 'next'}, '{"got": {"who": "me"}}', 'the payload is the output');
($root, $row) = run_graph('no_signal', { never => { signal => { name => 'never', deadline => '200 milliseconds' } } });
like($row->{status} . '; ' . statuses($tc, $root), qr/^failed; never: (?:failed|timed_out)$/, 'a signal that does not come in time');

# ---- for_each ----

($root, $row) = run_graph('items', {
	each => { for_each => 'SELECT i, i * i AS square FROM generate_series(1, 20) AS i',
		command => q{INSERT INTO given SELECT step, params FROM taskcenter.current_run()}, params => { base => 1 } },
	next => { command => $works, after => ['each'] } });
is($row->{status} . '; ' . statuses($tc, $root), 'succeeded; each: succeeded, next: succeeded', 'one run for each row, joined as one step');
$tc->is_sql(q{SELECT count(DISTINCT params), bool_and(params @> '{"base": 1}'), sum((params->'item'->>'square')::int) FROM given WHERE step = 'each'}, '20|t|2870', 'each with its row');
my $node_run = step_row($tc, $root, 'each')->{run_id};
$tc->is_sql("SELECT count(*), min(item), max(item), count(DISTINCT status) FROM taskcenter.finished_runs WHERE parent_run_id = $node_run", '20|1|20|1', 'the items belong to the step');

($root, $row) = run_graph('some_fail', {
	each => { for_each => 'SELECT i FROM generate_series(1, 5) AS i', on_error => 'continue',
		command => q{SELECT act(CASE WHEN (taskcenter.param('item')->>'i')::int = 3 THEN 'fail' ELSE 'ok' END)} },
	next => { command => $works, after => ['each'], rule => 'all_failed' } });
is($row->{status} . '; ' . statuses($tc, $root), 'succeeded; each: failed, next: succeeded', 'an item that fails fails the step');
($root, $row) = run_graph('no_items', {
	each => { for_each => 'SELECT 1 WHERE false', command => $works }, next => { command => $works, after => ['each'] } });
is($row->{status} . '; ' . statuses($tc, $root), 'succeeded; each: succeeded, next: succeeded', 'no rows: nothing to do');
($root, $row) = run_graph('too_many', {
	each => { for_each => 'SELECT generate_series(1, 11)', max_items => 10, command => $works } });
like($row->{status} . '; ' . statuses($tc, $root), qr/^failed; each: failed$/, 'more rows than allowed fail the step');
is($tc->sql("SELECT count(*) FROM taskcenter.finished_runs WHERE parent_run_id = " . step_row($tc, $root, 'each')->{run_id}), 0, 'before any is begun');

# ---- nested ----

composite($tc, 'inner', { a => { command => $works }, b => { command => $works, after => ['a'] } });
composite($tc, 'inner_fails', { a => { command => $fails } });
$tc->task('plain', $note);
($root, $row) = run_graph('outer', {
	first => { task => 'plain', params => { from => 'outer' } },
	nested => { task => 'inner', after => ['first'] }, bad => { task => 'inner_fails', on_error => 'continue' },
	last => { command => $works, after => ['nested'] } });
is($row->{status} . '; ' . statuses($tc, $root), 'succeeded; bad: failed, first: succeeded, last: succeeded, nested: succeeded', 'a composite task as a step');
$tc->is_sql(q{SELECT params FROM given WHERE step = 'first'}, '{"from": "outer"}', 'a task as a step, with the params of the step');
is(statuses($tc, step_row($tc, $root, 'nested')->{run_id}), 'a: succeeded, b: succeeded', 'with its own steps under it');

# ---- versions ----

composite($tc, 'versions', { one => { command => $tc->gate(7) }, two => { command => $works, after => ['one'] } });
$tc->close_gate(7);
$root = start_root($tc, 'versions');
$tc->wait_at_gate(7);
is($tc->sql('SELECT taskcenter.save_graph(' . Taskcenter::arguments(task => 'versions', graph => { steps => { other => { command => $works } } }) . ')'), 2, 'a second version');
$tc->open_gate(7);
$row = $tc->finish($root);
is($row->{status} . '; ' . statuses($tc, $root), 'succeeded; one: succeeded, two: succeeded', 'a run keeps the graph with which it began');
$row = $tc->run('versions');
is($row->{status} . '; ' . statuses($tc, $row->{run_id}), 'succeeded; other: succeeded', 'the next takes the new one');

# ---- compensation ----

$tc->sql('CREATE TABLE undone (n serial, step text); GRANT ALL ON undone, undone_n_seq TO app');
sub undo { return "INSERT INTO undone (step) VALUES ('$_[0]')"; }
($root, $row) = run_graph('compensates', {
	a => { command => $works, compensate => undo('a') },
	b => { command => $works, after => ['a'], compensate => undo('b') },
	c => { command => $works, after => ['b'] },
	d => { command => $fails, after => ['c'], compensate => undo('d') },
	e => { command => $works, after => ['d'], compensate => undo('e') } });
is($row->{status}, 'failed', 'a failure');
$tc->is_sql(q{SELECT string_agg(step, ' ' ORDER BY n) FROM undone}, 'b a', 'undoes what was done, the last first, each once');
is(statuses($tc, $root), 'a: succeeded, b: succeeded, c: succeeded, d: failed, e: skipped, undo:a: succeeded, undo:b: succeeded', 'as runs of their own');
like(($row->{reason} // '') . ($row->{error} // ''), qr/undone|compensat/i, 'and the root says so');
$tc->sql('TRUNCATE undone');
($root, $row) = run_graph('half_undone', {
	a => { command => $works, compensate => undo('a') },
	b => { command => $works, after => ['a'], compensate => 'SELECT 1/0' },
	d => { command => $fails, after => ['b'] } });
is("$row->{status} " . $tc->sql(q{SELECT string_agg(step, ' ' ORDER BY n) FROM undone}), 'failed a', 'a compensation that fails does not keep the others back');
like(($row->{reason} // '') . ($row->{error} // ''), qr/undo|compensat|\bb\b/i, 'the root says how that went');
($root, $row) = run_graph('kept', { a => { command => $works, compensate => undo('never') } });
$tc->is_sql(q{SELECT count(*) FROM undone WHERE step = 'never'}, '0', 'nothing is undone after success');

is(invariant_problems($tc), '', 'at the end nothing is left over');
$tc->never_crashed;
unlike($tc->log_since(0), qr/XX000/, 'no internal error');
$tc->stop;
done_testing();
