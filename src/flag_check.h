/*-------------------------------------------------------------------------
 *
 * flag_check.h
 *		Is a feature flag on, and why?
 *
 * Layer 3.8: a step that others use.  Opens its own frame.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_FLAG_CHECK_H
#define TC_FLAG_CHECK_H

/*
 * Does the flag, with all that it requires, allow the subject (NULL: nobody
 * in particular) of these cohorts?  *why (may be NULL) becomes what decided,
 * for people, in CurrentMemoryContext.  *known (may be NULL): the flag exists.
 */
extern bool tc_flag_allows_one(const char *flag, const char *subject, char *const *cohorts,
							   int cohort_count, char **why, bool *known);

/* the same for a subject of no cohort */
extern bool tc_flag_allows(const char *flag, const char *subject, char **why);

/* 42704 unless the flag exists */
extern void tc_flag_require(const char *argument, const char *flag);

#endif							/* TC_FLAG_CHECK_H */
