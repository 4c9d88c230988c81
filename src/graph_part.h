/*-------------------------------------------------------------------------
 *
 * graph_part.h
 *		Reading the keys of one object of a graph: a step, or its check,
 *		approval or signal.
 *
 * Layer 1.35.  A function returns false after the first fault, which it has
 * noted with its place.  tc_part_check() comes first: the others rely on the
 * types of what is there.  A key that is null was not given.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_PART_H
#define TC_GRAPH_PART_H

#include "graph_internal.h"

/* kinds of steps, as bits */
#define OF(kind) (1 << (kind))
#define OF_COMMANDS OF(STEP_COMMAND)
#define OF_RUNS (OF(STEP_COMMAND) | OF(STEP_TASK))
#define OF_QUERIES (OF(STEP_COMMAND) | OF(STEP_CHECK))
#define OF_ANY ((1 << STEP_KIND_COUNT) - 1)

typedef enum KeyType
{
	KEY_TEXT,
	KEY_INT,
	KEY_BOOL,
	KEY_OBJECT,
	KEY_ARRAY
} KeyType;

typedef struct StepKey
{
	const char *key;
	int			kinds;			/* that may have it */
	KeyType		type;
} StepKey;

/* a part of a step that is an object of its own, such as its check */
typedef struct GraphPart
{
	GraphReader *reader;
	const GraphStep *step;
	const char *name;			/* NULL: the step itself */
	JsonbContainer *object;
} GraphPart;

extern bool tc_part_fail(const GraphPart *part, const char *key, char *problem);

/* Known keys, of the right types?  `others` ends with NULL: keys read by hand. */
extern bool tc_part_check(const GraphPart *part, const StepKey *keys, int count,
						  const char *const *others);
extern bool tc_part_require(const GraphPart *part, const char *key);

/* NULL: not given */
extern bool tc_part_text(const GraphPart *part, const char *key, int max_length, char **result);

/* these leave the result as it is if the key is not given */
extern bool tc_part_int(const GraphPart *part, const char *key, int min, int max, int *number);
extern bool tc_part_duration(const GraphPart *part, const char *key, int64 min, int64 *usecs);

/* one of two words, the first by default */
extern bool tc_part_choice(const GraphPart *part, const char *key, const char *usual,
						   const char *other, bool *is_other);
extern Jsonb *tc_part_jsonb(const JsonbValue *value);

#endif							/* TC_GRAPH_PART_H */
