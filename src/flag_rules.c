/*-------------------------------------------------------------------------
 *
 * flag_rules.c
 *		For whom a feature flag is on.
 *
 * The hash is written out here: those of the server may differ from version
 * to version, and a subject must not change sides by an upgrade.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "flag_rules.h"

/* FNV-1a, byte by byte, with the terminator, so that no two pairs read the same */
static uint64
add_text(uint64 hash, const char *text)
{
	do
	{
		hash ^= (unsigned char) *text;
		hash *= UINT64CONST(0x100000001b3);
	} while (*text ++!= '\0');
	return hash;
}

/* spread what lies in few bits over all of them */
static uint64
mix(uint64 hash)
{
	hash ^= hash >> 30;
	hash *= UINT64CONST(0xbf58476d1ce4e5b9);
	hash ^= hash >> 27;
	hash *= UINT64CONST(0x94d049bb133111eb);
	return hash ^ (hash >> 31);
}

int
tc_flag_bucket(const char *flag, const char *subject)
{
	uint64		hash = UINT64CONST(0xcbf29ce484222325);

	hash = add_text(hash, flag);
	hash = add_text(hash, subject);
	return (int) (mix(hash) % TC_FLAG_BUCKETS);
}

bool
tc_flag_decide(const FlagState *state, const char *subject, FlagRule *rule)
{
	*rule = FLAG_RULE_UNKNOWN;
	if (!state->exists)
		return false;
	*rule = FLAG_RULE_SWITCHED_OFF;
	if (!state->enabled)
		return false;
	*rule = FLAG_RULE_OVERRIDE;
	if (state->override != FLAG_OVERRIDE_NONE)
		return state->override == FLAG_OVERRIDE_ON;
	*rule = FLAG_RULE_COHORT;
	if (state->in_cohort)
		return true;
	*rule = FLAG_RULE_PERCENT;
	if (state->percent >= TC_FLAG_BUCKETS)
		return true;
	return subject != NULL && tc_flag_bucket(state->flag, subject) < state->percent;
}
