/*-------------------------------------------------------------------------
 *
 * audit_store.h
 *		Rows of task_audit_logs.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_AUDIT_STORE_H
#define TC_AUDIT_STORE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

/* pointers may be NULL where the column may; ids 0: none; the client is the session's */
typedef struct AuditRow
{
	TimestampTz recorded_at;
	const char *action;
	const char *object_type;
	int64		object_id;
	const char *object_name;
	int64		task_id;		/* its name goes before that of the object */
	int64		owner_id;
	Jsonb	   *old_values;
	Jsonb	   *new_values;
	const char *channel;
	int64		run_id;			/* of the run that did it */
	const char *actor;
	const char *session_role;
	const char *effective_role;
	const char *application_name;
	const char *reason;
	const char *trace_id;
} AuditRow;

extern void tc_audit_insert(const AuditRow *row);

#endif							/* TC_AUDIT_STORE_H */
