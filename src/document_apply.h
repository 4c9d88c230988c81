/*-------------------------------------------------------------------------
 *
 * document_apply.h
 *		The tasks of an application made to be as a document says.
 *
 * Layer 4.  Looking (dry run) and doing are the same code: what differs is
 * reported, and written unless only looked at.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_DOCUMENT_APPLY_H
#define TC_DOCUMENT_APPLY_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* called for each object that differs, outside of any frame; changes may be NULL */
typedef void (*DocumentChange) (const char *action, const char *object_type,
								const char *name, const Jsonb *changes, void *argument);

typedef struct DocumentOrder
{
	const char *application;
	bool		dry_run;
	bool		prune;
	TimestampTz now;
	DocumentChange report;
	void	   *argument;
} DocumentOrder;

/* no frame may be open; raises at the first thing that cannot be so */
extern void tc_document_apply(const Jsonb *source, const DocumentOrder *order);

#endif							/* TC_DOCUMENT_APPLY_H */
