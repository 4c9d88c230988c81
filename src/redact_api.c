/*-------------------------------------------------------------------------
 *
 * redact_api.c
 *		What becomes of a text or a document before it is kept, for people.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "arguments.h"
#include "redact.h"
#include "redact_json.h"

PG_FUNCTION_INFO_V1(taskcenter_redact_text);
PG_FUNCTION_INFO_V1(taskcenter_redact_json);

Datum
taskcenter_redact_text(PG_FUNCTION_ARGS)
{
	text	   *message;
	char	   *redacted;
	int			length;

	tc_arg_require(fcinfo, 0, "message");
	message = PG_GETARG_TEXT_PP(0);
	redacted = tc_redact_bytes(VARDATA_ANY(message), VARSIZE_ANY_EXHDR(message), &length);
	if (redacted == NULL)
		PG_RETURN_TEXT_P(message);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(redacted, length));
}

Datum
taskcenter_redact_json(PG_FUNCTION_ARGS)
{
	tc_arg_require(fcinfo, 0, "document");
	PG_RETURN_JSONB_P(tc_redact_json(PG_GETARG_JSONB_P(0)));
}
