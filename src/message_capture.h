/*-------------------------------------------------------------------------
 *
 * message_capture.h
 *		Keeps what a run would have sent to a client: messages and rows.
 *
 * Messages.  Between start and stop, every message that client_min_messages lets through
 * goes to a bounded buffer in process memory, so it survives a rollback.  The
 * server log gets what it always gets.  When the buffer is full, further
 * messages are counted only, and the count becomes one last message.
 * Secrets are hidden before a message is cut.  Errors
 * are not captured: whoever catches them has them.
 *
 * Rows.  A result capture hands out a receiver for query results, and keeps the
 * first rows of the last row set that it received.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_MESSAGE_CAPTURE_H
#define TC_MESSAGE_CAPTURE_H

#include "datatype/timestamp.h"
#include "tcop/dest.h"
#include "utils/jsonb.h"

#define TC_MESSAGE_MAX_COUNT	1000
#define TC_MESSAGE_MAX_BYTES	8192	/* of one message's text */
#define TC_MESSAGE_MAX_TOTAL	(1024 * 1024)

typedef struct CapturedMessage
{
	TimestampTz logged_at;
	const char *level;			/* "debug", "log", "info", "notice", ... */
	const char *message;		/* with detail and hint on lines of their own */
	const char *sqlstate;		/* NULL unless the message came from ereport */
	Jsonb	   *metadata;		/* NULL unless given to _add() */
} CapturedMessage;

/*
 * Once per process.  Takes over the process's protocol output for good: a
 * background worker has no client, and an attempt to talk to one (COPY) raises
 * an error instead of touching a socket that is not there.
 */
extern void tc_message_capture_init(void);

/*
 * Empty the buffer and begin.  Messages below "min_level" (an elog level) are
 * dropped; INFO never is, as with a client.  A level above WARNING captures
 * nothing, and messages then cost nothing.
 */
extern void tc_message_capture_start(int min_level);

/* No effect if not started.  What was captured stays until the next start. */
extern void tc_message_capture_stop(void);

/*
 * Add a message that did not come from ereport; everything is copied.  False
 * if no capture is active or there was no room (it is counted then).
 */
extern bool tc_message_capture_add(const char *level, const char *message,
								   const Jsonb *metadata);

/*
 * All messages since the last start, oldest first; may be asked for again.
 * Valid until the next start.
 */
extern const CapturedMessage *tc_message_capture_take(int *count);

typedef struct ResultCapture ResultCapture;

/*
 * An empty capture below "where", bounded by a number of rows and by the bytes
 * that they take.
 */
extern ResultCapture *tc_result_capture_create(MemoryContext where,
											   int max_rows, Size max_bytes);

/* Forget the rows, for the next run with other bounds. */
extern void tc_result_capture_reset(ResultCapture *capture,
									int max_rows, Size max_bytes);

/* Lives as long as the capture; the one that ignores all rows for NULL. */
extern DestReceiver *tc_result_capture_receiver(ResultCapture *capture);

/*
 * The kept rows as a jsonb array of objects, in the current memory context, or
 * NULL if no row set was received.  Values are what to_jsonb() makes of them.
 * "truncated" tells whether rows were left out.
 */
extern Jsonb *tc_result_capture_rows(ResultCapture *capture, bool *truncated);

#endif							/* TC_MESSAGE_CAPTURE_H */
