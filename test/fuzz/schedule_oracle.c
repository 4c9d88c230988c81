/*
 * schedule_oracle.c
 *	  Compares the schedule language with a brute-force oracle.
 *
 * usage: schedule_oracle quick|full
 *
 * For many zones and schedules: the list of instants by the oracle against
 * next and previous step by step and from arbitrary times, and count over
 * arbitrary ranges, most of them around changes of the zone's clock.  Prints
 * a line per disagreement; exits with 1 if there is any.
 */
#include "postgres.h"

#include <time.h>

#include "oracle.h"
#include "schedule.h"
#include "server_shim.h"

#define EPOCH_SECONDS INT64CONST(946684800)
#define MAX_REPORTS 40

/* Walks longer than this are continued by samples. */
#define MAX_STEPS 250

/* How long rules with instants within the hour are followed. */
#define FREQUENT_SECONDS (60 * 86400)

/* How far ranges to count in reach; each trial is also counted as a whole. */
#define COUNT_SECONDS (400 * 86400)

static const char *const zones[] = {
	"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
	"Africa/Cairo", "America/Santiago", "Asia/Kathmandu", "Pacific/Apia",
	"America/Sao_Paulo", "Asia/Tehran", "Pacific/Chatham",
	"Antarctica/Troll", "Pacific/Kwajalein", "Africa/Casablanca",
	"Europe/Dublin", "Asia/Gaza", "America/Nuuk", "America/Caracas",
	"Africa/Monrovia", "Antarctica/Casey", "America/Havana"
};

#define QUICK_ZONES 11

static const char *const minute_crons[] = {
	"0 3 * * *", "30 2 * * *", "*/15 * * * *", "0 0 * * *", "15,45 1-3 * * *",
	"* * * * *", "30 */2 * * *", "0 */5 * * 1", "5 0 1 * *", "59 23 L * *",
	"0 12 15W * *", "0 9 LW * *", "0 9 1W,31W * *", "10 2 * * 0",
	"0 0 29 2 *", "0 0 29 2 */7", "0 0 13 * 5", "0 0 */2 * 1", "0 0 1 */3 MON-WED",
	"30 0 * * 5L", "30 1 * * 1#2,SUN#5", "0 4 L-3,$ * *", "0 0 30 12 *",
	"*/20 23 30,31 DEC *", "0 0-23 * * *", "17 */6 31 * *", "0 2 * * 7L",
	"45 1 1-7 4,10 0", "0 0 L-30 * *", "0 1 * * FRIL,2L", "30 2,3 * 3,4,9,10,11 *"
};

static const char *const second_crons[] = {
	"* * * * * *", "*/10 * * * * *", "30 30 2 * * *", "0,59 59 1-3 * * *",
	"15 0 0 * * *", "7 */7 */3 * * *", "1 2 3 4 5 *"
};

static const struct
{
	const char *expression;
	int			months;
	int			days;
}			steps[] =

{
	{"every day", 0, 1}, {"every 2 weeks", 0, 14}, {"every month", 1, 0},
	{"every 3 months", 3, 0}, {"every year", 12, 0},
	{"every 1 month 10 days", 1, 10}, {"every 17 days", 0, 17}
};

static const char *const rules[] = {
	"FREQ=DAILY", "FREQ=DAILY;INTERVAL=3;BYMONTH=3,4,10", "FREQ=WEEKLY",
	"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU",
	"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=MO;COUNT=9",
	"FREQ=MONTHLY", "FREQ=MONTHLY;BYDAY=-1FR,2MO",
	"FREQ=MONTHLY;BYMONTHDAY=-1,15", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
	"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1,1",
	"FREQ=MONTHLY;INTERVAL=5;BYDAY=SA;BYHOUR=1,2,3;BYMINUTE=0,30;BYSETPOS=3,-2,4,7",
	"FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU;BYHOUR=2;BYMINUTE=30",
	"FREQ=YEARLY;BYDAY=20MO,-1SU", "FREQ=YEARLY;BYYEARDAY=1,100,-1",
	"FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
	"FREQ=YEARLY;BYDAY=SU;BYSETPOS=1,13,-13,53",
	"FREQ=WEEKLY;BYDAY=SA,SU;BYHOUR=2;BYMINUTE=0,30;BYSETPOS=2,-1;INTERVAL=2",
	"FREQ=HOURLY;INTERVAL=5", "FREQ=HOURLY;BYHOUR=1,2,3;BYMINUTE=10,40",
	"FREQ=MINUTELY;INTERVAL=25;BYDAY=SU", "FREQ=MINUTELY;INTERVAL=90;BYHOUR=0,1,2,3,4",
	"FREQ=HOURLY;INTERVAL=36;BYMONTH=10,3", "FREQ=SECONDLY;INTERVAL=1000;BYDAY=SU,MO",
	"FREQ=DAILY;COUNT=200;BYHOUR=2,3", "FREQ=MONTHLY;UNTIL=20090510T003000",
	"FREQ=DAILY;BYHOUR=2;UNTIL=20090329T003000Z",
	"FREQ=SECONDLY;INTERVAL=7777;BYMINUTE=0,1,2,3,30", "FREQ=MINUTELY;INTERVAL=7;COUNT=4000",
	"FREQ=HOURLY;COUNT=5000", "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,30;COUNT=700"
};

static int	reports;
static int64 checks;
static uint64 random_state = 88172645463325252;

/* A pseudo-random number below the limit, the same in every run. */
static int64
random_below(int64 limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (int64) (random_state >> 1) % limit;
}

static TimestampTz
to_timestamp(int64 instant)
{
	return (instant - EPOCH_SECONDS) * USECS_PER_SEC;
}

static int64
to_instant(TimestampTz time)
{
	return time / USECS_PER_SEC + EPOCH_SECONDS;
}

/* One schedule in one zone, and what it should do in [from, until). */
typedef struct Trial
{
	const char *expression;
	const OracleZone *zone;
	Schedule   *schedule;
	ScheduleContext context;
	int64		from;
	int64		until;
	OracleList *list;
} Trial;

static void
report(const Trial *trial, const char *question, int64 instant,
	   int64 answer, int64 expected)
{
	if (reports++ < MAX_REPORTS)
		printf("%s, \"%s\", gap %s, repeat %s, anchor %lld: %s(%lld) is %lld, not %lld\n",
			   trial->zone->name, trial->expression,
			   tc_schedule_gap_label(trial->context.gap),
			   tc_schedule_repeat_label(trial->context.repeat),
			   (long long) to_instant(trial->context.anchor),
			   question, (long long) instant,
			   (long long) answer, (long long) expected);
}

/* The index of the first listed instant after the given one. */
static int
index_after(const OracleList *list, int64 instant)
{
	int			low = 0;
	int			high = list->count;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (list->instants[middle] <= instant)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
check_next(const Trial *trial, int64 instant)
{
	int			i = index_after(trial->list, instant);
	int64		expected = i < trial->list->count ?
	trial->list->instants[i] : -1;
	int64		answer = -1;
	TimestampTz next;

	checks++;
	if (tc_schedule_next(trial->schedule, &trial->context,
						 to_timestamp(instant), &next) &&
		to_instant(next) < trial->until)
		answer = to_instant(next);
	if (answer != expected)
		report(trial, "next", instant, answer, expected);
}

static void
check_previous(const Trial *trial, int64 instant)
{
	int			i = index_after(trial->list, instant) - 1;
	int64		expected = i >= 0 ? trial->list->instants[i] : -1;
	int64		answer = -1;
	TimestampTz previous;

	checks++;
	if (tc_schedule_previous(trial->schedule, &trial->context,
							 to_timestamp(instant), &previous) &&
		to_instant(previous) >= trial->from)
		answer = to_instant(previous);
	if (answer != expected)
		report(trial, "previous", instant, answer, expected);
}

static void
check_count(const Trial *trial, int64 after, int64 until)
{
	int64		expected = index_after(trial->list, until) -
	index_after(trial->list, after);
	int64		answer = tc_schedule_count(trial->schedule, &trial->context,
										   to_timestamp(after),
										   to_timestamp(until));

	checks++;
	if (answer != expected)
		report(trial, "count", after, answer, expected);
}

static void
check_around(const Trial *trial, int64 instant)
{
	int64		other = instant + random_below(2 * COUNT_SECONDS) - COUNT_SECONDS;

	if (instant < trial->from || instant >= trial->until)
		return;
	other = Min(Max(other, trial->from), trial->until - 1);
	check_next(trial, instant);
	check_previous(trial, instant);
	check_count(trial, Min(instant, other), Max(instant, other));
}

static void
check_trial(const Trial *trial, int probes)
{
	const OracleList *list = trial->list;
	int			step = list->count > MAX_STEPS ? list->count / MAX_STEPS : 1;
	int			i;
	int			j;

	check_next(trial, trial->from - 1);
	check_previous(trial, trial->until - 1);
	check_count(trial, trial->from - 1, trial->until - 1);
	for (i = 0; i < list->count; i += 1 + random_below(2 * step - 1))
	{
		check_next(trial, list->instants[i]);
		check_previous(trial, list->instants[i] - 1);
		check_next(trial, list->instants[i] - 1);
		check_previous(trial, list->instants[i]);
	}
	for (i = 0; i < probes; i++)
		check_around(trial, trial->from +
					 random_below(trial->until - trial->from));
	for (i = 1; i < trial->zone->count; i++)
	{
		int64		change = trial->zone->at[i];

		check_around(trial, change);
		check_around(trial, change - 1);
		for (j = 0; j < 4; j++)
		{
			int64		near = change + random_below(20000) - 10000;
			int64		later = change + random_below(10 * 86400);

			check_around(trial, near);
			check_around(trial, later);
			if (near >= trial->from && near + 4000 < trial->until)
				check_count(trial, near, near + random_below(4000));
		}
	}
}

static bool
begin_trial(Trial *trial, const char *expression, const OracleZone *zone,
			pg_tz *tz, int64 from, int64 until, OracleList *list)
{
	ScheduleError error;

	trial->expression = expression;

	trial->zone = zone;
	trial->from = from;
	trial->until = until;
	trial->list = list;
	trial->context.tz = tz;
	trial->context.anchor = to_timestamp(from);
	trial->context.starts_at = DT_NOBEGIN;
	trial->context.ends_at = DT_NOEND;
	trial->context.gap = SCHEDULE_GAP_DEFAULT;
	trial->context.repeat = SCHEDULE_REPEAT_DEFAULT;
	trial->schedule = tc_schedule_parse(expression, &error);
	if (trial->schedule != NULL)
		return true;
	reports++;
	printf("\"%s\" is refused at %d: %s\n", expression, error.position,
		   error.message);
	return false;
}

/* The oracle's choices for a context's. */
static void
oracle_rules(const Trial *trial, bool follows_elapsed_time,
			 OracleGap *gap, OracleRepeat *repeat)
{
	*gap = (OracleGap) trial->context.gap;
	*repeat = (OracleRepeat) trial->context.repeat;
	if (trial->context.gap == SCHEDULE_GAP_DEFAULT)
		*gap = follows_elapsed_time ? ORACLE_GAP_SKIP : ORACLE_GAP_END;
	if (trial->context.repeat == SCHEDULE_REPEAT_DEFAULT)
		*repeat = follows_elapsed_time ? ORACLE_BOTH : ORACLE_FIRST;
}

/* Tries the default and then some of the other choices. */
static void
choose_rules(Trial *trial, int round)
{
	if (round > 0)
	{
		trial->context.gap = (ScheduleGap) random_below(4);
		trial->context.repeat = (ScheduleRepeat) random_below(4);
	}
}

static void
try_cron(const char *expression, const OracleZone *zone, pg_tz *tz,
		 int64 from, int64 until, int rounds, OracleList *list)
{
	OracleCron	cron;
	OracleGap	gap;
	OracleRepeat repeat;
	Trial		trial;
	int			round;

	if (!begin_trial(&trial, expression, zone, tz, from, until, list))
		return;
	oracle_cron_read(expression, &cron);
	for (round = 0; round < rounds; round++)
	{
		choose_rules(&trial, round);
		oracle_rules(&trial, cron.hour_is_wildcard, &gap, &repeat);
		if (round == 0 && cron.hour_is_wildcard)
			oracle_cron_watch(&cron, zone, from, until, list);
		else
			oracle_cron_list(&cron, zone, gap, repeat, from, until, list);
		check_trial(&trial, 200);
	}
	pfree(trial.schedule);
}

/* Second by second, around changes of the clock. */
static void
try_second_crons(const OracleZone *zone, pg_tz *tz, int most, int rounds,
				 OracleList *list)
{
	int			i;
	int			j;

	for (i = zone->count - 1; i > 0 && most-- > 0; i--)
	{
		int64		middle = zone->at[i];

		for (j = 0; j < (int) lengthof(second_crons); j++)
			try_cron(second_crons[j], zone, tz, middle - 40000,
					 middle + 40000, rounds, list);
	}
}

/* Whether a rule has instants within the hour and names no hours. */
static bool
rule_follows_elapsed_time(const char *rule)
{
	return (strstr(rule, "FREQ=HOURLY") != NULL ||
			strstr(rule, "FREQ=MINUTELY") != NULL ||
			strstr(rule, "FREQ=SECONDLY") != NULL) &&
		strstr(rule, "BYHOUR") == NULL;
}

/* Somewhere early in the range; for short ranges, before a change. */
static int64
choose_anchor(const OracleZone *zone, int64 from, int64 end, bool is_frequent)
{
	if (is_frequent && zone->count > 1)
	{
		int64		change = zone->at[1 + random_below(zone->count - 1)];

		if (change < end)
			return Max(from, change - random_below(FREQUENT_SECONDS));
	}
	return from + random_below(1000 * 86400);
}

/* Anchored schedules, from some time early in the range. */
static void
try_anchored(const OracleZone *zone, pg_tz *tz, int64 from, int64 end,
			 int rounds, OracleList *list)
{
	OracleGap	gap;
	OracleRepeat repeat;
	Trial		trial;
	char		expression[300];
	int			i;
	int			round;

	for (i = 0; i < (int) (lengthof(steps) + lengthof(rules)); i++)
	{
		int			rule = i - (int) lengthof(steps);
		bool		is_elapsed = false;
		bool		is_frequent;

		snprintf(expression, sizeof(expression), rule < 0 ? "%s" : "RRULE:%s",
				 rule < 0 ? steps[i].expression : rules[rule]);
		if (rule >= 0)
			is_elapsed = rule_follows_elapsed_time(expression);
		is_frequent = strstr(expression, "HOURLY") != NULL ||
			strstr(expression, "MINUTELY") != NULL ||
			strstr(expression, "SECONDLY") != NULL;
		for (round = 0; round < rounds; round++)
		{
			int64		anchor = choose_anchor(zone, from, end, is_frequent);
			int64		until = is_frequent ?
			Min(end, anchor + FREQUENT_SECONDS) : end;
			int64		local = anchor + oracle_offset(zone, anchor);

			/* Prefer anchors whose time of day is skipped now and then. */
			if (round % 2 == 0)
				anchor += (int64) (26 * 3600 + random_below(4) * 1800) -
					local % 86400;
			if (!begin_trial(&trial, expression, zone, tz, anchor, until, list))
				return;
			choose_rules(&trial, round);
			oracle_rules(&trial, is_elapsed, &gap, &repeat);
			local = anchor + oracle_offset(zone, anchor);
			if (rule < 0)
				oracle_step_list(steps[i].months, steps[i].days, zone,
								 gap, repeat, local, until, list);
			else
				oracle_rrule_list(rules[rule], zone, gap, repeat,
								  local, anchor, until, list);
			oracle_list_sort(list, anchor, until);
			check_trial(&trial, 60);
			pfree(trial.schedule);
		}
	}
}

static int64
start_of_year(int year)
{
	struct tm	tm = {0};

	tm.tm_year = year - 1900;
	tm.tm_mday = 1;
	return timegm(&tm);
}

static void
try_zone(const char *name, bool is_full, OracleList *list)
{
	static OracleZone zone;
	pg_tz	   *tz = shim_zone(name);
	int64		from = start_of_year(is_full ? 1970 : 2009);
	int64		until = start_of_year(is_full ? 2100 : 2013);
	int			i;

	oracle_zone_load(&zone, name, from - 10 * 86400, until + 10 * 86400);
	for (i = 0; i < (int) lengthof(minute_crons); i++)
	{
		bool		is_dense = minute_crons[i][0] == '*';

		try_cron(minute_crons[i], &zone, tz, from,
				 is_dense && is_full ? start_of_year(1990) : until,
				 is_full ? 6 : is_dense ? 1 : 2, list);
	}
	try_second_crons(&zone, tz, is_full ? 20 : 2, is_full ? 6 : 2, list);
	try_anchored(&zone, tz, from, is_full ? start_of_year(2012) : until,
				 is_full ? 8 : 2, list);
	pfree(tz);
}

int
main(int argc, char **argv)
{
	bool		is_full = argc == 2 && strcmp(argv[1], "full") == 0;
	int			count = is_full ? (int) lengthof(zones) : QUICK_ZONES;
	OracleList	list = {0, 0, NULL};
	int			i;

	if (!is_full && !(argc == 2 && strcmp(argv[1], "quick") == 0))
	{
		fprintf(stderr, "usage: schedule_oracle quick|full\n");
		return 2;
	}
	for (i = 0; i < count; i++)
	{
		try_zone(zones[i], is_full, &list);
		if (is_full)
			printf("%s: %lld comparisons so far, %d disagreements\n",
				   zones[i], (long long) checks, reports);
		fflush(stdout);
	}
	free(list.instants);
	printf("%lld comparisons in %d zones, %d disagreements\n",
		   (long long) checks, count, reports);
	return reports == 0 ? 0 : 1;
}
