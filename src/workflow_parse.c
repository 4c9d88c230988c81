/*-------------------------------------------------------------------------
 *
 * workflow_parse.c
 *		Reading a map of transitions, and naming what is wrong with it.
 *
 * The first fault ends the reading; it names the place as people write it in
 * JSON.  Keys of an object come in the order in which jsonb keeps them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "workflow_rules.h"

typedef struct Reader
{
	Workflow   *workflow;
	WorkflowFault *fault;
} Reader;

static bool
fail(Reader *reader, char *place, char *problem)
{
	reader->fault->place = place;
	reader->fault->problem = problem;
	return false;
}

/* a status, or a key of the context */
static bool
check_word(Reader *reader, const char *place, const char *word)
{
	int			length = strlen(word);
	int			i;

	if (length == 0)
		return fail(reader, pstrdup(place), pstrdup("is empty"));
	if (length > TC_MAX_STATUS_LENGTH)
		return fail(reader, pstrdup(place),
					psprintf("is longer than %d bytes", TC_MAX_STATUS_LENGTH));
	if (word[0] == ' ' || word[length - 1] == ' ')
		return fail(reader, pstrdup(place), pstrdup("begins or ends with a blank"));
	for (i = 0; i < length; i++)
	{
		if ((unsigned char) word[i] < 0x20 || word[i] == 0x7f)
			return fail(reader, pstrdup(place), pstrdup("holds a control character"));
	}
	return true;
}

static bool
read_word(Reader *reader, const char *place, const JsonbValue *value, char **word)
{
	if (value->type != jbvString)
		return fail(reader, pstrdup(place), pstrdup("is not a text"));
	*word = pnstrdup(value->val.string.val, value->val.string.len);
	return check_word(reader, place, *word);
}

static JsonbContainer *
array_in(const JsonbValue *value)
{
	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		return NULL;
	return value->val.binary.data;
}

static JsonbContainer *
object_in(const JsonbValue *value)
{
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		return NULL;
	return value->val.binary.data;
}

/* ---- requirements ---- */

static bool
read_need(Reader *reader, const char *place, const JsonbValue *value, WorkflowNeed *need)
{
	JsonbContainer *array = array_in(value);
	int			i;

	need->count = array == NULL ? 1 : JsonContainerSize(array);
	if (need->count == 0)
		return fail(reader, pstrdup(place), pstrdup("is an empty array"));
	if (need->count > TC_MAX_ALTERNATIVES)
		return fail(reader, pstrdup(place),
					psprintf("has more than %d alternatives", TC_MAX_ALTERNATIVES));
	need->keys = palloc(sizeof(char *) * need->count);
	if (array == NULL)
		return read_word(reader, place, value, &need->keys[0]);
	for (i = 0; i < need->count; i++)
	{
		if (!read_word(reader, psprintf("%s[%d]", place, i),
					   getIthJsonbValueFromContainer(array, i), &need->keys[i]))
			return false;
	}
	return true;
}

static bool
read_needs(Reader *reader, const char *place, const JsonbValue *value, WorkflowMove *move)
{
	JsonbContainer *array = array_in(value);
	int			i;

	if (array == NULL)
		return fail(reader, pstrdup(place), pstrdup("is not an array"));
	move->need_count = JsonContainerSize(array);
	if (move->need_count > TC_MAX_NEEDS)
		return fail(reader, pstrdup(place),
					psprintf("has more than %d requirements", TC_MAX_NEEDS));
	move->needs = palloc(sizeof(WorkflowNeed) * Max(move->need_count, 1));
	for (i = 0; i < move->need_count; i++)
	{
		if (!read_need(reader, psprintf("%s[%d]", place, i),
					   getIthJsonbValueFromContainer(array, i), &move->needs[i]))
			return false;
	}
	return true;
}

/* ---- transitions ---- */

static bool
check_move_keys(Reader *reader, const char *place, JsonbContainer *object)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *key;

		if (token != WJB_KEY)
			continue;
		key = pnstrdup(value.val.string.val, value.val.string.len);
		if (strcmp(key, "to") != 0 && strcmp(key, "requires") != 0)
			return fail(reader, pstrdup(place),
						psprintf("has the key \"%s\"; known keys are \"to\" and \"requires\"",
								 tc_workflow_clip(key)));
	}
	return true;
}

static bool
find_target(Reader *reader, const char *place, int from, const char *name, WorkflowMove *move)
{
	const Workflow *workflow = reader->workflow;

	move->to = tc_workflow_find(workflow, name);
	if (move->to < 0)
		return fail(reader, pstrdup(place),
					psprintf("is \"%s\", which is no status: if nothing may follow it, add \"%s\": []",
							 name, name));
	if (move->to == from)
		return fail(reader, pstrdup(place),
					psprintf("is \"%s\" itself: a status always may follow itself", name));
	return true;
}

static bool
read_move(Reader *reader, const char *place, int from, const JsonbValue *value,
		  WorkflowMove *move)
{
	JsonbContainer *object = object_in(value);
	JsonbValue *part;
	char	   *name;

	memset(move, 0, sizeof(WorkflowMove));
	if (object == NULL)
	{
		if (value->type != jbvString)
			return fail(reader, pstrdup(place),
						pstrdup("is neither a text nor an object such as {\"to\": \"done\", \"requires\": [\"reason\"]}"));
		return read_word(reader, place, value, &name) &&
			find_target(reader, place, from, name, move);
	}
	if (!check_move_keys(reader, place, object))
		return false;
	part = getKeyJsonValueFromContainer(object, "to", strlen("to"), NULL);
	if (part == NULL)
		return fail(reader, pstrdup(place), pstrdup("has no key \"to\""));
	if (!read_word(reader, psprintf("%s.to", place), part, &name) ||
		!find_target(reader, psprintf("%s.to", place), from, name, move))
		return false;
	part = getKeyJsonValueFromContainer(object, "requires", strlen("requires"), NULL);
	return part == NULL || part->type == jbvNull ||
		read_needs(reader, psprintf("%s.requires", place), part, move);
}

static bool
read_moves(Reader *reader, int from, const JsonbValue *value)
{
	WorkflowStatus *status = &reader->workflow->statuses[from];
	char	   *place = psprintf("transitions.%s", status->name);
	JsonbContainer *array = array_in(value);
	int			i;
	int			j;

	if (array == NULL)
		return fail(reader, place, pstrdup("is not an array"));
	if (JsonContainerSize(array) > TC_MAX_STATUSES)
		return fail(reader, place, psprintf("has more than %d elements", TC_MAX_STATUSES));
	status->move_count = JsonContainerSize(array);
	status->moves = palloc(sizeof(WorkflowMove) * Max(status->move_count, 1));
	for (i = 0; i < status->move_count; i++)
	{
		char	   *element = psprintf("%s[%d]", place, i);

		if (!read_move(reader, element, from, getIthJsonbValueFromContainer(array, i),
					   &status->moves[i]))
			return false;
		for (j = 0; j < i; j++)
		{
			if (status->moves[j].to == status->moves[i].to)
				return fail(reader, element, pstrdup("names a status that stands before it"));
		}
	}
	return true;
}

/* ---- the whole ---- */

static bool
read_statuses(Reader *reader, JsonbContainer *object)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	Workflow   *workflow = reader->workflow;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (JsonContainerSize(object) == 0)
		return fail(reader, pstrdup("transitions"), pstrdup("has no status"));
	if (JsonContainerSize(object) > TC_MAX_STATUSES)
		return fail(reader, pstrdup("transitions"),
					psprintf("has more than %d statuses", TC_MAX_STATUSES));
	workflow->statuses = palloc0(sizeof(WorkflowStatus) * JsonContainerSize(object));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *place;
		char	   *name;

		if (token != WJB_KEY)
			continue;
		place = psprintf("transitions, key %d", workflow->count + 1);
		if (!read_word(reader, place, &value, &name))
			return false;
		if (strcmp(name, TC_STATUS_REFUSED) == 0)
			return fail(reader, psprintf("transitions.%s", name),
						pstrdup("is the mark of refused attempts, and no status"));
		workflow->statuses[workflow->count++].name = name;
	}
	return true;
}

static bool
set_initial(Reader *reader, const char *initial)
{
	reader->workflow->initial = tc_workflow_find(reader->workflow, initial);
	if (reader->workflow->initial < 0)
		return fail(reader, pstrdup("initial"),
					psprintf("is \"%s\", which is no key of \"transitions\"", tc_workflow_clip(initial)));
	return true;
}

static bool
set_terminal(Reader *reader, char *const *terminal, int count)
{
	Workflow   *workflow = reader->workflow;
	int			i;

	for (i = 0; terminal == NULL && i < workflow->count; i++)
		workflow->statuses[i].terminal = workflow->statuses[i].move_count == 0;
	for (i = 0; terminal != NULL && i < count; i++)
	{
		int			status = tc_workflow_find(workflow, terminal[i]);

		if (status < 0)
			return fail(reader, psprintf("terminal[%d]", i),
						psprintf("is \"%s\", which is no key of \"transitions\"",
								 tc_workflow_clip(terminal[i])));
		workflow->statuses[status].terminal = true;
	}
	return true;
}

bool
tc_workflow_parse(const Jsonb *transitions, const char *initial, char *const *terminal,
				  int terminal_count, Workflow *workflow, WorkflowFault *fault)
{
	Reader		reader = {workflow, fault};
	JsonbContainer *object = unconstify(JsonbContainer *, &transitions->root);
	int			i;

	memset(workflow, 0, sizeof(Workflow));
	if (!JB_ROOT_IS_OBJECT(transitions))
		return fail(&reader, pstrdup("transitions"), pstrdup("is not an object"));
	if (!read_statuses(&reader, object))
		return false;
	for (i = 0; i < workflow->count; i++)
	{
		const char *name = workflow->statuses[i].name;

		if (!read_moves(&reader, i, getKeyJsonValueFromContainer(object, name, strlen(name),
																 NULL)))
			return false;
	}
	return set_initial(&reader, initial) && set_terminal(&reader, terminal, terminal_count);
}
