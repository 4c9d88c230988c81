/*-------------------------------------------------------------------------
 *
 * user_command.c
 *		A user's command text, executed the way a client's would be.
 *
 * Statements go through portals and not through SPI, which takes a snapshot
 * first: SET TRANSACTION, VACUUM and CALL with COMMIT would fail.
 * A text of queries and data changes only, executed again, keeps its plans,
 * where that cannot be told from planning anew: see contains_unkeepable().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_expr.h"
#include "parser/parser.h"
#include "pgstat.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "redact.h"
#include "user_command.h"

/* A text of more statements than this keeps no plans. */
#define MAX_KEPT_STATEMENTS	16

/*
 * The settings that a raw parse tree, or a kept literal, depends on.  Compared
 * by memcmp(), so there may be no padding.
 */
typedef struct ParseSettings
{
	int			standard_strings;
	int			backslash;
	int			null_equals;
	int			interval_style;
} ParseSettings;

typedef struct CommandStatement
{
	RawStmt    *raw;
	CommandTag	tag;
	bool		unkeepable;		/* found so at its last planning */
	CachedPlanSource *source;	/* NULL: no plan kept */
	int			plan_generation;	/* of the source, when last looked at */
	uint64		catalog_generation; /* when the source was made */
} CommandStatement;

struct UserCommand
{
	MemoryContext context;		/* this struct and the text */
	MemoryContext parse_context;	/* what depends on parse_settings */
	const char *text;
	const char *shown;			/* to others: without secrets */
	ParseSettings parse_settings;

	CommandStatement *statements;
	int			count;
	const char *transaction_control;	/* tag of the first one, or NULL */
	bool		copies_to_client;
	bool		surely_autonomous;
	int			log_level;		/* logged if log_statement is this or more */
	bool		keepable;		/* queries and data changes only, and few */
	bool		executed_before;
};

/* Raised by changes that the plan cache does not watch for us. */
static uint64 catalog_generation = 1;

static void
note_catalog_change(Datum arg, int cacheid, uint32 hashvalue)
{
	catalog_generation++;
}

void
tc_user_command_init(void)
{
	/* A new object may fit a name or a call better than what a plan uses. */
	static const int watched[] = {RELNAMENSP, TYPENAMENSP, PROCOID,
	CASTSOURCETARGET, ENUMOID};
	int			i;

	/* Background workers have none; code that serves clients expects one. */
	if (MessageContext == NULL)
		MessageContext = AllocSetContextCreate(TopMemoryContext, "MessageContext",
											   ALLOCSET_DEFAULT_SIZES);
	for (i = 0; i < (int) lengthof(watched); i++)
		CacheRegisterSyscacheCallback(watched[i], note_catalog_change, (Datum) 0);
}

static ParseSettings
current_parse_settings(void)
{
	ParseSettings settings = {standard_conforming_strings, backslash_quote,
	Transform_null_equals, IntervalStyle};

	return settings;
}

/* Value of a boolean option; its last mention counts. */
static bool
option_is_on(List *options, const char *name, bool value)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0)
			value = defGetBoolean(option);
	}
	return value;
}

static bool
detaches_concurrently(AlterTableStmt *alter)
{
	/* The grammar lets it stand only alone. */
	AlterTableCmd *action = linitial_node(AlterTableCmd, alter->cmds);

	return action->subtype == AT_DetachPartition &&
		castNode(PartitionCmd, action->def)->concurrent;
}

static bool
moves_database(AlterDatabaseStmt *alter)
{
	/* The grammar lets it stand only alone. */
	return list_length(alter->options) == 1 &&
		strcmp(linitial_node(DefElem, alter->options)->defname, "tablespace") == 0;
}

static bool
reindexes_many(ReindexStmt *reindex)
{
	return reindex->kind == REINDEX_OBJECT_SCHEMA ||
		reindex->kind == REINDEX_OBJECT_SYSTEM ||
		reindex->kind == REINDEX_OBJECT_DATABASE ||
		option_is_on(reindex->params, "concurrently", false);
}

static bool
creates_slot(CreateSubscriptionStmt *create)
{
	return option_is_on(create->options, "create_slot",
						option_is_on(create->options, "connect", true));
}

/*
 * Does the server refuse this statement in every transaction block?  What it
 * decides by the catalogs (REINDEX of a partitioned table) is not told here.
 */
static bool
is_surely_autonomous(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreatedbStmt:
		case T_DropdbStmt:
		case T_CreateTableSpaceStmt:
		case T_DropTableSpaceStmt:
		case T_AlterSystemStmt:
			return true;
		case T_VacuumStmt:
			return castNode(VacuumStmt, statement)->is_vacuumcmd;
		case T_IndexStmt:
			return castNode(IndexStmt, statement)->concurrent;
		case T_DropStmt:
			return castNode(DropStmt, statement)->concurrent;
		case T_ClusterStmt:
			return castNode(ClusterStmt, statement)->relation == NULL;
		case T_DiscardStmt:
			return castNode(DiscardStmt, statement)->target == DISCARD_ALL;
		case T_AlterTableStmt:
			return detaches_concurrently(castNode(AlterTableStmt, statement));
		case T_AlterDatabaseStmt:
			return moves_database(castNode(AlterDatabaseStmt, statement));
		case T_ReindexStmt:
			return reindexes_many(castNode(ReindexStmt, statement));
		case T_CreateSubscriptionStmt:
			return creates_slot(castNode(CreateSubscriptionStmt, statement));
		default:
			return false;
	}
}

static void
note_facts(UserCommand *command, CommandStatement *statement)
{
	Node	   *node = statement->raw->stmt;

	if (IsA(node, TransactionStmt) && command->transaction_control == NULL)
		command->transaction_control = GetCommandTagName(statement->tag);
	if (IsA(node, CopyStmt) && castNode(CopyStmt, node)->filename == NULL)
		command->copies_to_client = true;
	command->log_level = Min(command->log_level, (int) GetCommandLogLevel(node));
	if (is_surely_autonomous(node))
		command->surely_autonomous = true;
	if (!(IsA(node, SelectStmt) || IsA(node, InsertStmt) ||
		  IsA(node, UpdateStmt) || IsA(node, DeleteStmt) ||
		  IsA(node, MergeStmt)))
		command->keepable = false;
}

static void
drop_plan(CommandStatement *statement)
{
	if (statement->source != NULL)
		DropCachedPlan(statement->source);
	statement->source = NULL;
}

static void
release_plans(UserCommand *command)
{
	int			i;

	for (i = 0; i < command->count; i++)
		drop_plan(&command->statements[i]);
}

/*
 * Parse the text under the present settings, in place of an earlier parse.  On
 * error the command is as it was.
 */
static void
parse_text(UserCommand *command)
{
	MemoryContext parse_context;
	MemoryContext caller;
	List	   *raws;
	ListCell   *cell;
	CommandStatement *statements;
	int			i;

	parse_context = AllocSetContextCreate(CurrentMemoryContext,
										  "taskcenter parsed command",
										  ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(parse_context);
	raws = raw_parser(command->text, RAW_PARSE_DEFAULT);
	if (raws == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("command is empty"),
				 errdetail("There is no statement in it."),
				 errhint("Write one SQL statement or more.")));
	statements = palloc0(sizeof(CommandStatement) * list_length(raws));
	foreach(cell, raws)
	{
		CommandStatement *statement = &statements[foreach_current_index(cell)];

		statement->raw = lfirst_node(RawStmt, cell);
		statement->tag = CreateCommandTag(statement->raw->stmt);
	}
	MemoryContextSwitchTo(caller);

	release_plans(command);
	if (command->parse_context)
		MemoryContextDelete(command->parse_context);
	MemoryContextSetParent(parse_context, command->context);
	command->parse_context = parse_context;
	command->statements = statements;
	command->count = list_length(raws);
	command->transaction_control = NULL;
	command->copies_to_client = false;
	command->surely_autonomous = false;
	command->log_level = LOGSTMT_ALL;
	command->keepable = command->count <= MAX_KEPT_STATEMENTS;
	for (i = 0; i < command->count; i++)
		note_facts(command, &statements[i]);

	/* Last, so that after an error in between it is parsed again. */
	command->parse_settings = current_parse_settings();
}

UserCommand *
tc_user_command_prepare(const char *text, MemoryContext where)
{
	MemoryContext context;
	UserCommand *command;

	/* Below the caller's context, until it is known to be good. */
	context = AllocSetContextCreate(CurrentMemoryContext,
									"taskcenter user command",
									ALLOCSET_SMALL_SIZES);
	command = MemoryContextAllocZero(context, sizeof(UserCommand));
	command->context = context;
	command->text = MemoryContextStrdup(context, text);
	command->shown = MemoryContextStrdup(context, tc_redact_text(text));
	parse_text(command);
	MemoryContextSetParent(context, where);
	return command;
}

void
tc_user_command_release(UserCommand *command)
{
	if (debug_query_string == command->shown)
		debug_query_string = NULL;
	release_plans(command);
	MemoryContextDelete(command->context);
}

bool
tc_user_command_has_transaction_control(const UserCommand *command)
{
	return command->transaction_control != NULL;
}

bool
tc_user_command_surely_autonomous(const UserCommand *command)
{
	return command->surely_autonomous;
}

bool
tc_user_command_is_query(const UserCommand *command)
{
	Node	   *node = command->statements[0].raw->stmt;

	return command->count == 1 && IsA(node, SelectStmt) &&
		castNode(SelectStmt, node)->intoClause == NULL;
}

/*
 * Does a literal of this type mean the same whenever it is read?  "today" as a
 * date does not.  What the plan cache or parse_settings watch for may vary.
 */
static bool
literal_is_lasting(Oid type)
{
	Oid			element = get_element_type(type);
	Oid			input;
	Oid			parameter;

	if (OidIsValid(element))
		return literal_is_lasting(element);
	if (type == REGCLASSOID || type == INTERVALOID || type_is_enum(type))
		return true;
	getTypeInputInfo(type, &input, &parameter);
	return func_volatile(input) == PROVOLATILE_IMMUTABLE;
}

/* Would planning bring literals (of one in SQL), or a result, into the plan? */
static bool
may_be_folded(Oid function, void *context)
{
	HeapTuple	tuple;
	Form_pg_proc form;
	bool		result;

	if (function < FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return true;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	result = form->prolang == SQLlanguageId || form->provolatile == PROVOLATILE_IMMUTABLE;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Would a plan kept for this query give, at a later execution, something else
 * than a client would get then, whose literals and functions are read anew?
 * The plan cache sees to changes of what a plan uses, of search_path and of
 * row security, and catalog_generation to the rest.
 */
static bool
contains_unkeepable(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const))
		return !((Const *) node)->constisnull &&
			!literal_is_lasting(((Const *) node)->consttype);
	if (check_functions_in_node(node, may_be_folded, context))
		return true;
	if (IsA(node, Query))
		return ((Query *) node)->commandType == CMD_UTILITY ||	/* SELECT INTO */
			query_tree_walker((Query *) node, contains_unkeepable, context, 0);
	return expression_tree_walker(node, contains_unkeepable, context);
}

static List *
analyze_statement(UserCommand *command, CommandStatement *statement)
{
	/* Analysis scribbles on its input. */
	return pg_analyze_and_rewrite_fixedparams(copyObject(statement->raw),
											  command->text, NULL, 0, NULL);
}

static void
make_plan_source(UserCommand *command, CommandStatement *statement)
{
	uint64		generation = catalog_generation;
	CachedPlanSource *source;

	source = CreateCachedPlan(statement->raw, command->text, statement->tag);
	CompleteCachedPlan(source, analyze_statement(command, statement),
					   NULL, NULL, 0, NULL, NULL, CURSOR_OPT_PARALLEL_OK,
					   false);
	SaveCachedPlan(source);
	statement->source = source;
	statement->plan_generation = 0;
	statement->catalog_generation = generation;
}

/* Give the portal a kept plan, made now if need be. */
static void
define_kept(UserCommand *command, CommandStatement *statement, Portal portal)
{
	CachedPlan *plan;

	if (statement->source == NULL)
		make_plan_source(command, statement);

	/* Nothing may fail between these two: the portal owns the reference. */
	plan = GetCachedPlan(statement->source, NULL, NULL, NULL);
	PortalDefineQuery(portal, NULL, command->text, statement->tag,
					  plan->stmt_list, plan);

	if (statement->plan_generation != statement->source->generation)
	{
		/* Planned anew, hence fresh: fine for now at least. */
		statement->unkeepable = contains_unkeepable((Node *) statement->source->query_list, NULL);
		statement->plan_generation = statement->source->generation;
	}
}

static void
define_portal(UserCommand *command, CommandStatement *statement, Portal portal)
{
	bool		needs_snapshot;

	if (statement->unkeepable ||
		statement->catalog_generation != catalog_generation)
		drop_plan(statement);

	/* A kept plan that is still good needs no snapshot. */
	needs_snapshot = statement->source == NULL &&
		analyze_requires_snapshot(statement->raw);
	if (needs_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	if (command->keepable && command->executed_before && !statement->unkeepable)
		define_kept(command, statement, portal);
	else
		PortalDefineQuery(portal, NULL, command->text, statement->tag,
						  pg_plan_queries(analyze_statement(command, statement),
										  command->text,
										  CURSOR_OPT_PARALLEL_OK, NULL),
						  NULL);
	if (needs_snapshot)
		PopActiveSnapshot();
}

/*
 * Run one statement in the present transaction.  Its trees live outside of it,
 * since a procedure may end the transaction under way.
 */
static void
run_statement(UserCommand *command, CommandStatement *statement,
			  DestReceiver *receiver, CommandResult *result)
{
	MemoryContext caller;
	MemoryContext tree_context;
	Portal		portal;
	QueryCompletion completion;

	CHECK_FOR_INTERRUPTS();
	pgstat_report_query_id(0, true);

	portal = CreateNewPortal();
	portal->visible = false;

	tree_context = AllocSetContextCreate(MessageContext, "taskcenter statement",
										 ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(tree_context);
	define_portal(command, statement, portal);
	MemoryContextSwitchTo(caller);

	PortalStart(portal, NULL, 0, InvalidSnapshot);
	tc_portal_run(portal, receiver, &completion);
	PortalDrop(portal, false);
	MemoryContextDelete(tree_context);

	result->tag = GetCommandTagName(completion.commandTag);
	result->processed = completion.nprocessed;
}

static void
refuse_client_statements(const UserCommand *command)
{
	if (command->transaction_control != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a command cannot contain %s", command->transaction_control),
				 errhint("The executor begins and ends transactions. To commit in between, use a procedure, or statements in mode \"autonomous\".")));
	if (command->copies_to_client)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a command cannot contain COPY FROM STDIN or COPY TO STDOUT"),
				 errhint("No client is connected to an executor. Use a file, a program or INSERT.")));
}

/* Everything before the first statement; no transaction is needed. */
static void
begin_command(UserCommand *command, CommandResult *result)
{
	ParseSettings settings = current_parse_settings();

	result->tag = NULL;
	result->processed = 0;
	debug_query_string = command->shown;
	pgstat_report_activity(STATE_RUNNING, command->shown);

	if (memcmp(&settings, &command->parse_settings, sizeof(settings)) != 0)
		parse_text(command);
	refuse_client_statements(command);
	if (command->log_level <= log_statement)
		ereport(LOG,
				(errmsg("statement: %s", command->shown),
				 errhidestmt(true)));
}

void
tc_user_command_execute_atomic(UserCommand *command, DestReceiver *receiver,
							   CommandResult *result)
{
	int			i;

	Assert(IsTransactionState());
	begin_command(command, result);
	BeginImplicitTransactionBlock();
	for (i = 0; i < command->count; i++)
	{
		run_statement(command, &command->statements[i], receiver, result);
		CommandCounterIncrement();
	}
	command->executed_before = true;
	debug_query_string = NULL;
}

void
tc_user_command_end_atomic(void)
{
	EndImplicitTransactionBlock();
}

void
tc_user_command_execute_autonomous(UserCommand *command,
								   DestReceiver *receiver,
								   CommandResult *result)
{
	MemoryContext caller = CurrentMemoryContext;
	int			i;

	Assert(!IsTransactionState());
	begin_command(command, result);
	for (i = 0; i < command->count; i++)
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		run_statement(command, &command->statements[i], receiver, result);
		CommitTransactionCommand();
		MemoryContextSwitchTo(caller);
	}
	command->executed_before = true;
	debug_query_string = NULL;
}

bool
tc_user_command_needs_autonomous(const ErrorData *edata)
{
	if (edata->sqlerrcode == ERRCODE_ACTIVE_SQL_TRANSACTION)
		return edata->funcname != NULL &&
			strcmp(edata->funcname, "PreventInTransactionBlock") == 0;
	return edata->sqlerrcode == ERRCODE_INVALID_TRANSACTION_TERMINATION &&
		edata->message_id != NULL &&
		strcmp(edata->message_id, "invalid transaction termination") == 0;
}
