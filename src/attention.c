/*-------------------------------------------------------------------------
 *
 * attention.c
 *		What becomes of an alert: decided when it is written, done when it is
 *		time.
 *
 * The scheduler does both, and so knows when the next thing is due; after a
 * start it looks once.  Who acknowledges an alert in a transaction that stays
 * open is not waited for: what he holds is looked at again each second.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "arguments.h"
#include "attention.h"
#include "attention_store.h"
#include "guarded.h"
#include "shared_metrics.h"
#include "statement.h"
#include "worker_process.h"
#include "zone.h"

#define AGAIN_US (1 * USECS_PER_SEC)
#define FAILED_US (1 * USECS_PER_MINUTE)	/* at most one log line in that
											 * time */

static TimestampTz next_due = DT_NOBEGIN;

/* ---- deciding ---- */

static void
read_rule(const AttentionRuleRow *row, AttentionRule *rule)
{
	memset(rule, 0, sizeof(AttentionRule));
	(void) tc_attention_parse(row->action, &rule->action);
	if (row->hold != NULL && !tc_interval_usecs(row->hold, &rule->hold))
		rule->hold = 0;
	if (row->escalate_after != NULL &&
		!tc_interval_usecs(row->escalate_after, &rule->escalate_after))
		rule->escalate_after = USECS_PER_DAY;
	if (row->timezone == NULL || !tc_attention_time_parse(row->quiet_from, &rule->quiet_from) ||
		!tc_attention_time_parse(row->quiet_to, &rule->quiet_to))
		return;
	/* without a zone that the server no longer has there are no quiet hours */
	rule->quiet_zone = tc_zone_find(row->timezone);
}

static char *
explain(const AttentionDecision *decision, const AttentionRuleRow *row)
{
	const char *at = decision->due_at == DT_NOBEGIN ? "" : timestamptz_to_str(decision->due_at);

	switch (decision->reason)
	{
		case ATTENTION_NO_RULE:
			return pstrdup("No attention rule matches it.");
		case ATTENTION_QUIET:
			return psprintf("Attention rule \"%s\" has quiet hours from %s to %s (%s): it is told at %s.",
							row->name, row->quiet_from, row->quiet_to, row->timezone, at);
		case ATTENTION_RATE:
			return psprintf("Attention rule \"%s\" has told %d in its window: it is told with others at %s.",
							row->name, row->max_notices, at);
		case ATTENTION_BY_RULE:
			break;
	}
	switch (decision->action)
	{
		case ATTENTION_DROP:
			return psprintf("Attention rule \"%s\" drops it.", row->name);
		case ATTENTION_LOG:
			return psprintf("Attention rule \"%s\" tells nobody.", row->name);
		case ATTENTION_DEFER:
			return psprintf("Attention rule \"%s\" defers it: it is told at %s.", row->name, at);
		case ATTENTION_BATCH:
			return psprintf("Attention rule \"%s\" batches it: it is told with others at %s.",
							row->name, at);
		case ATTENTION_NOTIFY:
			return psprintf("Attention rule \"%s\" has it told at once.", row->name);
		case ATTENTION_ESCALATE:
			break;
	}
	return psprintf("Attention rule \"%s\" has it told at once, and again at %s unless somebody acknowledges it.",
					row->name, at);
}

void
tc_attention_judge(const AttentionCase *alert, TimestampTz now, AttentionVerdict *verdict)
{
	AttentionLook look = {now, alert->recovered, DT_NOBEGIN, DT_NOBEGIN};
	AttentionRuleRow *rows;
	AttentionRule rule;
	int			count = tc_attention_rules_for(alert->severity, alert->kind, &rows);
	int			i;

	for (i = 0; i < count && !tc_attention_matches(rows[i].pattern, alert->name);)
		i++;
	if (i < count)
	{
		read_rule(&rows[i], &rule);
		if (rows[i].max_notices > 0)
			look.room_at = tc_attention_room_at(&rows[i], now);
		look.batch_at = tc_attention_batch_at(rows[i].attention_rule_id, now);
	}
	verdict->decision = tc_attention_decide(i < count ? &rule : NULL, &look);
	verdict->rule_id = i < count ? rows[i].attention_rule_id : 0;
	verdict->rule = i < count ? rows[i].name : NULL;
	verdict->explanation = explain(&verdict->decision, &rows[i]);
}

void
tc_attention_expect(TimestampTz due_at)
{
	next_due = Min(next_due, due_at);
}

/* ---- doing ---- */

/* Tasks whose last run did not fail, as far as they are counted. */
static int
healed_tasks(int64 **tasks)
{
	MetricsCopy copy;
	int			count = 0;
	int			i;

	*tasks = NULL;
	if (!tc_metrics_copy(&copy))
		return 0;
	*tasks = palloc(sizeof(int64) * Max(copy.count, 1));
	for (i = 0; i < copy.count; i++)
	{
		if (copy.series[i].task_id != 0 && copy.series[i].failures.in_a_row == 0)
			(*tasks)[count++] = copy.series[i].task_id;
	}
	return count;
}

static void
do_due(void *argument)
{
	TimestampTz now = *(TimestampTz *) argument;
	bool		told = true;
	int64	   *healed;
	int			count;
	StoreFrame	frame;

	tc_store_begin(&frame);
	next_due = tc_alerts_next_due();
	if (next_due <= now)
	{
		told = tc_alerts_release(now);
		count = healed_tasks(&healed);
		told = tc_alerts_escalate(now, healed, count) || told;
		next_due = tc_alerts_next_due();
	}
	tc_store_end(&frame);

	/*
	 * more than a piece goes on at once, what somebody has locked is for
	 * later
	 */
	if (next_due <= now && !told)
		next_due = now + AGAIN_US;
}

void
tc_attention_act(TimestampTz now)
{
	char	   *error;

	if (next_due > now)
		return;
	tc_worker_begin("tell alerts that were held back");
	if (!tc_guarded(do_due, &now, &error))
	{
		next_due = now + FAILED_US;
		ereport(WARNING, (errmsg("taskcenter could not tell alerts that were held back: %s", error)));
	}
	tc_worker_commit();
}

TimestampTz
tc_attention_next(TimestampTz now)
{
	return Max(next_due, now);
}
