--
-- Schedules: made, made anew, paused, resumed, dropped, previewed.
--
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SET datestyle = 'ISO, MDY';
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;

CREATE VIEW pg_temp.plan AS
SELECT t.name AS task, s.name, s.schedule, s.timezone, s.state, s.state_reason,
    s.next_run_at > now() AS planned
FROM taskcenter.schedules AS s JOIN taskcenter.tasks AS t USING (task_id)
ORDER BY s.schedule_id;

-- Previews need nothing.
SELECT * FROM taskcenter.preview_schedule('0 3 * * *', after => '2026-01-01 12:00+00', count => 2);
SELECT * FROM taskcenter.preview_schedule('0 3 * * *', 'America/New_York', 2, '2026-01-01 12:00+00');
SELECT * FROM taskcenter.preview_schedule('30 2 * * *', 'Europe/Berlin', 3, '2026-03-28 00:00+00');
SELECT * FROM taskcenter.preview_schedule('every 90 minutes', count => 3, after => '2026-01-01 12:00:00.5+00');
SELECT * FROM taskcenter.preview_schedule('after 90 minutes', count => 3, after => '2026-01-01 12:00+00');
SELECT * FROM taskcenter.preview_schedule('at 2026-12-01 03:00', 'Europe/Berlin', after => '2026-01-01+00');
SELECT * FROM taskcenter.preview_schedule('at 2026-12-01 03:00', 'Europe/Berlin', after => '2027-01-01+00');
SELECT * FROM taskcenter.preview_schedule('@reboot', after => '2026-01-01+00');
SELECT * FROM taskcenter.preview_schedule('RRULE:FREQ=MONTHLY;BYDAY=-1FR', count => 2, after => '2026-01-01+00');
SELECT count(*) FROM taskcenter.preview_schedule('* * * * *', count => 1000);
SELECT count(*) FROM taskcenter.scheduler_state;

-- Any number of schedules, each with a name.
SELECT taskcenter.create_task('load', 'SELECT 1', '0 3 * * *') > 0 AS made;
SELECT taskcenter.schedule_task('load', 'every 10 minutes', 'often', 'Europe/Berlin',
    '2026-01-01 00:05+00', '2100-01-01+00', '30 seconds', 'skip',
    '{"misfire_grace": "5 seconds", "max_catchup": 7, "dst_gap": "skip", "dst_repeat": "first"}')
    AS often \gset
SELECT taskcenter.schedule_task('load', '@reboot', 'start') > 0 AS made;
SELECT taskcenter.schedule_task('load', 'after 15 minutes', 'delay') > 0 AS made;
SELECT taskcenter.schedule_task('load', 'at 2100-01-01 00:00', 'once') > 0 AS made;
SELECT taskcenter.schedule_task('load', '0 0 1 1 *', 'held', options => '{"paused": true}') > 0 AS made;
SELECT * FROM pg_temp.plan;
SELECT starts_at, ends_at, anchor_at, jitter, misfire, misfire_grace, max_catchup, dst_gap,
    dst_repeat FROM taskcenter.schedules WHERE name = 'often';
SELECT anchor_at = date_trunc('second', anchor_at) AS whole, anchor_at <= now() AS past
FROM taskcenter.schedules WHERE name = 'delay';

-- The same again writes nothing, the same instants keep the cursor.
UPDATE taskcenter.schedules SET next_run_at = '2090-06-01 00:05+00' WHERE name = 'often';
SELECT xmin AS before FROM taskcenter.schedules WHERE name = 'often' \gset
SELECT taskcenter.schedule_task('load', 'every 10 minutes', 'often', 'Europe/Berlin',
    '2026-01-01 00:05+00', '2100-01-01+00', '30 seconds', 'skip',
    '{"misfire_grace": "5 seconds", "max_catchup": 7, "dst_gap": "skip", "dst_repeat": "first"}')
    = :often AS same;
SELECT xmin = :before AS untouched FROM taskcenter.schedules WHERE name = 'often';
SELECT taskcenter.schedule_task('load', 'every 600 seconds', 'often', 'Europe/Berlin',
    '2026-01-01 00:05+00', '2100-01-01+00', '40 seconds', options => '{"dst_gap": "skip", "dst_repeat": "first"}')
    = :often AS same;
SELECT schedule, next_run_at, jitter, misfire, max_catchup FROM taskcenter.schedules WHERE name = 'often';
SELECT taskcenter.schedule_task('load', 'every 20 minutes', 'often', 'Europe/Berlin',
    '2026-01-01 00:05+00') = :often AS same;
SELECT schedule, next_run_at < '2090-01-01' AS recomputed, ends_at FROM taskcenter.schedules
WHERE name = 'often';

-- The default zone is the database's, never the session's.
SET timezone = 'Asia/Tokyo';
SELECT taskcenter.set_setting('default_timezone', 'America/New_York');
SELECT taskcenter.schedule_task('load', '0 5 * * *', 'zoned') > 0 AS made;
SELECT timezone, extract(hour FROM next_run_at AT TIME ZONE 'America/New_York') AS hour
FROM taskcenter.schedules WHERE name = 'zoned';
SELECT taskcenter.set_setting('default_timezone', NULL);
SELECT timezone FROM taskcenter.schedules WHERE name = 'zoned';
SET timezone = 'UTC';

-- Pausing keeps the cursor; what passed meanwhile is recorded, and does not fire.
SELECT taskcenter.schedule_task('load', '0 * * * *', 'hourly') > 0 AS made;
SELECT taskcenter.pause_schedule('load', 'hourly', 'works'), taskcenter.pause_schedule('load', 'hourly');
SELECT state, state_reason FROM taskcenter.schedules WHERE name = 'hourly';
UPDATE taskcenter.schedules SET next_run_at = '2026-01-01 05:00+00' WHERE name = 'hourly';
SELECT taskcenter.resume_schedule('load', 'hourly'), taskcenter.resume_schedule('load', 'hourly');
SELECT state, state_reason, next_run_at > now() AS planned,
    next_run_at <= now() + interval '1 hour' AS soon FROM taskcenter.schedules WHERE name = 'hourly';
SELECT skipped_from, skipped_to = date_trunc('hour', recorded_at) AS until_now,
    instants = (extract(epoch FROM skipped_to - skipped_from) / 3600 + 1)::bigint AS counted, reason
FROM taskcenter.skipped_fires;

-- The same for all schedules of a task, whichever way it is resumed.
SELECT taskcenter.pause_task('load');
UPDATE taskcenter.schedules SET next_run_at = '2026-01-01 05:00+00' WHERE name IN ('hourly', 'default');
SELECT taskcenter.resume_task('load');
SELECT taskcenter.disable_task('load');
UPDATE taskcenter.schedules SET next_run_at = '2026-01-01 05:00+00' WHERE name = 'hourly';
SELECT taskcenter.enable_task('load');
UPDATE taskcenter.tasks SET state = 'paused' WHERE name = 'load';
UPDATE taskcenter.schedules SET next_run_at = '2026-01-01 05:00+00' WHERE name = 'hourly';
UPDATE taskcenter.tasks SET state = 'active' WHERE name = 'load';
UPDATE taskcenter.schedules SET state = 'paused' WHERE name = 'hourly';
UPDATE taskcenter.schedules SET next_run_at = '2026-01-01 05:00+00' WHERE name = 'hourly';
UPDATE taskcenter.schedules SET state = 'active' WHERE name = 'hourly';
SELECT s.name, k.skipped_from, k.reason FROM taskcenter.skipped_fires AS k
JOIN taskcenter.schedules AS s USING (schedule_id) ORDER BY skip_id;
SELECT count(*) AS overdue FROM taskcenter.schedules WHERE next_run_at <= now();
-- an instant that passed while paused was the last
SELECT taskcenter.pause_schedule('load', 'once');
UPDATE taskcenter.schedules SET schedule = 'at 2026-01-01 00:00', next_run_at = '2026-01-01+00'
WHERE name = 'once';
SELECT taskcenter.resume_schedule('load', 'once');
SELECT state, next_run_at FROM taskcenter.schedules WHERE name = 'once';
-- made anew it is active again
SELECT taskcenter.schedule_task('load', 'at 2100-02-01 00:00', 'once') > 0 AS made;
SELECT state, next_run_at FROM taskcenter.schedules WHERE name = 'once';

-- Quarantined by somebody: resumed, or defined anew.
ALTER TABLE taskcenter.schedules DISABLE TRIGGER guard_definition;
UPDATE taskcenter.schedules SET state = 'quarantined', state_reason = 'bad' WHERE name = 'hourly';
SELECT taskcenter.resume_schedule('load', 'hourly');
UPDATE taskcenter.schedules SET state = 'quarantined', state_reason = 'bad' WHERE name = 'hourly';
ALTER TABLE taskcenter.schedules ENABLE ALWAYS TRIGGER guard_definition;
SELECT taskcenter.schedule_task('load', '0 * * * *', 'hourly') > 0 AS made;
SELECT state, state_reason FROM taskcenter.schedules WHERE name = 'hourly';

-- What will fire.
SELECT taskcenter.drop_schedule('load', 'often'), taskcenter.drop_schedule('load', 'hourly'),
    taskcenter.drop_schedule('load', 'zoned'), taskcenter.drop_schedule('load', 'delay');
SELECT taskcenter.drop_schedule('load', 'often', if_exists => true);
SELECT taskcenter.drop_schedule('nobody', if_exists => true);
SELECT taskcenter.create_task('paused', 'SELECT 1', '* * * * *', options => '{"paused": true}') > 0 AS made;
SELECT taskcenter.create_task('other', 'SELECT 1', '0 12 31 12 *') > 0 AS made;
SELECT * FROM taskcenter.preview_fires('2099-12-30 03:00+00', '2100-01-01 03:00+00');
SELECT * FROM taskcenter.preview_fires('2099-12-30 03:00+00', '2100-01-01 03:00+00', 'other');
SELECT count(*) FROM taskcenter.preview_fires('2000-01-01+00', '2000-01-02+00');
SELECT taskcenter.schedule_task('other', '* * * * *') > 0 AS made;
SELECT count(*) FROM taskcenter.preview_fires('2099-12-01+00', '2099-12-31+00');
\set VERBOSITY sqlstate
CREATE ROLE regress_tc_stranger;
CREATE ROLE regress_tc_monitor IN ROLE pg_monitor;
SET ROLE regress_tc_stranger;
SELECT count(*) FROM taskcenter.preview_fires('2099-12-30+00', '2099-12-31+00');
SELECT * FROM taskcenter.preview_fires('2099-12-30+00', '2099-12-31+00', 'other');
SELECT taskcenter.schedule_task('other', '* * * * *');
SELECT taskcenter.pause_schedule('other');
SELECT taskcenter.resume_schedule('other');
SELECT taskcenter.drop_schedule('other');
SET ROLE regress_tc_monitor;
SELECT count(*) > 0 AS seen FROM taskcenter.preview_fires('2099-12-30+00', '2099-12-31+00', 'load');
SELECT taskcenter.drop_schedule('other');
RESET ROLE;

DROP VIEW pg_temp.plan;
DROP EXTENSION taskcenter;
DROP ROLE regress_tc_stranger, regress_tc_monitor;
