# A server that preloads taskcenter, and what tests ask of it.
#
# One persistent session of a superuser answers most questions; more sessions
# are opened by name.  Waiting happens inside the server, with a deadline:
# tap.until() looks again every few milliseconds, in a new transaction each
# time, so it holds no snapshot.

package Taskcenter;

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant PATIENCE => 30;    # seconds, for what should take a moment

my $json = JSON::PP->new->canonical->allow_nonref;

my $base_conf = q{
shared_preload_libraries = 'taskcenter'
max_worker_processes = 24
max_prepared_transactions = 2
restart_after_crash = on
deadlock_timeout = '50ms'
log_statement = none
log_replication_commands = off
autovacuum_naptime = '1h'
taskcenter.run_events = on
};

# The server's side of waiting and of measuring overlaps.
my $helpers = q{
CREATE SCHEMA tap;
GRANT USAGE ON SCHEMA tap TO PUBLIC;
CREATE PROCEDURE tap.until(condition text, seconds float8, INOUT met boolean = false)
LANGUAGE plpgsql AS $$
DECLARE
    give_up timestamptz := clock_timestamp() + seconds * interval '1 second';
BEGIN
    LOOP
        EXECUTE 'SELECT coalesce((' || condition || ')::boolean, false)' INTO met;
        EXIT WHEN met OR clock_timestamp() > give_up;
        COMMIT;
        PERFORM pg_sleep(0.005);
    END LOOP;
END $$;
};

# start(NAME, conf => TEXT, durable => BOOL, extension => BOOL): a running server
# with the role "app", which tasks run as unless told otherwise.
sub start
{
	my ($class, $name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $self = bless { node => $node, sessions => {}, started_by => $$ }, $class;

	$node->init(extra => [ '--no-locale', '--encoding=UTF8' ]);
	$node->append_conf('postgresql.conf', $base_conf);
	$node->append_conf('postgresql.conf', "fsync = on\n") if $options{durable};
	$node->append_conf('postgresql.conf', $options{conf}) if $options{conf};
	$node->start;
	return $self if defined $options{extension} && !$options{extension};
	$self->prepare_database;
	return $self;
}

sub prepare_database
{
	my ($self) = @_;

	$self->sql('CREATE EXTENSION taskcenter');
	$self->sql($helpers);
	$self->sql('CREATE ROLE app LOGIN');
	$self->sql('GRANT ALL ON SCHEMA public TO PUBLIC');
	$self->sql('GRANT CREATE ON DATABASE postgres TO app');
	return;
}

sub node
{
	my ($self) = @_;
	return $self->{node};
}

# ---- sessions ----

# session(NAME, USER, DATABASE): opened when first asked for.
sub session
{
	my ($self, $name, $user, $database) = @_;

	$name //= 'main';
	return $self->{sessions}{$name} if $self->{sessions}{$name};
	$self->{sessions}{$name} = $self->{node}->background_psql(
		$database // 'postgres',
		on_error_stop => 0,
		timeout => 300,
		extra_params => [ '-U', $user // 'postgres' ]);
	$self->{sessions}{$name}{stdin} .= "\\set VERBOSITY verbose\n";
	$self->{sessions}{$name}->query('SET client_min_messages = error');
	return $self->{sessions}{$name};
}

sub end_session
{
	my ($self, $name) = @_;
	my $session = delete $self->{sessions}{$name};

	eval { $session->quit } if $session;
	return;
}

sub end_sessions
{
	my ($self) = @_;

	$self->end_session($_) for keys %{ $self->{sessions} };
	return;
}

# try(SQL, SESSION): (output, text of the error or '').
sub try
{
	my ($self, $sql, $name) = @_;
	my $session = $self->session($name);
	my $output;

	$session->{stderr} = '';
	($output) = $session->query($sql);
	return ($output, $session->{stderr});
}

# sql(SQL, SESSION): the output; dies on an error.
sub sql
{
	my ($self, $sql, $name) = @_;
	my ($output, $error) = $self->try($sql, $name);

	die "query failed: $error\nquery: $sql\n" if $error ne '';
	return $output;
}

# send_only(SQL, SESSION): does not wait for the end; the session's next sql() does.
sub send_only
{
	my ($self, $sql, $name) = @_;
	my $session = $self->session($name);

	$session->query_until(qr/sent/, "\\echo sent\n$sql;\n");
	return;
}

sub check_graphs
{
	my ($self) = @_;
	my ($problems, $error) = $self->try(q{SELECT string_agg(i::text, E'\n') FROM taskcenter.check_integrity() AS i
		WHERE i.check_name IN ('step_without_graph', 'graph_stands_still')});

	return is($problems, '', 'no run that has ended has an unfinished step') if $error eq '';
	return;
}

# Unless it is to crash, no run that has ended may leave a step, and none may stand still.
sub stop
{
	my ($self, $mode) = @_;

	$self->check_graphs unless defined $mode;
	$self->end_sessions;
	$self->{node}->stop($mode // 'fast');
	return;
}

sub restart
{
	my ($self) = @_;

	$self->stop;
	$self->{node}->start;
	return;
}

sub configure
{
	my ($self, %settings) = @_;

	$self->sql("ALTER SYSTEM SET $_ = '$settings{$_}'") for sort keys %settings;
	$self->sql('SELECT pg_reload_conf()');
	return;
}

# ---- assertions ----

# is_sql(SQL, EXPECTED, NAME, SESSION)
sub is_sql
{
	my ($self, $sql, $expected, $name, $session) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($output, $error) = $self->try($sql, $session);

	diag("$name: $error") if $error ne '';
	return is($output, $expected, $name);
}

# refused(SQL, SQLSTATE, NAME, SESSION): the statement fails with that code.
sub refused
{
	my ($self, $sql, $sqlstate, $name, $session) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($output, $error) = $self->try($sql, $session);

	return like($error, qr/(?:ERROR|FATAL):  $sqlstate:/, $name);
}

# until(CONDITION, NAME, SECONDS): a test that a condition comes true.
sub until
{
	my ($self, $condition, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return ok($self->wait_until($condition, $seconds), $name);
}

sub wait_until
{
	my ($self, $condition, $seconds) = @_;
	my $quoted = quote($condition);

	$seconds //= PATIENCE;
	return $self->sql("CALL tap.until($quoted, $seconds)") eq 't';
}

# ---- values in SQL ----

sub quote
{
	my ($value) = @_;

	return 'NULL' unless defined $value;
	$value = $json->encode($value) if ref $value;
	$value =~ s/'/''/g;
	$value =~ s/\\/\\\\/g;
	return ($value =~ /\\/ ? 'E' : '') . "'$value'";
}

sub arguments
{
	my (%arguments) = @_;

	return join ', ', map { "$_ => " . quote($arguments{$_}) } sort keys %arguments;
}

sub true { return JSON::PP::true; }
sub false { return JSON::PP::false; }

# rows(SQL): each row as a hash.
sub rows
{
	my ($self, $sql, $session) = @_;
	my $output = $self->sql("SELECT coalesce(json_agg(r), '[]')::text FROM ($sql) AS r", $session);

	return @{ $json->decode($output) };
}

# ---- tasks and runs ----

# task(NAME, COMMAND, ARGUMENT => VALUE...): arguments of create_task().
sub task
{
	my ($self, $name, $command, %arguments) = @_;

	%arguments = (run_as => 'app', %arguments, name => $name, command => $command);
	return $self->sql('SELECT taskcenter.create_task(' . arguments(%arguments) . ')');
}

sub enqueue
{
	my ($self, $task, %arguments) = @_;

	return $self->sql('SELECT taskcenter.enqueue_task(' . arguments(%arguments, task => $task) . ')');
}

# enqueue_many(TASK, COUNT, PARAMS): ids of runs made in one transaction; PARAMS
# is an SQL expression over the number i.
sub enqueue_many
{
	my ($self, $task, $count, $params) = @_;
	my $name = quote($task);

	$params //= q{jsonb_build_object('i', i)};
	return split /\n/,
	  $self->sql(
		"SELECT run_id FROM taskcenter.enqueue_tasks((SELECT jsonb_agg("
		  . "jsonb_build_object('task', $name, 'params', $params) ORDER BY i)"
		  . " FROM generate_series(1, $count) AS i)) ORDER BY ordinal");
}

# The run's row as a hash.
sub look
{
	my ($self, $run) = @_;
	my ($row) = $self->rows("SELECT * FROM taskcenter.task_runs WHERE run_id = $run");

	return $row;
}

# finish(RUN, SECONDS): waits for the end of a run; its row, however it stands.
sub finish
{
	my ($self, $run, $seconds) = @_;

	$self->wait_until("SELECT finished_at IS NOT NULL FROM taskcenter.task_runs WHERE run_id = $run",
		$seconds);
	return $self->look($run);
}

# finish_all(TASK_PATTERN, SECONDS): waits until no run of these tasks is unfinished.
sub finish_all
{
	my ($self, $pattern, $seconds) = @_;
	my $like = quote($pattern);

	return $self->wait_until(
		"SELECT NOT EXISTS (SELECT FROM taskcenter.live_runs AS r JOIN taskcenter.tasks AS t"
		  . " USING (task_id) WHERE t.name LIKE $like)",
		$seconds);
}

sub run
{
	my ($self, $task, %arguments) = @_;

	return $self->finish($self->enqueue($task, %arguments));
}

# once(NAME, COMMAND, ARGUMENT => VALUE...): a task, and one run of it.
sub once
{
	my ($self, $name, $command, %arguments) = @_;

	$self->task($name, $command, %arguments);
	return $self->run($name);
}

sub wait_status
{
	my ($self, $run, $status, $seconds) = @_;

	return $self->wait_until(
		"SELECT status = '$status' FROM taskcenter.task_runs WHERE run_id = $run", $seconds);
}

# The run's moves, as "queued running succeeded".
sub history
{
	my ($self, $run) = @_;

	# a run can be taken from an executor that stands still before it has started: no attempt
	my $given_back = "old_status = 'running' AND new_status = 'queued' AND reason = ANY ("
	  . "ARRAY['behind a slow run', 'not startable any more', 'its executor ended'])";
	return $self->sql("SELECT replace(string_agg(CASE WHEN $given_back THEN '-' ELSE new_status END,"
		  . " ' ' ORDER BY changed_at, ctid), 'running - ', '')"
		  . " FROM taskcenter.task_run_history WHERE run_id = $run");
}

# Each line as "level: message".
sub logs
{
	my ($self, $run) = @_;

	return split /\n/,
	  $self->sql("SELECT level || ': ' || replace(message, E'\\n', ' | ')"
		  . " FROM taskcenter.task_run_logs WHERE run_id = $run ORDER BY logged_at, ctid");
}

# is_run(ROW, STATUS, NAME): the status, and what the run says when it is another.
sub is_run
{
	my ($self, $run, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return ok(0, "$name (no such run)") unless $run;
	my $ok = is($run->{status}, $status, $name);
	diag($json->pretty->encode($run), join "\n", $self->logs($run->{run_id})) unless $ok;
	return $ok;
}

sub failed_with
{
	my ($self, $run, $sqlstate, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $seen = $run ? ($run->{status} . ' ' . ($run->{sqlstate} // '-')) : 'no such run';

	my $ok = is($seen, "failed $sqlstate", $name);
	diag($json->pretty->encode($run)) unless $ok;
	return $ok;
}

# ---- gates: a command waits at one until the test opens it ----

use constant AT_GATE => 'SELECT pg_advisory_xact_lock_shared(%d)';

sub gate
{
	my ($self, $number) = @_;
	return sprintf AT_GATE, $number;
}

sub close_gate
{
	my ($self, $number) = @_;

	$self->sql("SELECT pg_advisory_lock($number)");
	return;
}

sub open_gate
{
	my ($self, $number) = @_;

	$self->sql("SELECT pg_advisory_unlock($number)");
	return;
}

# wait_at_gate(NUMBER, COUNT): until that many runs stand there.
sub wait_at_gate
{
	my ($self, $number, $count) = @_;

	$count //= 1;
	return $self->wait_until("SELECT count(*) >= $count FROM pg_locks"
		  . " WHERE locktype = 'advisory' AND objid = $number AND NOT granted");
}

# ---- processes ----

sub executor_pids
{
	my ($self, $role) = @_;
	my $quoted = quote($role // 'app');

	return split /\n/,
	  $self->sql("SELECT pid FROM taskcenter.executor_activity() WHERE role = $quoted ORDER BY pid");
}

# none_failed(NAME): no process of ours ended with an error since the last look.
sub none_failed
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $seen = $self->{log_seen} // 0;

	$self->{log_seen} = $self->log_size;
	return unlike($self->log_since($seen), qr/"taskcenter [^"]*" \(PID \d+\) (exited|was)/, $name);
}

sub scheduler_pid
{
	my ($self) = @_;

	return $self->sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'taskcenter scheduler'"
		  . " AND datname = current_database()");
}

sub log_size
{
	my ($self) = @_;
	return -s $self->{node}->logfile;
}

# The server log from an offset on.
sub log_since
{
	my ($self, $offset) = @_;
	return slurp_file($self->{node}->logfile, $offset // 0);
}

# crashed(): did the server ever restart because a process was killed?
sub never_crashed
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return unlike(
		$self->log_since(0),
		qr/terminating any other active server processes|was terminated by signal|PANIC:|TRAP:/,
		$name // 'no process was killed, the server never restarted');
}

1;
