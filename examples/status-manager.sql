-- A status manager with audit trail, as a checklist of one asks for it: a status
-- that moves only along its map, a history of every change with who, when and
-- why, refused attempts included, and optimistic locking.
--
--     psql -X -d DATABASE -f examples/status-manager.sql
--
-- The shipped workflow "editorial" has the nine statuses pending, in_progress,
-- awaiting_approval, approved, published, on_hold, rejected, failed, cancelled;
-- create_workflow() makes others.  What this file makes is archived at its end.

\set QUIET on
\pset pager off
SET search_path = taskcenter;

\echo '1. Something that people move'
SELECT declare_task('example article', kind => 'manual', application => 'examples',
    description => 'How we brew coffee') AS article;
SELECT status, to_status, requires FROM allowed_transitions('example article');

\echo '2. The map'
SELECT old_status, new_status, requires FROM workflow_transitions
WHERE workflow = 'editorial' ORDER BY old_status, new_status;

\echo '3. Moving it: the answer says what may follow'
SELECT success, status, allowed FROM set_task_status('example article', 'in_progress', 'first draft');
SELECT success, status FROM set_task_status('example article', 'awaiting_approval', 'ready', '{"approval_type": "editor"}');

\echo '4. A move that is not on the map, and lacks what it needs: refused, all problems at once'
SELECT success, status, problem ->> 'code' AS code, problem ->> 'message' AS message
FROM set_task_status('example article', 'published') AS c, jsonb_array_elements(c.problems) AS problem;

\echo '5. Two people: who expects another status than there is, is told'
SELECT success, status, problems -> 0 ->> 'code' AS code
FROM set_task_status('example article', 'cancelled', expected => 'in_progress');

\echo '6. Metadata is kept, the actor is whom the application names'
BEGIN;
SELECT set_context(actor => 'jane@example.org') \g /dev/null
SELECT success, status FROM set_task_status('example article', 'rejected', 'too long', '{"words": 4100}');
COMMIT;

\echo '7. A plain UPDATE goes through the same guard: one error, with what is allowed'
\set ON_ERROR_STOP off
UPDATE tasks SET status = 'published' WHERE name = 'example article';
\set ON_ERROR_STOP on
UPDATE tasks SET status = 'in_progress' WHERE name = 'example article';

\echo '8. Many at once, with an answer for each'
SELECT ordinal, task, success, status, problems -> 0 ->> 'code' AS code
FROM set_task_statuses('[{"task": "example article", "to_status": "on_hold"}, {"task": "nothing", "to_status": "on_hold"}]');

\echo '9. The history, newest first; what was refused; both with who and why'
\echo '   (the refused UPDATE was undone with its transaction; the scheduler adds it within seconds)'
SELECT old_status, new_status, reason, metadata, actor FROM status_history('example article');
SELECT requested_status, old_status, problems -> 0 ->> 'code' AS code FROM transition_failures('example article');

\echo '10. Figures'
SELECT status, count(*) FROM tasks WHERE kind = 'manual' AND state <> 'archived' GROUP BY status ORDER BY status;
SELECT count(*) FILTER (WHERE accepted) AS changes, count(*) FILTER (WHERE NOT accepted) AS refused,
    round(100.0 * count(*) FILTER (WHERE NOT accepted) / count(*), 1) AS refused_percent
FROM task_status_history WHERE timestamp > now() - interval '24 hours';
SELECT old_status AS status, count(*), date_trunc('second', avg(spent)) AS mean
FROM (SELECT old_status, timestamp - lag(timestamp) OVER (PARTITION BY task_id ORDER BY id) AS spent
      FROM task_status_history WHERE accepted AND task_id IS NOT NULL) AS stays
WHERE old_status IS NOT NULL GROUP BY old_status ORDER BY old_status;

\echo '11. The same on a table of your own: its application goes on as before, and is guarded'
BEGIN;
-- undone at the end
CREATE SCHEMA example_blog;
CREATE TABLE example_blog.posts (post_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL,
    status text NOT NULL DEFAULT 'pending');
INSERT INTO example_blog.posts (title) VALUES ('Tea'), ('Milk');
SELECT guard_table('example_blog.posts', 'status', 'editorial') > 0 AS guarded;
UPDATE example_blog.posts SET status = 'in_progress' WHERE title = 'Tea';
INSERT INTO example_blog.posts (title) VALUES ('Sugar');
SELECT success, status, problems -> 0 ->> 'code' AS code
FROM set_row_status('example_blog.posts', '{"post_id": 1}', 'published', metadata => '{"result": "url"}');
SELECT success, status FROM set_row_status('example_blog.posts', '{"post_id": 1}', 'cancelled', 'nobody reads it');
SELECT old_status, new_status, reason FROM row_status_history('example_blog.posts', '{"post_id": 1}');
SELECT unguard_table('example_blog.posts') AS was_guarded;
UPDATE example_blog.posts SET status = 'anything' WHERE title = 'Tea';
ROLLBACK;

SELECT archive_task('example article', 'end of the example') \g /dev/null
RESET search_path;
