/*-------------------------------------------------------------------------
 *
 * perform.h
 *		Execute a run in the session that asks for it, in its transaction.
 *
 * Layer 4.  The session must be that of the role that the run runs as: the
 * command may do whatever its session may.  What fails is rolled back to where
 * it began and recorded as an executor would; a cancellation of the session
 * and a serialization failure concern the whole transaction and are raised.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PERFORM_H
#define TC_PERFORM_H

#include "definition_store.h"
#include "perform_store.h"

/* 55000, 0A000 unless the task's command can be executed here */
extern void tc_perform_check(const TaskDefinition *task);

typedef struct Performance Performance;

/*
 * Execute a run that tc_perform_start() started; no frame is open.  On return
 * the command's effects are there, or it is rolled back.
 */
extern Performance *tc_perform_execute(const PerformedRun *run, const TaskDefinition *task,
									   TimestampTz started_at);

/* Bring the run to its next status, and free the performance. */
extern void tc_perform_record(Performance *performance, const char *actor,
							  TimestampTz finished_at);

#endif							/* TC_PERFORM_H */
