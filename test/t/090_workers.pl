# External workers: leases that end, fencing, exactly-once completion, waiting,
# turns, limits and secrets, on a server with a scheduler.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $tc = Taskcenter->start('main', durable => 1);
my $sql = sub { return $tc->sql(@_) };

sub external
{
	my ($name, %arguments) = @_;
	return $sql->("SELECT taskcenter.create_task('$name', " . Taskcenter::arguments(kind => 'external', %arguments) . ')');
}

sub worker
{
	my ($name, $queue, $tasks) = @_;
	$queue //= 'default';
	return $sql->("SELECT taskcenter.register_worker('$name', '{$queue}'" . (defined $tasks ? ", '{$tasks}'" : '') . ')');
}

# claim(WORKER, COUNT, LEASE): [run_id, token]...
sub claim
{
	my ($worker, $count, $lease) = @_;
	return map { [ split /\|/ ] } split /\n/,
	  $sql->("SELECT run_id, token FROM taskcenter.claim_runs($worker, " . ($count // 1) . ", '" . ($lease // '2 minutes') . "')");
}

sub run_of { return "SELECT $_[1] FROM taskcenter.task_runs WHERE run_id = $_[0]"; }

sub drained
{
	$sql->("SELECT count(*) FROM taskcenter.cancel_runs()");
	$sql->("SELECT taskcenter.fail_run(run_id, token, 'drained') FROM taskcenter.live_runs WHERE status = 'running'");
	return $tc->until('NOT EXISTS (SELECT FROM taskcenter.live_runs)', "nothing is left: $_[0]");
}

subtest 'a lease that ends' => sub {
	external('leased', options => { max_lost => 2 });
	my $w = worker('silent');
	my $run = $tc->enqueue('leased');
	my ($first) = claim($w, 1, '1 second');
	is($first->[0], $run, 'it is claimed');
	$tc->until("(SELECT status = 'queued' FROM taskcenter.live_runs WHERE run_id = $run)", 'without a beat it is lost');
	my $late = $sql->("SELECT extract(epoch FROM h.changed_at - r.at) FROM taskcenter.task_run_history AS h,
		(SELECT changed_at + interval '1 second' AS at FROM taskcenter.task_run_history WHERE run_id = $run AND new_status = 'running') AS r
		WHERE h.run_id = $run AND h.old_status = 'running'");
	cmp_ok($late, '>=', -0.01, 'not before its end');
	cmp_ok($late, '<', 0.5, "at that instant ($late s after it)");
	$tc->is_sql("SELECT attempt, lost, status, worker_id, lease_until FROM taskcenter.live_runs WHERE run_id = $run", '0|1|queued||', 'no attempt is spent');
	$tc->refused("SELECT taskcenter.complete_run($run, $first->[1])", '55000', 'its token is stale');
	$tc->refused("SELECT taskcenter.fail_run($run, $first->[1], 'x')", '55000', 'for a failure too');
	$tc->refused("SELECT taskcenter.snooze_run($run, $first->[1], '1 day')", '55000', 'and to put it off');
	$tc->refused("SELECT taskcenter.log_run($run, $first->[1], 'notice', 'x')", '55000', 'and for a log line');
	$tc->is_sql("SELECT count(*) FROM taskcenter.heartbeat($w)", '0', 'the worker is told that it has nothing');
	my ($second) = claim($w, 1, '1 second');
	cmp_ok($second->[1], '>', $first->[1], 'each attempt has a token of its own');
	$tc->refused("SELECT taskcenter.complete_run($run, $first->[1])", '55000', 'the old one is stale while the new one runs');
	$tc->is_sql("SELECT status, lost FROM taskcenter.live_runs WHERE run_id = $run", 'running|1', 'and changed nothing');
	$tc->until("(" . run_of($run, "status = 'failed'") . ')', 'lost too often it fails');
	$tc->is_sql(run_of($run, 'lost, attempt, error'), '2|1|lost: its worker sent no beat within the lease', 'and says why');
	$tc->is_sql("SELECT count(*) FROM taskcenter.task_run_history WHERE run_id = $run AND old_status = 'running'", '2', 'each loss has one row of history');
};

subtest 'beats' => sub {
	my $w = worker('beating');
	my $run = $tc->enqueue('leased');
	my ($held) = claim($w, 1, '1 second');
	for (1 .. 3)
	{
		$tc->until("(SELECT lease_until < clock_timestamp() + interval '0.4 seconds' FROM taskcenter.live_runs WHERE run_id = $run)", 'its end comes near');
		$tc->is_sql("SELECT run_id FROM taskcenter.heartbeat($w, '{$run}')", $run, 'a beat prolongs it');
	}
	$tc->is_sql("SELECT status, lost FROM taskcenter.live_runs WHERE run_id = $run", 'running|0', 'it outlives its lease with beats');
	$tc->is_sql("SELECT taskcenter.complete_run($run, $held->[1])", 'succeeded', 'and is completed');
};

subtest 'on_crash fail, time limits and cancelling' => sub {
	external('once', on_crash => 'fail');
	external('limited', timeout => '1 second', max_attempts => 2, backoff => 'none');
	my $w = worker('slow');
	my $once = $tc->enqueue('once');
	claim($w, 1, '1 second');
	$tc->until('(' . run_of($once, "status = 'failed'") . ')', 'on_crash = fail: a lost run is not repeated');
	my $limited = $tc->enqueue('limited');
	my ($held) = claim($w, 1, '1 hour');
	$tc->is_sql("SELECT count(*) FROM taskcenter.heartbeat($w) WHERE lease_until < clock_timestamp() + interval '2 seconds'", '1', 'no beat goes beyond the time limit');
	$tc->until("(SELECT attempt = 1 AND status = 'retrying' FROM taskcenter.live_runs WHERE run_id = $limited)", 'it ends the attempt');
	$tc->refused("SELECT taskcenter.complete_run($limited, $held->[1])", '55000', 'whose token is stale');
	claim($w, 1, '1 hour');
	$tc->until('(' . run_of($limited, "status = 'timed_out' AND attempt = 2") . ')', 'the last attempt ends the run');
	my $unheard = $tc->enqueue('leased');
	claim($w, 1, '1 second');
	$tc->is_sql("SELECT taskcenter.cancel_run($unheard, 'why')", 'cancelling', 'a worker is asked to end');
	$tc->until('(' . run_of($unheard, "status = 'cancelled' AND reason = 'why'") . ')', 'who does not hear it loses the run, cancelled');
	my $heard = $tc->enqueue('leased');
	my ($cancelled) = claim($w);
	$sql->('SELECT count(*) FROM taskcenter.cancel_runs(\'leased\')');
	$tc->is_sql("SELECT cancel_requested FROM taskcenter.heartbeat($w)", 't', 'the beat tells');
	$tc->is_sql("SELECT taskcenter.fail_run($heard, $cancelled->[1], 'stopped')", 'cancelled', 'the worker ends it so');
	$tc->is_sql("SELECT taskcenter.fail_run($heard, $cancelled->[1], 'stopped')", 'cancelled', 'and is answered the same again');
	$tc->is_sql("SELECT taskcenter.retry_run($heard)", 'queued', 'a cancelled run can be retried');
	drained('time limits');
};

# what the work wrote and complete_run(): both, or neither
subtest 'exactly once' => sub {
	$sql->('CREATE TABLE effects (run_id bigint, token bigint)');
	my $w = worker('careful');
	my $run = $tc->enqueue('leased');
	my ($held) = claim($w);
	my $work = "BEGIN; INSERT INTO effects VALUES ($run, $held->[1]); SELECT taskcenter.complete_run($run, $held->[1])";
	$sql->("$work; ROLLBACK");
	$tc->is_sql("SELECT (SELECT count(*) FROM effects), status FROM taskcenter.live_runs WHERE run_id = $run", '0|running', 'a rollback undoes both');
	my $backend = $tc->sql('SELECT pg_backend_pid()', 'dying');
	$tc->sql($work, 'dying');
	$sql->("SELECT pg_terminate_backend($backend)");
	$tc->until("NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $backend)", 'the worker dies before its commit');
	$tc->is_sql("SELECT (SELECT count(*) FROM effects), status FROM taskcenter.live_runs WHERE run_id = $run", '0|running', 'nothing is left of it');
	$sql->("$work; COMMIT");
	$tc->is_sql("SELECT (SELECT count(*) FROM effects), status FROM taskcenter.task_runs WHERE run_id = $run", '1|succeeded', 'a commit keeps both');

	# two that believe to hold it: the one with the old token loses, with its effect
	my $other = $tc->enqueue('leased');
	my ($old) = claim($w, 1, '1 second');
	$tc->until("(SELECT status = 'queued' FROM taskcenter.live_runs WHERE run_id = $other)", 'a lease ends');
	my ($new) = claim($w);
	$sql->('BEGIN');
	$sql->("INSERT INTO effects VALUES ($other, $old->[1])");
	$tc->refused("SELECT taskcenter.complete_run($other, $old->[1])", '55000', 'the late one is refused');
	$sql->('ROLLBACK');
	$sql->("BEGIN; INSERT INTO effects VALUES ($other, $new->[1]); SELECT taskcenter.complete_run($other, $new->[1]); COMMIT");
	$tc->is_sql("SELECT token = $new->[1] FROM effects WHERE run_id = $other", 't', 'one effect, of the one that held it');
};

subtest 'waiting' => sub {
	drained('before');
	my $w = worker('waiting', 'default', 'leased');
	$tc->session('waiter');
	$tc->sql("SET application_name = 'waiter'", 'waiter');
	$tc->send_only("CALL taskcenter.await_runs($w, '30 seconds')", 'waiter');
	my $asleep = "EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'waiter' AND state = 'active' AND wait_event_type = 'Extension')";
	$tc->until($asleep, 'a worker sleeps');
	$tc->is_sql("SELECT backend_xmin, backend_xid FROM pg_stat_activity WHERE application_name = 'waiter'", '|', 'without a snapshot or a transaction id');
	my $start = time;
	my $run = $tc->enqueue('leased');
	$tc->sql('SELECT 1', 'waiter');
	cmp_ok(time - $start, '<', 2, 'a commit wakes it');
	is_deeply([ map { $_->[0] } claim($w) ], [$run], 'there is what it was woken for');

	external('unknown');
	$tc->send_only("CALL taskcenter.await_runs($w, '1 second')", 'waiter');
	my $stranger = $tc->enqueue('unknown');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w, 10)", '0', 'a task that it does not know is not for it');
	$tc->sql('SELECT 1', 'waiter');

	$tc->send_only("CALL taskcenter.await_runs($w, '30 seconds')", 'waiter');
	$tc->until($asleep, 'it sleeps again');
	$start = time;
	$tc->enqueue('leased', run_at => $sql->("SELECT clock_timestamp() + interval '1 second'"));
	$tc->sql('SELECT 1', 'waiter');
	my $waited = time - $start;
	ok($waited > 0.9 && $waited < 3, "a run that is due later wakes it when it is due ($waited s)");
	is(scalar(claim($w)), 1, 'it is claimed');

	external('narrow', options => { max_running => 1 });
	my $narrow = worker('narrow', 'default', 'narrow');
	$tc->enqueue_many('narrow', 2);
	my ($held) = claim($narrow);
	is(scalar(claim($narrow)), 0, 'a limit holds the other back');
	$tc->send_only("CALL taskcenter.await_runs($narrow, '30 seconds')", 'waiter');
	$tc->until($asleep, 'whoever waits sleeps');
	$start = time;
	$sql->("SELECT taskcenter.complete_run($held->[0], $held->[1])");
	$tc->sql('SELECT 1', 'waiter');
	cmp_ok(time - $start, '<', 2, 'until there is room');
	is(scalar(claim($narrow)), 1, 'for the other');

	# a claim that is rolled back lets others have the run
	$tc->enqueue('leased');
	$tc->sql('BEGIN', 'holder');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w)", '1', 'a claim', 'holder');
	$tc->send_only("CALL taskcenter.await_runs($w, '30 seconds')", 'waiter');
	$tc->until($asleep, 'somebody waits');
	$start = time;
	$tc->sql('ROLLBACK', 'holder');
	$tc->sql('SELECT 1', 'waiter');
	cmp_ok(time - $start, '<', 2, 'its rollback wakes him');

	# while it waits it can be cancelled, and holds nobody up
	drained('to wait for');
	$tc->send_only("CALL taskcenter.await_runs($w, '30 seconds')", 'waiter');
	$tc->until($asleep, 'it sleeps');
	$start = time;
	$sql->("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'waiter'");
	my (undef, $error) = $tc->try('SELECT 1', 'waiter');
	like($error, qr/57014/, 'and can be cancelled');
	cmp_ok(time - $start, '<', 2, 'at once');

	$tc->sql('LISTEN taskcenter_runs', 'listener');
	$tc->enqueue('leased');
	is($tc->session('listener')->query('SELECT 1'), '1', 'no notice unless asked for');
	$sql->("SELECT taskcenter.set_setting('notify_workers', 'true')");
	$tc->enqueue_many('leased', 3);
	my $heard = $tc->session('listener')->query('SELECT 1');
	is(() = $heard =~ /Asynchronous notification "taskcenter_runs" with payload "default"/g, 1, 'one notice for a transaction, with the queue');
	unlike($heard, qr/leased/, 'and nothing else');
	$sql->("SELECT taskcenter.set_setting('notify_workers', 'false')");
	drained('after waiting');
};

subtest 'who is woken' => sub {
	$sql->("SELECT taskcenter.create_queue('calls')");
	external($_, queue => 'calls') for qw(call other);
	my %worker = (narrow => worker('narrow', 'calls', 'other'), map { $_ => worker($_, 'calls') } qw(one two));
	my $waits = sub {
		my ($name) = @_;
		$tc->session($name);
		$sql->("SET application_name = 'waits $name'", $name);
		$tc->send_only("CALL taskcenter.await_runs($worker{$name}, '60 seconds')", $name);
		$tc->until("EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'waits $name' AND wait_event_type = 'Extension')", "$name waits");
	};
	my $waiting = q{(SELECT coalesce(string_agg(substr(application_name, 7), ' ' ORDER BY application_name), '')
		FROM pg_stat_activity WHERE application_name ~ '^waits' AND state = 'active')};

	# the one that cannot claim it waits first, and is woken first
	$waits->($_) for qw(narrow one two);
	$tc->enqueue('call');
	$tc->until("$waiting = 'narrow two'", 'a run wakes one worker, and one that may claim it');
	is(scalar(claim($worker{one})), 1, 'that claims it');
	$tc->enqueue('other');
	$tc->until("$waiting = 'two'", 'another run wakes another one');
	is(scalar(claim($worker{narrow})), 1, 'that claims it');
	$sql->("SELECT count(*) FROM taskcenter.claim_runs($worker{one})");
	$tc->is_sql("SELECT $waiting", 'two', 'who was not needed waits on');

	$waits->('one');
	my $start = time;
	$tc->enqueue('call');
	$tc->until("$waiting = ''", 'where who was woken does not claim');
	my $waited = time - $start;
	ok($waited > 0.5 && $waited < 5, "another looks a second later ($waited s)");
	is(scalar(claim($worker{two})), 1, 'and claims it');

	$waits->($_) for qw(one two);
	$tc->enqueue('call', run_at => $sql->("SELECT clock_timestamp() + interval '1 second'"));
	$sql->("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'waits one'");
	$tc->until("$waiting = ''", 'who leaves tells another when a run will be due');
	is(scalar(claim($worker{two})), 1, 'which is claimed then');

	$waits->('two');
	$tc->enqueue_many('call', 3);
	$tc->until("$waiting = ''", 'many at once wake those that there are');
	is(scalar(claim($worker{two}, 3)), 3, 'for all of them');
	drained('of these');
};

subtest 'whose turn it is' => sub {
	$sql->("SELECT taskcenter.create_queue('fair')");
	external('fair', queue => 'fair');
	external('low', queue => 'fair', priority => 5);
	my $w = worker('fair', 'fair');
	my $enqueue = sub {
		my ($task, $tenant, $count) = @_;
		$sql->("SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task', '$task',
			'options', jsonb_build_object('group_key', '$tenant'), 'params', jsonb_build_object('of', '$tenant')))
			FROM generate_series(1, $count)))");
	};
	my $served = sub {
		my ($count) = @_;
		return join '', map { $sql->("SELECT params ->> 'of' FROM taskcenter.claim_runs($w)") } 1 .. $count;
	};
	$enqueue->('fair', 'a', 30);
	$enqueue->('fair', 'b', 3);
	$enqueue->('fair', 'c', 3);
	my $order = $served->(9);
	is(join('', sort split //, $order), 'aaabbbccc', "tenants take turns ($order)");
	is($served->(2), 'aa', 'what is left is for who is left');
	$enqueue->('fair', 'b', 40);
	my %got = map { split /\|/ } split /\n/,
	  $sql->("SELECT params ->> 'of', count(*) FROM taskcenter.claim_runs($w, 20) GROUP BY 1");
	is_deeply(\%got, { a => 10, b => 10 }, 'within one claim as well');
	$enqueue->('low', 'd', 2);
	unlike($served->(4), qr/d/, 'a lower priority waits');
	$sql->("SELECT taskcenter.set_setting('priority_aging', '1 second')");
	$tc->until(q{(SELECT clock_timestamp() - max(r.run_at) > '5.1 seconds' FROM taskcenter.live_runs AS r JOIN taskcenter.tasks AS t USING (task_id)
		WHERE t.name = 'low')}, 'five priorities later');
	like($served->(4), qr/d/, 'until it has waited for long enough');
	like($served->(4), qr/[ab]/, 'and then takes its turn as others do');
	$sql->("SELECT taskcenter.set_setting('priority_aging', NULL)");
	drained('turns');

	external('rated', options => { rate_limit => '5 per 2 seconds' });
	my $r = worker('rated', 'default', 'rated');
	$tc->enqueue_many('rated', 20);
	is(scalar(claim($r, 100)), 5, 'a rate limit: so many at once');
	is(scalar(claim($r, 100)), 0, 'and no more');
	my $start = time;
	$tc->session('waiter2');
	$tc->sql("CALL taskcenter.await_runs($r, '30 seconds')", 'waiter2');
	my $waited = time - $start;
	ok($waited > 0.2 && $waited < 2, "the next token is waited for ($waited s)");
	is(scalar(claim($r, 100)), 1, 'and used');
	# a token comes each 0.4 s; the bucket is full with five
	$tc->until("(SELECT clock_timestamp() > min(full_at) - interval '1.6 seconds' FROM taskcenter.rate_buckets)", 'another token comes');
	$sql->('BEGIN');
	cmp_ok(scalar(claim($r, 100)), '>=', 1, 'a claim takes tokens');
	$sql->('ROLLBACK');
	cmp_ok(scalar(claim($r, 100)), '>=', 1, 'and gives them back with its rollback');
	drained('rates');

	# a tenant's budget, whichever of his tasks it is spent on
	external($_, options => { group_key => 'acme', rate_limit => '3 daily' }) for qw(asks tells);
	my $b = worker('spends', 'default', 'asks,tells');
	$tc->enqueue_many($_, 4) for qw(asks tells);
	is(scalar(claim($b, 2)), 2, 'a budget is spent');
	is(scalar(claim($b, 100)), 1, 'no further than it goes');
	is(scalar(claim($b, 100)), 0, 'and no more');
	$tc->is_sql(q{SELECT count(*) FROM (SELECT min(r.run_id) AS run_id FROM taskcenter.live_runs AS r JOIN taskcenter.tasks AS t USING (task_id)
		WHERE t.group_key = 'acme' AND r.status = 'queued') AS q, taskcenter.explain_run(q.run_id) AS e
		WHERE e.reason = 'the rate limit of its task is reached' AND e.detail LIKE '3 daily; the next run may begin at %'}, '1', 'as is said of a run that waits');
	$tc->sql("UPDATE taskcenter.rate_buckets SET day_ends_at = clock_timestamp() + interval '2 seconds' WHERE rate_key LIKE '% acme'");
	$tc->sql("CALL taskcenter.await_runs($b, '30 seconds')", 'waiter2');
	$tc->is_sql(q{SELECT clock_timestamp() - day_ends_at BETWEEN '0' AND '1.5 seconds' FROM taskcenter.rate_buckets WHERE rate_key LIKE '% acme'}, 't', 'the next day is waited for');
	is(scalar(claim($b, 2)), 2, 'and has a budget of its own');
	drained('budgets');
};

# planted secrets are found nowhere but with who asked for them
subtest 'secrets' => sub {
	my $planted = 'pl4nted-s3cret-value';
	$sql->("CREATE FUNCTION public.get_secret(name text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
		AS \$\$SELECT CASE name WHEN 'stripe' THEN reverse('" . reverse($planted) . "') WHEN 'who' THEN session_user::text || '-session' END\$\$");
	$sql->("SELECT taskcenter.create_task('bare', kind => 'external', params => '{\"key\": {\"\$secret\": \"stripe\"}}')");
	my $w = worker('trusted', 'default', 'bare');
	$tc->enqueue('bare');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w)", '0', 'without a function nobody gets a secret');
	$tc->until("EXISTS (SELECT FROM taskcenter.failed_runs WHERE task = 'bare')", 'the run fails, alone');
	$sql->("SELECT taskcenter.set_setting('secret_function', 'public.get_secret')");
	my $run = $tc->enqueue('bare', params => { deep => [ { '$secret' => 'stripe' }, 1, { a => { '$secret' => 'who' } } ] });
	my ($claimed) = $tc->rows("SELECT token, params FROM taskcenter.claim_runs($w)");
	is_deeply($claimed->{params}, { key => $planted, deep => [ $planted, 1, { a => 'postgres-session' } ] }, 'a worker gets it with its claim');
	$sql->("SELECT taskcenter.complete_run($run, $claimed->{token}, '{}')");
	my $missing = $tc->enqueue('bare', params => { key => { '$secret' => 'none' } });
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w)", '0', 'one that does not exist fails the attempt');
	$tc->is_sql(run_of($missing, 'status, error'), 'failed|there is no secret "none"', 'and says which');

	$tc->task('sqlbare', q{CREATE TEMP TABLE t AS SELECT 1; SELECT taskcenter.write_log('notice', 'the key is ' || (taskcenter.param('key') #>> '{}'));
		SELECT taskcenter.set_output(jsonb_build_object('length', length(taskcenter.param('key') #>> '{}')))}, params => { key => { '$secret' => 'stripe' } });
	$tc->task('fails', q{SELECT (taskcenter.param('key') #>> '{}')::int}, params => { key => { '$secret' => 'stripe' } });
	my $inside = $tc->enqueue('sqlbare');
	my $failing = $tc->enqueue('fails');
	$tc->until('(' . run_of($inside, "status = 'succeeded' AND output = '{\"length\": 20}'") . ')', 'a command gets it too');
	$tc->until('(' . run_of($failing, "status = 'failed'") . ')', 'one that tells it fails');
	$tc->is_sql("SELECT message FROM taskcenter.task_run_logs WHERE run_id = $inside", 'the key is [REDACTED]', 'its log does not tell it');
	like($sql->(run_of($failing, 'error')), qr/"\[REDACTED\]"/, 'nor does its error');

	my $found = $sql->("SELECT string_agg(DISTINCT c.relname, ' ') FROM pg_class AS c,
		LATERAL query_to_xml(format('SELECT 1 FROM %s AS x WHERE x::text ~ %L LIMIT 1', c.oid::regclass, '$planted'), false, true, '') AS found
		WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind IN ('r', 'p') AND found::text <> ''");
	is($found, '', 'it stands in no relation');
	unlike(slurp_file($tc->node->logfile), qr/\Q$planted\E/, 'nor in the server log');

	# whoever may set the function does not get a superuser's rights
	$sql->('CREATE ROLE keeper LOGIN');
	$sql->('ALTER DATABASE postgres OWNER TO keeper');
	$sql->('GRANT CREATE ON SCHEMA public TO keeper');
	$tc->session('keeper', 'keeper');
	$tc->sql("CREATE FUNCTION public.evil(name text) RETURNS text LANGUAGE sql AS \$\$SELECT 'evil'\$\$", 'keeper');
	$tc->sql("SELECT taskcenter.set_setting('secret_function', 'public.evil')", 'keeper');
	$tc->enqueue('bare');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($w)", '0', 'a superuser calls no function of another');
	$tc->is_sql("SELECT sqlstate FROM taskcenter.task_runs WHERE task = 'bare' ORDER BY run_id DESC LIMIT 1", '42501', 'and is told so');
	my $last = "SELECT status, sqlstate FROM taskcenter.task_runs WHERE task = 'bare' ORDER BY run_id DESC LIMIT 1";
	# one that acts with its owner's rights leaves nothing behind
	for my $does (q{PERFORM set_config('search_path', 'sly, pg_catalog', false)}, q{CREATE TEMP TABLE tasks (x int)})
	{
		$tc->sql("CREATE OR REPLACE FUNCTION public.sly(name text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS \$\$BEGIN $does; RETURN 'sly secret'; END\$\$", 'keeper');
		$tc->sql("SELECT taskcenter.set_setting('secret_function', 'public.sly')", 'keeper');
		$tc->enqueue('bare');
		my $path = $sql->('SHOW search_path');
		$sql->("SELECT taskcenter.complete_run(run_id, token) FROM taskcenter.claim_runs($w)");
		$tc->is_sql('SHOW search_path', $path, "a function that says $does leaves the settings alone");
		$tc->is_sql("SELECT to_regclass('pg_temp.tasks') IS NULL", 't', 'and makes nothing');
	}
	$tc->is_sql($last, 'failed|42501', 'it is refused');
	# nor does it act with the rights of somebody else's run
	$sql->('CREATE ROLE heir LOGIN IN ROLE postgres');
	$tc->session('heir', 'heir');
	$tc->sql("SELECT taskcenter.set_setting('secret_function', 'public.evil')", 'keeper');
	$tc->sql("SELECT taskcenter.create_task('inherited', kind => 'external', params => '{\"key\": {\"\$secret\": \"x\"}}')", 'heir');
	$tc->sql("SELECT taskcenter.enqueue_task('inherited')", 'heir');
	my $h = $tc->sql("SELECT taskcenter.register_worker('heir', '{default}', '{inherited}')", 'heir');
	$tc->is_sql("SELECT count(*) FROM taskcenter.claim_runs($h)", '0', 'a member of the superuser does not call it either', 'heir');
	$tc->is_sql("SELECT sqlstate FROM taskcenter.task_runs WHERE task = 'inherited'", '42501', 'and is told so');
};

subtest 'steps of graphs' => sub {
	my $w = worker('stepping', 'default', 'leased');
	$sql->('SELECT taskcenter.create_task($q$flow$q$, kind => $q$composite$q$, options => $q${"graph": {"steps": {"a": {"command": "SELECT 1"},
		"b": {"task": "leased", "after": ["a"], "params": {"x": 1}}, "c": {"command": "SELECT 2", "after": ["b"]}}}}$q$)');
	my $root = $tc->enqueue('flow');
	$tc->sql("CALL taskcenter.await_runs($w, '30 seconds')", 'steps');
	my ($step) = $tc->rows("SELECT run_id, token, step, params, parent_run_id FROM taskcenter.claim_runs($w)");
	is_deeply([ @$step{qw(step params parent_run_id)} ], [ 'b', { x => 1 }, $root ], 'a worker gets the step that is for workers');
	$tc->is_sql("SELECT count(*) FROM taskcenter.task_runs WHERE parent_run_id = $root AND step = 'c'", '0', 'the next one waits for it');
	$sql->("SELECT taskcenter.complete_run($step->{run_id}, $step->{token}, '{}')");
	$tc->until('(' . run_of($root, "status = 'succeeded'") . ')', 'and the graph goes on');
	$root = $tc->enqueue('flow');
	$tc->sql("CALL taskcenter.await_runs($w, '30 seconds')", 'steps');
	my ($held) = claim($w);
	$sql->("SELECT taskcenter.cancel_run($root)");
	$tc->until("(SELECT cancel_requested_at IS NOT NULL FROM taskcenter.worker_runs WHERE run_id = $held->[0])", 'a graph that is cancelled asks its worker');
	$sql->("SELECT taskcenter.fail_run($held->[0], $held->[1], 'stopped')");
	$tc->until('(' . run_of($root, "status = 'cancelled'") . ')', 'and ends with it');

	# one run for each row, whoever executes them
	$sql->('SELECT taskcenter.create_task($q$mapped$q$, kind => $q$composite$q$, options => $q${"graph": {"steps": {
		"each": {"for_each": "SELECT i FROM generate_series(1, 3) AS i", "task": "leased"},
		"next": {"command": "SELECT 2", "after": ["each"]}}}}$q$)');
	for my $ending ("SELECT count(*) FROM taskcenter.complete_runs('[%s]')", "SELECT taskcenter.fail_run(run_id, token, 'x') FROM jsonb_to_recordset('[%s]') AS x (run_id bigint, token bigint)")
	{
		$root = $tc->enqueue('mapped');
		$tc->until("(SELECT count(*) = 3 FROM taskcenter.live_runs AS r JOIN taskcenter.live_runs AS p ON p.run_id = r.parent_run_id WHERE p.parent_run_id = $root AND r.item IS NOT NULL)", 'there is a run for each row');
		my @items = map { sprintf('{"run_id": %d, "token": %d}', @$_) } claim($w, 10);
		is(scalar @items, 3, 'which workers claim');
		$sql->(sprintf($ending, join(', ', @items)));
		my $status = $ending =~ /complete/ ? 'succeeded' : 'failed';
		$tc->until('(' . run_of($root, "status = '$status'") . ')', "and the graph has $status");
		$tc->is_sql("SELECT array_agg(r.item ORDER BY r.item) FROM taskcenter.finished_runs AS r JOIN taskcenter.finished_runs AS p ON p.run_id = r.parent_run_id WHERE p.parent_run_id = $root AND r.item IS NOT NULL", '{1,2,3}', 'with its items');
	}
};

subtest 'a server that crashes' => sub {
	my $w = worker('crashing');
	my $run = $tc->enqueue('leased');
	my $soon = $tc->enqueue('leased');
	my %held = map { $_->[0] => $_->[1] } claim($w, 2, '10 seconds');
	$tc->end_sessions;
	$tc->node->stop('immediate');
	$tc->node->start;
	$tc->is_sql("SELECT count(*) FROM taskcenter.live_runs WHERE status = 'running'", '2', 'leases outlive the server');
	$tc->is_sql("SELECT taskcenter.complete_run($run, $held{$run})", 'succeeded', 'who holds one completes it');
	$tc->until("(SELECT status = 'queued' AND lost = 1 FROM taskcenter.live_runs WHERE run_id = $soon)", 'the others end in time', 20);
};

$tc->stop;
done_testing();
