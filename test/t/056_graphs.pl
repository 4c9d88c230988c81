# Graphs that nobody thought of, and large ones: whatever the document, it is
# refused by a fitting error or comes back as it was; drawings and plans of what
# is accepted never fail; checking is linear; and graphs survive dump and restore.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seed = $ENV{TASKCENTER_SEED} // 20240229;
my $documents = LONG ? 200_000 : 6_000;
srand($seed);

my $node = new_server('main', 'taskcenter.enabled' => 'off', 'fsync' => 'off');
new_database($node, 'app');
sql($node, 'app', <<'SQL');
SELECT taskcenter.create_task('other', 'SELECT 1');
SELECT taskcenter.create_task('fuzzed', kind => 'composite');
CREATE TABLE tried (number bigint GENERATED ALWAYS AS IDENTITY, document text, outcome text);
CREATE FUNCTION try(document text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	graph jsonb;
	detail text;
BEGIN
	BEGIN
		graph := document;
	EXCEPTION WHEN OTHERS THEN
		RETURN 'no json';
	END;
	PERFORM taskcenter.save_graph('fuzzed', graph);
	IF taskcenter.get_graph('fuzzed')::text IS DISTINCT FROM graph::text THEN
		RETURN 'differs';
	END IF;
	PERFORM count(*) FROM taskcenter.plan_task('fuzzed', '{"day": {"of": ["week"]}}');
	PERFORM FROM regexp_split_to_table(taskcenter.task_tree('fuzzed') || E'\n' || taskcenter.task_dot('fuzzed')
		|| E'\n' || taskcenter.task_mermaid('fuzzed'), E'\n') AS l (line) WHERE length(line) > 100;
	IF FOUND THEN
		RETURN 'too wide';
	END IF;
	RETURN 'saved';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN sqlstate || CASE WHEN sqlstate = '22023' AND detail = '' THEN ' without detail' ELSE '' END;
END $$;
SQL

# ---- documents ----

sub one_of { return $_[ int rand @_ ]; }

my @names = ('a', 'b', 'c', 'd', 'e', 'long name', 'a.b', '', 'x/y', "\\u0001", 'é', '$output', 'b' x 64);
my @scalars = ('null', 'true', 'false', '0', '1', '-1', '2', '1.5', '1e400', '99999999999', '""', '"a"',
	'"1 day"', '"-1 day"', '"2030-01-01T00:00:00Z"', '"SELECT 1"', '"SELEC"', '"VACUUM"', '"BEGIN"',
	'"SELECT 1; SELECT 2"', '"all_done"', '"k_of_n"', '"continue"', '"other"', '"fuzzed"', '"control"',
	'"postgres"', '"infinity"', '"<"', '"a.b.c"', '"%s%n\\\\"');

sub value
{
	my ($depth) = @_;
	my $choice = rand;
	return one_of(@scalars) if $choice < 0.6 || $depth > 3;
	return '[' . join(',', map { value($depth + 1) } 1 .. int rand 4) . ']' if $choice < 0.75;
	return sprintf '{"%s": "%s"}', one_of('$output', '$param'), one_of('a', 'b.c', 'day', 'day.of.0', 'long name.x', 'z')
	  if $choice < 0.9;
	return '{' . join(',', map { '"' . one_of(@names, '$param') . '": ' . value($depth + 1) } 1 .. int rand 3) . '}';
}

sub maybe { my ($chance, $text) = @_; return rand() < $chance ? $text : (); }

sub kind
{
	return one_of(
		'"command": "SELECT 1"', '"command": "SELECT 1"', '"command": "SELECT 1"', '"task": "other"',
		'"wait": ' . one_of('"1 hour"', '"2030-01-01T00:00:00Z"', value(2)),
		'"check": {"sql": "SELECT 1", "op": ' . one_of('"<"', '"="', value(3)) . ', "value": ' . one_of('1', value(3))
		  . join('', maybe(0.3, ', "for": ' . one_of('"1 min"', value(3)))) . '}',
		'"approval": {"roles": ' . one_of('["postgres"]', value(2)) . join('', maybe(0.3, ', "quorum": ' . value(3))) . '}',
		'"signal": ' . one_of('"go"', '{"name": "go", "key": ' . value(2) . '}', value(2)));
}

my @keys = qw(after rule k when on_error params for_each max_items compensate max_attempts priority queue timeout
  backoff backoff_base batch settings retry_rules requires_flag description capture_output nonsense command wait);

sub step
{
	my ($known) = @_;
	my @parts = (kind());
	push @parts, '"after": [' . join(',', map { '"' . one_of(@$known) . '"' } 1 .. int rand 3) . ']' if rand() < 0.6;
	push @parts, '"rule": "' . one_of(qw(all_done none_failed one_failed all_success)) . '"' if rand() < 0.3;
	push @parts, '"params": {"x": ' . value(1) . '}' if rand() < 0.3;
	push @parts, '"' . one_of(@keys) . '": ' . value(1) if rand() < 0.2;
	return '{' . join(', ', @parts) . '}';
}

sub document
{
	my $count = 1 + int rand 6;
	my @known = map { rand() < 0.03 ? one_of(@names) : $names[ $_ - 1 ] } 1 .. $count;
	my @steps = map { my $i = $_; '"' . $known[$i] . '": ' . step([ @known[ 0 .. $i ] ]) } 0 .. $#known;
	my $text = '{"steps": {' . join(', ', @steps) . '}}';
	if (rand() < 0.1)
	{
		my $at = int rand length $text;
		substr($text, $at, 1 + int rand 3, one_of('', '"', '{', ',', '1', 'null'));
	}
	return $text;
}

my %outcomes;
for (my $done = 0; $done < $documents; $done += 1_000)
{
	my $rows = join ",\n", map { my $text = document(); $text =~ s/'/''/g; "('$text')" } 1 .. 1_000;
	sql($node, 'app', "INSERT INTO tried (document) VALUES $rows; UPDATE tried SET outcome = try(document) WHERE outcome IS NULL;");
}
my $summary = sql($node, 'app', 'SELECT outcome, count(*) FROM tried GROUP BY 1');
$outcomes{$1} = $2 while $summary =~ /^(.*)\|(\d+)$/mg;
note(join ', ', map { "$_: $outcomes{$_}" } sort keys %outcomes);
cmp_ok($outcomes{saved}, '>', $documents / 20, 'many documents are graphs');
is(join(' ', grep { !/^(?:saved|no json|22023|42601|42704|0A000|22007|22008|22015)$/ } sort keys %outcomes), '',
	"every other one is refused as it should be (seed $seed)")
  or diag(sql($node, 'app', q{SELECT DISTINCT ON (outcome) outcome, document FROM tried
	WHERE outcome !~ '^(saved|no json|22023|42601|42704|0A000|22007|22008|22015)$'}));
is(sql($node, 'app', 'SELECT count(*) FROM taskcenter.check_integrity()'), 0, 'and nothing is left that cannot be');

# ---- large ones ----

# a document that Postgres makes, and the seconds that saving it takes
sub saved_in
{
	my ($name, $steps) = @_;
	sql($node, 'app', "SELECT taskcenter.create_task('$name', kind => 'composite');
		CREATE TABLE large AS SELECT jsonb_build_object('steps', jsonb_object_agg(name, step)) AS graph FROM ($steps) AS s");
	my $began = time;
	sql($node, 'app', "SELECT taskcenter.save_graph('$name', graph) FROM large");
	my $spent = time - $began;
	sql($node, 'app', 'DROP TABLE large');
	return $spent;
}

my $chain = q{SELECT 's' || i AS name, jsonb_build_object('command', 'SELECT ' || i, 'after', CASE WHEN i > 1 THEN jsonb_build_array('s' || i - 1) END,
	'params', CASE WHEN i > 1 THEN jsonb_build_object('x', jsonb_build_object('$output', 's' || greatest(1, i - 5000))) END) AS step
	FROM generate_series(1, %d) AS i};
my $half = saved_in('half', sprintf $chain, 10_000);
my $whole = saved_in('whole', sprintf $chain, 20_000);
note(sprintf 'a chain of 10,000 in %.2f s, of 20,000 in %.2f s', $half, $whole);
cmp_ok($half, '<', 6, '10,000 steps in a chain, each with a reference far back, are saved in seconds');
cmp_ok($whole, '<', 5 * $half + 1, 'twice as many take not much more than twice as long');
my $dense = saved_in('dense', q{SELECT 's' || i AS name, jsonb_build_object('wait', '1 s', 'after',
	(SELECT jsonb_agg('s' || j) FROM generate_series(greatest(1, i - 20), i - 1) AS j)) AS step FROM generate_series(1, 9900) AS i});
cmp_ok($dense, '<', 6, 'nearly 200,000 edges are saved in seconds');
like(sql($node, 'app', q{SELECT taskcenter.task_tree('whole')}), qr/\(20000\) s20000: command$/, 'a deep tree is drawn');
is(sql($node, 'app', q{SELECT count(*) FROM taskcenter.plan_task('dense') WHERE outcome = 'starts'}), 9900, 'a wide one is planned');

for (
	[ 'too many steps', q{SELECT 's' || i AS name, '{"wait": "1 s"}'::jsonb AS step FROM generate_series(1, 20001) AS i}, qr/"steps" are more than 20000/ ],
	[ 'too many edges', q{SELECT 's' || i AS name, jsonb_build_object('wait', '1 s', 'after', (SELECT jsonb_agg('s' || j) FROM generate_series(1, i - 1) AS j)) AS step
		FROM generate_series(1, 700) AS i}, qr/makes more than 200000 edges/ ],
	[ 'a long cycle', q{SELECT 's' || i AS name, jsonb_build_object('wait', '1 s', 'after', jsonb_build_array('s' || CASE i WHEN 1 THEN 20000 ELSE i - 1 END)) AS step
		FROM generate_series(1, 20000) AS i}, qr/leads in a circle: s1 after s20000 after s19999 after .* after s1\./ ])
{
	my ($what, $steps, $expected) = @$_;
	my (undef, undef, $stderr) = $node->psql('app', "SELECT taskcenter.save_graph('fuzzed', g)
		FROM (SELECT jsonb_build_object('steps', jsonb_object_agg(name, step)) AS g FROM ($steps) AS s) AS d");
	like($stderr, $expected, $what);
}

# ---- dump and restore ----

my $digest = q{SELECT count(*), md5(string_agg(g::text, '' ORDER BY task_id, version)) FROM taskcenter.graphs AS g};
my $before = sql($node, 'app', $digest);
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('app') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('copy'), $dump ], 'restore');
is(sql($node, 'copy', $digest), $before, 'all graphs are there again');
sql($node, 'copy', q{SELECT taskcenter.adopt_database('test')});
sql($node, 'copy', q{SELECT taskcenter.save_graph('fuzzed', '{"steps": {"new": {"command": "SELECT 1"}}}')});
is(sql($node, 'copy', 'SELECT count(*) FROM taskcenter.check_integrity()'), 0, 'new ones get ids of their own');

$node->stop;
done_testing();
