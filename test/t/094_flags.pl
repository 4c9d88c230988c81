# Tasks that require a flag: what a switch does to runs that wait, and to those
# that come; and that nothing is lost or left behind.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @owners = map { "owner$_" } 1 .. 12;
my $node = new_server('flags', 'max_worker_processes' => 24, 'taskcenter.max_executors' => 4);
new_database($node, 'work', @owners);

sub flag { return sql($node, 'work', "SELECT taskcenter.set_flag($_[0])"); }
sub statuses { return sql($node, 'work', "SELECT string_agg(status || ' ' || n, ', ' ORDER BY status) FROM (SELECT status, count(*) AS n FROM taskcenter.task_runs WHERE task = '$_[0]' GROUP BY 1) AS s") // ''; }

# ---- on, off, on ----

flag("'feature', true");
create_task($node, 'work', 'owner1', 'flagged', EFFECT, options => '{"requires_flag": "feature"}');
create_task($node, 'work', 'owner1', 'plain', EFFECT);
enqueue_many($node, 'work', 'owner1', 'flagged', 5);
ok(defined settle($node, 'work', 20), 'runs of a task whose flag is on');
is(statuses('flagged'), 'succeeded 5', 'are executed');
is(sql($node, 'work', q{SELECT DISTINCT reason FROM taskcenter.task_run_history JOIN taskcenter.tasks USING (task_id) WHERE name = 'flagged' AND old_status = new_status}),
	'flag "feature" is on for everybody', 'and their history says why they might');

is(flag("'feature', false, reason => 'it hurts'"), 'off', 'the flag is switched off');
enqueue_many($node, 'work', 'owner1', $_, 30) for qw(flagged plain);
ok(defined settle($node, 'work', 20), 'what waited');
is(statuses('flagged'), 'skipped 30, succeeded 5', 'is skipped');
is(statuses('plain'), 'succeeded 30', 'other tasks go on');
is(sql($node, 'work', q{SELECT DISTINCT reason FROM taskcenter.task_runs WHERE status = 'skipped'}), 'flag "feature" is not enabled', 'with the reason');
is(sql($node, 'work', q{SELECT count(*) FROM taskcenter.events WHERE status = 'skipped' AND payload ->> 'reason' LIKE 'flag%'}), 30, 'which events tell');
like(sql($node, 'work', q{SELECT reason, detail FROM taskcenter.explain_run((SELECT max(run_id) FROM taskcenter.task_runs WHERE status = 'skipped'))}), qr/skipped\|flag "feature" is not enabled/, 'and explain_run()');

flag("'feature', true");
enqueue($node, 'work', 'owner1', 'flagged');
ok(defined settle($node, 'work', 20), 'switched on again');
is(statuses('flagged'), 'skipped 30, succeeded 6', 'runs start again');

# ---- in the midst of many ----

flag("'feature', true");
enqueue_many($node, 'work', 'owner1', 'flagged', 5000);
ok(defined wait_for($node, 'work', q{SELECT count(*) > 20 FROM taskcenter.task_runs WHERE task = 'flagged' AND status = 'succeeded'}), 'some of many have run');
flag("'feature', false");
my $done = sql($node, 'work', q{SELECT count(*) FROM app.effects AS e JOIN taskcenter.task_runs AS r USING (run_id) WHERE r.task = 'flagged'});
within(20, settle($node, 'work', 30), 'the rest is skipped at once');
my ($skipped, $succeeded) = statuses('flagged') =~ /^skipped (\d+), succeeded (\d+)$/;
is($skipped + $succeeded, 5036, 'each has ended, one way or the other');
cmp_ok($succeeded - $done, '<=', 4, 'no more than was claimed already began after the switch');
is(sql($node, 'work', q{SELECT count(*) FROM app.effects AS e JOIN taskcenter.task_runs AS r USING (run_id) WHERE r.task = 'flagged'}), $succeeded, 'and what did not begin has no effect');

# ---- what waits for another attempt ----

flag("'feature', true");
create_task($node, 'work', 'owner1', 'retries', 'SELECT 1 / (SELECT 0)', max_attempts => 5, backoff => 'fixed', backoff_base => '1 second', options => '{"requires_flag": "feature"}');
my $run = enqueue($node, 'work', 'owner1', 'retries');
ok(defined wait_for($node, 'work', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'retrying'), 'a run waits for its second attempt');
flag("'feature', false");
ok(defined settle($node, 'work', 20), 'when its flag is switched off');
is(sql($node, 'work', "SELECT status, reason FROM taskcenter.task_runs WHERE run_id = $run"), 'cancelled|flag "feature" is not enabled', 'it is cancelled: it had begun');

# ---- schedules ----

create_task($node, 'work', 'owner1', 'fires', EFFECT, schedule => 'every 1 second', options => '{"requires_flag": "feature"}');
ok(defined wait_for($node, 'work', q{SELECT count(*) >= 2 FROM taskcenter.task_runs WHERE task = 'fires' AND status = 'skipped'}), 'a schedule goes on while the flag is off, and its runs are skipped');
flag("'feature', true");
ok(defined wait_for($node, 'work', q{SELECT count(*) >= 1 FROM taskcenter.task_runs WHERE task = 'fires' AND status = 'succeeded'}), 'until it is on');
sql_as($node, 'work', 'owner1', "SELECT taskcenter.pause_task('fires')");
is(unaccounted_fires($node, 'work', 'fires'), 0, 'every instant has its run');

# ---- runs that workers claim ----

flag("'outside', false");
sql_as($node, 'work', 'owner1', q{SELECT taskcenter.create_task('external', kind => 'external', options => '{"requires_flag": "outside"}')});
my $worker = sql_as($node, 'work', 'owner1', q{SELECT taskcenter.register_worker('w', '{default}')});
my $stays = enqueue($node, 'work', 'owner1', 'external');
is(sql_as($node, 'work', 'owner1', "SELECT reason, detail FROM taskcenter.explain_run($stays)"),
	'its task requires a flag that is off|Now flag "outside" is not enabled; unless that changes it ends skipped when a worker claims.', 'what waits is told why');
flag("'outside', true");
is(sql_as($node, 'work', 'owner1', "SELECT reason FROM taskcenter.explain_run($stays)"), 'it waits for a worker', 'and waits while the flag is on');
flag("'outside', false");
is(sql_as($node, 'work', 'owner1', "SELECT count(*) FROM taskcenter.claim_runs($worker, 5)"), 0, 'workers get none while the flag is off');
is(statuses('external'), 'skipped 1', 'what was due is skipped');
flag("'outside', true");
my $claimed = enqueue($node, 'work', 'owner1', 'external');
is(sql_as($node, 'work', 'owner1', "SELECT run_id FROM taskcenter.claim_runs($worker, 5)"), $claimed, 'then they get what comes');
is(sql($node, 'work', "SELECT reason FROM taskcenter.task_run_history WHERE run_id = $claimed AND old_status = new_status"), 'flag "outside" is on for everybody', 'with the reason in its history');
is(sql_as($node, 'work', 'owner1', "SELECT taskcenter.unregister_worker($worker) IS NOT NULL; SELECT string_agg(event_type, ' ' ORDER BY event_id) FROM taskcenter.events WHERE event_type LIKE 'worker%'"), "t\nworker_registered worker_ended", 'events tell of the worker');
sql_as($node, 'work', 'owner1', "SELECT taskcenter.cancel_run($claimed)");

# ---- percent of owners ----

flag("'rollout', percent => 0");
create_task($node, 'work', $_, "of_$_", 'SELECT 1', options => '{"requires_flag": "rollout"}') for @owners;
my %had;
for my $percent (0, 30, 60, 100)
{
	flag("'rollout', percent => $percent");
	enqueue($node, 'work', $_, "of_$_") for @owners;
	settle($node, 'work', 30);
	my %has = map { $_ => 1 } split /\n/, sql($node, 'work', q{SELECT task FROM taskcenter.task_runs WHERE (task, run_id) IN (SELECT task, max(run_id) FROM taskcenter.task_runs GROUP BY 1) AND task LIKE 'of%' AND status = 'succeeded'});
	is_deeply([ grep { !$has{$_} } sort keys %had ], [], "at $percent percent nobody lost it");
	is(join(' ', sort keys %has), join(' ', sort split /\n/, sql($node, 'work', "SELECT 'of_' || o FROM unnest('{" . join(',', @owners) . "}'::text[]) AS o WHERE taskcenter.flag_enabled('rollout', o)")), scalar(keys %has) . ' owners have it: those that flag_enabled() names');
	%had = %has;
}
is(scalar(keys %had), scalar(@owners), 'everybody at 100');

# ---- a circle that two make at once ----

flag("'left', true");
flag("'right', true");
my $one = $node->background_psql('work', on_error_stop => 0);
$one->query("BEGIN; SELECT taskcenter.set_flag('left', requires => '{right}')");
my ($out, $err) = ('', '');
my $other = IPC::Run::start([ $node->installed_command('psql'), '-XAt', '-d', $node->connstr('work'), '-c', "SELECT taskcenter.set_flag('right', requires => '{left}')" ], '>', \$out, '2>', \$err);
ok(defined wait_for($node, 'work', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%set_flag%'}), 'the second waits for the first');
$one->query('COMMIT');
$other->finish;
like($err, qr/flag "right" would require itself/, 'and is refused');

# ---- a switch waits for no other flag ----

for my $open (q{'left', true, 50}, q{'left', requires => '{rollout}'})
{
	$one->query("BEGIN; SELECT taskcenter.set_flag($open)");
	is(sql($node, 'work', q{SET statement_timeout = '5s'; SELECT taskcenter.set_flag('right', false)}), 'off', "with set_flag($open) open another one is switched off");
	is(sql($node, 'work', q{SET statement_timeout = '5s'; SELECT taskcenter.set_flag('right', true, 100)}), 'on', 'and on');
	$one->query('ROLLBACK');
}
# what is given is put over what there is, not over what there was
$one->query(q{BEGIN; SELECT taskcenter.set_flag('left', percent => 7)});
$other = IPC::Run::start([ $node->installed_command('psql'), '-XAt', '-d', $node->connstr('work'), '-c', q{SELECT taskcenter.set_flag('left', false)} ], '>', \$out, '2>', \$err);
ok(defined wait_for($node, 'work', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%set_flag%'}), 'who changes the same flag waits');
$one->query('COMMIT');
$other->finish;
is(sql($node, 'work', q{SELECT enabled, percent FROM taskcenter.feature_flags WHERE flag = 'left'}), 'f|7', 'and both changes last');
# under a snapshot that is older than what flags require
$one->query(q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM taskcenter.feature_flags});
flag(q{'left', requires => '{}'});
flag(q{'right', requires => '{left}'});
$one->query(q{SELECT taskcenter.set_flag('left', requires => '{right}')});
$one->query('ROLLBACK');
is(sql($node, 'work', q{SELECT requires FROM taskcenter.feature_flags WHERE flag = 'left'}), '{}', 'no circle arises');
$one->quit;

# ---- a restart ----

my $flags = sql($node, 'work', 'SELECT * FROM taskcenter.feature_flags ORDER BY flag');
$node->restart;
is(sql($node, 'work', 'SELECT * FROM taskcenter.feature_flags ORDER BY flag'), $flags, 'flags survive a restart');
enqueue($node, 'work', 'owner1', 'flagged');
ok(defined settle($node, 'work', 20), 'and rule from the first claim on');
is(sql($node, 'work', 'SELECT count(*) FROM taskcenter.check_integrity()'), 0, 'all that happened was legal');
check_log($node, per_minute => 30, allow => qr/terminating|connection/);
$node->stop;
done_testing();
