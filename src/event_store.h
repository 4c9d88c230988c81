/*-------------------------------------------------------------------------
 *
 * event_store.h
 *		Events: those that leave no other record, and the stream of all.
 *
 * Layer 3.  Between tc_store_begin() and tc_store_end() unless it says
 * otherwise.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_EVENT_STORE_H
#define TC_EVENT_STORE_H

#include "datatype/timestamp.h"
#include "rows.h"
#include "utils/jsonb.h"

/* an event that leaves no other record; payload without secrets is the caller's concern */
typedef struct NotedEvent
{
	const char *event_type;
	TimestampTz recorded_at;
	int64		owner_id;		/* 0: nobody's; monitors see it */
	int64		task_id;		/* 0: none */
	int64		run_id;			/* 0: none */
	Jsonb	   *payload;		/* NULL: none */
} NotedEvent;

extern void tc_event_note(const NotedEvent *event);

/* the state that a dead letter, or an alert, is in now */
extern void tc_event_note_dead_letter(int64 dead_letter_id, TimestampTz now);
extern void tc_event_note_alert(int64 alert_id, TimestampTz now);

/* what one tick of the scheduler did; opens a frame of its own */
extern void tc_event_note_tick(int schedules, int runs, int skips, TimestampTz now);

/*
 * Up to which number all events are told: what a snapshot taken afterwards
 * does not show below it never comes.
 */
extern int64 tc_events_end(void);

/* the lowest number above one that an event has; PG_INT64_MAX: none has */
extern int64 tc_events_next(int64 after);

#define TC_EVENT_COLUMNS 10		/* of the view events, and in its order */

/*
 * Events above one number and up to another, of these types (NULL: any), in
 * order, at most so many; returns how many.  Between
 * tc_store_begin_as_caller() and tc_store_end(): it is the view that says who
 * sees what.
 */
extern int	tc_events_between(int64 after, int64 last, char *const *types, int type_count,
							  int most);

/* the process whose open transaction holds the stream longest; 0: none does */
extern int	tc_events_holder(TimestampTz *since);

#endif							/* TC_EVENT_STORE_H */
