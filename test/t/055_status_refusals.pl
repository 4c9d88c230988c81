# A plain UPDATE of a status that is refused leaves its row of history all the
# same: across its abort, in bounds, and without holding anybody up.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('refusals',
	init => { allows_streaming => 1 },
	'max_prepared_transactions' => 4,
	'taskcenter.cancel_grace' => 1);

new_database($node, 'work', 'app', 'other');
sql($node, 'work', 'GRANT app TO other');
sql_as($node, 'work', 'app', "SELECT taskcenter.create_task(n, kind => 'manual') FROM unnest('{one,two,three}'::text[]) AS n");
create_task($node, 'work', 'app', 'job', EFFECT);

# Refusals that the history holds, of all tasks or one.
sub recorded
{
	my ($where) = @_;
	return 'SELECT count(*) FROM taskcenter.task_status_history AS h JOIN taskcenter.tasks AS t USING (task_id) WHERE NOT accepted AND '
	  . ($where // 'true');
}

sub counts
{
	my ($db) = @_;
	return sql($node, $db, "SELECT array_to_string(regexp_match(detail, '([0-9]+); .*: ([0-9]+)'), ' ') FROM taskcenter.status WHERE check_name = 'refused_updates'");
}

# An UPDATE that must be refused; its error.
sub refused
{
	my ($server, $db, $role, $script) = @_;
	my ($result, $out, $err) = $server->psql($db, "\\set VERBOSITY verbose\n$script", extra_params => [ '-U', $role ]);
	like($err, qr/ERROR:  23514: .*cannot go from/, 'refused');
	return $err;
}

sub many { return "DO \$\$ BEGIN FOR i IN 1..$_[1] LOOP BEGIN UPDATE taskcenter.tasks SET status = 'published' WHERE name = '$_[0]'; EXCEPTION WHEN check_violation THEN NULL; END; END LOOP; END \$\$"; }

# ---- across the abort ----

my $error = refused($node, 'work', 'other', <<'SQL');
BEGIN;
SELECT taskcenter.set_context(actor => 'ann', reason => 'password=hunter2 now');
UPDATE taskcenter.tasks SET status = 'rejected' WHERE name = 'one';
SQL
like($error, qr/DETAIL:  The status "pending" cannot become "rejected"\. Allowed from "pending": in_progress, failed, cancelled\./, 'with what is allowed');
ok(wait_for($node, 'work', recorded("name = 'one'"), 1), 'it is recorded');
is(sql_as($node, 'work', 'app', "SELECT old_status, new_status, requested_status, reason, metadata, actor, problems -> 0 ->> 'code', timestamp > now() - interval '1 minute' FROM taskcenter.transition_failures('one')"),
	'pending|validation_failed|rejected|password=[REDACTED] now|{}|ann|forbidden_move|t', 'with who, what and why');
is(sql($node, 'work', "SELECT status FROM taskcenter.tasks WHERE name = 'one'"), 'pending', 'and nothing else');
is(counts('work'), '0 0', 'none waits, none is lost');

$node->psql('work', "BEGIN; UPDATE taskcenter.tasks SET status = 'in_progress' WHERE name = 'one'; SAVEPOINT s; UPDATE taskcenter.tasks SET status = repeat('ö', 200) WHERE name = 'one'; ROLLBACK TO s; COMMIT;", on_error_stop => 0);
ok(wait_for($node, 'work', recorded("name = 'one' AND old_status = 'in_progress'"), 1), 'so is one behind a savepoint, of a transaction that commits');
is(sql($node, 'work', "SELECT requested_status = repeat('ö', 31), status FROM taskcenter.task_status_history JOIN taskcenter.tasks USING (task_id) WHERE NOT accepted AND old_status = 'in_progress'"),
	't|in_progress', 'cut at the end of a character; the rest is committed');
sql($node, 'work', "BEGIN; " . many('two', 1) . "; PREPARE TRANSACTION 'caught'; COMMIT PREPARED 'caught'");
ok(wait_for($node, 'work', recorded("name = 'two'"), 1), 'and one of a transaction that was prepared');
is(sql($node, 'work', "BEGIN; SELECT taskcenter.create_task('young', kind => 'manual') > 0; " . many('young', 1) . '; COMMIT'), 't', 'a task made in the same transaction');
ok(wait_for($node, 'work', recorded("name = 'young'"), 1), 'is visible when its refusal is recorded');
$node->psql('work', "BEGIN; SELECT taskcenter.create_task('never', kind => 'manual'); UPDATE taskcenter.tasks SET status = 'rejected' WHERE name = 'never'");
ok(wait_until(sub { counts('work') eq '0 0' }, 10), 'one that never was leaves nothing, and is no loss');

# ---- nobody is held up; what is too much is counted ----

is(sql($node, 'work', many('two', 100)), '', 'a transaction that catches a hundred of them');
ok(wait_for($node, 'work', recorded("name = 'two'"), 33), 'has thirty-two recorded');
is(counts('work'), '0 68', 'the others are counted');
is(sql($node, 'work', "SELECT state FROM taskcenter.status WHERE check_name = 'refused_updates'"), 'warn', 'and shown');

sub session
{
	my (@steps) = @_;
	my $session = $node->background_psql('work', extra_params => [ '-U', 'app' ]);
	$session->query_safe($_) for @steps;
	return $session;
}

# The owner locks the row of his task before its refusals arrive.
sub locked_refusals
{
	my @writers = map { session('BEGIN', many('three', 32)) } 1 .. $_[0];
	my $holder = session('BEGIN', "SELECT task_id FROM taskcenter.tasks WHERE name = 'three' FOR UPDATE");

	$_->query_safe('COMMIT') && $_->quit for @writers;
	return $holder;
}

my $holder = locked_refusals(5);
ok(wait_until(sub { counts('work') eq '128 100' }, 10), 'no more than the quota of the database waits');
new_database($node, 'second');
sql($node, 'second', "SELECT taskcenter.create_task('one', kind => 'manual')");
refused($node, 'second', 'postgres', "UPDATE taskcenter.tasks SET status = 'published'");
ok(wait_for($node, 'second', recorded(), 1), 'another database has its own');
my $run = enqueue($node, 'work', 'app', 'job');
ok(wait_for($node, 'work', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'), 'the scheduler is not held up');
refused($node, 'work', 'app', "UPDATE taskcenter.tasks SET status = 'published' WHERE name = 'one'");
ok(wait_until(sub { counts('work') eq '128 101' }, 10), 'one more is lost');
is(sql($node, 'work', recorded("name = 'three'")), 0, 'nothing is written of a task that is locked');
$holder->query_safe('COMMIT');
ok(wait_for($node, 'work', recorded("name = 'three'"), 128), 'all that waited is written when the lock is gone');
is(sql($node, 'work', "SELECT bool_and(timestamp >= before) FROM (SELECT timestamp, lag(timestamp) OVER (ORDER BY id) AS before FROM taskcenter.task_status_history WHERE NOT accepted AND task_id = (SELECT task_id FROM taskcenter.tasks WHERE name = 'two')) AS h"), 't', 'in their order');
is(counts('work'), '0 101', 'and waits no more');
$holder->quit;

# ---- whoever ends, and however ----

my $doomed = session('BEGIN', many('one', 1));
is(sql($node, 'work', "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE state = 'idle in transaction'"), 1, 'a session is terminated');
ok(wait_for($node, 'work', recorded("name = 'one' AND requested_status = 'published'"), 1), 'its refusals are recorded');
sql($node, 'work', "SELECT taskcenter.disable_scheduler('test')");
refused($node, 'work', 'app', "UPDATE taskcenter.tasks SET status = 'rejected' WHERE name = 'two'");
ok(wait_for($node, 'work', recorded("name = 'two' AND requested_status = 'rejected'"), 1), 'a disabled scheduler records too');
sql($node, 'work', "SELECT taskcenter.resume_scheduler('test')");

sql($node, 'postgres', 'CREATE DATABASE copy TEMPLATE second');
ok(wait_for($node, 'copy', "SELECT state FROM taskcenter.status WHERE check_name = 'identity'", 'fail'), 'a copy is not adopted');
ok(wait_until(sub { schedulers($node, 'copy') == 1 }, 20), 'its scheduler looks on');
refused($node, 'copy', 'postgres', "UPDATE taskcenter.tasks SET status = 'rejected'");
ok(wait_until(sub { counts('copy') eq '1 0' }, 10), 'what is refused in it waits');
sql($node, 'copy', "SELECT taskcenter.adopt_database('test')");
ok(wait_for($node, 'copy', recorded(), 2), 'and is recorded when it is adopted');

$holder = locked_refusals(1);
ok(wait_until(sub { counts('work') =~ /^32 / }, 10), 'some wait');
my $all = sql($node, 'work', 'SELECT count(*) FROM taskcenter.task_status_history');
kill_9($node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"));
ok(defined wait_ready($node), 'the server restarts after a crash');
ok(wait_until(sub { (counts('work') // '') eq '0 0' }, 20), 'what waited is gone with its shared memory');
is(sql($node, 'work', 'SELECT count(*) FROM taskcenter.task_status_history'), $all, 'what was recorded is there');
ok(wait_until(sub { schedulers($node, 'work') == 1 }, 30), 'the scheduler is back');
refused($node, 'work', 'app', "UPDATE taskcenter.tasks SET status = 'rejected' WHERE name = 'two'");
ok(wait_for($node, 'work', recorded("name = 'two' AND requested_status = 'rejected'"), 2), 'the next one is recorded');

# ---- a standby, and a server without the library ----

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is(sql($standby, 'work', "SELECT string_agg(to_status, ' ') FROM taskcenter.allowed_transitions('two')"), 'in_progress failed cancelled', 'a standby tells what is allowed');
cmp_ok(sql($standby, 'work', "SELECT count(*) FROM taskcenter.status_history('two')"), '>', 30, 'and what was');
my ($result, $out, $err) = $standby->psql('work', "\\set VERBOSITY sqlstate\nSELECT taskcenter.set_task_status('two', 'failed')");
like($err, qr/25006/, 'and moves nothing');
$standby->stop('immediate');

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
$all = sql($node, 'work', 'SELECT count(*) FROM taskcenter.task_status_history');
refused($node, 'work', 'app', "UPDATE taskcenter.tasks SET status = 'published' WHERE name = 'two'");
is(sql($node, 'work', 'SELECT count(*) FROM taskcenter.task_status_history'), $all, 'without preloading it is refused, and not recorded');
is(sql($node, 'work', "SELECT success FROM taskcenter.set_task_status('two', 'published')"), 'f', 'the function refuses');
is(sql($node, 'work', 'SELECT count(*) FROM taskcenter.task_status_history'), $all + 1, 'and records it itself');
sql($node, 'work', "UPDATE taskcenter.tasks SET status = 'in_progress' WHERE name = 'two'");
is(sql($node, 'work', "SELECT new_status FROM taskcenter.status_history('two', 1)"), 'in_progress', 'as is what is allowed');
$node->stop;
done_testing();
