/*
 * oracle.h
 *	  What a schedule means, worked out the slow and plain way.
 *
 * Nothing here uses the schedule language's code or its zone code: dates and
 * zones come from the C library, expressions are read by a parser of their
 * own that trusts its input, and instants are found by trying every local
 * time.  Instants and local times are seconds since 1970.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdbool.h>

/* The zone's offsets: offset[i] holds from at[i] until at[i + 1]. */
typedef struct OracleZone
{
	const char *name;
	int			count;
	long long	at[2000];
	long		offset[2000];
} OracleZone;

typedef enum OracleGap
{
	ORACLE_GAP_SKIP = 1, ORACLE_GAP_SHIFT, ORACLE_GAP_END
} OracleGap;

typedef enum OracleRepeat
{
	ORACLE_FIRST = 1, ORACLE_SECOND, ORACLE_BOTH
} OracleRepeat;

/* A growing list of instants. */
typedef struct OracleList
{
	int			count;
	int			room;
	long long  *instants;
} OracleList;

typedef struct OracleCron
{
	bool		has_seconds;
	bool		hour_is_wildcard;
	bool		day_is_star;
	bool		weekday_is_star;
	bool		second[60];
	bool		minute[60];
	bool		hour[24];
	bool		day[32];
	bool		month[13];
	bool		weekday[7];
	char		day_text[400];
	char		weekday_text[400];
} OracleCron;

extern void oracle_zone_load(OracleZone *zone, const char *name,
							 long long from, long long until);
extern long oracle_offset(const OracleZone *zone, long long instant);
extern void oracle_list_add(OracleList *list, long long instant);
extern void oracle_list_sort(OracleList *list, long long from,
							 long long until);

/* Adds the instants that stand for a local time. */
extern void oracle_add_local(const OracleZone *zone, OracleGap gap,
							 OracleRepeat repeat, long long local,
							 OracleList *list);

extern void oracle_cron_read(const char *text, OracleCron *cron);
/* All instants in [from, until), in order. */
extern void oracle_cron_list(const OracleCron *cron, const OracleZone *zone,
							 OracleGap gap, OracleRepeat repeat,
							 long long from, long long until,
							 OracleList *list);
/* The same for wildcard hours: by looking at the clock at every instant. */
extern void oracle_cron_watch(const OracleCron *cron, const OracleZone *zone,
							  long long from, long long until,
							  OracleList *list);

/* "every" with so many months and days, from a local anchor. */
extern void oracle_step_list(int months, int days, const OracleZone *zone,
							 OracleGap gap, OracleRepeat repeat,
							 long long anchor, long long until,
							 OracleList *list);

/* A recurrence rule without its prefix, from an anchor: local, and instant. */
extern void oracle_rrule_list(const char *text, const OracleZone *zone,
							  OracleGap gap, OracleRepeat repeat,
							  long long anchor, long long since,
							  long long until, OracleList *list);

#endif							/* ORACLE_H */
