/*-------------------------------------------------------------------------
 *
 * user_command.h
 *		A user's command text, executed the way a client's would be.
 *
 * The text is parsed once, then run through portals any number of times by the
 * process that prepared it.  One process, one role: kept plans belong to it.
 * The module never catches an error.  Whoever calls an execute function rolls
 * back after an error; the UserCommand stays usable.  After an error
 * debug_query_string still names the text, so that the report can show it,
 * until the next execute, the command's release, or tc_session_scrub().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_USER_COMMAND_H
#define TC_USER_COMMAND_H

#include "tcop/dest.h"

typedef struct UserCommand UserCommand;

/* What the last statement of a run reported. */
typedef struct CommandResult
{
	const char *tag;			/* such as "INSERT", a constant; NULL: none
								 * ran */
	uint64		processed;		/* its row count */
} CommandResult;

/* Once per process, before anything else here. */
extern void tc_user_command_init(void);

/*
 * Raw-parse the text, without a look at the catalogs; no transaction is needed.
 * Raises the user's syntax error, or 42601 if there is no statement in it.
 * The result lives in "where".  Lexing follows standard_conforming_strings and
 * backslash_quote as they are; execution parses again if they have changed.
 * A plan follows the settings it was made under: share a UserCommand only
 * between runs whose per-run settings are equal.
 */
extern UserCommand *tc_user_command_prepare(const char *text,
											MemoryContext where);

/* Drops kept plans and all memory.  Not while the command is executing. */
extern void tc_user_command_release(UserCommand *command);

/* BEGIN, COMMIT, SAVEPOINT, PREPARE TRANSACTION and the like in the text? */
extern bool tc_user_command_has_transaction_control(const UserCommand *command);

/* Holds a statement that surely cannot run in a transaction block? */
extern bool tc_user_command_surely_autonomous(const UserCommand *command);

/* Is it one statement, and a query: SELECT, VALUES, TABLE or WITH ... SELECT? */
extern bool tc_user_command_is_query(const UserCommand *command);

/*
 * Execute all statements in the caller's open transaction, as a client's
 * multi-statement query would be, and leave the transaction open with all
 * effects visible to what follows.  No snapshot may have been taken in it if
 * SET TRANSACTION is to work.  Works in an internal subtransaction, too.
 * Transaction control and COPY from or to the client raise 0A000 before
 * anything is executed.
 *
 * Rows go to the receiver: None_Receiver, or tc_result_capture_receiver() for
 * one.  Each statement that returns rows starts it anew; it is the caller's to
 * destroy.  "result" is filled as far as the run came.
 */
extern void tc_user_command_execute_atomic(UserCommand *command,
										   DestReceiver *receiver,
										   CommandResult *result);

/*
 * Call before the commit that follows tc_user_command_execute_atomic(); the
 * transaction cannot be committed by CommitTransactionCommand() otherwise.
 */
extern void tc_user_command_end_atomic(void);

/*
 * Execute each statement in a transaction of its own.  No transaction may be
 * open, and none is afterwards unless an error is raised; what was committed
 * before the error stays.
 */
extern void tc_user_command_execute_autonomous(UserCommand *command,
											   DestReceiver *receiver,
											   CommandResult *result);

/*
 * Was this error of an atomic run raised because the command has to run
 * outside a transaction block?  (25001 and 2D000 have other causes as well.)
 */
extern bool tc_user_command_needs_autonomous(const ErrorData *edata);

#endif							/* TC_USER_COMMAND_H */
