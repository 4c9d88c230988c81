/*-------------------------------------------------------------------------
 *
 * current_run.c
 *		What the run that executes in this process may know of itself.
 *
 * One pointer per process, to the innermost run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "current_run.h"

static CurrentRun *innermost = NULL;

static Jsonb *copy_jsonb(const Jsonb *value);

void
tc_current_run_begin(CurrentRun *run)
{
	run->output = NULL;
	run->logs = NIL;
	run->log_bytes = 0;
	run->outer = innermost;
	innermost = run;
}

void
tc_current_run_end(CurrentRun *run)
{
	Assert(innermost == run);
	innermost = run->outer;
}

CurrentRun *
tc_current_run(void)
{
	return innermost;
}

void
tc_current_run_set_output(const Jsonb *output)
{
	MemoryContext old = MemoryContextSwitchTo(innermost->context);

	if (innermost->output != NULL)
		pfree(innermost->output);
	innermost->output = output == NULL ? NULL : copy_jsonb(output);
	MemoryContextSwitchTo(old);
}

bool
tc_current_run_log(TimestampTz logged_at, const char *level,
				   const char *message, const Jsonb *metadata)
{
	MemoryContext old;
	RunLogLine *line;
	Size		size = strlen(message) +
	(metadata == NULL ? 0 : VARSIZE(metadata));

	if (list_length(innermost->logs) >= TC_RUN_MAX_LOG_LINES ||
		innermost->log_bytes + size > TC_RUN_MAX_LOG_TOTAL)
		return false;
	old = MemoryContextSwitchTo(innermost->context);
	line = palloc(sizeof(RunLogLine));
	line->logged_at = logged_at;
	line->level = pstrdup(level);
	line->message = pstrdup(message);
	line->metadata = metadata == NULL ? NULL : copy_jsonb(metadata);
	innermost->logs = lappend(innermost->logs, line);
	innermost->log_bytes += size;
	MemoryContextSwitchTo(old);
	return true;
}

static Jsonb *
copy_jsonb(const Jsonb *value)
{
	Jsonb	   *copy = palloc(VARSIZE(value));

	memcpy(copy, value, VARSIZE(value));
	return copy;
}
