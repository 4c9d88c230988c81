/*-------------------------------------------------------------------------
 *
 * metrics_api.c
 *		metrics().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "metric_text.h"

PG_FUNCTION_INFO_V1(taskcenter_metrics);

Datum
taskcenter_metrics(PG_FUNCTION_ARGS)
{
	tc_access_require_monitor("read metrics");
	PG_RETURN_TEXT_P(cstring_to_text(tc_metric_text(GetCurrentTimestamp())));
}
