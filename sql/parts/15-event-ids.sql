/*
 * The order of events.  A record that is an event takes its number when it is
 * written, in the transaction of what it tells of: so the records are the
 * stream, and nothing is written twice.  The numbers are given one by one: a
 * sequence with a cache would give late ones that are low.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE SEQUENCE taskcenter.event_ids MAXVALUE 9007199254740991;

RESET ROLE;

CREATE FUNCTION taskcenter.next_event_id() RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_next_event_id';
COMMENT ON FUNCTION taskcenter.next_event_id() IS
'The number of the next event. Until the transaction has ended, readers of events get none with this number or a later one: the default of a column event_id, and of no other use';
REVOKE ALL ON FUNCTION taskcenter.next_event_id() FROM PUBLIC;
/* what writes records acts as the owner of the tables */
GRANT EXECUTE ON FUNCTION taskcenter.next_event_id() TO taskcenter_owner;
