/* For whom flags are decided by name is told to those who may see states of all. */
SET LOCAL ROLE taskcenter_owner;

CREATE POLICY overrides_for_monitors ON taskcenter.flag_overrides FOR SELECT
    USING ((SELECT taskcenter.sees_states_of_all()));

RESET ROLE;
