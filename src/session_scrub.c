/*-------------------------------------------------------------------------
 *
 * session_scrub.c
 *		Makes an executor's session look freshly connected between two runs.
 *
 * Called after every run, so the common case of nothing left behind must cost
 * next to nothing: no transaction, no catalog.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/origin.h"
#include "replication/slot.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"
#include "utils/portal.h"

#include "compat.h"
#include "session_scrub.h"
#include "taskcenter.h"

/* Each of these stays behind for good, so they must not go on for ever. */
#define MAX_NEW_SETTINGS	100

/* Memory is looked at once in so many calls. */
#define MEMORY_CHECK_INTERVAL	16

/* What the session looked like when nothing had run in it. */
static bool initialized = false;
static Oid	home_session_user;
static Oid	home_role;
static int	home_settings;
static pg_prng_state seed_source;

/* Was the temporary schema used since it was last emptied? */
static bool temp_touched = false;

/* Length of the part of the library list that is known to be harmless. */
static Size checked_libraries;

/*
 * Libraries that keep no state between calls.  Any other may: interpreters
 * have global variables, dblink has connections.
 */
static const char *const harmless_libraries[] = {
	TC_LIBRARY, "plpgsql", "llvmjit", "dict_snowball", "euc2004_sjis2004",
	"amcheck", "autoinc", "bloom", "btree_gin", "btree_gist", "citext",
	"cube", "dict_int", "dict_xsyn", "earthdistance", "fuzzystrmatch",
	"hstore", "insert_username", "intarray", "isn", "lo", "ltree",
	"moddatetime", "pageinspect", "pg_buffercache", "pg_freespacemap",
	"pg_trgm", "pg_visibility", "pg_walinspect", "pgcrypto", "pgrowlocks",
	"pgstattuple", "refint", "seg", "tablefunc", "tcn", "tsm_system_rows",
	"tsm_system_time", "unaccent", "uuid-ossp"
};

/*
 * The transaction's flags are the only cheap trace of a temporary object; they
 * are still in place when this is called at its end.
 */
static void
note_temp_use(XactEvent event, void *arg)
{
	if (MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE)
		temp_touched = true;
}

void
tc_session_scrub_init(void)
{
	Assert(!initialized);

	home_session_user = GetSessionUserId();
	home_role = GetCurrentRoleId();
	tc_count_settings(&home_settings);
	checked_libraries = EstimateLibraryStateSpace() - 1;
	if (!pg_prng_strong_seed(&seed_source))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	RegisterXactCallback(note_temp_use, NULL);
	initialized = true;
}

static bool
identity_changed(void)
{
	return GetSessionUserId() != home_session_user ||
		GetCurrentRoleId() != home_role;
}

/* The two settings that RESET ALL leaves alone. */
static void
restore_identity(void)
{
	SetPGVariable("session_authorization", NIL, false);
	SetPGVariable("role", NIL, false);
	if (identity_changed())
		elog(ERROR, "could not restore the role of the session");
}

/* Give random() a state that says nothing of an earlier setseed(). */
static void
restore_randomness(void)
{
	double		seed = pg_prng_double(&seed_source) * 2.0 - 1.0;

	(void) DirectFunctionCall1(setseed, Float8GetDatum(seed));
}

/* What needs a transaction; rarely called. */
static void
scrub_in_transaction(void)
{
	MemoryContext caller = CurrentMemoryContext;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (identity_changed())
		restore_identity();
	if (temp_touched)
		ResetTempTableNamespace();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);

	/* Emptying the schema may itself have counted as using it. */
	temp_touched = false;
}

void
tc_session_scrub(void)
{
	Assert(initialized && !IsTransactionState());

	debug_query_string = NULL;
	PortalHashTableDeleteAll();
	ResetAllOptions();
	DropAllPreparedStatements();
	LockReleaseAll(USER_LOCKMETHOD, true);
	ResetSequenceCaches();
	tc_replication_slot_cleanup();
	restore_randomness();
	if (temp_touched || identity_changed())
		scrub_in_transaction();
	MemoryContextReset(MessageContext);
}

/* Is this file a library known to keep nothing? */
static bool
library_is_harmless(const char *path)
{
	const char *name = strrchr(path, '/');
	Size		length;
	int			i;

	name = name ? name + 1 : path;
	length = strlen(name);
	if (length > strlen(DLSUFFIX) &&
		strcmp(name + length - strlen(DLSUFFIX), DLSUFFIX) == 0)
		length -= strlen(DLSUFFIX);

	/* Encoding conversions, as in utf8_and_win */
	if (strstr(name, "_and_") != NULL)
		return true;
	for (i = 0; i < (int) lengthof(harmless_libraries); i++)
	{
		if (strlen(harmless_libraries[i]) == length &&
			strncmp(harmless_libraries[i], name, length) == 0)
			return true;
	}
	return false;
}

/*
 * Was a library loaded that may keep something?  Libraries are never unloaded
 * and new ones come last, so only what was added needs a look.
 */
static bool
stateful_library_loaded(void)
{
	Size		size = EstimateLibraryStateSpace();
	char	   *list;
	char	   *path;
	bool		stateful = false;

	if (size - 1 == checked_libraries)
		return false;

	list = palloc(size);
	SerializeLibraryState(size, list);
	for (path = list + checked_libraries; *path; path += strlen(path) + 1)
	{
		if (!library_is_harmless(path))
			stateful = true;
	}
	pfree(list);
	if (!stateful)
		checked_libraries = size - 1;
	return stateful;
}

/*
 * Memory of this process alone.  The kernel knows what libraries took; without
 * it the memory contexts must do.
 */
static Size
private_memory(void)
{
	char		buffer[128];
	unsigned long resident = 0;
	unsigned long shared = 0;
	ssize_t		length = -1;
	int			file = open("/proc/self/statm", O_RDONLY | PG_BINARY, 0);

	if (file >= 0)
	{
		length = read(file, buffer, sizeof(buffer) - 1);
		close(file);
	}
	if (length > 0)
	{
		buffer[length] = '\0';
		if (sscanf(buffer, "%*u %lu %lu", &resident, &shared) == 2 &&
			resident >= shared)
			return (Size) (resident - shared) * (Size) sysconf(_SC_PAGESIZE);
	}
	return MemoryContextMemAllocated(TopMemoryContext, true);
}

const char *
tc_session_recycle_reason(Size memory_limit)
{
	static int	calls = 0;
	int			settings;

	if (stateful_library_loaded())
		return "a library that may keep state was loaded";
	if (replorigin_session_origin != InvalidRepOriginId)
		return "a replication origin was set up";
	tc_count_settings(&settings);
	if (settings > home_settings + MAX_NEW_SETTINGS)
		return "too many custom settings were made";
	if (memory_limit > 0 && calls++ % MEMORY_CHECK_INTERVAL == 0 &&
		private_memory() > memory_limit)
		return "it uses too much memory";
	return NULL;
}
