# Servers with a running engine, and what the tests of processes ask of them.
package EngineTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(
  LONG EFFECT new_server configure new_database create_task enqueue enqueue_many
  wait_for wait_until within timed sql sql_as pids schedulers executors
  one_scheduler_each all_gone unaccounted_fires kill_9 wait_ready settle check_log promtool
);

use constant LONG => $ENV{TASKCENTER_LONG} ? 1 : 0;

# A command whose effect shows who did it and how often.
use constant EFFECT =>
  'INSERT INTO app.effects (run_id, attempt) SELECT run_id, attempt FROM taskcenter.current_run()';

my %defaults = (
	'shared_preload_libraries' => "'taskcenter'",
	'restart_after_crash' => 'on',
	'log_statement' => 'none',
	'log_line_prefix' => "'%m|%p|%e|%b|'",
	'log_min_messages' => 'warning',
	'max_connections' => 60,
	'taskcenter.run_events' => 'on',
	'taskcenter.max_executors' => 4);

sub configure
{
	my ($node, %settings) = @_;
	$node->append_conf('postgresql.conf',
		join("\n", map { "$_ = $settings{$_}" } sort keys %settings) . "\n");
	return;
}

# new_server(name, init => {...}, settings...): a started server.
sub new_server
{
	my ($name, %settings) = @_;
	my $init = delete $settings{init} // {};
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(%$init, extra => [ '--no-locale', '--encoding=UTF8' ]);
	configure($node, %defaults, %settings);
	$node->start;
	return $node;
}

# A database with the extension, a table for effects, and roles that may log in.
sub new_database
{
	my ($node, $db, @roles) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db") if $db ne 'postgres';
	for my $role (@roles)
	{
		$node->safe_psql('postgres',
			"SELECT format('CREATE ROLE %I LOGIN', '$role')
			 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$role') \\gexec");
	}
	$node->safe_psql($db, <<'SQL');
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
CREATE SCHEMA app;
GRANT ALL ON SCHEMA app TO PUBLIC;
CREATE TABLE app.effects (
    run_id bigint, attempt int, pid int DEFAULT pg_backend_pid(),
    role text DEFAULT session_user, at timestamptz DEFAULT clock_timestamp());
GRANT ALL ON app.effects TO PUBLIC;
SQL
	return;
}

# ---- SQL ----

sub sql
{
	my ($node, $db, $query) = @_;
	return $node->safe_psql($db, $query);
}

sub sql_as
{
	my ($node, $db, $role, $query) = @_;
	return $node->safe_psql($db, $query, extra_params => [ '-U', $role ]);
}

# Text is quoted, anything that is a reference is SQL.
sub arguments
{
	my (%named) = @_;
	return join(
		', ',
		map {
			my $value = $named{$_};
			"$_ => " . (ref $value ? $$value : "\$q\$$value\$q\$")
		} sort keys %named);
}

sub create_task
{
	my ($node, $db, $role, $name, $command, %named) = @_;
	return sql_as($node, $db, $role,
		'SELECT taskcenter.create_task(' . arguments(name => $name, command => $command, %named) . ')');
}

sub enqueue
{
	my ($node, $db, $role, $task, %named) = @_;
	return sql_as($node, $db, $role,
		'SELECT taskcenter.enqueue_task(' . arguments(task => $task, %named) . ')');
}

sub enqueue_many
{
	my ($node, $db, $role, $task, $count) = @_;
	return sql_as($node, $db, $role,
		"SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(
			jsonb_build_object('task', '$task')) FROM generate_series(1, $count)))");
}

# ---- waiting ----

# wait_until(code, seconds): seconds until the code returned true; undef if it did not.
sub wait_until
{
	my ($code, $seconds) = @_;
	my $start = time;

	while (1)
	{
		return time - $start + 0.000001 if $code->();
		return undef if time - $start > $seconds;
		usleep(20_000);
	}
}

# The same for a query's answer; a server that is not there yet is waited for too.
sub wait_for
{
	my ($node, $db, $query, $expected, $seconds) = @_;
	my ($got, $error) = ('', '');

	$expected //= 't';
	$seconds //= 20;
	my $elapsed = wait_until(
		sub {
			# psql does not read its input when the server does not take it in
			eval { (undef, $got, $error) = $node->psql($db, $query); 1 }
			  or ($got, $error) = ('', $@);
			return $error eq '' && $got eq $expected;
		},
		$seconds);
	diag("waited $seconds s for \"$expected\" of: $query\ngot: $got\n$error")
	  unless defined $elapsed;
	return $elapsed;
}

sub timed
{
	my ($code) = @_;
	my $start = time;
	$code->();
	return time - $start;
}

# within(limit, seconds, name): a measured time (undef: never) against its promise.
sub within
{
	my ($limit, $seconds, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return ok(defined $seconds && $seconds <= $limit,
		sprintf('%s: %s s, promised %s', $name,
			defined $seconds ? sprintf('%.2f', $seconds) : 'never, in', $limit));
}

# ---- processes ----

sub pids
{
	my ($node, $kind, $db) = @_;
	my $where = defined $db ? "AND datname = '$db'" : '';
	return split /\n/,
	  $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'taskcenter $kind' $where ORDER BY 1");
}

sub schedulers { return scalar pids($_[0], 'scheduler', $_[1]); }
sub executors { return scalar pids($_[0], 'executor', $_[1]); }

sub one_scheduler_each
{
	my ($node, @databases) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(
		$node->safe_psql('postgres',
			"SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_stat_activity
			 WHERE backend_type = 'taskcenter scheduler'"),
		join(' ', sort @databases),
		'one scheduler in each database that has the extension: ' . join(' ', @databases));
}

# Has it ended?  It may still wait for its parent to ask how.
sub has_ended
{
	my ($pid) = @_;
	return 1 unless kill(0, $pid);
	open(my $stat, '<', "/proc/$pid/stat") or return !-d '/proc/self';
	return <$stat> =~ /\) [ZX] /;
}

# Are all processes of the list gone?
sub all_gone
{
	my (@pids) = @_;
	return !grep { !has_ended($_) } @pids;
}

sub kill_9
{
	my ($pid) = @_;
	return kill('KILL', $pid);
}

# Seconds until the server answers.
sub wait_ready
{
	my ($node) = @_;
	return wait_for($node, 'postgres', 'SELECT 1', '1', 60);
}

# ---- what must be true of runs ----

# Instants of a schedule of one-second steps that have no run and no record, or two.
sub unaccounted_fires
{
	my ($node, $db, $task) = @_;
	return $node->safe_psql($db, <<SQL);
WITH runs AS (
    SELECT scheduled_for AS at, coalesce(catchup_from, scheduled_for) AS since
    FROM taskcenter.task_runs WHERE task = '$task' AND scheduled_for IS NOT NULL),
skips AS (
    SELECT skipped_from, skipped_to FROM taskcenter.skipped_fires
    JOIN taskcenter.tasks USING (task_id) WHERE name = '$task')
SELECT count(*) FROM generate_series((SELECT min(since) FROM runs),
    (SELECT max(at) FROM runs), interval '1 second') AS i
WHERE (SELECT count(*) FROM runs WHERE i BETWEEN since AND at)
    + (SELECT count(*) FROM skips WHERE i BETWEEN skipped_from AND skipped_to) <> 1
SQL
}

# Seconds until no run of the database is unfinished.
sub settle
{
	my ($node, $db, $seconds) = @_;
	return wait_for($node, $db, 'SELECT count(*) FROM taskcenter.live_runs', '0', $seconds);
}

# ---- tools ----

# Where promtool is: it knows what metrics and their rules look like.
sub promtool
{
	my ($path, $error) = run_command([ "$FindBin::RealBin/../tools/find-promtool", PostgreSQL::Test::Utils::tempdir() ]);
	die "$error\n" if $path eq '';
	return $path;
}

# ---- the log ----

# check_log(node, allow => regex, per_minute => n): nothing that must never stand in it.
sub check_log
{
	my ($node, %options) = @_;
	my $allowed = $options{allow} // qr/(?!)/;
	my $limit = $options{per_minute} // 4;
	my (%seen, @bad);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	for my $line (split /\n/, slurp_file($node->logfile))
	{
		next if $line =~ $allowed;
		my ($at, $pid, $state, $type, $text) =
		  $line =~ /^(\S+ \d\d:\d\d):\S+ \S+\|(\d+)\|(\w{5})\|([^|]*)\|(.*)/;
		push @bad, $line if $line =~ /PANIC:|TRAP:|was terminated by signal (?!9\b)/;
		next unless defined $text;
		push @bad, $line if $state eq 'XX000' && $text =~ /(?:ERROR|FATAL): /;
		next unless $type =~ /^taskcenter/ || $text =~ /taskcenter/;
		next if $text =~ /^(?:STATEMENT|DETAIL|HINT|CONTEXT): /;
		(my $shape = $text) =~ s/\d+/N/g;
		push @bad, "more than $limit in a minute: $line" if ++$seen{"$at $shape"} == $limit + 1;
	}
	return is(join("\n", @bad), '', $node->name . ': no panic, no internal error, no flood in the log');
}

1;
