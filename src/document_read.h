/*-------------------------------------------------------------------------
 *
 * document_read.h
 *		A document of tasks, read piece by piece and checked as far as it can
 *		be without looking at what exists.
 *
 * Layer 4.  Needs no frame.  Where it stands is kept in the path, which an
 * error context of the caller's shows: tasks[3].schedules.nightly.timezone.
 * Results lie in CurrentMemoryContext.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_DOCUMENT_READ_H
#define TC_DOCUMENT_READ_H

#include "schedule_define.h"
#include "task_store.h"

/* what is being read or applied; each may be missing */
typedef struct DocumentPath
{
	int			task;			/* place in the array, -1: none */
	const char *name;			/* of the task */
	const char *schedule;
	const char *key;
} DocumentPath;

typedef struct Document
{
	const char *application;	/* that the document is applied for */
	const Jsonb *tasks;			/* the array */
	int			count;
	DocumentPath path;
} Document;

/* a task as the document has it; NULL: not given */
typedef struct DocumentTask
{
	TaskRow		task;			/* without ids and roles */
	const char *owner;
	const char *run_as;
	const char *state;
	const char *on_crash;
	const Jsonb *schedules;
	const Jsonb *graph;
} DocumentTask;

/* an error context callback; its argument is a DocumentPath */
extern void tc_document_show_path(void *path);

/* raises unless it is a document of this format, and for this application */
extern void tc_document_open(const Jsonb *source, const char *application,
							 Document *document);

/* the i-th task, counted from 0; leaves the path at it */
extern void tc_document_read_task(Document *document, int i, DocumentTask *task);

/* its schedules, in the order of the document's keys; their number */
extern int	tc_document_read_schedules(Document *document, const DocumentTask *task,
									   ScheduleRequest **requests);

#endif							/* TC_DOCUMENT_READ_H */
