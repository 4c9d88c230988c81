# Documents of tasks between databases: what one exports another applies, and
# exports the same; large ones; as the operations guide says; and alias views
# through dump and restore.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', 'max_worker_processes' => 24, 'fsync' => 'off');
new_database($node, $_, qw(team bot)) for qw(one two);
sql($node, $_, q{SELECT taskcenter.set_flag('shop', true)}) for qw(one two);
sql($node, $_, "SELECT taskcenter.create_queue('heavy')") for qw(one two);

# ---- every property, every kind of schedule ----

my $document = <<'JSON';
{"format": 1, "application": "shop", "tasks": [
  {"name": "all", "owner": "team", "run_as": "bot", "state": "paused", "command": ["SELECT 1;", "", "SELECT 'ü';"],
   "params": {"a": null, "b": [1, {"c": "d"}]}, "queue": "heavy", "priority": -5, "max_attempts": 7, "backoff": "linear",
   "backoff_base": "2 seconds", "backoff_cap": "1 mon 03:00:00", "timeout": "10 minutes", "overlap": "queue",
   "misfire": "run_all", "transaction_mode": "atomic", "on_crash": "fail", "description": "Does\nit \"all\"", "tags": ["b", "a"],
   "batch": 10, "isolation": "process", "synchronous_commit": "off", "settings": {"work_mem": "8MB", "my.flag": true},
   "capture_output": true, "log_level": "debug", "max_running": 2, "max_lost": 5, "stuck_after": "5 minutes",
   "misfire_grace": "30 seconds", "max_catchup": 9, "dst_gap": "skip", "dst_repeat": "both", "retention": "7 days",
   "failed_retention": "keep", "events": "failures", "requires_flag": "shop", "retry_rules": [{"sqlstate": "40", "delay": "1 second"}],
   "schedules": {
     "cron": {"schedule": "0 3 * * 1-5"}, "seconds": {"schedule": "*/10 0 3 * * *"}, "nickname": {"schedule": "@daily"},
     "reboot": {"schedule": "@reboot"}, "interval": {"schedule": "every 15 minutes"}, "delay": {"schedule": "after 90 seconds"},
     "once": {"schedule": "at 2035-01-01 03:00"}, "rule": {"schedule": "RRULE:FREQ=MONTHLY;BYDAY=-1FR"},
     "options": {"schedule": "30 2 * * *", "timezone": "America/New_York", "state": "paused", "starts_at": "2030-01-01T05:00:00+01",
       "ends_at": "2040-01-01T00:00:00Z", "jitter": "1 hour", "misfire": "skip", "misfire_grace": "3 days", "max_catchup": 3,
       "dst_gap": "gap_end", "dst_repeat": "second"},
     "ended": {"schedule": "@hourly", "ends_at": "2020-01-01T00:00:00Z"}, "past": {"schedule": "at 2001-01-01 00:00"}}},
  {"name": "article", "owner": "team", "kind": "manual", "workflow": "editorial", "application": "shop"},
  {"name": "off", "owner": "postgres", "state": "disabled", "command": "VACUUM"},
  {"name": "plain", "owner": "team", "command": "SELECT 1", "schedules": {}}]}
JSON

sub export
{
	my ($db, $application) = @_;
	return sql($node, $db, "SELECT jsonb_pretty(taskcenter.export_tasks('$application'))");
}

sub apply
{
	my ($db, $json, @options) = @_;
	return sql($node, $db, 'SELECT action, object_type, name FROM taskcenter.apply_tasks(' . join(', ', "\$document\$$json\$document\$", "'shop'", @options) . ')');
}

# the text has the keys that the functions know
my (undef, undef, $refused) = $node->psql('one', "SELECT taskcenter.apply_tasks('{\"tasks\": [{\"name\": \"x\", \"odd\": 1}]}', 'shop')");
my ($known) = $refused =~ /Known keys there: (.*)\./;
my %not_yet = map { $_ => 1 } qw(group_key rate_limit graph);
is_deeply([ grep { !$not_yet{$_} && $document !~ /"$_":/ } split /, /, $known ], [], 'the document has every property that a task can have');
cmp_ok(scalar split(/, /, $known), '>', 40, 'as the hint lists them');

my $first = apply('one', $document);
is(scalar(() = $first =~ /^create\|/mg), 15, 'a document makes tasks and schedules');
my $exported = export('one', 'shop');
is(apply('one', $exported), '', 'what is exported changes nothing');
is(apply('one', $document), '', 'nor does the document that a person wrote');

# another database, another default zone, another session
sql($node, 'two', "SELECT taskcenter.set_setting('default_timezone', 'Asia/Tokyo')");
sql($node, 'two', "ALTER DATABASE two SET timezone = 'America/Lima'; ALTER DATABASE two SET datestyle = 'German'; ALTER DATABASE two SET intervalstyle = 'iso_8601'");
is(apply('two', $exported, 'dry_run => true'), $first, 'elsewhere a dry run sees what is missing');
is(sql($node, 'two', 'SELECT count(*) FROM taskcenter.tasks'), 0, 'and makes nothing');
is(apply('two', $exported), $first, 'the document makes the same there');
is(export('two', 'shop'), $exported, 'which exports the same document');
my $rows = "SELECT t.name, t.state, s.name, s.state, s.next_run_at IS NOT NULL, t.owner, t.run_as, t.learned_mode FROM taskcenter.tasks AS t LEFT JOIN taskcenter.schedules AS s USING (task_id) ORDER BY t.name, s.name COLLATE \"C\"";
is(sql($node, 'two', $rows), sql($node, 'one', $rows), 'in the same states');
like(sql($node, 'two', $rows), qr/^all\|paused\|ended\|completed\|f\|.*\n(.*\n)*all\|paused\|past\|completed\|f\|/m, 'what is over is completed');

# somebody works on it by hand; the document brings it back
sql_as($node, 'two', 'team', q{SELECT taskcenter.alter_task('plain', priority => 3), taskcenter.create_task('more', 'SELECT 1', application => 'shop'), taskcenter.schedule_task('plain', '@hourly')});
is(apply('two', $exported, 'prune => true'), "alter|task|plain\ndrop|schedule|plain/default\narchive|task|more", 'what was changed by hand is undone');
is(export('two', 'shop'), $exported, 'to the last letter');

# ---- dump and restore ----

sql($node, 'one', q{CREATE SCHEMA seed_names; SELECT taskcenter.create_alias_views('seed_names'); CREATE VIEW app.on_top AS SELECT count(*) AS jobs FROM seed_names.qc_jobs});
my $dump = "$PostgreSQL::Test::Utils::tmp_check/one.dump";
$node->safe_psql('postgres', 'CREATE DATABASE three');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('one') ], 'pg_dump');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('three'), $dump ], 'pg_restore');
is(export('three', 'shop'), $exported, 'a restored database exports the same document');
is(apply('three', $exported, 'prune => true'), '', 'and has nothing to change');
my $views = q{SELECT c.relname, pg_get_viewdef(c.oid), reloptions, obj_description(c.oid, 'pg_class') FROM pg_class AS c WHERE relnamespace = 'seed_names'::regnamespace ORDER BY 1};
is(sql($node, 'three', $views), sql($node, 'one', $views), 'its alias views came with it');
is(sql($node, 'three', 'SELECT jobs FROM app.on_top; SELECT count(*) FROM seed_names.schedules'), "0\n11", 'and work');
is(sql($node, 'three', q{DROP VIEW app.on_top; SELECT cardinality(taskcenter.create_alias_views('seed_names')), cardinality(taskcenter.drop_alias_views('seed_names'))}), '7|7', 'they are still known as such');

# ---- large ----

my $many = 1000;
sql($node, 'two', "CREATE TABLE app.large AS SELECT jsonb_build_object('tasks', jsonb_agg(jsonb_build_object(
	'name', 'task ' || i, 'command', 'SELECT ' || i, 'schedules',
	jsonb_build_object('a', jsonb_build_object('schedule', '*/5 * * * *'), 'b', jsonb_build_object('schedule', 'every 7 minutes'))))) AS document
	FROM generate_series(1, $many) AS i");
my $count = "SELECT count(action) FROM app.large, taskcenter.apply_tasks(document, 'large'";
my $changes;
within(10, timed(sub { $changes = sql($node, 'two', "$count)") }), "$many tasks with two schedules each are made");
is($changes, 3 * $many, 'all of them');
within(5, timed(sub { $changes = sql($node, 'two', "$count)") }), 'and found unchanged');
is($changes, 0, 'all of them');
within(5, timed(sub { $changes = length export('two', 'large') }), 'and exported');
cmp_ok($changes, '>', 100 * $many, 'all of them');
# a document that ends badly leaves nothing behind
sql($node, 'two', q{UPDATE app.large SET document = jsonb_set(document, '{tasks}', document -> 'tasks' || '[{"name": "bad", "command": "SELEC"}]')});
my (undef, undef, $error) = $node->psql('two', "$count, prune => true)");
like($error, qr/tasks\[$many\]\.command of the document, task "bad"|tasks\[$many\] of the document, task "bad"/, 'an error at the end tells its place');
sql($node, 'two', q{SELECT count(a) FROM taskcenter.apply_tasks('{"tasks": []}', 'large', prune => true) AS a});
$node->psql('two', "$count)");
is(sql($node, 'two', "SELECT count(*) FROM taskcenter.tasks WHERE application = 'large' AND state <> 'archived'"), 0, 'and undoes what came before it');

# ---- the example: what it makes runs ----

sql($node, 'two', q{
	CREATE SCHEMA shop;
	CREATE TABLE shop.accounts AS SELECT 1 AS account_id, now() - interval '2 years' AS last_used_at, NULL::timestamptz AS closed_at;
	CREATE MATERIALIZED VIEW shop.report AS SELECT 1 AS one; CREATE UNIQUE INDEX ON shop.report (one);
	CREATE FUNCTION shop.send_newsletter() RETURNS text LANGUAGE sql AS $$SELECT 'sent'$$});
sql($node, 'two', q{SELECT count(a) FROM taskcenter.apply_tasks('{"tasks": []}', 'shop', prune => true) AS a});
is(scalar(split /\n/, apply('two', slurp_file('examples/tasks.json'))), 7, 'examples/tasks.json makes its tasks and schedules');
is(apply('two', slurp_file('examples/tasks.json')), '', 'and then changes nothing');
for my $task ('close accounts', 'refresh report', 'send newsletter')
{
	my $run = enqueue($node, 'two', 'postgres', $task);
	like(sql($node, 'two', "SELECT status, error FROM taskcenter.wait_for_run($run)"), qr/^succeeded\|$/, "\"$task\" runs");
}
is(sql($node, 'two', 'SELECT count(closed_at) FROM shop.accounts'), 1, 'and does what it says');

# ---- the operations guide, as it stands ----

my ($script) = slurp_file('doc/operations.md') =~ /^## Definitions in a repository\n.*?^```sh\n(.*?)^```/ms;
my $folder = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('postgres', 'CREATE DATABASE app TEMPLATE three');
sql($node, 'app', q{SELECT taskcenter.adopt_database('a copy')});
{
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGUSER => 'postgres');
	my ($out, $err) = ('', '');
	(my $export, my $rest) = $script =~ /(.*?> tasks\.json\n)(.*)/s;
	ok(IPC::Run::run([ 'bash', '-euc', "cd '$folder'; $export" ], '<', \undef, '>', \$out, '2>', \$err), 'the guide exports');
	is($err, '', 'without a word');
	is(slurp_file("$folder/tasks.json"), "$exported\n", 'the document');
	my $text = slurp_file("$folder/tasks.json");
	$text =~ s/"priority": -5/"priority": -6/;
	unlink "$folder/tasks.json";
	append_to_file("$folder/tasks.json", $text);
	ok(IPC::Run::run([ 'bash', '-euc', "cd '$folder'; $rest" ], '<', \undef, '>', \$out, '2>', \$err), 'reviews and deploys it');
	is($err, '', 'without a word');
	like($out, qr/(\{"priority": \{"new": -6, "old": -5\}\}.*){2}/s, 'and shows twice what changes');
}
is(sql($node, 'app', q{SELECT actor, reason, new_values ->> 'priority' FROM taskcenter.task_audit_logs ORDER BY audit_id DESC LIMIT 1}), 'pipeline|release 7|-6', 'which is audited');

check_log($node);
$node->stop;
done_testing();
