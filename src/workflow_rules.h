/*-------------------------------------------------------------------------
 *
 * workflow_rules.h
 *		Status machines as data: what a map of transitions means, and whether
 *		something may go from one status to another.
 *
 * Layer 1: values in, values out.  A map is an object with a key for each
 * status; its value is the array of the statuses that may follow, each a
 * name, or {"to": name, "requires": [...]}.  A requirement is a key of the
 * context that must be given, or an array of keys of which one must be.  The
 * key "reason" is the reason of the change; every other one is looked for
 * where the caller says.  A status may always follow itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_WORKFLOW_RULES_H
#define TC_WORKFLOW_RULES_H

#include "utils/jsonb.h"

#define TC_MAX_STATUS_LENGTH 63 /* bytes of a status, and of a key of the
								 * context */
#define TC_MAX_STATUSES 200
#define TC_MAX_NEEDS 20			/* of one transition */
#define TC_MAX_ALTERNATIVES 8	/* keys of one requirement */
#define TC_MAX_PROBLEMS (TC_MAX_NEEDS + 4)

/* the new status of an attempt that was refused, in the history */
#define TC_STATUS_REFUSED "validation_failed"

/* one of the keys must be given */
typedef struct WorkflowNeed
{
	int			count;
	char	  **keys;
} WorkflowNeed;

typedef struct WorkflowMove
{
	int			to;				/* index of the status */
	int			need_count;
	WorkflowNeed *needs;
} WorkflowMove;

typedef struct WorkflowStatus
{
	char	   *name;
	bool		terminal;		/* work ends here, even if there is a way out */
	int			move_count;
	WorkflowMove *moves;		/* in the order of the map */
} WorkflowStatus;

typedef struct Workflow
{
	int			initial;		/* index of the status */
	int			count;
	WorkflowStatus *statuses;
} Workflow;

/* why a map is none: where, as "transitions.pending[2].to", and what */
typedef struct WorkflowFault
{
	char	   *place;
	char	   *problem;
} WorkflowFault;

/*
 * Read a map.  terminal names the statuses where work ends; NULL: those that
 * nothing may follow.  Everything is allocated in CurrentMemoryContext.
 * False: *fault says why not.
 */
extern bool tc_workflow_parse(const Jsonb *transitions, const char *initial,
							  char *const *terminal, int terminal_count,
							  Workflow *workflow, WorkflowFault *fault);

/* the beginning of what somebody wrote for a status or a key */
extern char *tc_workflow_clip(const char *word);

/* index of a status; -1: the workflow has none of that name */
extern int	tc_workflow_find(const Workflow *workflow, const char *status);

/* the transition; NULL: there is none */
extern const WorkflowMove *tc_workflow_move(const Workflow *workflow, int from, int to);

/* ---- may it become? ---- */

/* codes of problems; they are part of the contract */
#define TC_PROBLEM_UNKNOWN_STATUS "unknown_status"
#define TC_PROBLEM_FORBIDDEN_MOVE "forbidden_move"
#define TC_PROBLEM_MISSING_CONTEXT "missing_context"
#define TC_PROBLEM_CONFLICT "conflict"

typedef struct WorkflowProblem
{
	const char *code;
	const char *key;			/* status or key that it is about */
	const char *message;		/* a sentence */
} WorkflowProblem;

typedef struct WorkflowProblems
{
	int			count;
	WorkflowProblem items[TC_MAX_PROBLEMS];
} WorkflowProblems;

/* is this key of the context given, and not empty? */
typedef bool (*WorkflowContext) (const char *key, void *argument);

/*
 * May a row go from a status to another, with this context (NULL: the context
 * is not looked at)?  All problems are added, not only the first; the answer
 * is true when there was none.
 */
extern bool tc_workflow_check(const Workflow *workflow, const char *from, const char *to,
							  WorkflowContext context, void *argument,
							  WorkflowProblems *problems);

/* one problem more; too many are left out */
extern void tc_workflow_add_problem(WorkflowProblems *problems, const char *code,
									const char *key, const char *message);

/* the problems as an array of {"code", "key", "message"} */
extern Jsonb *tc_workflow_problems_jsonb(const WorkflowProblems *problems);

/* the same as text; in no more than the first code where that needs size bytes */
extern char *tc_workflow_problems_clipped(const WorkflowProblems *problems, Size size);

/* their messages, one after the other */
extern char *tc_workflow_problems_text(const WorkflowProblems *problems);

/* what may follow a status, as "in_progress, failed"; "" for nothing, or a status that is not known */
extern char *tc_workflow_allowed_text(const Workflow *workflow, const char *from);

/* a context in an object: a key is given if its value is not null, "" or blanks */
extern bool tc_workflow_object_has(const Jsonb *object, const char *key);

/* what a transition requires, as it stands in the map */
extern Jsonb *tc_workflow_needs_jsonb(const WorkflowMove *move);

#endif							/* TC_WORKFLOW_RULES_H */
