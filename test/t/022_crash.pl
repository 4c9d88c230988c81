# Crashes: of a backend, an executor, the scheduler, the whole server.  Every
# run is executed, its effect is there once, and nobody has to help.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $cycles = LONG ? 100 : 20;
my $in_flight = 50;
my $node = new_server('main',
	'taskcenter.max_executors' => $in_flight,
	'max_worker_processes' => 80,
	'max_connections' => 100,
	'checkpoint_timeout' => "'1h'");
my ($ready_seconds, $settled_seconds, @scheduler_seconds) = (0, 0);

new_database($node, 'work', 'app');
sql($node, 'work', <<'SQL');
CREATE TABLE app.pace AS SELECT 0::float8 AS seconds;
GRANT ALL ON app.pace TO PUBLIC;
SQL
my $pace = '; SELECT pg_sleep(seconds) FROM app.pace';

sub at_pace
{
	my ($seconds) = @_;
	sql($node, 'work', "UPDATE app.pace SET seconds = $seconds");
	return;
}

sub wait_sleeping
{
	my ($count) = @_;
	return wait_for($node, 'work',
		"SELECT count(*) >= $count FROM pg_stat_activity WHERE wait_event = 'PgSleep'", 't', 30);
}

# The pid of one of a kind.
sub one_of
{
	my ($kind) = @_;
	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = '$kind' ORDER BY random() LIMIT 1");
}

# Kill with SIGKILL; returns when the server has noticed and answers again.
sub crash
{
	my ($pid) = @_;
	my $witness = $node->background_psql('postgres', on_error_stop => 0);

	$pid = $witness->query('SELECT pg_backend_pid()') if !defined $pid;
	kill_9($pid) or die "could not kill $pid";
	# the server ends this session when it notices
	eval { $witness->{run}->finish };
	return wait_ready($node);
}

# Seconds after each start in which every claim is durable.
sub strict_start
{
	my ($seconds) = @_;

	configure($node, 'taskcenter.strict_start' => $seconds);
	$node->reload;
	return;
}

sub maximum
{
	my ($have, $new) = @_;
	return defined $new ? ($new > $have ? $new : $have) : 999;
}

sub lost_and_doubled
{
	my ($first, $count) = @_;
	return sql($node, 'work', "SELECT $count - count(DISTINCT run_id), count(*) - count(DISTINCT run_id)
		FROM app.effects WHERE run_id >= $first");
}

subtest "$cycles crashes with $in_flight runs in flight (P1, P9, T-L01)" => sub {
	my @victims = ('client backend', 'taskcenter executor', 'taskcenter scheduler', 'taskcenter launcher');
	my ($lost, $doubled, $unstaged) = (0, 0, 0);

	create_task($node, 'work', 'app', 'insert', EFFECT . $pace, transaction_mode => 'atomic', options => '{"max_lost": 100}');
	for my $cycle (1 .. $cycles)
	{
		my $all_sleep = $cycle % 2;
		my $runs = $all_sleep ? $in_flight + 10 : 600;
		my $victim = $victims[ $cycle % 4 ];

		# the second half with claims that do not wait for the disk
		strict_start(0) if $cycle == $cycles / 2 + 1;

		# either all of them sleep, or a stream of short ones is struck
		sql($node, 'work', 'TRUNCATE app.effects');
		at_pace($all_sleep ? 60 : 0.02);
		enqueue_many($node, 'work', 'app', 'insert', $runs);
		my $staged = $all_sleep ? wait_sleeping($in_flight)
		  : wait_for($node, 'work', 'SELECT count(*) >= 20 FROM app.effects');
		$unstaged++ unless defined $staged;
		at_pace(0.01) if $all_sleep;
		my $pid = $victim eq 'client backend' ? undef : one_of($victim);
		$ready_seconds = maximum($ready_seconds, crash($pid));
		my $ready = time;
		my $scheduler = wait_for($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskcenter scheduler'", '1', 10);
		push @scheduler_seconds, $scheduler // 999;
		settle($node, 'work', 60);
		$settled_seconds = maximum($settled_seconds, time - $ready);
		my ($missing, $extra) = split /\|/, lost_and_doubled(0, $runs);
		$lost += $missing;
		$doubled += $extra;
	}
	is($unstaged, 0, 'runs were in flight each time');
	within(3, (sort { $a <=> $b } @scheduler_seconds)[-1], 'the scheduler was live after ready, worst');
	within(5, $settled_seconds, 'all runs were settled and done after ready, worst');
	is($lost, 0, 'runs lost');
	is($doubled, 0, 'runs doubled');
	is(sql($node, 'work', "SELECT DISTINCT status FROM taskcenter.task_runs"), 'succeeded', 'every run succeeded');
	note(sprintf 'the server itself was back after at most %.2f s', $ready_seconds);
};

subtest 'on_crash = fail: what was started is never repeated (P4)' => sub {
	my $rounds = LONG ? 20 : 2;

	create_task($node, 'work', 'app', 'careful', EFFECT . $pace, transaction_mode => 'autonomous', on_crash => 'fail');
	for my $round (1 .. $rounds)
	{
		sql($node, 'work', 'TRUNCATE app.effects');
		at_pace(60);
		enqueue_many($node, 'work', 'app', 'careful', 20);
		wait_sleeping(20);
		sql($node, 'work', 'UPDATE app.pace SET seconds = 0');
		enqueue_many($node, 'work', 'app', 'careful', 20);
		crash($round % 2 ? undef : one_of('taskcenter executor'));
		ok(defined settle($node, 'work', 30), "round $round: all ended");
	}
	is(sql($node, 'work', "SELECT count(*) FROM (SELECT run_id FROM app.effects GROUP BY 1 HAVING count(*) > 1) AS twice"), 0, 'no run was started twice');
	is(sql($node, 'work', "SELECT count(*) FROM taskcenter.task_runs WHERE task = 'careful' AND status NOT IN ('succeeded', 'failed')"), 0, 'all are succeeded or failed');
	cmp_ok(sql($node, 'work', "SELECT count(*) FROM taskcenter.task_runs WHERE task = 'careful' AND status = 'failed'"), '>=', 20 * $rounds, 'those in flight failed');
	is(sql($node, 'work', "SELECT count(*) FROM taskcenter.task_runs AS r WHERE task = 'careful' AND status = 'failed'
			AND (error IS NULL OR reason IS NULL)"), 0, 'with an error and a reason');
};

subtest 'autonomous, on_crash = retry: at least once, and each attempt shows (P2)' => sub {
	create_task($node, 'work', 'app', 'repeated', EFFECT . $pace, transaction_mode => 'autonomous', on_crash => 'retry');
	sql($node, 'work', 'TRUNCATE app.effects');
	at_pace(60);
	enqueue_many($node, 'work', 'app', 'repeated', 10);
	wait_sleeping(10);
	at_pace(0);
	crash();
	ok(defined settle($node, 'work', 30), 'all ended');
	is(sql($node, 'work', "SELECT status, count(*) FROM taskcenter.task_runs WHERE task = 'repeated' GROUP BY 1"), 'succeeded|10', 'all succeeded');
	is(sql($node, 'work', "SELECT count(*), count(DISTINCT run_id) FROM app.effects"), '20|10', 'each was executed twice');
	is(sql($node, 'work', "SELECT count(*) FROM taskcenter.task_run_history JOIN taskcenter.task_runs USING (run_id)
			WHERE task = 'repeated' AND new_status = 'running'"), 20, 'history has both starts');
	is(sql($node, 'work', "SELECT count(*) FROM taskcenter.task_run_history AS h JOIN taskcenter.task_runs AS r USING (run_id)
			WHERE r.task = 'repeated' AND h.old_status = 'running' AND h.new_status = 'queued' AND h.reason LIKE 'lost%'"), 10, 'and that it was lost between');
};

strict_start(60);
subtest 'a run that kills its server each time ends, and takes no others along' => sub {
	my $kill = "COPY (SELECT 1) TO PROGRAM 'kill -9 \$PPID'";

	sql($node, 'work', 'TRUNCATE app.effects');
	for my $mode (qw(atomic batched))
	{
		at_pace(0.3);
		create_task($node, 'work', 'postgres', "victim_$mode", EFFECT . $pace, transaction_mode => $mode);
		create_task($node, 'work', 'postgres', "killer_$mode", $kill, transaction_mode => $mode);
		create_task($node, 'work', 'postgres', "choice_$mode",
			"DO \$do\$ BEGIN IF taskcenter.param('kill') = 'true' THEN $kill; END IF; END \$do\$; " . EFFECT . $pace, transaction_mode => $mode);
		# the killer among others, then among runs of the very task that kills
		sql($node, 'work', "SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task',
			CASE WHEN i = 5 THEN 'killer_$mode' ELSE 'victim_$mode' END)) FROM generate_series(1, 13) AS i))");
		ok(wait_for($node, 'work', 'SELECT count(*) FROM taskcenter.live_runs', '0', 90), "$mode: all ended");
		sql($node, 'work', "SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task', 'choice_$mode', 'params',
			jsonb_build_object('kill', i = 5))) FROM generate_series(1, 8) AS i))");
		ok(wait_for($node, 'work', 'SELECT count(*) FROM taskcenter.live_runs', '0', 90), "$mode: all ended again");
		is(sql($node, 'work', "SELECT task, status, lost FROM taskcenter.task_runs WHERE task IN ('killer_$mode', 'choice_$mode')
				AND status <> 'succeeded' ORDER BY 1"), "choice_$mode|failed|3\nkiller_$mode|failed|3", "$mode: the two killers failed after 3 losses");
		is(sql($node, 'work', "SELECT status, count(*) FROM taskcenter.task_runs WHERE task IN ('victim_$mode', 'choice_$mode') GROUP BY 1 ORDER BY 1"),
			"failed|1\nsucceeded|19", "$mode: all others succeeded");
		is(sql($node, 'work', "SELECT count(*), count(DISTINCT run_id) FROM app.effects JOIN taskcenter.task_runs USING (run_id) WHERE task LIKE '%_$mode'"),
			'19|19', "$mode: each once");
	}
	unlike(sql($node, 'work', "SELECT string_agg(error, ' ') FROM taskcenter.task_runs WHERE task LIKE 'killer%'"), qr/^$/, 'the error says why');
};

subtest 'immediate stop and start under load' => sub {
	my $rounds = LONG ? 30 : 3;
	my $worst = 0;

	create_task($node, 'work', 'app', 'stream', EFFECT . $pace, transaction_mode => 'auto', options => '{"max_lost": 100}');
	at_pace(0.005);
	for my $round (1 .. $rounds)
	{
		sql($node, 'work', 'TRUNCATE app.effects');
		enqueue_many($node, 'work', 'app', 'stream', 600);
		wait_for($node, 'work', 'SELECT count(*) >= 100 FROM app.effects', 't', 20);
		$node->stop('immediate');
		$node->start;
		$worst = maximum($worst, settle($node, 'work', 60));
		is(lost_and_doubled(0, 600), '0|0', "round $round: none lost, none doubled");
	}
	note(sprintf 'up to %.2f s from the start until all 600 were done', $worst);
};

subtest 'the postmaster is killed (T-L02)' => sub {
	at_pace(0);
	my $run = enqueue($node, 'work', 'app', 'stream');
	wait_for($node, 'work', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded');
	my @ours = split /\n/, sql($node, 'postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'taskcenter%'");
	cmp_ok(scalar @ours, '>=', 3, 'launcher, scheduler and executors idle');
	my $postmaster = $node->{_pid};
	$node->kill9;
	within(2, wait_until(sub { all_gone(@ours) }, 10), 'all of them gone');
	# the next one takes a dead predecessor for a living one until it is reaped
	wait_until(sub { !kill(0, $postmaster) }, 30);
	$node->start;
	$run = enqueue($node, 'work', 'app', 'stream');
	ok(wait_for($node, 'work', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded', 10), 'the next server works');
};

is(sql($node, 'work', "SELECT DISTINCT old_status, new_status FROM taskcenter.task_run_history
		WHERE (coalesce(old_status, 'none'), new_status) NOT IN (VALUES ('none', 'queued'), ('queued', 'running'),
			('running', 'succeeded'), ('running', 'failed'), ('running', 'queued'))"), '', 'the whole history is legal');
check_log($node, per_minute => 1000, allow => qr/was terminated by signal 9|kill -9/);
$node->stop;
done_testing();
