/* What the relations of access mean. */
COMMENT ON SEQUENCE taskcenter.grant_ids IS 'Ids of grants';
COMMENT ON TABLE taskcenter.access_grants IS
'Who was granted what, by grant_access(): shown to the role itself, to the owner whose rights are passed on, to admins of the task and to monitors. A grant has no effect while its role or its owner is gone or renamed';
COMMENT ON COLUMN taskcenter.access_grants.grant_id IS 'Identifies the grant';
COMMENT ON COLUMN taskcenter.access_grants.role IS
'Name of the role that may, when it was granted; public: everybody';
COMMENT ON COLUMN taskcenter.access_grants.role_id IS 'OID of that role; 0: everybody';
COMMENT ON COLUMN taskcenter.access_grants.level IS
'viewer, enqueuer, worker, operator or admin; the view access_levels says what they carry';
COMMENT ON COLUMN taskcenter.access_grants.task_id IS 'The task that it is about; null: it is about an application or a queue';
COMMENT ON COLUMN taskcenter.access_grants.application IS
'The application whose tasks, now and later, it is about; else null';
COMMENT ON COLUMN taskcenter.access_grants.queue IS
'The queue whose tasks, now and later, it is about; else null';
COMMENT ON COLUMN taskcenter.access_grants.owner IS
'Name of the role whose rights are passed on, when it was granted';
COMMENT ON COLUMN taskcenter.access_grants.owner_id IS
'OID of that role: the grant holds for tasks whose owner''s privileges it has';
COMMENT ON COLUMN taskcenter.access_grants.granted_by IS
'Who made it: what set_context() named, else the role';
COMMENT ON COLUMN taskcenter.access_grants.granted_at IS 'When it was made';
COMMENT ON COLUMN taskcenter.access_grants.under_grant_id IS
'The grant of level admin by which somebody else than the owner made it, and with which it ends; else null';

COMMENT ON VIEW taskcenter.access_levels IS
'What each level of grant_access() carries: the table by which every function and view decides';
COMMENT ON COLUMN taskcenter.access_levels.level IS 'What grant_access() takes';
COMMENT ON COLUMN taskcenter.access_levels.sees_states IS
'Schedules, and states and timings of runs, as members of pg_monitor see those of all tasks';
COMMENT ON COLUMN taskcenter.access_levels.sees_contents IS
'Tasks with their commands; params, outputs and errors of runs; history and logs';
COMMENT ON COLUMN taskcenter.access_levels.enqueues IS
'Makes runs, and sees and cancels those that it made';
COMMENT ON COLUMN taskcenter.access_levels.works IS 'Claims and finishes runs from outside';
COMMENT ON COLUMN taskcenter.access_levels.operates IS
'Pauses, resumes, disables and enables tasks, pauses and resumes schedules, cancels and retries runs, moves the status; UPDATE of the columns state and status';
COMMENT ON COLUMN taskcenter.access_levels.manages IS
'Alters, renames, schedules, archives and unarchives tasks, sees their audit, and grants lower levels';
