# What a command can do to the process, the transaction and the session that
# execute it, and that none of it reaches the record or another run.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start(
	'traps', conf => q{
taskcenter.max_executors = 12
taskcenter.cancel_grace = 1
wal_writer_delay = '10s'
});

$tc->sql(q{
CREATE TABLE effects (run_id bigint, pid int DEFAULT pg_backend_pid(), note text);
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (id int REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
CREATE SEQUENCE tries;
CREATE ROLE team NOLOGIN;
CREATE ROLE solo LOGIN CONNECTION LIMIT 1;
GRANT team TO app, solo;
GRANT USAGE, CREATE ON SCHEMA public TO team;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app, team, solo;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app, team, solo;
CREATE FUNCTION keep(note text) RETURNS text LANGUAGE sql AS
  $$INSERT INTO public.effects (run_id, note)
    VALUES ((SELECT run_id FROM taskcenter.current_run()), note) RETURNING note$$;
});

sub kept
{
	my ($run) = @_;
	return $tc->sql("SELECT string_agg(note, ',' ORDER BY ctid) FROM effects WHERE run_id = $run->{run_id}");
}

sub pid_now
{
	my ($task) = @_;
	return $tc->run($task // 'pid')->{output};
}

my $tell_pid = 'SELECT taskcenter.set_output(to_jsonb(pg_backend_pid()))';
$tc->task('pid', $tell_pid);
ok(pid_now(), 'an executor serves');

# ---- the transaction's own properties ----

my %kinds = (
	'READ ONLY' => [ 'transaction_read_only', 'on' ],
	'ISOLATION LEVEL SERIALIZABLE' => [ 'transaction_isolation', 'serializable' ],
	'ISOLATION LEVEL REPEATABLE READ' => [ 'transaction_isolation', 'repeatable read' ],
	'ISOLATION LEVEL READ UNCOMMITTED' => [ 'transaction_isolation', 'read uncommitted' ],
	'ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE' => [ 'transaction_deferrable', 'on' ]);
for my $kind (sort keys %kinds)
{
	my ($name, $value) = @{ $kinds{$kind} };
	my $run = $tc->once("SET TRANSACTION $kind",
		"SET TRANSACTION $kind; SELECT taskcenter.set_output(to_jsonb(current_setting('$name')))");
	$tc->is_run($run, 'succeeded', "SET TRANSACTION $kind");
	is($run->{output}, $value, 'is in force in the command');
}
my $run = $tc->once('read only, written', "SET TRANSACTION READ ONLY; SELECT keep('x')");
$tc->failed_with($run, '25006', 'a read-only command cannot write');
$run = $tc->once('read only at the end', "SELECT keep('before'); SET TRANSACTION READ ONLY");
$tc->is_run($run, 'succeeded', 'READ ONLY at the end');
is(kept($run), 'before', 'keeps what was written before');
$run = $tc->once('isolation too late',
	"SELECT keep('x'); SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
$tc->failed_with($run, '25001', 'an isolation level after a query fails the run');
$tc->is_sql(q{SELECT learned_mode FROM taskcenter.tasks WHERE name = 'isolation too late'},
	'', 'and is no reason to run it outside a transaction');

# ---- every setting that a role can set ----

# A fingerprint of the session first, then the setting, to an extreme value.
$tc->sql(q{
CREATE TABLE fingerprints (run_id bigint, pid int, setting text, fingerprint text);
GRANT ALL ON fingerprints TO app;
CREATE FUNCTION fingerprint(of text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog AS
  $$BEGIN INSERT INTO public.fingerprints
    SELECT (SELECT run_id FROM taskcenter.current_run()), pg_backend_pid(), of,
      md5(string_agg(s.name || '=' || s.setting, ';' ORDER BY s.name)) || current_user
    FROM pg_settings AS s WHERE s.name NOT IN ('search_path', 'transaction_read_only'); END$$;
CREATE FUNCTION extreme_values(setting text) RETURNS SETOF text LANGUAGE sql AS
  $$SELECT v FROM pg_settings AS s, LATERAL (
      SELECT CASE s.setting WHEN 'on' THEN 'off' ELSE 'on' END AS v WHERE s.vartype = 'bool'
      UNION ALL SELECT unnest(s.enumvals) WHERE s.vartype = 'enum'
      UNION ALL SELECT s.min_val WHERE s.vartype IN ('integer', 'real')
      UNION ALL SELECT s.max_val WHERE s.vartype IN ('integer', 'real')
      UNION ALL SELECT x.v FROM (VALUES ('search_path', ''), ('search_path', 'pg_temp'),
        ('search_path', 'evil, pg_catalog'), ('client_encoding', 'LATIN1'), ('client_encoding', 'SQL_ASCII'),
        ('DateStyle', 'German, DMY'), ('TimeZone', 'Asia/Kolkata'), ('timezone_abbreviations', 'India'),
        ('lc_messages', 'C'), ('lc_numeric', 'C'), ('lc_time', 'C'), ('lc_monetary', 'C'),
        ('default_tablespace', 'nowhere'), ('temp_tablespaces', ''), ('application_name', ''),
        ('default_table_access_method', 'heap'), ('default_text_search_config', 'pg_catalog.german'),
        ('local_preload_libraries', ''), ('dynamic_library_path', '/nowhere'),
        ('session_preload_libraries', ''), ('log_destination', 'stderr')) AS x (name, v)
        WHERE s.vartype = 'string' AND x.name = s.name) AS values
    WHERE s.name = $1$$;
CREATE VIEW sweep AS
  SELECT s.name, s.context, format('SELECT fingerprint(%L); SET %s = %L', s.name, s.name, v) AS command,
    row_number() OVER (PARTITION BY s.name) AS n
  FROM pg_settings AS s, LATERAL extreme_values(s.name) AS v
  WHERE s.context IN ('user', 'superuser') AND s.name NOT IN ('transaction_isolation',
    'transaction_read_only', 'transaction_deferrable', 'exit_on_error');
});

sub sweep
{
	my ($role, $contexts) = @_;
	my $count = $tc->sql(
		qq{SELECT count(taskcenter.create_task('sweep $role ' || name || n, command, run_as => '$role'))
		FROM sweep WHERE context IN ($contexts)});

	$tc->sql(
		qq{SELECT count(*) FROM (SELECT taskcenter.enqueue_tasks(jsonb_agg(jsonb_build_object('task', name)
		ORDER BY name)) FROM taskcenter.tasks WHERE name LIKE 'sweep $role %') AS made});
	ok($tc->finish_all("sweep $role %", 60), "$role: every setting that it can set ($count)");
	$tc->is_sql(
		qq{SELECT string_agg(what, ', ') FROM (
		SELECT concat_ws(' ', task, status, sqlstate, error) AS what FROM taskcenter.task_runs
		WHERE task LIKE 'sweep $role %' AND status <> 'succeeded'
		  AND sqlstate IS DISTINCT FROM '22023' AND sqlstate IS DISTINCT FROM '0A000' LIMIT 5) AS bad},
		'', 'none of them touches the record of a run');
	$tc->is_sql(
		qq{SELECT count(*) > $count / 2 FROM taskcenter.task_runs
		WHERE task LIKE 'sweep $role %' AND status = 'succeeded'},
		't', 'and most are really set');
	$tc->is_sql(
		qq{SELECT count(DISTINCT fingerprint) FROM fingerprints AS f
		JOIN taskcenter.task_runs AS r USING (run_id) WHERE r.task LIKE 'sweep $role %'},
		'1', 'no run sees what another one set');
	return;
}

sweep('app', q{'user'});
sweep('postgres', q{'user', 'superuser'});
$tc->none_failed('no executor ended by it');

# ---- what a search path could put in front of our own statements ----

$tc->sql(q{SET ROLE app; CREATE SCHEMA evil;
CREATE TABLE evil.calls (who text);
CREATE FUNCTION evil.equal(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO evil.calls VALUES (current_user); RETURN $1 OPERATOR(pg_catalog.=) $2; END$$;
CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.equal);
CREATE FUNCTION evil.nextval(regclass) RETURNS bigint LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO evil.calls VALUES (current_user); RETURN 1; END$$;
RESET ROLE});
$run = $tc->once('hijack', q{SET search_path = evil, pg_catalog, public;
	CREATE TEMP TABLE live_runs (run_id bigint); CREATE TEMP TABLE finished_runs (run_id bigint);
	SELECT public.keep('mine')});
$tc->is_run($run, 'succeeded', 'a hostile search path');
$tc->is_sql('SELECT count(*) FROM evil.calls', '0', 'is in front of nothing of ours');

# ---- roles ----

$run = $tc->once('reset role', q{RESET ROLE; RESET SESSION AUTHORIZATION;
	SET SESSION AUTHORIZATION DEFAULT;
	SELECT taskcenter.set_output(to_jsonb(session_user || '/' || current_user))});
is($run->{output}, 'app/app', 'there is nobody else to go back to');
$tc->failed_with($tc->once('be superuser', 'SET ROLE postgres'), '42501', 'SET ROLE to a mightier role');
$tc->failed_with($tc->once('become superuser', 'SET SESSION AUTHORIZATION postgres'),
	'42501', 'SET SESSION AUTHORIZATION');
$run = $tc->once('set role', q{SET ROLE team; SELECT keep(current_user)});
$tc->is_run($run, 'succeeded', 'SET ROLE to a role that it is a member of');
is(kept($run), 'team', 'is in force in the command');
$run = $tc->once('after set role', q{SELECT keep(current_user)});
is(kept($run), 'app', 'and in no other run');

$tc->sql(q{CREATE ROLE other LOGIN; GRANT team TO other; ALTER ROLE other SET role = team;
	GRANT ALL ON effects TO other});
for my $turn ('first', 'second')
{
	$run = $tc->once("default role $turn", q{SELECT keep(session_user || '/' || current_user);
		SET ROLE other; SELECT keep(current_user)}, run_as => 'other');
	$tc->is_run($run, 'succeeded', "ALTER ROLE ... SET role, $turn run");
	is(kept($run), 'other/team,other', 'begins as a session of that role does');
}

# ---- deferred until commit ----

$run = $tc->once('deferred constraint', 'INSERT INTO children VALUES (1)');
$tc->failed_with($run, '23503', 'a deferred constraint fails the run at its commit');
is($tc->history($run->{run_id}), 'queued running failed', 'it has one end');
$tc->is_sql('SELECT count(*) FROM children', '0', 'and no effects');
$tc->is_sql(
	"SELECT count(*) FROM taskcenter.finished_runs WHERE run_id = $run->{run_id}",
	'1', 'it is recorded once');

$tc->sql(q{
CREATE TABLE watched (depth int, who text DEFAULT session_user || '/' || current_user);
GRANT ALL ON watched TO app;
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
  SET CONSTRAINTS ALL DEFERRED;
  BEGIN EXECUTE 'SET ROLE postgres'; EXCEPTION WHEN insufficient_privilege THEN NULL; END;
  IF NEW.depth < 4 THEN INSERT INTO watched (depth) VALUES (NEW.depth + 1); END IF;
  RAISE NOTICE 'at depth %', NEW.depth;
  RETURN NULL; END$$;
CREATE CONSTRAINT TRIGGER again AFTER INSERT ON watched DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION again();
CREATE FUNCTION deferred_code() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN EXECUTE NEW.note; RETURN NULL; END$$;
CREATE TABLE deferred (note text);
GRANT ALL ON deferred TO app;
CREATE CONSTRAINT TRIGGER deferred_code AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION deferred_code();
});
$run = $tc->once('deferred again', 'INSERT INTO watched VALUES (1)');
$tc->is_run($run, 'succeeded', 'a deferred trigger that defers again');
$tc->is_sql(q{SELECT string_agg(DISTINCT who, ',') || count(*) FROM watched},
	'app/app4', 'always runs as the session\'s role');
is(scalar(grep { /at depth/ } $tc->logs($run->{run_id})), 4, 'what it says is in the log');

$run = $tc->once('deferred error', q{INSERT INTO deferred VALUES ('SELECT 1/0')});
$tc->failed_with($run, '22012', 'a deferred trigger that fails');
$run = $tc->once('deferred sleep', q{INSERT INTO deferred VALUES ('SELECT pg_sleep(60)')},
	timeout => '200 milliseconds');
$tc->is_run($run, 'timed_out', 'a deferred trigger that runs into the time limit');
$run = $tc->once('deferred settings', q{INSERT INTO deferred VALUES
	('SET transaction_read_only = on'), ('SET search_path = evil'), ('SET ROLE team')});
$tc->is_run($run, 'succeeded', 'a deferred trigger that sets what it can');
$tc->none_failed('no executor ended by it');

# ---- left behind ----

$tc->sql(q{CREATE FUNCTION remains() RETURNS text LANGUAGE sql AS $$
SELECT concat_ws(' ',
  (SELECT 'prepared' FROM pg_prepared_statements LIMIT 1),
  (SELECT 'cursor' FROM pg_cursors WHERE name LIKE 'left%' LIMIT 1),
  (SELECT 'temp' WHERE to_regclass('pg_temp.leftover') IS NOT NULL),
  (SELECT 'lock' FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() LIMIT 1),
  (SELECT 'custom' WHERE current_setting('my.leftover', true) <> ''),
  (SELECT 'work_mem' WHERE current_setting('work_mem') <> '4MB'),
  (SELECT 'name' WHERE current_setting('application_name') = 'leftover'),
  (SELECT 'channel' FROM pg_listening_channels() LIMIT 1),
  (SELECT 'role' WHERE current_user <> 'solo'))$$;
CREATE FUNCTION last_value_seen() RETURNS text LANGUAGE plpgsql AS
$$BEGIN RETURN lastval(); EXCEPTION WHEN object_not_in_prerequisite_state THEN RETURN 'none'; END$$});
my $leave = q{CREATE TEMP TABLE leftover (x int); CREATE TEMP SEQUENCE left_sequence;
SELECT nextval('left_sequence'); PREPARE left_prepared AS SELECT 1;
DECLARE left_cursor CURSOR WITH HOLD FOR SELECT 1; SELECT pg_advisory_lock(77);
SELECT pg_advisory_lock_shared(77); SET work_mem = '1MB'; SET my.leftover = 'x';
SET application_name = 'leftover'; SET SESSION ROLE team; SELECT setseed(0.5)};
my $look = q{SELECT taskcenter.set_output(jsonb_build_array(remains(), last_value_seen(),
  pg_backend_pid(), random()))};
# a role that has one executor
$tc->task('look', $look, run_as => 'solo');
for my $mode ('atomic', 'autonomous')
{
	my $before = $tc->run('look')->{output};
	$run = $tc->once("leave $mode", $leave, transaction_mode => $mode, run_as => 'solo');
	$tc->is_run($run, 'succeeded', "much left behind, $mode");
	my $after = $tc->run('look')->{output};
	is($after->[2], $before->[2], 'the next run has the same process');
	is($after->[0], '', 'and finds nothing of it');
	is($after->[1], 'none', 'nor the state of a sequence');
	$tc->run("leave $mode");
	isnt($tc->run('look')->{output}[3], $after->[3], 'nor of random()');
}
$run = $tc->once('leave and fail', "$leave; SELECT 1/0", run_as => 'solo');
$tc->failed_with($run, '22012', 'much left behind by a failed run');
is($tc->run('look')->{output}[0], '', 'is gone, too');
$tc->is_sql('SELECT pg_try_advisory_lock(77)', 't', 'its lock is free');

# ---- the text ----

for my $control ('BEGIN', 'START TRANSACTION', 'COMMIT', 'END', 'ROLLBACK', 'ABORT',
	'COMMIT AND CHAIN', 'SAVEPOINT a', 'RELEASE a', 'ROLLBACK TO a',
	q{PREPARE TRANSACTION 'x'}, q{COMMIT PREPARED 'x'}, 'SELECT 1; COMMIT; SELECT 2')
{
	$tc->refused('SELECT taskcenter.create_task(\'control\', ' . Taskcenter::quote($control) . ')',
		'0A000', "$control in the text is refused");
}
$tc->refused(qq{SELECT taskcenter.create_task('empty', '$_')}, '42601', "a command of \"$_\" is refused")
  for ' ', ';', '-- nothing', '/* nothing */ ; ;';
$tc->refused(q{SELECT taskcenter.create_task('empty', '')}, '22023', 'and an empty one');
$tc->refused(q{SELECT taskcenter.create_task('broken', 'SELEC 1')}, '42601', 'and a broken one');

# what a catalog edit puts there fails the run alone
my %edits = (
	'COMMIT' => '0A000', "SELECT keep('x'); ROLLBACK; SELECT keep('y')" => '0A000',
	q{PREPARE TRANSACTION 'x'} => '0A000', 'SAVEPOINT a' => '0A000',
	'-- nothing' => '42601', '' => '42601', 'SELEC 1' => '42601');
$tc->task('edited', 'SELECT 1');
for my $text (sort keys %edits)
{
	$tc->sql('UPDATE taskcenter.tasks SET definition_version = definition_version + 1, command = '
		  . Taskcenter::quote($text) . q{ WHERE name = 'edited'});
	$run = $tc->run('edited');
	$tc->failed_with($run, $edits{$text}, "an edited command \"$text\"");
	is(kept($run), '', 'has no effect');
}
$run = $tc->once('dynamic', q{DO $$ BEGIN EXECUTE 'PREPARE TRANSACTION ''x'''; END $$});
is("$run->{status} $run->{sqlstate}", 'failed 0A000', 'PREPARE TRANSACTION from PL/pgSQL');

# ---- no client ----

$tc->sql('CREATE TABLE copied (x int); GRANT ALL ON copied TO app');
$tc->failed_with($tc->once('copy in', 'COPY copied FROM STDIN'), '0A000', 'COPY FROM STDIN');
$tc->failed_with($tc->once('copy out', 'COPY copied TO STDOUT'), '0A000', 'COPY TO STDOUT');
$tc->failed_with($tc->once('listen', 'LISTEN anything'), '0A000', 'LISTEN');
$tc->is_run($tc->once('notify', q{NOTIFY anything, 'hello'}), 'succeeded', 'NOTIFY');
$tc->is_run($tc->once('unlisten', 'UNLISTEN *'), 'succeeded', 'UNLISTEN');
$tc->none_failed('no executor ended by it');

# ---- collisions: repeated at once, uncounted ----

$tc->sql(q{CREATE TABLE counters (id int PRIMARY KEY, n int);
	INSERT INTO counters VALUES (1, 0), (2, 0); GRANT ALL ON counters TO app});
$tc->close_gate(1);
$tc->task('serialize', q{SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
	SELECT nextval('tries'), n FROM counters WHERE id = 1; } . $tc->gate(1)
	  . '; UPDATE counters SET n = n + 1 WHERE id = 1');
my @pair = map { $tc->enqueue('serialize') } 1, 2;
ok($tc->wait_at_gate(1, 2), 'two runs have their snapshots');
$tc->open_gate(1);
$tc->is_run($tc->finish($_), 'succeeded', 'both succeed') for @pair;
$tc->is_sql(q{SELECT n, last_value FROM counters, tries WHERE id = 1}, '2|3',
	'one of them after it was repeated');
like($tc->look($_)->{attempt} . ' ' . $tc->history($_),
	qr/^1 queued( running queued)? running succeeded$/, 'uncounted')
  for @pair;

$tc->sql('ALTER SEQUENCE tries RESTART');
$tc->close_gate(2);
$tc->task('deadlock', q{SELECT nextval('tries');
	UPDATE counters SET n = n + 1 WHERE id = (taskcenter.param('first'))::int; } . $tc->gate(2)
	  . q{; UPDATE counters SET n = n + 1 WHERE id = 3 - (taskcenter.param('first'))::int});
@pair = map { $tc->enqueue('deadlock', params => { first => $_ }) } 1, 2;
ok($tc->wait_at_gate(2, 2), 'two runs hold what the other one wants');
$tc->open_gate(2);
$tc->is_run($tc->finish($_), 'succeeded', 'both succeed') for @pair;
$tc->is_sql(q{SELECT string_agg(n::text, ',' ORDER BY id) FROM counters}, '4,2', 'each of them once');
$tc->is_sql('SELECT last_value >= 3 FROM tries', 't', 'one of them after a deadlock');
like($tc->look($_)->{attempt} . ' ' . $tc->history($_),
	qr/^1 queued( running queued)? running succeeded$/, 'uncounted')
  for @pair;

$tc->sql('ALTER SEQUENCE tries RESTART');
$run = $tc->once('collides', q{SELECT nextval('tries');
	DO $$ BEGIN RAISE SQLSTATE '40001'; END $$});
$tc->failed_with($run, '40001', 'a run that always collides fails in the end');

# and within one time limit
$run = $tc->once('collides slowly', q{SELECT pg_sleep(0.7); DO $$ BEGIN RAISE SQLSTATE '40001'; END $$},
	timeout => '1 s');
is($run->{status}, 'timed_out', 'a run that collides again and again has one time limit');
$tc->is_sql("SELECT finished_at - run_at < '1.6 s' FROM taskcenter.task_runs WHERE run_id = $run->{run_id}",
	't', 'which it does not exceed');
$tc->is_sql('SELECT last_value BETWEEN 2 AND 20 FROM tries', 't', 'after a few repetitions');
is($run->{attempt}, 1, 'which were one attempt');

# ---- memory ----

# A limit for this process alone: enough for its work, not for what follows.
$tc->task('pid of solo', $tell_pid, run_as => 'solo');
my $pid = pid_now('pid of solo');
my ($size) = `cat /proc/$pid/status` =~ /^VmSize:\s+(\d+)/m;
system('prlimit', "--pid=$pid", '--as=' . ($size + 65536) * 1024) == 0
  or die 'could not limit the memory of an executor';
$run = $tc->once('memory', q{DO $$ DECLARE kept text[]; BEGIN
	FOR i IN 1..200 LOOP kept[i] := repeat('x', 10000000); END LOOP; END $$}, run_as => 'solo');
$tc->failed_with($run, '53200', 'out of memory fails the run');
is(pid_now('pid of solo'), $pid, 'and not the executor');
system('prlimit', "--pid=$pid", '--as=unlimited:');
$run = $tc->once('huge', q{SELECT repeat('x', 1100000000)}, run_as => 'solo');
is($run->{status}, 'failed', 'more than a value can hold fails the run');
$tc->sql(q{CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS
	$$BEGIN RETURN deep(n + 1); END$$});
$tc->failed_with($tc->once('deep', 'SELECT deep(1)', run_as => 'solo'), '54001',
	'endless recursion fails the run');
is(pid_now('pid of solo'), $pid, 'only');

# ---- messages ----

my $log_size = $tc->log_size;
$run = $tc->once('storm', q{DO $$ BEGIN FOR i IN 1..50000 LOOP
	RAISE NOTICE 'message % of a storm', i; END LOOP; END $$});
$tc->is_run($run, 'succeeded', 'a storm of messages');
my @lines = $tc->logs($run->{run_id});
cmp_ok(scalar(@lines), '<=', 1001, 'is kept up to a bound');
is($lines[0], 'notice: message 1 of a storm', 'from its beginning');
like($lines[-1], qr/\b49\d\d\d\b/, 'the last line tells how many more there were');
cmp_ok($tc->log_size - $log_size, '<', 20000, 'the server log does not grow');
$run = $tc->once('one huge', q{DO $$ BEGIN RAISE NOTICE '%', repeat('ä', 1000000); END $$});
$tc->is_run($run, 'succeeded', 'one huge message');
@lines = $tc->logs($run->{run_id});
cmp_ok(length($lines[0]), '<', 20000, 'is cut');
$run = $tc->once('huge error', q{DO $$ BEGIN RAISE '%', repeat('ö', 1000000); END $$});
$tc->failed_with($run, 'P0001', 'a huge error');
cmp_ok(length($run->{error}), '<', 20000, 'is cut, too');

# ---- time ----

my $limit = '300 milliseconds';

sub ended_in_time
{
	my ($run, $seconds, $name) = @_;
	return $tc->is_sql(
		"SELECT finished_at - started_at < '$seconds seconds' FROM taskcenter.task_runs"
		  . " WHERE run_id = $run->{run_id}", 't', $name);
}

$run = $tc->once('slow', 'SELECT pg_sleep(60)', timeout => $limit);
$tc->is_run($run, 'timed_out', 'a run that takes longer than its limit');
ended_in_time($run, 1.3, 'ends within a second of it');
is($tc->history($run->{run_id}), 'queued running timed_out', 'and says so');
$run = $tc->once('disarm', q{SET statement_timeout = 0; SET LOCAL statement_timeout = 0;
	SET lock_timeout = 0; SELECT set_config('taskcenter.cancel_grace', '100000', true)},
	timeout => $limit);
$tc->failed_with($run, '55P02', 'a command cannot set our parameters');
$run = $tc->once('disarm timer', q{SET statement_timeout = 0; SELECT pg_sleep(60)}, timeout => $limit);
$tc->is_run($run, 'timed_out', 'nor disarm the limit');
ended_in_time($run, 1.3, 'by whatever it sets');
$run = $tc->once('swallow', q{DO $$ BEGIN
	BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
	PERFORM keep('swallowed'); END $$}, timeout => $limit);
$tc->is_run($run, 'timed_out', 'a command that swallows its time-out has not succeeded');
is(kept($run), '', 'it has no effects');
$run = $tc->once('swallow in batch', q{DO $$ BEGIN
	BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
	PERFORM keep('swallowed'); END $$}, timeout => $limit, transaction_mode => 'batched');
$tc->is_run($run, 'timed_out', 'nor in a batch');
is(kept($run), '', 'without effects');
$run = $tc->once('swallow all', q{DO $$ BEGIN LOOP
	BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$},
	timeout => $limit);
$tc->is_run($run, 'timed_out', 'a command that swallows every time-out');
ended_in_time($run, 10, 'loses its process after the grace');
# ---- the end of the process ----

$run = $tc->once('suicide', 'SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)');
is("$run->{status} $run->{lost} $run->{attempt}", 'failed 3 1',
	'a command that always ends its process is given up after max_lost');
is($tc->history($run->{run_id}),
	'queued running queued running queued running failed', 'each loss is in its history');
$run = $tc->once('fatal', q{SET exit_on_error = on; SELECT 1/0},
	options => { max_lost => 1 });
is("$run->{status} $run->{lost}", 'failed 1', 'a command that raises FATAL');
$run = $tc->once('once', 'SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)',
	on_crash => 'fail');
is("$run->{status} $run->{lost} " . $tc->history($run->{run_id}), 'failed 1 queued running failed',
	'on_crash "fail" repeats nothing');

sub end_executor_of
{
	my ($run, $function) = @_;
	$tc->wait_at_gate(3);
	return $tc->sql("SELECT $function(pid) FROM taskcenter.running_runs WHERE run_id = $run");
}

$tc->task('ended', $tc->gate(3) . q{; SELECT keep('done')});
$tc->close_gate(3);
my $ended = $tc->enqueue('ended');
end_executor_of($ended, 'pg_cancel_backend');
$run = $tc->finish($ended);
is("$run->{status} $run->{sqlstate}", 'cancelled 57014', 'pg_cancel_backend() cancels the run');
$ended = $tc->enqueue('ended');
end_executor_of($ended, 'pg_terminate_backend');
ok($tc->wait_until("SELECT lost = 1 FROM taskcenter.live_runs WHERE run_id = $ended"),
	'pg_terminate_backend() loses the run');
$tc->open_gate(3);
$run = $tc->finish($ended);
is("$run->{status} $run->{lost} $run->{attempt} " . kept($run), 'succeeded 1 1 done',
	'which is executed again, uncounted');

# ---- defaults of databases and roles ----

my %defaults = (
	readonly => 'default_transaction_read_only = on',
	serial => 'default_transaction_isolation = serializable',
	limited => "statement_timeout = '1ms'",
	lock => "lock_timeout = '1ms'",
	idle => "idle_in_transaction_session_timeout = '1ms'",
	replica => 'session_replication_role = replica',
	path => 'search_path = evil',
	quiet => 'client_min_messages = error');
for my $role (sort keys %defaults)
{
	$tc->sql("CREATE ROLE $role LOGIN; ALTER ROLE $role SET $defaults{$role};"
		  . "GRANT ALL ON effects TO $role");
	$run = $tc->once("as $role", 'SELECT pg_sleep(0.01)', run_as => $role, timeout => '30 seconds');
	$tc->is_run($run, 'succeeded', "the role's default $defaults{$role}");
	$run = $tc->once("failing as $role", 'SELECT 1/0', run_as => $role,
		max_attempts => 2, backoff => 'none');
	is("$run->{status} $run->{sqlstate} $run->{attempt}", 'failed 22012 2',
		'does not touch the record of a failure either');
}
$tc->failed_with($tc->once('write readonly', q{SELECT public.keep('x')}, run_as => 'readonly'),
	'25006', 'a command feels its role\'s default');
$run = $tc->once('write all the same', q{SET TRANSACTION READ WRITE; SELECT public.keep('x')},
	run_as => 'readonly');
$tc->is_run($run, 'succeeded', 'and may overrule it');

for my $default ('default_transaction_read_only = on', 'default_transaction_isolation = serializable',
	'synchronous_commit = off', "search_path = ''", 'row_security = off')
{
	my ($name) = split / /, $default;
	my $tells = "tells $default";

	$tc->task($tells, "SELECT taskcenter.set_output(to_jsonb(pg_catalog.current_setting('$name')))");
	my $before = $tc->run($tells)->{output};
	$tc->sql("ALTER DATABASE postgres SET $default");
	$tc->task("database $default", 'SELECT 1', schedule => '* * * * * *');
	ok( $tc->wait_until("SELECT count(*) > 0 FROM taskcenter.task_runs WHERE status = 'succeeded'"
			  . ' AND task = ' . Taskcenter::quote("database $default"), 10),
		"the database's default $default");
	$tc->sql('SELECT taskcenter.archive_task(' . Taskcenter::quote("database $default") . ')');
	isnt($tc->run($tells)->{output}, $before, 'is seen by the next run');
	$tc->sql("ALTER DATABASE postgres RESET $name");
}
$tc->sql(q{ALTER ROLE app SET work_mem = '3MB'});
is($tc->once('new default', q{SELECT taskcenter.set_output(to_jsonb(current_setting('work_mem')))})
	  ->{output}, '3MB', 'a new default of the role is seen by the next run');
$tc->sql('ALTER ROLE app RESET work_mem');

# ---- durability ----

$tc->sql(q{CREATE ROLE hasty LOGIN; ALTER ROLE hasty SET synchronous_commit = off;
	GRANT ALL ON deferred, effects TO hasty});
my $durability = q{INSERT INTO deferred
	VALUES ('SELECT public.keep(current_setting(''synchronous_commit''))')};
is(kept($tc->once('durable', $durability, run_as => 'hasty')), 'on',
	'a run commits durably whatever the defaults say');
is(kept($tc->once('durable all the same', "SET synchronous_commit = off; $durability")), 'on',
	'whatever the command sets');
is(kept($tc->once('hasty', $durability, options => { synchronous_commit => 'off' })), 'off',
	'unless the task says otherwise');

# ---- outside a transaction block ----

$tc->sql(q{CREATE PROCEDURE halves() LANGUAGE plpgsql AS
  $$BEGIN PERFORM keep('first'); COMMIT; PERFORM keep('second'); END$$;
CREATE TABLE vacuumed (x int); ALTER TABLE vacuumed OWNER TO app;
INSERT INTO vacuumed SELECT generate_series(1, 100)});
$tc->task('halves', 'CALL halves()');
$run = $tc->run('halves');
$tc->is_run($run, 'succeeded', 'a procedure that commits');
is(kept($run), 'first,second', 'is executed once');
is("$run->{attempt} " . $tc->history($run->{run_id}), '1 queued running succeeded', 'uncounted');
$tc->is_sql(q{SELECT learned_mode, transaction_mode, on_crash FROM taskcenter.tasks WHERE name = 'halves'},
	'autonomous|auto|fail', 'what was learned is stored, and a crash repeats nothing');
$run = $tc->run('halves');
is("$run->{status} " . kept($run), 'succeeded first,second', 'the next run begins so');
for my $command ('VACUUM vacuumed', 'VACUUM (ANALYZE) vacuumed',
	'CREATE INDEX CONCURRENTLY vacuumed_x ON vacuumed (x)', 'REINDEX TABLE CONCURRENTLY vacuumed',
	'DROP INDEX CONCURRENTLY vacuumed_x')
{
	$tc->is_run($tc->once($command, $command), 'succeeded', $command);
	$tc->is_sql("SELECT learned_mode FROM taskcenter.tasks WHERE name = '$command'",
		'autonomous', 'is known to be autonomous');
}
$tc->is_run($tc->once('vacuum in PL/pgSQL', q{DO $$ BEGIN EXECUTE 'VACUUM vacuumed'; END $$}),
	'failed', 'VACUUM inside of PL/pgSQL runs nowhere');
$tc->failed_with($tc->once('halves atomic', 'CALL halves()', transaction_mode => 'atomic'),
	'2D000', 'with transaction_mode "atomic" a procedure cannot commit');
$run = $tc->once('halves failing',
	q{DO $$ BEGIN PERFORM keep('stays'); COMMIT; PERFORM keep('goes'); PERFORM 1/0; END $$});
is("$run->{status} $run->{sqlstate} " . kept($run), 'failed 22012 stays',
	'what was committed before an error stays');
$run = $tc->once('statements', q{SELECT keep('stays'); SELECT keep(NULL || (1/0)::text); SELECT keep('never')},
	transaction_mode => 'autonomous');
is("$run->{status} $run->{sqlstate} " . kept($run), 'failed 22012 stays',
	'in autonomous mode each statement is by itself');
for my $code ('25001', '2D000')
{
	$run = $tc->once("raises $code",
		"SELECT nextval('tries'); DO \$\$ BEGIN RAISE SQLSTATE '$code'; END \$\$");
	$tc->failed_with($run, $code, "a command that itself raises $code");
	$tc->is_sql("SELECT learned_mode FROM taskcenter.tasks WHERE name = 'raises $code'",
		'', 'teaches nothing');
}
$run = $tc->once('left autonomous', 'SET work_mem = \'1MB\'; SELECT keep(current_setting(\'work_mem\'))',
	transaction_mode => 'autonomous');
is(kept($run), '1MB', 'settings last from statement to statement');
is($tc->run('look')->{output}[0], '', 'and not longer');

# ---- a run that steers itself ----

$run = $tc->once('cancels itself',
	'SELECT taskcenter.cancel_run((SELECT run_id FROM taskcenter.current_run()))',
	run_as => 'postgres');
like($run->{status}, qr/^(succeeded|cancelled)$/, 'a run that cancels itself ends');
$run = $tc->once('archives itself', q{SELECT taskcenter.archive_task('archives itself')},
	run_as => 'postgres');
like($run->{status}, qr/^(succeeded|cancelled)$/, 'a run that archives its task ends');
$run = $tc->once('enqueues', q{SELECT taskcenter.enqueue_task('pid')}, run_as => 'postgres');
$tc->is_run($run, 'succeeded', 'a run that makes another');
ok($tc->finish_all('pid'), 'which is executed');

# ---- batches ----

$tc->sql(q{SELECT taskcenter.create_queue('batches')});

sub batch
{
	my ($name, $command, %arguments) = @_;
	my @runs;

	$tc->task($name, $command, transaction_mode => 'batched', queue => 'batches', %arguments);
	$tc->sql(q{SELECT taskcenter.pause_queue('batches')});
	@runs = $tc->enqueue_many($name, 60);
	$tc->sql(q{SELECT taskcenter.resume_queue('batches')});
	$tc->finish_all($name);
	return "run_id BETWEEN $runs[0] AND $runs[-1]";
}

sub outcome
{
	my ($where) = @_;
	return $tc->sql(
		qq{SELECT string_agg(s, ' ' ORDER BY s) FROM (SELECT status || coalesce('/' || sqlstate, '')
		|| ' ' || count(*) || ' ' || max(attempt) AS s FROM taskcenter.task_runs WHERE $where
		GROUP BY status, sqlstate) AS counted});
}

my $where = batch('batch', q{SELECT keep((taskcenter.param('i'))::text)});
is(outcome($where), 'succeeded 60 1', 'a batch succeeds');
$tc->is_sql("SELECT count(*), count(DISTINCT run_id) FROM effects WHERE $where", '60|60', 'each run once');
$tc->is_sql("SELECT count(DISTINCT xmin::text) <= 3 FROM taskcenter.finished_runs WHERE $where",
	't', 'in very few transactions');

$where = batch('batch with one', q{SELECT keep('kept');
	SELECT 1 / ((taskcenter.param('i'))::int - 30)});
is(outcome($where), 'failed/22012 1 1 succeeded 59 1', 'one run of a batch that fails');
$tc->is_sql("SELECT count(*), count(DISTINCT run_id) FROM effects WHERE $where", '59|59', 'takes no other with it');

$where = batch('batch at commit', q{SELECT keep('kept');
	INSERT INTO children SELECT 1 WHERE taskcenter.param('i') = '30'});
is(outcome($where), 'failed/23503 1 1 succeeded 59 1', 'a batch that fails at its commit');
$tc->is_sql("SELECT count(*), count(DISTINCT run_id) FROM effects WHERE $where", '59|59', 'is repeated one by one');
$tc->is_sql(
	"SELECT count(*) FROM taskcenter.task_run_history WHERE $where",
	'180', 'and each run has one history');

$where = batch('batch settings', q{SELECT keep(current_setting('work_mem') || current_user
	|| current_setting('search_path') || coalesce(current_setting('my.batch', true), ''));
	SET work_mem = '1MB'; SET LOCAL search_path = evil; SET ROLE team; SET my.batch = 'x'});
is(outcome($where), 'succeeded 60 1', 'runs of a batch that set what they like');
$tc->is_sql("SELECT count(DISTINCT note), min(note) FROM effects WHERE $where",
	'1|4MBapp"$user", public', 'settings do not pass from run to run');

$where = batch('batch slow', q{SELECT keep('kept');
	SELECT pg_sleep(60) WHERE taskcenter.param('i') = '7'}, timeout => $limit);
is(outcome($where), 'succeeded 59 1 timed_out/57014 1 1', 'a time limit strikes one run of a batch');

$where = batch('batch log', q{SELECT taskcenter.write_log(taskcenter.param('level') #>> '{}',
	'line ' || run_id, jsonb_build_object('run', run_id, 'pad', repeat('x', run_id::int % 50)))
	FROM taskcenter.current_run()}, params => { level => 'warning' });
$tc->is_sql("SELECT count(*), count(DISTINCT run_id) FROM taskcenter.task_run_logs WHERE $where
	AND message = 'line ' || run_id AND level = 'warning' AND metadata->>'run' = run_id::text
	AND metadata->>'pad' = repeat('x', run_id::int % 50)", '60|60', 'each run keeps its own log line');

# ---- what a run knows of itself, while others change what its process has loaded ----

$tc->sql('CREATE TABLE told (run_id bigint, queue text); CREATE SEQUENCE queue_numbers;');
$tc->task('queue of', q{INSERT INTO told SELECT run_id, queue FROM taskcenter.current_run();
	SELECT taskcenter.create_queue('queue ' || nextval('queue_numbers'))}, run_as => 'postgres');
$tc->enqueue_many('queue of', 200);
ok($tc->finish_all('queue of'), 'runs that make queues');
$tc->is_sql(q{SELECT queue, count(*) FROM told GROUP BY 1}, 'default|200', 'each knows the name of its own');

# ---- plans that are kept ----

# A function that is called immutable, and is not, gives what it gives to a client.
$tc->sql(q{CREATE TABLE rates AS SELECT 1 AS rate; CREATE TABLE rated (rate int);
	GRANT ALL ON rates, rated TO app;
	CREATE FUNCTION rate_now() RETURNS int IMMUTABLE LANGUAGE plpgsql AS
	  $$BEGIN RETURN (SELECT rate FROM public.rates); END$$});
$tc->task('rate', 'INSERT INTO rated SELECT rate_now()');
for (1 .. 4)
{
	$tc->run('rate');
	$tc->sql('UPDATE rates SET rate = rate + 1');
}
$tc->is_sql(q{SELECT string_agg(rate::text, ' ' ORDER BY rate) FROM rated}, '1 2 3 4',
	'what a function gives is not kept in a plan');

# ---- all of it ----

$tc->is_sql('SELECT count(*) FROM taskcenter.live_runs', '0', 'every run has ended');
$tc->is_sql(
	q{SELECT count(*) FROM (SELECT run_id FROM taskcenter.finished_runs GROUP BY run_id
	HAVING count(*) > 1) AS twice}, '0', 'and none twice');
$tc->never_crashed;
$tc->stop;
done_testing();
