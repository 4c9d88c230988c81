/*-------------------------------------------------------------------------
 *
 * message_capture.c
 *		Keeps what a run would have sent to a client: messages and rows.
 *
 * While a capture is active, whereToSendOutput is DestRemote, so ereport hands
 * messages to the protocol methods installed here.  They look at the error
 * stack itself and not at the protocol bytes, which are in the client encoding
 * that the command may have chosen.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

/*
 * The declaration of PqCommMethods comes with those of connections, which ask
 * for other projects' headers; nothing of that is used here.
 */
#undef ENABLE_GSS
#undef USE_SSL
#include "libpq/libpq.h"
#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "message_capture.h"
#include "redact.h"

/* The buffer; one more slot for the message that tells of the lost ones. */
static CapturedMessage messages[TC_MESSAGE_MAX_COUNT + 1];
static int	message_count = 0;
static Size message_bytes = 0;
static uint64 messages_lost = 0;
static MemoryContext message_context = NULL;
static MemoryContext scratch_context = NULL;
static int	capture_level = ERROR;
static bool capture_active = false;

struct ResultCapture
{
	DestReceiver receiver;		/* first: the server knows only this part */
	MemoryContext context;		/* the rows */
	MemoryContext set_context;	/* what describes the present row set */
	MemoryContext row_context;	/* work on one row */
	int			max_rows;
	Size		max_bytes;

	bool		received;		/* a row set, even an empty one */
	bool		truncated;
	List	   *rows;			/* of Jsonb objects */
	Size		bytes;
	TupleDesc	row_type;
	FmgrInfo   *converters;		/* to_jsonb() for each column */
};

static void sink_reset(void);
static int	sink_flush(void);
static bool sink_is_send_pending(void);
static int	sink_message(char type, const char *body, size_t length);
static void sink_message_noblock(char type, const char *body, size_t length);

static const PQcommMethods sink_methods = {
	sink_reset,
	sink_flush,
	sink_flush,
	sink_is_send_pending,
	sink_message,
	sink_message_noblock
};

static void
sink_reset(void)
{
}

static int
sink_flush(void)
{
	return 0;
}

static bool
sink_is_send_pending(void)
{
	return false;
}

static const char *
level_label(int elevel)
{
	if (elevel <= DEBUG1)
		return "debug";
	if (elevel == LOG)
		return "log";
	if (elevel == INFO)
		return "info";
	if (elevel == NOTICE)
		return "notice";
	return "warning";
}

/*
 * Reserve the next slot for a message of about this size, in message_context.
 * NULL, and counted as lost, if it does not fit.  Once one is lost all are, so
 * that what is kept is the beginning without holes.
 */
static CapturedMessage *
reserve_message(Size bytes)
{
	CapturedMessage *slot;

	if (messages_lost > 0 ||
		message_count >= TC_MESSAGE_MAX_COUNT ||
		message_bytes + bytes > TC_MESSAGE_MAX_TOTAL)
	{
		messages_lost++;
		return NULL;
	}
	slot = &messages[message_count];
	memset(slot, 0, sizeof(CapturedMessage));
	slot->logged_at = GetCurrentTimestamp();
	return slot;
}

/* Copy text into the buffer, cut at a character boundary. */
static char *
keep_text(const char *text, Size length)
{
	char	   *copy;

	if (length > TC_MESSAGE_MAX_BYTES)
		length = pg_mbcliplen(text, length, TC_MESSAGE_MAX_BYTES);
	copy = MemoryContextAlloc(message_context, length + 1);
	memcpy(copy, text, length);
	copy[length] = '\0';
	message_bytes += length + 1;
	return copy;
}

/* Append a labelled part without secrets, unless the text is as long as it may be already. */
static void
append_part(StringInfo text, const char *label, const char *part)
{
	if (part == NULL || text->len >= TC_MESSAGE_MAX_BYTES)
		return;
	part = tc_redact_text(part);
	appendStringInfo(text, "\n%s:  ", label);
	appendBinaryStringInfo(text, part,
						   Min(strlen(part), TC_MESSAGE_MAX_BYTES));
}

/*
 * The level of a notice, from the first two fields of the protocol message:
 * the severity in words for people, then the untranslated one.
 */
static int
notice_level(const char *body)
{
	const char *severity = body + 1 + strlen(body + 1) + 1;

	Assert(body[0] == PG_DIAG_SEVERITY);
	Assert(severity[0] == PG_DIAG_SEVERITY_NONLOCALIZED);
	severity++;
	if (strcmp(severity, "DEBUG") == 0)
		return DEBUG1;
	if (strcmp(severity, "LOG") == 0)
		return LOG;
	if (strcmp(severity, "INFO") == 0)
		return INFO;
	if (strcmp(severity, "NOTICE") == 0)
		return NOTICE;
	return WARNING;
}

/*
 * Keep the message that is on top of the error stack.  Runs inside ereport,
 * in a context that only an error resets; so it works in one of its own.
 */
static void
keep_current_message(int elevel)
{
	MemoryContext caller;
	ErrorData  *edata;
	StringInfoData text;
	CapturedMessage *slot;

	MemoryContextReset(scratch_context);
	caller = MemoryContextSwitchTo(scratch_context);

	edata = CopyErrorData();
	initStringInfo(&text);
	if (edata->message)
		appendStringInfoString(&text, tc_redact_text(edata->message));
	append_part(&text, "DETAIL", edata->detail);
	append_part(&text, "HINT", edata->hint);
	if (elevel >= WARNING)
		append_part(&text, "CONTEXT", edata->context);

	slot = reserve_message(Min(text.len, TC_MESSAGE_MAX_BYTES));
	if (slot != NULL)
	{
		slot->level = level_label(elevel);
		slot->message = keep_text(text.data, text.len);
		slot->sqlstate =
			MemoryContextStrdup(message_context,
								unpack_sql_state(edata->sqlerrcode));
		message_count++;
	}

	MemoryContextSwitchTo(caller);
	MemoryContextReset(scratch_context);
}

/* A notice came by: keep it, count it, or leave it. */
static void
take_notice(const char *body)
{
	int			elevel = notice_level(body);

	if (!capture_active || (elevel < capture_level && elevel != INFO))
		return;
	if (messages_lost > 0)
		messages_lost++;
	else
		keep_current_message(elevel);
}

/*
 * Receives everything the server has for a client.  Notices are kept, COPY is
 * refused before it waits for an answer, the rest has no reader.
 */
static int
sink_message(char type, const char *body, size_t length)
{
	switch (type)
	{
		case 'N':
			take_notice(body);
			break;
		case 'G':				/* CopyInResponse */
		case 'H':				/* CopyOutResponse */
		case 'W':				/* CopyBothResponse */
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot copy to or from a client in a background process")));
			break;
		default:
			break;
	}
	return 0;
}

static void
sink_message_noblock(char type, const char *body, size_t length)
{
	(void) sink_message(type, body, length);
}

void
tc_message_capture_init(void)
{
	Assert(message_context == NULL);
	message_context = AllocSetContextCreate(TopMemoryContext,
											"taskcenter messages",
											ALLOCSET_DEFAULT_SIZES);
	scratch_context = AllocSetContextCreate(TopMemoryContext,
											"taskcenter message scratch",
											ALLOCSET_SMALL_SIZES);
	PqCommMethods = &sink_methods;
}

void
tc_message_capture_start(int min_level)
{
	Assert(PqCommMethods == &sink_methods);

	MemoryContextReset(message_context);
	message_count = 0;
	message_bytes = 0;
	messages_lost = 0;

	capture_level = min_level;
	capture_active = true;
	if (min_level <= WARNING)
		whereToSendOutput = DestRemote;
}

void
tc_message_capture_stop(void)
{
	capture_active = false;
	whereToSendOutput = DestNone;
}

bool
tc_message_capture_add(const char *level, const char *message,
					   const Jsonb *metadata)
{
	CapturedMessage *slot;
	Size		metadata_size = metadata ? VARSIZE(metadata) : 0;
	Size		length = strlen(message);

	if (!capture_active)
		return false;
	slot = reserve_message(Min(length, TC_MESSAGE_MAX_BYTES) + metadata_size);
	if (slot == NULL)
		return false;

	slot->level = MemoryContextStrdup(message_context, level);
	slot->message = keep_text(message, length);
	if (metadata != NULL)
	{
		slot->metadata = MemoryContextAlloc(message_context, metadata_size);
		memcpy(slot->metadata, metadata, metadata_size);
		message_bytes += metadata_size;
	}
	message_count++;
	return true;
}

const CapturedMessage *
tc_message_capture_take(int *count)
{
	*count = message_count;
	if (messages_lost > 0)
	{
		CapturedMessage *mark = &messages[message_count];
		char text[	64];

		snprintf(text, sizeof(text), UINT64_FORMAT " more messages were not kept",
				 messages_lost);
		memset(mark, 0, sizeof(CapturedMessage));
		mark->logged_at = GetCurrentTimestamp();
		mark->level = "warning";
		mark->message = MemoryContextStrdup(message_context, text);
		*count += 1;
	}
	return messages;
}

/*
 * The server announces a row set.  An earlier one is forgotten: the last one
 * counts.
 */
static void
start_row_set(DestReceiver *receiver, int operation, TupleDesc row_type)
{
	ResultCapture *capture = (ResultCapture *) receiver;
	MemoryContext caller;
	int			i;

	tc_result_capture_reset(capture, capture->max_rows, capture->max_bytes);
	capture->received = true;

	caller = MemoryContextSwitchTo(capture->set_context);
	capture->row_type = CreateTupleDescCopy(row_type);
	capture->converters = palloc0(sizeof(FmgrInfo) * Max(row_type->natts, 1));
	for (i = 0; i < row_type->natts; i++)
	{
		Const	   *column = makeNullConst(TupleDescAttr(row_type, i)->atttypid,
										   -1, InvalidOid);

		/* to_jsonb() learns the type of its argument from the call. */
		fmgr_info(F_TO_JSONB, &capture->converters[i]);
		fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID,
												 list_make1(column),
												 InvalidOid, InvalidOid,
												 COERCE_EXPLICIT_CALL),
						   &capture->converters[i]);
	}
	MemoryContextSwitchTo(caller);
}

/* About the bytes of a row's values, found without fetching them. */
static Size
row_size(TupleDesc row_type, TupleTableSlot *slot)
{
	Size		size = 0;
	int			i;

	for (i = 0; i < row_type->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(row_type, i);

		if (slot->tts_isnull[i])
			continue;
		if (column->attlen == -1)
			size += toast_raw_datum_size(slot->tts_values[i]);
		else if (column->attlen == -2)
			size += strlen(DatumGetCString(slot->tts_values[i]));
		else
			size += column->attlen;
	}
	return size;
}

/* A scalar comes as a document of its own; inside another it is a value. */
static void
push_value(JsonbParseState **state, JsonbIteratorToken token, Jsonb *document)
{
	JsonbValue	value;

	if (!JB_ROOT_IS_SCALAR(document))
	{
		value.type = jbvBinary;
		value.val.binary.data = &document->root;
		value.val.binary.len = VARSIZE(document) - VARHDRSZ;
	}
	else if (!JsonbExtractScalar(&document->root, &value))
		elog(ERROR, "could not read a scalar jsonb value");
	(void) pushJsonbValue(state, token, &value);
}

static Jsonb *
row_to_object(ResultCapture *capture, TupleTableSlot *slot)
{
	JsonbParseState *state = NULL;
	JsonbValue	key;
	JsonbValue	null_value;
	int			i;

	null_value.type = jbvNull;
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < capture->row_type->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(capture->row_type, i);

		key.type = jbvString;
		key.val.string.val = NameStr(column->attname);
		key.val.string.len = strlen(NameStr(column->attname));
		(void) pushJsonbValue(&state, WJB_KEY, &key);
		if (slot->tts_isnull[i])
			(void) pushJsonbValue(&state, WJB_VALUE, &null_value);
		else
			push_value(&state, WJB_VALUE,
					   DatumGetJsonbP(FunctionCall1(&capture->converters[i],
													slot->tts_values[i])));
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *receiver)
{
	ResultCapture *capture = (ResultCapture *) receiver;
	MemoryContext caller;
	Jsonb	   *object;
	Jsonb	   *copy;

	/* All rows after the first that is left out are left out. */
	if (capture->truncated)
		return true;
	slot_getallattrs(slot);
	if (list_length(capture->rows) >= capture->max_rows ||
		capture->bytes + row_size(capture->row_type, slot) > capture->max_bytes)
	{
		capture->truncated = true;
		return true;
	}

	caller = MemoryContextSwitchTo(capture->row_context);
	object = row_to_object(capture, slot);
	if (capture->bytes + VARSIZE(object) > capture->max_bytes)
		capture->truncated = true;
	else
	{
		MemoryContextSwitchTo(capture->context);
		copy = palloc(VARSIZE(object));
		memcpy(copy, object, VARSIZE(object));
		capture->rows = lappend(capture->rows, copy);
		capture->bytes += VARSIZE(object);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(capture->row_context);
	return true;
}

static void
end_row_set(DestReceiver *receiver)
{
}

ResultCapture *
tc_result_capture_create(MemoryContext where, int max_rows, Size max_bytes)
{
	ResultCapture *capture = MemoryContextAllocZero(where, sizeof(ResultCapture));

	capture->receiver.receiveSlot = receive_row;
	capture->receiver.rStartup = start_row_set;
	capture->receiver.rShutdown = end_row_set;
	capture->receiver.rDestroy = end_row_set;
	capture->receiver.mydest = DestNone;
	capture->context = AllocSetContextCreate(where, "taskcenter result rows",
											 ALLOCSET_DEFAULT_SIZES);
	capture->set_context = AllocSetContextCreate(where, "taskcenter row set",
												 ALLOCSET_SMALL_SIZES);
	capture->row_context = AllocSetContextCreate(where, "taskcenter result row",
												 ALLOCSET_DEFAULT_SIZES);
	tc_result_capture_reset(capture, max_rows, max_bytes);
	return capture;
}

void
tc_result_capture_reset(ResultCapture *capture, int max_rows, Size max_bytes)
{
	MemoryContextReset(capture->context);
	MemoryContextReset(capture->set_context);
	MemoryContextReset(capture->row_context);
	capture->max_rows = max_rows;
	capture->max_bytes = max_bytes;
	capture->received = false;
	capture->truncated = false;
	capture->rows = NIL;
	capture->bytes = 0;
	capture->row_type = NULL;
	capture->converters = NULL;
}

DestReceiver *
tc_result_capture_receiver(ResultCapture *capture)
{
	return capture != NULL ? &capture->receiver : None_Receiver;
}

Jsonb *
tc_result_capture_rows(ResultCapture *capture, bool *truncated)
{
	JsonbParseState *state = NULL;
	ListCell   *cell;

	*truncated = capture->truncated;
	if (!capture->received)
		return NULL;
	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	foreach(cell, capture->rows)
		push_value(&state, WJB_ELEM, (Jsonb *) lfirst(cell));
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}
