/*-------------------------------------------------------------------------
 *
 * flag_store.c
 *		Feature flags, and decisions for single subjects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "flag_store.h"

static Statement find_flag = {
	.label = "find a flag",
	.text =
	"SELECT f.enabled, f.percent, f.cohorts, f.requires FROM taskcenter.feature_flags AS f"
	" WHERE f.flag = $1",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement lock_flag = {
	.label = "lock a flag",
	.text =
	"SELECT FROM taskcenter.feature_flags AS f WHERE f.flag = $1 FOR NO KEY UPDATE",
	.nargs = 1,
	.types = {TEXTOID}
};

/* whoever changes what flags require, one at a time */
static Statement lock_table = {
	.label = "lock what flags require",
	.text = "LOCK TABLE taskcenter.feature_flags IN SHARE UPDATE EXCLUSIVE MODE"
};

/* under an older snapshot this finds out that one has changed; it waits for nobody */
static Statement see_flags = {
	.label = "see what flags require",
	.text =
	"SELECT FROM taskcenter.feature_flags AS f ORDER BY f.flag FOR KEY SHARE"
};

static Statement store_flag = {
	.label = "store a flag",
	.text =
	"INSERT INTO taskcenter.feature_flags AS f (flag, enabled, percent, cohorts, requires,"
	"   created_at, updated_at, updated_by)"
	" VALUES ($1, $2, $3, $4, $5, $7, $7, $6) ON CONFLICT (flag) DO UPDATE"
	" SET enabled = excluded.enabled, percent = excluded.percent, cohorts = excluded.cohorts,"
	"   requires = excluded.requires, updated_at = excluded.updated_at,"
	"   updated_by = excluded.updated_by"
	" WHERE (f.enabled, f.percent, f.cohorts, f.requires) IS DISTINCT FROM"
	"   (excluded.enabled, excluded.percent, excluded.cohorts, excluded.requires)",
	.nargs = 7,
	.types = {TEXTOID, BOOLOID, INT4OID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID}
};

static Statement missing_flag = {
	.label = "look for missing flags",
	.text =
	"SELECT w.flag FROM unnest($1) WITH ORDINALITY AS w (flag, place)"
	" WHERE NOT EXISTS (SELECT FROM taskcenter.feature_flags AS f WHERE f.flag = w.flag)"
	" ORDER BY w.place LIMIT 1",
	.nargs = 1,
	.types = {TEXTARRAYOID}
};

static Statement circle = {
	.label = "look for flags that require each other",
	.text =
	"WITH RECURSIVE needed (flag, by) AS ("
	" SELECT w.flag, w.flag FROM unnest($2) AS w (flag)"
	" UNION SELECT q.flag, n.by FROM needed AS n"
	" JOIN taskcenter.feature_flags AS f ON f.flag = n.flag"
	" CROSS JOIN LATERAL unnest(f.requires) AS q (flag))"
	" SELECT n.by FROM needed AS n WHERE n.flag = $1 LIMIT 1",
	.nargs = 2,
	.types = {TEXTOID, TEXTARRAYOID}
};

static Statement states_of = {
	.label = "decide a flag",
	.text =
	"WITH RECURSIVE needed (flag) AS ("
	" SELECT $1"
	" UNION SELECT q.flag FROM needed AS n"
	" JOIN taskcenter.feature_flags AS f ON f.flag = n.flag"
	" CROSS JOIN LATERAL unnest(f.requires) AS q (flag))"
	" SELECT n.flag, f.flag IS NOT NULL, f.enabled, f.percent,"
	"   f.cohorts && $3 OR 'all' = ANY (f.cohorts), o.enabled"
	" FROM needed AS n"
	" LEFT JOIN taskcenter.feature_flags AS f ON f.flag = n.flag"
	" LEFT JOIN taskcenter.flag_overrides AS o ON o.flag = n.flag AND o.subject = $2"
	" ORDER BY n.flag <> $1, n.flag",
	.nargs = 3,
	.types = {TEXTOID, TEXTOID, TEXTARRAYOID}
};

static Statement store_override = {
	.label = "store the override of a flag",
	.text =
	"INSERT INTO taskcenter.flag_overrides AS o (flag, subject, enabled, updated_at, updated_by)"
	" VALUES ($1, $2, $3, $5, $4) ON CONFLICT (flag, subject) DO UPDATE"
	" SET enabled = excluded.enabled, updated_at = excluded.updated_at,"
	"   updated_by = excluded.updated_by WHERE o.enabled <> excluded.enabled",
	.nargs = 5,
	.types = {TEXTOID, TEXTOID, BOOLOID, TEXTOID, TIMESTAMPTZOID}
};

static Statement remove_override = {
	.label = "remove the override of a flag",
	.text = "DELETE FROM taskcenter.flag_overrides WHERE flag = $1 AND subject = $2",
	.nargs = 2,
	.types = {TEXTOID, TEXTOID}
};

/* ---- flags ---- */

static void
bind_words(Bindings *arguments, char *const *words, int count)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		values[i] = CStringGetTextDatum(words[i]);
	tc_bind_datum(arguments,
				  PointerGetDatum(construct_array(values, count, TEXTOID, -1, false,
												  TYPALIGN_INT)), false);
}

static char **
read_words(int column, int *count)
{
	bool		isnull;
	Datum		array = tc_get_datum(0, column, &isnull);
	Datum	   *elements;
	char	  **words;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  NULL, count);
	words = palloc(sizeof(char *) * Max(*count, 1));
	for (i = 0; i < *count; i++)
		words[i] = TextDatumGetCString(elements[i]);
	return words;
}

bool
tc_flag_find(const char *flag, FlagRow *row)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, flag);
	if (tc_run_bound(&find_flag, &arguments) == 0)
		return false;
	row->flag = pstrdup(flag);
	row->enabled = tc_get_bool(0, 1);
	row->percent = tc_get_int32(0, 2);
	row->cohorts = read_words(3, &row->cohort_count);
	row->requires = read_words(4, &row->require_count);
	return true;
}

void
tc_flag_lock(const char *flag)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, flag);
	tc_run_bound(&lock_flag, &arguments);
}

void
tc_flags_lock_requires(void)
{
	tc_run(&lock_table, NULL, NULL);
	tc_run(&see_flags, NULL, NULL);
}

void
tc_flag_store(const FlagRow *row, const char *actor, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, row->flag);
	tc_bind_bool(&arguments, row->enabled);
	tc_bind_int32(&arguments, row->percent);
	bind_words(&arguments, row->cohorts, row->cohort_count);
	bind_words(&arguments, row->requires, row->require_count);
	tc_bind_text(&arguments, actor);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&store_flag, &arguments);
}

char *
tc_flag_missing(char *const *flags, int count)
{
	Bindings	arguments = {0};

	bind_words(&arguments, flags, count);
	return tc_run_bound(&missing_flag, &arguments) == 0 ? NULL : tc_get_text(0, 1);
}

char *
tc_flag_circle(const char *flag, char *const *requires, int count)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, flag);
	bind_words(&arguments, requires, count);
	return tc_run_bound(&circle, &arguments) == 0 ? NULL : tc_get_text(0, 1);
}

int
tc_flag_states(const char *flag, const char *subject, char *const *cohorts,
			   int cohort_count, FlagState **states)
{
	Bindings	arguments = {0};
	int			count;
	int			i;

	tc_bind_text(&arguments, flag);
	tc_bind_text(&arguments, subject);
	bind_words(&arguments, cohorts, cohort_count);
	count = (int) tc_run_bound(&states_of, &arguments);
	*states = palloc(sizeof(FlagState) * count);
	for (i = 0; i < count; i++)
	{
		FlagState  *state = &(*states)[i];

		state->flag = tc_get_text(i, 1);
		state->exists = tc_get_bool(i, 2);
		state->enabled = tc_get_bool(i, 3);
		state->percent = tc_get_int32(i, 4);
		state->in_cohort = tc_get_bool(i, 5);
		state->override = tc_is_null(i, 6) ? FLAG_OVERRIDE_NONE :
			tc_get_bool(i, 6) ? FLAG_OVERRIDE_ON : FLAG_OVERRIDE_OFF;
	}
	return count;
}

/* ---- overrides ---- */

void
tc_flag_override_store(const char *flag, const char *subject, bool enabled,
					   const char *actor, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, flag);
	tc_bind_text(&arguments, subject);
	tc_bind_bool(&arguments, enabled);
	tc_bind_text(&arguments, actor);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&store_override, &arguments);
}

void
tc_flag_override_remove(const char *flag, const char *subject)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, flag);
	tc_bind_text(&arguments, subject);
	tc_run_bound(&remove_override, &arguments);
}
