# Rate limits of tasks that executors execute.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('rates', conf => "fsync = off\ntaskcenter.max_executors = 3\n");

$tc->sql(q{
CREATE TABLE effects (task text, at timestamptz DEFAULT clock_timestamp());
GRANT ALL ON effects TO app;
});
my $note = q{INSERT INTO effects (task) SELECT task FROM taskcenter.current_run()};

# began(TASK, BURST, PACE): the beginnings that came too early, and too late, in seconds after the first.
sub began
{
	my ($task, $burst, $pace) = @_;

	return $tc->sql(qq{WITH e AS (SELECT extract(epoch FROM at - min(at) OVER ()) AS at, row_number() OVER (ORDER BY at) - $burst AS n
	    FROM effects WHERE task = '$task')
	SELECT count(*) FILTER (WHERE at < n * $pace - 0.1), count(*) FILTER (WHERE at > greatest(n, 0) * $pace + 1) FROM e});
}

# ---- a burst, then one after the other ----

$tc->task('paced', $note, options => { rate_limit => '4 per 2 seconds' });
is(scalar $tc->enqueue_many('paced', 9), 9, 'nine runs');
ok($tc->finish_all('paced', 20), 'all of them are executed');
is(began('paced', 4, 0.5), '0|0', 'four at once, each other one when its token is there');

# Several executors share one bucket, and a run that takes long takes no more than its token.
$tc->task('long', "$note; SELECT pg_sleep(0.3)", options => { rate_limit => '6/second' });
$tc->enqueue_many('long', 15);
ok($tc->finish_all('long', 20), 'runs that take long');
is(began('long', 6, 1 / 6), '0|0', 'begin in time, on several executors');

# A batch takes no more than there are tokens.
$tc->task('batched', $note, transaction_mode => 'batched', options => { rate_limit => '10 per second' });
$tc->enqueue_many('batched', 30);
ok($tc->finish_all('batched', 20), 'runs in batches');
is(began('batched', 10, 0.1), '0|0', 'begin in time');

# Lanes of other priorities share it, too; so do attempts.
$tc->sql(q{TRUNCATE effects});
$tc->task('failing', "SELECT 1 / 0", max_attempts => 3, backoff => 'none', options => { rate_limit => '2 per 1 second' });
$tc->enqueue('failing', priority => $_) for 1 .. 2;
ok($tc->finish_all('failing', 20), 'attempts');
is($tc->sql(q{SELECT count(*), extract(epoch FROM max(h.changed_at) - min(h.changed_at)) >= 1.9
FROM taskcenter.task_run_history AS h JOIN taskcenter.tasks AS t USING (task_id) WHERE t.name = 'failing' AND h.new_status = 'running'}),
	'6|t', 'take a token each');

# ---- waiting costs nothing, and ends when the limit changes ----

$tc->task('rare', $note, options => { rate_limit => '1 per 1 hour' });
is($tc->finish($tc->enqueue('rare'))->{status}, 'succeeded', 'the first one goes at once');
my $second = $tc->enqueue('rare');
ok($tc->wait_until("SELECT count(*) = 1 FROM taskcenter.explain_run($second) WHERE reason = 'the rate limit of its task is reached' AND detail LIKE '1 per 1 hour; the next run may begin at %'"),
	'the second one waits, and it is said until when');
is($tc->finish($tc->enqueue('long'))->{status}, 'succeeded', 'others go on');
my $commits = q{SELECT pg_stat_clear_snapshot();
SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'};
$tc->sql('SELECT pg_stat_force_next_flush()');
my $before = $tc->sql($commits);
$tc->sql('SELECT pg_sleep(2)');
cmp_ok($tc->sql($commits) - $before, '<', 12, 'nobody looks again and again meanwhile');
$tc->sql(q{SELECT taskcenter.alter_task('rare', options => '{"rate_limit": "1 per 10 milliseconds"}')});
is($tc->finish($second)->{status}, 'succeeded', 'with another limit it goes');
$tc->sql(q{SELECT taskcenter.alter_task('rare', options => '{"rate_limit": "1 per 1 hour"}')});
$tc->enqueue('rare');
my $third = $tc->enqueue('rare');
ok($tc->wait_until("SELECT count(*) = 1 FROM taskcenter.explain_run($third) WHERE reason = 'the rate limit of its task is reached'"), 'the limit is back');
$tc->sql(q{SELECT taskcenter.alter_task('rare', reset => '{rate_limit}')});
ok($tc->finish_all('rare', 20), 'without one all go');

# ---- a restart forgets no token ----

$tc->task('kept', $note, options => { rate_limit => '1 per 4 seconds' });
$tc->enqueue_many('kept', 2);
ok($tc->wait_until(q{SELECT count(*) = 1 FROM effects WHERE task = 'kept'}), 'one of two');
$tc->stop('immediate');
$tc->node->start;
$tc->wait_until('SELECT true');
ok($tc->finish_all('kept', 20), 'after a crash the other one');
is(began('kept', 1, 4), '0|0', 'in its time');

# ---- budgets of a day and a month ----

# a zone where it is about noon: no day ends here by itself
my $zone = sprintf 'Etc/GMT%+d', (gmtime)[2] - 12;
$tc->sql("SELECT taskcenter.set_setting('default_timezone', '$zone')");

$tc->task('spare', $note, options => { rate_limit => '2 daily, 3 monthly' });
$tc->enqueue_many('spare', 2);
ok($tc->finish_all('spare', 20), 'what the budget of the day allows');
my $key = q{rate_key = (SELECT 'task ' || task_id FROM taskcenter.tasks WHERE name = 'spare')};
is($tc->sql(qq{SELECT day_begun, month_begun, day_ends_at = (date_trunc('day', now() AT TIME ZONE '$zone') + interval '1 day') AT TIME ZONE '$zone',
month_ends_at = (date_trunc('month', now() AT TIME ZONE '$zone') + interval '1 month') AT TIME ZONE '$zone' FROM taskcenter.rate_buckets WHERE $key}),
	'2|2|t|t', 'is counted to the end of the day and of the month');
# the day ends soon
$tc->sql(qq{UPDATE taskcenter.rate_buckets SET day_ends_at = clock_timestamp() + interval '3 seconds' WHERE $key});
my $ends = $tc->sql(qq{SELECT day_ends_at FROM taskcenter.rate_buckets WHERE $key});
my $spare = $tc->enqueue('spare');
ok($tc->wait_until("SELECT count(*) = 1 FROM taskcenter.explain_run($spare) WHERE reason = 'the rate limit of its task is reached' AND detail LIKE '2 daily, 3 monthly; the next run may begin at %'"),
	'the next one waits, and it is said until when');
is($tc->finish($spare)->{status}, 'succeeded', 'and begins');
is($tc->sql("SELECT started_at BETWEEN '$ends' AND timestamptz '$ends' + interval '1 second' FROM taskcenter.task_runs WHERE run_id = $spare"),
	't', 'when the day ends');
$spare = $tc->enqueue('spare');
ok($tc->wait_until("SELECT count(*) = 1 FROM taskcenter.explain_run($spare) WHERE reason = 'the rate limit of its task is reached'"), 'now the month is spent');
$tc->stop('immediate');
$tc->node->start;
$tc->wait_until('SELECT true');
is($tc->finish($tc->enqueue('long'))->{status}, 'succeeded', 'after a crash others go on');
is($tc->sql("SELECT status FROM taskcenter.task_runs WHERE run_id = $spare"), 'queued', 'and it is still spent');
$tc->sql(q{SELECT taskcenter.alter_task('spare', options => '{"rate_limit": "2 daily, 4 monthly"}')});
is($tc->finish($spare)->{status}, 'succeeded', 'until there is more of it');

# ---- a tenant's budget, whichever of his tasks spends it, on several executors ----

$tc->sql('TRUNCATE effects');
$tc->task($_, $note, options => { group_key => 'acme', rate_limit => '30 daily' }) for qw(asks tells shows);
$tc->task('other', $note, options => { group_key => 'other', rate_limit => '30 daily' });
$tc->enqueue_many($_, 20) for qw(asks tells shows other);
ok($tc->finish_all('other', 20), 'another tenant has his own');
my $waits = q{SELECT min(r.run_id), count(*) FROM taskcenter.live_runs AS r JOIN taskcenter.tasks AS t USING (task_id) WHERE t.group_key = 'acme' AND r.status = 'queued'};
ok($tc->wait_until("SELECT count = 30 FROM ($waits) AS w"), 'a tenant spends his budget');
is($tc->finish($tc->enqueue('long'))->{status}, 'succeeded', 'others go on');
is($tc->sql(q{SELECT count(*) FILTER (WHERE task <> 'other' AND task <> 'long'), count(*) FILTER (WHERE task = 'other') FROM effects}), '30|20', 'and no more than that has begun');
is($tc->sql(q{SELECT day_begun, month_begun FROM taskcenter.rate_buckets WHERE rate_key LIKE '% acme'}), '30|0', 'as is counted');
my ($waiting) = split /\|/, $tc->sql($waits);
is($tc->sql("SELECT count(*) FROM taskcenter.explain_run($waiting) WHERE detail LIKE '30 daily; the next run may begin at %'"), '1', 'and said of a run that waits');
$tc->sql(q{SELECT taskcenter.alter_task('tells', options => '{"rate_limit": "35 daily"}')});
ok($tc->wait_until("SELECT count = 25 FROM ($waits) AS w"), 'what one of his tasks may more it takes');
is($tc->sql(q{SELECT count(*) FROM effects WHERE task IN ('asks', 'tells', 'shows')}), '35', 'and no more');

# ---- another zone: what has begun ends as it would have, what begins ends there ----

$tc->sql(q{SELECT taskcenter.set_setting('default_timezone', 'Pacific/Kiritimati')});
$tc->task('far', $note, options => { rate_limit => '5 daily, 9 monthly' });
is($tc->finish($tc->enqueue('far'))->{status}, 'succeeded', 'a run');
is($tc->sql(q{SELECT b.day_begun, b.day_ends_at = (date_trunc('day', now() AT TIME ZONE 'Pacific/Kiritimati') + interval '1 day') AT TIME ZONE 'Pacific/Kiritimati',
	b.month_ends_at = (date_trunc('month', now() AT TIME ZONE 'Pacific/Kiritimati') + interval '1 month') AT TIME ZONE 'Pacific/Kiritimati'
	FROM taskcenter.rate_buckets AS b JOIN taskcenter.tasks AS t ON b.rate_key = 'task ' || t.task_id WHERE t.name = 'far'}), '1|t|t', 'the day of the new zone');
is($tc->sql(qq{SELECT day_ends_at = (date_trunc('day', now() AT TIME ZONE '$zone') + interval '1 day') AT TIME ZONE '$zone' FROM taskcenter.rate_buckets WHERE rate_key LIKE '% acme'}),
	't', 'and that of the old one');


$tc->stop;
done_testing();
