/*-------------------------------------------------------------------------
 *
 * database_hook.h
 *		Commands that our workers must make room for, or learn of.
 *
 * Layer 2.  Installed by _PG_init when the library is preloaded; see the head
 * of database_hook.c for what each command does to the workers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_DATABASE_HOOK_H
#define TC_DATABASE_HOOK_H

extern void tc_database_hook_install(void);

#endif							/* TC_DATABASE_HOOK_H */
