# The examples run as they stand, what they check is so, and the checks notice
# when it is not.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', 'fsync' => 'on', 'shared_preload_libraries' => "'taskcenter, pg_stat_statements'");
new_database($node, 'app', 'app_owner');

# psql with a file, as somebody types it: exit code, output, errors
sub run_file
{
	my ($file, %variables) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(
		[ $node->installed_command('psql'), '-XAt', '-v', 'ON_ERROR_STOP=1', (map { ('-v', "$_=$variables{$_}") } sort keys %variables),
			'-h', $node->host, '-p', $node->port, '-d', 'app', '-f', $file =~ m{/} ? $file : "examples/$file" ],
		'<', \undef, '>', \$out, '2>', \$err);
	my $code = $? >> 8;
	append_to_file("$PostgreSQL::Test::Utils::log_path/examples.log", "--- $file: $code\n$out$err\n");
	return ($code, $out, $err);
}

# ---- seed-checks.sql: what stands behind each "Ln", lines joined by newlines ----

sub seed_checks
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, $out, $err) = run_file('seed-checks.sql');
	my (%found, $current);

	is($code, 0, "$name: seed-checks.sql runs to its end");
	is($err, '', "$name: without an error");
	for my $line (split /\n/, $out)
	{
		if ($line =~ /^(?:L(\d+)|===)/)
		{
			$current = $1;
			push @{ $found{$current} }, '' if defined $current;
			next;
		}
		$found{$current}[-1] .= "$line\n" if defined $current;
	}
	return \%found;
}

sub says
{
	my ($found, $check, $which, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like($found->{$check}[$which] // '(none)', $expected, "L$check: $name");
	return;
}

my @numbers = (1 .. 5, 7 .. 27, 29);
my $fresh = seed_checks('a fresh database');
is_deeply([ sort { $a <=> $b } keys %$fresh ], \@numbers, 'each check has its section');
says($fresh, 1, 0, qr/^$/, 'what is stored agrees with itself');
says($fresh, 3, 0, qr/^$/, 'all that the application calls is there');
says($fresh, 4, 0, qr/^t\n$/, 'events tell of runs');
says($fresh, 8, 0, qr/^t\n$/, 'and of tasks as of agents');
says($fresh, 5, 0, qr/^t\n$/, 'no purge took what was in policy');
says($fresh, 21, 0, qr/^paused\nok\n$/, 'processing stops, and goes on');
says($fresh, 7, 0, qr/^true$/, 'health is ok');
says($fresh, 13, 0, qr/^healthy\|\d\d+\|0\|0\n$/, 'the verdict is healthy, all checks pass');
says($fresh, 14, 0, qr/^t$/, 'the history of status is a table');
says($fresh, 15, 0, qr/^(task_status_history_\w+\n){3,}/, 'its indexes bear its name');
says($fresh, 15, 0, qr/^taskcenter\|task_status_history_task_idx\|index/m, 'psql lists them by a wildcard');
says($fresh, 16, 0, qr/^\w+fkey\n$/, 'it has a foreign key');
says($fresh, 17, 0, qr/^t\|in_progress\nf\|in_progress\|\{.*"forbidden_move".*\n2\n3\|1\|\d{4}-.*\n$/, 'it grows by each change, refused ones too');
says($fresh, 18, 0, qr/^(task_status_history_\w+\|\d+\|\d+\|\d+\n){3,}$/, 'the use of its indexes is counted');
says($fresh, 18, 1, qr/Index Scan using task_status_history_task_idx/, 'the newest 50 of a task are an index scan');
says($fresh, 18, 1, qr/Execution Time: \d\d?\.\d+ ms/, 'below 100 ms');
says($fresh, 19, 0, qr/^validation_failed\|1\n$/, 'what was refused is counted');
says($fresh, 20, 0, qr/^pg_stat_statements is not installed/, 'without pg_stat_statements there is the time of L18');
says($fresh, 22, 0, qr/^0\n$/, 'no schedules');
says($fresh, 22, 1, qr/^0\n$/, 'none lost');
says($fresh, 24, 0, qr/^$/, 'none due');
says($fresh, 29, 0, qr/^scheduler\|ok\nscheduler_state\|ok\n$/, 'the scheduler is alive');
says($fresh, 2, 0, qr/^task_run_log_retention_days\|30\n$/, 'the retention is the default');
says($fresh, 9, 0, qr/^0\n$/, 'no dead letters after the installation');
says($fresh, 10, 0, qr/^last_heartbeat_at\n$/, 'jobs have a heartbeat');
says($fresh, 11, 0, qr/^t\nt\|t\n$/, 'dead letters and the watchdog have numbers');
says($fresh, 12, 0, qr/^1\nseed_check_fails\|VALIDATION_ERROR\|division by zero\|1\n$/, 'a failing job arrives');
says($fresh, 25, 0, qr/^queued\ncompleted\n$/, 'a forced run goes from queued to completed');
says($fresh, 23, 0, qr/^seed_check\|completed\|\d{4}-.*\n(.*\n){4}$/, 'the newest five audit entries');
says($fresh, 26, 0, qr/^$/, 'no schedule made a run yet');

# A database in use.
create_task($node, 'app', 'app_owner', 'tick', 'SELECT 1', schedule => '* * * * * *');
create_task($node, 'app', 'app_owner', 'nightly', 'SELECT 1', schedule => '0 3 * * *');
create_task($node, 'app', 'app_owner', 'paused', 'SELECT 1', schedule => '0 4 * * *');
sql_as($node, 'app', 'app_owner', "SELECT taskcenter.pause_schedule('paused')");
sql($node, 'app', "SELECT taskcenter.set_setting('run_logs_retention', '45 days')");
wait_for($node, 'app', "SELECT count(*) > 0 FROM taskcenter.task_runs WHERE task = 'tick' AND status = 'succeeded'");
sql($node, 'app', 'CREATE EXTENSION pg_stat_statements; SELECT count(*) FROM taskcenter.task_status_history');
my $used = seed_checks('a database in use');
says($used, 2, 0, qr/^task_run_log_retention_days\|45\n$/, 'sees another retention');
says($used, 9, 0, qr/^1\n$/, 'sees the dead letter of before');
says($used, 12, 0, qr/^1\n/, 'and another one');
says($used, 17, 0, qr/\n2\n6\|2\|/, 'has the history of both runs of this file');
says($used, 19, 0, qr/^validation_failed\|2\n$/, 'counts both refusals');
says($used, 20, 0, qr/^\d+\|\d+\.\d+\n/, 'times the queries');
says($used, 22, 0, qr/^3\n$/, 'counts active and paused schedules');
says($used, 22, 1, qr/^0\n$/, 'and lost none');
says($used, 24, 0, qr/^(\d+\|\d{4}-\S+ \S+\n){2}$/, 'shows when the active ones fire');
says($used, 26, 0, qr/^scheduler\n$/, 'the scheduler makes the runs of schedules');
says($used, 27, 0, qr/^0\npause\|schedule\|t\|t\n$/, 'a plain UPDATE pauses, and is audited');
is(sql($node, 'app', "SELECT count(*) FROM taskcenter.schedules WHERE state = 'active'"), 2, 'L27: and was undone');

# Over a restart; and with things amiss.
my ($before) = $used->{24}[0] =~ /\|(.*)/;
$node->restart;
sql_as($node, 'app', 'app_owner', "SELECT taskcenter.drop_schedule('paused')");
my $mend = sql($node, 'app', q{SELECT format('%s; ALTER TABLE taskcenter.task_status_history ADD CONSTRAINT %I %s', pg_get_indexdef('taskcenter.task_status_history_task_idx'::regclass), conname, pg_get_constraintdef(oid))
	FROM pg_constraint WHERE conrelid = 'taskcenter.task_status_history'::regclass AND contype = 'f'});
sql($node, 'app', 'DROP INDEX taskcenter.task_status_history_task_idx; ALTER TABLE taskcenter.task_status_history DROP CONSTRAINT task_status_history_task_id_fkey');
sql($node, 'app', 'CREATE SCHEMA aside; ALTER VIEW seed_names.qc_jobs SET SCHEMA aside');
sql($node, 'app', 'ALTER VIEW aside.qc_jobs RENAME last_heartbeat_at TO beat');
my ($code, $out, $err) = run_file('seed-checks.sql');
like($out, qr/^L1 [^\n]*\n[^\n]*\|[^\n]*\nL3/m, 'L1 sees that a constraint is gone');
like($out, qr/^L16 [^\n]*\nL17/m, 'L16 sees that the foreign key is gone');
unlike($out, qr/Index Scan using task_status_history_task_idx/, 'L18 sees that the index is gone');
like($out, qr/^L22 [^\n]*before[^\n]*\n2$/m, 'L22 sees the schedule that is gone');
sql($node, 'app', $mend);
wait_for($node, 'app', "SELECT min(next_run_at) > '$before' FROM taskcenter.schedules WHERE state = 'active'");
is(sql($node, 'app', "SELECT count(*) FROM taskcenter.schedules WHERE state = 'active' AND (next_run_at IS NULL OR next_run_at < '$before')"), 0,
	'L24: next_run_at stayed filled and moved forward over the restart');
is(sql($node, 'app', "SELECT taskcenter.drop_alias_views('seed_names')"), '{agent_events,execution_audit_logs,executions,job_dlq,qc_jobs,schedules,task_manager_settings}', 'the alias views go as they came');
is(sql($node, 'app', "SELECT count(*) FROM information_schema.columns WHERE table_name = 'qc_jobs' AND column_name = 'last_heartbeat_at'"), 0, 'L10 sees a column that is gone');

# a check of the file by itself, behind something that is undone
sub statement
{
	my ($check, $before) = @_;
	my ($statement) = slurp_file('examples/seed-checks.sql') =~ /^\\echo 'L$check .*\n(SELECT.*;)$/m;
	return sql($node, 'app', 'BEGIN; SET LOCAL search_path = taskcenter; ' . ($before // '') . "; $statement; ROLLBACK");
}

is(statement(3, 'ALTER FUNCTION retry_run(bigint, text) RENAME TO gone'), 'retry_run|missing', 'L3 sees a function that is gone');
like(statement(3, 'ALTER FUNCTION set_task_status(text, text, text, jsonb, text) RENAME TO other; CREATE FUNCTION set_task_status(task text) RETURNS text LANGUAGE sql RETURN task; GRANT EXECUTE ON FUNCTION set_task_status(text) TO PUBLIC'),
	qr/^set_task_status\|changed$/, 'and one that changed');
is(statement(5, "CREATE TEMP VIEW purges AS SELECT now() AS newest, now() - interval '1 second' AS cutoff"), 'f', 'L5 sees a purge that took too much');
sql($node, 'app', "SELECT taskcenter.pause_scheduler('amiss')");
like(statement(29), qr/^scheduler_state\|(?!ok)\w+$/m, 'L29 sees a scheduler that was paused');
like(statement(13), qr/^degraded\|/, 'so does L13');
sql($node, 'app', "SELECT taskcenter.resume_scheduler('amiss no more')");
sql($node, 'app', 'ALTER TABLE taskcenter.tasks DISABLE TRIGGER guard_definition');
is(statement(7), 'false', 'L7 sees that a guard is gone');
like(statement(13), qr/^fail\|\d+\|1\|/, 'so does L13');
sql($node, 'app', 'ALTER TABLE taskcenter.tasks ENABLE ALWAYS TRIGGER guard_definition');
is(statement(7), 'true', 'and that it is back');

# ---- upgrade-before.sql, upgrade-after.sql ----

my $state = "SELECT state FROM taskcenter.scheduler_state";
($code, $out, $err) = run_file('upgrade-before.sql', reason => q{release '7'});
is("$code$err", '0', 'upgrade-before.sql runs');
like($out, qr/^schedules active or paused\|2$/m, 'counts the schedules');
is(sql($node, 'app', $state), 'draining', 'and leaves the scheduler draining');
is(sql($node, 'app', 'SELECT state_reason FROM taskcenter.scheduler_state'), q{release '7'}, 'with the reason given');
$node->restart;
($code, $out, $err) = run_file('upgrade-after.sql');
is("$code$err", '0', 'upgrade-after.sql runs after a restart');
like($out, qr/^   What differs at all[^\n]*\n(scheduler_state\|[^\n]*\n)*4\. /m, 'finds everything as it was');
like($out, qr/^queued\nsucceeded\|$/m, 'forces a run');
like($out, qr/\|resume\|scheduler\|app\|/, 'shows what the upgrade did');
is(sql($node, 'app', $state), 'running', 'and lets the scheduler go on');

run_file('upgrade-before.sql');
sql_as($node, 'app', 'app_owner', "SELECT taskcenter.drop_schedule('nightly')");
($code, $out, $err) = run_file('upgrade-after.sql');
is($code, 3, 'upgrade-after.sql ends in an error when a schedule was lost');
like($out, qr/^next_run_at\|nightly\/default\|/m, 'says which');
is(sql($node, 'app', $state), 'draining', 'and leaves the scheduler as it is');
sql($node, 'app', "SELECT taskcenter.resume_scheduler('test')");

# ---- retention.sql ----

sql($node, 'app', q{SELECT taskcenter.create_task(name, 'SELECT 1') FROM unnest('{old,held,later}'::text[]) AS name});
sql($node, 'app', q{SELECT taskcenter.enqueue_task('later', run_at => now() + '1 day')});
sub make_past
{
	return sql($node, 'app', q{
		INSERT INTO taskcenter.finished_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at, started_at, finished_at,
			retention_class, priority, attempt, max_attempts, lost, is_catchup, status, params, created_by)
		SELECT nextval('taskcenter.run_ids'), t.task_id, t.run_as_id, t.owner_id, 1, at, at, at, at,
			CASE s.status WHEN 'failed' THEN 2 ELSE 1 END, 0, 1, 1, 0, false, s.status, '{}', 'test'
		FROM taskcenter.tasks AS t, unnest('{1,25,40,100}'::int[]) AS days, LATERAL (SELECT now() - days * interval '1 day') AS a (at),
			unnest('{succeeded,failed}'::text[]) AS s (status) WHERE t.name IN ('old', 'held')});
}
make_past();
my $left = q{SELECT task, status, string_agg(round(extract(epoch FROM now() - finished_at) / 86400)::text, ' ' ORDER BY finished_at DESC) FROM taskcenter.task_runs WHERE task IN ('old', 'held', 'later') GROUP BY 1, 2 ORDER BY 1, 2};
($code, $out, $err) = run_file('retention.sql', hold => 'held', runs_retention => '20 days');
is("$code$err", '0', 'retention.sql runs');
like($out, qr/\|runs_retention\|\|20 days\|retention checklist$/m, 'changes the policy, with its audit');
like($out, qr/^finished_runs\|default\|[^|]+\|3\|\d+\nfinished_runs\|failed\|[^|]+\|1\|\d+$/m, 'previews what goes');
like($out, qr/^4\|\d+ \w+\|\d+$/m, 'purges as much');
is(sql($node, 'app', $left), "held|failed|1 25 40 100\nheld|succeeded|1 25 40 100\nlater|queued|\nold|failed|1 25 40\nold|succeeded|1", 'what is in policy, held or unfinished stays');
like($out, qr/^8\. [^\n]*\n\z/m, 'and shows that nothing is missing');
# the same with somebody who changes the policy meanwhile
make_past();
my $sabotaged = slurp_file('examples/retention.sql');
$sabotaged =~ s/(?=^.echo '6\.)/SELECT taskcenter.set_setting('runs_retention', '12 hours');\n/m or die;
my $copy = PostgreSQL::Test::Utils::tempdir . '/retention.sql';
append_to_file($copy, $sabotaged);
($code, $out, $err) = run_file($copy);
is($code, 3, 'it ends in an error when something in policy is missing');
like($out, qr/^runs in policy\|\d+\|\d+\nSomething in policy is missing/m, 'and says what');
sql($node, 'app', "SELECT taskcenter.set_setting('runs_retention', NULL)");

# ---- status-manager.sql ----

($code, $out, $err) = run_file('status-manager.sql');
is($code, 0, 'status-manager.sql runs');
like($err, qr/\A[^\n]*ERROR: +task "example article" cannot go from "rejected" to "published"\nDETAIL: [^\n]*Allowed from "rejected": in_progress, cancelled\.\nHINT: [^\n]*\n\z/, 'and one plain UPDATE is refused');
my ($map) = $out =~ /^2\. The map\n(.*?)^3\./ms;
my %next;
push @{ $next{$1} }, $2 while $map =~ /^(\w+)\|(\w*)\|/mg;
is(join('; ', map { "$_: @{ $next{$_} }" } sort keys %next),
	'approved: cancelled on_hold published; awaiting_approval: approved cancelled in_progress rejected; cancelled: ; failed: cancelled pending; '
	  . 'in_progress: awaiting_approval cancelled failed on_hold; on_hold: cancelled in_progress; pending: cancelled failed in_progress; '
	  . 'published: on_hold; rejected: cancelled in_progress',
	'it shows the map of the checklist');
like($out, qr/^f\|awaiting_approval\|forbidden_move\|.*\nf\|awaiting_approval\|missing_context\|.*result/m, 'a refused move answers with all problems');
like($out, qr/^f\|awaiting_approval\|conflict$/m, 'another expected status is a conflict');
like($out, qr/^awaiting_approval\|rejected\|too long\|\{"words": 4100\}\|jane\@example\.org$/m, 'actor, reason and metadata are kept');
like($out, qr/^1\|example article\|t\|on_hold\|\n2\|nothing\|f\|\|no_such_task$/m, 'many at once are answered one by one');
like($out, qr/^11\. .*^f\|in_progress\|forbidden_move\nt\|cancelled\nin_progress\|cancelled\|nobody reads it\n/ms, 'a table of the user is guarded the same way');
is(sql($node, 'app', "SELECT to_regnamespace('example_blog') IS NULL, count(*) FROM taskcenter.guarded_tables"), 't|0', 'and of that nothing stays');
wait_for($node, 'app', "SELECT count(*) FROM taskcenter.task_status_history AS h JOIN taskcenter.tasks USING (task_id) WHERE name = 'example article' AND new_status = 'validation_failed' AND h.old_status = 'rejected' AND requested_status = 'published'", '1');
is(sql($node, 'app', "SELECT count(*) FROM taskcenter.task_status_history AS h JOIN taskcenter.tasks USING (task_id) WHERE name = 'example article' AND NOT accepted"), 3, 'every refused attempt is in the history');

# ---- package-graph.sql ----

my $leftovers = q{SELECT count(*) FROM taskcenter.live_runs AS r JOIN taskcenter.tasks AS t USING (task_id) WHERE t.name LIKE 'example%' AND t.kind = 'composite'};
($code, $out, $err) = run_file('package-graph.sql');
is("$code$err", '0', 'package-graph.sql runs');
like($out, qr/^1\. .*\bmeasure: command, for each/ms, 'shows the graph');
like($out, qr/^3\. .*\bapprove\b.*0 of 1 approved.*^4\. /ms, 'a run goes up to its approval');
like($out, qr/^4\. [^\n]*\n0\nexample packages\|approve\|\{example_releaser\}\|1\|0\|\w+\n/m, 'which somebody else sees');
like($out, qr/^succeeded\|\n/m, 'his approval lets it succeed');
like($out, qr/^1\|1\n5\|300\n5\. /m, 'all is published, section by section');
like($out, qr/^5\. [^\n]*\nfailed\n.*\bgate\b[^\n]*(?:failed|timed_out).*\n1\n6\. /ms, 'bad data stops at the gate, and is undone');
like($out, qr/^package-1\|changed\|1\.1\|1\.1\.1$/m, 'changes are found');
like($out, qr/^6\. .*^failed\n(?:[^\n]*\n)*load\|succeeded\n(?:[^\n]*\n)*undo:load\|succeeded\n1\|1\n7\. /ms, 'what is rejected is undone too');
is(sql($node, 'app', $leftovers), 0, 'nothing of it is unfinished');
is(sql($node, 'app', q{SELECT to_regnamespace('example_packages') IS NULL AND to_regrole('example_releaser') IS NULL}), 't', 'and nothing stays');
my $listed = PostgreSQL::Test::Utils::tempdir . '/packages.tsv';
append_to_file($listed, join('', map { "p$_\t1\tamd64\tsome/s" . $_ % 3 . "\t$_\t1700000000\t\n" } 1 .. 30));
($code, $out, $err) = run_file('package-graph.sql', packages => $listed);
is("$code$err", '0', 'package-graph.sql takes a file');
like($out, qr/^1\|1\n3\|30\n5\. /m, 'with what is in it');

# ---- upgrade-checklist.sql ----

my $dump = PostgreSQL::Test::Utils::tempdir . '/before.dump';
my @upgrade = (backup => $dump, pg_dump => $node->installed_command('pg_dump'));
create_task($node, 'app', 'app_owner', 'weekly', 'SELECT 1', schedule => '0 5 * * 1');
my $active = sql($node, 'app', q{SELECT count(*) FROM taskcenter.schedules WHERE state = 'active'});
($code, $out, $err) = run_file('upgrade-checklist.sql', @upgrade, answer => 'reject', release => 'bad release');
is("$code$err", '0', 'upgrade-checklist.sql runs');
like($out, qr/^64\n5\. /m, 'takes a backup with its checksum');
like($out, qr/^5\. .*\bforced run\b[^\n]*succeeded/ms, 'validates the upgrade');
like($out, qr/^go\|\{example_operators\}$/m, 'asks');
like($out, qr/^failed\n6\. .*undo:drain.*^agent\|release 1\nbeat\|release 1\nworker\|release 1\nrunning\n0\n/ms, 'and rolls back when the answer is no');
is(sql($node, 'app', q{SELECT count(*) FROM taskcenter.schedules WHERE state = 'active'}), $active, 'schedules fire as before');
ok(-s $dump, 'the backup is there');
unlink $dump;
($code, $out, $err) = run_file('upgrade-checklist.sql', @upgrade);
is("$code$err", '0', 'upgrade-checklist.sql runs again');
like($out, qr/^succeeded\n6\. .*^agent\|release 2\nbeat\|release 2\nworker\|release 2\nrunning\n0\nrelease 2, backup \Q$dump\E, sha256 [0-9a-f]{64}$/ms, 'and goes when it is yes');
is(sql($node, 'app', q{SELECT count(*) FROM taskcenter.schedules WHERE state = 'active'}), $active, 'schedules fire again');
is(sql($node, 'app', $leftovers), 0, 'nothing of it is unfinished');

is(sql($node, 'app', q{SELECT i::text FROM taskcenter.check_integrity() AS i WHERE check_name IN ('step_without_graph', 'graph_stands_still')}), '', 'no run that has ended has an unfinished step');

check_log($node, per_minute => 12);
$node->stop;
done_testing();
