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

/* what one sentence lists; the function guard_problems() shows all */
static Statement describe_broken = {
	.label = "look at the guards",
	.text =
	"SELECT string_agg(format('%s.%s %s', p.relation, p.trigger_name, p.problem), ', ')"
	"   || CASE WHEN max(p.total) > 4 THEN format(', and %s more', max(p.total) - 4) ELSE '' END"
	" FROM (SELECT g.relation, g.trigger_name, g.problem, count(*) OVER () AS total"
	"   FROM taskcenter.guard_problems() AS g WHERE NOT g.in_force LIMIT 4) AS p",
	.any_plan = true
};

static Statement describe_foreign = {
	.label = "look for triggers of others",
	.text =
	"SELECT string_agg(format('%s.%s %s', p.relation, p.trigger_name, p.problem), ', ')"
	"   || CASE WHEN max(p.total) > 4 THEN format(', and %s more', max(p.total) - 4) ELSE '' END"
	" FROM (SELECT g.relation, g.trigger_name, g.problem, count(*) OVER () AS total"
	"   FROM taskcenter.guard_problems() AS g WHERE g.in_force LIMIT 4) AS p",
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

static char *
read_text(Statement *statement)
{
	Bindings	none = {0};

	return tc_run_bound(statement, &none) > 0 ? tc_get_text(0, 1) : NULL;
}

char *
tc_guard_list_broken(void)
{
	return read_text(&describe_broken);
}

char *
tc_guard_list_foreign(void)
{
	return read_text(&describe_foreign);
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
	return read_text(&read_version);
}
