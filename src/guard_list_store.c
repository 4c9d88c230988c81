/*-------------------------------------------------------------------------
 *
 * guard_list_store.c
 *		Whether the triggers of our relations are in force, and what brings
 *		them back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bindings.h"
#include "guard_list_store.h"
#include "statement.h"

/* what one sentence lists of each sort; the function guard_problems() shows all */
static Statement describe = {
	.label = "look at the guards",
	.text =
	"SELECT string_agg(p.line, ', ' ORDER BY p.place) FILTER (WHERE NOT p.in_force AND p.place < 5)"
	"     || CASE WHEN count(*) FILTER (WHERE NOT p.in_force) > 4"
	"     THEN format(', and %s more', count(*) FILTER (WHERE NOT p.in_force) - 4) ELSE '' END,"
	"   string_agg(p.line, ', ' ORDER BY p.place) FILTER (WHERE p.in_force AND p.place < 5)"
	"     || CASE WHEN count(*) FILTER (WHERE p.in_force) > 4"
	"     THEN format(', and %s more', count(*) FILTER (WHERE p.in_force) - 4) ELSE '' END"
	" FROM (SELECT format('%s.%s %s', g.relation, g.trigger_name, g.problem) AS line, g.in_force,"
	"     row_number() OVER (PARTITION BY g.in_force"
	"       ORDER BY length(g.relation), g.relation, g.trigger_name) AS place"
	"   FROM taskcenter.guard_problems() AS g) AS p",
	.any_plan = true
};

static Statement list_repairs = {
	.label = "list what repairs the guards",
	.text =
	"SELECT g.repair FROM taskcenter.guard_problems() AS g"
	" WHERE NOT g.in_force AND g.repair IS NOT NULL",
	.any_plan = true
};

static Statement read_version = {
	.label = "read the version of the extension",
	.text = "SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'taskcenter'",
	.any_plan = true
};

void
tc_guard_list_look(char **broken, char **foreign)
{
	Bindings	none = {0};

	tc_run_bound(&describe, &none);
	*broken = tc_get_text(0, 1);
	*foreign = tc_get_text(0, 2);
}

int
tc_guard_list_repair(void)
{
	Bindings	none = {0};
	int			count = (int) tc_run_bound(&list_repairs, &none);
	char	  **texts = palloc(sizeof(char *) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		texts[i] = tc_get_text(i, 1);
	for (i = 0; i < count; i++)
		tc_run_utility("repair a guard", texts[i]);
	return count;
}

char *
tc_extension_version(void)
{
	Bindings	none = {0};

	return tc_run_bound(&read_version, &none) > 0 ? tc_get_text(0, 1) : NULL;
}
