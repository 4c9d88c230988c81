/*-------------------------------------------------------------------------
 *
 * ids.h
 *		Arrays of ids.
 *
 * Layer 1: values in, values out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_IDS_H
#define TC_IDS_H

/* in place, without repeats; returns how many are left */
extern int	tc_ids_sort(int64 *ids, int count);

/* of a sorted array: is the id among them? */
extern bool tc_ids_contain(const int64 *ids, int count, int64 id);

#endif							/* TC_IDS_H */
