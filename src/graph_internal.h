/*-------------------------------------------------------------------------
 *
 * graph_internal.h
 *		What the files that read graphs share.
 *
 * Layer 1.3.  A reading function returns false after the first fault, which
 * tc_graph_fail() has noted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_INTERNAL_H
#define TC_GRAPH_INTERNAL_H

#include "graph_rules.h"

typedef struct GraphReader
{
	Graph	   *graph;
	GraphFault *fault;
} GraphReader;

/* ---- graph_internal.c ---- */

/* always false */
extern bool tc_graph_fail(GraphReader *reader, char *place, char *problem);

/* "steps.NAME.key"; key NULL: the step itself */
extern char *tc_graph_place(const GraphStep *step, const char *key);

/* the beginning of a text, for a problem */
extern char *tc_graph_clip(const char *text, int length);

/* NULL: it is not one */
extern JsonbContainer *tc_graph_object(const JsonbValue *value);
extern JsonbContainer *tc_graph_array(const JsonbValue *value);

/* the value of a key; NULL: there is none, or it is null */
extern JsonbValue *tc_graph_member(JsonbContainer *object, const char *key);
extern bool tc_graph_is(const JsonbValue *value, const char *word);

/* microseconds, from 0 to a hundred years */
extern bool tc_graph_duration(const char *text, int64 *usecs);

/* a time that names its offset */
extern bool tc_graph_instant(const char *text, TimestampTz *instant);

/* ---- graph_step.c ---- */

/* all of a step but its edges */
extern bool tc_graph_read_step(GraphReader *reader, GraphStep *step);

/* ---- graph_references.c ---- */

/*
 * What params and keys refer to: it exists, and each output is one of a step
 * that comes before.  When the steps are sorted.
 */
extern bool tc_graph_check_references(GraphReader *reader);

#endif							/* TC_GRAPH_INTERNAL_H */
