/*-------------------------------------------------------------------------
 *
 * guard_list_store.h
 *		Whether the triggers of our relations are in force, and what brings
 *		them back.
 *
 * Layer 3.  The list itself is the SQL function guard_problems().  Called
 * between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GUARD_LIST_STORE_H
#define TC_GUARD_LIST_STORE_H

/*
 * Those that are not in force, and how: "live_runs.guard_status is disabled,
 * ..."; and triggers and rules that are not ours.  NULL: there are none.
 */
extern void tc_guard_list_look(char **broken, char **foreign);

/* runs what repairs them, returns how many; 0: there is nothing that can be repaired */
extern int	tc_guard_list_repair(void);

/* of the SQL objects; NULL: the extension is not there */
extern char *tc_extension_version(void);

#endif							/* TC_GUARD_LIST_STORE_H */
