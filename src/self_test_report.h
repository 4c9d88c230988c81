/*-------------------------------------------------------------------------
 *
 * self_test_report.h
 *		What the process of a self test tells the session that asked for it.
 *
 * Layer 0: one message for each check, through a queue in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SELF_TEST_REPORT_H
#define TC_SELF_TEST_REPORT_H

#define TC_SELF_TEST_DETAIL 500 /* bytes */

typedef struct SelfTestReport
{
	char		check_name[64];
	bool		ok;
	int64		took;			/* microseconds */
	char		detail[TC_SELF_TEST_DETAIL];
} SelfTestReport;

#endif							/* TC_SELF_TEST_REPORT_H */
