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

/* of set_context(): NULL leaves a value, an empty text removes it; secrets are hidden */
extern void tc_audit_set(const char *actor, const char *reason, const char *trace_id);

/*
 * The reason of the API call that executes; NULL when it ends.  The text must
 * live until then.
 */
extern void tc_audit_call_reason(const char *reason);

/* NULL: not set */
extern const char *tc_audit_given_actor(void);
extern const char *tc_audit_reason(void);
extern const char *tc_audit_trace_id(void);

/* the given actor, else the name of the role on whose behalf we act; palloc'd */
extern char *tc_audit_actor(Oid role);

#endif							/* TC_AUDIT_CONTEXT_H */
