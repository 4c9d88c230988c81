# Attention: alerts that are dropped, held back and told as one, limited in
# number, escalated until somebody acknowledges them; over a crash.
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

sub told
{
	my ($type, $name) = @_;
	return sql($node, $db, qq{SELECT string_agg(event_type || ' ' || (payload ->> 'severity'), ', ' ORDER BY event_id) FROM taskcenter.events
		WHERE event_type ~ '^alert_[$type]' AND coalesce(task, payload ->> 'name') = '$name'});
}

# the names in events that tell what was held back, by rule
sub released
{
	my ($rule, $role) = @_;
	my $query = qq{SELECT payload -> 'count', (SELECT string_agg(a ->> 'name', ', ' ORDER BY a ->> 'name') FROM jsonb_array_elements(payload -> 'alerts') AS a)
		FROM taskcenter.events WHERE event_type = 'alert_released' AND coalesce(payload ->> 'attention_rule', '') = '$rule' ORDER BY event_id};
	return defined $role ? sql_as($node, $db, $role, $query) : sql($node, $db, $query);
}

# ---- what is decided ----

# one failure is enough for a notice
sql($node, $db, q{SELECT taskcenter.set_setting('failure_notice_after', '1');
	SELECT taskcenter.set_attention_rule('noise', 'drop', pattern => 'noise *'), taskcenter.set_attention_rule('notes', 'log', pattern => 'note *'),
		taskcenter.set_attention_rule('loads', 'batch', pattern => 'load *', hold => '5 seconds'),
		taskcenter.set_attention_rule('later', 'defer', pattern => 'later *', hold => '9 seconds'),
		taskcenter.set_attention_rule('few', 'notify', pattern => 'few *', max_notices => 2, rate_window => '6 seconds'),
		taskcenter.set_attention_rule('removed', 'defer', pattern => 'removed', hold => '5 seconds'),
		taskcenter.set_attention_rule('replaced', 'defer', pattern => 'replaced', hold => '5 seconds'),
		taskcenter.set_attention_rule('pages', 'escalate', pattern => 'page *', escalate_after => '3 seconds'),
		taskcenter.set_attention_rule('slow pages', 'escalate', pattern => 'slow page*', escalate_after => '9 seconds');
	SELECT taskcenter.set_alert_rule('noise dead', 'dead_letters_open', '>', '0', '1 second'),
		taskcenter.set_alert_rule('note dead', 'dead_letters_open', '>', '0', '1 second'),
		taskcenter.set_alert_rule('page dead', 'dead_letters_open', '>', '0', '1 second', 'info'),
		taskcenter.set_alert_rule('slow page', 'runs_failed', '>', '0', '1 second'),
		taskcenter.set_alert_rule('slow page dropped', 'dead_letters_open', '>', '0', '1 second')});
my %failing = (
	alice => [ 'noise 1', 'note 1', 'plain', 'load 1', 'load 2', 'later 1', 'later 2', 'few 1', 'few 2', 'few 3', 'few 4', 'removed', 'replaced', 'page 1', 'page 2', 'slow page 3' ],
	bob => ['load 3']);
for my $role (sort keys %failing)
{
	my $names = join(', ', map { "'$_'" } @{ $failing{$role} });
	sql_as($node, $db, $role, qq{SELECT taskcenter.create_task(name, 'SELECT 1 / 0'), taskcenter.enqueue_task(name) FROM unnest(ARRAY[$names]) AS name});
}
wait_for($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE kind = 'failures'}, '17');
is(sql_as($node, $db, 'alice', q{SELECT count(taskcenter.acknowledge_alert(alert_id, 'mine')) FROM taskcenter.alerts WHERE name = 'page 2'}), 1,
	'the owner of a task acknowledges what it gave rise to');
is(sql($node, $db, q{SELECT string_agg(name || ': ' || attention, ', ' ORDER BY name) FROM taskcenter.alerts WHERE kind = 'failures' AND name !~ 'few'}),
	'later 1: defer, later 2: defer, load 1: batch, load 2: batch, load 3: batch, noise 1: drop, note 1: log, page 1: escalate, page 2: escalate, '
	  . 'plain: notify, removed: defer, replaced: defer, slow page 3: escalate', 'what is decided');
is(sql($node, $db, q{SELECT string_agg(attention, ' ' ORDER BY alert_id) FROM taskcenter.alerts WHERE name ~ 'few'}), 'notify notify batch batch',
	'two are told, the next are held back');
is(sql($node, $db, q{SELECT count(DISTINCT due_at), bool_and(due_at = (SELECT min(raised_at) + '5 seconds' FROM taskcenter.alerts WHERE name ~ 'load'))
	FROM taskcenter.alerts WHERE name ~ 'load'}), '1|t', 'a batch has one time, from its first on');
is(sql($node, $db, q{SELECT string_agg(task, ' ' ORDER BY task) FROM taskcenter.events WHERE event_type = 'alert_notified' AND task !~ 'few'}),
	'page 1 page 2 plain slow page 3', 'who is told at once');
is(sql($node, $db, q{SELECT a.explanation || r.name FROM taskcenter.alerts AS a JOIN taskcenter.attention_rules AS r USING (attention_rule_id)
	WHERE a.name = 'noise 1'}), 'Attention rule "noise" drops it.noise', 'and why not');
is(sql($node, $db, q{SELECT payload ->> 'attention' || ': ' || (payload ->> 'explanation') FROM taskcenter.events WHERE event_type = 'alert_notified' AND task = 'plain'}),
	'notify: No attention rule matches it.', 'the event says it, too');

# ---- it survives what becomes of its rule, and of the server ----

wait_for($node, $db, q{SELECT string_agg(name || ' ' || attention, ', ' ORDER BY name) FROM taskcenter.open_alerts WHERE name ~ 'dead'}, 'note dead log, page dead escalate');
wait_for($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE name = 'slow page dropped'}, '1');
sql($node, $db, q{SELECT taskcenter.drop_alert_rule('slow page dropped')});
is(told('b', 'note dead') . told('b', 'noise dead'), '', 'what is only recorded is no event');
sql($node, $db, q{SELECT taskcenter.set_setting('failure_notice_after', '0'), taskcenter.remove_attention_rule('removed'),
	taskcenter.set_attention_rule('replaced', 'drop', pattern => 'replaced')});
$node->stop('immediate');
$node->start;
sql_as($node, $db, 'alice', q{SELECT taskcenter.alter_task('slow page 3', 'SELECT 1'), taskcenter.enqueue_task('slow page 3')});
# who acknowledges one in a transaction that stays open is not waited for
my $session = $node->background_psql($db);
$session->query_safe('BEGIN');
$session->query_safe(q{SELECT taskcenter.acknowledge_alert(alert_id) FROM taskcenter.alerts WHERE name = 'later 1'});
wait_for($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE due_at IS NOT NULL AND name <> 'later 1' AND kind = 'failures'}, '0');
$session->query_safe('COMMIT');
$session->quit;
is(released('loads'), "2|load 1, load 2\n1|load 3", 'what was batched is told as one, for each owner');
is(released('loads', 'alice'), '2|load 1, load 2', 'who hears of her own');
is(released('loads', 'bob'), '1|load 3', 'or his');
is(released(''), '1|removed', 'also when its rule is gone');
is(released('replaced'), '1|replaced', 'or is another');
is(released('later'), '1|later 2', 'but not what was acknowledged');
is(sql($node, $db, q{SELECT count(*), min(payload ->> 'count') FROM taskcenter.events WHERE event_type = 'alert_released' AND payload ->> 'attention_rule' = 'few'}),
	'1|2', 'what was too much is told as one');
is(sql($node, $db, q{SELECT bool_and(early >= CASE WHEN name = 'late' THEN interval '9 seconds' ELSE '5 seconds' END)
	FROM (SELECT left(name, 4) AS name, min(told_at) - min(raised_at) AS early FROM taskcenter.alerts WHERE name ~ '^load|^removed|^replaced|^later 2' GROUP BY 1) AS a}),
	't', 'not before its time');
cmp_ok(sql($node, $db, q{SELECT extract(epoch FROM told_at - raised_at) FROM taskcenter.alerts WHERE name = 'later 2'}), '<', 10.5, 'nor much later');
is(sql($node, $db, q{SELECT min(r.told_at) - min(n.told_at) >= '6 seconds' FROM taskcenter.alerts AS r, taskcenter.alerts AS n
	WHERE r.name ~ 'few' AND r.attention = 'batch' AND n.name ~ 'few' AND n.attention = 'notify'}), 't', 'when there was room again');
is(sql($node, $db, q{SELECT count(*), count(DISTINCT a ->> 'alert_id') FROM taskcenter.events AS e, jsonb_array_elements(e.payload -> 'alerts') AS a
	WHERE e.event_type = 'alert_released'}), '8|8', 'nothing is told twice');
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE told_at IS NULL AND attention <> ALL ('{drop,log}') AND acknowledged_at IS NULL}), 0, 'and nothing is lost');

# ---- escalated ----

wait_for($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE due_at IS NOT NULL}, '0');
is(told('ne', 'page 1'), 'alert_notified warning, alert_escalated critical', 'critical is the end of it');
is(told('ne', 'page 2'), 'alert_notified warning', 'or that somebody acknowledged it');
is(told('be', 'page dead'), 'alert_breached info, alert_escalated warning, alert_escalated critical', 'level by level');
is(told('e', 'slow page'), '', 'what recovered is not told again');
is(told('ne', 'slow page 3'), 'alert_notified warning', 'nor of what succeeds again');
is(told('be', 'slow page dropped'), 'alert_breached warning', 'nor what no rule looks at any more');
is(sql($node, $db, q{SELECT string_agg(DISTINCT attention, ' ') FROM taskcenter.alerts WHERE name = 'slow page' AND state = 'recovered'}), 'notify', 'nor that it did');
is(sql($node, $db, q{SELECT string_agg(name || ' ' || escalations, ', ' ORDER BY name) FROM taskcenter.alerts WHERE escalations > 0}), 'page 1 1, page dead 2', 'alerts say so');

# ---- what is to be told is not out of policy ----

sql($node, $db, q{BEGIN;
	ALTER TABLE taskcenter.alerts DISABLE TRIGGER guard_record;
	INSERT INTO taskcenter.alerts (raised_at, kind, name, state, severity, task_id, metric, threshold, detail, attention, due_at)
	SELECT now() - interval '91 days', 'failures', 'old', 'notified', 'warning', task_id, 'failures_in_a_row', '3', 'It fails.', 'defer', now() + interval '1 hour'
	FROM taskcenter.tasks WHERE name = 'plain';
	ALTER TABLE taskcenter.alerts ENABLE ALWAYS TRIGGER guard_record;
	COMMIT;
	CALL taskcenter.purge()});
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE name = 'old'}), 1, 'it is kept until it is told');
sql($node, $db, q{SELECT taskcenter.acknowledge_alert(alert_id) FROM taskcenter.alerts WHERE name = 'old'; CALL taskcenter.purge()});
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.alerts WHERE name = 'old'}), 0, 'or acknowledged');

check_log($node, allow => qr/terminating|division by zero|recovery|shut down|interrupted/);
$node->stop;
done_testing();
