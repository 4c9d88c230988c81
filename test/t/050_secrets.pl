# Secrets are planted wherever a text can come from.  Afterwards the whole
# database and the server log are searched: they are found in definitions and
# in params, and nowhere else.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Utils;
use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('secrets',
	conf => "taskcenter.max_executors = 3\ntaskcenter.cancel_grace = '1s'\n");
my %planted;

# plant(FIELD): a secret of its own for a field
sub plant
{
	my ($field) = @_;
	my $secret = sprintf('sec%03dret%06d', scalar keys %planted, int(rand(1_000_000)));
	$planted{$secret} = $field;
	return $secret;
}

# ---- definitions ----

$tc->sql(q{CREATE FUNCTION deep(code text) RETURNS void LANGUAGE plpgsql AS
$$BEGIN EXECUTE 'SELECT 1/0 /* ' || code || ' */'; END$$});
my $params = { password => plant('params'), note => 'token=' . plant('params'), deep => [ { api_key => plant('params') } ] };
my $command = 'SELECT 1 /* password=' . plant('command') . " */, 'api key: " . plant('command') . "'";
$tc->task('plain', $command, params => $params,
	description => 'The password: ' . plant('description'),
	options => { settings => { 'app.token' => plant('settings') }, retention => '10 days' });
is($tc->run('plain', params => { pwd => plant('params'), a => 1 })->{status}, 'succeeded',
	'a task with secrets runs as it is written');
is($tc->run('plain', unique_key => 'k', params => { credential => plant('params') },
		options => { unique_for => '1 hour' })->{status}, 'succeeded', 'with a key that is kept');

sub context
{
	my ($where) = @_;
	return 'SELECT taskcenter.set_context('
	  . Taskcenter::arguments(actor => 'bob token=' . plant("actor of $where"),
		reason => 'since the password: ' . plant("reason of $where"),
		trace_id => 'secret=' . plant("trace of $where")) . ')';
}

sub in_context
{
	my ($sql) = @_;
	(my $where = $sql) =~ s/^SELECT \* FROM taskcenter\.|^SELECT taskcenter\.|\(.*//sg;
	return $tc->sql("BEGIN;\n" . context($where) . ";\n$sql;\nCOMMIT");
}

# call(FUNCTION, ARGUMENT => VALUE...): with a reason of its own
sub call
{
	my ($function, %arguments) = @_;
	$arguments{reason} = "for token: " . plant("reason of $function");
	return $tc->sql("SET application_name = 'app password=" . plant('application_name') . "';\n"
		. "SELECT taskcenter.$function(" . Taskcenter::arguments(%arguments) . ');');
}

in_context('SELECT taskcenter.alter_task(' . Taskcenter::arguments(task => 'plain',
	command => 'SELECT 2 /* secret: ' . plant('command') . ' */',
	params => { secrets => [ plant('params') ], url => 'postgres://me:' . plant('params') . '@host/db' },
	options => { settings => { 'app.secret_key' => plant('settings') } }) . ')');
in_context("UPDATE taskcenter.tasks SET state = 'paused' WHERE name = 'plain'");
call('resume_task', task => 'plain');
call('alter_task', task => 'plain', command => 'ALTER ROLE app PASSWORD \'' . plant('command') . ' x\'');
call('disable_task', task => 'plain');
call('enable_task', task => 'plain');
$tc->sql(q{SELECT taskcenter.schedule_task('plain', '0 3 1 1 *')});
call('pause_schedule', task => 'plain');
call('pause_queue', queue => 'default');
call('limit_queue', queue => 'default', max_running => 5);
call('resume_queue', queue => 'default');
call('pause_scheduler');
call('resume_scheduler');
call('set_setting', key => 'runs_retention', value => '20 days');
call('adopt_database');

# ---- what people move, grant and hold ----

sub metadata
{
	my ($where) = @_;
	return { password => plant("metadata of $where"), note => [ 'api key: ' . plant("metadata of $where") ] };
}

$tc->sql(q{SELECT taskcenter.create_workflow('way', 'a', '{"a": ["b"], "b": ["a"]}')});
$tc->sql(q{SELECT taskcenter.create_task('paper', kind => 'manual', options => '{"workflow": "way"}')});
call('set_task_status', task => 'paper', to_status => 'b', metadata => metadata('set_task_status'));
call('set_task_status', task => 'paper', to_status => 'c', metadata => metadata('a refused move'));
in_context("UPDATE taskcenter.tasks SET status = 'a' WHERE name = 'paper'");
$tc->try("RESET application_name;\nBEGIN;\n" . context('a plain move that is refused')
	  . ";\nUPDATE taskcenter.tasks SET status = 'c' WHERE name = 'paper';\nCOMMIT");
$tc->until(q{SELECT count(*) = 2 FROM taskcenter.task_status_history WHERE NOT accepted},
	'the refused moves are kept');
$tc->sql(q{CREATE TABLE page (id int PRIMARY KEY, status text NOT NULL);
	SELECT taskcenter.guard_table('page', 'status', 'way'); INSERT INTO page VALUES (1, 'a')});
call('set_row_status', relation => 'page', row_key => { id => 1 }, to_status => 'b',
	metadata => metadata('set_row_status'));
in_context("UPDATE page SET status = 'a'");
call('grant_access', role => 'app', level => 'viewer', task => 'plain');
call('revoke_access', role => 'app');
call('hold_history', task => 'plain');
$tc->sql("CALL taskcenter.purge('for token: " . plant('reason of purge') . "')");
call('release_history', task => 'plain');

# ---- runs ----

my $run = in_context('SELECT taskcenter.enqueue_task(' . Taskcenter::arguments(task => 'plain',
	run_at => '2100-01-01') . ')');
$run = (split /\n/, $run)[-1];
call('cancel_run', run_id => $run);
call('retry_run', run_id => $run);
in_context("SELECT * FROM taskcenter.cancel_runs('plain')");
$tc->enqueue('plain', run_at => '2100-01-01', trace_id => 'token=' . plant('trace_id'));

# What a command says comes out of its params, where secrets may stand.
my @said = qw(notice detail hint notice_cut write_log metadata write_log_cut phase context error error_detail error_hint);

sub saying
{
	my ($end) = @_;
	my $command = <<'SQL' . ($end // '') . "\nEND\$do\$";
DO $do$
DECLARE
    p jsonb := taskcenter.param('secrets');
BEGIN
    RAISE NOTICE 'connecting to postgres://me:%@host/db', p->>'notice';
    RAISE NOTICE 'fine' USING DETAIL = concat('PGPASSWORD=', p->>'detail'), HINT = concat('token: ', p->>'hint');
    RAISE NOTICE '% postgres://me:%@host', repeat('x', 8165), p->>'notice_cut';
    PERFORM taskcenter.write_log('info', concat('pwd: ', p->>'write_log'),
        jsonb_build_object('password', p->'metadata', 'x', jsonb_build_array(concat('secret=', p->>'metadata'))));
    PERFORM taskcenter.write_log('info', concat(repeat('x', 8165), ' postgres://me:', p->>'write_log_cut', '@host'));
    PERFORM taskcenter.report_progress(1, 2, concat('token=', p->>'phase'));
    PERFORM taskcenter.set_output(jsonb_build_object('password', p->'output'));
SQL
	return $command;
}
my $failing = q{PERFORM deep('password=' || (p->>'context'));};
my $raising = q{RAISE EXCEPTION 'no login with password=%', p->>'error'
    USING DETAIL = concat('Key (api_token)=(', p->>'error_detail', ') exists'), HINT = concat('secret=', p->>'error_hint');};

sub said
{
	my ($where) = @_;
	return { secrets => { output => plant('output'), map { $_ => plant("params, for $_") } @said } };
}
for my $mode ('atomic', 'batched', 'autonomous')
{
	my %arguments = (transaction_mode => $mode, params => said());
	is($tc->once("say $mode", saying(), %arguments)->{status}, 'succeeded', "$mode: says secrets");
	is($tc->once("fail $mode", saying($failing), %arguments)->{sqlstate}, '22012',
		"$mode: fails in a statement with a secret");
	is($tc->once("raise $mode", saying($raising), %arguments)->{sqlstate}, 'P0001', "$mode: raises a secret");
}
$tc->task('retry', saying($raising), params => said(), max_attempts => 2, backoff_base => '1 hour', backoff => 'fixed');
ok($tc->wait_status($tc->enqueue('retry'), 'retrying'), 'a run waits with its error');
$tc->task('performed', saying($raising), params => said(), run_as => 'postgres');
$tc->sql("SELECT (taskcenter.perform_run(taskcenter.enqueue_task('performed'))).status");
is($tc->sql(q{SELECT error FROM taskcenter.task_runs WHERE task = 'performed'}),
	'no login with password=[REDACTED]', 'a performed run keeps its error without the secret');

# ---- activity, and processes that are ended ----

my $waiting = 'SELECT pg_sleep(600) /* password=' . plant('a running command') . ' */';
$tc->task('wait', $waiting);
$run = $tc->enqueue('wait');
ok($tc->wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600) /* password=[REDACTED]%' AND pid <> pg_backend_pid()"),
	'activity shows a command without its secret');
call('cancel_run', run_id => $run);
is($tc->finish($run)->{status}, 'cancelled', 'cancelled while it ran');
$run = $tc->enqueue('wait');
$tc->wait_until(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'});
$tc->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'});
$tc->wait_until("SELECT lost = 1 AND status = 'running' FROM taskcenter.live_runs WHERE run_id = $run");
my ($pid) = $tc->sql(q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'});
$tc->end_sessions;
kill('KILL', $pid);
ok($tc->node->poll_query_until('postgres',
		q{SELECT count(*) > 0 FROM taskcenter.live_runs WHERE lost = 2}), 'a killed executor takes the server with it');
call('disable_task', task => 'wait');
in_context("SELECT taskcenter.archive_task('wait')");

# ---- the search ----

# where a secret may stand: in what the user defined, and in results
my %allowed = (
	tasks => [qw(command params settings description)],
	live_runs => ['params'],
	finished_runs => [qw(params output)],
	kept_keys => ['params']);

my $dump = $tc->node->backup_dir . '/secrets.sql';
mkdir $tc->node->backup_dir;
$tc->node->command_ok([ 'pg_dump', '-h', $tc->node->host, '-p', $tc->node->port, '-f', $dump, 'postgres' ],
	'the whole database is dumped');
my ($relation, @columns, %found, @leaks);
for my $line (split /\n/, slurp_file($dump))
{
	if ($line =~ /^COPY (?:\w+\.)?(\w+?)(?:_[123](?:_\w+)?)? \((.*)\) FROM stdin;/)
	{
		($relation, @columns) = ($1, split /, /, $2);
		next;
	}
	$relation = undef if $line eq '\.';
	next unless $line =~ /sec\d{3}ret\d{6}/;
	my @fields = defined $relation ? split(/\t/, $line) : ($line);
	for my $i (0 .. $#fields)
	{
		while ($fields[$i] =~ /(sec\d{3}ret\d{6})/g)
		{
			my $place = defined $relation ? "$relation.$columns[$i]" : 'elsewhere';
			$found{$1}{$place} = 1;
			push @leaks, "$planted{$1}: in $place: " . substr($fields[$i], 0, 200)
			  unless defined $relation && grep { $_ eq $columns[$i] } @{ $allowed{$relation} // [] };
		}
	}
}
is(join("\n", @leaks), '', 'no secret stands in a record');
ok($found{$_}, "$planted{$_} is where it belongs: " . join(', ', sort keys %{ $found{$_} // {} }))
  for grep { $planted{$_} =~ /^(?:params|output|a running command)/ } sort keys %planted;

my $log = slurp_file($tc->node->logfile);
like($log, qr/terminating background worker .*administrator command/, 'the server log tells of the ended executor');
like($log, qr/Failed process was running: SELECT pg_sleep\(600\)/, 'and of the killed one');
is(join("\n", grep { /sec\d{3}ret\d{6}/ } split /\n/, $log), '', 'without secrets');

my $marks = $tc->sql(q{SELECT count(*) FROM taskcenter.task_audit_logs
	WHERE concat(old_values, new_values, reason, actor, application_name) LIKE '%[REDACTED]%'});
ok($marks > 20, "the audit shows where they were, in $marks rows");
is($tc->sql(q{SELECT count(*) FROM taskcenter.task_run_logs WHERE message LIKE '%[REDACTED]%'}) > 40 ? 1 : 0, 1,
	'so do log lines');

$tc->stop;
done_testing();
