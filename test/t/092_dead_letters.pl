# Dead letters: exactly one for each run that failed for good, whatever dies and whoever comes second.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Utils;
use Taskcenter;
use Test::More;
use Time::HiRes qw(usleep);

my $purged = 0;    # a run that was taken without its history
my $cycles = $ENV{TASKCENTER_LONG} ? 50 : 3;

my $tc = Taskcenter->start('letters', conf => q{
taskcenter.max_executors = 4
taskcenter.strict_start = 0
}, durable => 1);

sub letter
{
	my ($run) = @_;
	my ($row) = $tc->rows("SELECT * FROM taskcenter.dead_letters WHERE run_id = $run");
	return $row;
}

# Runs that failed without a letter, letters of runs that did not, letters that disagree.
sub none_amiss
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $tc->is_sql(qq{SELECT coalesce(string_agg(check_name || ' ' || object_id || ': ' || detail, ', '), '') FROM (
		SELECT * FROM taskcenter.check_integrity() WHERE object_id <> $purged LIMIT 5) AS c}, '', $name);
}

# ---- what opens one ----

$tc->is_sql('SELECT count(*) FROM taskcenter.dead_letters', '0', 'at first there is none');
$tc->task('raises', q{DO $$ BEGIN RAISE 'no luck with password=abc' USING DETAIL = 'some detail', HINT = 'a hint'; END $$},
	max_attempts => 3, backoff => 'none');
my $run = $tc->run('raises');
$tc->is_run($run, 'failed', 'a run that used up its attempts');
my $letter = letter($run->{run_id});
is("$letter->{state} $letter->{code} $letter->{sqlstate} $letter->{attempts}", 'open PROCESSING_ERROR P0001 3', 'has an open dead letter');
like($letter->{error}, qr/^no luck with password=\[REDACTED\]\nDETAIL: some detail\nHINT: a hint\nCONTEXT: /, 'with the error in full, without the secret');
is(join(' ', map { "$_->{attempt}:$_->{status}" } @{ $letter->{errors} }), '1:retrying 2:retrying 3:failed', 'and the errors of all attempts');
is(scalar(grep { $_->{error} =~ /DETAIL: some detail/ } @{ $letter->{errors} }), 3, 'each in full');
unlike($tc->sql("SELECT row_to_json(d)::text FROM taskcenter.dead_letters AS d"), qr/abc/, 'the secret is nowhere');

$run = $tc->once('slow', 'SELECT pg_sleep(60)', timeout => '300 milliseconds');
$tc->is_run($run, 'timed_out', 'a run beyond its time limit');
is(letter($run->{run_id})->{code}, 'TIMEOUT', 'has the code TIMEOUT');

$run = $tc->once('dies', 'SELECT pg_terminate_backend(pg_backend_pid())', options => { max_lost => 2 });
$tc->is_run($run, 'failed', 'a run that lost its executor too often');
$letter = letter($run->{run_id});
is("$letter->{code} $letter->{lost}", 'UNKNOWN 2', 'has one that knows no more');
is(scalar(grep { $_->{error} =~ /^lost: / } @{ $letter->{errors} }), 2, 'but that it was lost');

$run = $tc->once('once only', 'SELECT pg_terminate_backend(pg_backend_pid())', on_crash => 'fail');
$tc->is_run($run, 'failed', 'a run that must not be repeated');
is(letter($run->{run_id})->{state}, 'open', 'has one');

$tc->task('batch', q{SELECT 1 / (taskcenter.param('i')::int % 3)}, transaction_mode => 'batched', options => { batch => 20 });
$tc->enqueue_many('batch', 60);
ok($tc->finish_all('batch', 30), 'batches with failures end');
$tc->is_sql("SELECT count(*) || ' ' || count(DISTINCT run_id) FROM taskcenter.dead_letters JOIN taskcenter.tasks USING (task_id) WHERE name = 'batch'",
	'20 20', 'and leave one for each failure');

$tc->task('deferred', 'INSERT INTO late VALUES (1)');
$tc->sql(q{CREATE TABLE late (i int UNIQUE DEFERRABLE INITIALLY DEFERRED); GRANT ALL ON late TO app; INSERT INTO late VALUES (1)});
$run = $tc->run('deferred');
is(letter($run->{run_id})->{code}, 'VALIDATION_ERROR', 'a failure at commit leaves one, too');
none_amiss('all agrees');

# what a worker refuses for good
$tc->sql(q{SELECT taskcenter.create_task('fetch', kind => 'external', max_attempts => 3)});
my $worker = $tc->sql(q{SELECT taskcenter.register_worker('fetcher', '{default}')});
my $fetch = $tc->enqueue('fetch');
my ($claimed) = $tc->rows("SELECT * FROM taskcenter.claim_runs($worker)");
$tc->sql("SELECT taskcenter.fail_run($fetch, $claimed->{token}, 'no such file', 'DOWNLOAD_ERROR', false)");
is(letter($fetch)->{code} . ' ' . letter($fetch)->{attempts}, 'DOWNLOAD_ERROR 1', 'a failure of a worker that is not to be repeated leaves one, with its code');
is($tc->look($fetch)->{code}, 'DOWNLOAD_ERROR', 'which the run shows, too');
$tc->sql('SELECT taskcenter.redrive_dead_letter(' . letter($fetch)->{dead_letter_id} . ')');
($claimed) = $tc->rows("SELECT * FROM taskcenter.claim_runs($worker)");
$tc->sql("SELECT taskcenter.complete_run($fetch, $claimed->{token}, '{}')");
is(letter($fetch)->{state}, 'resolved', 'the success of another attempt closes it');

# ---- there and back ----

$tc->sql('CREATE TABLE gauge AS SELECT 0 AS level; GRANT ALL ON gauge TO app');
$tc->task('gauge', 'SELECT 1 / level FROM gauge', options => { capture_output => Taskcenter::true });
$run = $tc->run('gauge');
$letter = letter($run->{run_id});
$tc->sql("SELECT taskcenter.redrive_dead_letter($letter->{dead_letter_id})");
ok($tc->wait_until("SELECT state = 'open' AND redrives = 1 FROM taskcenter.dead_letters WHERE run_id = $run->{run_id}"), 'a redrive that fails opens it again');
$tc->sql('UPDATE gauge SET level = 1');
$tc->sql("SELECT taskcenter.redrive_dead_letter($letter->{dead_letter_id})");
$tc->is_run($tc->finish($run->{run_id}), 'succeeded', 'one that succeeds');
is(letter($run->{run_id})->{state}, 'resolved', 'closes it, in the same transaction');
is(letter($run->{run_id})->{dead_letter_id}, $letter->{dead_letter_id}, 'it was one letter all the time');

# later ones have a later time, and start then
$tc->sql('UPDATE gauge SET level = 0');
$tc->enqueue_many('gauge', 3);
$tc->finish_all('gauge');
$tc->sql('UPDATE gauge SET level = 1');
$tc->sql(q{SELECT taskcenter.redrive_dead_letters('{"task": "gauge"}', per_hour => 7200)});
ok($tc->finish_all('gauge', 30), 'spread ones end');
$tc->is_sql(q{SELECT count(*) || ' ' || (max(r.started_at) - min(r.started_at) >= '0.9 seconds')
	FROM taskcenter.dead_letters AS d JOIN taskcenter.task_runs AS r USING (run_id)
	WHERE r.task = 'gauge' AND d.closed_at IS NOT NULL AND d.redrives = 1}, '3 true', 'half a second apart');

# ---- who comes second ----

$tc->task('fails', 'SELECT 1 / 0');
$run = $tc->run('fails');
$letter = letter($run->{run_id})->{dead_letter_id};
$tc->sql("BEGIN; SELECT taskcenter.redrive_dead_letter($letter)", 'first');
$tc->send_only("SELECT taskcenter.redrive_dead_letter($letter)", 'second');
ok($tc->wait_until("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'redrive_dead')"), 'the second redrive waits for the first');
$tc->sql('COMMIT', 'first');
my (undef, $error) = $tc->try('SELECT 1', 'second');
like($error, qr/ERROR:  55000:.*cannot be redriven.*DETAIL:  It was redriven by postgres at /s, 'and is told so');
$tc->wait_until("SELECT state = 'open' FROM taskcenter.dead_letters WHERE dead_letter_id = $letter");
is(letter($run->{run_id})->{redrives}, 1, 'it went again once');
# the first is undone: the second wins
$tc->sql("BEGIN; SELECT taskcenter.redrive_dead_letter($letter)", 'first');
$tc->send_only("SELECT taskcenter.redrive_dead_letter($letter)", 'second');
$tc->wait_until("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'redrive_dead')");
$tc->sql('ROLLBACK', 'first');
(undef, $error) = $tc->try('SELECT 1', 'second');
is($error, '', 'where the first is undone the second wins');
$tc->wait_until("SELECT state = 'open' AND redrives = 2 FROM taskcenter.dead_letters WHERE dead_letter_id = $letter");

# the same where the run is purged
$tc->sql(q{ALTER TABLE taskcenter.finished_runs DISABLE TRIGGER guard_status});
$purged = $run->{run_id};
$tc->sql(qq{DELETE FROM taskcenter.finished_runs WHERE run_id = $purged});
$tc->sql(q{SELECT taskcenter.repair_guards()});
$tc->sql("BEGIN; SELECT taskcenter.redrive_dead_letter($letter)", 'first');
$tc->send_only("SELECT taskcenter.redrive_dead_letter($letter)", 'second');
$tc->wait_until("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'redrive_dead')");
$tc->sql('COMMIT', 'first');
(undef, $error) = $tc->try('SELECT 1', 'second');
like($error, qr/ERROR:  55000:.*It was redriven by/s, 'of a purged run, too, the second is told');
ok($tc->wait_until("SELECT state = 'open' AND redrives = 3 AND first_run_id = $run->{run_id} AND run_id <> first_run_id
	FROM taskcenter.dead_letters WHERE dead_letter_id = $letter"), 'and its new run fails into the same letter');
$tc->is_sql("SELECT count(*) FROM taskcenter.dead_letters JOIN taskcenter.tasks USING (task_id) WHERE name = 'fails'", '1', 'the only one');

# two calls for many share them, and neither waits
$tc->task('shared', 'SELECT 1 / level FROM gauge');
$tc->sql('UPDATE gauge SET level = 0');
$tc->enqueue_many('shared', 10);
ok($tc->finish_all('shared'), 'ten letters');
$tc->sql('UPDATE gauge SET level = 1');
my $many = q{SELECT count(*) FILTER (WHERE problem IS NULL), count(problem) FROM taskcenter.redrive_dead_letters('{"task": "shared"}', 6)};
$tc->sql("SET statement_timeout = '10s'", 'second');
$tc->sql('BEGIN', 'first');
$tc->is_sql($many, '6|0', 'one call takes what it may', 'first');
$tc->is_sql($many, '4|0', 'another one the rest, at once', 'second');
$tc->sql('COMMIT', 'first');
$tc->sql('RESET statement_timeout', 'second');
ok($tc->finish_all('shared'), 'all go again');
$tc->is_sql(q{SELECT string_agg(DISTINCT d.state || ' ' || d.redrives, ', ') FROM taskcenter.dead_letters AS d JOIN taskcenter.tasks USING (task_id) WHERE name = 'shared'},
	'resolved 1', 'each once');

# a storm: many letters, many hands, one at a time and in bulk
$tc->task('storm', 'INSERT INTO storm_runs SELECT run_id FROM taskcenter.current_run(); SELECT 1 / level FROM gauge', transaction_mode => 'autonomous', on_crash => 'retry');
$tc->sql('CREATE TABLE storm_runs (run_id bigint); GRANT ALL ON storm_runs TO app; UPDATE gauge SET level = 0');
$tc->enqueue_many('storm', 60);
ok($tc->finish_all('storm', 60), 'sixty failures');
$tc->sql('TRUNCATE storm_runs; UPDATE gauge SET level = 1');
my @ids = split /\n/, $tc->sql("SELECT dead_letter_id FROM taskcenter.dead_letters JOIN taskcenter.tasks USING (task_id) WHERE name = 'storm' ORDER BY 1");
for my $hand (1 .. 4)
{
	my $query = $hand % 2
	  ? q{SELECT count(*) FROM taskcenter.redrive_dead_letters('{"task": "storm"}') WHERE problem IS NULL}
	  : join(";\n", map { "SELECT taskcenter.redrive_dead_letter($_)" } $hand == 2 ? @ids : reverse @ids);
	$tc->send_only($query, "hand $hand");
}
$tc->try('SELECT 1', "hand $_") for 1 .. 4;
ok($tc->finish_all('storm', 60), 'all go again');
$tc->is_sql("SELECT count(*) || ' ' || count(DISTINCT run_id) FROM storm_runs", '60 60', 'each once');
$tc->is_sql(q{SELECT string_agg(DISTINCT d.state || ' ' || d.redrives, ', ') FROM taskcenter.dead_letters AS d JOIN taskcenter.tasks USING (task_id) WHERE name = 'storm'},
	'resolved 1', 'and each letter was redriven once, and is closed');
none_amiss('all agrees after the storm');

# ---- composites ----

sub graph
{
	my ($name, $steps) = @_;
	$tc->sql("SELECT taskcenter.create_task('$name', kind => 'composite', run_as => 'app')");
	$tc->sql("SELECT taskcenter.save_graph('$name', " . Taskcenter::quote({ steps => $steps }) . ')');
	return;
}

# Letters of a composite, as "step state redrives"; with items their number.
sub letters_of
{
	my ($root) = @_;
	return $tc->sql("SELECT coalesce(string_agg(concat_ws(' ', step, state, redrives), ', ' ORDER BY step), 'none')
		FROM taskcenter.dead_letters WHERE root_run_id = $root OR run_id = $root");
}

$tc->sql('UPDATE gauge SET level = 0');
graph('house', {
	ground => { command => 'SELECT 1' },
	walls => { command => 'SELECT 1 / level FROM gauge', after => ['ground'] },
	paint => { command => 'SELECT 1 / 0', after => ['ground'], on_error => 'continue' },
	roof => { command => 'SELECT 1', after => ['walls'] } });
$run = $tc->run('house');
$tc->is_run($run, 'failed', 'a composite with a step that fails');
is(letters_of($run->{run_id}), 'walls open 0', 'has one dead letter: of that step, not of one that may fail, nor its own');
my $step = $tc->sql("SELECT dead_letter_id FROM taskcenter.dead_letters WHERE root_run_id = $run->{run_id}");
$tc->is_sql("SELECT taskcenter.redrive_dead_letter($step)", $run->{run_id}, 'a redrive lets the composite go on');
ok($tc->wait_until("SELECT finished_at IS NOT NULL AND status = 'failed' FROM taskcenter.task_runs WHERE run_id = $run->{run_id}"), 'which fails again');
is(letters_of($run->{run_id}), 'walls open 1', 'into the same letter');
$tc->sql('UPDATE gauge SET level = 1');
$tc->sql("SELECT taskcenter.redrive_dead_letter($step, 'mended')");
$tc->refused("SELECT taskcenter.redrive_dead_letter($step)", '55000', 'it does not go twice at once');
$tc->is_run($tc->finish($run->{run_id}), 'succeeded', 'when the cause is gone it succeeds');
is(letters_of($run->{run_id}), 'walls resolved 2', 'and closes the letter of the step');
$tc->is_sql("SELECT redriven_by || ' ' || note FROM taskcenter.dead_letters WHERE dead_letter_id = $step", 'postgres mended; its step succeeded', 'with who and why');

# resumed by hand: the letters follow
$tc->sql('UPDATE gauge SET level = 0');
$run = $tc->run('house');
$tc->sql('UPDATE gauge SET level = 1');
$tc->sql("SELECT taskcenter.retry_run($run->{run_id})");
$tc->is_run($tc->finish($run->{run_id}), 'succeeded', 'a composite that is retried succeeds');
is(letters_of($run->{run_id}), 'walls resolved 1', 'and closes the letters of its steps');

graph('boxes', { all => { for_each => 'SELECT i FROM generate_series(0, 3) AS i',
	command => q{SELECT 1 / (taskcenter.param('item') ->> 'i')::int} } });
$run = $tc->run('boxes');
$tc->is_run($run, 'failed', 'a composite with an item that fails');
is(letters_of($run->{run_id}), 'all open 0', 'has the letter of the item');

# letters of one composite go together, as a dry run says
graph('crates', { all => { for_each => 'SELECT i FROM generate_series(1, 3) AS i', command => 'SELECT pg_sleep(1), 1 / level FROM gauge' } });
$tc->sql('UPDATE gauge SET level = 0');
$run = $tc->run('crates');
is(letters_of($run->{run_id}), join(', ', ('all open 0') x 3), 'a composite with three letters');
my $crates = "SELECT count(*), count(problem), count(DISTINCT run_id), count(DISTINCT run_at) FROM taskcenter.redrive_dead_letters(
	(SELECT jsonb_build_object('dead_letter_ids', jsonb_agg(dead_letter_id)) FROM taskcenter.dead_letters WHERE root_run_id = $run->{run_id}), per_hour => 60, dry_run => %s)";
$tc->is_sql(sprintf($crates, 'true'), '3|0|1|1', 'a dry run has no problem with them');
$tc->sql('UPDATE gauge SET level = 1');
$tc->is_sql(sprintf($crates, 'false'), '3|0|1|1', 'nor has the call');
is(letters_of($run->{run_id}), join(', ', ('all redriven 1') x 3), 'each goes once');

graph('nested', { inner => { task => 'boxes' } });
$run = $tc->run('nested');
is(letters_of($run->{run_id}), 'all open 0', 'in a composite of a composite it is the same');
$step = $tc->sql("SELECT dead_letter_id FROM taskcenter.dead_letters WHERE root_run_id = $run->{run_id}");
$tc->is_sql("SELECT taskcenter.redrive_dead_letter($step)", $run->{run_id}, 'and a redrive resumes the outermost');
$tc->wait_until("SELECT finished_at IS NOT NULL FROM taskcenter.task_runs WHERE run_id = $run->{run_id}");
is(letters_of($run->{run_id}), 'all open 1', 'down to the item');

graph('lost', { first => { command => 'SELECT 1' },
	second => { command => 'SELECT 1', after => ['first'], params => { x => { '$output' => 'first.nothing' } } } });
$run = $tc->run('lost');
$tc->is_run($run, 'failed', 'a step that cannot even begin');
is(letters_of($run->{run_id}), 'second open 0', 'has a letter, too');
$step = $tc->sql("SELECT dead_letter_id FROM taskcenter.dead_letters WHERE root_run_id = $run->{run_id}");
$tc->sql("SELECT taskcenter.redrive_dead_letter($step)");
$tc->wait_until("SELECT finished_at IS NOT NULL FROM taskcenter.task_runs WHERE run_id = $run->{run_id}");
is(letters_of($run->{run_id}), 'second open 1', 'and the same one again');
none_amiss('all agrees after the composites');

# ---- crashes ----

$tc->task('mixed', q{SELECT 1 / (taskcenter.param('i')::int % 2)}, max_attempts => 2, backoff => 'none');
$tc->task('dies often', q{SELECT CASE WHEN random() < 0.3 THEN pg_terminate_backend(pg_backend_pid()) END, 1 / (taskcenter.param('i')::int % 2)},
	options => { max_lost => 3 });
for my $cycle (1 .. $cycles)
{
	$tc->enqueue_many($cycle % 2 ? 'mixed' : 'dies often', 40);
	usleep(20_000 * $cycle);
	my ($victim) = $cycle % 3 == 0 ? $tc->executor_pids : ();
	if (defined $victim)
	{
		kill 'KILL', $victim;
		$tc->end_sessions;
		ok($tc->node->poll_query_until('postgres', 'SELECT true'), "the server is back ($cycle)");
	}
	else
	{
		$tc->stop('immediate');
		$tc->node->start;
	}
}
ok($tc->finish_all('%', 120), 'all runs end after the crashes');
$tc->is_sql(q{SELECT string_agg(DISTINCT r.status || ' ' || (d.run_id IS NOT NULL), ', ' ORDER BY r.status || ' ' || (d.run_id IS NOT NULL))
	FROM taskcenter.task_runs AS r LEFT JOIN taskcenter.dead_letters AS d USING (run_id) WHERE r.task IN ('mixed', 'dies often')},
	'failed true, succeeded false', 'what failed has a letter, what succeeded has none');
$tc->is_sql(q{SELECT count(*) - count(DISTINCT run_id) FROM taskcenter.dead_letters}, '0', 'no run has two');
none_amiss('all agrees after the crashes');

# redriven while the server crashes: each goes its way once
$tc->sql('UPDATE gauge SET level = 0');
$tc->enqueue_many('gauge', 20);
$tc->finish_all('gauge');
$tc->sql('UPDATE gauge SET level = 1');
$tc->sql(q{SELECT count(*) FROM taskcenter.redrive_dead_letters('{"task": "gauge"}')});
$tc->stop('immediate');
$tc->node->start;
ok($tc->finish_all('gauge', 60), 'redriven runs end after a crash');
$tc->is_sql(q{SELECT string_agg(DISTINCT d.state, ' ') FROM taskcenter.dead_letters AS d JOIN taskcenter.tasks USING (task_id) WHERE name = 'gauge'},
	'resolved', 'and their letters are closed');
none_amiss('all agrees at the end');

# ---- a copy ----

$tc->sql('CREATE DATABASE copy');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/letters.sql';
$tc->node->command_ok([ 'pg_dump', '-f', $dump, $tc->node->connstr('postgres') ], 'a dump');
$tc->node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $tc->node->connstr('copy') ], 'restores');
my $digest = q{SELECT count(*) || ' ' || bit_xor(hash_record_extended(d, 0)) FROM taskcenter.dead_letters AS d};
is($tc->node->safe_psql('copy', $digest), $tc->sql($digest), 'the copy has the same letters');
$tc->node->safe_psql('copy', q{SELECT taskcenter.adopt_database('a copy', 'cancel')});
is($tc->node->safe_psql('copy', q{SELECT count(*) FROM taskcenter.check_integrity() WHERE check_name ~ 'letter'}), '0', 'which agree with its runs');
isnt($tc->node->safe_psql('copy', q{SELECT nextval('taskcenter.dead_letter_ids') > max(dead_letter_id) FROM taskcenter.dead_letters}), 'f', 'and its ids go on');

$tc->stop;
done_testing();
