/*-------------------------------------------------------------------------
 *
 * adoption_store.h
 *		After a move to another server: roles by their names again.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ADOPTION_STORE_H
#define TC_ADOPTION_STORE_H

#include "datatype/timestamp.h"

/*
 * Let every row name the role that has the stored name here.  A task whose
 * role does not exist is quarantined; what nobody owns any more is left to
 * superusers.
 */
extern void tc_adoption_map_roles(TimestampTz now);

#endif							/* TC_ADOPTION_STORE_H */
