/*-------------------------------------------------------------------------
 *
 * task_properties.h
 *		The properties of a task: defaults, ranges, and how the arguments and
 *		options of create_task(), declare_task() and alter_task() become them.
 *
 * Layer 4.  One table says for each property its name, type, default and
 * bounds.  Values are allocated in CurrentMemoryContext.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_TASK_PROPERTIES_H
#define TC_TASK_PROPERTIES_H

#include "fmgr.h"
#include "compat.h"
#include "task_store.h"

/* where the properties that are arguments stand; the options are the last one */
typedef struct PropertyArguments
{
	int			command;
	int			params;			/* params to max_attempts, backoff to
								 * on_crash, and description to application
								 * follow each other in the order of
								 * TaskProperty */
	int			description;
	int			options;
} PropertyArguments;

/* every property at its default */
extern void tc_properties_default(TaskRow *task);

/*
 * Overwrite what the call gives, checking each value for itself; options are
 * checked to hold known keys only, of which graph, and paused where it may be
 * given, are left to the caller.
 */
extern void tc_properties_read(FunctionCallInfo fcinfo, const PropertyArguments *arguments,
							   bool paused_allowed, TaskRow *task);

/* put the named properties back; 22023 for a name that is not a property */
extern void tc_properties_reset(char *const *names, int count, TaskRow *task);

/* ---- one by one ---- */

/* the name of the argument or of the option key */
extern const char *tc_property_name(TaskProperty property);
extern Oid	tc_property_type(TaskProperty property);

/* overwrite it with what an object has under its name, checked; else leave it */
extern void tc_property_read(const Jsonb *object, TaskProperty property, TaskRow *task);

extern void tc_property_set_text(TaskRow *task, TaskProperty property, const char *value);
extern bool tc_property_same(const TaskRow *one, const TaskRow *other,
							 TaskProperty property);

/* ---- whole definitions ---- */

/* the same definition? */
extern bool tc_properties_equal(const TaskRow *one, const TaskRow *other);

/* is it in the same queue and application? */
extern bool tc_properties_same_scope(const TaskRow *one, const TaskRow *other);

/* does the role that runs it execute the same, under the same settings? */
extern bool tc_properties_same_execution(const TaskRow *one, const TaskRow *other);

#endif							/* TC_TASK_PROPERTIES_H */
