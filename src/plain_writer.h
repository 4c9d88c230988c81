/*-------------------------------------------------------------------------
 *
 * plain_writer.h
 *		May whoever writes to our relations by plain SQL do so?
 *
 * Layer 2.5, asked by guards.  Nobody but superusers is granted to, but on 15
 * every CREATEROLE role can make itself a member of the role that owns our
 * tables: what it could write there would be executed with others' rights.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PLAIN_WRITER_H
#define TC_PLAIN_WRITER_H

#include "access/htup.h"
#include "utils/relcache.h"

/* our own statement, an apply worker, or a superuser */
extern bool tc_plain_is_trusted(void);

/* 42501 unless it is */
extern void tc_plain_check(Relation rel);

/*
 * 42501 unless it is, or nothing differs but the columns that are everybody's
 * to change (ends with NULL); generated ones do not count.
 */
extern void tc_plain_check_columns(Relation rel, HeapTuple old, HeapTuple new,
								   const char *const *free_columns);

#endif							/* TC_PLAIN_WRITER_H */
