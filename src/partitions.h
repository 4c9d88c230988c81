/*-------------------------------------------------------------------------
 *
 * partitions.h
 *		Keeps the time partitions ahead of time.
 *
 * Layer 4.  Opens a store frame of its own; the caller's transaction decides
 * when it holds, and with which lock_timeout.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PARTITIONS_H
#define TC_PARTITIONS_H

#include "datatype/timestamp.h"

/* how far ahead the scheduler keeps partitions */
#define TC_PARTITION_DAYS_AHEAD 14

/*
 * Make what is missing of one set, from 0 on, as far ahead as it should be.
 * Returns the number of partitions made.  Cheap when nothing is missing: once
 * a day is enough.  A transaction for each set: who ends a run writes to
 * several of them, and would wait for one while he keeps another from us.
 */
extern int	tc_partitions_ensure(int set, TimestampTz now);
extern int	tc_partitions_count(void);

/* Move what lies in the default partitions where it belongs.  Returns as above. */
extern int	tc_partitions_repair(void);

#endif							/* TC_PARTITIONS_H */
