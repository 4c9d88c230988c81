/*-------------------------------------------------------------------------
 *
 * retention.h
 *		What is out of policy now: the settings, what tasks have of their own,
 *		and what is held.
 *
 * Layer 4.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RETENTION_H
#define TC_RETENTION_H

#include "purge_store.h"

/*
 * The cutoffs of each relation of tc_purge_relations, in CurrentMemoryContext.
 * Between tc_store_begin() and tc_store_end().  What a task has that is no
 * retention counts as "keep"; with a warning, if that is wanted.
 */
extern RelationCutoffs *tc_retention_load(TimestampTz now, bool warn);

/* of a task's rows in a relation; *own: they are its own */
extern Cutoffs tc_retention_of(const RelationCutoffs *cutoffs, int64 task_id, bool *own);

#endif							/* TC_RETENTION_H */
