/*-------------------------------------------------------------------------
 *
 * session_scrub.h
 *		Makes an executor's session look freshly connected between two runs.
 *
 * What a run can leave behind and is removed: cursors, role and session
 * authorization, settings, prepared statements, session advisory locks, temp
 * objects, sequence state, the state of random(), temporary replication slots.
 * Kept on purpose: plans, since they depend on nothing that is removed here.
 * What cannot be removed makes tc_session_recycle_reason() say so.  A custom
 * setting (x.y) that was ever set reads as empty, not as unset, as in any
 * session, and temp_buffers stays fixed once temp tables were used.
 *
 * An error from here leaves the session in doubt: end the process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SESSION_SCRUB_H
#define TC_SESSION_SCRUB_H

/*
 * Once per process, after connecting and loading libraries and before the
 * first run: remembers the state to come back to.
 */
extern void tc_session_scrub_init(void);

/*
 * Scrub.  Outside a transaction; opens and commits one if something was left
 * behind that needs it.
 */
extern void tc_session_scrub(void);

/*
 * Why this process should not serve another run, as a constant text for the
 * log, or NULL.  After tc_session_scrub().  "memory_limit" is in bytes, 0 for
 * none; memory is looked at only now and then.
 */
extern const char *tc_session_recycle_reason(Size memory_limit);

#endif							/* TC_SESSION_SCRUB_H */
