/*-------------------------------------------------------------------------
 *
 * graph_cache.c
 *		Graphs that this process has read.
 *
 * What a transaction made itself is dropped at its end: were it rolled back,
 * the next graph to be saved would have the same version.  And all of it is
 * when the relation is not the one that was read: the extension was made anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "arguments.h"
#include "backoff.h"
#include "control_store.h"
#include "graph_cache.h"
#include "graph_store.h"
#include "statement.h"
#include "taskcenter.h"

StaticAssertDecl(TC_DEFINITIONS_OF_GRAPH == TC_MAX_STEPS,
				 "each step of a graph has a definition id");

typedef struct Entry
{
	CachedGraph cached;			/* context NULL: free */
	bool		uncommitted;
	uint64		used_at;
} Entry;

static Entry entries[TC_MAX_CACHED_GRAPHS];
static uint64 use_counter = 0;
static Oid	graphs_relation = InvalidOid;	/* that was read */
static bool relation_changed = false;

/* ---- what is kept ---- */

static void
drop_entry(Entry *entry)
{
	MemoryContextDelete(entry->cached.context);
	memset(entry, 0, sizeof(Entry));
}

static void
drop_uncommitted(void)
{
	int			i;

	for (i = 0; i < TC_MAX_CACHED_GRAPHS; i++)
	{
		if (entries[i].cached.context != NULL && entries[i].uncommitted)
			drop_entry(&entries[i]);
	}
}

static void
at_transaction_end(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		drop_uncommitted();
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId own, SubTransactionId parent,
					  void *argument)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		drop_uncommitted();
}

static void
at_invalidation(Datum argument, Oid relation)
{
	if (!OidIsValid(relation) || relation == graphs_relation)
		relation_changed = true;
}

static void
begin_watching(void)
{
	static bool watching = false;

	graphs_relation = get_relname_relid("graphs", get_namespace_oid(TC_SCHEMA, false));
	if (watching)
		return;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	CacheRegisterRelcacheCallback(at_invalidation, (Datum) 0);
	watching = true;
}

/* Is what is kept of the relation that there is now? */
static void
check_relation(void)
{
	int			i;

	if (!relation_changed || !IsTransactionState())
		return;
	relation_changed = false;
	if (get_relname_relid("graphs", get_namespace_oid(TC_SCHEMA, true)) == graphs_relation)
		return;
	for (i = 0; i < TC_MAX_CACHED_GRAPHS; i++)
	{
		if (entries[i].cached.context != NULL)
			drop_entry(&entries[i]);
	}
}

static Entry *
find_entry(int64 task_id, int version)
{
	int			i;

	for (i = 0; i < TC_MAX_CACHED_GRAPHS; i++)
	{
		if (entries[i].cached.context != NULL && entries[i].cached.task_id == task_id &&
			entries[i].cached.version == version)
			return &entries[i];
	}
	return NULL;
}

/* a free one, else the one that was not used for longest */
static Entry *
take_entry(void)
{
	Entry	   *oldest = &entries[0];
	int			i;

	for (i = 0; i < TC_MAX_CACHED_GRAPHS; i++)
	{
		if (entries[i].cached.context == NULL)
			return &entries[i];
		if (entries[i].used_at < oldest->used_at)
			oldest = &entries[i];
	}
	drop_entry(oldest);
	return oldest;
}

/* ---- reading ---- */

/* the queues that steps name; they are never deleted */
static int64 *
find_queues(const Graph *graph)
{
	int64	   *ids = palloc0(sizeof(int64) * graph->count);
	char	   *last = NULL;
	int64		last_id = 0;
	QueueRow	row;
	int			i;

	for (i = 0; i < graph->count; i++)
	{
		char	   *queue = graph->steps[i].queue;

		if (queue == NULL)
			continue;
		if (last == NULL || strcmp(last, queue) != 0)
			last_id = tc_queue_find(queue, false, &row) ? row.queue_id : 0;
		last = queue;
		ids[i] = last_id;
	}
	return ids;
}

/* within a frame, in a context that becomes the entry's; false: none */
static bool
read_graph(int64 task_id, int version, CachedGraph *cached, bool *uncommitted)
{
	GraphRow	row;
	GraphFault	fault;
	int			i;

	if (!tc_graph_row_find(task_id, version, &row))
		return false;
	if (!tc_graph_parse(row.graph, &cached->graph, &fault))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("version %d of the graph of task %lld cannot be read", version,
						(long long) task_id),
				 errdetail("\"%s\" %s.", fault.place, fault.problem),
				 errhint("Save the graph again with taskcenter.save_graph().")));
	cached->task_id = task_id;
	cached->version = version;
	cached->first_definition_id = row.first_definition_id;
	*uncommitted = row.uncommitted;
	cached->queue_ids = find_queues(&cached->graph);
	cached->autonomous = palloc0(sizeof(bool) * cached->graph.count);
	for (i = 0; i < row.autonomous_count; i++)
		cached->autonomous[row.autonomous[i]] = true;
	return true;
}

/* A context of its own, so that a failure leaves no half an entry. */
static Entry *
load(int64 task_id, int version)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "taskcenter graph",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	StoreFrame	frame;
	Entry		loaded = {0};
	Entry	   *entry;
	bool		found;

	tc_store_begin(&frame);
	found = read_graph(task_id, version, &loaded.cached, &loaded.uncommitted);
	tc_store_end(&frame);
	MemoryContextSwitchTo(old);
	if (!found)
	{
		MemoryContextDelete(context);
		return NULL;
	}
	begin_watching();
	entry = take_entry();
	MemoryContextSetParent(context, TopMemoryContext);
	loaded.cached.context = context;
	*entry = loaded;
	return entry;
}

const CachedGraph *
tc_graph(int64 task_id, int version)
{
	Entry	   *entry;

	check_relation();
	entry = find_entry(task_id, version);
	if (entry == NULL)
		entry = load(task_id, version);
	if (entry == NULL)
		return NULL;
	entry->used_at = ++use_counter;
	return &entry->cached;
}

bool
tc_is_step_definition(int64 id)
{
	return id >= TC_FIRST_DEFINITION;
}

const CachedGraph *
tc_graph_of_definition(int64 definition_id, int *step)
{
	const CachedGraph *graph = NULL;
	StoreFrame	frame;
	int64		task_id;
	int			version;
	bool		found;
	int			i;

	if (!tc_is_step_definition(definition_id))
		return NULL;
	check_relation();
	for (i = 0; i < TC_MAX_CACHED_GRAPHS && graph == NULL; i++)
	{
		CachedGraph *cached = &entries[i].cached;

		if (cached->context != NULL && definition_id >= cached->first_definition_id &&
			definition_id - cached->first_definition_id < TC_DEFINITIONS_OF_GRAPH)
			graph = tc_graph(cached->task_id, cached->version);
	}
	if (graph == NULL)
	{
		tc_store_begin(&frame);
		found = tc_graph_row_of_definition(definition_id, &task_id, &version);
		tc_store_end(&frame);
		graph = found ? tc_graph(task_id, version) : NULL;
	}
	if (graph == NULL ||
		definition_id - graph->first_definition_id >= graph->graph.count)
		return NULL;
	*step = (int) (definition_id - graph->first_definition_id);
	return graph;
}

int
tc_graph_newest(int64 task_id)
{
	StoreFrame	frame;
	int			version;

	tc_store_begin(&frame);
	version = tc_graph_row_newest(task_id);
	tc_store_end(&frame);
	return version;
}

/* ---- how a step is executed ---- */

static int64
interval_of(const Jsonb *document, const char *key, int64 otherwise)
{
	Interval   *interval = tc_option_interval(document, key);
	int64		usecs;

	return interval != NULL && tc_interval_usecs(interval, &usecs) ? usecs : otherwise;
}

static const char *
text_of(const Jsonb *document, const char *key, const char *otherwise)
{
	char	   *found = tc_option_text(document, key);

	return found != NULL ? found : otherwise;
}

static TransactionMode
mode_of(const Jsonb *document, bool surely_autonomous)
{
	const char *mode = text_of(document, "transaction_mode", "auto");

	if (strcmp(mode, "atomic") == 0)
		return TRANSACTION_MODE_ATOMIC;
	if (strcmp(mode, "batched") == 0)
		return TRANSACTION_MODE_BATCHED;
	if (strcmp(mode, "autonomous") == 0 || surely_autonomous)
		return TRANSACTION_MODE_AUTONOMOUS;
	return TRANSACTION_MODE_AUTO;
}

/* the keys of a step, with the defaults of create_task() */
static void
read_execution(const Jsonb *document, bool surely_autonomous, TaskDefinition *definition)
{
	bool		retries = strcmp(text_of(document, "on_crash", "retry"), "retry") == 0;
	BackoffKind backoff = BACKOFF_EXPONENTIAL;
	int32		batch = TC_MAX_BATCH;

	definition->mode = mode_of(document, surely_autonomous);
	definition->repeatable = retries && definition->mode != TRANSACTION_MODE_AUTONOMOUS;
	(void) tc_option_bool(document, "capture_output", &definition->capture_output);
	definition->process_isolation =
		strcmp(text_of(document, "isolation", "pooled"), "process") == 0;
	(void) tc_option_int32(document, "batch", &batch);
	definition->batch = Min(Max(batch, 1), TC_MAX_BATCH);
	definition->timeout = interval_of(document, "timeout", 0);
	(void) tc_backoff_parse(text_of(document, "backoff", "exponential"), &backoff);
	definition->backoff = backoff;
	definition->backoff_base = interval_of(document, "backoff_base", USECS_PER_SEC);
	definition->backoff_cap = interval_of(document, "backoff_cap", USECS_PER_HOUR);
	definition->log_level = pstrdup(text_of(document, "log_level", "notice"));
	definition->synchronous_commit = tc_option_text(document, "synchronous_commit");
	if (tc_option_object(document, "settings") != NULL)
		definition->settings = tc_option_object(document, "settings");
	definition->retry_rules = tc_option_array(document, "retry_rules");
	definition->gated = !retries || definition->process_isolation ||
		definition->mode == TRANSACTION_MODE_AUTONOMOUS ||
		definition->mode == TRANSACTION_MODE_BATCHED;
}

TaskDefinition *
tc_graph_step_definition(const CachedGraph *graph, int step,
						 const TaskDefinition *composite, MemoryContext context)
{
	const GraphStep *node = &graph->graph.steps[step];
	MemoryContext old = MemoryContextSwitchTo(context);
	TaskDefinition *definition = palloc0(sizeof(TaskDefinition));

	definition->task_id = graph->first_definition_id + step;
	definition->version = composite->version;
	definition->name = psprintf("%s/%s", composite->name, node->name);
	definition->state = pstrdup(composite->state);
	definition->run_as = pstrdup(composite->run_as);
	definition->run_as_id = composite->run_as_id;
	definition->owner_id = composite->owner_id;
	definition->runnable = composite->runnable;
	definition->role_renamed = composite->role_renamed;
	definition->max_running = -1;
	if (composite->settings != NULL)
		definition->settings = DatumGetJsonbPCopy(JsonbPGetDatum(composite->settings));
	if (composite->flag_subject != NULL)
		definition->flag_subject = pstrdup(composite->flag_subject);
	if (node->kind == STEP_COMMAND)
		definition->command = pstrdup(node->command);
	else if (node->kind == STEP_CHECK)
		definition->command = pstrdup(node->check->sql);
	read_execution(tc_graph_step_document(node), graph->autonomous[step], definition);
	MemoryContextSwitchTo(old);
	return definition;
}

bool
tc_graph_step_is_gated(const CachedGraph *graph, int step)
{
	TaskDefinition definition = {0};

	read_execution(tc_graph_step_document(&graph->graph.steps[step]), graph->autonomous[step],
				   &definition);
	return definition.gated;
}

void
tc_graph_step_run(const CachedGraph *graph, int step, StepRun *run)
{
	const GraphStep *node = &graph->graph.steps[step];

	run->queue_id = graph->queue_ids[step];
	run->has_priority = node->has_priority;
	run->priority = node->priority;
	run->max_attempts = node->max_attempts;
}

/* As with tasks: what is autonomous is not, unless it says so. */
bool
tc_graph_step_is_not_repeated(int64 definition_id)
{
	const CachedGraph *graph;
	const Jsonb *document;
	const char *unsaid = "retry";
	int			step;

	if (definition_id == 0)
		return false;
	graph = tc_graph_of_definition(definition_id, &step);
	if (graph == NULL)
		return false;
	document = tc_graph_step_document(&graph->graph.steps[step]);
	if (mode_of(document, graph->autonomous[step]) == TRANSACTION_MODE_AUTONOMOUS)
		unsaid = "fail";
	return strcmp(text_of(document, "on_crash", unsaid), "fail") == 0;
}
