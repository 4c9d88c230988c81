/*
 * server_shim.h
 *	  The little of the server that the pure modules need, so that they
 *	  can be tested outside of it.
 *
 * Zones are read from the system's zone files by code of this directory.
 * Memory comes from malloc and is never short.
 */
#ifndef SERVER_SHIM_H
#define SERVER_SHIM_H

#include "pgtime.h"

/* Exits with a message if the zone is not there. */
extern pg_tz *shim_zone(const char *name);

#endif							/* SERVER_SHIM_H */
