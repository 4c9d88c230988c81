# Attacks: what somebody with a login of his own, and some with more, tries in
# order to act as somebody else, or to see what is not his.
#
# Whatever of his gets executed springs a trap that notes as whom, and that
# makes him superuser if it can.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;

use EngineTest;
use PostgreSQL::Test::Utils;
use Taskcenter ();
use Test::More;

# analyzing a table of hers would spring her traps, as her
my $node = new_server('main', 'log_min_messages' => 'fatal', 'autovacuum' => 'off');

sub as { return sql_as($node, 'app', @_); }

# state(ROLE, SQL): the SQLSTATE that a statement fails with; '' if it does not.
sub state
{
	my ($role, $statement, $db) = @_;
	my (undef, undef, $error) = $node->psql($db // 'app', "\\set VERBOSITY sqlstate\nSET client_min_messages = error;\n$statement",
		extra_params => [ '-U', $role ], on_error_stop => 0);
	return $error =~ /(?:ERROR|FATAL):  (\w{5})/ ? $1 : '';
}

sub refused
{
	my ($role, $statement, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return like(state($role, $statement), qr/^(?:$expected)$/, $name // $statement);
}

# Who ran what of mallory's since the last call, but for herself.
sub caught
{
	my $who = sql($node, 'app', q{
		SELECT string_agg(DISTINCT concat_ws(' ', who, session, what), ', ') FROM evil.trapped
		WHERE who <> 'mallory' OR session <> 'mallory'});
	my $mighty = sql($node, 'app', q{SELECT string_agg(rolname, ' ') FROM pg_roles
		WHERE rolname = 'mallory' AND (rolsuper OR rolcreaterole OR rolbypassrls)});
	return join ' ', grep { $_ ne '' } $who, $mighty && 'mallory is mighty';
}

sub harmless
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $caught = caught();
	sql($node, 'app', 'DELETE FROM evil.trapped');
	return is($caught, '', "$name: nothing of mallory's ran as anybody else");
}

# A task's command, executed by an executor: [status, sqlstate, error].
my $number = 0;

sub run_as
{
	my ($role, $command, $options) = @_;
	my $task = 'attack' . ++$number;
	create_task($node, 'app', $role, $task, $command, $options ? (options => $options) : ());
	my $run = enqueue($node, 'app', $role, $task);
	wait_for($node, 'app', "SELECT finished_at IS NOT NULL FROM taskcenter.task_runs WHERE run_id = $run");
	return split /\|/, sql($node, 'app', "SELECT status, sqlstate, left(error, 200) FROM taskcenter.task_runs WHERE run_id = $run"), 3;
}

# ---- a prepared database ----

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE mallory LOGIN;
CREATE ROLE victim LOGIN;
CREATE ROLE boss LOGIN SUPERUSER;
CREATE DATABASE app;
SQL
sql($node, 'postgres', 'GRANT CREATE ON DATABASE app TO mallory');

subtest 'what lies in wait for CREATE EXTENSION (T-S01)' => sub {
	as('mallory', 'CREATE SCHEMA taskcenter; CREATE TABLE taskcenter.tasks (a int)');
	refused('boss', 'CREATE EXTENSION taskcenter', '42P06', 'a schema of that name is not adopted');
	is(sql($node, 'app', "SELECT count(*) FROM pg_extension WHERE extname = 'taskcenter'"), 0, 'nothing is left');
	as('mallory', 'DROP SCHEMA taskcenter CASCADE');
	sql($node, 'postgres', 'DROP ROLE IF EXISTS taskcenter_owner; CREATE ROLE taskcenter_owner LOGIN');
	refused('boss', 'CREATE EXTENSION taskcenter', '42501|55000|42710', 'nor a role that can log in');
	sql($node, 'postgres', 'ALTER ROLE taskcenter_owner NOLOGIN; GRANT taskcenter_owner TO mallory');
	refused('boss', 'CREATE EXTENSION taskcenter', '42501|55000|42710', 'nor one with members');
	sql($node, 'postgres', 'DROP ROLE taskcenter_owner');

	# every function and operator of simple types, and the types, in front of the server's own
	as('mallory', <<'SQL');
CREATE SCHEMA evil;
GRANT ALL ON SCHEMA evil TO PUBLIC;
CREATE TABLE evil.trapped (who name DEFAULT current_user, session name DEFAULT session_user, what text);
GRANT ALL ON evil.trapped TO PUBLIC;
CREATE FUNCTION evil.trap(what pg_catalog.text) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO evil.trapped (what) VALUES (what);
    BEGIN
        ALTER ROLE mallory SUPERUSER;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    RETURN true;
EXCEPTION WHEN OTHERS THEN RETURN true;
END $$;
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT p.proname, p.oid::regprocedure AS signature, format_type(p.prorettype, NULL) AS result, p.pronargs,
            pg_get_function_identity_arguments(p.oid) AS arguments,
            (SELECT string_agg('$' || i, ', ') FROM generate_series(1, p.pronargs) AS i) AS passed
        FROM pg_proc AS p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset AND p.provariadic = 0
          AND p.prorettype = ANY ('{text,bigint,int,boolean,timestamptz,interval,jsonb,name,oid}'::regtype[])
          AND p.proargtypes::oid[] <@ '{text,bigint,int,boolean,timestamptz,interval,jsonb,name,oid,regclass,text[]}'::regtype[]::oid[]
          AND p.proname !~ '^pg_|(in|out|recv|send)$|^(session_user|current_user|user)$' AND p.pronargs BETWEEN 0 AND 3
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql SET search_path = pg_catalog AS
                $f$BEGIN PERFORM evil.trap(%L); RETURN pg_catalog.%I(%s); END$f$',
                f.proname, (SELECT string_agg(format_type(t, NULL), ', ' ORDER BY i)
                    FROM pg_proc AS p, unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u (t, i)
                    WHERE p.oid = f.signature::oid), f.result, 'function ' || f.signature, f.proname, f.passed);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    FOR f IN
        SELECT o.oprname, format_type(o.oprleft, NULL) AS l, format_type(o.oprright, NULL) AS r,
            format_type(o.oprresult, NULL) AS result, o.oid
        FROM pg_operator AS o
        WHERE o.oprkind = 'b' AND o.oprleft = ANY ('{text,bigint,int,boolean,timestamptz,interval,jsonb,name,oid,text[]}'::regtype[])
          AND o.oprright = ANY ('{text,bigint,int,boolean,timestamptz,interval,jsonb,name,oid,text[]}'::regtype[])
    LOOP
        EXECUTE format('CREATE FUNCTION evil.operator_%s(%s, %s) RETURNS %s LANGUAGE plpgsql SET search_path = pg_catalog AS
            $f$BEGIN PERFORM evil.trap(%L); RETURN $1 OPERATOR(pg_catalog.%s) $2; END$f$', f.oid, f.l, f.r, f.result,
            format('operator %s (%s, %s)', f.oprname, f.l, f.r), f.oprname);
        EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.operator_%s)',
            f.oprname, f.l, f.r, f.oid);
    END LOOP;
END $$;
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.trap('type'));
CREATE DOMAIN evil.jsonb AS pg_catalog.jsonb CHECK (evil.trap('type'));
CREATE DOMAIN evil.int8 AS pg_catalog.int8 CHECK (evil.trap('type'));
CREATE DOMAIN evil.timestamptz AS pg_catalog.timestamptz CHECK (evil.trap('type'));
CREATE DOMAIN evil.regclass AS pg_catalog.regclass CHECK (evil.trap('type'));
SQL
	cmp_ok(as('mallory', "SELECT count(*) FROM pg_catalog.pg_proc WHERE pronamespace = 'evil'::regnamespace"), '>', 500, 'hundreds of traps are set');
	# but not for the sessions of this test
	sql($node, 'postgres', 'ALTER ROLE postgres IN DATABASE app SET search_path = pg_catalog, public');
	sql($node, 'postgres', 'ALTER DATABASE app SET search_path = evil, public, pg_catalog');
	as('victim', "SELECT 1 + 1");
	is(as('boss', q{SELECT 1 + evil.trap('x')::int}), 2, 'the path is in force');
	like(caught(), qr/boss boss x, victim victim operator .* mallory is mighty/, 'and the traps work');
	sql($node, 'app', 'DELETE FROM evil.trapped; ALTER ROLE mallory NOSUPERUSER');
	as('boss', 'SET client_min_messages = error; CREATE EXTENSION taskcenter');
	is(sql($node, 'app', q{SELECT count(*) FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_extension AS e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
		JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) d.objid
		WHERE e.extname OPERATOR(pg_catalog.=) 'taskcenter' AND c.relowner OPERATOR(pg_catalog.=) 'mallory'::pg_catalog.regrole}), 0, 'she owns no member of it');
	harmless('CREATE EXTENSION');
};

subtest 'a path with traps in front of everything (T-S01)' => sub {
	as('boss', q{SELECT taskcenter.create_task('tour', 'TABLE pg_catalog.pg_am', 'every 1 second', params => '{"a": 1}', application => 'app')});
	my $run = as('boss', q{SELECT taskcenter.enqueue_task('tour', unique_key => 'k', options => '{"unique_for": "1 hour"}')});
	as('boss', "SELECT taskcenter.wait_for_run($run)");
	as('boss', $_) for (
		q{SELECT taskcenter.enqueue_tasks('[{"task": "tour"}, {"task": "tour", "priority": 3}]')},
		q{SELECT taskcenter.declare_task('tour', 'SELECT 2', 'every 1 second', params => '{"a": 2}', application => 'app')},
		q{SELECT taskcenter.alter_task('tour', timeout => '1 hour', reason => 'r', options => '{"settings": {"work_mem": "5MB"}}')},
		q{SELECT taskcenter.pause_task('tour'), taskcenter.resume_task('tour'), taskcenter.disable_task('tour'), taskcenter.enable_task('tour')},
		q{SELECT taskcenter.schedule_task('tour', '@hourly', 'h'), taskcenter.pause_schedule('tour', 'h'), taskcenter.resume_schedule('tour', 'h'), taskcenter.drop_schedule('tour', 'h')},
		q{SELECT taskcenter.grant_access('victim', 'viewer', application => 'app'), taskcenter.grant_access('victim', 'admin', queue => 'default')},
		q{UPDATE taskcenter.tasks SET state = 'paused'; UPDATE taskcenter.tasks SET state = 'active'},
		q{UPDATE taskcenter.schedules SET state = 'paused'; UPDATE taskcenter.schedules SET state = 'active'},
		q{SELECT taskcenter.create_queue('q', 1), taskcenter.pause_queue('q'), taskcenter.resume_queue('q')},
		q{SELECT taskcenter.set_setting('max_wait', '1 hour'), taskcenter.get_setting('max_wait'), taskcenter.set_context('me')},
		q{SELECT taskcenter.pause_scheduler(), taskcenter.resume_scheduler(), taskcenter.repair_partitions(), taskcenter.repair_guards()},
		q{SELECT taskcenter.rename_task('tour', 'trip'), taskcenter.rename_task('trip', 'tour')},
		q{SELECT taskcenter.export_tasks(); SELECT taskcenter.apply_tasks(taskcenter.export_tasks('app'), 'app', dry_run => true)},
		q{SELECT taskcenter.redact_text('password=x'), taskcenter.redact_json('{"password": 1}')},
		"SELECT taskcenter.explain_task('tour'), taskcenter.explain_run($run), taskcenter.retry_runs('tour'), taskcenter.cancel_runs('tour')",
		q{SELECT taskcenter.preview_fires(), taskcenter.list_runs('tour'), taskcenter.help('task')},
		q{SELECT taskcenter.adopt_database('again'), taskcenter.archive_task('tour'), taskcenter.unarchive_task('tour')},
		map { "TABLE taskcenter.$_" } split /\n/, sql($node, 'app', q{SELECT relname FROM pg_class
			WHERE relnamespace = 'taskcenter'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition}));
	ok(wait_for($node, 'app', q{SELECT count(*) > 2 FROM taskcenter.task_runs WHERE schedule_id IS NOT NULL AND finished_at IS NOT NULL}), 'the scheduler fires, the executor works');
	harmless('all of it as a superuser, the scheduler and the executor');
	as('boss', q{SELECT taskcenter.archive_task('tour'), taskcenter.revoke_access('victim')});
};

subtest 'a trap of a temporary schema' => sub {
	as('mallory', q{CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (evil.trap('temp')); CREATE TEMP TABLE tasks (a int);
		CREATE DOMAIN pg_temp.jsonb AS pg_catalog.jsonb CHECK (evil.trap('temp')); CREATE TEMP TABLE live_runs (a int); SET search_path = pg_temp, evil, pg_catalog;
		SELECT taskcenter.create_task('temp', 'SELECT 1', 'every 1 hour'); SELECT taskcenter.enqueue_task('temp'); SELECT taskcenter.cancel_runs('temp')});
	harmless('names in pg_temp');
};

subtest 'what a schema prepares for who makes alias views in it' => sub {
	is(state('boss', q{SELECT taskcenter.create_alias_views('evil')}), '', 'made by a superuser in a schema of hers');
	as('boss', "TABLE evil.$_") for split /\n/, sql($node, 'app', "SELECT relname FROM pg_class WHERE relnamespace = 'evil'::regnamespace AND relkind = 'v'");
	harmless('alias views');
	is(state('boss', q{SELECT taskcenter.drop_alias_views('evil')}), '', 'and dropped');
};
sql($node, 'postgres', 'ALTER DATABASE app RESET search_path');

# ---- a run that wants to be somebody else ----

subtest 'who a command can become (T-S14)' => sub {
	my $spring = q{SELECT evil.trap('command')};
	for my $way ('RESET ROLE', 'SET ROLE NONE', 'RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION DEFAULT',
		q{SELECT set_config('role', 'none', false)}, 'RESET ALL', q{DO $$BEGIN RESET ROLE; EXECUTE 'RESET SESSION AUTHORIZATION'; END$$},
		q{DO $$BEGIN PERFORM 1 / 0; EXCEPTION WHEN OTHERS THEN RESET ROLE; END$$})
	{
		my ($status) = run_as('mallory', "$way; $spring");
		is($status, 'succeeded', $way);
	}
	for my $way ('SET ROLE boss', 'SET SESSION AUTHORIZATION boss', q{SELECT set_config('role', 'boss', false)},
		q{SELECT set_config('session_authorization', 'boss', true)}, 'SET LOCAL ROLE taskcenter_owner',
		q{DO $$BEGIN SET LOCAL ROLE boss; END$$}, 'SET taskcenter.superuser_tasks = on',
		q{CREATE OR REPLACE FUNCTION evil.up() RETURNS boolean LANGUAGE sql SET role = 'boss' AS 'SELECT evil.trap(''f'')'; SELECT evil.up()})
	{
		my ($status, $code) = run_as('mallory', "$way; $spring");
		is($status, 'failed', $way);
		like($code, qr/^(?:42501|55P02|22023)$/, "... with $code");
	}
	harmless('changes of role');
};

subtest 'settings of a task' => sub {
	for my $settings ('{"role": "boss"}', '{"session_authorization": "boss"}', '{"log_statement": "none"}', '{"shared_preload_libraries": "x"}',
		'{"taskcenter.superuser_tasks": "on"}', '{"search_path\" = evil; --": "x"}', '{"session_replication_role": "replica"}',
		'{"is_superuser": "on"}', '{"ROLE": "boss"}', '{"Session_Authorization": "boss"}')
	{
		my $task = 'settings' . ++$number;
		my $state = state('mallory', "SELECT taskcenter.create_task('$task', \$c\$SELECT evil.trap('settings'), set_config('a.b', 'c', false)\$c\$, options => '{\"settings\": $settings}')");
		if ($state eq '')
		{
			my $run = enqueue($node, 'app', 'mallory', $task);
			wait_for($node, 'app', "SELECT finished_at IS NOT NULL FROM taskcenter.task_runs WHERE run_id = $run");
			$state = sql($node, 'app', "SELECT coalesce(sqlstate, status) FROM taskcenter.task_runs WHERE run_id = $run");
		}
		like($state, qr/^(?:42501|22023|42704|55P02|42602|0A000)$/, "$settings: $state");
	}
	harmless('settings');
};

# ---- code of hers behind tables that others' statements reach ----

subtest 'code that waits until somebody mighty is there (T-S06)' => sub {
	as('mallory', <<'SQL');
CREATE FUNCTION evil.fires() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM evil.trap(TG_NAME);
    IF TG_NAME = 'deferred' AND (SELECT count(*) FROM evil.again) < 3 THEN
        SET CONSTRAINTS ALL DEFERRED;
        INSERT INTO evil.again VALUES (NEW.id);
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION evil.pure(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM evil.trap('index'); RETURN $1; END$$;
CREATE DOMAIN evil.checked AS int CHECK (evil.trap('domain'));
CREATE TABLE evil.parent (id int PRIMARY KEY);
CREATE TABLE evil.t (id int, d evil.checked DEFAULT 1, g int GENERATED ALWAYS AS (evil.pure(id)) STORED,
    x boolean DEFAULT evil.trap('default'), p int REFERENCES evil.parent ON DELETE CASCADE);
CREATE TABLE evil.again (id int);
CREATE INDEX ON evil.t (evil.pure(id));
CREATE TRIGGER before BEFORE INSERT OR UPDATE OR DELETE ON evil.t FOR EACH ROW EXECUTE FUNCTION evil.fires();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON evil.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION evil.fires();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON evil.again DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION evil.fires();
ALTER TABLE evil.t ENABLE ROW LEVEL SECURITY; ALTER TABLE evil.t FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON evil.t USING (evil.trap('policy'));
CREATE VIEW evil.v AS SELECT id, evil.trap('view') FROM evil.t;
CREATE TABLE evil.ruled (id int);
CREATE RULE r AS ON INSERT TO evil.ruled DO ALSO SELECT evil.trap('rule');
SQL
	for my $mode ('atomic', 'autonomous')
	{
		my $task = "waits_$mode";
		create_task($node, 'app', 'mallory', $task, q{INSERT INTO evil.parent VALUES (1) ON CONFLICT DO NOTHING; INSERT INTO evil.t (id, p) VALUES (1, 1);
			UPDATE evil.t SET id = 2; SELECT FROM evil.v; INSERT INTO evil.ruled VALUES (1); DELETE FROM evil.parent}, transaction_mode => $mode);
		my $run = enqueue($node, 'app', 'mallory', $task);
		ok(wait_for($node, 'app', "SELECT status FROM taskcenter.task_runs WHERE run_id = $run", 'succeeded'), "$mode: it ran");
	}
	is(sql($node, 'app', "SELECT string_agg(DISTINCT what, ' ' ORDER BY what) FROM evil.trapped"),
		'before default deferred domain index policy rule view', 'every trap was sprung');
	harmless('triggers, deferred and re-deferred, indexes, domains, policies, rules, views');
	# the same in a session, around calls of ours
	as('mallory', q{BEGIN; INSERT INTO evil.t (id) VALUES (3); SELECT taskcenter.create_task('around', 'SELECT 1'); SELECT taskcenter.enqueue_task('around');
		SET CONSTRAINTS ALL IMMEDIATE; SELECT taskcenter.cancel_runs('around'); COMMIT});
	harmless('a session');
};

subtest 'a guarded table of hers' => sub {
	as('mallory', <<'SQL');
CREATE TYPE evil.key AS (a int);
CREATE FUNCTION evil.to_json(evil.key) RETURNS json LANGUAGE plpgsql AS $$BEGIN PERFORM evil.trap('cast to json'); RETURN '{}'; END$$;
CREATE CAST (evil.key AS json) WITH FUNCTION evil.to_json(evil.key);
CREATE FUNCTION evil.status_trap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM evil.trap('guarded ' || TG_NAME);
    BEGIN
        UPDATE taskcenter.tasks SET state = 'archived' WHERE name = 'bystander';
        INSERT INTO evil.trapped (who, what) VALUES ('bypass', 'archived by a plain UPDATE');
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    RETURN NEW;
END $$;
CREATE TABLE evil.orders (id text, k evil.key, d evil.checked DEFAULT 1, status text DEFAULT 'pending', PRIMARY KEY (id, d));
CREATE INDEX ON evil.orders (evil.pure(length(status)));
CREATE TRIGGER a_before BEFORE UPDATE ON evil.orders FOR EACH ROW EXECUTE FUNCTION evil.status_trap();
CREATE TRIGGER z_after AFTER UPDATE ON evil.orders FOR EACH ROW EXECUTE FUNCTION evil.status_trap();
CREATE CONSTRAINT TRIGGER z_deferred AFTER UPDATE ON evil.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION evil.status_trap();
INSERT INTO evil.orders (id, k) VALUES ('1', ROW(1)), ('2', ROW(2));
SELECT taskcenter.create_task('bystander', 'SELECT 1');
SELECT taskcenter.guard_table('evil.orders', 'status', 'editorial');
ALTER TABLE evil.orders ENABLE ROW LEVEL SECURITY; ALTER TABLE evil.orders FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON evil.orders USING (evil.trap('policy of orders'));
SQL
	as('mallory', q{UPDATE evil.orders SET status = 'in_progress' WHERE id = '1'});
	is(as('mallory', q{SELECT success FROM taskcenter.set_row_status('evil.orders', '{"id": "2", "d": 1}', 'in_progress')}), 't', 'the status moves');
	isnt(state('mallory', q{UPDATE evil.orders SET status = 'nonsense' WHERE id = '1'}), '', 'as the workflow says');
	is(as('mallory', q{SELECT count(*) > 0 FROM taskcenter.row_status_history('evil.orders', '{"id": "2", "d": 1}')}), 't', 'and has its history');
	my ($status) = run_as('mallory', q{UPDATE evil.orders SET status = 'awaiting_approval', k = ROW(3) WHERE id = '1'});
	isnt($status, undef, 'in a run too');
	is(sql($node, 'app', q{SELECT count(*) > 3 FROM evil.trapped WHERE what LIKE 'guarded %'}), 't', 'its traps were sprung');
	is(sql($node, 'app', q{SELECT state FROM taskcenter.tasks WHERE name = 'bystander'}), 'active', 'no trigger passes for a statement of ours');
	refused('victim', q{SELECT taskcenter.guard_table('evil.orders', 'id', 'editorial')}, '42501', 'a stranger guards nothing');
	refused('victim', q{SELECT taskcenter.unguard_table('evil.orders')}, '42501', 'nor ends it');
	harmless('a guarded table');
	as('mallory', q{SELECT taskcenter.unguard_table('evil.orders')});
};

subtest 'runs of hers in sessions of others' => sub {
	create_task($node, 'app', 'mallory', 'bait', q{SELECT evil.trap('perform')});
	my $run = as('mallory', q{SELECT taskcenter.enqueue_task('bait', run_at => now() + interval '1 day')});
	as('mallory', "CREATE FUNCTION evil.definer() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS \$\$BEGIN PERFORM taskcenter.perform_run($run); RETURN true; END\$\$");
	refused('boss', "SELECT taskcenter.perform_run($run)", '42501', 'a superuser does not perform it');
	refused('boss', 'SELECT evil.definer()', '42501', 'nor through a function of hers');
	refused('boss', "SET ROLE mallory; SELECT taskcenter.perform_run($run)", '42501', 'nor after SET ROLE');
	refused('boss', "SET SESSION AUTHORIZATION mallory; SELECT taskcenter.perform_run($run)", '42501', 'nor after SET SESSION AUTHORIZATION');
	is(state('boss', 'SELECT taskcenter.perform_due_runs()'), '', 'performing what is due does not reach it');
	harmless('performing');
};

# ---- rights out of thin air ----

subtest 'naming others' => sub {
	create_task($node, 'app', 'victim', 'private', 'SELECT 1', params => '{"secret": "s3cr3t"}', application => 'app');
	refused('mallory', $_, '42501') for (
		q{SELECT taskcenter.create_task('x', 'SELECT 1', run_as => 'boss')},
		q{SELECT taskcenter.create_task('x', 'SELECT 1', run_as => 'victim')},
		q{SELECT taskcenter.create_task('x', 'SELECT 1', run_as => 'taskcenter_owner')},
		q{SELECT taskcenter.declare_task('private', 'SELECT 2')},
		q{SELECT taskcenter.alter_task_owner('bait', 'boss')},
		q{SELECT taskcenter.alter_task('bait', run_as => 'victim')},
		q{SELECT taskcenter.apply_tasks('{"format": 1, "tasks": [{"name": "x", "command": "SELECT 1", "run_as": "boss"}]}', 'app')},
		q{SELECT taskcenter.apply_tasks('{"format": 1, "tasks": [{"name": "private", "command": "SELECT 1"}]}', 'app')},
		q{SELECT taskcenter.grant_access('mallory', 'admin', application => 'app', owner => 'victim')},
		q{SELECT taskcenter.grant_access('mallory', 'viewer', application => 'app', owner => 'taskcenter_owner')});
	as('mallory', q{SELECT taskcenter.grant_access('mallory', 'admin', application => 'app'), taskcenter.grant_access('mallory', 'admin', queue => 'default')});
	refused('mallory', q{SELECT taskcenter.pause_task('private')}, '42501', 'a grant of hers on a label opens nothing of others');
	is(as('mallory', q{SELECT count(*) FROM taskcenter.tasks WHERE name = 'private'}), 0, 'and shows nothing');
	is(as('mallory', q{SELECT count(*) FROM taskcenter.apply_tasks('{"format": 1, "tasks": []}', 'app', prune => true) WHERE name = 'private'}), 0, 'nor does pruning reach it');
	# a run's id is no way to a name
	my $run = enqueue($node, 'app', 'victim', 'private', run_at => \"now() + interval '1 day'");
	for my $call (qw(explain_run cancel_run retry_run wait_for_run))
	{
		my (undef, undef, $error) = $node->psql('app', "SELECT taskcenter.$call($run)", extra_params => [ '-U', 'mallory' ]);
		like($error, qr/permission denied for run $run/, "$call: refused");
		unlike($error, qr/private|victim/, '... without a name');
	}
};

subtest 'a member of our role (T-S02)' => sub {
	# what CREATEROLE is enough for on 15
	sql($node, 'postgres', 'GRANT taskcenter_owner TO mallory');
	is(sql($node, 'app', "SELECT state FROM taskcenter.status WHERE check_name = 'owner_role'"), 'fail', 'status says so');
	create_task($node, 'app', 'boss', 'mighty', 'SELECT 1');
	for my $become ('', 'SET ROLE taskcenter_owner; ')
	{
		refused('mallory', "$become$_", '42501|55000|428C9|23514', $_) for (
			q{UPDATE taskcenter.tasks SET command = 'SELECT evil.trap(1)' WHERE name = 'mighty'},
			q{UPDATE taskcenter.tasks SET settings = '{"search_path": "evil"}' WHERE name = 'mighty'},
			q{UPDATE taskcenter.tasks SET run_as = 'boss', run_as_id = 'boss'::regrole::oid WHERE name = 'bait'},
			q{UPDATE taskcenter.tasks SET params = '{"x": 1}' WHERE name = 'mighty'},
			q{INSERT INTO taskcenter.tasks (name, kind, command, owner, owner_id, run_as, run_as_id)
				VALUES ('forged', 'sql', 'SELECT evil.trap(1)', 'boss', 'boss'::regrole::oid, 'boss', 'boss'::regrole::oid)},
			q{INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at, priority, max_attempts, status, created_by)
				SELECT 7777777, task_id, 'boss'::regrole::oid, owner_id, 1, now(), now(), 0, 1, 'queued', 'x' FROM taskcenter.tasks WHERE name = 'bait'},
			q{UPDATE taskcenter.live_runs SET run_as_id = 'boss'::regrole::oid},
			q{UPDATE taskcenter.live_runs SET params = '{"x": 1}'},
			q{INSERT INTO taskcenter.schedules (task_id, owner_id, name, schedule, timezone, next_run_at, anchor_at)
				SELECT task_id, owner_id, 'x', '* * * * * *', 'UTC', now(), now() FROM taskcenter.tasks WHERE name = 'mighty'},
			q{INSERT INTO taskcenter.access_grants (role, role_id, level, application, owner, owner_id, granted_by, granted_at)
				VALUES ('mallory', 'mallory'::regrole::oid, 'admin', 'app', 'boss', 'boss'::regrole::oid, 'x', now())},
			q{UPDATE taskcenter.access_grants SET owner_id = 'boss'::regrole::oid, owner = 'boss'},
			q{INSERT INTO taskcenter.setting_values (key, value, updated_by) VALUES ('require_actor', 'on', 'x')},
			q{UPDATE taskcenter.scheduler_state SET state = 'disabled'},
			q{DELETE FROM taskcenter.task_audit_logs},
			q{DELETE FROM taskcenter.tasks});
	}
	harmless('a member of taskcenter_owner');
	sql($node, 'postgres', 'REVOKE taskcenter_owner FROM mallory');
};

subtest 'our relations as somebody\'s objects (T-S10)' => sub {
	my @tables = split /\n/, sql($node, 'app', q{SELECT relname FROM pg_class WHERE relnamespace = 'taskcenter'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1});
	my @bad;
	for my $table (@tables)
	{
		my @ways = ("CREATE TRIGGER x BEFORE INSERT ON taskcenter.$table FOR EACH ROW EXECUTE FUNCTION evil.fires()",
			"CREATE RULE x AS ON INSERT TO taskcenter.$table DO INSTEAD NOTHING", "CREATE POLICY x ON taskcenter.$table USING (true)",
			"ALTER TABLE taskcenter.$table DISABLE TRIGGER ALL", "ALTER TABLE taskcenter.$table OWNER TO mallory", "ALTER TABLE taskcenter.$table DISABLE ROW LEVEL SECURITY",
			"CREATE INDEX ON taskcenter.$table ((evil.pure(1)))", "DROP TABLE taskcenter.$table", "LOCK TABLE taskcenter.$table IN ACCESS EXCLUSIVE MODE",
			"COMMENT ON TABLE taskcenter.$table IS ''", "COPY taskcenter.$table FROM '/dev/null'",
			"CREATE TABLE evil.child_$table () INHERITS (taskcenter.$table)", "CREATE STATISTICS evil.s_$table ON tableoid, ctid FROM taskcenter.$table");
		my $script = join '', map { "SELECT '$table: ' || evil.try(\$w\$$_\$w\$) WHERE evil.try(\$w\$$_\$w\$) !~ '^(42501|42809)';\n" } @ways;
		as('mallory', q{CREATE FUNCTION evil.try(w text) RETURNS text LANGUAGE plpgsql AS $$BEGIN EXECUTE w; RETURN 'ok ' || w; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || w; END$$})
		  if $table eq $tables[0];
		push @bad, as('mallory', $script);
	}
	is(join("\n", grep { $_ ne '' } @bad), '', 'nothing can be done to any of ' . @tables . ' tables');
	state('mallory', join(";\n", map { "GRANT ALL ON taskcenter.$_ TO mallory WITH GRANT OPTION" } @tables));
	is(sql($node, 'app', q{SELECT count(*) FROM pg_class AS c, aclexplode(c.relacl) AS a
		WHERE c.relnamespace = 'taskcenter'::regnamespace AND a.grantee = 'mallory'::regrole}), 0, 'nobody grants himself anything on them');
	refused('mallory', $_, '42501') for ('CREATE TABLE taskcenter.mine (a int)', "CREATE FUNCTION taskcenter.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
		'DROP EXTENSION taskcenter', 'ALTER EXTENSION taskcenter UPDATE', 'ALTER SCHEMA taskcenter RENAME TO x', 'DROP SCHEMA taskcenter CASCADE',
		'CREATE TABLE evil.refers (a bigint REFERENCES taskcenter.tasks)', q{ALTER FUNCTION taskcenter.visible_owner_ids() OWNER TO mallory});
	# bound when they were made, for a role that is no superuser, and not for everybody
	is(sql($node, 'app', q{SELECT string_agg(p.oid::regprocedure::text, ' ') FROM pg_proc AS p
		WHERE p.pronamespace = 'taskcenter'::regnamespace AND p.prosecdef
			AND (p.prosqlbody IS NULL OR p.proowner <> 'taskcenter_owner'::regrole
				OR 'search_path=pg_catalog, pg_temp' <> ALL (coalesce(p.proconfig, '{}'))
				OR has_function_privilege('mallory', p.oid, 'EXECUTE'))}), '', 'no function lends rights that a stranger could use');
	is(as('mallory', q{SELECT count(*) FROM (SELECT FROM taskcenter.tasks WHERE name = 'private' FOR UPDATE NOWAIT) AS l}), 0, 'nobody locks a row that is not his');
};

# ---- seeing ----

subtest 'what is not hers, in every status (T-S03)' => sub {
	my $of_victim = sql($node, 'app', q{SELECT task_id FROM taskcenter.tasks WHERE name = 'private'});
	sql($node, 'app', <<"SQL");
INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at, priority, max_attempts, status, token, created_by, params)
SELECT 8000000 + n, task_id, run_as_id, owner_id, 1, now() + interval '1 day', now(), 0, 1, s, CASE s WHEN 'running' THEN 1 END, 'mallory', '{"k": "s3cr3t"}'
FROM taskcenter.tasks, unnest(ARRAY['waiting', 'queued', 'running', 'retrying']) WITH ORDINALITY AS u (s, n) WHERE task_id = $of_victim;
INSERT INTO taskcenter.finished_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at, finished_at, retention_class, priority, attempt,
    max_attempts, lost, is_catchup, status, params, error, created_by)
SELECT 8000100 + n, task_id, run_as_id, owner_id, 1, now(), now(), now(), CASE WHEN s IN ('failed', 'timed_out') THEN 2 ELSE 1 END, 0, 1, 1, 0, false, s,
    '{"k": "s3cr3t"}', 's3cr3t', 'mallory'
FROM taskcenter.tasks, unnest(ARRAY['succeeded', 'failed', 'timed_out', 'cancelled', 'skipped']) WITH ORDINALITY AS u (s, n) WHERE task_id = $of_victim;
INSERT INTO taskcenter.task_run_logs (run_id, logged_at, owner_id, task_id, attempt, level, message)
SELECT 8000101, now(), owner_id, task_id, 1, 'notice', 's3cr3t' FROM taskcenter.tasks WHERE task_id = $of_victim;
ANALYZE taskcenter.tasks, taskcenter.live_runs, taskcenter.finished_runs, taskcenter.task_run_logs;
SQL
	is(sql($node, 'app', "SELECT count(DISTINCT status) FROM taskcenter.task_runs WHERE task = 'private'"), 9, 'victim has a run in each status');
	is(as('mallory', "SELECT count(*) FROM taskcenter.$_ WHERE run_id > 8000000"), 0, "none is in $_") for qw(task_runs recent_runs failed_runs running_runs task_run_logs);
	# a function of hers that is evaluated early, an error that tells, statistics
	as('mallory', q{CREATE FUNCTION evil.leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$BEGIN
		IF value ~ 's3cr3t|private' THEN RAISE EXCEPTION 'leaked'; END IF; RETURN true; END$$;
		CREATE FUNCTION evil.leaks(text, text) RETURNS boolean LANGUAGE sql COST 0.0000001 AS 'SELECT evil.leak($1)';
		CREATE OPERATOR evil.<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.leaks, RESTRICT = eqsel)});
	for my $relation (split /\n/, sql($node, 'app', q{SELECT relname FROM pg_class WHERE relnamespace = 'taskcenter'::regnamespace
		AND relkind IN ('r', 'p', 'v') AND has_table_privilege('mallory', oid, 'SELECT') AND relname <> 'status'}))
	{
		is(state('mallory', "SELECT FROM taskcenter.$relation AS r WHERE evil.leak(r::text)"), '', "$relation: no function of hers sees it");
		is(state('mallory', "SELECT FROM taskcenter.$relation AS r WHERE r::text OPERATOR(evil.<<<) 'x' AND 1 / (length(r::text) - length(r::text) + 1) > 0"), '', '... nor an operator');
	}
	is(as('mallory', q{SELECT count(*) FROM pg_stats WHERE schemaname = 'taskcenter' AND (most_common_vals::text ~ 's3cr3t|private' OR histogram_bounds::text ~ 's3cr3t|private')}), 0, 'nor do statistics tell');
	refused('mallory', 'SET row_security = off; SELECT count(*) FROM taskcenter.tasks', '42501', 'without row security there is no answer');
	# a function of the victim's own that reads for him
	is(as('mallory', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'taskcenter' AND query ~ 's3cr3t'}), 0, 'nor activity');
	sql($node, 'app', 'GRANT pg_read_all_data TO mallory');
	my @found;
	for my $relation (split /\n/, sql($node, 'app', q{SELECT relname FROM pg_class WHERE relnamespace = 'taskcenter'::regnamespace AND relkind IN ('r', 'p', 'v')}))
	{
		push @found, $relation if as('mallory', "SELECT count(*) FROM taskcenter.$relation AS r WHERE r::text ~ 's3cr3t'") > 0;
	}
	is(join(' ', @found), '', 'pg_read_all_data reads no more, in partitions neither');
	sql($node, 'app', 'REVOKE pg_read_all_data FROM mallory');
};

# ---- names ----

subtest 'names that are code (T-I02)' => sub {
	for my $name (q{x'; SELECT evil.trap('name'); --}, q{"; DROP TABLE evil.trapped; --}, q{%s%n%1$s$1}, qq{a\\b'c"d}, "\x{c3}\x{a9}\x{e2}\x{80}\x{ae}x")
	{
		my $sql = Taskcenter::quote($name);
		sql($node, 'postgres', "SELECT format('CREATE ROLE %I LOGIN', $sql) \\gexec");
		is(state('mallory', "SELECT taskcenter.create_task($sql, 'SELECT 1', application => $sql); SELECT taskcenter.grant_access($sql, 'viewer', task => $sql);
			SELECT taskcenter.grant_access($sql, 'operator', application => $sql); SELECT taskcenter.explain_task($sql);
			SELECT taskcenter.revoke_access($sql, task => $sql); SELECT taskcenter.export_tasks($sql)"), '', "a task, an application and a role: $name");
		is(state('mallory', "SELECT taskcenter.grant_access('victim', $sql, task => $sql)"), '22023', '... as a level');
		is(sql($node, 'app', "SELECT count(*) FROM taskcenter.access_grants WHERE role = $sql"), 1, '... are what they are');
		is(state('victim', "SELECT taskcenter.pause_task($sql)"), '42501', '... in a refusal, too');
	}
	harmless('names');
};

# ---- who is who, over time ----

subtest 'roles that come and go (T-S05)' => sub {
	sql($node, 'postgres', 'CREATE ROLE ghost LOGIN; CREATE ROLE friend LOGIN');
	create_task($node, 'app', 'ghost', 'haunts', EFFECT =~ s/app\.effects/evil.effects/r, schedule => 'every 1 second');
	sql($node, 'app', q{CREATE TABLE evil.effects (run_id bigint, attempt int, role text DEFAULT session_user); GRANT ALL ON evil.effects TO PUBLIC});
	as('ghost', q{SELECT taskcenter.grant_access('friend', 'admin', task => 'haunts')});
	ok(wait_for($node, 'app', q{SELECT count(*) > 0 FROM evil.effects WHERE role = 'ghost'}), 'it runs as who made it');
	as('ghost', 'DROP OWNED BY ghost; REASSIGN OWNED BY ghost TO ghost');
	is(as('friend', q{SELECT count(*) FROM taskcenter.tasks}), 1, 'a friend sees it');

	sql($node, 'postgres', 'ALTER ROLE ghost RENAME TO ghoul');
	ok(wait_for($node, 'app', q{SELECT state FROM taskcenter.tasks WHERE name = 'haunts'}, 'quarantined'), 'renamed: quarantined');
	is(as('friend', q{SELECT count(*) FROM taskcenter.tasks}), 0, '... and the grant is void');
	sql($node, 'postgres', 'ALTER ROLE ghoul RENAME TO ghost');
	is(as('friend', q{SELECT taskcenter.enable_task('haunts')}), 'active', 'back again');
	my $before = sql($node, 'app', 'SELECT count(*) FROM evil.effects');
	ok(wait_for($node, 'app', "SELECT count(*) > $before FROM evil.effects"), '... it runs');

	# dropped, and somebody else gets the name
	my $oid = sql($node, 'postgres', q{SELECT 'ghost'::regrole::oid});
	sql($node, 'app', q{REVOKE ALL ON evil.effects FROM ghost; DROP OWNED BY ghost});
	sql($node, 'postgres', 'DROP OWNED BY ghost; DROP ROLE ghost; CREATE ROLE ghost LOGIN');
	ok(wait_for($node, 'app', q{SELECT state FROM taskcenter.tasks WHERE name = 'haunts'}, 'quarantined'), 'made again: quarantined');
	is(as('ghost', q{SELECT count(*) FROM taskcenter.tasks}), 0, '... whoever has the name sees nothing');
	refused('ghost', q{SELECT taskcenter.enable_task('haunts')}, '42501', '... and may nothing');
	is(as('friend', q{SELECT count(*) FROM taskcenter.tasks}), 0, '... nor do grants of that name hold');
	sql($node, 'postgres', 'DROP ROLE ghost');

	# somebody else gets the number
	$before = sql($node, 'app', 'SELECT count(*) FROM evil.effects');
	$node->stop;
	system_or_bail('pg_resetwal', '-o', $oid, '-D', $node->data_dir);
	$node->start;
	sql($node, 'postgres', 'CREATE ROLE reborn LOGIN');
	is(sql($node, 'postgres', q{SELECT 'reborn'::regrole::oid}), $oid, 'another role has the OID');
	sql($node, 'app', q{SELECT taskcenter.enable_task('haunts')});
	ok(wait_for($node, 'app', q{SELECT state FROM taskcenter.tasks WHERE name = 'haunts'}, 'quarantined'), '... nothing runs as it: quarantined again');
	is(sql($node, 'app', 'SELECT count(*) FROM evil.effects'), $before, '... nothing ran');
	is(as('friend', q{SELECT count(*) FROM taskcenter.tasks}), 0, '... nor do grants of that number hold');
};

check_log($node, allow => qr/evil|role "ghost"/);
$node->stop;
done_testing();
