/*-------------------------------------------------------------------------
 *
 * document_write.h
 *		Tasks and schedules as parts of a document: only what is not default,
 *		and independent of the session's settings; and how two such parts
 *		differ.
 *
 * Layer 4.  The keys of a task are the arguments and options of create_task(),
 * those of a schedule the ones of schedule_task(); a state stands under
 * "state".  Results lie in CurrentMemoryContext.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_DOCUMENT_WRITE_H
#define TC_DOCUMENT_WRITE_H

#include "schedule_store.h"
#include "task_store.h"

#define TC_DOCUMENT_FORMAT 1

/* its definition with owner and state, without name and schedules */
extern Jsonb *tc_document_of_task(const TaskRow *task);
extern Jsonb *tc_document_of_schedule(const ScheduleRow *schedule);

/* {"graph": ...} */
extern Jsonb *tc_document_of_graph(const Jsonb *graph);

/* {"key": {"old": ..., "new": ...}} for each key of two objects that differs */
extern Jsonb *tc_document_difference(const Jsonb *before, const Jsonb *after);

/* ---- a whole document ---- */

typedef struct DocumentWriter
{
	JsonbParseState *state;
	const char *application;	/* NULL: all; else the tasks do not name it */
} DocumentWriter;

extern void tc_document_begin(DocumentWriter *writer, const char *application);

/* graph NULL: it has none */
extern void tc_document_add(DocumentWriter *writer, const TaskRow *task, const Jsonb *graph,
							const ScheduleRow *schedules, int schedule_count);
extern Jsonb *tc_document_end(DocumentWriter *writer);

#endif							/* TC_DOCUMENT_WRITE_H */
