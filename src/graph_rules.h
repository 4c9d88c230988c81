/*-------------------------------------------------------------------------
 *
 * graph_rules.h
 *		Graphs of steps: what a document means, whether it is sound, and when
 *		a step may start.
 *
 * Layer 1: values in, values out.  A graph is {"steps": {NAME: STEP, ...}}.
 * A step is one of: a command, a task, a wait, a check, an approval, a
 * signal; it names the steps that it comes after, the rule by which their
 * outcomes let it start, and how it is to be run.  Reading is linear in steps
 * and edges, and recursion has no part in it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_RULES_H
#define TC_GRAPH_RULES_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#define TC_MAX_STEPS 20000
#define TC_MAX_EDGES 200000
#define TC_MAX_STEP_NAME 63		/* bytes */
#define TC_UNDO_PREFIX "undo:"	/* of the step of a run that undoes one */
#define TC_MAX_NESTING 8		/* composites within composites */
#define TC_MAX_ITEMS 10000		/* of for_each, unless the step says less */
#define TC_MAX_STEP_TEXT (1024 * 1024)	/* bytes of a command or a query */
#define TC_MAX_GRAPH_SIZE (32 * 1024 * 1024)	/* bytes of a graph as jsonb */

typedef enum StepKind
{
	STEP_COMMAND,
	STEP_TASK,
	STEP_WAIT,
	STEP_CHECK,
	STEP_APPROVAL,
	STEP_SIGNAL
} StepKind;

#define STEP_KIND_COUNT (STEP_SIGNAL + 1)

/* by which outcomes of the steps before it a step starts */
typedef enum StepRule
{
	STEP_RULE_ALL_SUCCESS,
	STEP_RULE_ALL_DONE,
	STEP_RULE_ALL_FAILED,
	STEP_RULE_ONE_SUCCESS,
	STEP_RULE_ONE_FAILED,
	STEP_RULE_NONE_FAILED,
	STEP_RULE_NONE_SKIPPED,
	STEP_RULE_K_OF_N
} StepRule;

typedef enum CheckOperator
{
	CHECK_EQUAL,				/* "=" */
	CHECK_NOT_EQUAL,			/* "<>" */
	CHECK_LESS,					/* "<" */
	CHECK_LESS_EQUAL,			/* "<=" */
	CHECK_GREATER,				/* ">" */
	CHECK_GREATER_EQUAL			/* ">=" */
} CheckOperator;

/* {"check": {...}}: a query whose first value has to compare so */
typedef struct StepCheck
{
	char	   *sql;
	CheckOperator op;
	Jsonb	   *value;
	int64		hold_for;		/* microseconds that it must hold; 0: once */
	int64		every;			/* microseconds between two looks */
	bool		restart;		/* on_breach: begin to wait anew; else it
								 * fails */
	int64		deadline;		/* microseconds; 0: none */
} StepCheck;

/* {"approval": {...}} */
typedef struct StepApproval
{
	int			role_count;
	char	  **roles;			/* members of any of them may decide */
	int			quorum;
	bool		exclude_requester;
	int64		expires;		/* microseconds; 0: never */
	bool		expiry_approves;	/* on_expiry is approve */
} StepApproval;

typedef struct GraphStep
{
	char	   *name;
	StepKind	kind;
	StepRule	rule;
	int			k;				/* of k_of_n */
	bool		goes_on;		/* on_error is continue: its failure is none
								 * of the root's */
	char	   *command;		/* of STEP_COMMAND */
	char	   *task;			/* of STEP_TASK */
	char	   *condition;		/* "when"; NULL: none */
	char	   *for_each;		/* NULL: it is one run */
	int			max_items;		/* of for_each */
	char	   *compensate;		/* NULL: nothing undoes it */
	char	   *requires_flag;	/* NULL: none */
	Jsonb	   *params;			/* NULL: those of the root */
	int64		wait_for;		/* of STEP_WAIT, microseconds */
	TimestampTz wait_until;		/* of STEP_WAIT; DT_NOBEGIN: wait_for counts */
	StepCheck  *check;			/* of STEP_CHECK */
	StepApproval *approval;		/* of STEP_APPROVAL */
	char	   *signal;			/* of STEP_SIGNAL */
	Jsonb	   *key;			/* of STEP_SIGNAL: a text, or {"$output":
								 * ...}, {"$param": ...}; NULL: none */
	int64		deadline;		/* of STEP_SIGNAL, microseconds; 0: none */
	char	   *queue;			/* of STEP_COMMAND; NULL: that of the root */
	bool		has_priority;	/* else it is the root's */
	int			priority;
	int			max_attempts;	/* 0: not said */
	int			before_count;
	int		   *before;			/* indexes of the steps that it comes after */
	int			after_count;
	int		   *after;			/* and of those that come after it */
	JsonbContainer *document;	/* as it was given */
	int			document_size;	/* its bytes */
} GraphStep;

typedef struct Graph
{
	int			count;
	int			edge_count;
	GraphStep  *steps;			/* in the order of jsonb */
	int		   *order;			/* indexes: each step after those before it */
} Graph;

/* why a document is no graph: where, as "steps.load.after[1]", and what */
typedef struct GraphFault
{
	char	   *place;
	char	   *problem;
} GraphFault;

/* Everything is allocated in CurrentMemoryContext.  False: *fault says why not. */
extern bool tc_graph_parse(const Jsonb *document, Graph *graph, GraphFault *fault);

/* a step as it was given */
extern Jsonb *tc_graph_step_document(const GraphStep *step);

/* index of a step; -1: there is none of that name */
extern int	tc_graph_find(const Graph *graph, const char *name, int length);

/*
 * What {"$output": "extract.rows"} refers to: a step, and what is behind its
 * name and a dot.  Names with dots in them: the longest one that is a step's
 * counts.  path: within text, NULL: all of the output.  -1: no step.
 */
extern int	tc_graph_find_output(const Graph *graph, const char *text, int length,
								 const char **path);

extern const char *tc_step_kind_label(StepKind kind);
extern const char *tc_step_rule_label(StepRule rule);

extern const char *tc_check_operator_label(CheckOperator op);

/* -1: there is no such rule, or operator */
extern int	tc_step_rule_of(const char *label, int length);
extern int	tc_check_operator_of(const char *label, int length);

/* ---- may it start? ---- */

/* how the steps before one ended; failed: also timed out or cancelled */
typedef struct StepArrivals
{
	int			total;
	int			succeeded;
	int			failed;
	int			skipped;
} StepArrivals;

typedef enum StepVerdict
{
	STEP_VERDICT_WAIT,
	STEP_VERDICT_START,
	STEP_VERDICT_SKIP
} StepVerdict;

/* as soon as the outcome cannot change any more; nothing before it: start */
extern StepVerdict tc_step_verdict(StepRule rule, int k, const StepArrivals *arrivals);

#endif							/* TC_GRAPH_RULES_H */
