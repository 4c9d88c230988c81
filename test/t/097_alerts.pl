# Alerts: the rules that ship for Prometheus, rules inside the database, and
# notices of tasks that keep failing.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main');
my $db = 'postgres';
new_database($node, $db, 'alice', 'bob');

# ---- the rules that ship ----

my $promtool = promtool();
my $doc = "$FindBin::RealBin/../../doc";

command_like([ $promtool, 'check', 'rules', "$doc/alerts.yml" ], qr/SUCCESS: 12 rules found/, 'the rules are well-formed');
command_like([ $promtool, 'test', 'rules', "$doc/alerts_test.yml" ], qr/SUCCESS/, 'each fires when it has to, and not else');
# each metric that a rule names is one that metrics() shows
my %shown = map { $_ => 1 } sql($node, $db, 'SELECT taskcenter.metrics()') =~ /^# TYPE (\w+)/mg;
my @named = slurp_file("$doc/alerts.yml") =~ /\b(taskcenter_\w+?)(?:_bucket)?(?=[\s\{\[(>)])/g;
is(join(' ', grep { !$shown{$_} } @named), '', 'rules name metrics that there are');
cmp_ok(scalar @named, '>', 10, 'and many');

# ---- a rule that is breached, and recovers ----

create_task($node, $db, 'alice', 'well', 'SELECT 1');
create_task($node, $db, 'alice', 'ill', 'SELECT 1 / 0');
create_task($node, $db, 'bob', 'other', 'SELECT 1');

sub states
{
	my ($rule) = @_;
	return sql($node, $db, "SELECT string_agg(state, ' ' ORDER BY alert_id) FROM taskcenter.alerts WHERE name = '$rule'");
}

sql($node, $db, q{
	SELECT taskcenter.set_alert_rule('failing', 'failure_ratio', '>=', '0.5', '3 seconds', 'critical', description => 'look at it');
	SELECT taskcenter.set_alert_rule('many', 'runs_finished', '>', '20', '3 seconds', task => 'well');
	SELECT taskcenter.set_alert_rule('quiet', 'runs_finished', '<', '1', '2 seconds', 'info', task => 'other');
	SELECT taskcenter.set_alert_rule('stuck', 'runs_due', '>', '2', '2 seconds')});
enqueue_many($node, $db, 'alice', 'ill', 4);
wait_for($node, $db, q{SELECT state FROM taskcenter.alerts WHERE name = 'failing'}, 'breached');
is(sql($node, $db, q{SELECT kind, severity, metric, value, threshold, detail FROM taskcenter.alerts WHERE name = 'failing'}),
	'rule|critical|failure_ratio|1|0.5|failure_ratio is 1; the rule is breached while it is >= 0.5.', 'what an alert says');
is(sql($node, $db, q{SELECT name, severity, description FROM taskcenter.open_alerts WHERE name = 'failing'}),
	'failing|critical|look at it', 'it is open');
wait_for($node, $db, q{SELECT count(*) FROM taskcenter.open_alerts WHERE name = 'failing'}, '0');
is(states('failing'), 'breached recovered', 'and recovers when the failures are out of its window');
is(sql($node, $db, q{SELECT string_agg(event_type, ' ' ORDER BY event_id) FROM taskcenter.read_events(0, 1000)
	WHERE event_type ~ '^alert_[^r]|^alert_reco' AND payload ->> 'name' = 'failing'}), 'alert_breached alert_recovered', 'both are events');
is(sql($node, $db, q{SELECT e.payload - 'detail' = jsonb_build_object('alert_id', a.alert_id, 'alert_rule_id', a.alert_rule_id, 'name', 'failing',
		'severity', 'critical', 'metric', 'failure_ratio', 'value', '1', 'threshold', '0.5', 'attention', 'notify', 'explanation', a.explanation) AND e.payload ->> 'detail' = a.detail AND e.recorded_at = a.raised_at
	FROM taskcenter.events AS e, taskcenter.alerts AS a WHERE e.event_type = 'alert_breached' AND a.name = 'failing' AND a.state = 'breached'
		AND e.payload ->> 'name' = 'failing'}), 't', 'which say what the alert says');
wait_for($node, $db, q{SELECT state FROM taskcenter.alerts WHERE name = 'quiet' ORDER BY alert_id LIMIT 1}, 'breached');
is(states('many'), '', 'a rule that is not breached says nothing');

# only one task counts
enqueue_many($node, $db, 'bob', 'other', 30);
wait_for($node, $db, q{SELECT state FROM taskcenter.alerts WHERE name = 'quiet' ORDER BY alert_id DESC LIMIT 1}, 'recovered');
is(states('many'), '', 'runs of other tasks do not count');
enqueue_many($node, $db, 'alice', 'well', 30);
wait_for($node, $db, q{SELECT state FROM taskcenter.alerts WHERE name = 'many'}, 'breached');

# of the present: it must last
sql($node, $db, 'SELECT taskcenter.pause_scheduler()');
enqueue_many($node, $db, 'alice', 'well', 3);
wait_for($node, $db, q{SELECT state FROM taskcenter.alerts WHERE name = 'stuck'}, 'breached');
cmp_ok(sql($node, $db, q{SELECT extract(epoch FROM a.raised_at - r.created_at) FROM taskcenter.alerts AS a,
	(SELECT min(created_at) AS created_at FROM taskcenter.live_runs) AS r WHERE a.name = 'stuck'}), '>=', 2,
	'for as long as the window is');
sql($node, $db, 'SELECT taskcenter.resume_scheduler()');
wait_for($node, $db, q{SELECT state FROM taskcenter.alerts WHERE name = 'stuck' ORDER BY alert_id DESC LIMIT 1}, 'recovered');

# dropped: no more of it; a restart does not repeat what was told
is(sql($node, $db, q{SELECT taskcenter.drop_alert_rule('quiet') > 0}), 't', 'a rule ends');
sql($node, $db, q{SELECT taskcenter.drop_alert_rule(name) FROM taskcenter.alert_rules WHERE name <> 'failing'});
enqueue_many($node, $db, 'alice', 'ill', 4);
wait_for($node, $db, q{SELECT count(*) FROM taskcenter.open_alerts WHERE name = 'failing'}, '1');
my $told = sql($node, $db, 'SELECT count(*) FROM taskcenter.alerts');
$node->restart;
wait_for($node, $db, q{SELECT string_agg(state, ' ' ORDER BY alert_id) FROM taskcenter.alerts WHERE name = 'failing'},
	'breached recovered breached recovered');
is(sql($node, $db, 'SELECT count(*) FROM taskcenter.alerts'), $told + 1, 'after a restart nothing is told twice');

# ---- notices of failures ----

sub notices
{
	return sql($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE kind = 'failures'});
}

# eight runs of "ill" failed by now
is(notices(), 1, 'a task that keeps failing is told of once');
is(sql($node, $db, q{SELECT name, state, metric, threshold, value::int >= 3, detail ~ '^Its last \d+ runs failed, \d+ since'
	FROM taskcenter.alerts WHERE kind = 'failures'}), 'ill|notified|failures_in_a_row|3|t|t', 'how');
is(sql_as($node, $db, 'alice', q{SELECT string_agg(name, ' ') FROM taskcenter.alerts}), 'ill', 'its owner sees that, and no rules');
is(sql_as($node, $db, 'bob', q{SELECT count(*) FROM taskcenter.alerts}), '0', 'others see nothing');
my $told_of = q{SELECT string_agg(event_type || ' ' || task, ' ') FROM taskcenter.events WHERE event_type ~ '^alert_(b|reco|n)'};
is(sql_as($node, $db, 'alice', $told_of), 'alert_notified ill', 'nor do events tell more');
is(sql_as($node, $db, 'bob', $told_of), '', 'to anybody');
enqueue_many($node, $db, 'alice', 'ill', 5);
settle($node, $db, 20);
sql($node, $db, q{SELECT taskcenter.set_setting('failure_notice_window', '1 second')});
# the restart in between has not made it forget when it told last
enqueue_many($node, $db, 'alice', 'ill', 1);
wait_for($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE kind = 'failures'}, '2');
my ($first, $second) = map { /^Its last (\d+) runs failed, (\d+) since/ ? [ $1, $2 ] : undef }
  split /\n/, sql($node, $db, q{SELECT detail FROM taskcenter.alerts WHERE kind = 'failures' ORDER BY alert_id LIMIT 2});
is($second->[1], $second->[0] - $first->[0], 'what was kept back is told the next time');
cmp_ok($second->[0], '>=', 13, 'and the row goes on over a restart');
# a graph that fails fails once, whatever its steps did before
sql_as($node, $db, 'alice', q{SELECT taskcenter.create_task('graph', kind => 'composite'); SELECT taskcenter.save_graph('graph',
	'{"steps": {"well": {"command": "SELECT 1"}, "bad": {"command": "SELECT 1 / 0", "after": ["well"]}}}')});
for my $failures (1 .. 3)
{
	sql_as($node, $db, 'alice', q{SELECT taskcenter.enqueue_task('graph')});
	settle($node, $db, 20);
	is(sql($node, $db, q{SELECT count(*) FROM taskcenter.review() WHERE issue = 'failing' AND object_name = 'graph'}),
		$failures == 3 ? '1' : '0', "$failures graphs that failed, as a review counts them");
}
wait_for($node, $db, q{SELECT value FROM taskcenter.alerts WHERE name = 'graph'}, '3');
# a success ends the row of failures
create_task($node, $db, 'alice', 'mixed', q{SELECT 1 / (taskcenter.param('by', '0') #>> '{}')::int});
for my $by (0, 0, 1, 0, 0)
{
	sql_as($node, $db, 'alice', qq{SELECT taskcenter.enqueue_task('mixed', '{"by": $by}')});
	settle($node, $db, 20);
}
sql($node, $db, q{SELECT taskcenter.set_setting('failure_notice_after', '2')});
sql_as($node, $db, 'alice', q{SELECT taskcenter.enqueue_task('mixed', '{"by": 1}')});
settle($node, $db, 20);
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE name = 'mixed'}), '0', 'two failures, then a success');
sql_as($node, $db, 'alice', q{SELECT taskcenter.enqueue_task('mixed', '{"by": 0}')}) for 1 .. 2;
wait_for($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE name = 'mixed'}, '1');

# ---- what was told goes by policy ----

# old ones, as time would make them
sql($node, $db, q{BEGIN;
	ALTER TABLE taskcenter.alerts DISABLE TRIGGER guard_record;
	INSERT INTO taskcenter.alerts (raised_at, kind, name, state, severity, alert_rule_id, task_id, metric, threshold, detail)
	SELECT raised_at - interval '91 days', kind, 'old ' || name, state, severity, alert_rule_id, task_id, metric, threshold, detail
	FROM taskcenter.alerts WHERE kind = 'failures';
	ALTER TABLE taskcenter.alerts ENABLE ALWAYS TRIGGER guard_record;
	COMMIT;
	SELECT taskcenter.hold_history('ill', 'to be kept')});
$told = sql($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE name !~ 'old'});
sql($node, $db, q{CALL taskcenter.purge()});
is(sql($node, $db, q{SELECT count(*) FILTER (WHERE name !~ 'old'), string_agg(DISTINCT name, ' ') FILTER (WHERE name ~ 'old')
	FROM taskcenter.alerts}), "$told|old ill", 'but for what is held');

check_log($node, allow => qr/terminating|division by zero/);
$node->stop;
done_testing();
