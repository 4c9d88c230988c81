/*-------------------------------------------------------------------------
 *
 * dead_letter_store.h
 *		The rows of dead_letters.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_DEAD_LETTER_STORE_H
#define TC_DEAD_LETTER_STORE_H

#include "rows.h"
#include "utils/jsonb.h"

typedef struct DeadLetter
{
	int64		dead_letter_id;
	int64		run_id;
	int64		task_id;
	int64		parent_run_id;	/* 0: none */
	int64		root_run_id;	/* 0: none */
	char	   *task;
	char	   *state;
	char	   *code;
	char	   *queue;			/* NULL: it is gone */
	int32		priority;
	int32		max_attempts;
	bool		params_redacted;
	Jsonb	   *params;
	char	   *trace_id;		/* NULL: none */
	TimestampTz redriven_at;	/* DT_NOBEGIN: never, as the next one */
	TimestampTz closed_at;
	char	   *redriven_by;	/* NULL as well */
	char	   *closed_by;
	char	   *note;
} DeadLetter;

/* false: there is none; locked for the transaction if asked */
extern bool tc_dead_letter_find(int64 dead_letter_id, bool lock, DeadLetter *letter);

extern bool tc_dead_letter_of_run(int64 run_id, DeadLetter *letter);

/* which letters a call about many means; NULL, 0, DT_NOBEGIN: any */
typedef struct LetterFilter
{
	TaskSet		tasks;
	const char *state;
	int64		task_id;
	const char *application;
	const char *queue;
	const char *code;
	const char *sqlstate;
	const char *run_status;
	bool		by_retryable;
	bool		retryable;
	TimestampTz since;
	TimestampTz before;
	bool		by_ids;
	const int64 *ids;
	int			id_count;
} LetterFilter;

/*
 * In the order of their ids; allocated; returns the count.  To take them is to
 * lock them, without what somebody else holds.
 */
extern int	tc_dead_letters_match(const LetterFilter *filter, int max_rows, bool take,
								  DeadLetter **letters);

/* lock the finished run, of a step its composite's, that goes again; false: somebody else holds it */
extern bool tc_dead_letter_take_run(const DeadLetter *letter);
extern Jsonb *tc_dead_letters_export(const LetterFilter *filter, int max_rows);

/* who did something with a letter, and why */
typedef struct LetterChange
{
	const char *actor;
	const char *note;			/* NULL: as it is */
	TimestampTz now;
} LetterChange;

/* false: it is not, or not any more, open */
extern bool tc_dead_letter_close(int64 dead_letter_id, const char *state,
								 const LetterChange *change);

/* a new run stands for the purged one; the letter is locked and open */
extern void tc_dead_letter_give_run(int64 dead_letter_id, int64 run_id, TimestampTz due_at,
									const LetterChange *change);

/* when the last one of these tasks that goes again is due; DT_NOBEGIN: none does */
extern TimestampTz tc_dead_letters_last_due(const TaskSet *tasks);

/*
 * Open letters that are retryable, were redriven less often, and are not left
 * to people: those that failed and were redriven until then, the oldest first,
 * locked, without what somebody else holds; and since when the oldest one
 * waits, DT_NOEND: there is none.
 */
extern int	tc_dead_letters_ripe(TimestampTz old_since, int32 redrives, int64 *ids,
								 int max_ids);
extern TimestampTz tc_dead_letters_next_ripe(int32 redrives);

/* until it fails again it is left to people, with a note why */
extern void tc_dead_letter_pass_over(int64 dead_letter_id, const char *problem,
									 TimestampTz now);

/* it waits anew from now on */
extern void tc_dead_letter_put_off(int64 dead_letter_id, TimestampTz now);

extern Jsonb *tc_dead_letters_stats(const TaskSet *tasks, TimestampTz now);

/* open ones, counted up to a limit, and since when the oldest is */
extern int64 tc_dead_letters_look(int64 limit, TimestampTz *oldest);

/* after a change of the owner of a task */
extern void tc_dead_letters_follow_owner(int64 task_id, int64 owner_id);

#endif							/* TC_DEAD_LETTER_STORE_H */
