# What people see of a run of a composite task: trees, time lines, and what waits
# for whom.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use GraphTest;
use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('graph_pictures', conf => "taskcenter.max_executors = 4\n");
make_helpers($tc);
my $works = q{SELECT act('ok')};

sub fits
{
	my ($text, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @wide = grep { length > 98 } split /\n/, $text;
	return is(join("\n", @wide), '', "$name fits 100 columns of psql, which adds two");
}

sub pictures
{
	my ($run, $session) = @_;
	return map { $tc->sql("SELECT taskcenter.run_$_($run)", $session) } qw(tree timeline dot mermaid);
}

$tc->sql('CREATE ROLE ops; CREATE ROLE anna LOGIN; CREATE ROLE carl LOGIN; CREATE ROLE mona LOGIN; GRANT ops TO anna; GRANT pg_monitor TO mona');
$tc->session($_, $_) for qw(anna carl app mona);
# items that wait leave executors to others
$tc->sql(q{GRANT ALL ON SCHEMA public TO app; SELECT taskcenter.create_queue('items');
SELECT taskcenter.limit_queue('items', 2); SELECT taskcenter.grant_access('app', 'operator', queue => 'items')});
$tc->sql(q{SELECT taskcenter.create_task('inner', kind => 'composite'); SELECT taskcenter.save_graph('inner', '{"steps": {
	"one": {"command": "SELECT 1"}, "ask": {"after": ["one"], "approval": {"roles": ["ops"], "expires": "1 day"}}}}')}, 'app');
my $long = 'a step with a name that is as long as the name of a step may be';
$tc->sql('SELECT taskcenter.create_task(\'outer\', kind => \'composite\'); SELECT taskcenter.save_graph(\'outer\', '
	  . Taskcenter::quote({ steps => {
			first => { command => $works },
			held => { command => $tc->gate(1), after => ['first'] },
			bad => { command => q{SELECT 1 / 0 AS "a secret"}, on_error => 'continue' },
			skipped => { command => $works, when => 'SELECT false' }, never => { command => $works, after => ['bad'] },
			shaky => { command => q{SELECT act('fail1')}, max_attempts => 2, backoff => 'none' },
			each => { after => [ 'bad', 'first', 'shaky', 'skipped' ], rule => 'all_done', queue => 'items', for_each => 'SELECT generate_series(1, 40) AS n', command => q{SELECT CASE WHEN (taskcenter.param('item')->>'n')::int > 12 THEN pg_advisory_xact_lock_shared(1) END} },
			nested => { task => 'inner' }, soak => { wait => '1 day' }, mark => { signal => 'go' },
			$long => { command => $works, after => [ 'held', 'nested', 'soak' ] } } }) . ')', 'app');

$tc->close_gate(1);
my $root = $tc->sql(q{SELECT taskcenter.enqueue_task('outer')}, 'app');
my ($queued) = $tc->sql("SELECT taskcenter.run_tree($root)", 'app');
like($queued, qr/outer, run $root/, 'a tree has a title');
$tc->until("SELECT taskcenter.run_tree($root) ~ '\\meach\\M.*12 of 40 done'", 'items end');
$tc->until(q{SELECT count(*) = 1 FROM taskcenter.open_decisions}, 'a nested approval waits');
$tc->wait_until("SELECT count(*) = 5 FROM taskcenter.finished_runs WHERE parent_run_id = $root");

my ($tree, $timeline, $dot, $mermaid) = pictures($root, 'app');
fits($tree, 'the tree');
fits($timeline, 'the time line');
like($tree, qr/\bfirst\b.*succeeded/, 'steps that ended');
like($tree, qr/\bbad\b.*failed.*division by zero/, 'that failed, with the error');
like($tree, qr/\bskipped\b.*skipped.*condition/, 'that were skipped, with the reason');
like($tree, qr/\bshaky\b.*attempt 2 of 2/, 'that needed more than one attempt');
like($tree, qr/\bsoak\b.*due in/, 'that wait for their time');
like($tree, qr/\bmark \[queued\]: signal go/, 'or for something that has none');
like($tree, qr/\beach\b.*12 of 40 done/, 'how far the items are');
like($tree, qr/\bnested\b.*1 of 2 done/, 'and the nested ones');
like($tree, qr/a step with a name.*waiting/, 'and what waits for others');
like($timeline, qr/^first +succeeded +\[ *\.*=+ *\] +\d/m, 'a bar for what ran');
like($timeline, qr/^never +skipped +\[ *\.*\| *\]$/m, 'a mark for what did not');
unlike($timeline, qr/a step with a name/, 'nothing for what waits');
like($dot, qr/^digraph /, 'dot');
like($mermaid, qr/^(?:flowchart|graph) /m, 'mermaid');
like($mermaid, qr/"first<br\/>command<br\/>\[succeeded, \d+\.\d+ s\]"/, 'which says how long a step took');
my $each = step_row($tc, $root, 'each')->{run_id};
my $items = $tc->sql("SELECT taskcenter.run_timeline($each)", 'app');
is(scalar(() = $items =~ /^each \d+ +succeeded/mg), $tc->sql("SELECT count(*) FROM taskcenter.finished_runs WHERE parent_run_id = $each"), 'a time line of items');
$tc->refused("SELECT taskcenter.run_tree($each)", '55000', 'which are no graph');
like($tc->sql('SELECT taskcenter.run_tree(' . step_row($tc, $root, 'nested')->{run_id} . ')', 'app'), qr/\bask\b.*0 of 1 approved/, 'a nested run is drawn by itself');

# ---- explain_run() ----

sub explained
{
	my ($run) = @_;
	return $tc->sql("SELECT string_agg(reason || ': ' || coalesce(detail, ''), '; ') FROM taskcenter.explain_run($run)", 'app');
}

like(explained($root), qr/^its steps are running: 5 of 11 are done; run_tree\($root\)/, 'a root is explained by its steps');
$tc->sql("SELECT taskcenter.pause_run($root)", 'app');
like(explained($root), qr/; it is paused:/, 'and by its pause');
$tc->sql("SELECT taskcenter.resume_run($root)", 'app');
like(explained(step_row($tc, step_row($tc, $root, 'nested')->{run_id}, 'ask')->{run_id}), qr/^it waits for a decision: 0 of 1 have approved/, 'an approval waits for people');
like(explained(step_row($tc, $root, 'soak')->{run_id}), qr/^it is not due yet/, 'a wait for its time');

# ---- who sees what ----

$tc->refused("SELECT taskcenter.run_$_($root)", '42501', "run_$_() is for those who may see the run", 'carl') for qw(tree timeline dot mermaid);
$tc->refused("SELECT taskcenter.run_$_(12345678)", '42704', "run_$_() of no run") for qw(tree timeline dot mermaid);
$tc->refused("SELECT taskcenter.run_$_(NULL)", '22004', "run_$_() of null") for qw(tree timeline dot mermaid);
my $seen = $tc->sql("SELECT taskcenter.run_tree($root)", 'mona');
like($seen, qr/\bbad\b.*failed/, 'a monitor sees states');
unlike($seen, qr/division by zero/, 'but no errors');
my $plain = $tc->sql(q{SELECT taskcenter.create_task('plain', 'SELECT 1'); SELECT taskcenter.enqueue_task('plain')}, 'app');
($plain) = $plain =~ /(\d+)\z/;
$tc->refused("SELECT taskcenter.run_tree($plain)", '55000', 'a run without steps has no tree', 'app');

# ---- open_decisions ----

$tc->is_sql(q{SELECT run_id, task, step, roles, quorum, approved, requester, expires_at - asked_at FROM taskcenter.open_decisions},
	"$root|outer|nested/ask|{ops}|1|0|app|1 day", 'a nested approval, as decide_step() wants it', 'anna');
$tc->is_sql('SELECT count(*) FROM taskcenter.open_decisions', '0', 'not for others', 'carl');
$tc->is_sql('SELECT count(*) FROM taskcenter.open_decisions', '0', 'and not for the owner', 'app');
$tc->open_gate(1);
is(($tc->try("SELECT taskcenter.decide_step($root, 'nested/ask', 'approve')", 'anna'))[1], '', 'the path is what decide_step() takes');
$tc->until(qq{SELECT status = 'succeeded' FROM taskcenter.task_runs WHERE parent_run_id = $root AND step = 'nested'}, 'it goes on');
$tc->is_sql('SELECT count(*) FROM taskcenter.open_decisions', '0', 'and is not open any more', 'anna');

# ---- after the end ----

$tc->sql("SELECT taskcenter.cancel_run($root, 'seen enough')");
$tc->finish($root);
($tree, $timeline) = pictures($root, 'app');
like($tree, qr/outer, run $root: cancelled.*seen enough/, 'the title says how it ended');
like($tree, qr/\beach\b.*40 of 40 done/, 'what was done stays');
fits($tree, 'the tree');
fits($timeline, 'the time line');

composite($tc, 'called', { call => { signal => { name => 'ring', key => 'k' } } });
$tc->sql(q{SELECT taskcenter.grant_access('app', 'operator', task => 'called')});
my $called = start_root($tc, 'called');
$tc->wait_until("SELECT run_at = 'infinity' FROM taskcenter.live_runs WHERE parent_run_id = $called");
is(explained(step_row($tc, $called, 'call')->{run_id}), 'it waits for signal "ring": With key "k".', 'a signal, and nothing else');

# names of characters that take two columns each, or none
$tc->sql(q{SELECT taskcenter.create_task('wide_names', kind => 'composite', run_as => 'app', options => jsonb_build_object('graph', jsonb_build_object('steps',
	(SELECT jsonb_object_agg(name, '{"command": "SELECT 1"}'::jsonb) FROM unnest(ARRAY[repeat(U&'\6F22', 4), repeat(U&'\6F22\5B57', 10), U&'e\0301t\00E9', 'plain']) AS name))))});
$root = start_root($tc, 'wide_names');
$tc->finish($root);
$tc->is_sql(q{SELECT count(*), count(DISTINCT columns), max(columns) <= 41 FROM (
	SELECT length(name) + length(regexp_replace(name, U&'[^\6F22\5B57]', '', 'g')) - length(regexp_replace(name, U&'[^\0301]', '', 'g')) AS columns
	FROM (SELECT split_part(line, ' [', 1) AS name FROM regexp_split_to_table(taskcenter.run_timeline(} . $root . q{), E'\n') AS line WHERE line ~ ' \[') AS l) AS c},
	'4|1|t', 'bars begin at one column, whatever the names');

# a large one
my %wide = map { ("step_$_" => { command => 'SELECT 1', $_ > 1 ? (after => [ 'step_' . int($_ / 2) ]) : () }) } 1 .. 500;
composite($tc, 'large', \%wide);
$root = start_root($tc, 'large');
$tc->finish($root);
($tree, $timeline) = pictures($root);
fits($tree, 'a large tree');
fits($timeline, 'a large time line');
is(scalar(() = $timeline =~ /^step_\d+ +succeeded/mg), 500, 'with all steps');

$tc->never_crashed;
$tc->stop;
done_testing();
