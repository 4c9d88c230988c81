/*-------------------------------------------------------------------------
 *
 * task_rate.c
 *		The rate limit of a task whose runs executors claim.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "rate_limit.h"
#include "rate_store.h"
#include "statement.h"
#include "task_rate.h"

#define HELD_LOOK_US (10 * INT64CONST(1000))	/* at what another claim holds */

/* as workers' claims name it where there is no group key */
static char *
key_of(const TaskRate *rate)
{
	return rate->key != NULL ? pstrdup(rate->key) : psprintf("task " INT64_FORMAT, rate->task_id);
}

int64
tc_task_rate_room(const TaskRate *rate, TimestampTz now, TimestampTz *next)
{
	RateLimit	limit = tc_rate_limit_parse("rate_limit", rate->limit);
	RateUse		use;
	StoreFrame	frame;
	bool		held;

	tc_store_begin(&frame);
	held = tc_rate_bucket(rate->queue_id, key_of(rate), true, now, &use);
	if (held && tc_rate_settle(&limit, &use, now))
		tc_rate_bucket_set(rate->queue_id, key_of(rate), &use, now);
	tc_store_end(&frame);
	*next = held ? tc_rate_next(&limit, &use, now) : now + HELD_LOOK_US;
	return held ? tc_rate_available(&limit, &use, now) : 0;
}

void
tc_task_rate_take(const TaskRate *rate, int64 runs, TimestampTz now)
{
	RateLimit	limit = tc_rate_limit_parse("rate_limit", rate->limit);
	RateUse		use;
	StoreFrame	frame;

	tc_store_begin(&frame);
	if (tc_rate_bucket(rate->queue_id, key_of(rate), true, now, &use))
	{
		tc_rate_take(&limit, &use, runs, now);
		tc_rate_bucket_set(rate->queue_id, key_of(rate), &use, now);
	}
	tc_store_end(&frame);
}

TimestampTz
tc_task_rate_next(const TaskRate *rate, TimestampTz now)
{
	RateLimit	limit = tc_rate_limit_parse("rate_limit", rate->limit);
	RateUse		use;
	StoreFrame	frame;

	tc_store_begin(&frame);
	(void) tc_rate_bucket(rate->queue_id, key_of(rate), false, now, &use);
	tc_store_end(&frame);
	return tc_rate_next(&limit, &use, now);
}
