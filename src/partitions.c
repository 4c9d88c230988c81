/*-------------------------------------------------------------------------
 *
 * partitions.c
 *		Keeps the time partitions ahead of time.
 *
 * Runs in the scheduler, and in the session that repairs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "arguments.h"
#include "control_store.h"
#include "partition_store.h"
#include "partitions.h"
#include "statement.h"

/* partitions that one call of repair makes per set: a bound on its locks */
#define REPAIR_AT_ONCE 200

static int64
retention_of(int set)
{
	const char *key = tc_partition_retention_key(set);

	return key == NULL ? TC_RETENTION_KEEP : tc_parse_retention(key, tc_setting_value(key));
}

int
tc_partitions_ensure(int set, TimestampTz now)
{
	StoreFrame	frame;
	int			made;

	tc_store_begin(&frame);
	made = tc_partition_ensure(set, retention_of(set), now, TC_PARTITION_DAYS_AHEAD);
	tc_store_end(&frame);
	return made;
}

int
tc_partitions_count(void)
{
	return TC_PARTITION_SET_COUNT;
}

int
tc_partitions_repair(void)
{
	StoreFrame	frame;
	int			made = 0;
	int			set;

	tc_store_begin(&frame);
	for (set = 0; set < TC_PARTITION_SET_COUNT; set++)
		made += tc_partition_repair(set, retention_of(set), REPAIR_AT_ONCE);
	tc_store_end(&frame);
	return made;
}
