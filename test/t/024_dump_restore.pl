# Dump, restore and upgrade: nothing is lost, doubled or started.  A restored
# database does nothing until it is adopted, and then goes on where it was.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = new_server('source', 'max_worker_processes' => 24);
my $target = new_server('target', 'max_worker_processes' => 24);
my $dumps = PostgreSQL::Test::Utils::tempdir;
my @roles = qw(alice bob);

# ---- a database with some of everything ----

new_database($source, 'origin', @roles);
sql($source, 'origin', 'CREATE TABLE app.pace AS SELECT 0::float8 AS seconds; GRANT ALL ON app.pace TO PUBLIC');
for my $role (@roles)
{
	create_task($source, 'origin', $role, "tick_$role", EFFECT, schedule => '* * * * * *', params => '{"a": "b"}', tags => '{x,"y z"}');
	create_task($source, 'origin', $role, "work_$role", EFFECT . "; SELECT taskcenter.set_output('[1]'); SELECT taskcenter.write_log('notice', E'a line\\nand \"more\"')");
	create_task($source, 'origin', $role, "fail_$role", 'SELECT 1/0', max_attempts => 2, backoff => 'none');
	create_task($source, 'origin', $role, "sleep_$role", EFFECT . '; SELECT pg_sleep(seconds) FROM app.pace');
	create_task($source, 'origin', $role, "kept_$role", EFFECT, options => '{"retention": "keep"}');
	enqueue_many($source, 'origin', $role, $_, 5) for ("work_$role", "fail_$role", "kept_$role");
	sql_as($source, 'origin', $role, "SELECT taskcenter.enqueue_task('work_$role', unique_key => 'k', options => '{\"unique_for\": \"1 hour\"}')");
	sql_as($source, 'origin', $role, "SELECT taskcenter.enqueue_task('work_$role', run_at => now() + interval '1 day', unique_key => 'later')");
	sql_as($source, 'origin', $role, "SELECT taskcenter.cancel_run(taskcenter.enqueue_task('work_$role', run_at => now() + interval '1 day'))");
}
create_task($source, 'origin', 'alice', 'archived', 'SELECT 1');
sql_as($source, 'origin', 'alice', "SELECT taskcenter.archive_task('archived', 'no longer wanted')");
create_task($source, 'origin', 'alice', 'paused', EFFECT, schedule => 'every 1 second');
sql_as($source, 'origin', 'alice', "SELECT taskcenter.pause_task('paused', 'for now'); SELECT taskcenter.schedule_task('paused', '0 3 * * *', 'nightly', 'Europe/Berlin')");
sql($source, 'origin', "SELECT taskcenter.create_queue('slow', 1, 'one at a time'); SELECT taskcenter.set_setting('runs_retention', '90 days'); SELECT taskcenter.set_flag('new', percent => 5), taskcenter.override_flag('new', 'alice', true)");
sql_as($source, 'origin', 'alice', "SELECT taskcenter.grant_access('bob', 'viewer', task => 'kept_alice')");
sql_as($source, 'origin', 'bob', <<'SQL');
SELECT taskcenter.create_workflow('review', 'open', '{"open": ["read"], "read": [{"to": "done", "requires": ["by"]}], "done": []}');
SELECT taskcenter.create_task('moved_bob', kind => 'manual', options => '{"workflow": "review"}');
SELECT taskcenter.create_task('article_bob', kind => 'manual');
SELECT taskcenter.set_task_status('moved_bob', 'done');
UPDATE taskcenter.tasks SET status = 'read' WHERE name = 'moved_bob';
SQL
wait_for($source, 'origin', "SELECT count(*) >= 4 FROM taskcenter.task_runs WHERE task LIKE 'tick%'");
wait_for($source, 'origin', "SELECT count(*) FROM taskcenter.live_runs AS r JOIN taskcenter.tasks USING (task_id) WHERE name NOT LIKE 'tick%' AND r.run_at < now()", '0', 30);
# a span without ticks is recorded as skipped
sql_as($source, 'origin', 'bob', "SELECT taskcenter.pause_task('tick_bob'); SELECT pg_sleep(1.1); SELECT taskcenter.resume_task('tick_bob')");
sql($source, 'origin', 'UPDATE app.pace SET seconds = 3600');
enqueue($source, 'origin', 'alice', 'sleep_alice');
wait_for($source, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = 'origin'", '1');
sql($source, 'origin', 'UPDATE app.pace SET seconds = 0');
# It stands still, and only because its server has no processes of ours now.
configure($source, 'taskcenter.enabled' => 'off');
$source->reload;
wait_until(sub { schedulers($source) == 0 }, 10);
sql($source, 'postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'taskcenter executor'");
wait_until(sub { executors($source) == 0 }, 10);
is(sql($source, 'origin', "SELECT state FROM taskcenter.scheduler_state"), 'running', 'the dump is of a database that would work');
is(sql($source, 'origin', "SELECT count(*) FROM taskcenter.live_runs WHERE status = 'running'"), 1, 'with a run that runs');
enqueue_many($source, 'origin', 'bob', 'work_bob', 3);

# Every relation of ours, its rows in order, by a digest; and every sequence.
my $relations = <<'SQL';
SELECT format('SELECT %L, count(*), md5(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C")) FROM %s AS t', relname, oid::regclass)
FROM pg_class AS c WHERE relnamespace = 'taskcenter'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY relname COLLATE "C" \gexec
SELECT format('SELECT %L, last_value, is_called FROM %s', relname, oid::regclass)
FROM pg_class WHERE relnamespace = 'taskcenter'::regnamespace AND relkind = 'S' ORDER BY relname COLLATE "C" \gexec
SQL

sub contents
{
	my ($node, $db) = @_;
	return sql($node, $db, $relations);
}

my $original = contents($source, 'origin');
my $partitions = "SELECT string_agg(relid::text, ' ' ORDER BY relid::text COLLATE \"C\") FROM (SELECT 'taskcenter.finished_runs' AS r UNION ALL SELECT 'taskcenter.task_run_history' UNION ALL SELECT 'taskcenter.task_run_logs') AS roots, pg_partition_tree(r::regclass)";
my $original_partitions = sql($source, 'origin', $partitions);
note($original);
for my $filled (qw(tasks schedules skipped_fires queues setting_values scheduler_state live_runs finished_runs task_run_history task_run_logs kept_keys access_grants task_audit_logs workflows task_status_history noted_events feature_flags flag_overrides))
{
	unlike($original, qr/^$filled\|0\|/m, "$filled has rows to lose");
}
is(sql($source, 'origin', 'SELECT count(DISTINCT retention_class) FROM taskcenter.finished_runs'), 3, 'all retention classes have rows');

# ---- dumping and restoring ----

sub command
{
	my ($node, $name, @command) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGUSER => 'postgres');
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err);

	ok($ok, $name);
	is($err, '', "$name: without a word");
	return $ok;
}

sub dump_to
{
	my ($file, @options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return command($source, "pg_dump @options", 'pg_dump', @options, '-f', "$dumps/$file", 'origin');
}

# The database is whole, and nothing in it has started.
sub is_whole
{
	my ($node, $db, $name, $same_partitions) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(contents($node, $db), $original, "$name: every row and every sequence is there");
	is(sql($node, $db, $partitions), $original_partitions, "$name: so is every partition") if $same_partitions // 1;
	return;
}

# Watched for a while: a copy does nothing (P19).
sub is_quiet
{
	my ($node, $name, @databases) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $busy = wait_until(sub { executors($node) > 0 }, 2.5);

	ok(!defined $busy, "$name: no executor was started for 2.5 s");
	is(contents($node, $_), $original, "$name: $_ is unchanged") for @databases;
	is(sql($node, $_, "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'identity'"), 'fail', "$name: status of $_ says that it is a copy") for @databases;
	return;
}

sub restore_into
{
	my ($node, $db, $name, @command) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	sql($node, 'postgres', "CREATE DATABASE $db");
	return command($node, $name, @command);
}

my @restored;
subtest 'dumps are made while the server runs' => sub {
	dump_to('plain.sql');
	dump_to('custom', '-Fc');
	dump_to('directory', '-Fd', '-j8');
	dump_to('no_owner', '-Fc', '--no-owner', '--no-privileges');
	is(contents($source, 'origin'), $original, 'the original did not change');
};

subtest 'restore into a server that is preloaded and running' => sub {
	sql($target, 'postgres', 'CREATE ROLE alice LOGIN; CREATE ROLE extra LOGIN');
	sql($target, 'postgres', 'CREATE ROLE bob LOGIN');
	restore_into($target, 'plain', 'psql', 'psql', '-Xqo', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', 'plain', '-f', "$dumps/plain.sql");
	restore_into($target, 'custom', 'pg_restore', 'pg_restore', '-d', 'custom', "$dumps/custom");
	restore_into($target, 'single', 'pg_restore -1', 'pg_restore', '-1', '-d', 'single', "$dumps/custom");
	restore_into($target, 'jobs', 'pg_restore -j8', 'pg_restore', '-j8', '-d', 'jobs', "$dumps/directory");
	restore_into($target, 'no_owner', 'pg_restore --no-owner', 'pg_restore', '--no-owner', '-d', 'no_owner', "$dumps/no_owner");
	my @all = qw(plain custom single jobs no_owner);
	is_whole($target, $_, $_) for @all;
	is_quiet($target, 'preloaded', @all);
	is(sql($target, $_, "SELECT count(*) FROM taskcenter.status_checks() WHERE check_name = 'guards' AND state = 'ok'"), 1, "$_: the guards are in force") for @all;
};

subtest 'data only, into a fresh install' => sub {
	dump_to('data', '-Fc', '--data-only', '--load-via-partition-root', '--schema=taskcenter', '--extension=taskcenter');
	sql($target, 'postgres', 'CREATE DATABASE data_only');
	sql($target, 'data_only', 'CREATE EXTENSION taskcenter');
	command($target, 'pg_restore --data-only', 'pg_restore', '--data-only', '-d', 'data_only', "$dumps/data");
	is_whole($target, 'data_only', 'data only', 0);
	is_quiet($target, 'data only', 'data_only');
};

subtest 'adopted, it goes on' => sub {
	# what the commands need was not in these dumps
	sql($target, 'data_only', 'CREATE SCHEMA app; CREATE TABLE app.pace AS SELECT 0::float8 AS seconds;
		CREATE TABLE app.effects (run_id bigint, attempt int)');
	sql($target, $_, 'GRANT ALL ON SCHEMA app TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC') for qw(no_owner data_only);
	for my $db (qw(plain jobs no_owner data_only))
	{
		my $ids = sql($target, $db, 'SELECT max(run_id) FROM taskcenter.task_runs');
		is(sql($target, $db, "SELECT taskcenter.adopt_database('the old server is gone')"), 0, "$db: adopted");
		ok(wait_for($target, $db, "SELECT count(*) FROM taskcenter.task_runs WHERE finished_at IS NULL AND run_at < now() - interval '2 seconds'", '0', 30),
			"$db: what waited and what was lost is executed");
		is(sql($target, $db, "SELECT status, lost FROM taskcenter.task_runs WHERE task = 'sleep_alice'"), 'succeeded|1', "$db: the lost one is repeated");
		ok(wait_for($target, $db, "SELECT count(*) >= 2 FROM taskcenter.task_runs WHERE task = 'tick_bob' AND run_id > $ids"), "$db: schedules fire");
		is(sql($target, $db, 'SELECT count(*) FROM (SELECT run_id FROM taskcenter.live_runs UNION ALL SELECT run_id FROM taskcenter.finished_runs) AS r GROUP BY run_id HAVING count(*) > 1'),
			'', "$db: no id is used twice");
		cmp_ok(enqueue($target, $db, 'alice', 'work_alice'), '>', $ids, "$db: new ids follow the old ones");
		is(sql_as($target, $db, 'alice', "SELECT taskcenter.enqueue_task('work_alice', run_at => now() + interval '1 day', unique_key => 'later') <= $ids"), 't',
			"$db: unique keys hold");
		is(sql($target, $db, "SELECT count(*) FROM taskcenter.tasks AS t JOIN pg_roles AS r ON r.rolname = t.owner AND r.oid = t.owner_id WHERE t.state <> 'archived'"),
			sql($source, 'origin', "SELECT count(*) FROM taskcenter.tasks WHERE state <> 'archived'"), "$db: roles are found by name");
		is(sql_as($target, $db, 'bob', "SELECT count(*) FROM taskcenter.task_runs WHERE task = 'work_alice'"), 0, "$db: bob sees nothing of alice's");
		cmp_ok(sql_as($target, $db, 'bob', "SELECT count(*) FROM taskcenter.task_run_logs"), '>=', 5, "$db: bob sees his logs");
		is(sql_as($target, $db, 'bob', "SELECT count(*) FROM taskcenter.tasks WHERE name = 'kept_alice'"), 1, "$db: what alice granted bob holds");
		is(sql_as($target, $db, 'extra', 'SELECT count(*) FROM taskcenter.tasks'), 0, "$db: and for nobody else");
		is(sql_as($target, $db, 'bob', "SELECT success FROM taskcenter.set_task_status('moved_bob', 'done', metadata => '{\"by\": \"bob\"}')"), 't', "$db: his task moves on");
		is(sql_as($target, $db, 'bob', "SELECT string_agg(concat(old_status, '>', new_status), ' ' ORDER BY id) FROM taskcenter.task_status_history JOIN taskcenter.tasks USING (task_id) WHERE name = 'moved_bob'"),
			'>open open>validation_failed open>read read>done', "$db: with its history, in its order");
		is(sql($target, $db, "SELECT confdeltype, convalidated FROM pg_constraint WHERE conrelid = 'taskcenter.task_status_history'::regclass AND contype = 'f'"), 'a|t', "$db: and the foreign key");
		is(sql($target, $db, "SELECT owner_id = 'bob'::regrole FROM taskcenter.workflows WHERE name = 'review'"), 't', "$db: and the workflow's owner");
		is(sql($target, $db, "SELECT count(*) FROM taskcenter.status_checks() WHERE state = 'fail'"), 0, "$db: status has no complaint")
		  or diag(sql($target, $db, "SELECT * FROM taskcenter.status_checks() WHERE state = 'fail'"));
		is(sql($target, $db, 'SELECT string_agg(DISTINCT relowner::regrole::text, \' \') FROM pg_class WHERE relnamespace = \'taskcenter\'::regnamespace'),
			'taskcenter_owner', "$db: every relation has its owner");
		sql($target, $db, "SELECT taskcenter.disable_scheduler('enough')");
	}
	is(sql($target, 'data_only', 'SELECT taskcenter.repair_partitions()'), 0, 'data only: adoption moved the rows to partitions of their own');
	is(sql($target, 'data_only', "SELECT count(*) FROM taskcenter.status_checks() WHERE check_name = 'default_partitions' AND state = 'ok'"), 1, 'and status is content');
	is(contents($target, 'custom'), $original, 'a database beside them is still quiet');
};

subtest 'adopted, with what is unfinished cancelled' => sub {
	my $unfinished = sql($target, 'single', 'SELECT count(*) FROM taskcenter.live_runs');
	is(sql($target, 'single', "SELECT taskcenter.adopt_database('for tests', unfinished => 'cancel')"), $unfinished, "all $unfinished are cancelled");
	is(sql($target, 'single', "SELECT count(*) FROM taskcenter.task_runs AS r JOIN taskcenter.task_run_history AS h USING (run_id)
			WHERE r.status = 'cancelled' AND h.new_status = 'cancelled' AND h.reason = 'for tests'"), $unfinished, 'with a reason in history');
	ok(wait_for($target, 'single', "SELECT count(*) >= 1 FROM taskcenter.task_runs WHERE task = 'tick_bob' AND scheduled_for > now() - interval '3 seconds'"), 'schedules fire');
	sql($target, 'single', "SELECT taskcenter.disable_scheduler('enough')");
};

subtest 'a role is missing' => sub {
	my $without = new_server('without', 'max_worker_processes' => 16);

	sql($without, 'postgres', 'CREATE ROLE bob LOGIN; CREATE ROLE alice_is_not_here LOGIN');
	restore_into($without, 'missing', 'pg_restore', 'pg_restore', '--no-owner', '--no-privileges', '-d', 'missing', "$dumps/no_owner");
	is_whole($without, 'missing', 'missing role');
	is(sql($without, 'missing', "SELECT taskcenter.adopt_database('moved')"), 0, 'adopted');
	is(sql($without, 'missing', "SELECT count(*), count(*) FILTER (WHERE state = 'quarantined' AND state_reason LIKE '%\"alice\" does not exist%')
			FROM taskcenter.tasks WHERE owner = 'alice' AND state <> 'archived'"), '6|6', "alice's tasks are quarantined, and say why");
	is(sql_as($without, 'missing', 'bob', "SELECT count(*) FROM taskcenter.tasks WHERE owner = 'alice'"), 0, 'what she granted does not hold');
	ok(wait_for($without, 'missing', "SELECT count(*) FROM taskcenter.live_runs AS r JOIN taskcenter.tasks AS t USING (task_id) WHERE t.name = 'work_bob' AND r.run_at < now()", '0'), "bob's go on");
	is(sql($without, 'missing', "SELECT count(*) FROM taskcenter.live_runs AS r JOIN taskcenter.tasks AS t USING (task_id) WHERE t.owner = 'alice'"),
		sql($source, 'origin', "SELECT count(*) FROM taskcenter.live_runs AS r JOIN taskcenter.tasks AS t USING (task_id) WHERE t.owner = 'alice'"), 'none of alice\'s runs is lost');
	check_log($without, per_minute => 20);
	$without->stop;
};

subtest 'pg_upgrade (T-U01)' => sub {
	my $upgraded = PostgreSQL::Test::Cluster->new('upgraded');
	my $bin = $source->config_data('--bindir');

	$upgraded->init(extra => [ '--no-locale', '--encoding=UTF8' ]);
	configure($upgraded, 'shared_preload_libraries' => "'taskcenter'", 'log_statement' => 'none', 'log_line_prefix' => "'%m|%p|%e|%b|'",
		'max_connections' => 60, 'max_worker_processes' => 24);
	my $before = contents($source, 'origin');
	configure($source, 'taskcenter.enabled' => 'on');
	$source->stop;

	# what pg_upgrade starts: a server in its mode has no process of ours
	my $socket = PostgreSQL::Test::Utils::tempdir_short;
	my $started = IPC::Run::run([ 'pg_ctl', '-w', '-D', $source->data_dir, '-l', "$dumps/b.log", '-o', "-b -c unix_socket_directories=$socket -p 50432", 'start' ], '>', \my $out, '2>', \my $err);
	ok($started, 'the server starts in the mode of pg_upgrade');
	my $seen = wait_until(sub {
		IPC::Run::run([ 'psql', '-XAtqh', $socket, '-p', 50432, '-c', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'taskcenter%'", 'postgres' ], '>', \my $count, '2>', \$err);
		return $count !~ /^0$/m;
	}, 2);
	ok(!defined $seen, 'no process of ours for 2 s');
	IPC::Run::run([ 'pg_ctl', '-w', '-D', $source->data_dir, 'stop' ], '>', \$out);
	unlike(slurp_file("$dumps/b.log"), qr/taskcenter/, 'and no line in its log');

	my $work = PostgreSQL::Test::Utils::tempdir;
	chdir $work or die $!;
	my $ok = IPC::Run::run([ 'pg_upgrade', '--no-sync', '-b', $bin, '-B', $bin, '-d', $source->data_dir, '-D', $upgraded->data_dir,
			'-p', $source->port, '-P', $upgraded->port, '-s', $socket, '--retain' ], '>', \$out, '2>&1');
	ok($ok, 'pg_upgrade succeeds') or diag($out);
	my $logs = '';
	for my $file (glob($upgraded->data_dir . '/pg_upgrade_output.d/*/log/*server*.log'), glob($upgraded->data_dir . '/pg_upgrade_output.d/log/*server*.log'))
	{
		$logs .= slurp_file($file);
	}
	isnt($logs, '', 'its servers left a log');
	unlike($logs, qr/taskcenter (?:launcher|scheduler|executor)/, 'in which no process of ours appears');
	$upgraded->start;
	is(contents($upgraded, 'origin'), $before, 'every row and every sequence is there');
	my $busy = wait_until(sub { executors($upgraded) > 0 }, 2);
	ok(!defined $busy, 'nothing starts');
	is(sql($upgraded, 'origin', "SELECT taskcenter.adopt_database('upgraded')"), 0, 'adopted');
	ok(wait_for($upgraded, 'origin', "SELECT count(*) FROM taskcenter.task_runs WHERE finished_at IS NULL AND run_at < now() - interval '2 seconds'", '0'), 'and it goes on');
	check_log($upgraded);
	$upgraded->stop;
	chdir $dumps;
};

check_log($source, per_minute => 20, allow => qr/terminating|exited with exit code/);
check_log($target, per_minute => 20);
$target->stop;
done_testing();
