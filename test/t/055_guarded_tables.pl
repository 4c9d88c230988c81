# Guarded tables beyond one session: dump and restore, logical replication,
# refusals that survive their abort, servers that do not preload the library.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %settings = (init => { allows_streaming => 'logical' }, 'shared_buffers' => "'16MB'",
	'max_connections' => 40, 'max_worker_processes' => 24, 'fsync' => 'off');
my $source = new_server('source', %settings);
my $target = new_server('target', %settings);
my $dumps = PostgreSQL::Test::Utils::tempdir;

# A guarded table of alice's with partitions, one that was renamed, and one of bob's.
sub populate
{
	my ($node, $db) = @_;
	new_database($node, $db, qw(alice bob clerk));
	sql_as($node, $db, 'alice', <<'SQL');
SELECT taskcenter.create_workflow('order', 'new', '{"new": ["paid", "gone"], "paid": ["sent"], "sent": [], "gone": []}');
CREATE TABLE app.parts (id int, region text, status text NOT NULL, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE app.parts_eu PARTITION OF app.parts FOR VALUES IN ('eu');
CREATE TABLE app.parts_us PARTITION OF app.parts FOR VALUES IN ('us');
CREATE TABLE app.old_name (old_id uuid PRIMARY KEY, old_status varchar(20) DEFAULT 'new');
INSERT INTO app.parts VALUES (1, 'eu', 'new'), (2, 'us', 'new');
INSERT INTO app.old_name VALUES ('00000000-0000-0000-0000-000000000001');
SELECT taskcenter.guard_table('app.parts', 'status', 'order'), taskcenter.guard_table('app.old_name', 'old_status', 'order');
GRANT SELECT, UPDATE ON app.parts TO clerk;
UPDATE app.parts SET status = 'paid';
UPDATE app.old_name SET old_status = 'paid';
ALTER TABLE app.old_name RENAME COLUMN old_id TO id;
ALTER TABLE app.old_name RENAME COLUMN old_status TO status;
ALTER TABLE app.old_name RENAME TO new_name;
SQL
	sql_as($node, $db, 'bob', <<'SQL');
CREATE TABLE app.of_bob (id bigint PRIMARY KEY, status text);
INSERT INTO app.of_bob VALUES (1, 'new');
SELECT taskcenter.guard_table('app.of_bob', 'status', 'order');
UPDATE app.of_bob SET status = 'paid';
SQL
	return;
}

# error(node, db, role, statement): its SQLSTATE.
sub error
{
	my ($node, $db, $role, $statement) = @_;
	my (undef, undef, $stderr) = $node->psql($db, "\\set VERBOSITY sqlstate\n$statement", extra_params => [ '-U', $role ]);
	return $stderr =~ /ERROR:  (\w{5})/ ? $1 : 'ok';
}

my $key = '{"id": "00000000-0000-0000-0000-000000000001"}';
my $history = "SELECT string_agg(old_status || '>' || new_status, ' ' ORDER BY id) FILTER (WHERE accepted) FROM taskcenter.row_status_history";

populate($source, 'origin');

subtest 'dump and restore' => sub {
	my $of_parts = "SELECT relation, row_key, old_status, new_status, actor FROM taskcenter.task_status_history ORDER BY id";
	my $before = sql($source, 'origin', $of_parts);

	command_ok([ 'pg_dump', '-Fd', '-j2', '-f', "$dumps/origin", $source->connstr('origin') ], 'dumped');
	sql($target, 'postgres', "CREATE ROLE $_ LOGIN") for qw(clerk bob alice);
	# OIDs of the restored tables are others
	sql($target, 'postgres', 'CREATE TABLE taken_' . $_ . ' (id int)') for 1 .. 5;
	sql($target, 'postgres', 'CREATE DATABASE copy');
	command_ok([ 'pg_restore', '-j2', '-e', '-d', $target->connstr('copy'), "$dumps/origin" ], 'restored');
	is(sql($target, 'copy', $of_parts), $before, 'the history is the same');

	for my $state ('not adopted', 'adopted')
	{
		sql($target, 'copy', "SELECT taskcenter.adopt_database('a copy')") if $state eq 'adopted';
		is(error($target, 'copy', 'clerk', q{UPDATE app.parts SET status = 'new' WHERE id = 1}), '23514', "$state: what was guarded is guarded");
		is(error($target, 'copy', 'clerk', q{UPDATE app.parts SET status = 'sent' WHERE id = } . ($state eq 'adopted' ? 1 : 2)), 'ok', "$state: an application works");
	}
	is(sql_as($target, 'copy', 'alice', "$history('app.parts', '{\"id\": 1, \"region\": \"eu\"}')"), 'new>paid paid>sent', 'the history goes on');
	is(sql_as($target, 'copy', 'alice', "$history('app.parts', '{\"id\": 2, \"region\": \"us\"}')"), 'new>paid paid>sent', 'that of before the adoption too');
	sql_as($target, 'copy', 'alice', q{UPDATE app.new_name SET status = 'sent'});
	is(sql_as($target, 'copy', 'alice', "$history('app.new_name', '$key')"), 'new>paid paid>sent', 'so does that of a table that was renamed, under its first name');
	is(sql($target, 'copy', 'SELECT count(DISTINCT relation) FROM taskcenter.task_status_history'), 3, 'no table got a second history');
	is(sql($target, 'copy', 'SELECT bool_and(relation_id::oid::regclass::text IN (\'app.parts\', \'app.new_name\', \'app.of_bob\')) FROM taskcenter.guarded_tables'), 't', 'adoption finds the tables');
	is(sql_as($target, 'copy', 'alice', 'SELECT count(*) FROM taskcenter.task_status_history WHERE accepted'), 6, 'rows of the history belong to who owns the tables');
	is(sql_as($target, 'copy', 'alice', q{SELECT taskcenter.guard_table('app.parts', 'status', 'order') = guarded_table_id FROM taskcenter.guarded_tables WHERE relation = 'app.parts'}), 't', 'guarding it again changes nothing');
	is(sql($target, 'copy', 'SELECT count(*) FROM taskcenter.guard_problems()'), 0, 'all guards are in force');
	sql_as($target, 'copy', 'alice', q{CREATE TABLE app.young (id int PRIMARY KEY, status text); SELECT taskcenter.guard_table('app.young', 'status', 'order')});
	is(sql($target, 'copy', 'SELECT count(*) FROM taskcenter.guarded_tables'), 4, 'ids go on');
};

subtest 'a table that is dumped alone' => sub {
	command_ok([ 'pg_dump', '-Fc', '-t', 'app.of_bob', '-f', "$dumps/of_bob", $source->connstr('origin') ], 'dumped');
	new_database($target, 'other', 'bob');
	sql_as($target, 'other', 'bob', q{SELECT taskcenter.create_workflow('order', 'new', '{"new": ["paid"], "paid": ["sent"], "sent": []}')});
	# an id that is another's here
	sql_as($target, 'other', 'bob', qq{CREATE TABLE app.t$_ (id int PRIMARY KEY, status text); SELECT taskcenter.guard_table('app.t$_', 'status', 'order')}) for 1 .. 3;
	command_ok([ 'pg_restore', '-e', '-d', $target->connstr('other'), "$dumps/of_bob" ], 'restored where the extension is');
	is(error($target, 'other', 'bob', q{UPDATE app.of_bob SET status = 'new'}), '23514', 'it is guarded');
	is(error($target, 'other', 'bob', q{UPDATE app.of_bob SET status = 'sent'}), 'ok', 'and works');
	is(sql($target, 'other', 'SELECT relation, row_key FROM taskcenter.task_status_history WHERE accepted'), 'app.of_bob (not registered)|{"id": 1}', 'its history is nobody else\'s');
	is(sql_as($target, 'other', 'bob', q{SELECT count(*) FROM taskcenter.row_status_history('app.of_bob', '{"id": 1}')}), 0, 'and read by nobody');
	sql_as($target, 'other', 'bob', q{UPDATE app.of_bob SET id = 2; SELECT taskcenter.guard_table('app.of_bob', 'status', 'order'); INSERT INTO app.of_bob VALUES (3, 'new'); UPDATE app.of_bob SET status = 'paid' WHERE id = 3});
	is(sql_as($target, 'other', 'bob', "$history('app.of_bob', '{\"id\": 3}')"), 'new>paid', 'guarded again it has one of its own');
};

subtest 'another owner in the restored database gains nothing' => sub {
	sql($target, 'postgres', 'CREATE DATABASE attacked');
	command_ok([ 'pg_restore', '-e', '-d', $target->connstr('attacked'), "$dumps/origin" ], 'restored');
	my $id = sql($target, 'attacked', q{SELECT guarded_table_id FROM taskcenter.guarded_tables WHERE relation = 'app.parts'});
	sql($target, 'attacked', 'DROP TABLE app.parts');
	sql_as($target, 'attacked', 'bob', <<"SQL");
CREATE TABLE app.parts (id int, region text, status text, PRIMARY KEY (id, region));
INSERT INTO app.parts VALUES (1, 'eu', 'new');
CREATE TRIGGER forged AFTER UPDATE ON app.parts FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.id IS DISTINCT FROM NEW.id OR OLD.region IS DISTINCT FROM NEW.region)
    EXECUTE FUNCTION taskcenter.guard_row('order', '$id');
UPDATE app.parts SET status = 'gone';
SQL
	my $read = q{SELECT count(*) FROM taskcenter.row_status_history('app.parts', '{"id": 1, "region": "eu"}')};
	is(sql_as($target, 'attacked', 'bob', $read), 0, 'a trigger with the id of another\'s table reads nothing');
	sql($target, 'attacked', "SELECT taskcenter.adopt_database('a copy')");
	is(sql_as($target, 'attacked', 'bob', $read), 0, 'nor after the adoption');
	is(sql($target, 'attacked', q{SELECT count(*) FROM taskcenter.task_status_history WHERE relation = 'app.parts' AND new_status = 'gone'}), 0, 'and writes nothing into it');
	sql_as($target, 'attacked', 'bob', q{DROP TRIGGER forged ON app.parts; SELECT taskcenter.guard_table('app.parts', 'status', 'order'); UPDATE app.parts SET id = 2; UPDATE app.parts SET id = 1});
	is(sql_as($target, 'attacked', 'bob', "SELECT bool_and(actor = 'bob') FROM taskcenter.row_status_history('app.parts', '{\"id\": 1, \"region\": \"eu\"}')"), 't', 'guarded by its owner it has a history of its own');
};

subtest 'a refused UPDATE is recorded though it was undone' => sub {
	is(error($source, 'origin', 'clerk', q{BEGIN; SELECT taskcenter.set_context(reason => 'password=hidden'); UPDATE app.parts SET status = 'new' WHERE id = 1; COMMIT}), '23514', 'refused');
	ok(wait_for($source, 'origin', 'SELECT count(*) FROM taskcenter.task_status_history WHERE NOT accepted', '1'), 'and in the history');
	is(sql($source, 'origin', q{SELECT relation, row_key, old_status, new_status, requested_status, reason, actor, problems -> 0 ->> 'code' FROM taskcenter.task_status_history WHERE NOT accepted}),
		'app.parts|{"id": 1, "region": "eu"}|paid|validation_failed|new|password=[REDACTED]|clerk|forbidden_move', 'with all that is known');
	is(sql_as($source, 'origin', 'alice', q{SELECT new_status FROM taskcenter.row_status_history('app.parts', '{"id": 1, "region": "eu"}', 1)}), 'validation_failed', 'of its row');
	is(sql_as($source, 'origin', 'alice', q{SELECT count(*) FROM taskcenter.transition_failures()}), 1, 'the owner of the table sees the failure');
	is(sql_as($source, 'origin', 'bob', q{SELECT count(*) FROM taskcenter.transition_failures()}), 0, 'others do not');
};

subtest 'a change of owner' => sub {
	sql($source, 'origin', 'ALTER TABLE app.of_bob OWNER TO alice');
	sql_as($source, 'origin', 'alice', q{UPDATE app.of_bob SET status = 'sent'});
	is(sql($source, 'origin', q{SELECT owner FROM taskcenter.guarded_tables WHERE relation = 'app.of_bob'}), 'alice', 'is noticed with the next move');
	is(sql_as($source, 'origin', 'alice', "$history('app.of_bob', '{\"id\": 1}')"), 'new>paid paid>sent', 'the history goes with the table');
};

subtest 'a subscriber checks and does not record' => sub {
	new_database($source, 'published', 'clerk');
	new_database($target, 'subscribed', 'clerk');
	for my $side ([ $source, 'published' ], [ $target, 'subscribed' ])
	{
		sql(@$side, <<'SQL');
SELECT taskcenter.create_workflow('order', 'new', '{"new": ["paid"], "paid": [{"to": "sent", "requires": ["reason"]}], "sent": []}');
CREATE TABLE app.orders (id int PRIMARY KEY, status text);
SELECT taskcenter.guard_table('app.orders', 'status', 'order');
SQL
	}
	my $connection = $source->connstr . ' dbname=published';
	sql($source, 'published', 'INSERT INTO app.orders VALUES (1, \'new\'); CREATE PUBLICATION orders FOR TABLE app.orders');
	sql($target, 'subscribed', "CREATE SUBSCRIPTION copy CONNECTION '$connection' PUBLICATION orders");
	$target->wait_for_subscription_sync($source, 'copy', 'subscribed');
	sql($source, 'published', q{INSERT INTO app.orders VALUES (2, 'new'); UPDATE app.orders SET status = 'paid'; SELECT taskcenter.set_row_status('app.orders', '{"id": 1}', 'sent', 'why')});
	$source->wait_for_catchup('copy');
	is(sql($target, 'subscribed', 'SELECT string_agg(status, \' \' ORDER BY id) FROM app.orders'), 'sent paid', 'moves arrive, whatever their context was');
	is(sql($target, 'subscribed', 'SELECT count(*) FROM taskcenter.task_status_history'), 0, 'and are not recorded again');
	sql($source, 'published', q{SELECT taskcenter.unguard_table('app.orders'); UPDATE app.orders SET status = 'new' WHERE id = 2});
	ok(wait_until(sub { slurp_file($target->logfile) =~ /cannot go from "paid" to "new"/ }, 20), 'what the map forbids is refused by the apply worker');
	is(sql($target, 'subscribed', 'SELECT status FROM app.orders WHERE id = 2'), 'paid', 'and not done');
	sql($target, 'subscribed', 'SELECT taskcenter.unguard_table(\'app.orders\')');
	$source->wait_for_catchup('copy');
	is(sql($target, 'subscribed', 'SELECT status FROM app.orders WHERE id = 2'), 'new', 'unguarded, it follows');
	sql($target, 'subscribed', 'DROP SUBSCRIPTION copy');
};

subtest 'without preloading' => sub {
	configure($target, 'shared_preload_libraries' => "''");
	$target->restart;
	# the library comes with the first row of the first statement of a session
	is(sql_as($target, 'copy', 'alice', <<'SQL'), "2\n0", 'the first statement of a session is recorded at once, and goes with its transaction');
INSERT INTO app.young VALUES (1, 'new'), (2, 'new');
\c -
BEGIN;
UPDATE app.young SET status = 'paid';
SELECT count(*) FROM taskcenter.task_status_history WHERE relation = 'app.young';
ROLLBACK;
SELECT count(*) FROM taskcenter.task_status_history WHERE relation = 'app.young';
SQL
	is(error($target, 'copy', 'alice', q{UPDATE app.young SET status = 'sent'}), '23514', 'and guarded');
	is(sql_as($target, 'copy', 'alice', q{SELECT success, problems -> 0 ->> 'code' FROM taskcenter.set_row_status('app.young', '{"id": 1}', 'sent')}), 'f|forbidden_move', 'so are answers');
	is(sql_as($target, 'copy', 'alice', q{SELECT count(*) FROM taskcenter.task_status_history WHERE NOT accepted AND relation = 'app.young'}), 1, 'which are kept');
};

subtest 'prepared transactions' => sub {
	configure($target, 'max_prepared_transactions' => 2);
	$target->restart;
	sql_as($target, 'copy', 'alice', q{BEGIN; UPDATE app.young SET status = 'paid' WHERE id = 1; PREPARE TRANSACTION 'kept'});
	sql_as($target, 'copy', 'alice', q{BEGIN; UPDATE app.young SET status = 'paid' WHERE id = 2; PREPARE TRANSACTION 'lost'});
	sql_as($target, 'copy', 'alice', q{COMMIT PREPARED 'kept'});
	sql_as($target, 'copy', 'alice', q{ROLLBACK PREPARED 'lost'});
	is(sql($target, 'copy', q{SELECT string_agg(row_key, ' ') FROM taskcenter.task_status_history WHERE relation = 'app.young' AND accepted}), '{"id": 1}', 'take their history with them');
};

done_testing();
