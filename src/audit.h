/*-------------------------------------------------------------------------
 *
 * audit.h
 *		A row of the audit: who, how, when and why, besides what changed.
 *
 * Layer 4.  Called between tc_store_begin() and tc_store_end(), in the
 * transaction of the change.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_AUDIT_H
#define TC_AUDIT_H

#include "audit_store.h"

/*
 * Write the row; the caller says what changed (action, object, values; a
 * reason, unless it is the transaction's), the rest is filled in.  writer is the role on whose behalf it is done: what
 * tc_statement_caller() was when the call or trigger began.  Refused with
 * 55000 if the database asks for an actor and none was given.
 */
extern void tc_audit_record(AuditRow *row, Oid writer, TimestampTz now);

/* {key: value}, for the values of a row */
extern Jsonb *tc_audit_text(const char *key, const char *value);

/*
 * May what executes now change schedules?  42501 for a run that a schedule
 * made, unless the database allows it.
 */
extern void tc_audit_check_scheduled_run(void);

#endif							/* TC_AUDIT_H */
