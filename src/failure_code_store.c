/*-------------------------------------------------------------------------
 *
 * failure_code_store.c
 *		The rows of failure_codes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "failure_code.h"
#include "failure_code_store.h"

static Statement find_code = {
	.label = "find a failure code",
	.text =
	"SELECT c.retryable FROM taskcenter.failure_codes AS c WHERE c.code = $1",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement seed_code = {
	.label = "insert a failure code",
	.text =
	"INSERT INTO taskcenter.failure_codes (code, retryable, description, updated_at, updated_by)"
	" VALUES ($1, $2, $3, $4, 'taskcenter') ON CONFLICT (code) DO NOTHING",
	.nargs = 4,
	.types = {TEXTOID, BOOLOID, TEXTOID, TIMESTAMPTZOID}
};

/* xmax: 0 of a row that was inserted */
static Statement set_code = {
	.label = "set a failure code",
	.text =
	"INSERT INTO taskcenter.failure_codes AS c (code, retryable, description, updated_at,"
	"   updated_by)"
	" VALUES ($1, $2, coalesce($3, ''), $4, $5)"
	" ON CONFLICT (code) DO UPDATE SET retryable = excluded.retryable,"
	"   description = coalesce($3, c.description), updated_at = $4, updated_by = $5"
	"   WHERE (c.retryable, c.description) IS DISTINCT FROM ($2, coalesce($3, c.description))"
	" RETURNING c.xmax = 0",
	.nargs = 5,
	.types = {TEXTOID, BOOLOID, TEXTOID, TIMESTAMPTZOID, TEXTOID}
};

static Statement tell_letters = {
	.label = "tell dead letters of a failure code",
	.text =
	"UPDATE taskcenter.dead_letters AS d SET retryable = $2"
	" WHERE d.code = $1 AND d.retryable <> $2 AND d.state = ANY (ARRAY['open', 'redriven'])",
	.nargs = 2,
	.types = {TEXTOID, BOOLOID},
	.any_plan = true
};

bool
tc_failure_code_find(const char *code, bool *retryable)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, code);
	if (tc_run_bound(&find_code, &arguments) == 0)
		return false;
	*retryable = tc_get_bool(0, 1);
	return true;
}

void
tc_failure_codes_seed(TimestampTz now)
{
	const FailureCode *code;

	for (code = tc_failure_codes; code->code != NULL; code++)
	{
		Bindings	arguments = {0};

		tc_bind_text(&arguments, code->code);
		tc_bind_bool(&arguments, code->retryable);
		tc_bind_text(&arguments, code->description);
		tc_bind_timestamptz(&arguments, now);
		tc_run_bound(&seed_code, &arguments);
	}
}

FailureCodeChange
tc_failure_code_set(const char *code, bool retryable, const char *description,
					const char *actor, TimestampTz now, bool *was)
{
	Bindings	arguments = {0};
	Bindings	letters = {0};
	FailureCodeChange change;

	if (!tc_failure_code_find(code, was))
		*was = retryable;
	tc_bind_text(&arguments, code);
	tc_bind_bool(&arguments, retryable);
	tc_bind_text(&arguments, description);
	tc_bind_timestamptz(&arguments, now);
	tc_bind_text(&arguments, actor);
	if (tc_run_bound(&set_code, &arguments) == 0)
		return FAILURE_CODE_UNCHANGED;
	change = tc_get_bool(0, 1) ? FAILURE_CODE_CREATED : FAILURE_CODE_CHANGED;
	tc_bind_text(&letters, code);
	tc_bind_bool(&letters, retryable);
	tc_run_bound(&tell_letters, &letters);
	return change;
}
