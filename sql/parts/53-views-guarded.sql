/* Guarded tables are shown to who has the privileges of their owner, and to monitors. */
SET LOCAL ROLE taskcenter_owner;

ALTER TABLE taskcenter.guarded_tables ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_guarded_tables ON taskcenter.guarded_tables FOR SELECT
    USING ((SELECT taskcenter.sees_states_of_all())
        OR owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[]));
GRANT SELECT ON taskcenter.guarded_tables TO PUBLIC;

RESET ROLE;
