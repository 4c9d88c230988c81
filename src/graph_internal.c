/*-------------------------------------------------------------------------
 *
 * graph_internal.c
 *		Pieces of the reading of graphs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "mb/pg_wchar.h"
#include "utils/datetime.h"

#include "compat.h"
#include "graph_internal.h"

#define MAX_DURATION (INT64CONST(36525) * USECS_PER_DAY)

bool
tc_graph_fail(GraphReader *reader, char *place, char *problem)
{
	reader->fault->place = place;
	reader->fault->problem = problem;
	return false;
}

char *
tc_graph_place(const GraphStep *step, const char *key)
{
	return key == NULL ? psprintf("steps.%s", step->name)
		: psprintf("steps.%s.%s", step->name, key);
}

char *
tc_graph_clip(const char *text, int length)
{
	return pnstrdup(text, pg_mbcliplen(text, length, TC_MAX_STEP_NAME));
}

JsonbContainer *
tc_graph_object(const JsonbValue *value)
{
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		return NULL;
	return value->val.binary.data;
}

JsonbContainer *
tc_graph_array(const JsonbValue *value)
{
	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		return NULL;
	return value->val.binary.data;
}

JsonbValue *
tc_graph_member(JsonbContainer *object, const char *key)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, key, strlen(key), NULL);

	return value == NULL || value->type == jbvNull ? NULL : value;
}

bool
tc_graph_is(const JsonbValue *value, const char *word)
{
	return value->val.string.len == (int) strlen(word) &&
		memcmp(value->val.string.val, word, value->val.string.len) == 0;
}

Jsonb *
tc_graph_step_document(const GraphStep *step)
{
	JsonbValue	value;

	value.type = jbvBinary;
	value.val.binary.data = step->document;
	value.val.binary.len = step->document_size;
	return JsonbValueToJsonb(&value);
}

/* ---- times ---- */

/* as the server reads an interval, but without raising */
static bool
parse_interval(const char *text, Interval *interval)
{
	struct pg_itm_in parts;
	char	   *field[MAXDATEFIELDS];
	int			types[MAXDATEFIELDS];
	char		work[256];
	int			count;
	int			kind;
	int			fault;

	fault = ParseDateTime(text, work, sizeof(work), field, types, MAXDATEFIELDS, &count);
	if (fault == 0)
		fault = DecodeInterval(field, types, count, INTERVAL_FULL_RANGE, &kind, &parts);
	if (fault == DTERR_BAD_FORMAT)
		fault = DecodeISO8601Interval(unconstify(char *, text), &kind, &parts);
	return fault == 0 && kind == DTK_DELTA && itmin2interval(&parts, interval) == 0;
}

bool
tc_graph_duration(const char *text, int64 *usecs)
{
	Interval	interval;
	int64		days;

	if (!parse_interval(text, &interval))
		return false;
	days = (int64) interval.month * DAYS_PER_MONTH + interval.day;
	return !pg_mul_s64_overflow(days, USECS_PER_DAY, usecs) &&
		!pg_add_s64_overflow(*usecs, interval.time, usecs) &&
		*usecs >= 0 && *usecs <= MAX_DURATION;
}

/* A graph means the same in every session, so an instant names its offset. */
static bool
names_offset(const char *source)
{
	const char *colon = strchr(source, ':');

	return strspn(source, "0123456789") >= 4 && source[4] == '-' && colon != NULL &&
		strpbrk(colon, "+-Zz") != NULL;
}

bool
tc_graph_instant(const char *text, TimestampTz *instant)
{
	struct pg_tm parts;
	fsec_t		fraction;
	char	   *field[MAXDATEFIELDS];
	int			types[MAXDATEFIELDS];
	char		work[MAXDATELEN + MAXDATEFIELDS];
	int			count;
	int			kind;
	int			zone;

	return names_offset(text) &&
		ParseDateTime(text, work, sizeof(work), field, types, MAXDATEFIELDS, &count) == 0 &&
		tc_decode_datetime(field, types, count, &kind, &parts, &fraction, &zone) == 0 &&
		kind == DTK_DATE && tm2timestamp(&parts, fraction, &zone, instant) == 0;
}
