/*-------------------------------------------------------------------------
 *
 * run_picture.h
 *		How a run of a composite task stands: its graph, and how each step looks.
 *
 * Layer 4, reading only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_PICTURE_H
#define TC_RUN_PICTURE_H

#include "graph_draw.h"
#include "run_picture_store.h"

typedef struct RunPicture
{
	PictureRun	run;
	char	   *title;
	const Graph *graph;			/* NULL: the run has none of its own */
	GraphLook  *looks;			/* of each step of the graph */
	int			count;
	PictureRun *steps;			/* the runs under it */
} RunPicture;

/*
 * Of a run that the caller may see: 42704 if there is none, 42501 if he may
 * not.  Errors and reasons are shown to those who may read them.
 */
extern void tc_picture_read(int64 run_id, TimestampTz now, RunPicture *picture);

#endif							/* TC_RUN_PICTURE_H */
