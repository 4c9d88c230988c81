/*-------------------------------------------------------------------------
 *
 * step_state.h
 *		What a step notes in its row for its next look.
 *
 * Layer 2: an object of texts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STEP_STATE_H
#define TC_STEP_STATE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

/* a NULL value is left out */
extern Jsonb *tc_state_object(const char *const *keys, const char *const *values, int count);

/* a key of the state of a step whose condition could not be asked */
#define TC_STATE_UNASKED "unasked"

/* what a key of it says; state NULL, or nothing: NULL */
extern char *tc_state_text(const Jsonb *state, const char *key);

/* an object with one key more, or in place of the one that it has */
extern Jsonb *tc_params_over(const Jsonb *under, const char *key, const Jsonb *over);

/* so much later, at most DT_NOEND */
extern TimestampTz tc_state_later(TimestampTz now, int64 delay);

/* a number that a step noted; 0: it did not */
extern int64 tc_state_number(const Jsonb *state, const char *key);

/* since when a step waits, and since when its check holds; 0: it does not */
extern Jsonb *tc_state_since(int64 since, int64 held_since);

#endif							/* TC_STEP_STATE_H */
