/*-------------------------------------------------------------------------
 *
 * arguments.h
 *		Reading what a person typed: arguments of SQL functions and the keys
 *		of an options object.
 *
 * Layer 2.  Every reader returns a checked value in CurrentMemoryContext, or
 * raises: 22004 for a NULL that is not allowed, 22023 for a value out of
 * place, each with the value in DETAIL and the way out in HINT.  SQL NULL
 * (in options: JSON null, or no such key) means "not given".  Nothing here
 * reads a relation.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ARGUMENTS_H
#define TC_ARGUMENTS_H

#include "fmgr.h"
#include "taskcenter.h"
#include "utils/jsonb.h"

#define TC_MAX_REASON_LENGTH 2000	/* bytes of a reason or a note */
#define TC_MAX_COMMAND_LENGTH (1024 * 1024) /* bytes of a command */
#define TC_MAX_PARAMS_SIZE (1024 * 1024)	/* bytes of params as jsonb */
#define TC_MAX_DESCRIPTION_LENGTH 10000 /* bytes of a description */

/* an interval, in microseconds with 30-day months, for range checks */
#define TC_INTERVAL_MAX (INT64CONST(36525) * USECS_PER_DAY) /* 100 years */

/* ---- arguments, by position; name is what the user knows it as ---- */

/* 22004 unless the argument is given */
extern void tc_arg_require(FunctionCallInfo fcinfo, int n, const char *name);

/* NULL: not given */
extern char *tc_arg_text(FunctionCallInfo fcinfo, int n);
extern char *tc_arg_required_text(FunctionCallInfo fcinfo, int n, const char *name);
extern bool tc_arg_bool(FunctionCallInfo fcinfo, int n, bool otherwise);
extern int32 tc_arg_int32(FunctionCallInfo fcinfo, int n, int32 otherwise);
extern int64 tc_arg_int64(FunctionCallInfo fcinfo, int n, int64 otherwise);

/* DT_NOBEGIN: not given; infinite values are refused */
extern TimestampTz tc_arg_timestamptz(FunctionCallInfo fcinfo, int n, const char *name);

/* NULL: not given */
extern Interval *tc_arg_interval(FunctionCallInfo fcinfo, int n);

/* NULL: not given, or JSON null; anything but an object is refused */
extern Jsonb *tc_arg_object(FunctionCallInfo fcinfo, int n, const char *name);

/* elements, NULL: not given; NULL elements and more dimensions are refused */
extern char **tc_arg_text_array(FunctionCallInfo fcinfo, int n, const char *name, int *count);

/* a free text with a bound, without secrets; not given if empty */
extern char *tc_arg_reason(FunctionCallInfo fcinfo, int n);

/* ---- checks; name is the argument or the option key ---- */

/*
 * A name that is to be given to something: not empty, at most
 * TC_MAX_NAME_LENGTH bytes, no control characters, no blanks at the ends.
 */
extern void tc_check_name(const char *name, const char *value);
extern void tc_check_length(const char *name, const char *value, int max_bytes);
extern void tc_check_int(const char *name, int64 value, int64 min, int64 max);

/* choices end with NULL; a NULL value passes */
extern void tc_check_choice(const char *name, const char *value, const char *const *choices);

/* NULL passes; microseconds as tc_interval_usecs() counts them */
extern void tc_check_interval(const char *name, const Interval *value, int64 min, int64 max);

/* false: does not fit */
extern bool tc_interval_usecs(const Interval *value, int64 *usecs);

/* an id of a run, worker, dead letter: positive and below 2^53 */
extern void tc_check_id(const char *name, int64 value);

/* an id that must be given */
extern int64 tc_arg_id(FunctionCallInfo fcinfo, int n, const char *name);

/* ---- options: an object whose keys are checked ---- */

/* refuse keys that are not in known (ends with NULL); options may be NULL */
extern void tc_options_check(const Jsonb *options, const char *const *known);

/* the first key of an object that is not in known; NULL: there is none */
extern char *tc_unknown_key(const Jsonb *object, const char *const *known);

/* words that end with NULL, for a HINT */
extern char *tc_join(const char *const *words);

/* is the key there, with a value that is not null? */
extern bool tc_options_has(const Jsonb *options, const char *key);

/* NULL or false: not given; a value of another type is refused */
extern char *tc_option_text(const Jsonb *options, const char *key);
extern bool tc_option_int32(const Jsonb *options, const char *key, int32 *value);
extern bool tc_option_bool(const Jsonb *options, const char *key, bool *value);
extern Interval *tc_option_interval(const Jsonb *options, const char *key);
extern Jsonb *tc_option_object(const Jsonb *options, const char *key);
extern Jsonb *tc_option_array(const Jsonb *options, const char *key);

/* an array of strings, ended by NULL; NULL: not given */
extern char **tc_option_text_array(const Jsonb *options, const char *key, int *count);

/* an interval out of a text; a failure names the argument or key */
extern Interval *tc_parse_interval(const char *name, const char *source);

/* how long something is kept: an interval in microseconds, or "keep" */
#define TC_RETENTION_KEEP (-1)
extern int64 tc_parse_retention(const char *name, const char *source);

/* bytes out of a text such as "500 MB" */
extern int64 tc_parse_size(const char *name, const char *source);

/* the beginning of a text, for a DETAIL */
extern const char *tc_shorten(const char *value);

#endif							/* TC_ARGUMENTS_H */
