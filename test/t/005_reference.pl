# The committed reference is the one that the installed comments make, and the
# documents name nothing that does not exist.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'taskcenter'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION taskcenter');

my $made = $node->safe_psql('postgres', slurp_file('test/tools/reference.sql'));
my $kept = slurp_file('doc/reference.md');
chomp $kept;
append_to_file("$PostgreSQL::Test::Utils::log_path/reference.md", "$made\n");
my @made = split /\n/, $made;
my @kept = split /\n/, $kept;
my ($place) = grep { ($made[$_] // '') ne ($kept[$_] // '') } 0 .. ($#made > $#kept ? $#made : $#kept);
is($place, undef, 'doc/reference.md is what test/tools/reference prints')
  or diag(sprintf "tmp_check/log/reference.md is the new one; line %d\nmade: %s\nkept: %s", $place + 1, $made[$place] // '(end)', $kept[$place] // '(end)');
unlike($made, qr/^### Other functions$/m, 'every function has a topic in test/tools/reference.sql');
unlike($made, qr/ \|  \|$|^\.$/m, 'everything has a comment');

# names in the table "Reference" of the README; elsewhere those of functions
# in code, and what follows "taskcenter."
my $readme = slurp_file('README.md');
my $operations = slurp_file('doc/operations.md');
my ($table) = $readme =~ /^## Reference\n(.*?)^## /ms;
my %known = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', q{
	SELECT proname FROM pg_proc
	UNION SELECT split_part(name, '.', 2) FROM pg_settings WHERE name LIKE 'taskcenter.%'
	UNION SELECT relname FROM pg_class WHERE relnamespace = 'taskcenter'::regnamespace
	UNION SELECT unnest(proargnames) FROM pg_proc WHERE pronamespace = 'taskcenter'::regnamespace
	UNION SELECT attname FROM pg_attribute WHERE attrelid = 'taskcenter.tasks'::regclass});
my @named = $table =~ /`(?:CALL )?([a-z]+(?:_[a-z]+)*)(?:\(\))?`/g;
push @named, "$readme$operations" =~ /taskcenter\.([a-z_]{3,})/g, $operations =~ /`([a-z_]+)\(/g;
cmp_ok(scalar @named, '>', 100, 'the documents name functions, relations and settings');
is_deeply([ grep { !$known{$_} } @named ], [], 'all of which exist');

# the runbooks that checks of status name
my @runbooks = map { /[Rr]unbook \\?"([^"\\]+)/g } $operations, map { slurp_file($_) } glob 'src/status_*.c';
cmp_ok(scalar @runbooks, '>', 5, 'checks and the guide name runbooks');
is_deeply([ grep { $operations !~ /^### \Q$_\E$/m } @runbooks ], [], 'all of which exist');
is_deeply([ grep { $operations !~ /^\| `\Q$_\E` \|/m } map { /tc_check_(?:put|that)\(list, "(\w+)"/g } map { slurp_file($_) } glob 'src/status_*.c' ],
	[], 'each check of status has its row in the guide');

# each of its lines of SQL works as it stands
my ($first) = $readme =~ /^## First task\n.*?```sql\n(.*?)```/ms;
$node->safe_psql('postgres', 'DROP EXTENSION taskcenter; CREATE MATERIALIZED VIEW report AS SELECT 1 AS one');
like($node->safe_psql('postgres', $first), qr/^\d+\|refresh\|succeeded\|/m, 'the first task of the README runs');

$node->stop;
done_testing();
