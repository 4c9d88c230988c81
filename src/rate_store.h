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

#include "datatype/timestamp.h"

/*
 * When the bucket of a rate limit is full; DT_NOBEGIN: it is.  lock: for the
 * transaction; false: somebody else has it.
 */
extern bool tc_rate_bucket(int64 queue_id, const char *key, bool lock, TimestampTz now,
						   TimestampTz *full_at);
extern void tc_rate_bucket_set(int64 queue_id, const char *key, TimestampTz full_at,
							   TimestampTz now);

#endif							/* TC_RATE_STORE_H */
