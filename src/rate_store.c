/*-------------------------------------------------------------------------
 *
 * rate_store.c
 *		What is left of rate limits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "common/hashfn.h"

#include "bindings.h"
#include "private_lock.h"
#include "rate_store.h"

/*
 * With the ends of this day and this month in the database's zone; an instant
 * that the clock leaves out there is the one after the gap.
 */
#define BUCKET_COLUMNS \
	"b.full_at, b.day_ends_at, b.day_begun, b.month_ends_at, b.month_begun," \
	" date_trunc('day', z.today + interval '1 day') AT TIME ZONE z.zone," \
	" (date_trunc('month', z.today) + interval '1 month') AT TIME ZONE z.zone"
#define BUCKET_RELATIONS \
	" FROM taskcenter.rate_buckets AS b CROSS JOIN (SELECT y.zone, $3 AT TIME ZONE y.zone AS today" \
	"   FROM (SELECT coalesce((SELECT v.value FROM taskcenter.setting_values AS v" \
	"     WHERE v.key = 'default_timezone'), 'UTC') AS zone) AS y) AS z" \
	" WHERE b.queue_id = $1 AND b.rate_key = $2"

static Statement find_bucket = {
	.label = "look at a rate limit",
	.text = "SELECT " BUCKET_COLUMNS BUCKET_RELATIONS,
	.nargs = 3,
	.types = {INT8OID, TEXTOID, TIMESTAMPTZOID}
};

static Statement make_bucket = {
	.label = "begin a rate limit",
	.text =
	"INSERT INTO taskcenter.rate_buckets (queue_id, rate_key, full_at)"
	" VALUES ($1, $2, $3)"
	" ON CONFLICT (queue_id, rate_key) DO NOTHING",
	.nargs = 3,
	.types = {INT8OID, TEXTOID, TIMESTAMPTZOID}
};

static Statement lock_bucket = {
	.label = "lock a rate limit",
	.text = "SELECT " BUCKET_COLUMNS BUCKET_RELATIONS " FOR UPDATE OF b SKIP LOCKED",
	.nargs = 3,
	.types = {INT8OID, TEXTOID, TIMESTAMPTZOID}
};

/* and those that tell nothing any more go, a few at a time */
static Statement set_bucket = {
	.label = "take from a rate limit",
	.text =
	"WITH old AS ("
	" DELETE FROM taskcenter.rate_buckets AS b WHERE b.ctid = ANY (ARRAY("
	"   SELECT o.ctid FROM taskcenter.rate_buckets AS o"
	"   WHERE greatest(o.full_at, o.day_ends_at, o.month_ends_at) < $4 - interval '1 hour'"
	"     AND (o.queue_id, o.rate_key) <> ($1, $2)"
	"   LIMIT 10 FOR UPDATE SKIP LOCKED)))"
	" UPDATE taskcenter.rate_buckets AS b SET full_at = $3, day_ends_at = $5, day_begun = $6,"
	"   month_ends_at = $7, month_begun = $8"
	" WHERE b.queue_id = $1 AND b.rate_key = $2",
	.nargs = 8,
	.types = {INT8OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID,
	TIMESTAMPTZOID, INT8OID}
};

static void
bind_bucket(Bindings *bindings, int64 queue_id, const char *key, TimestampTz at)
{
	tc_bind_int64(bindings, queue_id);
	tc_bind_text(bindings, key);
	tc_bind_timestamptz(bindings, at);
}

/* columns: two for each period that was written, then the ends of the present ones */
static void
read_bucket(TimestampTz now, RateUse *use)
{
	int			i;

	use->full_at = tc_get_timestamptz(0, 1);
	for (i = 0; i < BUDGET_PERIOD_COUNT; i++)
	{
		int			written = 2 + 2 * i;

		tc_rate_turn(use, i, tc_get_timestamptz(0, written), tc_get_int64(0, written + 1),
					 tc_get_timestamptz(0, 2 + 2 * BUDGET_PERIOD_COUNT + i), now);
	}
}

/* whoever comes second does not wait for the first one's commit: there is no row for him yet */
static void
begin_bucket(int64 queue_id, const char *key, TimestampTz now)
{
	Bindings	bindings = {0};
	uint64		number = hash_bytes_extended((const unsigned char *) key, strlen(key), queue_id);

	if (!tc_private_lock_try(PRIVATE_LOCK_RATE, number))
		return;
	bind_bucket(&bindings, queue_id, key, now);
	tc_run_bound(&make_bucket, &bindings);
}

bool
tc_rate_bucket(int64 queue_id, const char *key, bool lock, TimestampTz now, RateUse *use)
{
	Bindings	bindings = {0};
	bool		found;

	MemSet(use, 0, sizeof(RateUse));
	use->full_at = DT_NOBEGIN;
	bind_bucket(&bindings, queue_id, key, now);
	found = tc_run_bound(&find_bucket, &bindings) > 0;
	if (found)
		read_bucket(now, use);
	if (!lock)
		return true;
	if (!found)
		begin_bucket(queue_id, key, now);
	if (tc_run_bound(&lock_bucket, &bindings) == 0)
		return false;
	read_bucket(now, use);
	return true;
}

void
tc_rate_bucket_set(int64 queue_id, const char *key, const RateUse *use, TimestampTz now)
{
	Bindings	bindings = {0};
	int			i;

	bind_bucket(&bindings, queue_id, key, use->full_at);
	tc_bind_timestamptz(&bindings, now);
	for (i = 0; i < BUDGET_PERIOD_COUNT; i++)
	{
		/* of what has no budget nothing is written: the row may go early */
		tc_bind_timestamptz(&bindings, use->begun[i] > 0 ? use->ends_at[i] : DT_NOBEGIN);
		tc_bind_int64(&bindings, use->begun[i]);
	}
	tc_run_bound(&set_bucket, &bindings);
}
