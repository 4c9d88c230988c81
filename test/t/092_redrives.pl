# Dead letters that are redriven by themselves: when, how often, and which are not.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('redrives', conf => "fsync = off\ntaskcenter.max_executors = 2\n");

$tc->sql('CREATE TABLE gauge AS SELECT 0 AS level; GRANT ALL ON gauge TO app');
$tc->task($_, 'SELECT 1 / level FROM gauge') for qw(heals held late);
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

$tc->sql(q{SELECT taskcenter.set_setting('redrive_most', '2'), taskcenter.set_setting('redrive_after', '2 seconds')});
ok($tc->wait_until("SELECT redrives = 2 AND state = 'open' FROM taskcenter.dead_letters WHERE run_id = $first"),
	'a letter that was there goes, and once more when it failed again');
is($tc->sql(qq{SELECT count(*), bool_and(w.waited >= '2 seconds'), max(w.waited) FILTER (WHERE w.n = 2) < '3.5 seconds'
	FROM (SELECT changed_at - lag(changed_at) OVER h AS waited, count(*) FILTER (WHERE old_status = 'failed') OVER h AS n, old_status
		FROM taskcenter.task_run_history WHERE run_id = $first WINDOW h AS (ORDER BY changed_at)) AS w WHERE w.old_status = 'failed'}),
	'2|t|t', 'each time after the time that was set');
is($tc->sql(qq{SELECT a.actor, a.channel, a.reason, count(*) FROM taskcenter.task_audit_logs AS a JOIN taskcenter.dead_letters AS d ON d.dead_letter_id = a.object_id
	WHERE a.object_type = 'dead letter' AND a.action = 'redrive' AND d.run_id = $first GROUP BY 1, 2, 3}),
	'taskcenter scheduler|scheduler|redriven automatically|2', 'with a row of the audit');
is(letter($first, 'redriven_by'), 'taskcenter', 'and its letter says who did it');
is(letter($wrong, 'state, redrives'), 'open|0', 'what will fail again stays');
is(letter($held, 'state, redrives, note'), 'open|0|not redriven automatically: Its task "held" is disabled.',
	'what cannot go is left to people, and it is said why');

# ---- in time, and no further than needed ----

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

# ---- paused, and after a crash ----

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
is($tc->sql('SELECT count(*) FROM taskcenter.check_integrity()'), '0', 'and all agrees');

$tc->stop;
done_testing();
