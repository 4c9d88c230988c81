/*-------------------------------------------------------------------------
 *
 * document_read.c
 *		A document of tasks, read and checked.
 *
 * Property by property and key by key, so that the path names what is wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "document_read.h"
#include "document_write.h"
#include "task_check.h"
#include "task_declare.h"
#include "task_properties.h"

static const char *const document_keys[] = {"format", "application", "tasks", NULL};
static const char *const schedule_keys[] = {"schedule", "timezone", "state", "starts_at",
	"ends_at", "jitter", "misfire", "misfire_grace", "max_catchup", "dst_gap", "dst_repeat",
NULL};

/* ---- where it stands ---- */

static char *
path_text(const DocumentPath *path)
{
	StringInfoData text;

	initStringInfo(&text);
	if (path->task >= 0)
		appendStringInfo(&text, "tasks[%d]", path->task);
	if (path->schedule != NULL)
		appendStringInfo(&text, ".schedules.%s", tc_shorten(path->schedule));
	if (path->key != NULL)
		appendStringInfo(&text, "%s%s", path->task >= 0 ? "." : "", tc_shorten(path->key));
	return text.data;
}

void
tc_document_show_path(void *argument)
{
	DocumentPath *path = argument;
	char	   *text = path_text(path);

	if (path->name != NULL)
		errcontext("%s of the document, task \"%s\"", text, tc_shorten(path->name));
	else if (text[0] != '\0')
		errcontext("%s of the document", text);
}

static void
check_keys(DocumentPath *path, const Jsonb *object, const char *const *known)
{
	char	   *key = tc_unknown_key(object, known);

	if (key == NULL)
		return;
	path->key = key;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("key \"%s\" of the document is not known", tc_shorten(key)),
			 errdetail("It stands at %s.", path_text(path)),
			 errhint("Known keys there: %s.", tc_join(known))));
}

/* a text that must be given under a key */
static char *
require_text(DocumentPath *path, const Jsonb *object, const char *key)
{
	char	   *value;

	path->key = key;
	value = tc_option_text(object, key);
	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the document has no %s", path_text(path)),
				 errdetail("The key \"%s\" is missing or null.", key),
				 errhint("Add the key \"%s\" with a string.", key)));
	return value;
}

/* what stands at the path must be an object */
static const Jsonb *
require_object(DocumentPath *path, JsonbValue *value)
{
	const Jsonb *object = JsonbValueToJsonb(value);

	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of the document must be an object", path_text(path)),
				 errdetail("It is %s.",
						   tc_shorten(JsonbToCString(NULL, unconstify(JsonbContainer *, &object->root),
													 VARSIZE(object)))),
				 errhint("taskcenter.export_tasks() shows what a document looks like.")));
	return object;
}

/* ---- the document ---- */

static void
check_format(const Jsonb *source)
{
	int32		format = TC_DOCUMENT_FORMAT;

	(void) tc_option_int32(source, "format", &format);
	if (format != TC_DOCUMENT_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("documents of format %d are not supported by this version", format),
				 errdetail("\"format\" is %d.", format),
				 errhint("Use a document of format %d.", TC_DOCUMENT_FORMAT)));
}

static void
check_application(const Document *document, const char *named)
{
	if (named == NULL || strcmp(named, document->application) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the document is for another application"),
			 errdetail("It names \"%s\", and \"application\" is \"%s\".", tc_shorten(named),
					   document->application),
			 errhint("Pass the application that it names, or leave the key \"application\" out of it.")));
}

void
tc_document_open(const Jsonb *source, const char *application, Document *document)
{
	DocumentPath *path = &document->path;

	memset(document, 0, sizeof(Document));
	path->task = -1;
	document->application = application;
	check_keys(path, source, document_keys);
	path->key = "format";
	check_format(source);
	path->key = "application";
	check_application(document, tc_option_text(source, "application"));
	path->key = "tasks";
	document->tasks = tc_option_array(source, "tasks");
	if (document->tasks == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the document has no tasks"),
				 errdetail("The key \"tasks\" is missing or null."),
				 errhint("Add the key \"tasks\" with an array, [] for no tasks at all.")));
	document->count = JB_ROOT_COUNT(document->tasks);
	path->key = NULL;
}

/* ---- a task ---- */

/* a command may be written as an array of its lines */
static void
read_command(const Jsonb *object, TaskRow *task)
{
	JsonbValue *value = getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &object->root),
													 "command", strlen("command"), NULL);
	StringInfoData command;
	char	  **lines;
	int			count;
	int			i;

	if (value == NULL || value->type != jbvBinary)
	{
		tc_property_read(object, TASK_COMMAND, task);
		return;
	}
	lines = tc_option_text_array(object, "command", &count);
	initStringInfo(&command);
	for (i = 0; i < count; i++)
		appendStringInfo(&command, "%s%s", i > 0 ? "\n" : "", lines[i]);
	tc_property_set_text(task, TASK_COMMAND, command.data);
}

static void
check_task_keys(DocumentPath *path, const Jsonb *object)
{
	static const char *const others[] = {"name", "kind", "owner", "run_as", "state", "graph",
	"schedules"};
	const char *known[lengthof(others) + TASK_PROPERTY_COUNT + 1];
	int			count = 0;
	int			i;

	for (i = 0; i < (int) lengthof(others); i++)
		known[count++] = others[i];
	for (i = 0; i < TASK_PROPERTY_COUNT; i++)
		known[count++] = tc_property_name(i);
	known[count] = NULL;
	check_keys(path, object, known);
}

static void
read_properties(DocumentPath *path, const Jsonb *object, TaskRow *task)
{
	int			i;

	tc_properties_default(task);
	path->key = tc_property_name(TASK_COMMAND);
	read_command(object, task);
	for (i = TASK_COMMAND + 1; i < TASK_PROPERTY_COUNT; i++)
	{
		path->key = tc_property_name(i);
		tc_property_read(object, i, task);
	}
}

static const char *
read_state(DocumentPath *path, const Jsonb *object)
{
	static const char *const states[] = {"active", "paused", "disabled", NULL};
	char	   *state;

	path->key = "state";
	state = tc_option_text(object, "state");
	tc_check_choice("state", state, states);
	return state;
}

void
tc_document_read_task(Document *document, int i, DocumentTask *wanted)
{
	DocumentPath *path = &document->path;
	TaskRow    *task = &wanted->task;
	const Jsonb *object;

	memset(path, 0, sizeof(DocumentPath));
	path->task = i;
	memset(wanted, 0, sizeof(DocumentTask));
	object = require_object(path,
							getIthJsonbValueFromContainer(unconstify(JsonbContainer *, &document->tasks->root), i));
	task->name = require_text(path, object, "name");
	tc_check_name("name", task->name);
	path->name = task->name;
	check_task_keys(path, object);
	path->key = "kind";
	task->kind = tc_declare_kind(tc_option_text(object, "kind"));
	read_properties(path, object, task);
	path->key = "application";
	check_application(document, tc_task_text(task, TASK_APPLICATION));
	tc_property_set_text(task, TASK_APPLICATION, document->application);
	wanted->state = read_state(path, object);
	path->key = "owner";
	wanted->owner = tc_option_text(object, "owner");
	path->key = "run_as";
	wanted->run_as = tc_option_text(object, "run_as");
	wanted->on_crash = tc_option_text(object, "on_crash");
	path->key = "schedules";
	wanted->schedules = tc_option_object(object, "schedules");
	path->key = "graph";
	wanted->graph = tc_option_object(object, "graph");
	path->key = NULL;
	tc_task_check(task, NULL);
	if (wanted->on_crash != NULL)
		tc_property_set_text(task, TASK_ON_CRASH, wanted->on_crash);
}

/* ---- schedules ---- */

static void
refuse_time(const char *key, const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" must be a time with an offset", key),
			 errdetail("\"%s\" is \"%s\".", key, tc_shorten(text)),
			 errhint("Write a time such as \"2030-12-01T03:00:00+00:00\".")));
}

/* A document means the same in every session, so the time must name its offset. */
static TimestampTz
read_time(DocumentPath *path, const Jsonb *object, const char *key)
{
	char	   *text;
	char	   *clock;
	TimestampTz value;

	path->key = key;
	text = tc_option_text(object, key);

	if (text == NULL)
		return DT_NOBEGIN;
	clock = strchr(text, ':');
	if (strspn(text, "0123456789") < 4 || text[4] != '-' ||
		clock == NULL || strpbrk(clock, "+-Zz") == NULL)
		refuse_time(key, text);
	value = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
													ObjectIdGetDatum(InvalidOid),
													Int32GetDatum(-1)));
	if (TIMESTAMP_NOT_FINITE(value))
		refuse_time(key, text);
	return value;
}

static void
read_schedule(DocumentPath *path, const char *name, JsonbValue *value,
			  ScheduleRequest *request)
{
	const Jsonb *object;
	int			i;

	path->schedule = name;
	path->key = NULL;
	tc_define_request(request, name);
	tc_define_check(request);
	object = require_object(path, value);
	check_keys(path, object, schedule_keys);
	request->declared = true;
	request->schedule = require_text(path, object, "schedule");
	tc_define_check(request);
	for (i = 1; schedule_keys[i] != NULL; i++)
	{
		const char *key = schedule_keys[i];

		path->key = key;
		if (strcmp(key, "timezone") == 0)
			request->timezone = tc_option_text(object, key);
		else if (strcmp(key, "state") == 0)
			request->state = tc_option_text(object, key);
		else if (strcmp(key, "starts_at") == 0)
			request->starts_at = read_time(path, object, key);
		else if (strcmp(key, "ends_at") == 0)
			request->ends_at = read_time(path, object, key);
		else if (strcmp(key, "jitter") == 0)
			request->jitter = tc_option_interval(object, key);
		else if (strcmp(key, "misfire") == 0)
			request->misfire = tc_option_text(object, key);
		else if (strcmp(key, "misfire_grace") == 0)
			request->misfire_grace = tc_option_interval(object, key);
		else if (strcmp(key, "max_catchup") == 0)
		{
			if (tc_option_int32(object, key, &request->max_catchup))
				tc_check_int(key, request->max_catchup, 1, 10000);
		}
		else if (strcmp(key, "dst_gap") == 0)
			request->dst_gap = tc_option_text(object, key);
		else
			request->dst_repeat = tc_option_text(object, key);
		/* after each key, so that the path is that of what is wrong */
		tc_define_check(request);
	}
	request->paused = request->state != NULL && strcmp(request->state, "paused") == 0;
	path->key = NULL;
}

int
tc_document_read_schedules(Document *document, const DocumentTask *wanted,
						   ScheduleRequest **requests)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = NULL;
	int			count = 0;

	*requests = NULL;
	if (wanted->schedules == NULL)
		return 0;
	*requests = palloc(sizeof(ScheduleRequest) * Max(JB_ROOT_COUNT(wanted->schedules), 1));
	iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &wanted->schedules->root));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			read_schedule(&document->path, name, &value, &(*requests)[count++]);
	}
	document->path.schedule = NULL;
	return count;
}
