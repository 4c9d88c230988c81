/*
 * schedule_next.c
 *	  The instants of a schedule: next, previous, how many.
 *
 * Each kind is turned into a pattern of local times and put on the zone's
 * time line by schedule_local.c, except for intervals of elapsed time, which
 * need no zone.  The bounds of the context are applied here, once.
 */
#include "postgres.h"

#include "schedule_internal.h"

/* A schedule ready to be asked, in whole seconds since 1970 in UTC. */
typedef struct Question
{
	AnyPattern	pattern;
	LocalRules	rules;
	TimestampTz starts_at;		/* bounds, both inclusive and finite */
	TimestampTz ends_at;
} Question;

/* Rounds towards the past. */
static int64
instant_from_timestamp(TimestampTz time)
{
	return tc_floor_div(time, USECS_PER_SEC) + TC_EPOCH_SECONDS;
}

/* The first whole second at or after. */
static int64
instant_not_before(TimestampTz time)
{
	return instant_from_timestamp(time - 1) + 1;
}

static TimestampTz
timestamp_from_instant(int64 instant)
{
	return (instant - TC_EPOCH_SECONDS) * USECS_PER_SEC;
}

static TimestampTz
clamp_timestamp(TimestampTz time)
{
	return Min(Max(time, MIN_TIMESTAMP), END_TIMESTAMP - 1);
}

/* How the clock's changes are treated if the context does not say. */
static void
resolve_rules(const ScheduleContext *context, bool follows_elapsed_time,
			  LocalRules *rules)
{
	rules->tz = context->tz;
	rules->gap = context->gap;
	rules->repeat = context->repeat;
	if (rules->gap == SCHEDULE_GAP_DEFAULT)
		rules->gap = follows_elapsed_time ?
			SCHEDULE_GAP_SKIP : SCHEDULE_GAP_END;
	if (rules->repeat == SCHEDULE_REPEAT_DEFAULT)
		rules->repeat = follows_elapsed_time ?
			SCHEDULE_REPEAT_BOTH : SCHEDULE_REPEAT_FIRST;
}

static bool
is_elapsed(const Schedule *schedule)
{
	return schedule->kind == SCHEDULE_INTERVAL &&
		schedule->rule.step.seconds > 0;
}

/* No instant before the anchor; false if it is infinite. */
static bool
bound_by_anchor(const ScheduleContext *context, Question *question)
{
	question->starts_at = Max(question->starts_at, context->anchor);
	return IS_VALID_TIMESTAMP(context->anchor);
}

static int64
local_anchor(const ScheduleContext *context)
{
	return tc_local_from_instant(context->tz,
								 instant_not_before(context->anchor));
}

static void
prepare_once(const OnceRule *rule, const ScheduleContext *context,
			 Question *question)
{
	int64		local = rule->local;

	if (rule->has_offset)
	{
		/* An instant is a local time that occurs once if the zone is UTC. */
		local -= rule->offset;
		question->rules.tz = NULL;
	}
	tc_single_pattern(local, &question->pattern.single);
}

static void
prepare_rrule(const RecurrenceRule *rule, const ScheduleContext *context,
			  Question *question)
{
	int64		last;

	resolve_rules(context, rule->frequency >= FREQUENCY_HOURLY &&
				  rule->hours == 0, &question->rules);
	tc_rrule_pattern(rule, local_anchor(context), &question->pattern.calendar);
	if (rule->has_until && rule->until_is_utc)
		question->ends_at = Min(question->ends_at,
								timestamp_from_instant(rule->until));

	/* COUNT is about instants: a repeated hour is not for free. */
	if (rule->count > 0 &&
		tc_local_nth(&question->pattern.base, &question->rules,
					 instant_not_before(context->anchor), rule->count, &last))
		question->ends_at = Min(question->ends_at,
								timestamp_from_instant(last));
}

/* Prepares everything but the rule for elapsed intervals; false: never. */
static bool
prepare(const Schedule *schedule, const ScheduleContext *context,
		Question *question)
{
	question->starts_at = clamp_timestamp(context->starts_at);
	question->ends_at = clamp_timestamp(context->ends_at);
	if (context->starts_at >= END_TIMESTAMP ||
		context->ends_at < MIN_TIMESTAMP)
		return false;
	question->pattern.base.work = TC_SEARCH_LIMIT;
	resolve_rules(context, false, &question->rules);
	switch (schedule->kind)
	{
		case SCHEDULE_CRON:
			resolve_rules(context,
						  tc_cron_hour_is_wildcard(&schedule->rule.cron),
						  &question->rules);
			tc_cron_pattern(&schedule->rule.cron, &question->pattern.calendar);
			break;
		case SCHEDULE_INTERVAL:
			if (!bound_by_anchor(context, question))
				return false;
			if (!is_elapsed(schedule))
				tc_step_pattern(&schedule->rule.step, local_anchor(context),
								&question->pattern.step);
			break;
		case SCHEDULE_ONCE:
			prepare_once(&schedule->rule.once, context, question);
			break;
		case SCHEDULE_RRULE:
			if (!bound_by_anchor(context, question))
				return false;
			prepare_rrule(&schedule->rule.rrule, context, question);
			break;
		case SCHEDULE_DELAY:
		case SCHEDULE_REBOOT:
			return false;
	}
	return question->starts_at <= question->ends_at;
}

bool
tc_schedule_next(const Schedule *schedule, const ScheduleContext *context,
				 TimestampTz after, TimestampTz *next)
{
	Question	question;
	TimestampTz from;
	int64		instant;

	if (schedule->kind == SCHEDULE_DELAY)
		return tc_schedule_delay_after(schedule, context,
									   context->anchor, next) &&
			*next > after;
	if (after >= END_TIMESTAMP - 1 || !prepare(schedule, context, &question))
		return false;
	from = Max(Max(after, MIN_TIMESTAMP - 1) + 1, question.starts_at);
	if (is_elapsed(schedule))
	{
		if (!tc_elapsed_next(&schedule->rule.step, context->anchor, from, next))
			return false;
	}
	else
	{
		if (!tc_local_next(&question.pattern.base, &question.rules,
						   instant_not_before(from), &instant))
			return false;
		*next = timestamp_from_instant(instant);
	}
	return *next <= question.ends_at;
}

bool
tc_schedule_previous(const Schedule *schedule, const ScheduleContext *context,
					 TimestampTz at_or_before, TimestampTz *previous)
{
	Question	question;
	TimestampTz from;
	int64		instant;

	if (schedule->kind == SCHEDULE_DELAY)
		return tc_schedule_delay_after(schedule, context,
									   context->anchor, previous) &&
			*previous <= at_or_before;
	if (at_or_before < MIN_TIMESTAMP || !prepare(schedule, context, &question))
		return false;
	from = Min(at_or_before, question.ends_at);
	if (is_elapsed(schedule))
	{
		if (!tc_elapsed_previous(&schedule->rule.step, context->anchor,
								 from, previous))
			return false;
	}
	else
	{
		if (!tc_local_previous(&question.pattern.base, &question.rules,
							   instant_from_timestamp(from), &instant))
			return false;
		*previous = timestamp_from_instant(instant);
	}
	return *previous >= question.starts_at;
}

int64
tc_schedule_count(const Schedule *schedule, const ScheduleContext *context,
				  TimestampTz after, TimestampTz until)
{
	Question	question;
	TimestampTz from;

	if (schedule->kind == SCHEDULE_DELAY)
		return (tc_schedule_next(schedule, context, after, &from) &&
				from <= until) ? 1 : 0;
	if (after >= END_TIMESTAMP - 1 || until < MIN_TIMESTAMP ||
		!prepare(schedule, context, &question))
		return 0;
	from = Max(Max(after, MIN_TIMESTAMP - 1) + 1, question.starts_at);
	until = Min(until, question.ends_at) + 1;
	if (from >= until)
		return 0;
	if (is_elapsed(schedule))
		return tc_elapsed_count(&schedule->rule.step, context->anchor,
								from, until);
	return tc_local_count(&question.pattern.base, &question.rules,
						  instant_not_before(from), instant_not_before(until));
}

/* The first whole second at or after a time that a calendar step leads to. */
static bool
step_calendar(const StepRule *rule, const ScheduleContext *context,
			  TimestampTz time, TimestampTz *found)
{
	Question	question;
	int64		from = instant_not_before(time);
	int64		instant;

	/* A run that ended must have a successor, even if its time is skipped. */
	resolve_rules(context, false, &question.rules);
	if (question.rules.gap == SCHEDULE_GAP_SKIP)
		question.rules.gap = SCHEDULE_GAP_END;
	tc_single_pattern(tc_step_add(rule,
								  tc_local_from_instant(context->tz, from), 1),
					  &question.pattern.single);
	question.pattern.base.work = TC_SEARCH_LIMIT;
	if (!tc_local_next(&question.pattern.base, &question.rules, from, &instant))
		return false;
	*found = timestamp_from_instant(instant);
	return true;
}

bool
tc_schedule_delay_after(const Schedule *schedule,
						const ScheduleContext *context,
						TimestampTz ended_at, TimestampTz *next)
{
	const StepRule *rule = &schedule->rule.step;

	Assert(schedule->kind == SCHEDULE_DELAY);
	if (!IS_VALID_TIMESTAMP(ended_at))
		return false;
	if (rule->seconds == 0)
	{
		if (!step_calendar(rule, context, ended_at, next))
			return false;
	}
	else
	{
		if (rule->seconds * USECS_PER_SEC >= END_TIMESTAMP - Max(ended_at, 0))
			return false;
		*next = ended_at + rule->seconds * USECS_PER_SEC;
	}
	*next = Max(*next, context->starts_at);
	return *next <= context->ends_at;
}
