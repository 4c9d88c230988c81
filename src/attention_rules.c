/*-------------------------------------------------------------------------
 *
 * attention_rules.c
 *		What becomes of an alert: told at once, later, or never.
 *
 * Quiet hours are two daily schedules: it is quiet while the last beginning is
 * younger than the last end.  So they follow the zone's changes of the clock
 * as schedules do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "attention_rules.h"
#include "schedule.h"

static const char *const action_labels[ATTENTION_ACTION_COUNT] = {
	[ATTENTION_DROP] = "drop",
	[ATTENTION_LOG] = "log",
	[ATTENTION_DEFER] = "defer",
	[ATTENTION_BATCH] = "batch",
	[ATTENTION_NOTIFY] = "notify",
	[ATTENTION_ESCALATE] = "escalate"
};

const char *
tc_attention_label(AttentionAction action)
{
	return action_labels[action];
}

bool
tc_attention_parse(const char *label, AttentionAction *action)
{
	int			i;

	for (i = 0; i < ATTENTION_ACTION_COUNT; i++)
	{
		*action = (AttentionAction) i;
		if (strcmp(action_labels[i], label) == 0)
			return true;
	}
	return false;
}

bool
tc_attention_is_held(AttentionAction action)
{
	return action == ATTENTION_DEFER || action == ATTENTION_BATCH;
}

bool
tc_attention_is_told(AttentionAction action)
{
	return action == ATTENTION_NOTIFY || action == ATTENTION_ESCALATE;
}

static bool
two_digits(const char *digits, int limit, int *value)
{
	if (digits[0] < '0' || digits[0] > '9' || digits[1] < '0' || digits[1] > '9')
		return false;
	*value = (digits[0] - '0') * 10 + (digits[1] - '0');
	return *value < limit;
}

bool
tc_attention_time_parse(const char *clock, int *minutes)
{
	int			hour;
	int			minute;

	if (strlen(clock) != 5 || clock[2] != ':' || !two_digits(clock, HOURS_PER_DAY, &hour) ||
		!two_digits(clock + 3, MINS_PER_HOUR, &minute))
		return false;
	*minutes = hour * MINS_PER_HOUR + minute;
	return true;
}

bool
tc_attention_matches(const char *pattern, const char *name)
{
	const char *star = NULL;	/* the last one */
	const char *tried = NULL;	/* where it ends so far */

	if (pattern == NULL)
		return true;
	while (*name != '\0')
	{
		if (*pattern == '*')
		{
			star = pattern++;
			tried = name;
		}
		else if (*pattern == *name)
		{
			pattern++;
			name++;
		}
		else if (star != NULL)
		{
			pattern = star + 1;
			name = ++tried;
		}
		else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* ---- quiet hours ---- */

static Schedule *
daily(int minutes)
{
	ScheduleError error;
	char		cron[32];

	snprintf(cron, sizeof(cron), "%d %d * * *", minutes % MINS_PER_HOUR, minutes / MINS_PER_HOUR);
	return tc_schedule_parse(cron, &error);
}

/* The moment itself, or the end of the quiet hours that it lies in. */
static TimestampTz
after_quiet(const AttentionRule *rule, TimestampTz moment)
{
	ScheduleContext context = {0};
	Schedule   *from;
	Schedule   *to;
	TimestampTz begun;
	TimestampTz ended;
	TimestampTz end;

	if (rule->quiet_zone == NULL)
		return moment;
	context.tz = unconstify(pg_tz *, rule->quiet_zone);
	context.anchor = moment;
	context.starts_at = DT_NOBEGIN;
	context.ends_at = DT_NOEND;
	from = daily(rule->quiet_from);
	to = daily(rule->quiet_to);
	if (from == NULL || to == NULL ||
		!tc_schedule_previous(from, &context, moment, &begun) ||
		!tc_schedule_previous(to, &context, moment, &ended) || begun <= ended ||
		!tc_schedule_next(to, &context, moment, &end))
		return moment;
	return end;
}

/* ---- the decision ---- */

/* when it is told, as far as quiet hours do not matter */
static TimestampTz
told_at(const AttentionRule *rule, const AttentionLook *look, AttentionDecision *decision)
{
	bool		open = look->batch_at > look->now;

	if (rule->action == ATTENTION_DEFER)
		return look->now + rule->hold;
	if (rule->action == ATTENTION_BATCH)
		return open ? look->batch_at : look->now + rule->hold;
	if (look->room_at <= look->now)
		return look->now;
	decision->action = ATTENTION_BATCH;
	decision->reason = ATTENTION_RATE;
	return open ? look->batch_at : look->room_at;
}

AttentionDecision
tc_attention_decide(const AttentionRule *rule, const AttentionLook *look)
{
	AttentionDecision decision = {ATTENTION_NOTIFY, ATTENTION_NO_RULE, DT_NOBEGIN};
	TimestampTz when;
	TimestampTz later;

	if (rule == NULL)
		return decision;
	decision.action = rule->action;
	decision.reason = ATTENTION_BY_RULE;
	if (rule->action == ATTENTION_DROP || rule->action == ATTENTION_LOG)
		return decision;
	if (rule->action == ATTENTION_ESCALATE && look->recovered)
		decision.action = ATTENTION_NOTIFY;
	when = told_at(rule, look, &decision);
	later = after_quiet(rule, when);
	if (later > when)
	{
		decision.reason = ATTENTION_QUIET;
		if (!tc_attention_is_held(decision.action))
			decision.action = ATTENTION_DEFER;
	}
	if (tc_attention_is_held(decision.action))
		decision.due_at = later;
	else if (decision.action == ATTENTION_ESCALATE)
		decision.due_at = look->now + rule->escalate_after;
	return decision;
}
