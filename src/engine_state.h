/*-------------------------------------------------------------------------
 *
 * engine_state.h
 *		Whether anything executes runs in this database now, and if not, why.
 *
 * Layer 4.  status and explain_run() read it.  Opens a frame of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ENGINE_STATE_H
#define TC_ENGINE_STATE_H

#include "definition_store.h"

typedef struct EngineState
{
	bool		preloaded;
	bool		enabled;		/* taskcenter.enabled */
	int			launcher_pid;	/* 0: none */
	int			scheduler_pid;	/* 0: none */
	int			failures;		/* starts of the scheduler that failed in a
								 * row */
	TimestampTz last_cycle_at;	/* 0: none yet */
	const char *waiting_reason; /* why no run is started; NULL: none */
	int			executors;		/* of this database */
	int64		alive[TC_MAX_EXECUTORS];	/* their ids */
	int			busy;
	int			executors_elsewhere;
	int			capacity;		/* of the server */
	int			lanes;			/* in use, of the server */
	ControlState *control;
} EngineState;

/* why nothing runs; hint is what to do about it */
typedef struct EngineProblem
{
	const char *reason;
	const char *detail;
	const char *hint;
} EngineProblem;

extern void tc_engine_look(EngineState *engine);

/* the first thing that keeps any run from starting; false: nothing does */
extern bool tc_engine_problem(const EngineState *engine, EngineProblem *problem);

#endif							/* TC_ENGINE_STATE_H */
