/*-------------------------------------------------------------------------
 *
 * failure_report.c
 *		What is known of the failure of the run that is being ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "failure_report.h"

static int64 noted_run = 0;
static const char *noted_report = NULL;

void
tc_failure_report_note(int64 run_id, const char *report)
{
	noted_run = run_id;
	noted_report = report;
}

void
tc_failure_report_forget(void)
{
	noted_run = 0;
	noted_report = NULL;
}

const char *
tc_failure_report_of(int64 run_id)
{
	return run_id == noted_run ? noted_report : NULL;
}
