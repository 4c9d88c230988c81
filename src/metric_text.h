/*-------------------------------------------------------------------------
 *
 * metric_text.h
 *		Metrics in the text format of Prometheus.
 *
 * Layer 4, in any session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_METRIC_TEXT_H
#define TC_METRIC_TEXT_H

#include "utils/timestamp.h"

/* opens a frame of its own; the text lies in CurrentMemoryContext */
extern char *tc_metric_text(TimestampTz now);

#endif							/* TC_METRIC_TEXT_H */
