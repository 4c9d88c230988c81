/*-------------------------------------------------------------------------
 *
 * shared_waiters.h
 *		Sessions that wait for runs to finish, and workers that wait for runs.
 *
 * Layer 2.  Who waits is woken through his latch, after the commit of what he
 * waits for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SHARED_WAITERS_H
#define TC_SHARED_WAITERS_H

#include "datatype/timestamp.h"

/* waiting for a finish: register, look at the table, wait, look again, … unregister */
extern int	tc_shared_wait_begin(int64 run_id); /* -1: all slots are taken */
extern void tc_shared_wait_end(int waiter);

/* the same for a worker that waits for runs of these queues */
extern int	tc_shared_wait_for_work(const int64 *queue_ids, int count);

/*
 * One of them is woken for each run.  It begins to look (true: it was woken),
 * has looked and, or another should it leave, is to look again then, passes on
 * what may be there for others only, and may have to look by now.
 */
extern bool tc_shared_wait_look(int waiter);
extern void tc_shared_wait_looked(int waiter, TimestampTz look_at);
extern void tc_shared_wait_pass_on(int waiter);
extern bool tc_shared_wait_must_look(int waiter, TimestampTz *look_at);

/* it found runs that a limit holds back: a finish can make room for them */
extern void tc_shared_wait_for_room(int waiter, bool for_room);

#endif							/* TC_SHARED_WAITERS_H */
