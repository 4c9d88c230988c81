/*-------------------------------------------------------------------------
 *
 * run_settings.h
 *		The option "settings": parameters that each run of a task gets.
 *
 * Layer 2.  Whether the task's role may set them shows when it runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_SETTINGS_H
#define TC_RUN_SETTINGS_H

#include "utils/jsonb.h"

/* 22023 unless all exist, may be set for a run, and have fitting values */
extern void tc_run_settings_check(const Jsonb *settings);

#endif							/* TC_RUN_SETTINGS_H */
