/*-------------------------------------------------------------------------
 *
 * check_list.h
 *		What the checks of status found, one row each.
 *
 * Layer 2, inline only.  Names and hints are constants; details are sentences
 * in the memory context that is current when they are put.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_CHECK_LIST_H
#define TC_CHECK_LIST_H

#include "datatype/timestamp.h"

#define TC_MAX_CHECKS 64

typedef enum CheckState
{
	CHECK_OK,
	CHECK_WARN,					/* it works; look at it */
	CHECK_FAIL					/* something does not work */
} CheckState;

typedef struct Check
{
	const char *name;
	CheckState	state;
	const char *detail;
	const char *hint;			/* NULL: nothing is to be done */
	bool		open;			/* everybody may read the detail */
} Check;

typedef struct CheckList
{
	TimestampTz now;
	bool		open;			/* of what is put from now on */
	int			count;
	Check		checks[TC_MAX_CHECKS];
} CheckList;

static inline void
tc_check_put(CheckList *list, const char *name, CheckState state, const char *detail,
			 const char *hint)
{
	Check	   *check = &list->checks[list->count];

	Assert(list->count < TC_MAX_CHECKS);
	check->name = name;
	check->state = state;
	check->detail = detail;
	check->hint = state == CHECK_OK ? NULL : hint;
	check->open = list->open;
	list->count++;
}

/* otherwise: what it is if it is not well */
static inline void
tc_check_that(CheckList *list, const char *name, bool well, CheckState otherwise,
			  const char *detail, const char *hint)
{
	tc_check_put(list, name, well ? CHECK_OK : otherwise, detail, hint);
}

/* DT_NOBEGIN and 0 count as never: 0 */
static inline int64
tc_check_seconds_since(const CheckList *list, TimestampTz then)
{
	if (then == 0 || TIMESTAMP_NOT_FINITE(then))
		return 0;
	return (list->now - then) / USECS_PER_SEC;
}

#endif							/* TC_CHECK_LIST_H */
