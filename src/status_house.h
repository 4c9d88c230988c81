/*-------------------------------------------------------------------------
 *
 * status_house.h
 *		The checks of our relations, and of the server that they live in.
 *
 * Layer 4.  Called in a frame.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STATUS_HOUSE_H
#define TC_STATUS_HOUSE_H

#include "check_list.h"
#include "status_store.h"

extern void tc_status_house_checks(CheckList *list, const HouseFacts *house, bool activated);

#endif							/* TC_STATUS_HOUSE_H */
