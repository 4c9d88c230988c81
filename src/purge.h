/*-------------------------------------------------------------------------
 *
 * purge.h
 *		Retention at work: what a purge would take, and taking it.
 *
 * Layer 4.2.  A purge is a sequence of pieces.  Each is a transaction with a
 * row of the audit, takes at most 5,000 rows or one partition, waits for locks
 * for a moment only, and reads anew what is held and what the retentions are:
 * wherever the sequence breaks off, whole pieces are done.  Two purges, in
 * different sessions, take turns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PURGE_H
#define TC_PURGE_H

#include "purge_store.h"

/* who purges */
typedef struct PurgeHost
{
	/* end the transaction and begin the next one; need not return */
	void		(*next) (void);

	/* between two tries of what somebody else has locked */
	void		(*pause) (int milliseconds);

	/* a piece failed for a reason that time will not heal; need not return */
	void		(*failed) (ErrorData *error);

	MemoryContext context;		/* that outlives the transactions */
	const char *reason;			/* for the audit; NULL: none */
} PurgeHost;

typedef struct PurgeTotals
{
	int64		rows;
	int64		bytes;
	int64		partitions;
	int64		busy;			/* pieces that others' locks forbade */
} PurgeTotals;

/*
 * Take everything that is out of policy now.  In a transaction that has done
 * nothing yet; returns in another one, in the host's context.
 */
extern void tc_purge(const PurgeHost *host, TimestampTz now, PurgeTotals *totals);

#endif							/* TC_PURGE_H */
