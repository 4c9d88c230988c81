# The two workers of the examples, killed and stopped in the middle: nothing is
# lost, and nothing is accepted twice.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use File::Copy qw(copy);
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Taskcenter;
use Test::More;

my $tc = Taskcenter->start('main', durable => 1);
my $node = $tc->node;
my $folder = PostgreSQL::Test::Utils::tempdir;

$tc->sql('CREATE ROLE mailer LOGIN');
$tc->sql('CREATE TABLE effects (run_id bigint, worker text, at timestamptz DEFAULT clock_timestamp())');
$tc->sql('GRANT ALL ON effects TO mailer');
$tc->sql("SELECT taskcenter.create_queue('$_')") for qw(node shell);
$tc->sql("SELECT taskcenter.create_task('js', kind => 'external', queue => 'node', options => '{\"max_lost\": 20}')");
$tc->sql("SELECT taskcenter.create_task('$_', kind => 'external', queue => 'shell', max_attempts => 2, backoff => 'none', options => '{\"max_lost\": 20}')") for qw(sh long);
$tc->sql("SELECT taskcenter.grant_access('mailer', 'worker', queue => '$_')") for qw(node shell);

my @started;

# start(LOG, COMMAND...): a worker in a process group of its own
sub start
{
	my ($log, @command) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		setpgrp;
		@ENV{qw(PGHOST PGPORT PGUSER PGDATABASE LEASE CONCURRENCY)} = ($node->host, $node->port, 'mailer', 'postgres', 2, 4);
		$ENV{EFFECTS} = "$folder/effects";
		open STDIN, '<', '/dev/null' or die;
		open STDOUT, '>>', "$PostgreSQL::Test::Utils::log_path/$log.log" or die;
		open STDERR, '>&', \*STDOUT or die;
		exec @command or die "exec: $!";
	}
	push @started, $pid;
	return $pid;
}

sub ended
{
	my ($pid) = @_;
	waitpid $pid, 0;
	return $? >> 8;
}

END { kill 'KILL', map { -$_ } @started if @started; }

sub running { return "(SELECT count(*) FROM taskcenter.worker_runs WHERE task = '$_[0]')"; }
sub finished { return "(SELECT count(*) FROM taskcenter.finished_runs JOIN taskcenter.tasks USING (task_id) WHERE name = '$_[0]' AND finished_runs.status = 'succeeded')"; }

for (qw(worker.sh worker.mjs))
{
	my $lines = () = slurp_file("examples/$_") =~ /\n/g;
	cmp_ok($lines, '<', 80, "$_ is short");
}

subtest 'Node' => sub {
	copy("examples/worker.mjs", "$folder/worker.mjs") or die "copy: $!";
	append_to_file("$folder/package.json", '{"private": true}');
	append_to_file("$folder/handlers.mjs", <<'JS');
export default {
  async js(run, { client, signal }) {
    if (run.params.bad && run.attempt === 1) throw Object.assign(new Error("bad luck"), { code: "bad luck" });
    await client.query("INSERT INTO effects SELECT $1, $2", [run.run_id, String(process.pid)]);
    await client.query("SELECT pg_sleep($1)", [run.params.sleep ?? 0.05]);
    if (signal.aborted) throw new Error("aborted");
    return { done: run.run_id };
  },
};
JS
	ok(IPC::Run::run([ 'npm', 'install', '--no-package-lock', '--silent', '--no-audit', '--no-fund', '--cache', "$folder/cache", '--prefix', $folder, 'pg@8.23.1' ],
			'<', \undef, '>', "$folder/npm.log", '2>&1'), 'npm fetches the client')
	  or diag(slurp_file("$folder/npm.log"));
	my @command = ('node', "$folder/worker.mjs", 'node', "$folder/handlers.mjs");
	$tc->enqueue_many('js', 120);
	my $first = start('node', @command);
	my $second = start('node', @command);
	$tc->until(finished('js') . ' > 20 AND ' . running('js') . ' > 0', 'they work');
	kill 'KILL', $first;
	ended($first);
	$tc->until(finished('js') . ' > 50', 'one is killed, the other goes on');
	kill 'STOP', $second;
	my $third = start('node', @command);
	$tc->until(finished('js') . ' >= 116', 'one is stopped, a third goes on');
	$tc->until('(SELECT count(*) FROM taskcenter.task_run_history WHERE reason ~ \'^lost\') > 0', 'what the stopped one had is lost');
	kill 'CONT', $second;
	$tc->until(finished('js') . ' = 120', 'all are done');
	$tc->is_sql('SELECT count(*), count(DISTINCT run_id) FROM effects', '120|120', 'each exactly once');
	$tc->is_sql("SELECT count(*) FROM taskcenter.dead_letters", '0', 'no dead letter');
	my $bad = $tc->sql("SELECT taskcenter.enqueue_task('js', '{\"bad\": true}', options => '{\"max_attempts\": 2}')");
	$tc->until("EXISTS (SELECT FROM taskcenter.finished_runs WHERE run_id = $bad AND status = 'succeeded' AND attempt = 2)", 'an error costs an attempt');
	my $slow = $tc->sql("SELECT taskcenter.enqueue_task('js', '{\"sleep\": 4}')");
	$tc->until("EXISTS (SELECT FROM taskcenter.worker_runs WHERE run_id = $slow)", 'a run that takes longer than its lease');
	$tc->until("EXISTS (SELECT FROM taskcenter.finished_runs WHERE run_id = $slow AND status = 'succeeded' AND lost = 0)", 'is kept by beats');
	$slow = $tc->sql("SELECT taskcenter.enqueue_task('js', '{\"sleep\": 3}')");
	$tc->until("EXISTS (SELECT FROM taskcenter.worker_runs WHERE run_id = $slow)", 'another');
	$tc->sql("SELECT taskcenter.cancel_run($slow)");
	$tc->until("EXISTS (SELECT FROM taskcenter.finished_runs WHERE run_id = $slow AND status = 'cancelled')", 'is cancelled');
	kill 'TERM', $second, $third;
	is(ended($_), 0, 'SIGTERM ends a worker') for $second, $third;
	$tc->is_sql("SELECT count(*) FROM taskcenter.workers WHERE 'node' = ANY (queues) AND ended_at IS NULL", '1', 'which says so; the killed one did not');
};

subtest 'the shell' => sub {
	append_to_file("$folder/command", <<'SH');
#!/bin/bash
if [ "$TASK" = long ]; then trap 'echo asked to end >&2; exit 1' TERM; tail -f /dev/null & wait; exit 0; fi
params=$(cat)
case $params in *'"fail"'*) echo "cannot: $params" >&2; exit 1 ;; *'"text"'*) echo no json; exit 0 ;;
  *'"bytes"'*) printf 'no \377\376 text' >&2; exit 1 ;; *'"large"'*) printf '"%0200000d"\n' 0; exit 0 ;; esac
echo "$RUN_ID $ATTEMPT" >> "$EFFECTS"
echo "{\"run\": $RUN_ID}"
SH
	chmod 0755, "$folder/command";
	my @command = ('examples/worker.sh', 'shell', "$folder/command");
	$tc->enqueue_many('sh', 40);
	my $first = start('shell', @command);
	my $second = start('shell', @command);
	$tc->until(finished('sh') . ' > 5 AND ' . running('sh') . ' > 0', 'they work');
	kill 'KILL', -$first;
	ended($first);
	$tc->until(finished('sh') . ' = 40', 'one is killed: all are done');
	my %done = map { (split / /)[0] => 1 } split /\n/, slurp_file("$folder/effects");
	is(scalar(keys %done), 40, 'each was executed');
	$tc->is_sql("SELECT count(*) FROM taskcenter.finished_runs JOIN taskcenter.tasks USING (task_id)
		WHERE name = 'sh' AND output = jsonb_build_object('run', run_id)", '40', 'and completed once, with its output');
	my $bad = $tc->sql("SELECT taskcenter.enqueue_task('sh', '{\"what\": \"fail\"}')");
	my $text = $tc->sql("SELECT taskcenter.enqueue_task('sh', '{\"what\": \"text\"}')");
	$tc->until("EXISTS (SELECT FROM taskcenter.finished_runs WHERE run_id = $bad AND status = 'failed' AND attempt = 2 AND error ~ '^exit code 1: cannot: ')", 'a command that fails, fails the run after its attempts');
	$tc->until("EXISTS (SELECT FROM taskcenter.finished_runs WHERE run_id = $text AND status = 'failed' AND error ~ '^exit code no JSON')", 'so does output that is no JSON');
	my $bytes = $tc->sql("SELECT taskcenter.enqueue_task('sh', '{\"what\": \"bytes\"}')");
	my $large = $tc->sql("SELECT taskcenter.enqueue_task('sh', '{\"what\": \"large\"}')");
	$tc->until("EXISTS (SELECT FROM taskcenter.finished_runs WHERE run_id = $bytes AND status = 'failed' AND error ~ '^exit code 1: no +text')", 'what is no text does not hide the failure');
	$tc->until("EXISTS (SELECT FROM taskcenter.finished_runs WHERE run_id = $large AND status = 'succeeded' AND length(output #>> '{}') = 200000)", 'output may be longer than an argument of a command');
	my $orphaned = $tc->sql("SELECT taskcenter.enqueue_task('long')");
	$tc->until("EXISTS (SELECT FROM taskcenter.worker_runs WHERE run_id = $orphaned)", 'a worker that is killed at work');
	kill 'KILL', $second;
	ended($second);
	$tc->until("EXISTS (SELECT FROM taskcenter.live_runs WHERE run_id = $orphaned AND status = 'queued' AND lost = 1)", 'sends no more beats');
	$tc->sql("SELECT taskcenter.cancel_run($orphaned)");
	$second = start('shell', @command);
	my $long = $tc->sql("SELECT taskcenter.enqueue_task('long')");
	$tc->until("EXISTS (SELECT FROM taskcenter.worker_runs WHERE run_id = $long)", 'a long one');
	$tc->sql("SELECT taskcenter.cancel_run($long, 'enough')");
	$tc->until("EXISTS (SELECT FROM taskcenter.finished_runs WHERE run_id = $long AND status = 'cancelled' AND reason = 'enough')", 'is ended at the next beat');
	kill 'TERM', $second;
	is(ended($second), 0, 'SIGTERM ends a worker');
	$tc->is_sql("SELECT count(*) FROM taskcenter.workers WHERE 'shell' = ANY (queues) AND ended_at IS NULL", '2', 'which says so; the killed ones did not');
};

$tc->stop;
done_testing();
