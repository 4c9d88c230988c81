# External workers at the edges: what others hold, guess, choose or repeat must
# not cost a run, and not be told as something that it is not.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('main');
my $sql = sub { return $tc->sql(@_) };

sub external
{
	my ($name, %arguments) = @_;
	return $sql->("SELECT taskcenter.create_task('$name', " . Taskcenter::arguments(kind => 'external', %arguments) . ')');
}

# worker(NAME, TASK): for one task only
sub worker { return $sql->("SELECT taskcenter.register_worker('$_[0]', '{default}', '{$_[1]}')"); }

# claim(WORKER, COUNT, LEASE): [run_id, token]...
sub claim
{
	my ($worker, $count, $lease) = @_;
	return map { [ split /\|/ ] } split /\n/,
	  $sql->("SELECT run_id, token FROM taskcenter.claim_runs($worker, " . ($count // 1) . ", '" . ($lease // '2 minutes') . "')");
}

sub status_of { return $sql->("SELECT status FROM taskcenter.task_runs WHERE run_id = $_[0]"); }
sub false_positives { return $sql->('SELECT false_positives FROM taskcenter.watchdog_metrics()'); }

# whoever chooses a group key does not choose the lane: this one had the number of the lane of task 1
subtest 'a lane holds one task' => sub {
	is(external('victim'), 1, 'the first task');
	is(external('chosen'), 2, 'the second');
	$tc->enqueue('victim');
	$sql->(q~SELECT taskcenter.enqueue_task('chosen', options => jsonb_build_object('group_key', 'tenant000000@z)S#3@6}<x?'))~);
	$tc->is_sql('SELECT count(DISTINCT gate) FROM taskcenter.live_runs', '2', 'a chosen key has a lane of its own');
	my $w = worker('thief', 'chosen');
	$tc->is_sql("SELECT string_agg(task, ' ') FROM taskcenter.claim_runs($w, 10)", 'chosen', 'and brings no runs of others');
	$sql->("SELECT taskcenter.archive_task('$_')") for qw(victim chosen);
	$sql->("SELECT taskcenter.unregister_worker($w)");
};

subtest 'beats wait for nobody' => sub {
	external('kept');
	my $w = worker('busy', 'kept');
	$tc->enqueue_many('kept', 2);
	my ($first, $second) = claim($w, 2, '10 seconds');
	$tc->sql("BEGIN; SELECT taskcenter.complete_run($first->[0], $first->[1])", 'slow');
	$sql->("SET statement_timeout = '5s'");
	my $beat = "SELECT run_id FROM taskcenter.heartbeat($w) ORDER BY run_id";
	is($sql->($beat), "$first->[0]\n$second->[0]", 'a run that is about to end does not hold up the others');
	$tc->is_sql("SELECT count(DISTINCT lease_until), max(lease_until) > now() + interval '9 seconds' FROM taskcenter.live_runs", '2|t',
		'whose leases are prolonged');
	$tc->sql('COMMIT', 'slow');
	is($sql->($beat), "$second->[0]", 'what has ended is not held any more');
	$tc->sql("BEGIN; SELECT count(*) FROM taskcenter.heartbeat($w)", 'slow');
	$tc->is_sql("SELECT count(*) FROM taskcenter.heartbeat($w)", '1', 'a beat that does not commit holds up no other');
	$tc->sql('ROLLBACK', 'slow');
	$sql->('RESET statement_timeout');
	$tc->is_sql("SELECT status FROM taskcenter.complete_runs('[{\"run_id\": $second->[0], \"token\": $second->[1]}]')", 'succeeded', 'all end well');
};

subtest 'at most once' => sub {
	external('once', on_crash => 'fail', timeout => '1 second', max_attempts => 3, backoff => 'none');
	external('again', max_attempts => 3);
	my $w = worker('leaving', 'once');
	my $run = $tc->enqueue('once');
	my ($held) = claim($w);
	$tc->wait_until("SELECT status = 'timed_out' AND attempt = 1 FROM taskcenter.task_runs WHERE run_id = $run");
	is(status_of($run), 'timed_out', 'a time limit: nobody knows what its worker still does');
	$run = $tc->enqueue('once');
	claim($w);
	$tc->is_sql("SELECT taskcenter.unregister_worker($w)", '0', 'a worker that leaves gives it not back');
	$tc->is_sql("SELECT status, error FROM taskcenter.task_runs WHERE run_id = $run", 'failed|its worker left', 'it has failed');
	$w = worker('leaving', 'again');
	$run = $tc->enqueue('again');
	claim($w);
	$tc->is_sql("SELECT taskcenter.unregister_worker($w)", '1', 'what may be repeated is given back');
	is(status_of($run), 'queued', 'at once');
	$sql->("SELECT taskcenter.cancel_run($run)");
};

subtest 'many in one call' => sub {
	external('batch', options => { max_lost => 9 });
	my $w = worker('batch', 'batch');
	$tc->enqueue_many('batch', 2);
	my ($lost) = claim($w, 1, '1 second');
	$tc->wait_until("SELECT status = 'queued' AND lost = 1 FROM taskcenter.live_runs WHERE run_id = $lost->[0]");
	my ($first, $second) = sort { $a->[0] <=> $b->[0] } claim($w, 2);
	my $new = $first->[0] == $lost->[0] ? $first : $second;
	my $other = $first->[0] == $lost->[0] ? $second : $first;
	my $results = join ', ', map { "{\"run_id\": $_->[0], \"token\": $_->[1]}" } ([ $new->[0], 99999999 ], $lost, $new, $new, $other, [ 4711, 1 ]);
	is($sql->("SELECT coalesce(status, problem) FROM taskcenter.complete_runs('[$results]')"),
		join("\n", 'lease lost', 'lease lost', ('succeeded') x 3, 'lease lost'), 'a good token counts, whatever else is in the call');
	$tc->is_sql("SELECT count(*) FROM taskcenter.finished_runs JOIN taskcenter.tasks USING (task_id) WHERE name = 'batch'", '2', 'each run ends once');
	$tc->is_sql("SELECT reason, detail FROM taskcenter.explain_run($lost->[0]) WHERE reason LIKE '%lost'", 'its worker was lost|Once.', 'and says what was lost');
};

subtest 'false alarms are those of the watchdog' => sub {
	external('alarm', options => { max_lost => 9 });
	my $w = worker('alarm', 'alarm');
	my $before = false_positives();
	$tc->enqueue('alarm');
	my ($run) = claim($w);
	$tc->refused("SELECT taskcenter.complete_run($run->[0], 1)", '55000', 'a number that was guessed');
	$sql->("SELECT taskcenter.complete_run($run->[0], $run->[1])");
	$tc->refused("SELECT taskcenter.fail_run($run->[0], $run->[1], 'x')", '55000', 'an end whose answer was not heard');
	is(false_positives(), $before, 'are none');
	$tc->enqueue('alarm');
	my ($lost) = claim($w, 1, '1 second');
	$tc->wait_until("SELECT lost = 1 FROM taskcenter.live_runs WHERE run_id = $lost->[0]");
	$tc->refused("SELECT taskcenter.log_run($lost->[0], $lost->[1], 'info', 'x')", '55000', 'a line in the log is no end');
	$sql->('CREATE ROLE stranger LOGIN');
	$tc->session('stranger', 'stranger');
	my (undef, $error) = $tc->try("SELECT taskcenter.complete_run($lost->[0], $lost->[1])", 'stranger');
	like($error, qr/55000/, 'a stranger');
	is(false_positives(), $before, 'counts for nothing');
	my ($again) = claim($w);
	$tc->refused("SELECT taskcenter.complete_run($lost->[0], $lost->[1])", '55000', 'its worker, when another one has it');
	is(false_positives(), $before + 1, 'is one');
	$tc->refused("SELECT taskcenter.fail_run($lost->[0], $lost->[1], 'x')", '55000', 'again');
	$tc->is_sql("SELECT problem FROM taskcenter.complete_runs('[{\"run_id\": $lost->[0], \"token\": $lost->[1]}]')", 'lease lost', 'and again');
	is(false_positives(), $before + 1, 'is no other one');
	my $stuck = 'SELECT stuck FROM taskcenter.watchdog_metrics()';
	my $seen = $sql->($stuck);
	external('limited', timeout => '1 second');
	my $slow = worker('limited', 'limited');
	$tc->enqueue('limited');
	claim($slow);
	$tc->wait_until("SELECT status = 'timed_out' FROM taskcenter.task_runs WHERE task = 'limited'");
	is($sql->($stuck), $seen, 'a worker that was too slow was not silent');
	$sql->("SELECT taskcenter.complete_run($again->[0], $again->[1])");
};

subtest 'what it looks like' => sub {
	is($sql->("SELECT state FROM taskcenter.status WHERE check_name = 'roles'"), 'ok', 'what workers execute needs no role that can log in');
	$tc->is_sql('SELECT count(*) FROM taskcenter.review()', '0', 'and is no orphan');
	my $w = $sql->(q{SELECT taskcenter.register_worker('twice', '{default,default}')});
	$tc->is_sql("SELECT queues FROM taskcenter.workers WHERE worker_id = $w", '{default}', 'a queue that is named twice is one');
	$tc->enqueue('batch');
	my $b = worker('preparing', 'batch');
	my ($held) = claim($b);
	$sql->("BEGIN; SELECT taskcenter.complete_run($held->[0], $held->[1])");
	$tc->refused("PREPARE TRANSACTION 'x'", '0A000', 'an end in a transaction that is prepared is refused');
	is(status_of($held->[0]), 'running', 'and undone');
	$sql->("SELECT taskcenter.complete_run($held->[0], $held->[1])");
};

# what a worker says of its run is kept without the secrets that it got
subtest 'secrets' => sub {
	my $planted = 'pl4nted-s3cret-value';
	$sql->("CREATE FUNCTION public.get_secret(name text) RETURNS text LANGUAGE sql AS
		\$\$SELECT CASE name WHEN 'quoted' THEN 'a' || chr(34) || 'b' || chr(92) || 'c d3' ELSE reverse('" . reverse($planted) . "') END\$\$");
	$sql->("SELECT taskcenter.set_setting('secret_function', 'public.get_secret')");
	external('talks', max_attempts => 2, backoff => 'none', params => { deep => [ { '$secret' => 'stripe' }, { '$secret' => 'quoted' } ] });
	my $w = worker('talks', 'talks');
	my $run = $tc->enqueue('talks');
	my ($first) = claim($w);
	$sql->("SELECT taskcenter.log_run($run, $first->[1], 'info', 'got $planted', '{\"key\": \"$planted\"}')");
	$sql->("SELECT taskcenter.report_run_progress($run, $first->[1], 1, phase => '$planted')");
	$sql->(qq{SELECT taskcenter.log_run($run, $first->[1], 'info', 'sent {"q": "a\\"b\\\\c d3"}')});
	$tc->is_sql("SELECT message FROM taskcenter.task_run_logs WHERE run_id = $run AND message ~ 'sent'", 'sent {"q": "[REDACTED]"}', 'nor in a JSON text');
	$sql->("SELECT taskcenter.log_run($run, $first->[1], 'info', repeat('x', 8186) || '$planted')");
	$tc->is_sql("SELECT count(*) FROM taskcenter.task_run_logs WHERE run_id = $run AND message ~ 'xpl4'", '0', 'nor where a text is cut');
	$tc->is_sql("SELECT phase FROM taskcenter.worker_runs WHERE run_id = $run", '[REDACTED]', 'progress does not tell it');
	$sql->("SELECT taskcenter.fail_run($run, $first->[1], repeat('e', 8186) || '$planted', detail => '{\"key\": \"$planted\"}')");
	my ($second) = claim($w);
	$sql->("SELECT taskcenter.fail_run($run, $second->[1], 'again $planted', retryable => false)");
	$tc->is_sql("SELECT error FROM taskcenter.dead_letters WHERE run_id = $run", 'again [REDACTED]', 'nor does a dead letter');
	my $found = $sql->("SELECT string_agg(DISTINCT c.relname, ' ') FROM pg_class AS c,
		LATERAL query_to_xml(format('SELECT 1 FROM %s AS x WHERE x::text ~ %L LIMIT 1', c.oid::regclass, 'pl4n'), false, true, '') AS found
		WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND found::text <> ''");
	is($found, '', 'it stands nowhere');
	$run = $tc->enqueue('talks');
	($first) = claim($w);
	$sql->('DROP FUNCTION public.get_secret(text)');
	$sql->("SELECT taskcenter.log_run($run, $first->[1], 'info', 'got $planted')");
	$sql->("SELECT taskcenter.fail_run($run, $first->[1], 'no $planted', 'AUTH_ERROR')");
	$tc->is_sql("SELECT string_agg(DISTINCT message, ', ') FROM taskcenter.task_run_logs WHERE run_id = $run",
		'withheld: the secrets of the run cannot be had, so they could not be hidden', 'what cannot be hidden is not kept');
	$tc->is_sql("SELECT status, code FROM taskcenter.finished_runs WHERE run_id = $run", 'failed|AUTH_ERROR', 'but that it failed, and how');
	$sql->("SELECT taskcenter.set_setting('secret_function', '')");
};

subtest 'dead letters' => sub {
	external('dead', params => { key => { '$secret' => 'stripe' }, token => 'abc' });
	my $w = worker('dead', 'dead');
	my $run = $tc->enqueue('dead');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w)", '0', 'a secret that cannot be had');
	$tc->is_sql("SELECT params -> 'key', params -> 'token' FROM taskcenter.dead_letters WHERE run_id = $run", '{"$secret": "stripe"}|"[REDACTED]"',
		'a letter hides secrets, and keeps their names');

	# purged, redriven as a new run, which succeeds at its first attempt
	$sql->("SELECT taskcenter.alter_task('dead', params => '{}')");
	$run = $tc->enqueue('dead', params => { i => 1 });
	my ($held) = claim($w);
	$sql->("SELECT taskcenter.fail_run($run, $held->[1], 'no', retryable => false)");
	$sql->('ALTER TABLE taskcenter.finished_runs DISABLE TRIGGER guard_status');
	$sql->("DELETE FROM taskcenter.finished_runs WHERE run_id = $run");
	$sql->('SELECT taskcenter.repair_guards()');
	my $letter = $sql->("SELECT dead_letter_id FROM taskcenter.dead_letters WHERE run_id = $run");
	my $new = $sql->("SELECT taskcenter.redrive_dead_letter($letter)");
	isnt($new, $run, 'a run that is purged goes again as another one');
	$tc->wait_until("SELECT taskcenter.complete_run(run_id, token) = 'succeeded' FROM taskcenter.claim_runs($w)");
	is(status_of($new), 'succeeded', 'which succeeds');
	$tc->is_sql("SELECT state, redrives FROM taskcenter.dead_letters WHERE dead_letter_id = $letter", 'resolved|1', 'and closes the letter');

	# how slowly somebody lets his go is not the business of others
	for my $who (qw(tenant app))
	{
		$sql->("CREATE ROLE $who LOGIN") if $who ne 'app';
		$tc->session($who, $who);
		$tc->sql("SELECT taskcenter.create_task('of $who', kind => 'external')", $who);
		$tc->sql("SELECT taskcenter.enqueue_tasks('[{\"task\": \"of $who\"}, {\"task\": \"of $who\"}]')", $who);
		my $theirs = $tc->sql("SELECT taskcenter.register_worker('$who', '{default}')", $who);
		$tc->sql("SELECT taskcenter.fail_run(run_id, token, 'no', retryable => false) FROM taskcenter.claim_runs($theirs, 2)", $who);
	}
	$tc->is_sql('SELECT max(run_at) > now() + interval \'50 minutes\' FROM taskcenter.redrive_dead_letters(per_hour => 1)', 't', 'one an hour', 'tenant');
	$tc->is_sql('SELECT max(run_at) < now() + interval \'1 minute\' FROM taskcenter.redrive_dead_letters(per_hour => 3600)', 't',
		'somebody else\'s slow redrive holds nobody up', 'app');
};

# it was woken, and has not yet found when to look again: somebody else must
subtest 'a worker that dies as it looks' => sub {
	external('later');
	my %w = map { $_ => worker($_, 'later') } qw(one two);
	for my $name (qw(one two))
	{
		$tc->session($name);
		$tc->sql("SET application_name = 'waits $name'", $name);
		$tc->send_only("CALL taskcenter.await_runs($w{$name}, '20 seconds')", $name);
		$tc->until("EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'waits $name' AND wait_event_type = 'Extension')", "$name waits");
	}
	$tc->sql('BEGIN; LOCK TABLE taskcenter.workers', 'slow');
	$tc->enqueue('later', run_at => $sql->("SELECT clock_timestamp() + interval '1 second'"));
	$tc->until("EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'waits one' AND wait_event_type = 'Lock')", 'one is woken, and looks');
	$sql->("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'waits one'");
	$tc->until("NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'waits one')", 'it dies');
	$tc->sql('ROLLBACK', 'slow');
	$tc->until("NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'waits two' AND state = 'active')", 'the other one is woken when the run is due', 10);
	is(scalar(claim($w{two})), 1, 'and claims it');
	$tc->end_session('one');
};

# two owners use the same group key: the tokens of one are not those of the other
subtest 'rate limits' => sub {
	for my $who (qw(tenant app))
	{
		$tc->sql("SELECT taskcenter.create_task('rated $who', kind => 'external', options => '{\"group_key\": \"acme\", \"rate_limit\": \"1 per hour\"}')", $who);
		$tc->sql("SELECT taskcenter.enqueue_task('rated $who')", $who);
		my $w = $tc->sql("SELECT taskcenter.register_worker('rated', '{default}', '{rated $who}')", $who);
		$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w)", '1', "$who has tokens", $who);
		$tc->sql("SELECT taskcenter.enqueue_task('rated $who')", $who);
		$tc->is_sql("SELECT count(*) FROM taskcenter.task_runs AS r, taskcenter.explain_run(r.run_id) AS e WHERE r.task = 'rated $who' AND r.status = 'queued'
			AND e.reason = 'the rate limit of its task is reached' AND e.detail LIKE '1 per hour; the next run may begin at %'", '1', 'and no more, as is said', $who);
		$tc->sql("SELECT taskcenter.unregister_worker($w)", $who);
	}

	# the first tokens of all
	external('first', options => { rate_limit => '9 per hour' });
	my $w = worker('first', 'first');
	$tc->enqueue_many('first', 2);
	$tc->sql("BEGIN; SELECT count(*) FROM taskcenter.claim_runs($w)", 'slow');
	$tc->is_sql("SELECT count(*) > 0, count(*) FILTER (WHERE objsubid <= 2) FROM pg_locks WHERE locktype = 'advisory'", 't|0',
		'what a claim locks nobody else can lock with SQL');
	$sql->("SET statement_timeout = '5s'");
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w)", '0', 'a claim waits for no other one');
	$sql->('RESET statement_timeout');
	$tc->sql('COMMIT', 'slow');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w)", '1', 'and finds its tokens later');
};

# what explain_run() says when a transaction is left open
subtest 'who holds it up' => sub {
	$sql->("SELECT taskcenter.create_queue('narrow', 9)");
	external('narrow', queue => 'narrow');
	external('single', options => { max_running => 5 });
	my %w = (narrow => $sql->("SELECT taskcenter.register_worker('narrow', '{narrow}')"), single => worker('single', 'single'));
	my $pid = $tc->sql('SELECT pg_backend_pid()', 'slow');
	my $reasons = sub { $sql->("SELECT string_agg(reason, ', ' ORDER BY reason) FROM taskcenter.explain_run($_[0])") };
	my %held;
	for (['narrow', 'queue "narrow"'], ['single', 'its task'])
	{
		my ($task, $what) = @$_;
		$held{$task} = $tc->enqueue($task);
		my $due = $tc->enqueue($task);
		$tc->sql("BEGIN; SELECT count(*) FROM taskcenter.claim_runs($w{$task})", 'slow');
		is($reasons->($due), "an open transaction of process $pid holds the limit of $what, it waits for a worker", "a claim that does not commit: $task");
		is($reasons->($held{$task}), "an open transaction of process $pid holds it, an open transaction of process $pid holds the limit of $what, it waits for a worker", 'the run that it claims');
		$tc->sql('COMMIT', 'slow');
		is($reasons->($due), 'it waits for a worker', 'and then');
	}
	is($reasons->($held{single}), 'a worker holds it', 'a run that is held');
	$tc->sql("BEGIN; SELECT taskcenter.complete_run(run_id, token) FROM taskcenter.live_runs WHERE run_id = $held{single}", 'slow');
	is($reasons->($held{single}), "a worker holds it, an open transaction of process $pid holds it", 'whose end does not commit');
	$tc->sql('COMMIT', 'slow');
	$sql->("SELECT count(*) FROM taskcenter.cancel_runs('$_')") for qw(narrow single);
};

# of so many a look sees some hundreds, by chance
subtest 'a crowd of tenants' => sub {
	external('crowd');
	external('rare');
	my $w = worker('crowd', 'crowd');
	my $enqueue = sub {
		my ($task, $tenants, $each) = @_;
		$sql->("SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task', '$task',
			'options', jsonb_build_object('group_key', 'tenant ' || n), 'params', jsonb_build_object('of', n)))
			FROM generate_series(1, $tenants) AS n, generate_series(1, $each)))");
	};
	$enqueue->('crowd', 1500, 2);
	$enqueue->('crowd', 1, 500);
	$enqueue->('rare', 1, 3);
	$tc->is_sql("SELECT count(*), count(DISTINCT params) FROM taskcenter.claim_runs($w, 100)", '100|100', 'one of each tenant');
	$tc->is_sql("SELECT count(*), count(DISTINCT params) > 950 FROM taskcenter.claim_runs($w, 1000)", '1000|t', 'of nearly as many as are wanted');
	my $short = 0;
	for (1 .. 20)
	{
		$short++ if $sql->("SELECT count(*) FROM taskcenter.claim_runs($w, 50)") != 50;
	}
	is($short, 0, 'no claim gives less than there is');
	$tc->is_sql("SELECT count(DISTINCT params) > 1200, count(*) FILTER (WHERE params ->> 'of' = '1') < 20
		FROM taskcenter.live_runs AS r WHERE r.worker_id = $w", 't|t', 'most had a turn, and who has much gets no more');
	my $rare = worker('rare', 'rare');
	$tc->is_sql("SELECT string_agg(DISTINCT task, ' '), count(*) FROM taskcenter.claim_runs($rare, 10)", 'rare|3',
		'a lane is found among all that are for others');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w, 1000)", '1000', 'the rest');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w, 1000)", '400', 'to the last');
	$tc->is_sql("SELECT count(*), count(DISTINCT run_id) FROM taskcenter.live_runs WHERE status = 'running' AND worker_id = $w",
		'3500|3500', 'each once');
	$sql->("SELECT count(*) FROM taskcenter.complete_runs((SELECT jsonb_agg(jsonb_build_object('run_id', run_id, 'token', token))
		FROM taskcenter.live_runs WHERE worker_id IN ($w, $rare)))");
	$tc->is_sql("SELECT count(*) FROM taskcenter.live_runs WHERE worker_id IN ($w, $rare)", '0', 'and done');
	$sql->("SELECT taskcenter.unregister_worker($_)") for $w, $rare;
};

# who is stopped cannot look, and is the first to be woken
subtest 'a waiter that hears nothing' => sub {
	external('heard');
	my $w = worker('hears', 'heard');
	my $pid;
	for my $name ('deaf', 'well')
	{
		$tc->session($name, 'postgres');
		$tc->sql("SET application_name = '$name'", $name);
		$tc->send_only("CALL taskcenter.await_runs($w, '10 minutes')", $name);
		$tc->until("EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '$name' AND wait_event_type = 'Extension')", "$name waits");
	}
	$pid = $sql->("SELECT pid FROM pg_stat_activity WHERE application_name = 'deaf'");
	kill 'STOP', $pid;
	$tc->enqueue('heard');
	$tc->until("EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'well' AND state = 'idle')", 'another one looks for it');
	kill 'CONT', $pid;
	$tc->is_sql("SELECT count(taskcenter.complete_run(run_id, token)) FROM taskcenter.claim_runs($w)", '1', 'and may claim');
	$sql->("SELECT taskcenter.unregister_worker($w)");
	$tc->sql('SELECT 1', 'well');
	$tc->try('SELECT 1', 'deaf');
};

subtest 'switched off, and gone' => sub {
	external('switched');
	my $w = worker('switched', 'switched');
	$tc->enqueue('switched');
	# a session takes it between two statements
	my $switch = sub {
		my ($to) = @_;
		my $deadline = time + 30;
		$tc->configure('taskcenter.enabled' => $to);
		1 until $sql->('SHOW taskcenter.enabled') eq $to || time > $deadline;
	};
	$switch->('off');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w)", '0', 'workers get nothing while taskcenter is switched off');
	$switch->('on');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w)", '1', 'and go on then');
	$tc->session('waits', 'postgres');
	$tc->sql("SET application_name = 'waits'", 'waits');
	$tc->send_only("CALL taskcenter.await_runs($w, '10 minutes')", 'waits');
	my $asleep = "EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'waits' AND wait_event_type = 'Extension')";
	$tc->until($asleep, 'whoever waits');
	$sql->("SELECT taskcenter.unregister_worker($w)");
	$tc->until("NOT $asleep", 'hears that the worker has gone');
	$sql->("SELECT taskcenter.archive_task('switched')");
};

# a copy does nothing, and says so
subtest 'a copy' => sub {
	my $w = worker('copied', 'batch');
	$tc->enqueue('batch');
	$tc->end_sessions;
	$tc->session('maker', 'postgres', 'template1');
	my (undef, $error) = $tc->try('CREATE DATABASE copied TEMPLATE postgres', 'maker');
	is($error, '', 'a copy of the database');
	$tc->session('copied', 'postgres', 'copied');
	$tc->refused("SELECT taskcenter.claim_runs($w)", '55000', 'gives no runs', 'copied');
	$tc->refused("CALL taskcenter.await_runs($w, '1 minute')", '55000', 'and lets nobody wait for them', 'copied');
	$tc->sql("SELECT taskcenter.adopt_database('test')", 'copied');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w)", '1', 'until it is adopted', 'copied');
};

$tc->never_crashed('the server never restarted');
$tc->stop;
done_testing();
