/*-------------------------------------------------------------------------
 *
 * redact.h
 *		Secrets out of text that is about to be kept.
 *
 * Layer 1: values in, values out.  A name that contains one of the words of
 * secrets (redact.c lists them; upper and lower case, and the separators
 * within, do not matter) and is followed by a colon or an equals sign loses
 * its value: up to the next blank, comma or semicolon, or, where it begins
 * with a quote or a bracket, at least to the end of that.  SQL's PASSWORD
 * 'literal' loses it too, and so does a URI that names a password.
 *
 * Linear in the length.  Redacting twice is redacting once.  Texts are in a
 * server encoding, where the bytes of longer characters are never ASCII.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_REDACT_H
#define TC_REDACT_H

#define TC_REDACTED "[REDACTED]"
#define TC_SECRET_KEY "$secret" /* {"$secret": "name"} stands for a secret */

/* NULL of NULL; the text itself where there is nothing to hide, else palloc'd */
extern const char *tc_redact_text(const char *text);

/*
 * The same for text that has a length.  Returns a palloc'd text, with a final
 * zero that is not counted, or NULL where there is nothing to hide.
 */
extern char *tc_redact_bytes(const char *text, int length, int *redacted_length);

/*
 * Values that are hidden wherever they stand, until they are forgotten: of the
 * run that executes in this process.  Short ones would hide too much.
 */
extern void tc_redact_remember(const char *value);
extern void tc_redact_forget(void);

/* does a name, such as a key of JSON, contain one of the words? */
extern bool tc_redact_is_secret_name(const char *name, int length);

#endif							/* TC_REDACT_H */
