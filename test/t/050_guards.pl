# While a guard is not in force, or library and SQL objects differ, nothing is
# started, and everything says so; one call brings the guards back.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('guards', 'max_worker_processes' => 16);
new_database($node, 'work', 'app');
sql($node, 'work', "SELECT taskcenter.create_task('t', 'SELECT 1')");
my $guards = "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'guards'";
my $broken = 'SELECT count(*) FROM taskcenter.guard_problems() WHERE NOT in_force';

sub run_now { return sql($node, 'work', "SELECT taskcenter.enqueue_task('t')"); }
sub state_of { return "SELECT status FROM taskcenter.task_runs WHERE run_id = $_[0]"; }

# Its scheduler has found out, and says so to whoever asks.
sub is_barred
{
	my ($what, $why) = @_;
	my $run = run_now();

	ok(wait_for($node, 'work', "SELECT detail ~ '$why' FROM taskcenter.explain_run($run) WHERE reason = 'the scheduler refuses to work'", 't'),
		"$what: explain_run() says why");
	is(sql($node, 'work', state_of($run)), 'queued', "$what: the run waits");
	return $run;
}

sub goes_on
{
	my ($what, $run) = @_;

	ok(wait_for($node, 'work', state_of($run), 'succeeded'), "$what: it goes on");
	is(sql($node, 'work', $guards), 'ok', "$what: status is well");
	is(sql($node, 'work', 'SELECT count(*) FROM taskcenter.guard_problems()'), 0, "$what: no problem is left");
	return;
}

my $first = run_now();
ok(wait_for($node, 'work', state_of($first), 'succeeded'), 'a run, before');
is(sql($node, 'work', $guards), 'ok', 'all guards are in force');
is(sql($node, 'work', 'SELECT taskcenter.repair_guards()'), 0, 'nothing is to be repaired');

# ---- what superusers do to triggers ----

for my $harm (
	[ 'disabled', 'ALTER TABLE taskcenter.live_runs DISABLE TRIGGER guard_status', 'live_runs.guard_status is disabled' ],
	[ 'as pg_restore --disable-triggers leaves it', 'ALTER TABLE taskcenter.tasks DISABLE TRIGGER ALL; ALTER TABLE taskcenter.tasks ENABLE TRIGGER ALL', 'tasks.[a-z_]+ is not enabled always' ],
	[ 'dropped', 'DROP TRIGGER guard_record ON taskcenter.task_run_history', 'task_run_history.*is missing' ],
	[ 'dropped from truncation', 'DROP TRIGGER guard_truncate ON taskcenter.finished_runs_1_rest', 'finished_runs_1_rest.guard_truncate is missing' ],
	[ 'replaced', q{CREATE FUNCTION public.other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
		CREATE OR REPLACE TRIGGER guard_definition BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.tasks
		FOR EACH ROW EXECUTE FUNCTION public.other(); ALTER TABLE taskcenter.tasks ENABLE ALWAYS TRIGGER guard_definition}, 'tasks.guard_definition was replaced' ],
	[ 'conditional', q{CREATE OR REPLACE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.queues
		FOR EACH ROW WHEN (false) EXECUTE FUNCTION taskcenter.audit_change(); ALTER TABLE taskcenter.queues ENABLE ALWAYS TRIGGER audit_change}, 'queues.audit_change was replaced' ],
	[ 'of a partition only', 'ALTER TABLE taskcenter.finished_runs_1_rest DISABLE TRIGGER guard_status', 'finished_runs_1_rest.guard_status is disabled' ])
{
	my ($what, $sql, $why) = @$harm;
	my $from = -s $node->logfile;

	sql($node, 'work', $sql);
	is(sql($node, 'work', $guards), 'fail', "$what: status says so");
	my $run = is_barred($what, $why);
	ok(wait_until(sub { slurp_file($node->logfile, $from) =~ /WARNING:  taskcenter starts nothing in database "work"/ }, 10)
		// ($what ne 'disabled'), "$what: so does the log") if $what eq 'disabled';
	cmp_ok(sql($node, 'work', "SELECT taskcenter.repair_guards('test')"), '>', 0, "$what: repaired");
	goes_on($what, $run);
}

# ---- also where it is found at the start ----

sql($node, 'work', 'ALTER TABLE taskcenter.finished_runs ENABLE REPLICA TRIGGER guard_status');
$node->restart;
my $run = is_barred('after a restart', 'finished_runs.guard_status is not enabled always');
my ($code, $out, $err) = $node->psql('work', 'SET ROLE app; SELECT taskcenter.repair_guards()');
like($err, qr/permission denied to repair guards/, 'not for everybody');
cmp_ok(sql($node, 'work', $broken), '>', 0, 'nothing was repaired by it');
cmp_ok(sql($node, 'work', "SELECT taskcenter.repair_guards('test')"), '>', 0, 'repaired');
goes_on('after a restart', $run);

# ---- a stranger's trigger is told of, and does not stop the work ----

sql($node, 'work', q{CREATE TRIGGER own AFTER INSERT ON taskcenter.tasks FOR EACH ROW EXECUTE FUNCTION public.other();
	CREATE RULE quiet AS ON DELETE TO taskcenter.queues DO ALSO NOTHING});
is(sql($node, 'work', $guards), 'warn', 'status warns of the triggers and rules of others');
$run = run_now();
ok(wait_for($node, 'work', state_of($run), 'succeeded'), 'the work goes on');
sql($node, 'work', 'DROP TRIGGER own ON taskcenter.tasks; DROP RULE quiet ON taskcenter.queues');
is(sql($node, 'work', $guards), 'ok', 'without them all is well');

# ---- a function that is not ours any more: no call repairs that ----

sql($node, 'work', q{CREATE TEMP TABLE kept AS SELECT pg_get_functiondef('taskcenter.guard_task'::regproc) AS definition;
	CREATE OR REPLACE FUNCTION taskcenter.guard_task() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'});
is(sql($node, 'work', q{SELECT DISTINCT problem FROM taskcenter.guard_problems()}), 'calls a function that was replaced', 'a replaced function is found');
($code, $out, $err) = $node->psql('work', 'SELECT taskcenter.repair_guards()', extra_params => ['-v', 'VERBOSITY=verbose']);
like($err, qr/55000: guards could not be brought back/, 'and refused');
sql($node, 'work', q{CREATE OR REPLACE FUNCTION taskcenter.guard_task() RETURNS trigger LANGUAGE c AS '$libdir/taskcenter', 'taskcenter_guard_task'});
is(sql($node, 'work', $guards), 'ok', 'put back by hand');

# ---- library and SQL objects of different versions ----

sql($node, 'work', q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'taskcenter'});
$node->restart;
$run = is_barred('another version', 'the library is [0-9.]+, the SQL objects are 0.9');
is(sql($node, 'work', "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'version'"), 'fail', 'status says so');
sql($node, 'work', q{UPDATE pg_extension SET extversion = (SELECT substring(detail FROM 'Library ([0-9.]+)')
	FROM taskcenter.status_checks() WHERE check_name = 'version') WHERE extname = 'taskcenter'});
ok(wait_for($node, 'work', state_of($run), 'succeeded'), 'it goes on by itself when they agree');

check_log($node, allow => qr/starts nothing in database|taskcenter goes on|It found that|repair_guards|permission denied|could not be brought back|These are not in force|Objects of the extension/);
$node->stop;
done_testing();
