/*-------------------------------------------------------------------------
 *
 * run_settings.c
 *		Which parameters a task may set for its runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "arguments.h"
#include "run_settings.h"
#include "run_transaction.h"

#define MAX_SETTINGS 100

static void
refuse_setting(const char *name, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"settings\" names a parameter that cannot be set for a run"),
			 errdetail("\"%s\" %s.", tc_shorten(name), problem),
			 errhint("Use parameters that the task's role may SET, with texts, numbers or booleans as values.")));
}

/* who a run is, and how its transaction goes, are no settings of it */
static bool
is_reserved_setting(const char *name)
{
	static const char *const reserved[] = {"role", "session_authorization", "is_superuser",
		"transaction_isolation", "transaction_read_only", "transaction_deferrable",
	"synchronous_commit"};
	int			i;

	for (i = 0; i < (int) lengthof(reserved); i++)
	{
		if (pg_strcasecmp(name, reserved[i]) == 0)
			return true;
	}
	return false;
}

static void
settings_context(void *argument)
{
	errcontext("option \"settings\"");
}

void
tc_run_settings_check(const Jsonb *settings)
{
	JsonbIterator *iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &settings->root));
	JsonbValue	value;
	JsonbIteratorToken token;
	ErrorContextCallback callback;
	char	   *name = NULL;
	int			count = 0;

	callback.callback = settings_context;
	callback.arg = NULL;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			name = pnstrdup(value.val.string.val, value.val.string.len);
			tc_check_name("settings", name);
			if (is_reserved_setting(name))
				refuse_setting(name, "is decided by the task itself");
			if (strchr(name, '.') == NULL && GetConfigOption(name, true, false) == NULL)
				refuse_setting(name, "does not exist");
			if (++count > MAX_SETTINGS)
				refuse_setting(name, psprintf("is one of more than %d", MAX_SETTINGS));
		}
		else if (token == WJB_VALUE && value.type != jbvString &&
				 value.type != jbvNumeric && value.type != jbvBool)
			refuse_setting(name, "has a value that is no text, number or boolean");
		else if (token == WJB_VALUE)
			(void) set_config_option(name, tc_run_setting_text(name, &value), PGC_SUSET,
									 PGC_S_TEST, GUC_ACTION_SET, false, 0, false);
	}
	error_context_stack = callback.previous;
}
