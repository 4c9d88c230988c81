/*-------------------------------------------------------------------------
 *
 * control_store.h
 *		Queues, settings, and the one row that says what the scheduler may do
 *		and in which database it was adopted.
 *
 * Layer 3.  All functions are called between tc_store_begin() and
 * tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_CONTROL_STORE_H
#define TC_CONTROL_STORE_H

#include "datatype/timestamp.h"

#define TC_DEFAULT_QUEUE "default"
#define TC_CONTROL_QUEUE "control"

/* ---- scheduler_state ---- */

typedef struct SchedulerStateRow
{
	char	   *state;
	char	   *state_reason;	/* NULL: none */
	char	   *system_identifier;
	Oid			database_id;
	char	   *database_name;
} SchedulerStateRow;

/* false: the database was never activated */
extern bool tc_control_state(bool lock, SchedulerStateRow *row);
extern void tc_control_set_state(const char *state, const char *reason,
								 const char *actor, TimestampTz now);

/* false: somebody else did it */
extern bool tc_control_insert_identity(const char *system_identifier, Oid database,
									   const char *database_name, const char *actor,
									   TimestampTz now);
extern void tc_control_change_identity(const char *system_identifier, Oid database,
									   const char *database_name, const char *actor,
									   TimestampTz now);

/* are there rows that an activation must have preceded? */
extern bool tc_control_has_content(void);

/* the number of running runs, of one queue or (NULL) of all, but for one run */
extern int64 tc_control_in_flight(const char *queue, int64 but_for_run);

/* ---- queues ---- */

typedef struct QueueRow
{
	int64		queue_id;
	char	   *queue;
	char	   *state;
	char	   *state_reason;	/* NULL: none */
	int32		max_running;	/* -1: no limit */
	char	   *description;	/* NULL: none */
} QueueRow;

/* false: there is none */
extern bool tc_queue_find(const char *queue, bool lock, QueueRow *row);

/* 0: the name is taken */
extern int64 tc_queue_insert(const char *queue, int32 max_running,
							 const char *description, TimestampTz now);
extern void tc_queue_update(const QueueRow *row, TimestampTz now);

/* ---- settings ---- */

/* the stored value, else the default; the key must be known */
extern char *tc_setting_value(const char *key);
extern void tc_setting_store(const char *key, const char *value,
							 const char *actor, TimestampTz now);

/* when and by whom it was stored; false: never */
extern bool tc_setting_origin(const char *key, TimestampTz *updated_at, char **updated_by);

#endif							/* TC_CONTROL_STORE_H */
