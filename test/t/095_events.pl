# The stream of events misses nothing and tells nothing twice, whatever its
# writers do: commit late, roll back, to a savepoint too, prepare, crash; and
# goes on in a restored copy.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_server('events', 'max_prepared_transactions' => 5, 'max_worker_processes' => 16, 'taskcenter.purge_interval' => 0);
new_database($node, 'work');
sql($node, 'work', "SELECT taskcenter.create_task('noop', 'SELECT 1'), taskcenter.create_queue('a'), taskcenter.create_queue('b')");
sql($node, 'work', "SELECT taskcenter.create_task('moved', kind => 'manual')");

# A reader: keeps its place, and what it was told.
my $place = sql($node, 'work', 'SELECT taskcenter.events_end()');
my @told;

sub read_on
{
	my (%how) = @_;
	my @new = split /\n/, sql($node, 'work', "SELECT event_id, event_type, coalesce(payload ->> 'reason', '') FROM taskcenter.read_events($place, 10000)");
	push @told, @new;
	($place) = $new[-1] =~ /^(\d+)/ if @new;
	return scalar @new;
}

# What it was told of reasons since the last time it was asked.
my $asked = 0;

sub reasons
{
	read_on();
	my @new = @told[ $asked .. $#told ];
	$asked = @told;
	return join ' ', map { (split /\|/)[2] } grep { !/task_run|scheduler_tick/ } @new;
}

sub pause { return "SELECT taskcenter.pause_queue('a', '$_[0]'); SELECT taskcenter.resume_queue('a', '$_[0]')"; }

# ---- one after another ----

my $slow = $node->background_psql('work');
$slow->query('BEGIN');
$slow->query(pause('slow'));
sql($node, 'work', "SELECT taskcenter.pause_queue('b', 'quick')");
is(reasons(), '', 'what committed after an open transaction had begun to write waits for it');
$slow->query('COMMIT');
is(reasons(), 'slow slow quick', 'and is told behind it, in the order of the numbers');

$slow->query('BEGIN');
$slow->query(pause('gone'));
sql($node, 'work', "SELECT taskcenter.resume_queue('b', 'stays')");
is(reasons(), '', 'one that will roll back');
$slow->query('ROLLBACK');
is(reasons(), 'stays', 'leaves a gap');

$slow->query('BEGIN; SAVEPOINT s');
$slow->query(pause('undone'));
$slow->query('ROLLBACK TO s');
sql($node, 'work', "SELECT taskcenter.pause_queue('b', 'between')");
is(reasons(), 'between', 'a savepoint that is rolled back holds nothing up');
$slow->query(pause('again'));
sql($node, 'work', "SELECT taskcenter.resume_queue('b', 'later')");
is(reasons(), '', 'what is written after it does');
$slow->query('SAVEPOINT s');
$slow->query(pause('inner'));
$slow->query('ROLLBACK TO s');
is(reasons(), '', 'also when a later savepoint is rolled back');
$slow->query('COMMIT');
is(reasons(), 'again again later', 'and is told at its commit');

# ---- the transactions of users are not held against the stream ----

$slow->query("BEGIN; SELECT taskcenter.enqueue_task('noop')");
sql($node, 'work', "SELECT taskcenter.pause_queue('b', 'beside')");
is(reasons(), 'beside', 'a transaction that enqueues holds nothing up');
$slow->query('COMMIT');
ok(defined settle($node, 'work', 20), 'its run is executed');
read_on();
is(scalar(grep { /task_run_(started|finished)/ } @told), 2, 'and its beginning and end are told');
$asked = @told;

# ---- prepared transactions, and a crash of the server in between ----

sql($node, 'work', "BEGIN; SELECT taskcenter.set_task_status('moved', 'in_progress', 'prepared'); PREPARE TRANSACTION 'p'");
sql($node, 'work', "SELECT taskcenter.resume_queue('b', 'after')");
is(reasons(), '', 'a prepared transaction holds the stream up');
is(sql($node, 'work', "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'event_stream'"), 'warn', 'status says so');
$slow->query('BEGIN');
$slow->query(pause('lost'));
$node->stop('immediate');
$node->start;
is(reasons(), '', 'also after a crash of the server');
sql($node, 'work', "COMMIT PREPARED 'p'");
is(reasons(), 'prepared prepared after', 'and is told when it commits; what the crash undid is not');
is(sql($node, 'work', "SELECT state FROM taskcenter.status_checks() WHERE check_name = 'event_stream'"), 'ok', 'status is content');
$slow->{run}->kill_kill;

# ---- everybody at once ----

my @writers;
for my $n (1 .. 4)
{
	my $file = PostgreSQL::Test::Utils::tempdir . "/writer$n.sql";
	append_to_file($file, <<"SQL");
DO \$\$
BEGIN
    FOR i IN 1 .. 200 LOOP
        PERFORM taskcenter.create_queue('w$n-' || i);
        PERFORM pg_sleep(random() * 0.02);
        BEGIN
            PERFORM taskcenter.set_setting('max_wait', (1 + i % 2) || ' hours', 'w$n');
            IF random() < 0.5 THEN RAISE EXCEPTION 'undone'; END IF;
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
        IF random() < 0.3 THEN ROLLBACK; ELSE COMMIT; END IF;
    END LOOP;
END \$\$;
SQL
	my ($out, $err) = ('', '');
	push @writers, { h => IPC::Run::start([ $node->installed_command('psql'), '-XqAt', '-d', $node->connstr('work') . ' application_name=writer', '-v', 'ON_ERROR_STOP=0', '-f', $file ], '>', \$out, '2>', \$err) };
}
sql($node, 'work', "SELECT taskcenter.enqueue_task('noop') FROM generate_series(1, 500)");
my $looks = 0;
while (sql($node, 'work', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'writer'") > 0 || $looks == 0)
{
	read_on();
	$looks++;
}
$_->{h}->finish for @writers;
ok(defined settle($node, 'work', 30), 'all runs end');
read_on();
cmp_ok(sql($node, 'work', "SELECT count(*) FROM taskcenter.queues WHERE queue LIKE 'w%'"), '>', 400, 'the writers have written');
cmp_ok($looks, '>', 2, "read $looks times meanwhile");
my @ids = map { /^(\d+)/ } @told;
is(scalar(grep { $ids[$_] <= $ids[ $_ - 1 ] } 1 .. $#ids), 0, 'the numbers grow');
is(join(' ', @ids), join(' ', split /\n/, sql($node, 'work', "SELECT event_id FROM taskcenter.events WHERE event_id BETWEEN $ids[0] AND $ids[-1] ORDER BY 1")),
	scalar(@ids) . ' events were told: every one that there is, once');
is(sql($node, 'work', "SELECT count(*) FROM taskcenter.events WHERE event_type = 'task_run_finished' AND task = 'noop'"), 501, 'each run has its end');
is(sql($node, 'work', "SELECT count(*) FROM taskcenter.events WHERE event_type = 'task_run_started' AND task = 'noop'"), 501, 'and its beginning');

# ---- ticks, when something is done ----

my $before = $place;
sql($node, 'work', "SELECT taskcenter.create_task('fires', 'SELECT 1', schedule => 'every 1 second')");
ok(defined wait_for($node, 'work', "SELECT count(*) >= 2 FROM taskcenter.events WHERE event_type = 'scheduler_tick'"), 'the scheduler tells of its ticks');
sql($node, 'work', "SELECT taskcenter.pause_task('fires')");
is(sql($node, 'work', "SELECT bool_and(payload ?& '{scheduler,state,schedules,runs,skips}' AND (payload ->> 'runs')::int > 0) FROM taskcenter.read_events($before, types => '{scheduler_tick}')"), 't', 'of those that did something, and what');
is(sql($node, 'work', "SELECT DISTINCT payload ->> 'origin' FROM taskcenter.read_events($before, types => '{task_run_started}')"), 'schedule', 'a run says what made it');

# ---- notifications, when asked for ----

my $listener = $node->background_psql('work');
$listener->query('LISTEN taskcenter_events');
sql($node, 'work', pause('silent'));
unlike($listener->query('SELECT 1'), qr/notification/, 'nothing is sent unasked');
$node->append_conf('postgresql.conf', 'taskcenter.notify_events = on');
$node->reload;
read_on();
my $pointer;
ok(defined wait_until(sub {
		sql($node, 'work', pause('heard'));
		($pointer) = $listener->query('SELECT 1') =~ /Asynchronous notification "taskcenter_events" with payload "(\d+)"/;
		return defined $pointer;
	}, 10), 'a listener is told where to look');
cmp_ok($pointer // 0, '>', $place, 'and nothing else: the next number');
sql($node, 'work', "SELECT taskcenter.enqueue_task('noop')");
ok(defined settle($node, 'work', 20), 'executors send, too');
like($listener->query('SELECT 1'), qr/notification/, 'and are heard');
$listener->quit;
$node->append_conf('postgresql.conf', 'taskcenter.notify_events = off');
$node->reload;
read_on();

# ---- retention ----

sql($node, 'work', q{ALTER TABLE taskcenter.noted_events DISABLE TRIGGER guard_record;
	UPDATE taskcenter.noted_events SET recorded_at = now() - interval '8 days' WHERE event_type = 'scheduler_tick';
	ALTER TABLE taskcenter.noted_events ENABLE ALWAYS TRIGGER guard_record;
	SELECT taskcenter.repair_guards()});
$node->safe_psql('work', 'CALL taskcenter.purge()');
is(sql($node, 'work', "SELECT count(*) FROM taskcenter.noted_events WHERE recorded_at < now() - interval '7 days'"), 0, 'events that are no other record go after a week');
is(sql($node, 'work', "SELECT payload ->> 'name' FROM taskcenter.read_events($place, types => '{task_history_purged}')"), 'noted_events', 'which is told');

# ---- a copy goes on ----

read_on();
my $all = sql($node, 'work', 'SELECT count(*), max(event_id) FROM taskcenter.events');
my $dump = PostgreSQL::Test::Utils::tempdir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('work') ], 'the database is dumped');
sql($node, 'postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '-j', '2', '-d', $node->connstr('copy'), $dump ], 'and restored');
is(sql($node, 'copy', 'SELECT count(*), max(event_id) FROM taskcenter.events'), $all, 'with its events');
sql($node, 'copy', "SELECT taskcenter.adopt_database('a copy')");
is(sql($node, 'copy', "SELECT string_agg(event_type || ' ' || (payload ->> 'action'), ', ') FROM taskcenter.read_events($place)"), 'scheduler_changed adopt', 'a reader who knows the original goes on in the copy');
is(sql($node, 'copy', 'SELECT count(*) FROM taskcenter.check_integrity()'), 0, 'all is well');

check_log($node, per_minute => 50, allow => qr/undone|connection|recovery|terminating|prepared/);
$node->stop;
done_testing();
