/*-------------------------------------------------------------------------
 *
 * flag_api.c
 *		Feature flags: to set them, to decide them for one subject, to ask.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "access.h"
#include "activation.h"
#include "arguments.h"
#include "audit_context.h"
#include "compat.h"
#include "flag_check.h"
#include "flag_store.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_set_flag);
PG_FUNCTION_INFO_V1(taskcenter_override_flag);
PG_FUNCTION_INFO_V1(taskcenter_flag_enabled);

#define MAX_COHORTS 100
#define MAX_REQUIRED 20
#define MAX_WARNINGS 20			/* of a transaction */

/* ---- set_flag(flag, enabled, percent, cohorts, requires, reason) ---- */

typedef struct FlagChange
{
	char	   *flag;
	char	  **cohorts;		/* NULL: not given */
	int			cohort_count;
	char	  **requires;		/* NULL: not given */
	int			require_count;
} FlagChange;

static int
compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* each once, in order */
static char **
read_words(FunctionCallInfo fcinfo, int n, const char *name, int most, int *count)
{
	char	  **words = tc_arg_text_array(fcinfo, n, name, count);
	int			kept = 0;
	int			i;

	if (words == NULL)
		return NULL;
	tc_check_int(name, *count, 0, most);
	qsort(words, *count, sizeof(char *), compare_words);
	for (i = 0; i < *count; i++)
	{
		tc_check_name(name, words[i]);
		if (kept == 0 || strcmp(words[kept - 1], words[i]) != 0)
			words[kept++] = words[i];
	}
	*count = kept;
	return words;
}

static void
check_required(const FlagChange *change)
{
	char	   *problem = tc_flag_missing(change->requires, change->require_count);
	int			i;

	if (problem != NULL && strcmp(problem, change->flag) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("flag \"%s\" does not exist", problem),
				 errdetail("\"requires\" names it."),
				 errhint("Make it with taskcenter.set_flag() first.")));
	problem = tc_flag_circle(change->flag, change->requires, change->require_count);
	for (i = 0; i < change->require_count && problem == NULL; i++)
		if (strcmp(change->requires[i], change->flag) == 0)
			problem = change->flag;
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("flag \"%s\" would require itself", change->flag),
				 errdetail("\"requires\" names \"%s\".", problem),
				 errhint("Leave out what requires the flag, by whatever way.")));
}

/* what is given over what there is */
static void
merge(FunctionCallInfo fcinfo, const FlagChange *change, FlagRow *row)
{
	bool		exists = tc_flag_find(change->flag, row);

	if (!exists)
	{
		row->flag = change->flag;
		row->enabled = !PG_ARGISNULL(2) || change->cohorts != NULL;
		row->percent = change->cohort_count > 0 ? 0 : TC_FLAG_BUCKETS;
		row->cohorts = row->requires = NULL;
		row->cohort_count = row->require_count = 0;
	}
	row->enabled = tc_arg_bool(fcinfo, 1, row->enabled);
	row->percent = tc_arg_int32(fcinfo, 2, row->percent);
	if (change->cohorts != NULL)
	{
		row->cohorts = change->cohorts;
		row->cohort_count = change->cohort_count;
	}
	if (change->requires != NULL)
	{
		row->requires = change->requires;
		row->require_count = change->require_count;
	}
}

static const char *
state_of(const FlagRow *row)
{
	int			i;

	if (!row->enabled || (row->percent == 0 && row->cohort_count == 0))
		return "off";
	for (i = 0; i < row->cohort_count; i++)
		if (strcmp(row->cohorts[i], "all") == 0)
			return "on";
	return row->percent >= TC_FLAG_BUCKETS ? "on" : "partial";
}

Datum
taskcenter_set_flag(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	FlagChange	change;
	FlagRow		row;
	StoreFrame	frame;

	change.flag = tc_arg_required_text(fcinfo, 0, "flag");
	tc_check_name("flag", change.flag);
	tc_check_int("percent", tc_arg_int32(fcinfo, 2, 0), 0, TC_FLAG_BUCKETS);
	change.cohorts = read_words(fcinfo, 3, "cohorts", MAX_COHORTS, &change.cohort_count);
	change.requires = read_words(fcinfo, 4, "requires", MAX_REQUIRED, &change.require_count);
	tc_access_require_admin("set a flag");
	(void) tc_activate_if_fresh(now);
	tc_audit_call_reason(tc_arg_reason(fcinfo, 5));
	tc_store_begin(&frame);
	if (change.requires != NULL)
		tc_flags_lock_requires();
	tc_flag_lock(change.flag);
	check_required(&change);
	merge(fcinfo, &change, &row);
	tc_flag_store(&row, tc_audit_actor(tc_statement_caller()), now);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text(state_of(&row)));
}

/* ---- override_flag(flag, subject, enabled, reason) ---- */

Datum
taskcenter_override_flag(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *flag = tc_arg_required_text(fcinfo, 0, "flag");
	char	   *subject = tc_arg_required_text(fcinfo, 1, "subject");
	bool		enabled = tc_arg_bool(fcinfo, 2, false);
	StoreFrame	frame;

	tc_check_name("flag", flag);
	tc_check_name("subject", subject);
	tc_access_require_admin("override a flag");
	(void) tc_activate_if_fresh(now);
	tc_flag_require("flag", flag);
	tc_audit_call_reason(tc_arg_reason(fcinfo, 3));
	tc_store_begin(&frame);
	if (PG_ARGISNULL(2))
		tc_flag_override_remove(flag, subject);
	else
		tc_flag_override_store(flag, subject, enabled,
							   tc_audit_actor(tc_statement_caller()), now);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text(PG_ARGISNULL(2) ? "none" : enabled ? "on" : "off"));
}

/* ---- flag_enabled(flag, subject, cohorts) ---- */

/* Once in a transaction, and of some flags only: it can be asked for each row of a query. */
static void
warn_missing(const char *flag)
{
	static LocalTransactionId told_in = InvalidLocalTransactionId;
	static List *told = NIL;
	MemoryContext old;
	ListCell   *cell;

	if (told_in != tc_local_transaction())
		told = NIL;
	told_in = tc_local_transaction();
	foreach(cell, told)
		if (strcmp(lfirst(cell), flag) == 0)
		return;
	if (list_length(told) >= MAX_WARNINGS)
		return;
	old = MemoryContextSwitchTo(TopTransactionContext);
	told = lappend(told, pstrdup(flag));
	MemoryContextSwitchTo(old);
	ereport(WARNING,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("flag \"%s\" does not exist, and is off", tc_shorten(flag)),
			 errhint("Make it with taskcenter.set_flag().")));
}

Datum
taskcenter_flag_enabled(PG_FUNCTION_ARGS)
{
	char	   *flag = tc_arg_required_text(fcinfo, 0, "flag");
	char	   *subject = tc_arg_text(fcinfo, 1);
	int			cohort_count;
	char	  **cohorts = tc_arg_text_array(fcinfo, 2, "cohorts", &cohort_count);
	bool		known;
	bool		on;

	on = tc_flag_allows_one(flag, subject, cohorts, cohort_count, NULL, &known);
	if (!known)
		warn_missing(flag);
	PG_RETURN_BOOL(on);
}
