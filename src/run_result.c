/*-------------------------------------------------------------------------
 *
 * run_result.c
 *		A run as a value of the type taskcenter.run_result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "run_result.h"

static void
fill_text(const char *text, Datum *value, bool *isnull)
{
	*isnull = text == NULL;
	*value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

void
tc_run_result_fill(const RunFacts *run, Datum *values, bool *nulls)
{
	values[0] = Int64GetDatum(run->run_id);
	nulls[0] = false;
	fill_text(run->task, &values[1], &nulls[1]);
	fill_text(run->status, &values[2], &nulls[2]);
	values[3] = PointerGetDatum(run->output);
	nulls[3] = run->output == NULL;
	fill_text(run->error, &values[4], &nulls[4]);
	fill_text(run->sqlstate, &values[5], &nulls[5]);
	values[6] = TimestampTzGetDatum(run->finished_at);
	nulls[6] = !run->finished;
}
