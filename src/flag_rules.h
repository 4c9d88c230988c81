/*-------------------------------------------------------------------------
 *
 * flag_rules.h
 *		For whom a feature flag is on.
 *
 * Layer 1: values in, values out.  The order of the rules: not enabled is
 * off; then the override of the subject; then a common cohort; then the
 * subject's bucket below the percent.  A subject's bucket depends on flag and
 * subject alone, so it is the same on every server, for ever, and who has the
 * flag keeps it as the percent grows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_FLAG_RULES_H
#define TC_FLAG_RULES_H

#define TC_FLAG_BUCKETS 100

typedef enum FlagOverride
{
	FLAG_OVERRIDE_NONE,
	FLAG_OVERRIDE_OFF,
	FLAG_OVERRIDE_ON
} FlagOverride;

/* a flag as one subject meets it */
typedef struct FlagState
{
	const char *flag;
	bool		exists;			/* unless so, the rest says nothing */
	bool		enabled;
	int			percent;
	bool		in_cohort;		/* the subject is of one of its cohorts */
	FlagOverride override;		/* of the subject */
} FlagState;

/* which rule decided */
typedef enum FlagRule
{
	FLAG_RULE_UNKNOWN,
	FLAG_RULE_SWITCHED_OFF,
	FLAG_RULE_OVERRIDE,
	FLAG_RULE_COHORT,
	FLAG_RULE_PERCENT
} FlagRule;

/* subject may be NULL: nobody in particular */
extern bool tc_flag_decide(const FlagState *state, const char *subject, FlagRule *rule);

/* from 0 to TC_FLAG_BUCKETS - 1 */
extern int	tc_flag_bucket(const char *flag, const char *subject);

#endif							/* TC_FLAG_RULES_H */
