/*-------------------------------------------------------------------------
 *
 * zone.h
 *		Time zones by name, from the server's own zone data.
 *
 * Layer 2.  Only names that pg_timezone_names shows in the same letters:
 * no abbreviations, no POSIX rules that anybody can mistype into a zone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ZONE_H
#define TC_ZONE_H

#include "pgtime.h"

/* NULL: there is no such zone, or it counts leap seconds */
extern pg_tz *tc_zone_find(const char *name);

/* raises 22023 instead */
extern pg_tz *tc_zone_require(const char *name);

#endif							/* TC_ZONE_H */
