/*
 * redact_fuzz.c
 *	  Fuzzes the redaction of text (libFuzzer).
 *
 * Checked: what is redacted twice is what is redacted once; a secret behind a
 * name is gone, wherever in the input it is put; what grows, grows within
 * bounds; every call ends quickly.
 */
#include "postgres.h"

#include <time.h>

#include "redact.h"

#define PLANTED " password=Zq8Xw3 "
#define SECRET "Zq8Xw3"
#define MAX_CALL_SECONDS 0.1

extern int	LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

static void
fail(const char *reason, const char *text, int length)
{
	fprintf(stderr, "%s: \"%.*s\"\n", reason, length, text);
	abort();
}

/* Redacts into memory of its own, so that reading too far is seen. */
static char *
redact(const char *text, int length, int *redacted_length)
{
	struct timespec begin;
	struct timespec end;
	char	   *exact = malloc(Max(length, 1));
	char	   *result;

	memcpy(exact, text, length);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	result = tc_redact_bytes(exact, length, redacted_length);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	if (end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9 > MAX_CALL_SECONDS)
		fail("took too long", text, length);
	if (result == NULL)
	{
		*redacted_length = length;
		return exact;
	}
	free(exact);
	if (*redacted_length > 3 * length + 10)
		fail("grew too much", text, length);
	return result;
}

static void
check_stable(const char *text, int length)
{
	int			once_length;
	int			twice_length;
	char	   *once = redact(text, length, &once_length);
	char	   *twice = redact(once, once_length, &twice_length);

	if (once_length != twice_length || memcmp(once, twice, once_length) != 0)
		fail("twice is not once", text, length);
	free(once);
	free(twice);
}

/*
 * Behind a quote or a bracket that does not end the whole rest is hidden, and
 * so is what lies before an at-sign: in every case the secret.
 */
static void
check_planted(const char *text, int length, int place)
{
	int			planted = strlen(PLANTED);
	char	   *whole = malloc(length + planted);
	char	   *result;
	int			result_length;

	memcpy(whole, text, place);
	memcpy(whole + place, PLANTED, planted);
	memcpy(whole + place + planted, text + place, length - place);
	result = redact(whole, length + planted, &result_length);
	if (memmem(result, result_length, SECRET, strlen(SECRET)) != NULL)
		fail("a secret is left", whole, length + planted);
	free(result);
	free(whole);
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	const char *text = (const char *) data;

	if (memmem(data, size, SECRET, strlen(SECRET)) != NULL)
		return 0;
	check_stable(text, size);
	if (size > 0)
		check_planted(text, size, data[0] % (size + 1));
	return 0;
}
