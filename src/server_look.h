/*-------------------------------------------------------------------------
 *
 * server_look.h
 *		What the server knows of the transactions of sessions: who keeps old rows
 *		from being removed.
 *
 * Layer 2.  Read from shared memory, without the rights that the views of the
 * server ask for: callers show no more than process and age.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SERVER_LOOK_H
#define TC_SERVER_LOOK_H

#include "datatype/timestamp.h"

typedef struct HeldSnapshot
{
	int			pid;			/* 0: nobody else holds one */
	TimestampTz since;			/* start of its transaction */
} HeldSnapshot;

/* the oldest transaction with a snapshot in this database, but for our own */
extern HeldSnapshot tc_server_oldest_snapshot(void);

/* when the transaction of a process of this database began; 0: it is in none */
extern TimestampTz tc_server_transaction_start(int pid);

/* when the oldest one in this database began, our own too; DT_NOEND: there is none */
extern TimestampTz tc_server_oldest_transaction(void);

/*
 * Transaction ids given since the oldest one whose rows of live_runs something
 * still needs: a session of the database, a prepared transaction, a slot, a
 * standby.
 */
extern int64 tc_server_held_xids(void);

#endif							/* TC_SERVER_LOOK_H */
