/*-------------------------------------------------------------------------
 *
 * execute.h
 *		Execute claimed runs, and bring each to its next status.
 *
 * Layer 4, executors only, outside a transaction.  Whatever the command
 * does, on return no transaction is open, the session is scrubbed and the run
 * is recorded; errors outside the command end the process, and the scheduler
 * settles what was in flight.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_EXECUTE_H
#define TC_EXECUTE_H

#include "run_store.h"
#include "task_cache.h"

extern void tc_execute_init(void);

/* context is reset by the caller; all that the run needs is allocated there */
extern void tc_execute_run(RunRow *run, const char *queue, TimestampTz now,
						   MemoryContext context);

/* runs of one task, in one transaction if that works, else one by one */
extern void tc_execute_batch(RunRow **runs, int count, const char *queue,
							 TimestampTz now, MemoryContext context);

#endif							/* TC_EXECUTE_H */
