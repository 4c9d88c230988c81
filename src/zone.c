/*-------------------------------------------------------------------------
 *
 * zone.c
 *		Time zones by name.
 *
 * The server's own lookup ignores case and falls back to POSIX rules, so that
 * "ABC5" is a zone.  A name that holds a digit is therefore looked for among
 * the zones of the data itself, unless it has small letters: POSIX rules come
 * back in capitals.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "zone.h"

#define SHOWN_LENGTH 100

static bool
is_listed(const char *name)
{
	pg_tzenum  *zones = pg_tzenumerate_start();
	pg_tz	   *zone;
	bool		found = false;

	while (!found && (zone = pg_tzenumerate_next(zones)) != NULL)
		found = strcmp(pg_get_timezone_name(zone), name) == 0;
	pg_tzenumerate_end(zones);
	return found;
}

pg_tz *
tc_zone_find(const char *name)
{
	pg_tz	   *zone = name[0] == '\0' ? NULL : pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone) ||
		strcmp(pg_get_timezone_name(zone), name) != 0)
		return NULL;
	if (strpbrk(name, "0123456789<:") != NULL &&
		strpbrk(name, "abcdefghijklmnopqrstuvwxyz") == NULL && !is_listed(name))
		return NULL;
	return zone;
}

pg_tz *
tc_zone_require(const char *name)
{
	pg_tz	   *zone = tc_zone_find(name);
	pg_tz	   *similar;

	if (zone != NULL)
		return zone;
	similar = name[0] == '\0' ? NULL : pg_tzset(name);
	if (similar != NULL && tc_zone_find(pg_get_timezone_name(similar)) == NULL)
		similar = NULL;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("time zone does not exist"),
			 errdetail("\"timezone\" is \"%s\".",
					   pnstrdup(name, pg_mbcliplen(name, strlen(name), SHOWN_LENGTH))),
			 similar != NULL
			 ? errhint("Write \"%s\".", pg_get_timezone_name(similar))
			 : errhint("Use a name that the view pg_timezone_names shows, such as \"Europe/Berlin\".")));
	return NULL;
}
