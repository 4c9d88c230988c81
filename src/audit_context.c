/*-------------------------------------------------------------------------
 *
 * audit_context.c
 *		Who changes something in this transaction, and why.
 *
 * A stack of values, one entry per subtransaction that set any, allocated in
 * TopTransactionContext and so gone with the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "audit_context.h"
#include "redact.h"

typedef struct ContextEntry
{
	int			level;			/* transaction nest level that set it */
	const char *actor;
	const char *reason;
	const char *trace_id;
	struct ContextEntry *outer;
} ContextEntry;

static ContextEntry *current = NULL;
static const char *call_reason = NULL;
static const Jsonb *call_metadata = NULL;

static void
forget_all(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_PREPARE:
			current = NULL;
			call_reason = NULL;
			call_metadata = NULL;
			break;
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			break;
	}
}

static void
forget_sub(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (current != NULL && current->level >= level)
			current = current->outer;
		call_reason = NULL;
		call_metadata = NULL;
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB &&
			 current != NULL && current->level >= level)
		current->level = level - 1;
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(forget_all, NULL);
	RegisterSubXactCallback(forget_sub, NULL);
	registered = true;
}

static const char *
choose(const char *given, const char *before)
{
	if (given == NULL)
		return before;
	return given[0] == '\0' ? NULL : MemoryContextStrdup(TopTransactionContext,
														 tc_redact_text(given));
}

void
tc_audit_set(const char *actor, const char *reason, const char *trace_id)
{
	ContextEntry *entry;

	register_callbacks();
	entry = MemoryContextAlloc(TopTransactionContext, sizeof(ContextEntry));
	entry->level = GetCurrentTransactionNestLevel();
	entry->actor = choose(actor, current ? current->actor : NULL);
	entry->reason = choose(reason, current ? current->reason : NULL);
	entry->trace_id = choose(trace_id, current ? current->trace_id : NULL);
	entry->outer = current;
	current = entry;
}

void
tc_audit_call_reason(const char *reason)
{
	register_callbacks();
	call_reason = reason;
}

AuditCall
tc_audit_call_begin(const char *reason, const Jsonb *metadata)
{
	AuditCall	before = {call_reason, call_metadata};

	register_callbacks();
	call_reason = reason;
	call_metadata = metadata;
	return before;
}

void
tc_audit_call_end(AuditCall before)
{
	call_reason = before.reason;
	call_metadata = before.metadata;
}

const Jsonb *
tc_audit_metadata(void)
{
	return call_metadata;
}

const char *
tc_audit_given_actor(void)
{
	return current ? current->actor : NULL;
}

const char *
tc_audit_reason(void)
{
	if (call_reason != NULL)
		return call_reason;
	return current ? current->reason : NULL;
}

const char *
tc_audit_trace_id(void)
{
	return current ? current->trace_id : NULL;
}

char *
tc_audit_actor(Oid role)
{
	char	   *name;

	if (tc_audit_given_actor() != NULL)
		return pstrdup(tc_audit_given_actor());
	name = GetUserNameFromId(role, true);
	return name != NULL ? name : psprintf("role %u", role);
}
