/*-------------------------------------------------------------------------
 *
 * argument_values.h
 *		Values that stand as text or as a number in the JSON of an argument.
 *
 * Layer 2.5.  As the readers of arguments.h these raise with the value in
 * DETAIL and the way out in HINT.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ARGUMENT_VALUES_H
#define TC_ARGUMENT_VALUES_H

#include "datatype/timestamp.h"
#include "utils/numeric.h"

/* an instant, which is finite; DT_NOBEGIN for NULL */
extern TimestampTz tc_parse_instant(const char *name, const char *source);

/* a whole number in the range of ids */
extern int64 tc_parse_id(const char *name, Numeric number);

#endif							/* TC_ARGUMENT_VALUES_H */
