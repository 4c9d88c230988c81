/*-------------------------------------------------------------------------
 *
 * settings.h
 *		Every configuration parameter of taskcenter.
 *
 * Defined once per process by tc_settings_define(); read by all layers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SETTINGS_H
#define TC_SETTINGS_H

extern bool tc_enabled;			/* taskcenter.enabled, sighup: workers run */
extern char *tc_databases;		/* taskcenter.databases, sighup: list, empty =
								 * all */
extern int	tc_max_executors;	/* taskcenter.max_executors, postmaster,
								 * 1..64, 4 */
extern int	tc_executor_idle_timeout;	/* s, sighup, default 300, 0 = never */
extern int	tc_executor_max_runs;	/* sighup, default 1000, 0 = no limit */
extern int	tc_executor_max_memory; /* MB, sighup, default 256, 0 = no limit */
extern int	tc_cancel_grace;	/* s, sighup, default 10: cancel, then
								 * terminate */
extern int	tc_turn;			/* ms, sighup, default 1000: how long a role
								 * may keep its last executors while another
								 * waits */
extern bool tc_notify_events;	/* taskcenter.notify_events, sighup, default
								 * off */
extern int	tc_strict_start;
extern int	tc_purge_interval;	/* s, sighup, default 3600, 0 = never */
extern bool tc_superuser_tasks; /* taskcenter.superuser_tasks, sighup, default
								 * on */
extern int	tc_log_level;		/* taskcenter.log_level enum, sighup: of our
								 * own start/stop messages, default debug1 */

extern void tc_settings_define(void);

#endif							/* TC_SETTINGS_H */
