/*-------------------------------------------------------------------------
 *
 * work_notice.h
 *		NOTIFY for workers that listen, if the setting notify_workers says so.
 *
 * Layer 3.8.  The payload is the name of the queue and nothing else: what there
 * is to do, the worker claims.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_WORK_NOTICE_H
#define TC_WORK_NOTICE_H

/* runs of the queue became claimable; told at commit */
extern void tc_work_notice(int64 queue_id);

#endif							/* TC_WORK_NOTICE_H */
