/*-------------------------------------------------------------------------
 *
 * failure_report.h
 *		What is known of the failure of the run that is being ended, besides
 *		what its row says: for its dead letter.
 *
 * Layer 2.  Process memory: whoever ends a run notes the report before the
 * statement, and forgets it behind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_FAILURE_REPORT_H
#define TC_FAILURE_REPORT_H

/* the text, without secrets, must live until it is forgotten */
extern void tc_failure_report_note(int64 run_id, const char *report);
extern void tc_failure_report_forget(void);

/* NULL: none was noted for this run */
extern const char *tc_failure_report_of(int64 run_id);

#endif							/* TC_FAILURE_REPORT_H */
