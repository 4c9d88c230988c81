# Purging beside everything else: locks that others hold, sessions that purge
# at once, crashes at any point, and the purge that comes by itself.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_server('main', 'taskcenter.purge_interval' => 0, 'autovacuum' => 'off', 'max_worker_processes' => 24);

# Runs with history and a line each, spread over the days from $oldest to $newest days ago.
my $past = <<'SQL';
CREATE SEQUENCE past_ids START 1000000;
CREATE FUNCTION past(task text, runs int, oldest int, newest int) RETURNS bigint LANGUAGE sql AS $$
WITH made AS (
    SELECT nextval('past_ids') AS run_id, t.task_id, t.owner_id, t.run_as_id,
        now() - interval '1 second' - (newest + n % (oldest - newest)) * interval '1 day' AS at,
        CASE WHEN t.retention_class = 3 THEN 3 ELSE 1 END AS class
    FROM taskcenter.tasks AS t, generate_series(1, runs) AS n WHERE t.name = task),
finished AS (
    INSERT INTO taskcenter.finished_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at,
        created_at, started_at, finished_at, retention_class, priority, attempt, max_attempts,
        lost, is_catchup, status, params, created_by)
    SELECT run_id, task_id, run_as_id, owner_id, 1, at, at, at, at, class, 0, 1, 1, 0, false,
        'cancelled', '{}', 'test' FROM made),
noted AS (
    INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id, task_id,
        retention_class, attempt, old_status, new_status, actor)
    SELECT run_id, at, owner_id, task_id, class, 1, 'running', 'cancelled', 'test' FROM made),
said AS (
    INSERT INTO taskcenter.task_run_logs (run_id, logged_at, owner_id, task_id, retention_class,
        attempt, level, message)
    SELECT run_id, at, owner_id, task_id, class, 1, 'notice', 'line' FROM made)
SELECT count(*) FROM made
$$;
CREATE VIEW counts AS
SELECT 'finished_runs' AS relation, count(*) FROM taskcenter.finished_runs
UNION ALL SELECT 'task_run_history', count(*) FROM taskcenter.task_run_history
UNION ALL SELECT 'task_run_logs', count(*) FROM taskcenter.task_run_logs;
SQL

# A database with tasks and a past, and what was there.
sub new_past
{
	my ($db, $runs, $oldest, $newest) = @_;

	new_database($node, $db, 'app');
	create_task($node, $db, 'app', $_, 'SELECT 1') for qw(plain held);
	sql($node, $db, $past);
	sql($node, $db, "SELECT past('plain', $runs, $oldest, $newest), past('held', $runs / 10, $oldest, $newest)");
	sql($node, $db, 'SELECT taskcenter.repair_partitions()');
	sql($node, $db, 'CREATE TABLE before AS TABLE counts');
	return;
}

# What is gone is what the audit says, whatever happened in between.
sub accounted
{
	my ($db, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(sql($node, $db, <<'SQL'), '', "$name: what is gone is what the audit tells");
SELECT b.relation, b.count, c.count, p.taken FROM before AS b JOIN counts AS c USING (relation),
    LATERAL (SELECT coalesce(sum(rows), 0) AS taken FROM taskcenter.purges AS p WHERE p.relation = b.relation) AS p
WHERE b.count - c.count <> p.taken
SQL
}

sub in_policy
{
	my ($db, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(sql($node, $db, 'SELECT count(*) FROM taskcenter.purges WHERE newest > cutoff'), '0',
		"$name: nothing went that was in policy");
	return is(sql($node, $db, "SELECT count(*) FROM taskcenter.finished_runs WHERE finished_at > now() - interval '30 days'"),
		sql($node, $db, "SELECT sum(n) FROM kept_days"), "$name: everything in policy is there");
}

sub note_policy
{
	my ($db) = @_;
	return sql($node, $db, "CREATE TABLE kept_days AS SELECT count(*) AS n FROM taskcenter.finished_runs
		WHERE finished_at > now() - interval '30 days'");
}

# (rows, warnings) of a CALL
sub purge
{
	my ($db, $role) = @_;
	my ($result, $out, $error) = $node->psql($db, 'CALL taskcenter.purge()', extra_params => [ '-U', $role // 'postgres' ]);
	my ($rows) = $out =~ /^(\d+)\|/m;
	return ($rows, $error);
}

subtest 'pieces' => sub {
	new_past('pieces', 10000, 50, 20);
	note_policy('pieces');
	# one by one: a policy that came later; and more that stays than one piece takes
	create_task($node, 'pieces', 'app', 'short', 'SELECT 1');
	sql($node, 'pieces', "SELECT past('short', 12000, 31, 30), past('held', 11000, 42, 41); SELECT taskcenter.repair_partitions()");
	sql($node, 'pieces', "DROP TABLE before; CREATE TABLE before AS TABLE counts");
	sql($node, 'pieces', "SELECT taskcenter.hold_history('held', 'case 1')");
	sql_as($node, 'pieces', 'app', q{SELECT taskcenter.alter_task('short', options => '{"retention": "10 days", "failed_retention": "10 days"}')});
	my $held = sql($node, 'pieces', "SELECT count(*) FROM taskcenter.finished_runs JOIN taskcenter.tasks USING (task_id) WHERE name = 'held'");
	my $preview = sql($node, 'pieces', 'SELECT relation, policy, rows, partitions FROM taskcenter.preview_purge() ORDER BY 1, 2');
	sql($node, 'postgres', 'ALTER DATABASE pieces OWNER TO app');
	my ($rows, $warning) = purge('pieces', 'app');

	is($warning, '', 'no warning');
	is(sql($node, 'pieces', 'SELECT DISTINCT actor FROM taskcenter.purges'), 'app', 'the owner of the database may purge');
	is(sql($node, 'pieces', 'SELECT relation, policy, sum(rows), sum(partitions) FROM taskcenter.purges
		WHERE rows > 0 OR partitions > 0 GROUP BY 1, 2 ORDER BY 1, 2'), $preview, 'it takes what was shown');
	accounted('pieces', 'pieces');
	in_policy('pieces', 'pieces');
	is(sql($node, 'pieces', 'SELECT max(rows) <= 5000, count(*) >= 6, sum(rows) FROM taskcenter.purges WHERE partitions = 0 AND rows > 0'),
		't|t|36000', 'single rows go in pieces of at most 5,000, each with its audit');
	is(sql($node, 'pieces', "SELECT max(kept), sum(kept) FROM taskcenter.purges WHERE relation = 'finished_runs'"),
		'5000|' . sql($node, 'pieces', "SELECT count(*) FROM taskcenter.finished_runs_3"),
		'what stays is moved in such pieces, too');
	is(sql($node, 'pieces', "SELECT count(*) FROM taskcenter.finished_runs JOIN taskcenter.tasks USING (task_id) WHERE name = 'held'"),
		$held, 'all that is held is there');
	is(sql($node, 'pieces', 'SELECT count(*) FROM taskcenter.finished_runs_3_rest'), '0', 'in partitions of its days');
	is((purge('pieces'))[0], '0', 'then nothing is left to be purged');
	is(sql($node, 'pieces', "SELECT count(*) FROM pg_class WHERE relname ~ '^finished_runs_1_p' AND relkind = 'r'
		AND to_date(right(relname, 8), 'YYYYMMDD') < current_date - 40"), '0', 'empty partitions are dropped');
	is(sql($node, 'pieces', "SELECT state FROM taskcenter.status WHERE check_name = 'partitions'"), 'ok', 'status finds partitions well');
	my $free = sql($node, 'pieces', "SELECT taskcenter.release_history('held'); SELECT sum(rows) FROM taskcenter.preview_purge()");
	is("released\n" . (purge('pieces'))[0], $free, 'what is released goes');
};

subtest 'locks of others' => sub {
	new_past('locks', 3000, 62, 20);
	note_policy('locks');
	my $reader = $node->background_psql('locks', on_error_stop => 0);
	my $writer = $node->background_psql('locks', on_error_stop => 0, extra_params => [ '-U', 'app' ]);
	my $leaf = sql($node, 'locks', "SELECT min(relid::text) FROM pg_partition_tree('taskcenter.finished_runs_1') WHERE isleaf AND relid::text ~ '_p20'");

	# a dump, and a transaction that has made work
	$reader->query("BEGIN; LOCK TABLE $leaf IN ACCESS SHARE MODE");
	$writer->query("BEGIN; SELECT taskcenter.cancel_run(taskcenter.enqueue_task('plain'))");
	my $done = timed(sub {
		my ($rows, $warning) = purge('locks');
		like($warning, qr/WARNING:  1 parts of the history could not be purged/, 'what is in use stays, with a warning');
		cmp_ok($rows, '>', 1000, 'all else goes');
	});
	within(15, $done, 'it waits for nobody');
	cmp_ok(sql($node, 'locks', "SELECT count(*) FROM $leaf"), '>', 0, 'the partition is whole');
	cmp_ok(sql($node, 'locks', "SELECT count(*) FROM pg_partition_tree('taskcenter.finished_runs_1') WHERE isleaf AND pg_relation_size(relid) = 0
		AND relid::text ~ '_p20' AND to_date(right(relid::text, 8), 'YYYYMMDD') < current_date - 32"), '>', 20,
		'emptied partitions wait for who makes work');
	$reader->query('ROLLBACK');
	$writer->query('ROLLBACK');
	my ($rows, $warning) = purge('locks');
	is($warning, '', 'later they go');
	is(sql($node, 'locks', "SELECT count(*) FROM pg_partition_tree('taskcenter.finished_runs_1') WHERE isleaf
		AND relid::text ~ '_p20' AND to_date(right(relid::text, 8), 'YYYYMMDD') < current_date - 32"), '0', 'and are dropped');
	accounted('locks', 'locks');
	in_policy('locks', 'locks');

	# who is about to hold is waited for; what is held at his commit stays
	sql($node, 'locks', "SELECT past('held', 100, 60, 40); SELECT taskcenter.repair_partitions(); DROP TABLE before; CREATE TABLE before AS TABLE counts; DROP TABLE kept_days");
	note_policy('locks');
	sql($node, 'locks', 'CREATE TABLE purged AS SELECT count(*) AS n FROM taskcenter.purges');
	$reader->query("BEGIN; SELECT taskcenter.hold_history('held', 'case 2')");
	$done = timed(sub { ($rows, $warning) = purge('locks') });
	is($rows, '0', 'nothing goes while somebody is about to hold');
	like($warning, qr/could not be purged/, 'it says so');
	within(30, $done, 'and does not wait for ever');
	$reader->query('COMMIT');
	($rows, $warning) = purge('locks');
	is("$rows$warning", '0', 'what came to be held stays');
	is(sql($node, 'locks', "SELECT count(*) FROM counts JOIN before USING (relation, count)"), '3', 'all of it');
	$reader->quit;
	$writer->quit;
};

subtest 'at the same time' => sub {
	new_past('several', 10000, 60, 25);
	note_policy('several');
	sql($node, 'several', "SELECT past('plain', 50, 59, 58)");
	sql($node, 'several', 'SELECT taskcenter.repair_partitions(); DROP TABLE before; CREATE TABLE before AS TABLE counts');
	my $dump = "$PostgreSQL::Test::Utils::tmp_check/several.dump";
	my (@runs, @out, @err);
	for my $i (0 .. 2)
	{
		my $command = $i < 2
		  ? [ 'psql', '-X', '-A', '-t', '-d', $node->connstr('several'), '-c', 'CALL taskcenter.purge()' ]
		  : [ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('several') ];
		push @runs, IPC::Run::start($command, '>', \$out[$i], '2>', \$err[$i]);
	}
	# old runs are taken back meanwhile: each is live, or gone, never both and never twice
	my $retried = 0;
	for my $run (split /\n/, sql($node, 'several', "SELECT run_id FROM taskcenter.finished_runs ORDER BY finished_at DESC LIMIT 40 OFFSET 3000"))
	{
		my ($result) = $node->psql('several', "SELECT taskcenter.retry_run($run)");
		$retried++ if $result == 0;
	}
	is_deeply([ map { $_->finish ? 0 : $_->result } @runs ], [ 0, 0, 0 ], 'two purges and a dump end well') or diag(join("\n", map { $_ // '' } @err));
	my ($rows, $warning) = purge('several');
	is($warning, '', 'what they left goes');
	is(sql($node, 'several', 'SELECT count(*) FROM taskcenter.live_runs JOIN taskcenter.finished_runs USING (run_id)'), '0', 'no run is live and finished');
	is(sql($node, 'several', 'SELECT count(*) - count(DISTINCT run_id) FROM taskcenter.finished_runs'), '0', 'none is there twice');
	is(sql($node, 'several', "SELECT b.count - c.count - $retried
		- (SELECT sum(rows) FROM taskcenter.purges WHERE relation = 'finished_runs')
		+ (SELECT count(*) FROM taskcenter.finished_runs WHERE finished_at > now() - interval '10 minutes')
		FROM before AS b JOIN counts AS c USING (relation) WHERE relation = 'finished_runs'"), '0',
		"each run was retried ($retried), purged or is there");
	is(sql($node, 'several', 'SELECT count(*) FROM taskcenter.purges WHERE newest > cutoff'), '0', 'nothing in policy went');
};

# the server answers until it has noticed; then it ends every session
sub crash
{
	my ($pid, $other) = @_;

	kill_9($pid);
	wait_until(sub { !kill 0, $other }, 30);
	return wait_ready($node);
}

subtest 'ended at any point' => sub {
	new_past('ended', 20000, 75, 20);
	note_policy('ended');
	# its runs are counted for usage as they go: nobody knows how long a session that is not tracked has been at it
	sql($node, 'ended', "UPDATE taskcenter.usage_horizon SET counted_until = now() - interval '80 days'");
	my $used = q{SELECT sum(runs) = (SELECT count FROM before WHERE relation = 'finished_runs') FROM taskcenter.usage WHERE period = 'month'};
	is(sql($node, 'ended', $used), 't', 'usage knows them all');
	my @ways = (
		[ 'cancelled', sub { kill 'INT', $_[0] } ],
		[ 'terminated', sub { kill 'TERM', $_[0] } ],
		[ 'killed', \&crash ],
		[ 'killed', \&crash ]);

	for my $way (@ways)
	{
		my ($name, $end) = @$way;
		my $before = sql($node, 'ended', 'SELECT count(*) FROM taskcenter.purges');
		my ($out, $error) = ('', '');
		# one session that looks all the time: a new one each time would come too late
		my $watch = $node->background_psql('ended', on_error_stop => 0);
		my $watcher = $watch->query('SELECT pg_backend_pid()');
		my $call = do {
			local @ENV{qw(PGOPTIONS PGAPPNAME)} = ('-c track_activities=off', 'purges');
			IPC::Run::start([ 'psql', '-X', '-A', '-t', '-d', $node->connstr('ended'), '-c', 'CALL taskcenter.purge()' ], '>', \$out, '2>', \$error);
		};
		my $pid;
		my $until = time + 20;
		while (time < $until)
		{
			($pid, my $pieces) = split /\|/, $watch->query("SELECT (SELECT pid FROM pg_stat_activity WHERE application_name = 'purges'), (SELECT count(*) FROM taskcenter.purges)");
			last if $pid && $pieces >= $before + 2;
		}
		$end->($pid, $watcher) if $pid;
		# the crash ended it too
		eval { $watch->quit };
		$call->finish;
		isnt($error, '', "$name: the call fails");
		accounted('ended', $name);
		in_policy('ended', $name);
		is(sql($node, 'ended', $used), 't', "$name: usage counts each once");
	}
	cmp_ok(sql($node, 'ended', 'SELECT sum(runs) FROM taskcenter.counted_usage'), '>', 0, 'some have been counted');
	my ($rows, $warning) = purge('ended');
	is($warning, '', 'the next one');
	cmp_ok($rows, '>', 0, 'goes on');
	is((purge('ended'))[0], '0', 'until nothing is left');
	accounted('ended', 'in the end');
	is(sql($node, 'ended', $used), 't', 'and usage knows all of them');
};

subtest 'the extension goes' => sub {
	new_past('gone', 20000, 60, 25);
	my ($out, $error) = ('', '');
	my $call = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('gone'), '-c', 'CALL taskcenter.purge()' ], '>', \$out, '2>', \$error);
	wait_for($node, 'gone', 'SELECT count(*) > 2 FROM taskcenter.purges');
	is(($node->psql('gone', 'SET client_min_messages = error; DROP VIEW counts; DROP EXTENSION taskcenter'))[0], 0, 'DROP EXTENSION while somebody purges');
	$call->finish;
	unlike($error, qr/XX000|server closed/, 'who purges is told, or was through');
};

subtest 'by itself' => sub {
	new_past('auto', 5000, 60, 25);
	note_policy('auto');
	sql($node, 'auto', "INSERT INTO taskcenter.kept_keys (task_id, unique_key, run_id, params, expires_at) VALUES (1, 'old', 1, '{}', now())");
	$node->append_conf('postgresql.conf', 'taskcenter.purge_interval = 1');
	$node->reload;
	ok(wait_for($node, 'auto', "SELECT count(*) FROM taskcenter.purges WHERE relation = 'kept_keys'", '1', 30), 'it comes by itself');
	ok(wait_for($node, 'auto', 'SELECT count(*) FROM taskcenter.preview_purge()', '0'), 'and takes all');
	accounted('auto', 'by itself');
	in_policy('auto', 'by itself');
	is(sql($node, 'auto', 'SELECT DISTINCT actor, reason IS NULL FROM taskcenter.purges'), 'taskcenter purger|t', 'the audit says who it was');
	is(sql($node, 'auto', "SELECT DISTINCT channel FROM taskcenter.task_audit_logs WHERE object_type = 'purge'"), 'purger', 'by which way');

	# with nothing to purge it comes and goes without a trace
	my $commits = sub { return sql($node, 'postgres', "SELECT xact_commit FROM pg_stat_database WHERE datname = 'auto'") };
	my $xid = sub { return sql($node, 'postgres', 'SELECT pg_snapshot_xmax(pg_current_snapshot())') };
	my ($first, $at) = ($xid->(), $commits->());
	ok(wait_until(sub { $commits->() > $at + 50 }, 60), 'it looks again and again');
	is($xid->(), $first, 'a look with nothing to purge takes no transaction id');

	# what others have locked is tried again
	my $leaf = sql($node, 'auto', "SELECT min(relid::text) FROM pg_partition_tree('taskcenter.task_run_logs_1') WHERE isleaf AND relid::text ~ '_p20'");
	sql($node, 'auto', "SELECT taskcenter.disable_scheduler()");
	sql($node, 'auto', "SELECT past('plain', 100, 34, 33); SELECT taskcenter.repair_partitions()");
	my $reader = $node->background_psql('auto', on_error_stop => 0);
	$leaf = sql($node, 'auto', "SELECT min(relid::text) FROM pg_partition_tree('taskcenter.finished_runs_1') WHERE isleaf AND relid::text ~ '_p20'");
	$reader->query("BEGIN; LOCK TABLE $leaf IN ACCESS SHARE MODE");
	sql($node, 'auto', "SELECT taskcenter.resume_scheduler()");
	ok(wait_for($node, 'auto', "SELECT count(*) FROM taskcenter.task_run_logs WHERE logged_at < now() - interval '32 days'", '0', 30), 'what is not locked goes');
	is(sql($node, 'auto', "SELECT count(*) FROM $leaf"), '100', 'what is locked stays');
	$reader->query('COMMIT');
	ok(wait_for($node, 'auto', "SELECT count(*) FROM taskcenter.finished_runs WHERE finished_at < now() - interval '32 days'", '0', 30), 'and goes when the lock does');
	$reader->quit;

	# runs start meanwhile, and the database can be dropped
	sql($node, 'auto', "SELECT past('plain', 60000, 90, 31)");
	my $run = enqueue($node, 'auto', 'app', 'plain');
	within(5, wait_for($node, 'auto', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'), 'a run starts while it purges');
	ok(wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskcenter purger' AND datname = 'auto'", '1'), 'a purger is there');
	within(5, timed(sub { sql($node, 'postgres', 'DROP DATABASE auto') }), 'DROP DATABASE while it purges');
};

check_log($node, per_minute => 40, allow => qr/statement timeout|terminating connection|crash of another server process|could not send/);
done_testing();
