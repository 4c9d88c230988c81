/*-------------------------------------------------------------------------
 *
 * statement.c
 *		Our own SQL: see statement.h for the contract.
 *
 * The only file that includes executor/spi.h.  Plans are kept for the life
 * of the process; the plan cache re-analyses them when an object changes.
 * A stack of frames, reset by the (sub)transaction callbacks, remembers on
 * whose behalf statements run; guards ask it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "jit/jit.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "statement.h"
#include "taskcenter.h"

#define MAX_FRAMES 64

typedef struct FrameRecord
{
	Oid			caller;
	int			xact_level;
	MemoryContext results;
} FrameRecord;

typedef struct PlannerChoice
{
	bool		seqscan;
	bool		bitmapscan;
	bool		hashjoin;
	bool		mergejoin;
	bool		jit;
} PlannerChoice;

static FrameRecord frames[MAX_FRAMES];
static int	frame_count = 0;
static int	own_statements = 0;

static void forget_frames(XactEvent event, void *arg);
static void forget_subframes(SubXactEvent event, SubTransactionId subid,
							 SubTransactionId parent, void *arg);

/* OID of the role that owns our relations. */
Oid
tc_owner_role(void)
{
	return get_role_oid(TC_OWNER_ROLE, false);
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(forget_frames, NULL);
	RegisterSubXactCallback(forget_subframes, NULL);
	registered = true;
}

static void
forget_frames(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT)
		frame_count = own_statements = 0;
}

static void
forget_subframes(SubXactEvent event, SubTransactionId subid,
				 SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (frame_count > 0 && frames[frame_count - 1].xact_level >= level)
		frame_count--;
}

/* The part of a frame that knows no role. */
static void
open_frame(StoreFrame *frame)
{
	register_callbacks();
	if (frame_count >= MAX_FRAMES)
		ereport(ERROR,
				(errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
				 errmsg("calls of taskcenter are nested too deep"),
				 errdetail("A trigger, or a function in a statement, calls again, %d levels deep.",
						   MAX_FRAMES),
				 errhint("Look for a trigger that fires itself.")));

	frame->results = CurrentMemoryContext;
	frame->saved_read_only = XactReadOnly;
	frame->pushed_snapshot = !ActiveSnapshotSet();
	if (frame->pushed_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	MemoryContextSwitchTo(frame->results);

	GetUserIdAndSecContext(&frame->saved_user, &frame->saved_context);
	frames[frame_count].caller = frame->saved_user;
	frames[frame_count].xact_level = GetCurrentTransactionNestLevel();
	frames[frame_count].results = frame->results;
	frame_count++;
	frame->lifted = false;
}

void
tc_store_begin_as_caller(StoreFrame *frame)
{
	open_frame(frame);
}

void
tc_store_begin(StoreFrame *frame)
{
	open_frame(frame);
	frame->lifted = true;
	frame->saved_nest_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SetUserIdAndSecContext(tc_owner_role(),
						   frame->saved_context | SECURITY_LOCAL_USERID_CHANGE);
}

void
tc_store_begin_forced(StoreFrame *frame)
{
	bool		read_only = XactReadOnly;

	tc_store_begin(frame);
	frame->saved_read_only = read_only;
	XactReadOnly = false;
}

void
tc_store_end(StoreFrame *frame)
{
	Assert(frame_count > 0);
	if (frame->lifted)
	{
		SetUserIdAndSecContext(frame->saved_user, frame->saved_context);
		AtEOXact_GUC(true, frame->saved_nest_level);
		XactReadOnly = frame->saved_read_only;
	}
	frame_count--;
	SPI_finish();
	if (frame->pushed_snapshot)
		PopActiveSnapshot();
}

bool
tc_statement_is_own(void)
{
	return own_statements > 0;
}

Oid
tc_statement_caller(void)
{
	return frame_count > 0 ? frames[frame_count - 1].caller : GetUserId();
}

/* Index access and nested loops only; returns what was chosen before. */
static PlannerChoice
narrow_planner(void)
{
	PlannerChoice saved = {enable_seqscan, enable_bitmapscan,
	enable_hashjoin, enable_mergejoin, jit_enabled};

	enable_seqscan = enable_bitmapscan = false;
	enable_hashjoin = enable_mergejoin = false;
	jit_enabled = false;
	return saved;
}

static void
restore_planner(const PlannerChoice *saved)
{
	enable_seqscan = saved->seqscan;
	enable_bitmapscan = saved->bitmapscan;
	enable_hashjoin = saved->hashjoin;
	enable_mergejoin = saved->mergejoin;
	jit_enabled = saved->jit;
}

static void
statement_error_context(void *arg)
{
	errcontext("taskcenter statement \"%s\"", (const char *) arg);
}

static SPIPlanPtr
plan_of(Statement *statement)
{
	SPIPlanPtr	plan = statement->plan;

	if (plan != NULL)
		return plan;
	plan = SPI_prepare_cursor(statement->text, statement->nargs,
							  statement->types,
							  statement->any_plan ? 0 : CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "could not prepare: %s", SPI_result_code_string(SPI_result));
	if (!statement->transient)
		SPI_keepplan(plan);
	statement->plan = plan;
	return plan;
}

/*
 * The server would refuse a writing statement of ours as well, and then call it
 * a SELECT and show its text.
 */
static void
check_may_write(const char *label, SPIPlanPtr plan)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));
	ListCell   *cell;

	foreach(cell, source->query_list)
	{
		Query	   *query = lfirst_node(Query, cell);

		if (query->commandType != CMD_SELECT || query->hasModifyingCTE ||
			query->rowMarks != NIL)
			ereport(ERROR,
					(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
					 errmsg("cannot %s in a read-only transaction", label),
					 errhint("Use a transaction that may write, on the primary server.")));
	}
}

static void
end_statement(const PlannerChoice *saved)
{
	restore_planner(saved);
	if (own_statements > 0)
		own_statements--;
}

/* The server says in CONTEXT what it executed; of ours the label tells enough. */
static void
throw_without_text(const char *text)
{
	ErrorData  *error = CopyErrorData();
	char	   *found = error->context != NULL ? strstr(error->context, text) : NULL;

	FlushErrorState();
	if (found != NULL)
	{
		char	   *line = found;
		char	   *rest = strchr(found, '\n');

		while (line > error->context && line[-1] != '\n')
			line--;
		if (rest != NULL)
			memmove(line, rest + 1, strlen(rest + 1) + 1);
		else
			*line = '\0';
	}
	ReThrowError(error);
}

uint64
tc_run(Statement *statement, const Datum *values, const bool *nulls)
{
	MemoryContext outside = CurrentMemoryContext;
	ErrorContextCallback context;
	PlannerChoice saved = {enable_seqscan, enable_bitmapscan,
	enable_hashjoin, enable_mergejoin, jit_enabled};
	char		null_flags[TC_STATEMENT_MAX_ARGS];
	int			i;
	int			code;

	Assert(frame_count > 0);
	for (i = 0; i < statement->nargs; i++)
		null_flags[i] = (nulls != NULL && nulls[i]) ? 'n' : ' ';

	context.callback = statement_error_context;
	context.arg = unconstify(char *, statement->label);
	context.previous = error_context_stack;
	error_context_stack = &context;

	own_statements++;
	PG_TRY();
	{
		if (!statement->any_plan)
			(void) narrow_planner();
		if (XactReadOnly)
			check_may_write(statement->label, plan_of(statement));
		code = SPI_execute_plan(plan_of(statement), unconstify(Datum *, values),
								null_flags, false, 0);
	}
	PG_CATCH();
	{
		end_statement(&saved);
		MemoryContextSwitchTo(outside);
		throw_without_text(statement->text);
	}
	PG_END_TRY();
	end_statement(&saved);
	error_context_stack = context.previous;
	MemoryContextSwitchTo(outside);

	if (code < 0)
		elog(ERROR, "statement \"%s\" failed: %s", statement->label,
			 SPI_result_code_string(code));
	return SPI_processed;
}

void
tc_run_utility(const char *label, const char *text)
{
	MemoryContext outside = CurrentMemoryContext;
	ErrorContextCallback context;
	int			code;

	Assert(frame_count > 0);
	context.callback = statement_error_context;
	context.arg = unconstify(char *, label);
	context.previous = error_context_stack;
	error_context_stack = &context;

	own_statements++;
	PG_TRY();
	{
		code = SPI_execute(text, false, 0);
	}
	PG_FINALLY();
	{
		if (own_statements > 0)
			own_statements--;
	}
	PG_END_TRY();
	error_context_stack = context.previous;
	MemoryContextSwitchTo(outside);
	if (code < 0)
		elog(ERROR, "statement \"%s\" failed: %s", label,
			 SPI_result_code_string(code));
}

void
tc_run_utility_as_caller(const char *label, const char *text)
{
	Oid			user;
	int			security_context;

	/* an error undoes the switch with its (sub)transaction */
	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(tc_statement_caller(), security_context);
	tc_run_utility(label, text);
	SetUserIdAndSecContext(user, security_context);
}

uint64
tc_run_on_user_table(const char *label, const char *text, int nargs,
					 const Oid *types, const Datum *values)
{
	MemoryContext outside = CurrentMemoryContext;
	ErrorContextCallback context;
	int			code;

	Assert(frame_count > 0);
	context.callback = statement_error_context;
	context.arg = unconstify(char *, label);
	context.previous = error_context_stack;
	error_context_stack = &context;
	code = SPI_execute_with_args(text, nargs, unconstify(Oid *, types),
								 unconstify(Datum *, values), NULL, false, 0);
	error_context_stack = context.previous;
	MemoryContextSwitchTo(outside);
	if (code < 0)
		elog(ERROR, "statement \"%s\" failed: %s", label, SPI_result_code_string(code));
	return SPI_processed;
}

void
tc_run_in_schema(const char *label, const char *text, const char *schema)
{
	ErrorContextCallback context;
	int			nest_level;
	int			code;

	Assert(frame_count == 0);
	context.callback = statement_error_context;
	context.arg = unconstify(char *, label);
	context.previous = error_context_stack;
	error_context_stack = &context;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	nest_level = NewGUCNestLevel();
	(void) set_config_option("search_path", quote_identifier(schema),
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	code = SPI_execute(text, false, 0);
	if (code < 0)
		elog(ERROR, "statement \"%s\" failed: %s", label, SPI_result_code_string(code));
	AtEOXact_GUC(true, nest_level);
	SPI_finish();
	error_context_stack = context.previous;
}

void
tc_transaction_break(void)
{
	Assert(frame_count == 0);
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	SPI_commit();
	SPI_finish();
}

void
tc_transaction_next(void)
{
	tc_transaction_break();
	if (!FirstSnapshotSet)
		XactIsoLevel = XACT_READ_COMMITTED;
}

uint64
tc_rows(void)
{
	return SPI_tuptable == NULL ? 0 : SPI_tuptable->numvals;
}

static Datum
field(uint64 row, int column, bool *isnull)
{
	if (SPI_tuptable == NULL || row >= SPI_tuptable->numvals)
		elog(ERROR, "statement result has no row " UINT64_FORMAT, row);
	Assert(column >= 1 && column <= SPI_tuptable->tupdesc->natts);
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						 column, isnull);
}

bool
tc_is_null(uint64 row, int column)
{
	bool		isnull;

	(void) field(row, column, &isnull);
	return isnull;
}

bool
tc_get_bool(uint64 row, int column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return !isnull && DatumGetBool(value);
}

int32
tc_get_int32(uint64 row, int column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

int64
tc_get_int64(uint64 row, int column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

TimestampTz
tc_get_timestamptz(uint64 row, int column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
}

/* A field copied into the frame's context; 0 when null. */
Datum
tc_get_datum(uint64 row, int column, bool *isnull)
{
	Datum		value = field(row, column, isnull);
	Form_pg_attribute attribute;
	MemoryContext old;

	if (*isnull)
		return (Datum) 0;
	attribute = TupleDescAttr(SPI_tuptable->tupdesc, column - 1);
	old = MemoryContextSwitchTo(frames[frame_count - 1].results);
	if (attribute->attlen == -1)
		value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	else
		value = datumCopy(value, attribute->attbyval, attribute->attlen);
	MemoryContextSwitchTo(old);
	return value;
}

char *
tc_get_text(uint64 row, int column)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);
	MemoryContext old;
	char	   *result;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(frames[frame_count - 1].results);
	result = TextDatumGetCString(value);
	MemoryContextSwitchTo(old);
	return result;
}

Jsonb *
tc_get_jsonb(uint64 row, int column)
{
	bool		isnull;
	Datum		value = tc_get_datum(row, column, &isnull);

	return isnull ? NULL : DatumGetJsonbP(value);
}

Interval *
tc_get_interval(uint64 row, int column)
{
	bool		isnull;
	Datum		value = tc_get_datum(row, column, &isnull);

	return isnull ? NULL : DatumGetIntervalP(value);
}

void
tc_put_rows(Tuplestorestate *result, TupleDesc desc)
{
	uint64		rows = tc_rows();
	uint64		row;
	int			i;

	if (rows == 0)
		return;
	if (desc->natts != SPI_tuptable->tupdesc->natts)
		elog(ERROR, "statement result has %d columns, not %d", SPI_tuptable->tupdesc->natts,
			 desc->natts);
	for (i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->atttypid != SPI_gettypeid(SPI_tuptable->tupdesc, i + 1))
			elog(ERROR, "column %d of a statement result is of another type", i + 1);
	for (row = 0; row < rows; row++)
		tuplestore_puttuple(result, SPI_tuptable->vals[row]);
}
