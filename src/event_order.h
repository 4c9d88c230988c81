/*-------------------------------------------------------------------------
 *
 * event_order.h
 *		The order of events: numbers that a reader can follow without missing
 *		what commits late.
 *
 * Layer 2.  Who takes a number holds, until his transaction has ended and
 * what it wrote is visible, a lock that names a number below it.  So whoever
 * reads the last number given, then looks at these locks, and then takes a
 * snapshot, sees every event below the lowest of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_EVENT_ORDER_H
#define TC_EVENT_ORDER_H

/* objsubid of the locks in pg_locks, of type advisory; classid and objid are the number */
#define TC_EVENT_LOCK 1001

/* the channel of taskcenter.notify_events */
#define TC_EVENT_CHANNEL "taskcenter_events"

/* the next number, locked as said above; as the role that owns our relations */
extern int64 tc_event_next_id(void);

#endif							/* TC_EVENT_ORDER_H */
