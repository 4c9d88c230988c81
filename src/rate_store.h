/*-------------------------------------------------------------------------
 *
 * rate_store.h
 *		What is left of rate limits: rate_buckets.
 *
 * Layer 3.  No function has a frame of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RATE_STORE_H
#define TC_RATE_STORE_H

#include "rate_limit.h"

/*
 * What was taken of a rate limit, in the present day and month.  lock: for the
 * transaction; false: somebody else has it.
 */
extern bool tc_rate_bucket(int64 queue_id, const char *key, bool lock, TimestampTz now,
						   RateUse *use);
extern void tc_rate_bucket_set(int64 queue_id, const char *key, const RateUse *use,
							   TimestampTz now);

#endif							/* TC_RATE_STORE_H */
