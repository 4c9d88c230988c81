-- Who may do what by a grant: levels, scopes, who grants, and when it ends.
\set super :USER
SET client_min_messages = error;
CREATE DATABASE regress_access;
CREATE ROLE regress_acc_keeper LOGIN;
ALTER DATABASE regress_access OWNER TO regress_acc_keeper;
CREATE ROLE regress_acc_team;
CREATE ROLE regress_acc_bot LOGIN;
CREATE ROLE regress_acc_alice LOGIN IN ROLE regress_acc_team, regress_acc_bot;
CREATE ROLE regress_acc_apps;
CREATE ROLE regress_acc_bob LOGIN IN ROLE regress_acc_apps;
CREATE ROLE regress_acc_carol LOGIN;
CREATE ROLE regress_acc_dave LOGIN;
CREATE ROLE regress_acc_other LOGIN;
\connect regress_access
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
TABLE taskcenter.access_levels;

-- a helper that shows what a role sees
CREATE VIEW public.seen AS SELECT
    (SELECT string_agg(name, ' ' ORDER BY name) FROM taskcenter.tasks) AS tasks,
    (SELECT string_agg(DISTINCT task, ' ' ORDER BY task) FROM taskcenter.task_runs) AS runs,
    (SELECT string_agg(DISTINCT task, ' ' ORDER BY task) FROM taskcenter.task_runs WHERE params IS NOT NULL) AS params,
    (SELECT count(*) FROM taskcenter.task_run_history) AS history,
    (SELECT count(*) FROM taskcenter.task_run_logs) AS logs,
    (SELECT count(*) FROM taskcenter.schedules) AS schedules,
    (SELECT count(*) FROM taskcenter.task_audit_logs) > 0 AS audit,
    (SELECT count(*) FROM taskcenter.list_runs()) AS listed;
ALTER VIEW public.seen SET (security_invoker);
GRANT SELECT ON public.seen TO PUBLIC;

\connect - regress_acc_alice
SELECT taskcenter.create_task('bill', $$SELECT taskcenter.write_log('warning', 'paid')$$, schedule => 'every 1 hour',
    params => '{"card": 1}', application => 'billing') > 0 AS made;
SELECT taskcenter.create_task('mail', 'SELECT 1', application => 'billing') > 0 AS made;
SELECT taskcenter.create_task('other', 'SELECT 1', application => 'else') > 0 AS made;
SELECT taskcenter.enqueue_task('bill') AS bill, taskcenter.enqueue_task('mail') AS mail,
    taskcenter.enqueue_task('other') AS other \gset
SELECT status FROM taskcenter.perform_run(:bill);
TABLE public.seen;
\connect - regress_acc_other
SELECT taskcenter.create_task('stranger', 'SELECT 1', application => 'billing') > 0 AS made;
SELECT taskcenter.enqueue_task('stranger') AS stranger \gset

-- viewer, by group, of one task
\connect - regress_acc_alice
SELECT taskcenter.grant_access('regress_acc_apps', 'viewer', task => 'bill', reason => 'they look after it') AS id \gset
SELECT taskcenter.grant_access('regress_acc_apps', 'viewer', task => 'bill') = :id AS same;
SELECT role, level, task_id, application, queue, owner, granted_by, under_grant_id FROM taskcenter.access_grants;
SELECT action, object_type, object_name, reason, new_values ->> 'level' AS level
FROM taskcenter.task_audit_logs WHERE object_type = 'grant';
\connect - regress_acc_bob
TABLE public.seen;
SELECT role, level, granted_by FROM taskcenter.access_grants;
SELECT status, params, error FROM taskcenter.task_runs;
SELECT reason FROM taskcenter.explain_task('bill') WHERE reason = 'schedule fires later';
SELECT status FROM taskcenter.wait_for_run(:bill);
SELECT count(*) FROM taskcenter.preview_fires() WHERE task = 'bill';
UPDATE taskcenter.tasks SET state = 'paused';
UPDATE taskcenter.schedules SET state = 'paused';
\set VERBOSITY sqlstate
SELECT taskcenter.enqueue_task('bill');
SELECT taskcenter.pause_task('bill');
SELECT taskcenter.cancel_run(:bill);
SELECT taskcenter.retry_run(:bill);
SELECT taskcenter.alter_task('bill', priority => 1);
SELECT taskcenter.archive_task('bill');
SELECT taskcenter.grant_access('regress_acc_carol', 'viewer', task => 'bill');
SELECT taskcenter.explain_task('mail');
\set VERBOSITY default
SELECT taskcenter.pause_task('bill');

-- enqueuer of an application: makes runs, and sees what it made
\connect - regress_acc_alice
SELECT taskcenter.grant_access('regress_acc_carol', 'enqueuer', application => 'billing') > 0 AS granted;
\connect - regress_acc_carol
SELECT taskcenter.enqueue_task('mail', params => '{"to": "carol"}') AS mine \gset
SELECT count(*) FROM taskcenter.enqueue_tasks('[{"task": "mail"}, {"task": "bill"}]');
TABLE public.seen;
SELECT task, status, params, reason, created_by FROM taskcenter.task_runs ORDER BY run_id;
SELECT run_id = :mine AS mine, output, error FROM taskcenter.wait_for_run(:bill);
SELECT taskcenter.explain_run(:bill) IS NOT NULL AS explained;
SELECT taskcenter.cancel_run(:mine);
\set VERBOSITY sqlstate
SELECT taskcenter.cancel_run(:mail);
SELECT taskcenter.retry_run(:mine);
SELECT taskcenter.enqueue_task('other');
SELECT taskcenter.enqueue_task('stranger');
SELECT taskcenter.enqueue_task('mail', options => '{"queue": "control"}');
SELECT taskcenter.enqueue_tasks('[{"task": "mail", "options": {"queue": "control"}}]');
SELECT taskcenter.pause_task('mail');
SELECT * FROM taskcenter.cancel_runs('mail');
\set VERBOSITY default
SELECT count(*) FROM taskcenter.cancel_runs();
SELECT taskcenter.enqueue_task('mail', options => '{"queue": "default"}') > 0 AS made;

-- operator of a queue
\connect - regress_acc_alice
SELECT taskcenter.grant_access('regress_acc_dave', 'operator', queue => 'default') > 0 AS granted;
\connect - regress_acc_dave
TABLE public.seen;
SELECT taskcenter.pause_task('bill'), taskcenter.resume_task('bill'), taskcenter.disable_task('bill'),
    taskcenter.enable_task('bill'), taskcenter.pause_schedule('bill'), taskcenter.resume_schedule('bill');
UPDATE taskcenter.tasks SET state = 'paused' WHERE name = 'mail' RETURNING name, state;
UPDATE taskcenter.schedules SET state = 'paused' RETURNING state;
SELECT taskcenter.enqueue_task('mail') AS mail2 \gset
SELECT taskcenter.cancel_run(:mail2);
SELECT taskcenter.retry_run(:mail2);
SELECT task, old_status, status FROM taskcenter.cancel_runs() ORDER BY run_id;
SELECT task, status, problem FROM taskcenter.retry_runs(statuses => '{cancelled}') ORDER BY run_id DESC LIMIT 1;
\set VERBOSITY sqlstate
UPDATE taskcenter.tasks SET state = 'archived' WHERE name = 'mail';
UPDATE taskcenter.tasks SET command = 'SELECT 2';
SELECT taskcenter.alter_task('mail', priority => 1);
SELECT taskcenter.rename_task('mail', 'post');
SELECT taskcenter.schedule_task('mail', '@hourly');
SELECT taskcenter.drop_schedule('bill');
SELECT taskcenter.archive_task('mail');
SELECT taskcenter.alter_task_owner('mail', 'regress_acc_dave');
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', task => 'mail');
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', queue => 'default', owner => 'regress_acc_alice');
SELECT taskcenter.pause_queue('default');
\set VERBOSITY default

-- admin: manages, but never decides what another role executes, and owns nothing
\connect - regress_acc_alice
SELECT taskcenter.grant_access('regress_acc_dave', 'admin', application => 'billing') > 0 AS granted;
\connect - regress_acc_dave
SELECT taskcenter.alter_task('mail', priority => 5, description => 'post') > 0 AS altered;
SELECT taskcenter.schedule_task('mail', '@hourly') > 0 AS scheduled;
SELECT taskcenter.rename_task('mail', 'post') > 0 AS renamed;
SELECT taskcenter.archive_task('post'), taskcenter.unarchive_task('post');
SELECT taskcenter.rename_task('post', 'mail') > 0 AS renamed;
SELECT action FROM taskcenter.task_audit_logs WHERE object_type = 'task' ORDER BY audit_id DESC LIMIT 2;
\set VERBOSITY sqlstate
SELECT taskcenter.alter_task('mail', command => 'SELECT 2');
SELECT taskcenter.alter_task('mail', options => '{"settings": {"search_path": "evil"}}');
SELECT taskcenter.alter_task('mail', run_as => 'regress_acc_dave');
SELECT taskcenter.declare_task('mail', 'SELECT 2', application => 'billing');
SELECT taskcenter.alter_task('mail', queue => 'control');
SELECT taskcenter.alter_task('mail', application => 'else');
SELECT taskcenter.alter_task('mail', reset => '{application}');
SELECT taskcenter.alter_task_owner('mail', 'regress_acc_dave');
SELECT taskcenter.grant_access('regress_acc_bob', 'admin', task => 'mail');
SELECT taskcenter.grant_access('regress_acc_bob', 'admin', application => 'billing', owner => 'regress_acc_alice');
SELECT taskcenter.alter_task('other', priority => 1);
\set VERBOSITY default
SELECT taskcenter.grant_access('regress_acc_bob', 'operator', task => 'mail') > 0 AS granted,
    taskcenter.grant_access('regress_acc_carol', 'viewer', application => 'billing', owner => 'regress_acc_alice') > 0 AS granted_too;
SELECT role, level, owner, granted_by, under_grant_id IS NOT NULL AS under FROM taskcenter.access_grants ORDER BY grant_id;
\connect - regress_acc_bob
SELECT taskcenter.pause_task('mail');
SELECT tasks FROM public.seen;
\connect - regress_acc_carol
SELECT tasks FROM public.seen;

-- the owner sees what his admin granted; with the admin's grant it ends
\connect - regress_acc_alice
SELECT role, level, granted_by FROM taskcenter.access_grants WHERE under_grant_id IS NOT NULL ORDER BY grant_id;
SELECT taskcenter.revoke_access('regress_acc_dave', level => 'admin', reason => 'moved on');
SELECT count(*) FROM taskcenter.access_grants WHERE under_grant_id IS NOT NULL;
SELECT action, object_type, object_name, reason FROM taskcenter.task_audit_logs
WHERE object_type = 'grant' AND action = 'drop' ORDER BY audit_id;
\connect - regress_acc_bob
SELECT tasks FROM public.seen;

-- a grant passes on what its owner has, as long as he has it
\connect - regress_acc_alice
SELECT taskcenter.create_task('ours', 'SELECT 1', application => 'shared', run_as => 'regress_acc_bot') > 0 AS made;
SELECT taskcenter.alter_task_owner('ours', 'regress_acc_team') > 0 AS given;
\connect - :super
SET ROLE regress_acc_team;
SELECT owner, run_as FROM taskcenter.tasks;
RESET ROLE;
\connect - regress_acc_alice
SELECT taskcenter.grant_access('regress_acc_carol', 'viewer', application => 'shared') > 0 AS granted;
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', application => 'shared', owner => 'regress_acc_team') > 0 AS granted;
\connect - regress_acc_carol
SELECT tasks FROM public.seen;
\connect - :super
REVOKE regress_acc_team FROM regress_acc_alice;
\connect - regress_acc_carol
SELECT tasks FROM public.seen;
\connect - regress_acc_bob
SELECT tasks FROM public.seen;
\connect - :super
GRANT regress_acc_team TO regress_acc_alice;
-- what a stranger grants, by the same label, concerns nobody else's tasks
\connect - regress_acc_other
SELECT taskcenter.grant_access('regress_acc_other', 'admin', application => 'billing') > 0 AS granted,
    taskcenter.grant_access('regress_acc_other', 'admin', queue => 'default') > 0 AS granted_too;
SELECT tasks, runs FROM public.seen;
\set VERBOSITY sqlstate
SELECT taskcenter.pause_task('bill');
SELECT taskcenter.grant_access('regress_acc_other', 'admin', application => 'billing', owner => 'regress_acc_alice');
SELECT taskcenter.grant_access('regress_acc_other', 'admin', application => 'billing', owner => :'super');
SELECT taskcenter.revoke_access('regress_acc_apps');
\set VERBOSITY default
-- nor does the owner of the database have what is not his
\connect - regress_acc_keeper
SELECT taskcenter.grant_access('regress_acc_keeper', 'admin', queue => 'default') > 0 AS granted;
SELECT tasks, runs FROM public.seen;

-- queues, on behalf of the owner of the database
SELECT taskcenter.grant_access('regress_acc_dave', 'operator', queue => 'default') > 0 AS granted;
\connect - regress_acc_dave
SELECT taskcenter.pause_queue('default'), taskcenter.resume_queue('default');
\set VERBOSITY sqlstate
SELECT taskcenter.limit_queue('default', 1);
SELECT taskcenter.pause_queue('control');
SELECT taskcenter.create_queue('mine');
\set VERBOSITY default

-- everybody: from a superuser or the owner of the database only, and little
\connect - regress_acc_alice
\set VERBOSITY sqlstate
SELECT taskcenter.grant_access('public', 'viewer', task => 'bill');
\connect - :super
SELECT taskcenter.grant_access('public', 'operator', task => 'bill');
\set VERBOSITY default
SELECT taskcenter.grant_access('public', 'viewer', task => 'bill') > 0 AS granted;
\connect - regress_acc_other
SELECT tasks, params FROM public.seen;
SELECT role, role_id, level FROM taskcenter.access_grants WHERE role = 'public';
\connect - :super
SELECT taskcenter.revoke_access('public');

-- dropped, made again, renamed: not whom it was meant for
\connect - regress_acc_carol
SELECT tasks, runs FROM public.seen;
\connect - :super
ALTER ROLE regress_acc_carol RENAME TO regress_acc_caroline;
\connect - regress_acc_caroline
SELECT tasks, runs FROM public.seen;
\connect - :super
ALTER ROLE regress_acc_caroline RENAME TO regress_acc_carol;
DROP ROLE regress_acc_carol;
CREATE ROLE regress_acc_carol LOGIN;
\connect - regress_acc_carol
SELECT tasks, runs FROM public.seen;
SELECT count(*) FROM taskcenter.access_grants;
\connect - regress_acc_alice
SELECT taskcenter.grant_access('regress_acc_carol', 'enqueuer', application => 'billing') > 0 AS granted;
-- nor is what her namesake made hers
\connect - regress_acc_carol
SELECT count(*) AS runs, count(*) FILTER (WHERE created_by = 'regress_acc_carol') AS of_that_name,
    count(params) AS params FROM taskcenter.task_runs;
SELECT count(*) FROM taskcenter.task_run_history;
\connect - regress_acc_alice
SELECT taskcenter.revoke_access('regress_acc_carol') AS old_and_new;

-- a new owner has not granted anything
SELECT taskcenter.grant_access('regress_acc_dave', 'viewer', task => 'other') > 0 AS granted;
\connect - :super
SELECT taskcenter.revoke_access('regress_acc_dave', queue => 'default', owner => 'regress_acc_alice');
SELECT taskcenter.alter_task('other', run_as => 'regress_acc_bot') > 0 AS altered;
SELECT taskcenter.alter_task_owner('other', 'regress_acc_other') > 0 AS given;
\connect - regress_acc_dave
SELECT tasks FROM public.seen;

-- whoever was granted something can let it go
SELECT role, level, owner FROM taskcenter.access_grants ORDER BY grant_id;
SELECT taskcenter.revoke_access('regress_acc_dave');
SELECT count(*) FROM taskcenter.access_grants;
SELECT taskcenter.revoke_access('regress_acc_dave');

-- refusals
\connect - regress_acc_alice
\set SHOW_CONTEXT never
SELECT taskcenter.grant_access(NULL, 'viewer', task => 'bill');
SELECT taskcenter.grant_access('regress_acc_bob', NULL, task => 'bill');
SELECT taskcenter.grant_access('regress_acc_bob', 'root', task => 'bill');
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer');
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', task => 'bill', queue => 'default');
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', task => 'bill', owner => 'regress_acc_alice');
SELECT taskcenter.grant_access('nobody', 'viewer', task => 'bill');
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', task => 'none');
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', queue => 'none');
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', application => 'a', owner => 'nobody');
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', application => 'a', owner => 'regress_acc_other');
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', application => '');
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', task => 'stranger');
SELECT taskcenter.revoke_access('regress_acc_bob', task => 'none');
SELECT taskcenter.revoke_access('regress_acc_other');
SELECT taskcenter.revoke_access(NULL);
SELECT taskcenter.granted_task_ids('everything');
SELECT taskcenter.granted_task_ids(NULL);
SELECT taskcenter.is_among(3, '{1,3}'), taskcenter.is_among(2, '{1,3}'), taskcenter.is_among(1, '{}'),
    taskcenter.is_among(NULL, '{1}'), taskcenter.is_among(1, NULL), taskcenter.is_among(1, '{{1},{2}}'),
    taskcenter.is_among(1, '{1,NULL}');

-- bounded, but for superusers
SELECT count(taskcenter.grant_access('regress_acc_bob', 'viewer', application => 'a' || i))
FROM generate_series(1, 1000 - (SELECT count(*) FROM taskcenter.access_grants WHERE owner = 'regress_acc_alice')) AS i;
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', application => 'a1') > 0 AS again;
SELECT taskcenter.grant_access('regress_acc_bob', 'viewer', application => 'one more');
SELECT taskcenter.revoke_access('regress_acc_bob', owner => 'regress_acc_alice') > 900 AS revoked;

-- plain SQL
\connect - :super
\set VERBOSITY sqlstate
UPDATE taskcenter.access_grants SET level = 'admin';
DELETE FROM taskcenter.access_grants;
TRUNCATE taskcenter.access_grants;
SET session_replication_role = replica;
DELETE FROM taskcenter.access_grants;
RESET session_replication_role;
\connect - regress_acc_alice
INSERT INTO taskcenter.access_grants SELECT * FROM taskcenter.access_grants;
UPDATE taskcenter.access_grants SET level = 'admin';
DELETE FROM taskcenter.access_grants;
\set VERBOSITY default
\connect postgres :super
DROP DATABASE regress_access;
DROP ROLE regress_acc_keeper, regress_acc_team, regress_acc_alice, regress_acc_apps, regress_acc_bob,
    regress_acc_carol, regress_acc_dave, regress_acc_other, regress_acc_bot;
