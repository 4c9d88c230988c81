/*-------------------------------------------------------------------------
 *
 * refusal.h
 *		A refused plain UPDATE of a status, as it crosses its own abort.
 *
 * Layer 0: types only.  Of a fixed size, since it lies in shared memory; what
 * is longer was cut by whoever filled it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_REFUSAL_H
#define TC_REFUSAL_H

#include "taskcenter.h"

#define TC_MAX_REFUSALS 512		/* in shared memory, of all databases */
#define TC_REFUSAL_QUOTA 128	/* of one database */

typedef struct Refusal
{
	uint64		number;			/* in the order of arrival; 0: free */
	Oid			database;
	Oid			owner_id;
	int64		task_id;		/* 0: a guarded row */
	TimestampTz refused_at;
	char		relation[288];	/* of a guarded row, as the history knows its
								 * table */
	char		row_key[TC_MAX_ROW_KEY_LENGTH + 1]; /* of a guarded row */
	char		old_status[64];
	char		requested_status[64];
	char		reason[TC_REASON_LENGTH];	/* empty: none */
	char		actor[TC_MAX_NAME_LENGTH + 1];
	char		problems[640];	/* JSON */
} Refusal;

#endif							/* TC_REFUSAL_H */
