/*-------------------------------------------------------------------------
 *
 * lockstep.c
 *		Library, SQL objects and guards belong together, or nothing starts.
 *
 * The catalogs are asked at the scheduler's start, and again after each commit
 * that touched a trigger of ours (database_hook.c sees it): a disabled one does
 * not stay unnoticed, and nothing is asked while nobody touches them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guard_list_store.h"
#include "lockstep.h"
#include "statement.h"
#include "taskcenter.h"

char *
tc_lockstep_problem(void)
{
	StoreFrame	frame;
	char	   *problem = NULL;
	char	   *version;
	char	   *broken = NULL;
	char	   *foreign;

	tc_store_begin(&frame);
	version = tc_extension_version();
	if (version == NULL || strcmp(version, TC_VERSION) != 0)
		problem = psprintf("the library is %s, the SQL objects are %s", TC_VERSION,
						   version != NULL ? version : "not there");
	else
		tc_guard_list_look(&broken, &foreign);
	if (broken != NULL)
		problem = psprintf("guards are not in force: %s", broken);
	tc_store_end(&frame);
	return problem;
}
