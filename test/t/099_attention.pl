# Attention: alerts that are dropped, held back and told as one, limited in
# number, escalated until somebody acknowledges them.
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

# one failure is enough for a notice, and another second for the next
sql($node, $db, q{SELECT taskcenter.set_setting('failure_notice_after', '1'), taskcenter.set_setting('failure_notice_window', '1 second')});

# a task that fails once, with a name of its own
sub fail_once
{
	my ($name, $role) = @_;
	create_task($node, $db, $role // 'alice', $name, 'SELECT 1 / 0');
	sql_as($node, $db, $role // 'alice', "SELECT taskcenter.enqueue_task('$name')");
	return;
}

sub decided
{
	my ($name, $attention) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_for($node, $db, qq{SELECT attention FROM taskcenter.alerts WHERE name = '$name'}, $attention);
	return;
}

sub events_of
{
	my ($type) = @_;
	return sql($node, $db, qq{SELECT count(*) FROM taskcenter.events WHERE event_type = '$type'});
}

# ---- told at once, or never ----

sql($node, $db, q{SELECT taskcenter.set_attention_rule('noise', 'drop', pattern => 'noise *'),
	taskcenter.set_attention_rule('notes', 'log', pattern => 'note *')});
fail_once($_) for 'noise 1', 'note 1', 'plain';
decided('noise 1', 'drop');
decided('note 1', 'log');
decided('plain', 'notify');
is(sql($node, $db, q{SELECT string_agg(task, ' ') FROM taskcenter.events WHERE event_type = 'alert_notified'}), 'plain', 'who is told of what');
is(sql($node, $db, q{SELECT a.explanation || r.name FROM taskcenter.alerts AS a JOIN taskcenter.attention_rules AS r USING (attention_rule_id)
	WHERE a.name = 'noise 1'}), 'Attention rule "noise" drops it.noise', 'and why');
is(sql($node, $db, q{SELECT payload ->> 'attention' || ': ' || (payload ->> 'explanation') FROM taskcenter.events WHERE event_type = 'alert_notified'}),
	'notify: No attention rule matches it.', 'the event says it, too');

# of alert rules: what is dropped is not open
sql($node, $db, q{SELECT taskcenter.set_alert_rule('noise dead', 'dead_letters_open', '>', '0', '1 second'),
	taskcenter.set_alert_rule('note dead', 'dead_letters_open', '>', '0', '1 second')});
decided('noise dead', 'drop');
decided('note dead', 'log');
is(sql($node, $db, q{SELECT name || ' ' || attention || ' ' || (alert_id = (SELECT alert_id FROM taskcenter.alerts WHERE name = 'note dead'))
	FROM taskcenter.open_alerts}), 'note dead log true', 'what is dropped is not open');
is(events_of('alert_breached'), 0, 'neither is an event');
sql($node, $db, q{SELECT taskcenter.drop_alert_rule(name) FROM taskcenter.alert_rules});

# ---- held back ----

# collected from the first one on, at the exact time, also over a restart
sql($node, $db, q{SELECT taskcenter.set_attention_rule('loads', 'batch', pattern => 'load *', hold => '4 seconds')});
fail_once('load 1');
decided('load 1', 'batch');
fail_once('load 2');
fail_once('load 3', 'bob');
decided($_, 'batch') for 'load 2', 'load 3';
is(events_of('alert_released'), 0, 'nothing is told yet');
my $due = sql($node, $db, q{SELECT max(due_at) FROM taskcenter.alert_timers WHERE what = 'release'});
is(sql($node, $db, q{SELECT count(DISTINCT due_at) FROM taskcenter.alert_timers}), 1, 'all at the same time');
$node->restart;
wait_for($node, $db, q{SELECT count(*) FROM taskcenter.events WHERE event_type = 'alert_released'}, '2');
is(sql_as($node, $db, 'alice', q{SELECT payload ->> 'attention_rule', payload -> 'count', jsonb_path_query_array(payload, '$.alerts[*].name')
	FROM taskcenter.events WHERE event_type = 'alert_released'}), 'loads|2|["load 1", "load 2"]', 'as one, for each owner');
is(sql_as($node, $db, 'bob', q{SELECT task, payload -> 'count' FROM taskcenter.events WHERE event_type = 'alert_released'}), 'load 3|1', 'who hears of his own');
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.alert_timers}), 0, 'and nothing is left');
is(sql($node, $db, qq{SELECT min(recorded_at) >= '$due' FROM taskcenter.events WHERE event_type = 'alert_released'}), 't', 'not before its time');

# each at its own time; who acknowledges one in a transaction that stays open is not waited for
sql($node, $db, q{SELECT taskcenter.set_attention_rule('later', 'defer', pattern => 'later *', hold => '4 seconds')});
fail_once($_) for 'later 1', 'later 2';
decided($_, 'defer') for 'later 1', 'later 2';
my $session = $node->background_psql($db);
$session->query_safe('BEGIN');
$session->query_safe(q{SELECT taskcenter.acknowledge_alert(alert_id) FROM taskcenter.alerts WHERE name = 'later 1'});
wait_for($node, $db, q{SELECT count(*) FROM taskcenter.events WHERE event_type = 'alert_released' AND task = 'later 2'}, '1');
$session->query_safe('COMMIT');
$session->quit;
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.alert_timers}), 0, 'nothing more is to be told');
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.events WHERE event_type = 'alert_released' AND task = 'later 1'}), 0, 'nor was it');
my $late = sql($node, $db, q{SELECT extract(epoch FROM e.recorded_at - a.raised_at) FROM taskcenter.events AS e, taskcenter.alerts AS a
	WHERE e.task = 'later 2' AND e.event_type = 'alert_released' AND a.name = 'later 2'});
cmp_ok($late, '>=', 4, 'it is told when it was to be told');
cmp_ok($late, '<', 5, 'and not much later');

# ---- at most so many ----

sql($node, $db, q{SELECT taskcenter.set_attention_rule('few', 'notify', pattern => 'few *', max_notices => 2, rate_window => '6 seconds')});
fail_once($_) for 'few 1', 'few 2';
decided($_, 'notify') for 'few 1', 'few 2';
for my $name ('few 3', 'few 4')
{
	fail_once($name);
	decided($name, 'batch');
}
wait_for($node, $db, q{SELECT jsonb_path_query_array(payload, '$.alerts[*].name') FROM taskcenter.events
	WHERE event_type = 'alert_released' AND payload ->> 'attention_rule' = 'few'}, '["few 3", "few 4"]');
cmp_ok(sql($node, $db, q{SELECT extract(epoch FROM r.recorded_at - n.recorded_at) FROM taskcenter.events AS r, taskcenter.events AS n
	WHERE r.event_type = 'alert_released' AND r.payload ->> 'attention_rule' = 'few' AND n.event_type = 'alert_notified' AND n.task = 'few 1'}),
	'>=', 6, 'when there was room again');
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.alert_timers WHERE what = 'forget' AND alert_id = (SELECT alert_id FROM taskcenter.alerts WHERE name = 'few 3')}),
	1, 'which takes a place itself');

# ---- escalated ----

sql($node, $db, q{SELECT taskcenter.set_attention_rule('pages', 'escalate', pattern => 'page *', escalate_after => '3 seconds')});
fail_once('page 1');
decided('page 1', 'escalate');
wait_for($node, $db, q{SELECT string_agg(event_type || ' ' || (payload ->> 'severity'), ', ' ORDER BY event_id) FROM taskcenter.events
	WHERE task = 'page 1' AND event_type ~ '^alert'}, 'alert_notified warning, alert_escalated critical');
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.alert_timers WHERE what = 'escalate'}), 0, 'critical is the end of it');
fail_once('page 2');
decided('page 2', 'escalate');
is(sql_as($node, $db, 'alice', q{SELECT count(taskcenter.acknowledge_alert(alert_id, 'mine')) FROM taskcenter.alerts WHERE name = 'page 2'}), 1,
	'its owner acknowledges it');
# level by level, and no more once it recovered
sql($node, $db, q{SELECT taskcenter.set_alert_rule('page low', 'dead_letters_open', '>', '0', '1 second', 'info')});
wait_for($node, $db, q{SELECT string_agg(event_type || ' ' || (payload ->> 'severity'), ', ' ORDER BY event_id) FROM taskcenter.events
	WHERE payload ->> 'name' = 'page low' AND event_type ~ '^alert_[be]'}, 'alert_breached info, alert_escalated warning, alert_escalated critical');
sql($node, $db, q{SELECT taskcenter.set_attention_rule('pages', 'escalate', pattern => 'page *', escalate_after => '5 seconds'),
	taskcenter.set_alert_rule('page low', 'dead_letters_open', '>', '0', '1 second', 'warning')});
wait_for($node, $db, q{SELECT count(*) FROM taskcenter.events WHERE payload ->> 'name' = 'page low' AND event_type = 'alert_breached'}, '2');
sql($node, $db, q{SELECT taskcenter.discard_dead_letter(dead_letter_id) FROM taskcenter.open_dead_letters});
wait_for($node, $db, q{SELECT attention FROM taskcenter.alerts WHERE name = 'page low' AND state = 'recovered'}, 'notify');
wait_for($node, $db, q{SELECT count(*) FROM taskcenter.alert_timers WHERE what = 'escalate'}, '0');
is(events_of('alert_escalated'), 3, 'what recovered, and what was acknowledged, is not told again');

check_log($node, allow => qr/terminating|division by zero/);
$node->stop;
done_testing();
