/*-------------------------------------------------------------------------
 *
 * statement.h
 *		Our own SQL: prepared once per process, run as the role that owns our
 *		relations, under a pinned search path.
 *
 * Layer 2, the only user of SPI.  Every store keeps a catalogue of constant
 * texts.  Between tc_store_begin() and tc_store_end() the current user is
 * taskcenter_owner and search_path is pinned; an error in between needs no
 * clean-up, the (sub)transaction's abort undoes both.  The caller's memory
 * context stays current in a frame.  Results stay valid until the next
 * tc_run() or tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STATEMENT_H
#define TC_STATEMENT_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#define TC_STATEMENT_MAX_ARGS 60

typedef struct Statement
{
	const char *label;			/* shown in error context */
	const char *text;
	int			nargs;
	Oid			types[TC_STATEMENT_MAX_ARGS];
	bool		any_plan;		/* false: generic plan, index access, nested
								 * loops, so that a plan made on empty tables
								 * stays right; true: the planner decides */
	bool		transient;		/* of a text that is built: its plan lives
								 * until tc_store_end(), and so may it */
	void	   *plan;			/* kept SPI plan; NULL until first used */
} Statement;

typedef struct StoreFrame
{
	Oid			saved_user;
	int			saved_context;
	int			saved_nest_level;
	bool		saved_read_only;
	bool		pushed_snapshot;
	bool		lifted;			/* to the role that owns our relations */
	MemoryContext results;
} StoreFrame;

extern void tc_store_begin(StoreFrame *frame);

/* the same in a transaction that the run's own command made read only */
extern void tc_store_begin_forced(StoreFrame *frame);

/* nothing lifted, nothing pinned: for statements on relations of users, with the caller's rights */
extern void tc_store_begin_as_caller(StoreFrame *frame);
extern void tc_store_end(StoreFrame *frame);

/* is the write that fires a trigger made by a statement of ours? */
extern bool tc_statement_is_own(void);

/* the user on whose behalf the innermost frame acts; GetUserId() outside */
extern Oid	tc_statement_caller(void);
extern Oid	tc_owner_role(void);	/* OID of taskcenter_owner */

/* run; values in the order of the parameters, nulls[i] true for NULL (may be NULL).  Returns rows processed/returned. */
extern uint64 tc_run(Statement *statement, const Datum *values, const bool *nulls);

/* a statement that depends on nothing: DDL for partitions and the owner role, built by the caller with quoting */
extern void tc_run_utility(const char *label, const char *text);

/* the same with the rights of tc_statement_caller() */
extern void tc_run_utility_as_caller(const char *label, const char *text);

/*
 * A constant utility statement of the current user, outside of any frame; names
 * without a schema are those of this one.
 */
extern void tc_run_in_schema(const char *label, const char *text, const char *schema);

/*
 * A statement on a relation of a user, within tc_store_begin_as_caller():
 * built by the caller with quoting, its parameters typed by the relation's
 * columns, none of them null.  Returns rows processed/returned.
 */
extern uint64 tc_run_on_user_table(const char *label, const char *text, int nargs,
								   const Oid *types, const Datum *values);

/*
 * In a procedure called outside a transaction block: end the transaction and
 * start the next one, so that no snapshot is held.  No frame may be open.
 */
extern void tc_transaction_break(void);

/* the same; the next transaction sees what others commit, and may write */
extern void tc_transaction_next(void);

/*
 * Typed access to the rows of the last tc_run(), columns from 1.  Values that
 * are not passed by value are copied into the context that was current at
 * tc_store_begin().
 */
extern uint64 tc_rows(void);
extern bool tc_is_null(uint64 row, int column);
extern bool tc_get_bool(uint64 row, int column);	/* NULL: false */
extern int32 tc_get_int32(uint64 row, int column);	/* NULL: 0 */
extern int64 tc_get_int64(uint64 row, int column);	/* NULL: 0 */
extern TimestampTz tc_get_timestamptz(uint64 row, int column);	/* NULL: DT_NOBEGIN */
extern Interval *tc_get_interval(uint64 row, int column);	/* NULL: NULL */
extern char *tc_get_text(uint64 row, int column);	/* NULL: NULL */
extern Jsonb *tc_get_jsonb(uint64 row, int column); /* NULL: NULL */
extern Datum tc_get_datum(uint64 row, int column, bool *isnull);	/* copied */

/* all of them, as the rows of a function's result; their types must be its */
extern void tc_put_rows(Tuplestorestate *result, TupleDesc desc);

#endif							/* TC_STATEMENT_H */
