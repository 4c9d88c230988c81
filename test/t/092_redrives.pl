# Dead letters that are redriven by themselves: when, how often, and which are not.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('redrives', conf => "fsync = off\ntaskcenter.max_executors = 2\n");

$tc->sql(q{CREATE TABLE gauge AS SELECT 0 AS level; GRANT ALL ON gauge TO app;
	CREATE FUNCTION work() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN IF (SELECT level FROM gauge) = 0 THEN RAISE 'it is full' USING ERRCODE = 'disk_full'; END IF; END $$});
$tc->task($_, 'SELECT work()') for qw(heals held late);
$tc->sql(q{SELECT taskcenter.create_queue('slow')});
$tc->task('spare', 'SELECT work()', queue => 'slow');
$tc->task('wrong', 'SELECT nothing FROM gauge');

sub fails
{
	my ($task) = @_;
	my $run = $tc->finish($tc->enqueue($task));
	is($run->{status}, 'failed', "a run of $task fails");
	return $run->{run_id};
}

# of the letter of a run
sub letter { return $tc->sql("SELECT $_[1] FROM taskcenter.dead_letters WHERE run_id = $_[0]"); }

# ---- off, unless it is switched on ----

my $first = fails('heals');
my $wrong = fails('wrong');
my $held = fails('held');
$tc->sql(q{SELECT taskcenter.disable_task('held')});
is($tc->sql('SELECT count(*), sum(redrives) FROM taskcenter.dead_letters'), '3|0', 'their letters stay');
$tc->refused(q{SELECT taskcenter.set_setting('redrive_after', '0 seconds')}, '22023', 'at once would be a loop');
$tc->refused(q{SELECT taskcenter.set_setting('redrive_most', 'all')}, '22023', 'so often is a number');

# ---- on: what may heal goes as often as is allowed, and no more ----

$tc->sql(q{SELECT taskcenter.set_setting('redrive_most', '2'), taskcenter.set_setting('redrive_after', '1 second')});
ok($tc->wait_until("SELECT redrives = 2 AND state = 'open' FROM taskcenter.dead_letters WHERE run_id = $first"),
	'a letter that was there goes, and once more when it failed again');
is($tc->sql(qq{SELECT count(*), bool_and(w.waited >= '1 second'), max(w.waited) FILTER (WHERE w.n = 2) < '2.5 seconds'
	FROM (SELECT changed_at - lag(changed_at) OVER h AS waited, count(*) FILTER (WHERE old_status = 'failed') OVER h AS n, old_status
		FROM taskcenter.task_run_history WHERE run_id = $first WINDOW h AS (ORDER BY changed_at)) AS w WHERE w.old_status = 'failed'}),
	'2|t|t', 'each time after the time that was set');
is($tc->sql(qq{SELECT a.actor, a.channel, a.reason, count(*) FROM taskcenter.task_audit_logs AS a JOIN taskcenter.dead_letters AS d ON d.dead_letter_id = a.object_id
	WHERE a.object_type = 'dead letter' AND a.action = 'redrive' AND d.run_id = $first GROUP BY 1, 2, 3}),
	'taskcenter scheduler|scheduler|redriven automatically|2', 'with a row of the audit');
is(letter($first, 'redriven_by'), 'taskcenter', 'and its letter says who did it');
is(letter($wrong, 'state, redrives'), 'open|0', 'what will fail again stays');
is($tc->sql(q{SELECT count(*) FROM taskcenter.dead_letters WHERE retryable}), '2', 'as the code of its failure says');
is(letter($held, 'state, redrives, note'), 'open|0|not redriven automatically: Its task "held" is disabled.',
	'what cannot go is left to people, and it is said why');

# ---- in time, and no further than needed ----

$tc->sql(q{SELECT taskcenter.set_setting('redrive_after', '2 seconds')});
my $second = fails('heals');
$tc->sql('UPDATE gauge SET level = 1');
ok($tc->wait_until("SELECT state = 'resolved' FROM taskcenter.dead_letters WHERE run_id = $second"), 'a letter whose run succeeds is closed');
is(letter($second, q{redrives, redriven_at - failed_at BETWEEN '2 seconds' AND '3.5 seconds'}), '1|t', 'it went when it was due');
is(letter($first, 'state, redrives'), 'open|2', 'one that has had its chances stays');

# a letter that somebody holds is not waited for, and goes afterwards
$tc->sql('UPDATE gauge SET level = 0');
my $third = fails('late');
$tc->session('holder');
$tc->sql('BEGIN', 'holder');
$tc->sql("SELECT dead_letter_id FROM taskcenter.dead_letters WHERE run_id = $third FOR UPDATE", 'holder');
$tc->sql('UPDATE gauge SET level = 1');
my $fourth = $tc->sql("SELECT failed_at + interval '2.5 seconds' FROM taskcenter.dead_letters WHERE run_id = $third");
ok($tc->wait_until("SELECT clock_timestamp() > '$fourth'"), 'it is due');
is($tc->finish($tc->enqueue('heals'))->{status}, 'succeeded', 'while somebody holds it others go on');
is(letter($third, 'state, redrives, note IS NULL'), 'open|0|t', 'and it waits');
$tc->sql('ROLLBACK', 'holder');
ok($tc->wait_until("SELECT state = 'resolved' FROM taskcenter.dead_letters WHERE run_id = $third"), 'then it goes');

# ---- what people decide is theirs ----

$tc->sql('UPDATE gauge SET level = 0');
my $cancelled = fails('spare');
$tc->sql(q{SELECT taskcenter.pause_queue('slow')});
ok($tc->wait_until("SELECT state = 'redriven' FROM taskcenter.dead_letters WHERE run_id = $cancelled"), 'a letter goes');
$tc->sql("SELECT taskcenter.cancel_run($cancelled, 'not now')");
is(letter($cancelled, 'state, redrives, note'), 'open|1|redriven automatically; its run cancelled', 'whoever cancels its run');
my $marker = fails('heals');
ok($tc->wait_until("SELECT redrives = 2 AND state = 'open' FROM taskcenter.dead_letters WHERE run_id = $marker"), 'while others go twice');
is(letter($cancelled, 'state, redrives'), 'open|1', 'has it for himself');
$tc->sql(q{SELECT taskcenter.set_failure_code('PARSE_ERROR', true)});
ok($tc->wait_until("SELECT redrives > 0 FROM taskcenter.dead_letters WHERE run_id = $wrong"), 'a code that is said to be retryable is so for what is there');
$tc->sql(q{SELECT taskcenter.set_failure_code('PARSE_ERROR', false)});

# ---- a composite goes on, and its letters keep their pace ----

$tc->sql(q{SELECT taskcenter.set_setting('redrive_after', '1 second')});
$tc->sql('UPDATE gauge SET level = 0');
$tc->sql(q{SELECT taskcenter.create_task('whole', kind => 'composite', options => jsonb_build_object('graph',
	'{"steps": {"one": {"command": "SELECT 1"}, "two": {"command": "SELECT work()", "after": ["one"]}, "three": {"command": "SELECT pg_sleep(2)"}}}'::jsonb))});
my $whole = $tc->finish($tc->enqueue('whole'))->{run_id};
ok($tc->wait_until("SELECT redrives = 2 AND state = 'open' FROM taskcenter.dead_letters WHERE root_run_id = $whole"),
	'the letter of a step goes with its composite');
is($tc->sql("SELECT looked_at > first_failed_at, note FROM taskcenter.dead_letters WHERE root_run_id = $whole"), 't|redriven automatically', 'once that has ended');
is($tc->sql("SELECT redriven_at - first_failed_at > '2 seconds' FROM taskcenter.dead_letters WHERE root_run_id = $whole"), 't', 'each time after the time that was set');

# ---- many: more than are looked at together ----

$tc->sql(q{SELECT taskcenter.set_setting('redrive_after', 'never')});
$tc->enqueue_many('late', 170);
ok($tc->wait_until(q{SELECT count(*) = 170 FROM taskcenter.open_dead_letters WHERE task = 'late'}), 'many letters');
$tc->sql('UPDATE gauge SET level = 1');
$tc->sql(q{SELECT taskcenter.set_setting('redrive_after', '1 second')});
ok($tc->wait_until(q{SELECT count(*) = 0 FROM taskcenter.open_dead_letters WHERE task = 'late'}), 'all go');
is($tc->sql(q{SELECT count(*) FROM taskcenter.task_audit_logs AS a WHERE action = 'redrive' AND object_name = 'late' AND reason = 'redriven automatically'}), '171', 'each with its row');

# ---- a run that is purged: its letter makes new ones, and counts them all ----

$tc->sql('UPDATE gauge SET level = 0');
$tc->sql(q{SELECT taskcenter.set_setting('redrive_after', 'never')});
$tc->task('gone', 'SELECT work()');
my $gone = fails('gone');
$tc->sql(q{ALTER TABLE taskcenter.finished_runs DISABLE TRIGGER guard_status});
$tc->sql("DELETE FROM taskcenter.finished_runs WHERE run_id = $gone");
$tc->sql(q{SELECT taskcenter.repair_guards()});
$tc->sql(q{SELECT taskcenter.set_setting('redrive_after', '1 second')});
ok($tc->wait_until("SELECT redrives = 2 AND state = 'open' FROM taskcenter.dead_letters WHERE first_run_id = $gone"), 'its letter goes as often as is allowed');
is($tc->sql("SELECT count(*), max(attempts), bool_and(run_id <> first_run_id) FROM taskcenter.dead_letters AS d JOIN taskcenter.tasks AS t USING (task_id) WHERE t.name = 'gone'"),
	'1|3|t', 'one letter for all of its runs');

# ---- paused, and after a crash ----

$tc->sql(q{SELECT taskcenter.set_setting('redrive_after', '2 seconds')});
$tc->sql('UPDATE gauge SET level = 0');
my $fifth = fails('late');
$tc->sql('SELECT taskcenter.pause_scheduler()');
$tc->sql('UPDATE gauge SET level = 1');
$tc->stop('immediate');
$tc->node->start;
$tc->wait_until('SELECT true');
my $due = $tc->sql("SELECT failed_at + interval '2.5 seconds' FROM taskcenter.dead_letters WHERE run_id = $fifth");
ok($tc->wait_until("SELECT clock_timestamp() > '$due'"), 'a letter is due');
is(letter($fifth, 'state, redrives'), 'open|0', 'while the scheduler is paused none goes');
$tc->sql('SELECT taskcenter.resume_scheduler()');
ok($tc->wait_until("SELECT state = 'resolved' FROM taskcenter.dead_letters WHERE run_id = $fifth"), 'afterwards it does, crash or not');
is($tc->sql("SELECT count(*) FROM taskcenter.check_integrity() WHERE object_id <> $gone"), '0', 'and all agrees');

$tc->stop;
done_testing();
