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

/*
 * Let no sequence hand out an id that is taken: replication brings rows
 * without the sequences.
 */
extern void tc_adoption_advance_sequences(void);

/*
 * Give partitions that a restore without owners left to its superuser to the
 * owner of the rest.  For a caller who is superuser; others change nothing.
 */
extern void tc_adoption_own_partitions(void);

#endif							/* TC_ADOPTION_STORE_H */
