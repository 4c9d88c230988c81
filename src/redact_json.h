/*-------------------------------------------------------------------------
 *
 * redact_json.h
 *		Secrets out of JSON that is about to be kept.
 *
 * Layer 1.  The value of a key whose name contains a word of secrets is
 * replaced whole; every other string, and every key, is redacted as text.
 * What lies deeper than TC_REDACT_MAX_DEPTH is replaced whole as well, so no
 * document costs more stack than that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_REDACT_JSON_H
#define TC_REDACT_JSON_H

#include "utils/jsonb.h"

#define TC_REDACT_MAX_DEPTH 200

/* NULL of NULL; the document itself where there is nothing to hide, else palloc'd */
extern Jsonb *tc_redact_json(Jsonb *json);

#endif							/* TC_REDACT_JSON_H */
