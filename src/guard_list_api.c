/*-------------------------------------------------------------------------
 *
 * guard_list_api.c
 *		repair_guards(): what brings the triggers of our relations back.
 *
 * Executed in any session, by an administrator, as the owner of the tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "audit.h"
#include "audit_context.h"
#include "guard_list_store.h"
#include "shared_state.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_repair_guards);

/* a root that is made anew makes those of its partitions anew, which then need a look */
#define MAX_ROUNDS 3

Datum
taskcenter_repair_guards(PG_FUNCTION_ARGS)
{
	char	   *reason = tc_arg_reason(fcinfo, 0);
	StoreFrame	frame;
	int64		repaired = 0;
	Oid			writer = tc_statement_caller();
	AuditRow	row = {0};
	char	   *found;
	char	   *broken;
	char	   *foreign;
	int			round;

	tc_access_require_admin("repair guards");
	tc_audit_call_reason(reason);
	tc_store_begin(&frame);
	tc_guard_list_look(&found, &foreign);
	for (round = 0; round < MAX_ROUNDS; round++)
		repaired += tc_guard_list_repair();
	tc_guard_list_look(&broken, &foreign);
	if (repaired > 0 && broken == NULL)
	{
		row.action = "repair";
		row.object_type = "guards";
		row.old_values = tc_audit_text("not_in_force", found);
		tc_audit_record(&row, writer, GetCurrentTimestamp());
	}
	tc_store_end(&frame);
	if (broken != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("guards could not be brought back"),
				 errdetail("These are not in force: %s.", broken),
				 errhint("Objects of the extension are missing or were replaced: dump the data, then install the extension anew.")));
	tc_audit_call_reason(NULL);
	tc_shared_touch_control();
	PG_RETURN_INT64(repaired);
}
