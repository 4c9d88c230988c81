/*-------------------------------------------------------------------------
 *
 * document_apply.c
 *		The tasks of an application made to be as a document says.
 *
 * Task by task: read, compared under the lock of its row, written.  Each has a
 * memory context and a frame of its own.  Whoever applies another document
 * meanwhile waits for the lock on definitions; whoever changes a task by other
 * means, for its row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "access.h"
#include "activation.h"
#include "arguments.h"
#include "audit_context.h"
#include "control_store.h"
#include "document_apply.h"
#include "document_read.h"
#include "document_write.h"
#include "graph_save.h"
#include "statement.h"
#include "status_change.h"
#include "task_change.h"
#include "task_declare.h"
#include "task_properties.h"

typedef struct NameEntry
{
	char		name[TC_MAX_NAME_LENGTH + 1];	/* hash key */
	int			place;			/* in the document */
} NameEntry;

typedef struct Changes
{
	const DocumentOrder *order;
	Document	document;
	HTAB	   *names;			/* of the document */
	bool		fresh;			/* the database has no queues and workflows
								 * yet */
} Changes;

static void
report(Changes *changes, const char *action, const char *object_type, const char *name,
	   const Jsonb *what)
{
	changes->order->report(action, object_type, name, what, changes->order->argument);
}

/* ---- what is not for this document ---- */

static void
refuse_application(const TaskRow *before, const char *application)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("task \"%s\" belongs to another application", before->name),
			 errdetail("Its application is \"%s\", the document is applied for \"%s\".",
					   tc_task_text(before, TASK_APPLICATION), application),
			 errhint("Rename one of the two, or hand the task over with taskcenter.alter_task(application => ...).")));
}

static void
refuse_owner(const TaskRow *before, const char *owner)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("task \"%s\" belongs to another owner", before->name),
			 errdetail("Its owner is \"%s\", the document names \"%s\".", before->owner,
					   tc_shorten(owner)),
			 errhint("Hand it over with taskcenter.alter_task_owner(), or rename one of the two.")));
}

static void
refuse_kind(const TaskRow *before, const char *kind)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the kind of task \"%s\" cannot change", before->name),
			 errdetail("It is \"%s\", the document has \"%s\".", before->kind, kind),
			 errhint("Archive the task first with taskcenter.archive_task(); the document then makes another.")));
}

static void
check_belongs(Changes *changes, const TaskRow *before, const DocumentTask *wanted)
{
	DocumentPath *path = &changes->document.path;
	char	   *application = tc_task_text(before, TASK_APPLICATION);

	path->key = "application";
	if (application != NULL && strcmp(application, changes->order->application) != 0)
		refuse_application(before, changes->order->application);
	path->key = "owner";
	if (wanted->owner != NULL && strcmp(wanted->owner, before->owner) != 0 &&
		get_role_oid(wanted->owner, true) != before->owner_id)
		refuse_owner(before, wanted->owner);
	path->key = "kind";
	if (strcmp(wanted->task.kind, before->kind) != 0)
		refuse_kind(before, wanted->task.kind);
	path->key = NULL;
}

/* ---- a task ---- */

/* the first call that creates something makes queues and a workflow: here it only looked */
static void
require_queue(Changes *changes, const TaskRow *task)
{
	char	   *queue = tc_task_text(task, TASK_QUEUE);

	changes->document.path.key = "queue";
	if (!changes->fresh || (strcmp(queue, TC_DEFAULT_QUEUE) != 0 &&
							strcmp(queue, TC_CONTROL_QUEUE) != 0))
		tc_declare_require_queue(task);
	changes->document.path.key = NULL;
}

static void
require_workflow(Changes *changes, TaskRow *task)
{
	char	   *workflow = tc_task_text(task, TASK_WORKFLOW);

	changes->document.path.key = "workflow";
	if (!changes->fresh || (workflow != NULL && strcmp(workflow, TC_DEFAULT_WORKFLOW) != 0))
		tc_status_begin_task(task);
	changes->document.path.key = NULL;
}

/* within a frame; false: the name is taken by now */
static bool
create_task(Changes *changes, const DocumentTask *wanted, TaskRow *task)
{
	DocumentPath *path = &changes->document.path;
	Oid			owner = tc_statement_caller();

	*task = wanted->task;
	path->key = "owner";
	if (wanted->owner != NULL)
		owner = tc_access_require_role("owner", wanted->owner);
	path->key = "run_as";
	tc_declare_set_roles(task, owner, wanted->run_as);
	tc_declare_require_executable(task, "run_as");
	task->state = pstrdup(wanted->state != NULL ? wanted->state : "active");
	require_queue(changes, task);
	require_workflow(changes, task);
	return changes->order->dry_run ||
		tc_status_insert_task(task, tc_audit_reason(), tc_audit_actor(tc_statement_caller()),
							  changes->order->now);
}

/* within a frame, with its row locked if it is to be written; false: nothing differs */
static bool
change_task(Changes *changes, const DocumentTask *wanted, const TaskRow *before,
			TaskRow *task)
{
	DocumentPath *path = &changes->document.path;
	bool		differs;

	tc_access_check_task(before, TASK_RIGHT_MANAGE);
	check_belongs(changes, before, wanted);
	*task = wanted->task;
	path->key = "run_as";
	differs = tc_declare_over(before, task, wanted->run_as, wanted->on_crash);
	if (wanted->state != NULL && strcmp(wanted->state, before->state) != 0)
	{
		task->state = pstrdup(wanted->state);
		task->state_reason = NULL;
		differs = true;
	}
	if (!differs)
		return false;
	require_queue(changes, task);
	path->key = "workflow";
	tc_status_check_workflow(task);
	path->key = "run_as";
	tc_declare_check_change(before, task);
	tc_task_check_roles(before, task);
	path->key = NULL;
	if (!changes->order->dry_run)
		tc_task_change(before, task, changes->order->now);
	return true;
}

/* ---- its schedules ---- */

typedef struct ScheduleChange
{
	const char *action;
	const char *name;
	const Jsonb *what;
} ScheduleChange;

static void
note_schedule(ScheduleChange *change, const TaskRow *task, const char *action,
			  const char *name, const Jsonb *what)
{
	change->action = action;
	change->name = psprintf("%s/%s", task->name, name);
	change->what = what;
}

static bool
is_requested(const ScheduleRequest *requests, int count, const char *name)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (strcmp(requests[i].name, name) == 0)
			return true;
	}
	return false;
}

/* within a frame: what is to be of a schedule; false: nothing differs */
static bool
apply_schedule(Changes *changes, const TaskRow *task, const ScheduleRequest *request,
			   ScheduleChange *change)
{
	DocumentPath *path = &changes->document.path;
	SchedulePlan plan;

	path->schedule = request->name;
	path->key = "schedule";
	tc_define_plan(task, request, !changes->order->dry_run, changes->order->now, &plan);
	path->schedule = path->key = NULL;
	if (plan.result == DEFINITION_UNCHANGED)
		return false;
	if (!changes->order->dry_run)
		(void) tc_define_carry_out(&plan, changes->order->now);
	if (plan.result == DEFINITION_CREATED)
		note_schedule(change, task, "create", request->name, tc_document_of_schedule(&plan.row));
	else
		note_schedule(change, task, "alter", request->name,
					  tc_document_difference(tc_document_of_schedule(&plan.old),
											 tc_document_of_schedule(&plan.row)));
	return true;
}

/*
 * Within a frame: let the task have the schedules that the document gives it,
 * and no others.  Returns what changed.
 */
static int
apply_schedules(Changes *changes, const TaskRow *task, const ScheduleRequest *requests,
				int count, ScheduleChange **result)
{
	bool		dry_run = changes->order->dry_run;
	ScheduleRow *rows = NULL;
	ScheduleChange *list;
	int			existing = 0;
	int			changed = 0;
	int			i;

	if (task->task_id != 0)
		existing = tc_schedules_of_task(task->task_id, !dry_run, &rows, CurrentMemoryContext);
	*result = list = palloc(sizeof(ScheduleChange) * (count + existing + 1));
	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (apply_schedule(changes, task, &requests[i], &list[changed]))
			changed++;
	}
	for (i = 0; i < existing; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_requested(requests, count, rows[i].name))
			continue;
		if (!dry_run)
			tc_schedule_delete(rows[i].schedule_id);
		note_schedule(&list[changed++], task, "drop", rows[i].name, NULL);
	}
	return changed;
}

/* ---- one task of the document ---- */

/* the task of that name that is not archived; nobody waits for one that is not his */
static bool
find_task(Changes *changes, const char *name, TaskRow *before)
{
	if (!tc_task_find(name, false, before))
		return false;
	tc_access_check_task(before, TASK_RIGHT_MANAGE);
	return changes->order->dry_run || tc_task_find(name, true, before);
}

/* within a frame; "create", "alter", or NULL: nothing differs */
static const char *
apply_definition(Changes *changes, const DocumentTask *wanted, TaskRow *before,
				 TaskRow *task)
{
	if (!find_task(changes, wanted->task.name, before))
	{
		if (create_task(changes, wanted, task))
			return "create";
		if (!find_task(changes, wanted->task.name, before))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("task \"%s\" was made and removed meanwhile", wanted->task.name),
					 errhint("Apply the document again.")));
	}
	return change_task(changes, wanted, before, task) ? "alter" : NULL;
}

static void
apply_task(Changes *changes, const DocumentTask *wanted, const ScheduleRequest *requests,
		   int request_count)
{
	TimestampTz now = changes->order->now;
	StoreFrame	frame;
	TaskRow		before;
	TaskRow		task;
	ScheduleChange *schedules = NULL;
	const char *action;
	const char *woken = NULL;
	const Jsonb *what = NULL;
	int			count = 0;
	int			i;

	tc_store_begin(&frame);
	action = apply_definition(changes, wanted, &before, &task);
	if (wanted->schedules != NULL)
		count = apply_schedules(changes, &task, requests, request_count, &schedules);
	if (action != NULL && strcmp(action, "alter") == 0)
	{
		woken = tc_task_wakes_from(before.state, task.state);
		what = tc_document_difference(tc_document_of_task(&before), tc_document_of_task(&task));
	}
	else if (action != NULL)
		what = tc_document_of_task(&task);
	if (woken != NULL && !changes->order->dry_run)
		tc_define_resume_task(task.task_id, woken, now);
	tc_store_end(&frame);

	if (action != NULL)
		report(changes, action, "task", task.name, what);
	for (i = 0; i < count; i++)
		report(changes, schedules[i].action, "schedule", schedules[i].name, schedules[i].what);
}

/* ---- graphs, which name tasks of the document ---- */

static bool
is_of_document(const char *name, void *argument)
{
	Changes    *changes = argument;

	return strlen(name) <= TC_MAX_NAME_LENGTH &&
		hash_search(changes->names, name, HASH_FIND, NULL) != NULL;
}

/* within a frame: the task as it is now, or, where we only look, would be */
static void
find_for_graph(Changes *changes, const DocumentTask *wanted, TaskRow *task)
{
	if (!find_task(changes, wanted->task.name, task))
		(void) create_task(changes, wanted, task);
}

static void
apply_graph(Changes *changes, const DocumentTask *wanted)
{
	GraphOrder	order = {0};
	GraphChange change;
	StoreFrame	frame;
	TaskRow		task;
	const Jsonb *what = NULL;

	order.task = &task;
	order.document = wanted->graph;
	order.dry_run = changes->order->dry_run;
	order.promise = order.dry_run ? is_of_document : NULL;
	order.argument = changes;
	order.now = changes->order->now;
	tc_store_begin(&frame);
	find_for_graph(changes, wanted, &task);
	changes->document.path.key = "graph";
	tc_graph_save(&order, &change);
	changes->document.path.key = NULL;
	if (change.changed)
		what = tc_document_of_graph(wanted->graph);
	if (what != NULL && change.before != NULL)
		what = tc_document_difference(tc_document_of_graph(change.before), what);
	tc_store_end(&frame);
	if (change.changed)
		report(changes, change.before == NULL ? "create" : "alter", "graph",
			   wanted->task.name, what);
}

static bool
has_graph(const Document *document, int i)
{
	JsonbContainer *tasks = unconstify(JsonbContainer *, &document->tasks->root);
	JsonbValue *task = getIthJsonbValueFromContainer(tasks, i);

	return getKeyJsonValueFromContainer(task->val.binary.data, "graph", strlen("graph"),
										NULL) != NULL;
}

/* when all tasks are there: one graph may name any of them */
static void
apply_graphs(Changes *changes)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(outside, "taskcenter document graph",
											   ALLOCSET_DEFAULT_SIZES);
	int			i;

	for (i = 0; i < changes->document.count; i++)
	{
		DocumentTask wanted;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(each);
		MemoryContextSwitchTo(each);
		if (has_graph(&changes->document, i))
		{
			tc_document_read_task(&changes->document, i, &wanted);
			if (wanted.graph != NULL)
				apply_graph(changes, &wanted);
		}
		MemoryContextSwitchTo(outside);
	}
	changes->document.path.task = -1;
	changes->document.path.name = NULL;
	MemoryContextDelete(each);
}

/* ---- those that the document does not name ---- */

/* within a frame; false: it is gone, or not ours any more */
static bool
archive_task(Changes *changes, int64 task_id)
{
	const DocumentOrder *order = changes->order;
	const char *reason = tc_audit_reason();
	TaskRow		before;
	TaskRow		task;
	char	   *application;

	if (!tc_task_find_id(task_id, true, &before))
		return false;
	application = tc_task_text(&before, TASK_APPLICATION);
	if (strcmp(before.state, "archived") == 0 || application == NULL ||
		strcmp(application, order->application) != 0 ||
		!tc_access_may(tc_statement_caller(), &before, TASK_RIGHT_MANAGE))
		return false;
	if (reason == NULL)
		reason = "the application's document does not name it";
	task = before;
	task.state = pstrdup("archived");
	task.state_reason = pstrdup(reason);
	tc_task_change(&before, &task, order->now);
	tc_task_end_runs(&task, reason, order->now);
	return true;
}

static void
prune_tasks(Changes *changes)
{
	StoreFrame	frame;
	TaskSet		managed;
	TaskName   *tasks;
	int			count;
	int			i;

	tc_store_begin(&frame);
	tc_access_tasks(tc_statement_caller(), TASK_RIGHT_MANAGE, &managed);
	count = tc_task_list(changes->order->application, &tasks, CurrentMemoryContext);
	tc_store_end(&frame);
	for (i = 0; i < count; i++)
	{
		bool		gone = true;

		CHECK_FOR_INTERRUPTS();
		if (hash_search(changes->names, tasks[i].name, HASH_FIND, NULL) != NULL ||
			!tc_access_has(&managed, tasks[i].task_id, tasks[i].owner_id))
			continue;
		if (!changes->order->dry_run)
		{
			tc_store_begin(&frame);
			gone = archive_task(changes, tasks[i].task_id);
			tc_store_end(&frame);
		}
		if (gone)
			report(changes, "archive", "task", tasks[i].name, NULL);
	}
}

/* ---- all of it ---- */

static HTAB *
make_name_table(void)
{
	HASHCTL		control = {0};

	control.keysize = TC_MAX_NAME_LENGTH + 1;
	control.entrysize = sizeof(NameEntry);
	control.hcxt = CurrentMemoryContext;
	return hash_create("tasks of a document", 64, &control,
					   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static void
remember_name(Changes *changes, const char *name, int place)
{
	bool		found;
	NameEntry  *entry = hash_search(changes->names, name, HASH_ENTER, &found);

	changes->document.path.key = "name";
	if (found)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the document names task \"%s\" twice", name),
				 errdetail("It stands at tasks[%d] and at tasks[%d].", entry->place, place),
				 errhint("Leave one of them out.")));
	entry->place = place;
	changes->document.path.key = NULL;
}

static void
apply_tasks(Changes *changes)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(outside, "taskcenter document task",
											   ALLOCSET_DEFAULT_SIZES);
	int			i;

	for (i = 0; i < changes->document.count; i++)
	{
		DocumentTask wanted;
		ScheduleRequest *requests;
		int			count;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(each);
		MemoryContextSwitchTo(each);
		tc_document_read_task(&changes->document, i, &wanted);
		remember_name(changes, wanted.task.name, i);
		count = tc_document_read_schedules(&changes->document, &wanted, &requests);
		apply_task(changes, &wanted, requests, count);
		MemoryContextSwitchTo(outside);
	}
	changes->document.path.task = -1;
	changes->document.path.name = NULL;
	MemoryContextDelete(each);
}

/* before anything is looked at */
static void
prepare(Changes *changes)
{
	StoreFrame	frame;
	SchedulerStateRow state;

	if (!changes->order->dry_run)
		(void) tc_activate_if_fresh(changes->order->now);
	tc_store_begin(&frame);
	if (changes->order->dry_run)
		changes->fresh = !tc_control_state(false, &state);
	else
		tc_task_lock_definitions();
	tc_store_end(&frame);
}

void
tc_document_apply(const Jsonb *source, const DocumentOrder *order)
{
	ErrorContextCallback callback;
	Changes		changes = {0};

	changes.order = order;
	callback.callback = tc_document_show_path;
	callback.arg = &changes.document.path;
	callback.previous = error_context_stack;
	changes.document.path.task = -1;
	error_context_stack = &callback;
	tc_document_open(source, order->application, &changes.document);
	changes.names = make_name_table();
	prepare(&changes);
	apply_tasks(&changes);
	if (order->prune)
		prune_tasks(&changes);
	apply_graphs(&changes);
	error_context_stack = callback.previous;
}
