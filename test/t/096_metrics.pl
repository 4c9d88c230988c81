# What metrics() shows: that it is well-formed, that it counts what happened,
# once, and that counts outlive restarts, crashes and purges.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', 'taskcenter.max_executors' => 3, 'taskcenter.purge_interval' => 0);
my $db = 'postgres';
new_database($node, $db, 'alice');

my $promtool = promtool();

# ---- reading ----

# {metric: {labels: value}}
sub metrics
{
	my %values;

	for my $line (split /\n/, sql($node, $db, 'SELECT taskcenter.metrics()'))
	{
		next if $line =~ /^#/;
		my ($name, $labels, $value) = $line =~ /^(\w+)\{(.*)\} (\S+)$/ or die "what is this: $line";
		$labels =~ s/^database="postgres",?//;
		die "twice: $line" if exists $values{$name}{$labels};
		$values{$name}{$labels} = $value;
	}
	return \%values;
}

sub finished
{
	my ($task, $status) = @_;
	return metrics()->{taskcenter_runs_finished_total}{qq(queue="default",task="$task",status="$status")};
}

sub all_finished
{
	my ($task) = @_;
	my $all = metrics()->{taskcenter_runs_finished_total};
	return join ' ', map { $all->{qq(queue="default",task="$task",status="$_")} // '-' }
	  qw(succeeded failed timed_out cancelled skipped);
}

# ---- the format ----

create_task($node, $db, 'alice', 'well', 'SELECT 1');
create_task($node, $db, 'alice', 'ill', 'SELECT 1 / 0', max_attempts => 3, backoff => 'none');
create_task($node, $db, 'alice', 'hangs', 'SELECT pg_sleep(60)', timeout => '100 milliseconds');
create_task($node, $db, 'alice', "odd \"name\" \\ and 'quotes'", 'SELECT 1');
enqueue($node, $db, 'alice', 'well') for 1 .. 5;
enqueue($node, $db, 'alice', 'ill');
enqueue($node, $db, 'alice', 'hangs');
enqueue($node, $db, 'alice', "odd \"name\" \\ and 'quotes'");
my $later = enqueue($node, $db, 'alice', 'well', run_at => '2099-01-01');
sql_as($node, $db, 'alice', "SELECT taskcenter.cancel_run($later)");
wait_for($node, $db, 'SELECT count(*) FROM taskcenter.live_runs', '0');

my $text = sql($node, $db, 'SELECT taskcenter.metrics()');
my ($out, $err) = ('', '');
IPC::Run::run([ $promtool, 'check', 'metrics' ], '<', \"$text\n", '>', \$out, '2>', \$err);
is($? . $out . $err, '0', 'promtool finds nothing to say about the metrics');

# ---- the counts ----

is(all_finished('well'), '5 0 0 1 0', 'runs are counted by how they ended');
is(all_finished('ill'), '0 1 0 0 0', 'a run that is tried again is counted once');
is(all_finished('hangs'), '0 0 1 0 0', 'as is one that was stopped');
my $m = metrics();
is($m->{taskcenter_run_retries_total}{'queue="default",task="ill"'}, 2, 'attempts that are followed by another');
# a run that was claimed and given back, behind a slow one, is claimed again
my $claims = sql($node, $db, q{SELECT count(*) FROM taskcenter.task_run_history AS h JOIN taskcenter.tasks AS t USING (task_id)
	WHERE t.name = 'ill' AND h.new_status = 'running'});
cmp_ok($claims, '>=', 3, 'each attempt is claimed');
is($m->{taskcenter_runs_claimed_total}{'queue="default",task="ill"'}, $claims, 'claims');
is($m->{taskcenter_run_duration_seconds_count}{'queue="default",task="well"'}, 5, 'durations of what ran');
is($m->{taskcenter_dispatch_delay_seconds_bucket}{'queue="default",task="well",le="+Inf"'}, 5, 'delays of what ran');
ok($m->{taskcenter_run_duration_seconds_sum}{'queue="default",task="hangs"'} > 0.1, 'seconds are seconds');
is($m->{taskcenter_run_duration_seconds_bucket}{'queue="default",task="hangs",le="0.1"'}, 0, 'a long run is in no low bucket');
is($m->{taskcenter_run_duration_seconds_bucket}{'queue="default",task="hangs",le="10"'}, 1, 'but in the high ones');
is($m->{taskcenter_scheduler_up}{''}, 1, 'there is a scheduler');
ok($m->{taskcenter_scheduler_cycle_age_seconds}{''} < 7, 'it looked a moment ago');
is($m->{taskcenter_tasks}{'state="active"'}, 4, 'tasks');
is($m->{taskcenter_executors_max}{''}, 3, 'executors that may be');

# every run that finished is counted, once: the tables are the judge
sub differences
{
	my $m = metrics()->{taskcenter_runs_finished_total};
	my %seen = map { my ($k, $n) = split /\|/; ($k => $n) } split /\n/,
	  sql($node, $db, q{SELECT format('queue="%s",task="%s",status="%s"', queue, task, status), count(*)
		FROM taskcenter.task_runs WHERE finished_at IS NOT NULL AND task <> 'well' AND task !~ 'odd' GROUP BY 1});
	return join '; ', map { "$_: $m->{$_}, not $seen{$_}" } grep { ($m->{$_} // 0) != $seen{$_} } sort keys %seen;
}

sql_as($node, $db, 'alice', q{SELECT taskcenter.create_task('batched', 'SELECT 1', transaction_mode => 'batched')});
sql_as($node, $db, 'alice', q{SELECT taskcenter.create_task('alone', 'SELECT 1', transaction_mode => 'autonomous')});
sql_as($node, $db, 'alice', q{SELECT taskcenter.create_task('waits', 'SELECT 1')});
enqueue_many($node, $db, 'alice', 'batched', 300);
enqueue_many($node, $db, 'alice', 'alone', 20);
# more in one transaction than a note has room for
sql_as($node, $db, 'alice', q{SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(
	jsonb_build_object('task', 'waits', 'run_at', '2099-01-01')) FROM generate_series(1, 500)))});
sql_as($node, $db, 'alice', q{SELECT count(*) FROM taskcenter.cancel_runs('waits')});
settle($node, $db, 60);
is(differences(), '', 'batched, autonomous and cancelled runs are counted once each');

# what is rolled back is not counted
sql_as($node, $db, 'alice', q{
	SELECT taskcenter.enqueue_task('waits') AS run \gset
	BEGIN; SELECT taskcenter.cancel_run(:run); ROLLBACK;
	BEGIN; SAVEPOINT s; SELECT taskcenter.cancel_run(:run); ROLLBACK TO s; COMMIT;}) for 1 .. 3;
sql_as($node, $db, 'alice', q{
	BEGIN; SELECT taskcenter.enqueue_task('waits', run_at => '2099-01-01') AS run \gset
	SAVEPOINT s; SELECT taskcenter.cancel_run(:run); RELEASE s; COMMIT;});
settle($node, $db, 60);
is(differences(), '', 'neither what a transaction nor what a savepoint rolled back');

# schedules
my $before = metrics();
sql_as($node, $db, 'alice', q{SELECT taskcenter.schedule_task('waits', 'every 1 second')});
wait_for($node, $db, q{SELECT count(*) >= 2 FROM taskcenter.task_runs WHERE scheduled_for IS NOT NULL});
sql_as($node, $db, 'alice', q{SELECT taskcenter.drop_schedule('waits')});
settle($node, $db, 20);
is(metrics()->{taskcenter_schedule_fires_total}{''} - $before->{taskcenter_schedule_fires_total}{''},
	sql($node, $db, 'SELECT count(*) FROM taskcenter.task_runs WHERE scheduled_for IS NOT NULL'),
	'each run that a schedule made is a fire');

# events
my $mark = sql($node, $db, 'SELECT last_value FROM taskcenter.event_ids');
$before = metrics();
enqueue_many($node, $db, 'alice', 'batched', 50);
sql($node, $db, q{SELECT taskcenter.set_flag('counted', true); BEGIN; SELECT taskcenter.set_flag('not counted', true); ROLLBACK});
settle($node, $db, 20);
for my $kind ('run', 'other')
{
	my $not = $kind eq 'run' ? '' : 'NOT';
	is(metrics()->{taskcenter_events_total}{qq(kind="$kind")} - $before->{taskcenter_events_total}{qq(kind="$kind")},
		sql($node, $db, "SELECT count(*) FROM taskcenter.events WHERE event_id > $mark AND $not (event_type LIKE 'task_run_%')"), "events of kind $kind");
}

# depths of queues are those of now
sql($node, $db, q{SELECT taskcenter.pause_scheduler()});
enqueue_many($node, $db, 'alice', 'well', 7);
$m = metrics();
is($m->{taskcenter_queue_runs}{'queue="default",status="queued"'}, 7, 'what lies in a queue');
cmp_ok($m->{taskcenter_queue_oldest_due_seconds}{'queue="default"'}, '>', 0, 'and since when');
sql($node, $db, q{SELECT taskcenter.resume_scheduler()});
settle($node, $db, 20);

# ---- what outlives what ----

# executors may finish recycling and the like; runs are what counts
my @tasks = ('well', 'ill', 'hangs', 'batched', 'alone', 'waits');
my %counted = map { $_ => all_finished($_) } @tasks;
my %sum = map { $_ => metrics()->{taskcenter_run_duration_seconds_sum}{qq(queue="default",task="$_")} } @tasks;

sub all_as_before
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	wait_for($node, $db, q{SELECT taskcenter.metrics() LIKE '%scheduler_up{database="postgres"} 1%'});
	wait_for($node, $db, q{SELECT count(*) FROM taskcenter.saved_metrics WHERE complete}, '0');
	is(join("\n", map { "$_: " . all_finished($_) } @tasks), join("\n", map { "$_: $counted{$_}" } @tasks), $what);
	is(join("\n", map { "$_: " . metrics()->{taskcenter_run_duration_seconds_sum}{qq(queue="default",task="$_")} } @tasks),
		join("\n", map { "$_: $sum{$_}" } @tasks), 'with their times');
	return;
}

$node->restart;
all_as_before('all counts are there after a restart');
my $fires = metrics()->{taskcenter_schedule_fires_total}{''};
cmp_ok($fires, '>=', 2, 'those of the database too');

# beats, once each that committed
sql($node, $db, q{SELECT taskcenter.create_task('outside', kind => 'external')});
my $worker = sql($node, $db, q{SELECT taskcenter.register_worker('w', '{default}')});
sql($node, $db, "SELECT count(*) FROM taskcenter.heartbeat($worker)") for 1 .. 3;
sql($node, $db, "BEGIN; SELECT count(*) FROM taskcenter.heartbeat($worker); ROLLBACK");
is(metrics()->{taskcenter_worker_beats_total}{''}, 3, 'beats of workers are counted');

# a crash: what was not saved is counted again
enqueue_many($node, $db, 'alice', 'well', 50);
settle($node, $db, 20);
%counted = map { $_ => all_finished($_) } @tasks;
%sum = map { $_ => metrics()->{taskcenter_run_duration_seconds_sum}{qq(queue="default",task="$_")} } @tasks;
$node->stop('immediate');
$node->start;
all_as_before('and after a crash');

# a purge
sql($node, $db, q{
	CREATE TEMP TABLE old AS SELECT * FROM taskcenter.finished_runs;
	UPDATE old SET run_id = run_id + 1000000, run_at = run_at - interval '100 days', created_at = created_at - interval '100 days',
	    started_at = started_at - interval '100 days', finished_at = finished_at - interval '100 days';
	INSERT INTO taskcenter.finished_runs SELECT * FROM old;
	SELECT taskcenter.repair_partitions();
	SELECT taskcenter.hold_history('hangs', 'to be moved')});
my $had = sql($node, $db, q{SELECT count(*) FROM taskcenter.finished_runs});
my $purged = metrics()->{taskcenter_purged_rows_total}{''};
sql($node, $db, q{CALL taskcenter.purge()});
cmp_ok(metrics()->{taskcenter_purged_rows_total}{''}, '>=', $purged + $had / 2 - 1, 'what was purged is counted');
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.finished_runs}), $had / 2 + 1, 'old runs were purged, all but one');
is(sql($node, $db, q{SELECT retention_class FROM taskcenter.finished_runs WHERE run_id > 1000000}), 3, 'which was moved');
is(join("\n", map { "$_: " . all_finished($_) } @tasks), join("\n", map { "$_: $counted{$_}" } @tasks),
	'counts stay when runs are purged, or moved out of the way');

# tasks that are archived: their series go at the next start, their counts do not
sub total
{
	my $m = metrics();
	my $sum = 0;
	$sum += $_ for values %{ $m->{taskcenter_runs_finished_total} }, values %{ $m->{taskcenter_run_duration_seconds_count} };
	return $sum;
}
my $total = total();
sql_as($node, $db, 'alice', "SELECT taskcenter.archive_task('$_')") for qw(batched ill);
for my $stop (qw(fast immediate fast))
{
	$node->stop($stop);
	$node->start;
	wait_for($node, $db, q{SELECT taskcenter.metrics() LIKE '%scheduler_up{database="postgres"} 1%'});
	wait_for($node, $db, q{SELECT count(*) FROM taskcenter.saved_metrics WHERE complete}, '0');
	is(total(), $total, "no sum falls when tasks are archived: $stop");
}
is(all_finished('batched'), '- - - - -', 'they take no place');
is(sql($node, $db, q{SELECT count(*) FROM taskcenter.saved_metrics AS s JOIN taskcenter.tasks AS t USING (task_id) WHERE t.state = 'archived'}), 0, 'nor are they kept by themselves');

# ---- idle ----

sql($node, $db, 'CHECKPOINT');
my $lsn = sql($node, $db, 'SELECT pg_current_wal_insert_lsn()');
my $rows = sql($node, $db, q{SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables WHERE relname = 'saved_metrics'});
sql($node, $db, 'SELECT pg_sleep(6)');
is(sql($node, $db, q{SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables WHERE relname = 'saved_metrics'}), $rows,
	'nothing is saved while nothing changes');

# ---- who ----

my (undef, undef, $stderr) = $node->psql($db, 'SELECT taskcenter.metrics()', extra_params => [ '-U', 'alice' ]);
like($stderr, qr/permission denied to read metrics/, 'others are not told');

# off
configure($node, 'taskcenter.metrics' => 'off');
$node->reload;
wait_for($node, $db, q{SHOW taskcenter.metrics}, 'off');
sql($node, $db, q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'taskcenter executor'});
wait_until(sub { executors($node) == 0 }, 10);
my $well = finished('well', 'succeeded');
enqueue_many($node, $db, 'alice', 'well', 5);
settle($node, $db, 20);
is(finished('well', 'succeeded'), $well, 'nothing is counted when it is off');

check_log($node, allow => qr/terminating|immediate shutdown|permission denied|division by zero/);
$node->stop;
done_testing();
