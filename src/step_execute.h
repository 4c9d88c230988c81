/*-------------------------------------------------------------------------
 *
 * step_execute.h
 *		What an executor does for a step besides executing a command: its
 *		condition, its items, and steps that wait.
 *
 * Layer 4, executors only, outside a transaction.  Queries of a graph are the
 * user's: they run as the role of the run, read only, under its time limit,
 * and in a transaction of their own that leaves nothing behind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STEP_EXECUTE_H
#define TC_STEP_EXECUTE_H

#include "rows.h"

/*
 * In a transaction, when a run has been claimed: which definition it executes,
 * and whether there is more to it than that.
 */
extern void tc_step_describe(RunRow *run);

/*
 * True: it has come to its next status, nothing is left to do.  False: its
 * command is to be executed as any other.
 */
extern bool tc_step_execute(RunRow *run, const TaskDefinition *task, const char *queue,
							TimestampTz now, MemoryContext context);

#endif							/* TC_STEP_EXECUTE_H */
