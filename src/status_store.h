/*-------------------------------------------------------------------------
 *
 * status_store.h
 *		What the view status asks the catalogs and our tables.
 *
 * Layer 3, reading only.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STATUS_STORE_H
#define TC_STATUS_STORE_H

#include "datatype/timestamp.h"

typedef struct StatusFacts
{
	TimestampTz partitions_until;	/* the first end among the partitioned
									 * tables; DT_NOBEGIN: one has none */
	char	   *filled_defaults;	/* default partitions with rows, NULL:
									 * none */
	char	   *extension_version;	/* NULL: not installed */
	int64		quarantined;
	int64		disabled;
	int64		paused;			/* tasks and schedules */
	char	   *paused_queues;	/* NULL: none */
	bool		owner_is_sane;	/* no login, no superuser, no members */
	int64		due;			/* runs that could start */
	TimestampTz due_since;		/* of the oldest; DT_NOBEGIN: none */
	int64		running;
} StatusFacts;

extern void tc_status_facts(TimestampTz now, StatusFacts *facts);

#endif							/* TC_STATUS_STORE_H */
