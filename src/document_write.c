/*-------------------------------------------------------------------------
 *
 * document_write.c
 *		Tasks and schedules as parts of a document.
 *
 * What a part does not name is default, so that documents stay short; what
 * has no constant default (owner, time zone) is always named.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "document_write.h"
#include "task_properties.h"

/* ---- pieces ---- */

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
}

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *text, int length)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = length;
	pushJsonbValue(state, token, &value);
}

/* NULL: nothing */
static void
push_text(JsonbParseState **state, const char *key, const char *text)
{
	if (text == NULL)
		return;
	push_key(state, key);
	push_string(state, WJB_VALUE, text, strlen(text));
}

static void
push_int32(JsonbParseState **state, const char *key, int32 number)
{
	JsonbValue	value;

	push_key(state, key);
	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(number);
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
push_bool(JsonbParseState **state, const char *key, bool flag)
{
	JsonbValue	value;

	push_key(state, key);
	value.type = jbvBool;
	value.val.boolean = flag;
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* an object or array, as it is */
static void
push_jsonb(JsonbParseState **state, const char *key, const Jsonb *content)
{
	JsonbValue	value;

	push_key(state, key);
	value.type = jbvBinary;
	value.val.binary.data = unconstify(JsonbContainer *, &content->root);
	value.val.binary.len = VARSIZE(content) - VARHDRSZ;
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* in the style of the server's default, whatever the session's is */
static void
push_interval(JsonbParseState **state, const char *key, const Interval *interval)
{
	struct pg_itm parts;
	char text[	MAXDATELEN + 1];

	if (interval == NULL)
		return;
	interval2itm(*interval, &parts);
	EncodeInterval(&parts, INTSTYLE_POSTGRES, text);
	push_text(state, key, pstrdup(text));
}

/* ISO 8601 in UTC */
static void
push_time(JsonbParseState **state, const char *key, TimestampTz at)
{
	static const int utc = 0;

	if (!TIMESTAMP_NOT_FINITE(at))
		push_text(state, key, JsonEncodeDateTime(palloc(MAXDATELEN + 1), TimestampTzGetDatum(at),
												 TIMESTAMPTZOID, &utc));
}

/* a text of several lines as an array of them: readable, and good to compare */
static void
push_lines(JsonbParseState **state, const char *key, const char *text)
{
	const char *end;

	if (strchr(text, '\n') == NULL)
	{
		push_text(state, key, text);
		return;
	}
	push_key(state, key);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	while ((end = strchr(text, '\n')) != NULL)
	{
		push_string(state, WJB_ELEM, text, end - text);
		text = end + 1;
	}
	push_string(state, WJB_ELEM, text, strlen(text));
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_texts(JsonbParseState **state, const char *key, ArrayType *texts)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int			i;

	deconstruct_array(texts, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	push_key(state, key);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < count; i++)
	{
		char	   *element = TextDatumGetCString(elements[i]);

		push_string(state, WJB_ELEM, element, strlen(element));
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* ---- tasks ---- */

static void
push_property(JsonbParseState **state, const TaskRow *task, TaskProperty property)
{
	const char *key = tc_property_name(property);
	Datum		value = task->values[property];

	switch (tc_property_type(property))
	{
		case TEXTOID:
			if (property == TASK_COMMAND)
				push_lines(state, key, TextDatumGetCString(value));
			else
				push_text(state, key, TextDatumGetCString(value));
			break;
		case INT4OID:
			push_int32(state, key, DatumGetInt32(value));
			break;
		case BOOLOID:
			push_bool(state, key, DatumGetBool(value));
			break;
		case INTERVALOID:
			push_interval(state, key, DatumGetIntervalP(value));
			break;
		case JSONBOID:
			push_jsonb(state, key, DatumGetJsonbP(value));
			break;
		case TEXTARRAYOID:
			push_texts(state, key, DatumGetArrayTypeP(value));
			break;
		default:
			elog(ERROR, "property \"%s\" has a type that is not known", key);
	}
}

/* on_crash of a task that was learned to be autonomous is never left to a default */
static bool
is_told(const TaskRow *task, const TaskRow *defaults, TaskProperty property)
{
	return !task->nulls[property] &&
		(!tc_property_same(task, defaults, property) ||
		 (property == TASK_ON_CRASH && task->learned_mode != NULL));
}

static void
push_task(JsonbParseState **state, const TaskRow *task, bool with_application)
{
	TaskRow		defaults;
	int			i;

	tc_properties_default(&defaults);
	if (strcmp(task->kind, "sql") != 0)
		push_text(state, "kind", task->kind);
	push_text(state, "owner", task->owner);
	if (task->run_as_id != task->owner_id && task->run_as_id != TC_ROLE_WORKERS)
		push_text(state, "run_as", task->run_as);
	for (i = 0; i < TASK_PROPERTY_COUNT; i++)
	{
		if (is_told(task, &defaults, i) && (i != TASK_APPLICATION || with_application))
			push_property(state, task, i);
	}
}

Jsonb *
tc_document_of_task(const TaskRow *task)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_text(&state, "state", task->state);
	push_task(&state, task, true);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

Jsonb *
tc_document_of_graph(const Jsonb *graph)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_jsonb(&state, "graph", graph);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ---- schedules ---- */

static void
push_schedule(JsonbParseState **state, const ScheduleRow *schedule)
{
	push_text(state, "schedule", schedule->schedule);
	push_text(state, "timezone", schedule->timezone);
	push_time(state, "starts_at", schedule->starts_at);
	push_time(state, "ends_at", schedule->ends_at);
	push_interval(state, "jitter", schedule->jitter);
	push_text(state, "misfire", schedule->misfire);
	push_interval(state, "misfire_grace", schedule->misfire_grace);
	if (schedule->max_catchup >= 0)
		push_int32(state, "max_catchup", schedule->max_catchup);
	push_text(state, "dst_gap", schedule->dst_gap);
	push_text(state, "dst_repeat", schedule->dst_repeat);
}

Jsonb *
tc_document_of_schedule(const ScheduleRow *schedule)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_text(&state, "state", schedule->state);
	push_schedule(&state, schedule);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ---- differences ---- */

static void
push_side(JsonbParseState **state, const char *key, JsonbValue *value)
{
	if (value == NULL)
		return;
	push_key(state, key);
	pushJsonbValue(state, WJB_VALUE, value);
}

static bool
same_json(JsonbValue *one, JsonbValue *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return compareJsonbContainers(&JsonbValueToJsonb(one)->root,
								  &JsonbValueToJsonb(other)->root) == 0;
}

/* what an object has under the key; NULL: nothing */
static JsonbValue *
value_of(const Jsonb *object, const JsonbValue *key)
{
	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &object->root),
										key->val.string.val, key->val.string.len, NULL);
}

/* the keys of one object; of those that the other has too only if told so */
static void
push_differences(JsonbParseState **state, const Jsonb *keys, const Jsonb *before,
				 const Jsonb *after, bool common)
{
	JsonbIterator *iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &keys->root));
	JsonbIteratorToken token;
	JsonbValue	key;

	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		JsonbValue *old;
		JsonbValue *new;

		if (token != WJB_KEY)
			continue;
		old = value_of(before, &key);
		new = value_of(after, &key);
		if (same_json(old, new) || (old != NULL && new != NULL && !common))
			continue;
		pushJsonbValue(state, WJB_KEY, &key);
		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		push_side(state, "old", old);
		push_side(state, "new", new);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
}

Jsonb *
tc_document_difference(const Jsonb *before, const Jsonb *after)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_differences(&state, before, before, after, true);
	push_differences(&state, after, before, after, false);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ---- a whole document ---- */

void
tc_document_begin(DocumentWriter *writer, const char *application)
{
	JsonbParseState **state = &writer->state;

	writer->state = NULL;
	writer->application = application;
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_int32(state, "format", TC_DOCUMENT_FORMAT);
	push_text(state, "application", application);
	push_key(state, "tasks");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
}

void
tc_document_add(DocumentWriter *writer, const TaskRow *task, const Jsonb *graph,
				const ScheduleRow *schedules, int schedule_count)
{
	JsonbParseState **state = &writer->state;
	int			i;

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_text(state, "name", task->name);
	if (strcmp(task->state, "paused") == 0 || strcmp(task->state, "disabled") == 0)
		push_text(state, "state", task->state);
	push_task(state, task, writer->application == NULL);
	if (graph != NULL)
		push_jsonb(state, "graph", graph);
	push_key(state, "schedules");
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < schedule_count; i++)
	{
		push_key(state, schedules[i].name);
		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		if (strcmp(schedules[i].state, "paused") == 0)
			push_text(state, "state", schedules[i].state);
		push_schedule(state, &schedules[i]);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

Jsonb *
tc_document_end(DocumentWriter *writer)
{
	pushJsonbValue(&writer->state, WJB_END_ARRAY, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&writer->state, WJB_END_OBJECT, NULL));
}
