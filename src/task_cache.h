/*-------------------------------------------------------------------------
 *
 * task_cache.h
 *		Definitions and prepared commands that this executor has met, and the
 *		control state, kept until a commit changes any of them.
 *
 * Layer 4, executors only.  tc_cache_refresh() compares the database's
 * control version in shared memory with what is cached; the lookups load
 * what is missing in the caller's transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_TASK_CACHE_H
#define TC_TASK_CACHE_H

#include "definition_store.h"
#include "user_command.h"

typedef struct CachedTask
{
	int64		task_id;		/* hash key */
	TaskDefinition *definition; /* NULL: no such task */
	UserCommand *command;		/* NULL: not prepared yet */
	uint64		checked_at;		/* control version it was compared with */
	MemoryContext context;		/* of definition and command */
} CachedTask;

/* forget what a commit may have changed; no transaction needed */
extern void tc_cache_refresh(void);

/* both need a transaction only when something must be loaded */
extern bool tc_cache_control_is_fresh(void);
extern const ControlState *tc_cache_control(void);
extern bool tc_cache_task_is_fresh(int64 task_id);
extern CachedTask *tc_cache_task(int64 task_id);

/*
 * The key of what a run executes: the id of its task, or of the definition of
 * a step, marked where its compensation or a node of for_each is meant.
 */
#define TC_CACHE_UNDO (INT64CONST(1) << 60)
#define TC_CACHE_NODE (INT64CONST(1) << 61)
#define TC_CACHE_ID(id) ((id) & ~(TC_CACHE_UNDO | TC_CACHE_NODE))

/* the entry if there is one, fresh or not; NULL: none */
extern CachedTask *tc_cache_peek(int64 task_id);

/* parses on first use; raises the user's syntax error */
extern UserCommand *tc_cache_command(CachedTask *task);

#endif							/* TC_TASK_CACHE_H */
