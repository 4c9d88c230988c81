# Composite tasks at their seams: whose rights a condition has, cancels and stops
# that come while a step is being looked at, crashes in the middle of them, time
# limits of the whole, and who may decide.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use GraphTest;
use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('graph_holes', conf => "taskcenter.max_executors = 6\ntaskcenter.cancel_grace = 60\ntaskcenter.strict_start = 0\n");
make_helpers($tc);
my $works = q{SELECT act('ok')};
my ($root, $row);

sub effects
{
	my ($run, $step) = @_;
	return $tc->sql("SELECT count(*) FROM effects WHERE parent_run_id = $run AND step = '$step'");
}

sub outcome
{
	my ($run, $end) = @_;
	return ($end // $tc->finish($run))->{status} . '; ' . statuses($tc, $run);
}

# hears no cancel: waits at a gate until its door is open, which it stays through a crash, and
# says then what it was told to
$tc->sql(q{
CREATE TABLE doors (gate bigint PRIMARY KEY, open boolean); GRANT ALL ON doors TO PUBLIC;
CREATE FUNCTION deaf(number bigint, says boolean) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    WHILE EXISTS (SELECT FROM doors WHERE gate = number AND NOT open) LOOP
        BEGIN
            PERFORM pg_advisory_xact_lock_shared(number);
            PERFORM pg_sleep(0.01);
        EXCEPTION WHEN query_canceled THEN NULL;
        END;
    END LOOP;
    RETURN says;
END $$});

sub shut
{
	my ($gate) = @_;
	$tc->sql("INSERT INTO doors VALUES ($gate, false) ON CONFLICT (gate) DO UPDATE SET open = false");
	$tc->close_gate($gate);
	return;
}

sub unlock
{
	my ($gate) = @_;
	$tc->sql("UPDATE doors SET open = true WHERE gate = $gate");
	$tc->open_gate($gate);
	return;
}

# ---- whose rights a condition has ----

$tc->sql(q{CREATE ROLE mallory LOGIN; CREATE ROLE victim LOGIN;
CREATE TABLE vault AS SELECT 'secret'::text AS content; ALTER TABLE vault OWNER TO victim;
CREATE TABLE whose (who text); GRANT ALL ON whose TO PUBLIC});
$tc->session($_, $_) for qw(mallory victim);
$tc->sql(q{SELECT taskcenter.create_task('theirs', 'INSERT INTO whose SELECT current_user');
SELECT taskcenter.grant_access('mallory', 'enqueuer', task => 'theirs')}, 'victim');
$tc->sql(q{SELECT taskcenter.create_task('probes', kind => 'composite'); SELECT taskcenter.save_graph('probes', '{"steps": {
	"reads": {"task": "theirs", "when": "SELECT content = ''secret'' FROM vault", "on_error": "continue"},
	"is": {"task": "theirs", "when": "SELECT current_user = ''mallory'' AND session_user = ''mallory''"},
	"each": {"task": "theirs", "for_each": "SELECT 1 WHERE current_user = ''mallory''", "when": "SELECT current_user = ''mallory''"}}}')}, 'mallory');
$root = $tc->sql(q{SELECT taskcenter.enqueue_task('probes')}, 'mallory');
is(outcome($root), 'succeeded; each: succeeded, is: succeeded, reads: failed', 'a condition is asked with the rights of the graph');
is(step_row($tc, $root, 'reads')->{sqlstate}, '42501', 'not with those of the task that the step names');
$tc->is_sql(q{SELECT string_agg(who, ' ') FROM whose}, 'victim victim', 'which runs with its own');
$tc->is_sql("SELECT t.name FROM taskcenter.finished_runs AS r JOIN taskcenter.tasks AS t USING (task_id) WHERE parent_run_id = $root AND step = 'is'",
	'theirs', 'as a run of its own');

# rights that were taken back
$tc->sql(q{CREATE TABLE repaired AS SELECT false AS ok; GRANT ALL ON repaired TO PUBLIC;
SELECT taskcenter.create_task('their_graph', kind => 'composite', options => '{"graph": {"steps": {"a": {"command": "SELECT 1 / ok::int FROM repaired"}}}}');
SELECT taskcenter.create_task('their_work', 'SELECT 1 / ok::int FROM repaired');
SELECT taskcenter.grant_access('mallory', 'enqueuer', task => 'their_graph'), taskcenter.grant_access('mallory', 'enqueuer', task => 'their_work')}, 'victim');
$tc->sql(q{SELECT taskcenter.create_task('repeats', kind => 'composite'); SELECT taskcenter.save_graph('repeats', '{"steps": {
	"nested": {"task": "their_graph"}, "each": {"for_each": "SELECT 1", "task": "their_work", "after": ["nested"], "rule": "all_done"}}}')}, 'mallory');
$root = $tc->sql(q{SELECT taskcenter.enqueue_task('repeats')}, 'mallory');
is(outcome($root), 'failed; each: failed, nested: failed', 'steps of somebody else\'s tasks fail');
$tc->sql(q{UPDATE repaired SET ok = true; SELECT taskcenter.revoke_access('mallory', 'enqueuer', task => 'their_graph'), taskcenter.revoke_access('mallory', 'enqueuer', task => 'their_work')});
$tc->sql("SELECT taskcenter.retry_run($root)", 'mallory');
is(outcome($root), 'failed; each: failed, nested: failed', 'a retry does not bring back rights that were taken');
is(step_row($tc, $root, 'nested')->{sqlstate}, '22023', 'and says so');
$tc->sql(q{SELECT taskcenter.grant_access('mallory', 'enqueuer', task => 'their_graph'), taskcenter.grant_access('mallory', 'enqueuer', task => 'their_work')}, 'victim');
$tc->sql("SELECT taskcenter.retry_run($root)", 'mallory');
is(outcome($root), 'succeeded; each: succeeded, nested: succeeded', 'those that are given again count');

# a task that workers execute
$tc->sql(q{SELECT taskcenter.create_task('outside', kind => 'external'); SELECT taskcenter.set_flag('opened', false)});
composite($tc, 'sends', { never => { task => 'outside', when => 'SELECT false' }, off => { task => 'outside', requires_flag => 'opened' } });
$root = start_root($tc, 'sends');
is(outcome($root), 'succeeded; never: skipped, off: skipped', 'workers are not sent what a condition or a flag forbids');

# ---- a condition that could not be asked ----

$tc->sql(q{CREATE TABLE weather (fair boolean); INSERT INTO weather VALUES (NULL); GRANT ALL ON weather TO PUBLIC;
CREATE FUNCTION is_fair() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT fair FROM weather) IS NULL THEN RAISE EXCEPTION 'no forecast' USING ERRCODE = '53000'; END IF;
    RETURN (SELECT fair FROM weather);
END $$});
composite($tc, 'outing', { walk => { command => $works, when => 'SELECT is_fair()', max_attempts => 2, backoff => 'fixed', backoff_base => '200 milliseconds' },
	each => { for_each => 'SELECT 1', command => $works, when => 'SELECT is_fair()', max_attempts => 2, backoff => 'fixed', backoff_base => '200 milliseconds' } });
$root = start_root($tc, 'outing');
$tc->until("SELECT count(*) = 2 FROM taskcenter.live_runs WHERE parent_run_id = $root AND status = 'retrying'", 'a condition that fails is an attempt');
$tc->sql('UPDATE weather SET fair = false');
is(outcome($root), 'succeeded; each: skipped, walk: skipped', 'the next one asks it again');
is(effects($root, 'walk'), 0, 'before anything is done');
composite($tc, 'limited', { slow => { command => $works, when => 'SELECT true FROM pg_sleep(60)', timeout => '100 milliseconds' } });
$root = start_root($tc, 'limited');
is(outcome($root), 'failed; slow: timed_out', 'a condition has the time limit of its step');

# ---- what was given is no reference ----

composite($tc, 'plain_params', { a => { command => q{SELECT act('ok')} } });
$root = start_root($tc, 'plain_params', params => { doc => { '$param' => 'nothing' }, out => { '$output' => 'a' } });
is(outcome($root), 'succeeded; a: succeeded', 'params of a run are not read as references');

# ---- cancels that a query does not hear ----

for my $case (
	[ 'check', { check => { sql => 'SELECT deaf(11, false)', op => '=', value => Taskcenter::true, every => '100 milliseconds' } } ],
	[ 'condition', { command => $works, when => 'SELECT deaf(11, true)' } ],
	[ 'items', { command => $works, for_each => 'SELECT i FROM generate_series(1, 3) AS i WHERE deaf(11, true)' } ],
	[ 'task', { task => 'theirs_too', when => 'SELECT deaf(11, true)' } ])
{
	my ($name, $step) = @$case;

	$tc->task('theirs_too', $works) if $name eq 'task';
	composite($tc, "deaf_$name", { step => $step });
	shut(11);
	$root = start_root($tc, "deaf_$name");
	$tc->wait_at_gate(11);
	$tc->sql("SELECT taskcenter.cancel_run($root, 'enough')");
	unlock(11);
	is(outcome($root), 'cancelled; step: cancelled', "a cancel that a query swallows holds for its step: $name");
	is(effects($root, 'step'), 0, 'nothing is done');
}

# ---- a failure while a check is being looked at ----

my %stopped = (
	gate => { check => { sql => 'SELECT deaf(12, false)', op => '=', value => Taskcenter::true, every => '100 milliseconds' } },
	bad => { command => $tc->gate(13) . q{; SELECT act('fail')} },
	after => { wait => '100 milliseconds', after => ['bad'], rule => 'all_done' } );
composite($tc, 'stopped', \%stopped);
sub stop_while_looking
{
	shut(12);
	$tc->close_gate(13);
	$root = start_root($tc, 'stopped');
	$tc->wait_at_gate(12);
	$tc->wait_at_gate(13);
	$tc->open_gate(13);
	$tc->wait_until("SELECT phase = 'stopping' FROM taskcenter.graph_progress WHERE run_id = $root");
	return;
}
stop_while_looking();
unlock(12);
is(outcome($root), 'failed; after: succeeded, bad: failed, gate: cancelled', 'a check gives up although it is being looked at');

stop_while_looking();
$tc->stop('immediate');
$tc->node->start;
is(outcome($root), 'failed; after: succeeded, bad: failed, gate: cancelled', 'and when the server ends before it heard that');

# ---- a crash after a cancel ----

composite($tc, 'inner_waits', { step => { command => 'SELECT deaf(14, true)' }, waits => { check => { sql => 'SELECT deaf(14, false)', op => '=', value => Taskcenter::true } } });
composite($tc, 'cancel_crash', {
	runs => { command => 'SELECT deaf(14, true)' },
	gate => { check => { sql => 'SELECT deaf(14, false)', op => '=', value => Taskcenter::true, every => '100 milliseconds' } },
	each => { for_each => 'SELECT 1', command => 'SELECT deaf(14, true)' }, nested => { task => 'inner_waits' },
	later => { command => $works, after => ['runs'], rule => 'all_done' } });
shut(14);
$root = start_root($tc, 'cancel_crash');
$tc->wait_at_gate(14, 5);
$tc->sql("SELECT taskcenter.cancel_run($root, 'enough')");
$tc->stop('immediate');
$tc->node->start;
is(outcome($root), 'cancelled; each: cancelled, gate: cancelled, nested: cancelled, runs: cancelled',
	'what a crash gave back is not executed again under a root that was cancelled');
is(invariant_problems($tc), '', 'nothing is left over');

# ---- items that did their work although they were cancelled ----

composite($tc, 'items_done', { each => { for_each => 'SELECT generate_series(1, 3)', command => "SELECT deaf(15, true); $works" } });
shut(15);
$root = start_root($tc, 'items_done');
$tc->wait_at_gate(15, 3);
my $node = step_row($tc, $root, 'each')->{run_id};
$tc->sql("SELECT taskcenter.cancel_run($root, 'too late')");
unlock(15);
is(outcome($root), 'cancelled; each: cancelled', 'a root is cancelled while its items end well');
is(effects($node, 'each'), 3, 'they did their work');
$tc->sql("SELECT taskcenter.retry_run($root)");
is(outcome($root), 'succeeded; each: succeeded', 'it is resumed');
is(effects($node, 'each'), 3, 'and they did not do it twice');

# ---- a step that runs again gives its new output, not the old one ----

$tc->sql('CREATE TABLE given (go int, got jsonb); GRANT ALL ON given TO PUBLIC; UPDATE weather SET fair = false');
composite($tc, 'again', {
	first => { command => 'SELECT 1 / fair::int FROM weather' },
	makes => { command => q{SELECT taskcenter.set_output(to_jsonb(fair)) FROM weather}, after => ['first'], rule => 'all_done' },
	takes => { command => q{INSERT INTO given SELECT 2, taskcenter.param('got')}, after => ['makes'], params => { got => { '$output' => 'makes' } } } });
$root = start_root($tc, 'again');
is(outcome($root), 'failed; first: failed, makes: succeeded, takes: skipped', 'a step that succeeded after a failure');
$tc->sql('UPDATE weather SET fair = true');
$tc->sql("SELECT taskcenter.retry_run($root)");
is(outcome($root), 'succeeded; first: succeeded, makes: succeeded, takes: succeeded', 'runs again with what comes before it');
$tc->is_sql('SELECT got FROM given', 'true', 'what comes after it gets its new output');

# ---- a retry counts its own compensations ----

composite($tc, 'undoes', {
	a => { command => $works, compensate => 'SELECT 1' }, b => { command => 'SELECT 1 / 0 FROM weather', after => ['a'] } });
$root = start_root($tc, 'undoes');
for my $go ('first', 'second')
{
	$row = $tc->finish($root);
	like($row->{reason}, qr/; 1 of 1 compensations succeeded$/, "what the $go go undid");
	$tc->sql("SELECT taskcenter.retry_run($root)") if $go eq 'first';
	$tc->wait_until("SELECT count(*) = 2 FROM taskcenter.finished_runs WHERE parent_run_id = $root AND step = 'undo:a'") if $go eq 'first';
}

# ---- an executor ends while it undoes ----

composite($tc, 'undo_lost', {
	a => { command => $works, compensate => $tc->gate(18) . q{; INSERT INTO effects (step) VALUES ('undone once')} }, b => { command => 'SELECT 1 / 0 FROM weather', after => ['a'] } });
$tc->close_gate(18);
$root = start_root($tc, 'undo_lost');
$tc->wait_at_gate(18);
$tc->sql('SELECT pg_terminate_backend(pid) FROM taskcenter.executor_activity()');
$tc->wait_until("SELECT lost = 1 FROM taskcenter.live_runs WHERE parent_run_id = $root");
$tc->open_gate(18);
is(outcome($root), 'failed; a: succeeded, b: failed, undo:a: succeeded', 'a compensation is repeated when its executor ends');
$tc->is_sql(q{SELECT count(*) FROM effects WHERE step = 'undone once'}, '1', 'and has its effect once');

# ---- who cancels what is being undone is told that it goes on ----

composite($tc, 'undo_cancel', {
	a => { command => $works, compensate => $tc->gate(19) }, b => { command => 'SELECT 1 / 0 FROM weather', after => ['a'] } });
for my $way ("SELECT taskcenter.cancel_run(%d)", "SELECT status FROM taskcenter.cancel_runs(statuses => '{running}') WHERE run_id = %d")
{
	$tc->close_gate(19);
	$root = start_root($tc, 'undo_cancel');
	$tc->wait_at_gate(19);
	my ($undo) = split /\n/, $tc->sql("SELECT run_id FROM taskcenter.live_runs WHERE parent_run_id = $root");
	is($tc->sql(sprintf $way, $root), 'compensating', 'a cancel says that the root is undoing');
	$tc->is_sql("SELECT new_values ->> 'status' FROM taskcenter.task_audit_logs WHERE action = 'cancel' ORDER BY audit_id DESC LIMIT 1", 'compensating',
		'and so does the audit');
	$tc->is_sql("SELECT count(*) FROM taskcenter.live_runs WHERE run_id = $undo AND status = 'running'", '1', 'which goes on');
	$tc->open_gate(19);
	is($tc->finish($root)->{status}, 'failed', 'the root ends as it was to end');
	is(statuses($tc, $root), 'a: succeeded, b: failed, undo:a: succeeded', 'and all is undone');
}
$tc->close_gate(19);
$root = start_root($tc, 'undo_cancel');
$tc->wait_at_gate(19);
is($tc->sql("SELECT taskcenter.cancel_run(run_id) FROM taskcenter.live_runs WHERE parent_run_id = $root"), 'cancelling', 'a compensation is cancelled by itself');
like($tc->finish($root)->{reason}, qr/; 0 of 1 compensations succeeded$/, 'and the root says so');
$tc->open_gate(19);

# ---- queries of a graph collide as commands do ----

# in its first go only: the lock outlives the transaction, and the session's cleaning takes it
$tc->sql(q{
CREATE FUNCTION collides(number int, state text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = number AND pid = pg_backend_pid()) THEN
        PERFORM pg_advisory_lock(number);
        RAISE USING MESSAGE = 'collided', ERRCODE = state;
    END IF;
    RETURN true;
END $$});
composite($tc, 'collides', {
	asks => { command => $works, when => q{SELECT collides(71, '40001')} },
	each => { command => $works, for_each => q{SELECT i FROM generate_series(1, 2) AS i WHERE collides(72, '40P01')} },
	looks => { check => { sql => q{SELECT collides(73, '40001')}, op => '=', value => Taskcenter::true } },
	fails => { command => $works, when => q{SELECT collides(74, '22012')}, on_error => 'continue' } });
$root = start_root($tc, 'collides');
is(outcome($root), 'succeeded; asks: succeeded, each: succeeded, fails: failed, looks: succeeded', 'a query that collides is repeated at once');
$tc->is_sql("SELECT max(attempt) FROM taskcenter.finished_runs WHERE parent_run_id = $root", '1', 'which is no attempt');
composite($tc, 'always', { asks => { command => $works, when => q{SELECT bool_and(collides(i, '40001')) FROM generate_series(100, 200) AS i} } });
$root = start_root($tc, 'always');
is(outcome($root), 'failed; asks: failed', 'one that always collides fails in the end');
$tc->is_sql("SELECT sqlstate, attempt FROM taskcenter.finished_runs WHERE parent_run_id = $root", '40001|1', 'as a collision');

# ---- time limits of the whole ----

$tc->sql('CREATE TABLE mended (ok boolean); INSERT INTO mended VALUES (false); GRANT ALL ON mended TO PUBLIC');
composite($tc, 'inner_long', { soak => { check => { sql => 'SELECT ok FROM mended', op => '=', value => Taskcenter::true, every => '100 milliseconds' } } });
composite($tc, 'long', {
	done => { command => $works, compensate => q{INSERT INTO effects (step) VALUES ('undone')} },
	runs => { command => 'SELECT pg_sleep(CASE WHEN ok THEN 0 ELSE 60 END) FROM mended', after => ['done'] },
	nested => { task => 'inner_long' }, asks => { approval => { roles => ['app'] }, when => 'SELECT NOT ok FROM mended' },
	later => { command => $works, after => ['runs'] } }, timeout => '700 milliseconds');
$root = start_root($tc, 'long');
$row = $tc->finish($root);
is(outcome($root, $row), 'timed_out; asks: cancelled, done: succeeded, nested: cancelled, runs: cancelled, undo:done: succeeded',
	'a composite task has a time limit of all of its run');
is($row->{sqlstate}, '57014', 'it ends as any run over its limit');
like($row->{reason}, qr/time limit.*1 of 1 compensations succeeded/, 'and says so');
$tc->is_sql(q{SELECT count(*) FROM effects WHERE step = 'undone'}, '1', 'what was done is undone');
my ($spent) = $tc->rows("SELECT extract(epoch FROM finished_at - started_at) AS s FROM taskcenter.finished_runs WHERE run_id = $root");
cmp_ok($spent->{s}, '>=', 0.7, 'not before its time');
cmp_ok($spent->{s}, '<', 10, 'and not long after');
$tc->is_sql("SELECT code FROM taskcenter.dead_letters WHERE run_id = $root", 'TIMEOUT', 'with a dead letter');
$tc->sql('UPDATE mended SET ok = true');
$tc->sql("SELECT taskcenter.retry_run($root)");
is(outcome($root), 'succeeded; asks: skipped, done: succeeded, later: succeeded, nested: succeeded, runs: succeeded, undo:done: succeeded',
	'a retry has the time once more');
$root = start_root($tc, 'long');
is($tc->finish($root)->{status}, 'succeeded', 'one that ends in time just ends');

# kept through a crash, and through a pause
composite($tc, 'limit_crash', { soak => { wait => '1 day' } }, timeout => '2 seconds');
$root = start_root($tc, 'limit_crash');
$tc->wait_until("SELECT count(*) = 1 FROM taskcenter.graph_progress WHERE run_id = $root AND deadline IS NOT NULL");
$tc->sql("SELECT taskcenter.pause_run($root)");
$tc->stop('immediate');
$tc->node->start;
is(outcome($root), 'timed_out; soak: cancelled', 'a time limit outlives the server');
$tc->is_sql('SELECT count(*) FROM taskcenter.graph_progress', '0', 'and is gone with its root');

# ---- who may decide ----

$tc->sql('CREATE ROLE ops; CREATE ROLE deploy; CREATE ROLE anna LOGIN; CREATE ROLE bert LOGIN; CREATE ROLE carl LOGIN NOINHERIT;
GRANT ops, deploy TO anna; GRANT ops TO bert, carl; GRANT CREATE ON SCHEMA public TO deploy');
$tc->session($_, $_) for qw(anna bert carl);
composite($tc, 'asks', { ok => { approval => { roles => ['ops'], quorum => 2 } } });
sub asked
{
	my ($name) = @_;
	my $run = start_root($tc, $name);
	$tc->wait_until("SELECT bool_or(run_at = 'infinity') FROM taskcenter.live_runs WHERE parent_run_id = $run");
	return $run;
}
$root = asked('asks');
is($tc->sql("SELECT taskcenter.decide_step($root, 'ok', 'approve')", 'anna'), 'waiting', 'one decides');
$tc->sql('SET ROLE ops', 'anna');
$tc->refused("SELECT taskcenter.decide_step($root, 'ok', 'approve')", '55000', 'not twice by another role of his', 'anna');
$tc->is_sql('SELECT count(*) FROM taskcenter.open_decisions', '0', 'nor is it open for him', 'anna');
$tc->sql('RESET ROLE', 'anna');
$tc->sql('SET ROLE ops', 'carl');
is($tc->sql("SELECT taskcenter.decide_step($root, 'ok', 'approve')", 'carl'), 'approved', 'who may only by a role decides as that role');
is($tc->finish($root)->{status}, 'succeeded', 'two have');
$tc->is_sql("SELECT string_agg(role, ' ' ORDER BY role) FROM taskcenter.decisions AS d JOIN taskcenter.finished_runs AS r USING (run_id) WHERE r.parent_run_id = $root", 'anna ops', 'each by his name');

$root = asked('asks');
$tc->sql('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class', 'anna');
$tc->sql("SELECT taskcenter.decide_step($root, 'ok', 'approve')", 'bert');
$tc->refused("SELECT taskcenter.decide_step($root, 'ok', 'approve')", '40001', 'who cannot see what another decided is told so', 'anna');
$tc->sql('ROLLBACK', 'anna');
is($tc->sql("SELECT taskcenter.decide_step($root, 'ok', 'approve')", 'anna'), 'approved', 'and decides again');
is($tc->finish($root)->{status}, 'succeeded', 'the quorum counts');

$root = asked('asks');
my ($by_anna, $by_bert) = map { "BEGIN; SELECT taskcenter.decide_step($root, 'ok', 'approve')" } 1, 2;
$tc->sql($by_anna, 'anna');
$tc->refused($by_bert, '55000', 'two at the same moment take turns', 'bert');
$tc->sql('ROLLBACK', 'bert');
$tc->sql('COMMIT', 'anna');
is($tc->sql("SELECT taskcenter.decide_step($root, 'ok', 'approve')", 'bert'), 'approved', 'and both count');
is($tc->finish($root)->{status}, 'succeeded', 'together');

$root = asked('asks');
$tc->refused("BEGIN; SELECT taskcenter.decide_step($root, 'ok', 'reject'); PREPARE TRANSACTION 'd'", '0A000', 'a decision is not prepared', 'anna');
$tc->sql('ROLLBACK', 'anna');
$tc->refused(q{BEGIN; SELECT taskcenter.send_signal('s'); PREPARE TRANSACTION 's'}, '0A000', 'nor a signal', 'anna');
$tc->sql('ROLLBACK', 'anna');
$tc->sql("SELECT taskcenter.cancel_run($root)");

# ---- a session that holds a step keeps nobody waiting ----

composite($tc, 'held', { ok => { approval => { roles => ['ops'], quorum => 2 } }, bad => { command => $tc->gate(16) . q{; SELECT act('fail')} } });
$tc->close_gate(16);
$root = asked('held');
$tc->sql("BEGIN; SELECT taskcenter.decide_step($root, 'ok', 'approve')", 'anna');
$tc->open_gate(16);
$tc->until("SELECT phase = 'stopping' FROM taskcenter.graph_progress WHERE run_id = $root", 'a graph goes on while somebody decides about a step of it');
$tc->sql('ROLLBACK', 'anna');
is(outcome($root), 'failed; bad: failed, ok: cancelled', 'what was held gives up afterwards');

composite($tc, 'held_limit', { ok => { approval => { roles => ['ops'], quorum => 2 } } }, timeout => '1 second');
$root = asked('held_limit');
$tc->sql("BEGIN; SELECT taskcenter.decide_step($root, 'ok', 'approve')", 'anna');
$tc->until("SELECT phase = 'cancelling' FROM taskcenter.graph_progress WHERE run_id = $root", 'the scheduler waits for nobody either');
$tc->is_sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'taskcenter' AND wait_event_type = 'Lock'}, '0', 'nobody does');
$tc->sql('COMMIT', 'anna');
is(outcome($root), 'timed_out; ok: cancelled', 'and ends the graph when it can');

composite($tc, 'holds_inner', { nested => { task => 'asks' } });
$root = start_root($tc, 'holds_inner');
$tc->wait_until("SELECT count(*) = 1 FROM taskcenter.graph_progress WHERE parent_run_id = $root");
my $nested = step_row($tc, $root, 'nested')->{run_id};
$tc->sql("BEGIN; SELECT taskcenter.pause_run($nested)", 'second');
$tc->sql("SET statement_timeout = '20 s'; SELECT taskcenter.cancel_run($root); RESET statement_timeout");
$tc->sql('COMMIT', 'second');
is(outcome($root), 'cancelled; nested: cancelled', 'a cancel reaches what was held');

composite($tc, 'called', { call => { signal => 'ring' } });
$root = asked('called');
$tc->sql('BEGIN; SELECT taskcenter.cancel_run(' . step_row($tc, $root, 'call')->{run_id} . ')', 'second');
$tc->sql(q{SELECT taskcenter.send_signal('ring')});
$tc->run('plain_params');
$tc->sql('ROLLBACK', 'second');
is(outcome($root), 'succeeded; call: succeeded', 'a signal reaches a step that was held when it came');

composite($tc, 'paused_items', { each => { for_each => 'SELECT 1', command => $tc->gate(17) } });
$tc->close_gate(17);
$root = start_root($tc, 'paused_items');
$tc->wait_at_gate(17);
$tc->refused('SELECT taskcenter.pause_run(' . step_row($tc, $root, 'each')->{run_id} . ')', '55000', 'items are not paused');
$tc->open_gate(17);
$tc->finish($root);

composite($tc, 'four_eyes', { ok => { approval => { roles => ['ops'], exclude_requester => Taskcenter::true } } });
$tc->sql(q{SELECT taskcenter.grant_access('deploy', 'enqueuer', task => 'four_eyes')});
$tc->sql('SET ROLE deploy', 'anna');
$root = $tc->sql(q{SELECT taskcenter.enqueue_task('four_eyes')}, 'anna');
$tc->sql('RESET ROLE', 'anna');
$tc->wait_until("SELECT run_at = 'infinity' FROM taskcenter.live_runs WHERE parent_run_id = $root");
$tc->refused("SELECT taskcenter.decide_step($root, 'ok', 'approve')", '42501', 'who asked by another role does not decide', 'anna');
$tc->is_sql('SELECT count(*) FROM taskcenter.open_decisions', '0', 'nor is it open for him', 'anna');
$tc->is_sql('SELECT count(*) FROM taskcenter.open_decisions', '1', 'but for others', 'bert');
is($tc->sql("SELECT taskcenter.decide_step($root, 'ok', 'approve')", 'bert'), 'approved', 'who may');
is($tc->finish($root)->{status}, 'succeeded', 'four eyes');

$tc->is_sql(q{SELECT string_agg(i::text, E'\n') FROM taskcenter.check_integrity() AS i}, '', 'what is stored agrees with itself');

# ---- a purge under a root that goes on ----

composite($tc, 'patient', { asks => { approval => { roles => ['ops'] } } });
$root = asked('patient');
# as if its steps had ended long ago; one of another root, which is over
$tc->sql(qq{INSERT INTO taskcenter.finished_runs (run_id, parent_run_id, step, task_id, owner_id, run_as_id, queue_id, run_at,
		created_at, started_at, finished_at, retention_class, priority, attempt, max_attempts, lost, is_catchup, status, params, created_by)
	SELECT 900000 + p, p, 'old', t.task_id, t.owner_id, t.run_as_id, 1, d, d, d, d, 1, 0, 1, 1, 0, false, 'succeeded', '{}', 'test'
	FROM taskcenter.tasks AS t, (VALUES ($root), (1)) AS r (p), (SELECT now() - interval '400 days' AS d) AS x WHERE t.name = 'patient';
	SELECT taskcenter.repair_partitions()});
$tc->sql('CALL taskcenter.purge()');
$tc->is_sql("SELECT string_agg(parent_run_id::text, ' ') FROM taskcenter.finished_runs WHERE run_id > 900000", $root,
	'what a graph that goes on has done is kept');
$tc->is_sql('SELECT count(*) FROM taskcenter.arrivals', '0', 'and did not end anew');
$tc->sql("SELECT taskcenter.cancel_run($root)");
$tc->finish($root);

is(invariant_problems($tc), '', 'at the end nothing is left over');
unlike($tc->log_since(0), qr/PANIC:|TRAP:|XX000/, 'no process failed');
$tc->stop;
done_testing();
