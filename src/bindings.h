/*-------------------------------------------------------------------------
 *
 * bindings.h
 *		The parameters of one statement, bound in their order.
 *
 * Layer 2, inline only.  Begin with {0}, bind each parameter once, run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_BINDINGS_H
#define TC_BINDINGS_H

#include "redact.h"
#include "redact_json.h"
#include "catalog/pg_type_d.h"
#include "statement.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/*
 * Of a run r that is found by its id: is it running?  Told so that the planner
 * does not see it, who would rather read the index of running runs, which
 * looks small and holds every row that ran while somebody keeps a snapshot.
 */
#define TC_IS_RUNNING "CASE WHEN r.status = 'running' THEN true END"

typedef struct Bindings
{
	int			count;
	Datum		values[TC_STATEMENT_MAX_ARGS];
	bool		nulls[TC_STATEMENT_MAX_ARGS];
} Bindings;

static inline void
tc_bind_datum(Bindings *bindings, Datum value, bool isnull)
{
	Assert(bindings->count < TC_STATEMENT_MAX_ARGS);
	bindings->values[bindings->count] = value;
	bindings->nulls[bindings->count] = isnull;
	bindings->count++;
}

static inline void
tc_bind_null(Bindings *bindings)
{
	tc_bind_datum(bindings, (Datum) 0, true);
}

static inline void
tc_bind_bool(Bindings *bindings, bool value)
{
	tc_bind_datum(bindings, BoolGetDatum(value), false);
}

static inline void
tc_bind_int32(Bindings *bindings, int32 value)
{
	tc_bind_datum(bindings, Int32GetDatum(value), false);
}

static inline void
tc_bind_int64(Bindings *bindings, int64 value)
{
	tc_bind_datum(bindings, Int64GetDatum(value), false);
}

/* 0: SQL NULL */
static inline void
tc_bind_id(Bindings *bindings, int64 id)
{
	tc_bind_datum(bindings, Int64GetDatum(id), id == 0);
}

/* NULL pointer: SQL NULL */
static inline void
tc_bind_text(Bindings *bindings, const char *value)
{
	tc_bind_datum(bindings, value ? CStringGetTextDatum(value) : (Datum) 0, value == NULL);
}

/* what is kept as a record: without secrets */
static inline void
tc_bind_redacted(Bindings *bindings, const char *value)
{
	tc_bind_text(bindings, tc_redact_text(value));
}

static inline void
tc_bind_jsonb(Bindings *bindings, const Jsonb *value)
{
	tc_bind_datum(bindings, PointerGetDatum(value), value == NULL);
}

static inline void
tc_bind_redacted_jsonb(Bindings *bindings, Jsonb *value)
{
	tc_bind_jsonb(bindings, tc_redact_json(value));
}

static inline void
tc_bind_interval(Bindings *bindings, const Interval *value)
{
	tc_bind_datum(bindings, PointerGetDatum(value), value == NULL);
}

/* infinite either way: SQL NULL */
static inline void
tc_bind_timestamptz(Bindings *bindings, TimestampTz value)
{
	tc_bind_datum(bindings, TimestampTzGetDatum(value), TIMESTAMP_NOT_FINITE(value));
}

static inline void
tc_bind_ids(Bindings *bindings, const int64 *ids, int count)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		values[i] = Int64GetDatum(ids[i]);
	tc_bind_datum(bindings, PointerGetDatum(construct_array(values, count, INT8OID, 8, true,
															TYPALIGN_DOUBLE)), false);
}

/* SQL NULL of NULL */
static inline void
tc_bind_texts(Bindings *bindings, char *const *texts, int count)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; texts != NULL && i < count; i++)
		values[i] = CStringGetTextDatum(texts[i]);
	tc_bind_datum(bindings,
				  texts == NULL ? (Datum) 0 :
				  PointerGetDatum(construct_array(values, count, TEXTOID, -1, false,
												  TYPALIGN_INT)), texts == NULL);
}

static inline uint64
tc_run_bound(Statement *statement, const Bindings *bindings)
{
	Assert(bindings->count == statement->nargs);
	return tc_run(statement, bindings->values, bindings->nulls);
}

#endif							/* TC_BINDINGS_H */
