/*-------------------------------------------------------------------------
 *
 * task_properties.c
 *		The properties of a task.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "flag_check.h"
#include "rate_limit.h"
#include "retry_rules.h"
#include "run_settings.h"
#include "task_properties.h"

#define MAX_TAGS 100
#define MILLISECOND INT64CONST(1000)

typedef struct PropertyRule
{
	const char *name;
	Oid			type;
	bool		is_option;
	const char *default_value;	/* as text; NULL: null */
	const char *const *choices; /* of texts; NULL: any */
	int64		min;			/* of numbers; of intervals in microseconds;
								 * of texts the shortest length */
	int64		max;
} PropertyRule;

static const char *const backoffs[] = {"none", "fixed", "linear", "exponential", NULL};
static const char *const overlaps[] = {"skip", "queue", "allow", "cancel_running", NULL};
static const char *const misfires[] = {"run_once", "skip", "run_all", NULL};
static const char *const modes[] = {"auto", "atomic", "batched", "autonomous", NULL};
static const char *const crashes[] = {"retry", "fail", NULL};
static const char *const isolations[] = {"pooled", "process", NULL};
static const char *const commits[] = {"on", "off", "local", "remote_write", "remote_apply", NULL};
static const char *const levels[] = {"debug", "info", "notice", "warning", "error", NULL};
static const char *const gaps[] = {"default", "skip", "shift_forward", "gap_end", NULL};
static const char *const repeats[] = {"default", "first", "second", "both", NULL};
static const char *const event_choices[] = {"all", "failures", "none", NULL};

static const PropertyRule rules[TASK_PROPERTY_COUNT] = {
	[TASK_COMMAND] = {"command", TEXTOID, false, NULL, NULL, 1, TC_MAX_COMMAND_LENGTH},
	[TASK_PARAMS] = {"params", JSONBOID, false, "{}", NULL, 0, 0},
	[TASK_QUEUE] = {"queue", TEXTOID, false, "default", NULL, 1, TC_MAX_NAME_LENGTH},
	[TASK_PRIORITY] = {"priority", INT4OID, false, "0", NULL, -TC_MAX_PRIORITY, TC_MAX_PRIORITY},
	[TASK_MAX_ATTEMPTS] = {"max_attempts", INT4OID, false, "1", NULL, 1, 10000},
	[TASK_BACKOFF] = {"backoff", TEXTOID, false, "exponential", backoffs, 0, 0},
	[TASK_BACKOFF_BASE] = {"backoff_base", INTERVALOID, false, "1 second", NULL, 0, TC_INTERVAL_MAX},
	[TASK_BACKOFF_CAP] = {"backoff_cap", INTERVALOID, false, "1 hour", NULL, 0, TC_INTERVAL_MAX},
	[TASK_TIMEOUT] = {"timeout", INTERVALOID, false, NULL, NULL, MILLISECOND, TC_INTERVAL_MAX},
	[TASK_OVERLAP] = {"overlap", TEXTOID, false, "skip", overlaps, 0, 0},
	[TASK_MISFIRE] = {"misfire", TEXTOID, false, "run_once", misfires, 0, 0},
	[TASK_TRANSACTION_MODE] = {"transaction_mode", TEXTOID, false, "auto", modes, 0, 0},
	[TASK_ON_CRASH] = {"on_crash", TEXTOID, false, "retry", crashes, 0, 0},
	[TASK_DESCRIPTION] = {"description", TEXTOID, false, NULL, NULL, 0, TC_MAX_DESCRIPTION_LENGTH},
	[TASK_TAGS] = {"tags", TEXTARRAYOID, false, "", NULL, 0, MAX_TAGS},
	[TASK_APPLICATION] = {"application", TEXTOID, false, NULL, NULL, 1, TC_MAX_NAME_LENGTH},
	[TASK_BATCH] = {"batch", INT4OID, true, "60", NULL, 1, TC_MAX_BATCH},
	[TASK_ISOLATION] = {"isolation", TEXTOID, true, "pooled", isolations, 0, 0},
	[TASK_SYNCHRONOUS_COMMIT] = {"synchronous_commit", TEXTOID, true, NULL, commits, 0, 0},
	[TASK_SETTINGS] = {"settings", JSONBOID, true, "{}", NULL, 0, 0},
	[TASK_CAPTURE_OUTPUT] = {"capture_output", BOOLOID, true, "false", NULL, 0, 0},
	[TASK_LOG_LEVEL] = {"log_level", TEXTOID, true, "notice", levels, 0, 0},
	[TASK_MAX_RUNNING] = {"max_running", INT4OID, true, NULL, NULL, 1, 1000000},
	[TASK_MAX_LOST] = {"max_lost", INT4OID, true, "3", NULL, 1, 10000},
	[TASK_STUCK_AFTER] = {"stuck_after", INTERVALOID, true, NULL, NULL, USECS_PER_SEC, TC_INTERVAL_MAX},
	[TASK_MISFIRE_GRACE] = {"misfire_grace", INTERVALOID, true, "1 minute", NULL, 0, TC_INTERVAL_MAX},
	[TASK_MAX_CATCHUP] = {"max_catchup", INT4OID, true, "100", NULL, 1, 10000},
	[TASK_DST_GAP] = {"dst_gap", TEXTOID, true, NULL, gaps, 0, 0},
	[TASK_DST_REPEAT] = {"dst_repeat", TEXTOID, true, NULL, repeats, 0, 0},
	[TASK_RETENTION] = {"retention", TEXTOID, true, NULL, NULL, 1, 100},
	[TASK_FAILED_RETENTION] = {"failed_retention", TEXTOID, true, NULL, NULL, 1, 100},
	[TASK_EVENTS] = {"events", TEXTOID, true, "all", event_choices, 0, 0},
	[TASK_REQUIRES_FLAG] = {"requires_flag", TEXTOID, true, NULL, NULL, 1, TC_MAX_NAME_LENGTH},
	[TASK_GROUP_KEY] = {"group_key", TEXTOID, true, NULL, NULL, 1, TC_MAX_NAME_LENGTH},
	[TASK_RATE_LIMIT] = {"rate_limit", TEXTOID, true, NULL, NULL, 1, 100},
	[TASK_WORKFLOW] = {"workflow", TEXTOID, true, NULL, NULL, 1, TC_MAX_NAME_LENGTH},
	[TASK_RETRY_RULES] = {"retry_rules", JSONBOID, true, "[]", NULL, 0, 0}
};

/* ---- values ---- */

static Datum
default_datum(const PropertyRule *rule)
{
	switch (rule->type)
	{
		case TEXTOID:
			return CStringGetTextDatum(rule->default_value);
		case INT4OID:
			return Int32GetDatum(pg_strtoint32(rule->default_value));
		case BOOLOID:
			return BoolGetDatum(strcmp(rule->default_value, "true") == 0);
		case INTERVALOID:
			return IntervalPGetDatum(tc_parse_interval(rule->name, rule->default_value));
		case JSONBOID:
			return DirectFunctionCall1(jsonb_in, CStringGetDatum(rule->default_value));
		case TEXTARRAYOID:
			return PointerGetDatum(construct_empty_array(TEXTOID));
		default:
			elog(ERROR, "property \"%s\" has a type that is not known", rule->name);
			return (Datum) 0;
	}
}

static void
set_default(TaskRow *task, TaskProperty property)
{
	const PropertyRule *rule = &rules[property];

	task->nulls[property] = rule->default_value == NULL;
	task->values[property] = rule->default_value == NULL ? (Datum) 0 : default_datum(rule);
}

void
tc_properties_default(TaskRow *task)
{
	int			i;

	for (i = 0; i < TASK_PROPERTY_COUNT; i++)
		set_default(task, i);
}

static void
set_value(TaskRow *task, TaskProperty property, Datum value)
{
	task->values[property] = value;
	task->nulls[property] = false;
}

const char *
tc_property_name(TaskProperty property)
{
	return rules[property].name;
}

Oid
tc_property_type(TaskProperty property)
{
	return rules[property].type;
}

/* ---- checks of single values ---- */

static void
check_text(TaskProperty property, const char *value)
{
	const PropertyRule *rule = &rules[property];

	if (rule->choices != NULL)
	{
		tc_check_choice(rule->name, value, rule->choices);
		return;
	}
	if ((int64) strlen(value) < rule->min)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", rule->name),
				 errdetail("\"%s\" is \"%s\".", rule->name, value),
				 errhint("Give a text.")));
	tc_check_length(rule->name, value, (int) rule->max);
	switch (property)
	{
		case TASK_QUEUE:
		case TASK_APPLICATION:
			tc_check_name(rule->name, value);
			break;
		case TASK_RETENTION:
		case TASK_FAILED_RETENTION:
			(void) tc_parse_retention(rule->name, value);
			break;
		case TASK_REQUIRES_FLAG:
			tc_flag_require(rule->name, value);
			break;
		case TASK_GROUP_KEY:
			tc_check_name(rule->name, value);
			break;
		case TASK_RATE_LIMIT:
			(void) tc_rate_limit_parse(rule->name, value);
			break;
		default:
			break;
	}
}

static void
check_object(TaskProperty property, const Jsonb *value)
{
	if (VARSIZE(value) > TC_MAX_PARAMS_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is too large", rules[property].name),
				 errdetail("\"%s\" has %u bytes.", rules[property].name,
						   (unsigned) VARSIZE(value)),
				 errhint("Use at most %d bytes, and keep large values in a table.",
						 TC_MAX_PARAMS_SIZE)));
	if (property == TASK_SETTINGS)
		tc_run_settings_check(value);
	else if (property == TASK_RETRY_RULES)
		tc_retry_rules_check(value);
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* each once, in order */
static Datum
normal_tags(char **tags, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));
	int			kept = 0;
	int			i;

	tc_check_int("tags", count, 0, MAX_TAGS);
	qsort(tags, count, sizeof(char *), compare_texts);
	for (i = 0; i < count; i++)
	{
		tc_check_name("tags", tags[i]);
		if (i == 0 || strcmp(tags[i], tags[i - 1]) != 0)
			elements[kept++] = CStringGetTextDatum(tags[i]);
	}
	if (kept == 0)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	return PointerGetDatum(construct_array(elements, kept, TEXTOID, -1, false, TYPALIGN_INT));
}

/* ---- reading ---- */

void
tc_property_set_text(TaskRow *task, TaskProperty property, const char *value)
{
	check_text(property, value);
	set_value(task, property, CStringGetTextDatum(value));
}

static void
read_argument(FunctionCallInfo fcinfo, int position, TaskProperty property, TaskRow *task)
{
	const PropertyRule *rule = &rules[property];
	char	  **tags;
	Jsonb	   *object;
	int			count;

	if (PG_ARGISNULL(position))
		return;
	switch (rule->type)
	{
		case TEXTOID:
			tc_property_set_text(task, property, tc_arg_text(fcinfo, position));
			break;
		case INT4OID:
			tc_check_int(rule->name, PG_GETARG_INT32(position), rule->min, rule->max);
			set_value(task, property, PG_GETARG_DATUM(position));
			break;
		case INTERVALOID:
			tc_check_interval(rule->name, PG_GETARG_INTERVAL_P(position), rule->min, rule->max);
			set_value(task, property, PG_GETARG_DATUM(position));
			break;
		case TEXTARRAYOID:
			tags = tc_arg_text_array(fcinfo, position, rule->name, &count);
			set_value(task, property, normal_tags(tags, count));
			break;
		case JSONBOID:
			object = tc_arg_object(fcinfo, position, rule->name);
			if (object == NULL)
				return;
			check_object(property, object);
			set_value(task, property, JsonbPGetDatum(object));
			break;
		default:
			elog(ERROR, "argument \"%s\" has a type that is not known", rule->name);
	}
}

void
tc_property_read(const Jsonb *options, TaskProperty property, TaskRow *task)
{
	const PropertyRule *rule = &rules[property];
	Interval   *interval;
	Jsonb	   *object;
	char	  **tags;
	int			count;
	int32		number;
	bool		flag;

	if (!tc_options_has(options, rule->name))
		return;
	switch (rule->type)
	{
		case TEXTOID:
			tc_property_set_text(task, property, tc_option_text(options, rule->name));
			break;
		case INT4OID:
			(void) tc_option_int32(options, rule->name, &number);
			tc_check_int(rule->name, number, rule->min, rule->max);
			set_value(task, property, Int32GetDatum(number));
			break;
		case BOOLOID:
			(void) tc_option_bool(options, rule->name, &flag);
			set_value(task, property, BoolGetDatum(flag));
			break;
		case INTERVALOID:
			interval = tc_option_interval(options, rule->name);
			tc_check_interval(rule->name, interval, rule->min, rule->max);
			set_value(task, property, IntervalPGetDatum(interval));
			break;
		case TEXTARRAYOID:
			tags = tc_option_text_array(options, rule->name, &count);
			set_value(task, property, normal_tags(tags, count));
			break;
		case JSONBOID:
			object = property == TASK_RETRY_RULES
				? tc_option_array(options, rule->name)
				: tc_option_object(options, rule->name);
			check_object(property, object);
			set_value(task, property, JsonbPGetDatum(object));
			break;
		default:
			elog(ERROR, "option \"%s\" has a type that is not known", rule->name);
	}
}

static void
read_options(const Jsonb *options, bool paused_allowed, TaskRow *task)
{
	const char *known[TASK_PROPERTY_COUNT + 3];
	int			count = 0;
	int			i;

	for (i = 0; i < TASK_PROPERTY_COUNT; i++)
	{
		if (rules[i].is_option)
			known[count++] = rules[i].name;
	}
	known[count++] = "graph";
	if (paused_allowed)
		known[count++] = "paused";
	known[count] = NULL;

	tc_options_check(options, known);
	for (i = 0; i < TASK_PROPERTY_COUNT; i++)
	{
		if (rules[i].is_option)
			tc_property_read(options, i, task);
	}
}

void
tc_properties_read(FunctionCallInfo fcinfo, const PropertyArguments *arguments,
				   bool paused_allowed, TaskRow *task)
{
	int			i;

	read_argument(fcinfo, arguments->command, TASK_COMMAND, task);
	for (i = TASK_PARAMS; i <= TASK_ON_CRASH; i++)
		read_argument(fcinfo, arguments->params + i - TASK_PARAMS, i, task);
	for (i = TASK_DESCRIPTION; i <= TASK_APPLICATION; i++)
		read_argument(fcinfo, arguments->description + i - TASK_DESCRIPTION, i, task);
	read_options(tc_arg_object(fcinfo, arguments->options, "options"), paused_allowed, task);
}

void
tc_properties_reset(char *const *names, int count, TaskRow *task)
{
	int			i;
	int			property;

	for (i = 0; i < count; i++)
	{
		for (property = 0; property < TASK_PROPERTY_COUNT; property++)
		{
			if (property != TASK_COMMAND && strcmp(rules[property].name, names[i]) == 0)
				break;
		}
		if (property == TASK_PROPERTY_COUNT)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("property \"%s\" cannot be reset", tc_shorten(names[i])),
					 errdetail("\"reset\" holds \"%s\".", tc_shorten(names[i])),
					 errhint("Name arguments or option keys of taskcenter.alter_task() that have a default.")));
		set_default(task, property);
	}
}

/* ---- whole definitions ---- */

bool
tc_property_same(const TaskRow *one, const TaskRow *other, TaskProperty property)
{
	Oid			type = rules[property].type;

	if (one->nulls[property] || other->nulls[property])
		return one->nulls[property] == other->nulls[property];
	if (type == JSONBOID)
		return compareJsonbContainers(&DatumGetJsonbP(one->values[property])->root,
									  &DatumGetJsonbP(other->values[property])->root) == 0;
	if (type == INT4OID || type == BOOLOID)
		return datumIsEqual(one->values[property], other->values[property], true, 4);
	return datumIsEqual(one->values[property], other->values[property], false,
						type == INTERVALOID ? (int) sizeof(Interval) : -1);
}

bool
tc_properties_equal(const TaskRow *one, const TaskRow *other)
{
	int			i;

	for (i = 0; i < TASK_PROPERTY_COUNT; i++)
	{
		if (!tc_property_same(one, other, i))
			return false;
	}
	return true;
}

bool
tc_properties_same_execution(const TaskRow *one, const TaskRow *other)
{
	return tc_property_same(one, other, TASK_COMMAND) && tc_property_same(one, other, TASK_SETTINGS);
}

bool
tc_properties_same_scope(const TaskRow *one, const TaskRow *other)
{
	return tc_property_same(one, other, TASK_QUEUE) &&
		tc_property_same(one, other, TASK_APPLICATION);
}
