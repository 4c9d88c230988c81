/*-------------------------------------------------------------------------
 *
 * run_timeline.h
 *		The runs under a root as bars along time.
 *
 * Layer 1: values in, text out.  A line fits 100 columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_TIMELINE_H
#define TC_RUN_TIMELINE_H

#include "datatype/timestamp.h"

#define TC_TIMELINE_WIDTH 98

/* moments that have not come are DT_NOBEGIN */
typedef struct TimelineRow
{
	const char *name;
	const char *status;
	TimestampTz made_at;
	TimestampTz started_at;		/* of the last attempt */
	TimestampTz finished_at;
} TimelineRow;

/*
 * Rows are sorted by when they began; the bars span made_at of the first to
 * `until`.  A bar is dots while the run waited, = while it ran.  In
 * CurrentMemoryContext.
 */
extern char *tc_timeline_draw(const char *title, TimelineRow *rows, int count,
							  TimestampTz since, TimestampTz until);

/* a duration as people say it, "1.234 s" or "2 d 03:04:05"; microseconds */
extern char *tc_duration_text(int64 duration);

/* the beginning of a text's first line, at most `columns` characters */
extern char *tc_clip_text(const char *text, int columns);

#endif							/* TC_RUN_TIMELINE_H */
