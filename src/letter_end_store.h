/*-------------------------------------------------------------------------
 *
 * letter_end_store.h
 *		What the ends of runs mean for dead letters.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end(), in the
 * transaction that ends the runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_LETTER_END_STORE_H
#define TC_LETTER_END_STORE_H

#include "datatype/timestamp.h"

/* a run that has just ended, as its row says */
typedef struct EndedRun
{
	int64		run_id;
	TimestampTz finished_at;
	int32		retention_class;
	const char *status;
	const char *report;			/* the error in full; NULL: as in the row */
	bool		is_step;
} EndedRun;

/*
 * Runs that ended failed or timed out: their letters are opened, or opened
 * again.  Those that ended before `since` are rows that were only moved.
 */
extern void tc_dead_letters_open(const EndedRun *runs, int count, TimestampTz since);

/* runs that ended otherwise, of which some may have a letter */
extern void tc_dead_letters_settle(const EndedRun *runs, int count);

/* composites among them that went on: the letters of their steps */
extern void tc_dead_letters_settle_steps(const EndedRun *runs, int count);

#endif							/* TC_LETTER_END_STORE_H */
