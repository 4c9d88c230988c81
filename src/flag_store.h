/*-------------------------------------------------------------------------
 *
 * flag_store.h
 *		Feature flags, and decisions for single subjects.
 *
 * Layer 3.  Between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_FLAG_STORE_H
#define TC_FLAG_STORE_H

#include "datatype/timestamp.h"
#include "flag_rules.h"

typedef struct FlagRow
{
	char	   *flag;
	bool		enabled;
	int32		percent;
	char	  **cohorts;
	int			cohort_count;
	char	  **requires;
	int			require_count;
} FlagRow;

/* false: there is none */
extern bool tc_flag_find(const char *flag, FlagRow *row);

/* nobody else changes the flag, if there is one, until the transaction ends */
extern void tc_flag_lock(const char *flag);

/*
 * Nobody else changes what any flag requires until the transaction ends; what
 * else there is of flags can be changed.
 */
extern void tc_flags_lock_requires(void);

/* make it, or change it */
extern void tc_flag_store(const FlagRow *row, const char *actor, TimestampTz now);

/* the first of these flags that does not exist; NULL: all do */
extern char *tc_flag_missing(char *const *flags, int count);

/* the one of these flags that requires the flag, by whatever way; NULL: none does */
extern char *tc_flag_circle(const char *flag, char *const *requires, int count);

/*
 * The flag, and all that it requires, as a subject (NULL: nobody in
 * particular) of these cohorts meets them; the flag itself comes first.
 */
extern int	tc_flag_states(const char *flag, const char *subject, char *const *cohorts,
						   int cohort_count, FlagState **states);

extern void tc_flag_override_store(const char *flag, const char *subject, bool enabled,
								   const char *actor, TimestampTz now);
extern void tc_flag_override_remove(const char *flag, const char *subject);

#endif							/* TC_FLAG_STORE_H */
