/*-------------------------------------------------------------------------
 *
 * claim_list.h
 *		The runs that an executor has claimed and not begun.
 *
 * Layer 4.2.  In an executor; what may have to be given back stands in shared
 * memory, the rest of each row in this process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_CLAIM_LIST_H
#define TC_CLAIM_LIST_H

#include "run_store.h"

/* after the commit of a claim */
extern void tc_claim_publish(const RunRow *rows, int count);

/* the run that the last one handed over, if it did, joins the claimed ones */
extern void tc_claim_handed_over(RunRow *rows);

/* give back what was published and not taken; reason for the history */
extern void tc_claim_give_back(const char *reason);

#endif							/* TC_CLAIM_LIST_H */
