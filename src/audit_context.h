/*-------------------------------------------------------------------------
 *
 * audit_context.h
 *		Who changes something in this transaction, and why: what the audit and
 *		the history say besides what the server knows.
 *
 * Layer 2.  Process memory, bound to the transaction: values set in a
 * subtransaction that is rolled back are forgotten, and nothing outlives the
 * transaction.  The reason given to the API call that executes now wins over
 * the one of set_context().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_AUDIT_CONTEXT_H
#define TC_AUDIT_CONTEXT_H

#include "utils/jsonb.h"

/* of set_context(): NULL leaves a value, an empty text removes it; secrets are hidden */
extern void tc_audit_set(const char *actor, const char *reason, const char *trace_id);

/*
 * The reason of the API call that executes; NULL when it ends.  The text must
 * live until then.
 */
extern void tc_audit_call_reason(const char *reason);

/*
 * Reason and metadata of an API call within which triggers of users may call
 * again: they are those of the call until the end, then what they were before.
 */
typedef struct AuditCall
{
	const char *reason;
	const Jsonb *metadata;
} AuditCall;

extern AuditCall tc_audit_call_begin(const char *reason, const Jsonb *metadata);
extern void tc_audit_call_end(AuditCall before);

/* of the call; NULL: none */
extern const Jsonb *tc_audit_metadata(void);

/* NULL: not set */
extern const char *tc_audit_given_actor(void);
extern const char *tc_audit_reason(void);
extern const char *tc_audit_trace_id(void);

/* the given actor, else the name of the role on whose behalf we act; palloc'd */
extern char *tc_audit_actor(Oid role);

#endif							/* TC_AUDIT_CONTEXT_H */
