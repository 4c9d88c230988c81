/*-------------------------------------------------------------------------
 *
 * rate_store.c
 *		What is left of rate limits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "rate_store.h"

static Statement find_bucket = {
	.label = "look at a rate limit",
	.text =
	"SELECT b.full_at FROM taskcenter.rate_buckets AS b"
	" WHERE b.queue_id = $1 AND b.rate_key = $2",
	.nargs = 2,
	.types = {INT8OID, TEXTOID}
};

/* whoever comes second does not wait for the first one's commit: there is no row for him yet */
static Statement make_bucket = {
	.label = "begin a rate limit",
	.text =
	"INSERT INTO taskcenter.rate_buckets (queue_id, rate_key, full_at)"
	" SELECT $1, $2, $3"
	" WHERE pg_try_advisory_xact_lock(hashtextextended('taskcenter rate ' || $2, $1))"
	" ON CONFLICT (queue_id, rate_key) DO NOTHING",
	.nargs = 3,
	.types = {INT8OID, TEXTOID, TIMESTAMPTZOID}
};

static Statement lock_bucket = {
	.label = "lock a rate limit",
	.text =
	"SELECT b.full_at FROM taskcenter.rate_buckets AS b"
	" WHERE b.queue_id = $1 AND b.rate_key = $2 FOR UPDATE SKIP LOCKED",
	.nargs = 2,
	.types = {INT8OID, TEXTOID}
};

/* and those that were full long ago go */
static Statement set_bucket = {
	.label = "take from a rate limit",
	.text =
	"WITH old AS ("
	" DELETE FROM taskcenter.rate_buckets AS b WHERE b.ctid = ANY (ARRAY("
	"   SELECT o.ctid FROM taskcenter.rate_buckets AS o"
	"   WHERE o.full_at < $4 - interval '1 hour' AND (o.queue_id, o.rate_key) <> ($1, $2)"
	"   LIMIT 10 FOR UPDATE SKIP LOCKED)))"
	" UPDATE taskcenter.rate_buckets AS b SET full_at = $3"
	" WHERE b.queue_id = $1 AND b.rate_key = $2",
	.nargs = 4,
	.types = {INT8OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
};

static void
bind_bucket(Bindings *bindings, int64 queue_id, const char *key)
{
	tc_bind_int64(bindings, queue_id);
	tc_bind_text(bindings, key);
}

bool
tc_rate_bucket(int64 queue_id, const char *key, bool lock, TimestampTz now,
			   TimestampTz *full_at)
{
	Bindings	bindings = {0};
	Bindings	making = {0};

	*full_at = DT_NOBEGIN;
	bind_bucket(&bindings, queue_id, key);
	if (tc_run_bound(&find_bucket, &bindings) > 0)
		*full_at = tc_get_timestamptz(0, 1);
	if (!lock)
		return true;
	if (*full_at == DT_NOBEGIN)
	{
		bind_bucket(&making, queue_id, key);
		tc_bind_timestamptz(&making, now);
		tc_run_bound(&make_bucket, &making);
	}
	if (tc_run_bound(&lock_bucket, &bindings) == 0)
		return false;
	*full_at = tc_get_timestamptz(0, 1);
	return true;
}

void
tc_rate_bucket_set(int64 queue_id, const char *key, TimestampTz full_at, TimestampTz now)
{
	Bindings	bindings = {0};

	bind_bucket(&bindings, queue_id, key);
	tc_bind_timestamptz(&bindings, full_at);
	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(&set_bucket, &bindings);
}
