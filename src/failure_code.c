/*-------------------------------------------------------------------------
 *
 * failure_code.c
 *		The failure codes that come with taskcenter, and which of them an
 *		SQLSTATE stands for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "failure_code.h"

#define MAX_CODE_LENGTH 50

const FailureCode tc_failure_codes[] = {
	{"AUTH_ERROR", false, "Not allowed, or not who it says it is"},
	{"DOWNLOAD_ERROR", true, "A file or document could not be fetched"},
	{"EXTERNAL_API_ERROR", true, "Another system did not answer, or answered with an error"},
	{"PARSE_ERROR", false, "The input or the command could not be read"},
	{"PROCESSING_ERROR", true, "The work itself failed"},
	{"RESOURCE_EXHAUSTED", true, "Memory, disk, connections or a limit ran out"},
	{"TIMEOUT", true, "It took too long, or gave no sign of life"},
	{TC_FAILURE_UNKNOWN, true, "Nothing is known of the failure"},
	{"VALIDATION_ERROR", false, "The input was read, and is not valid"},
	{NULL, false, NULL}
};

/* the first whose beginning matches decides */
typedef struct SqlstateCode
{
	const char *beginning;
	const char *code;
} SqlstateCode;

static const SqlstateCode by_sqlstate[] = {
	{"42501", "AUTH_ERROR"},
	{"28", "AUTH_ERROR"},
	{"57014", "TIMEOUT"},		/* cancelled by a time limit of the server's */
	{"55P03", "TIMEOUT"},		/* so long it waited for a lock */
	{"25P", "TIMEOUT"},
	{"42", "PARSE_ERROR"},
	{"22P02", "PARSE_ERROR"},
	{"22P03", "PARSE_ERROR"},
	{"2203", "PARSE_ERROR"},	/* JSON */
	{"2200L", "PARSE_ERROR"},	/* XML, this one and the next three */
	{"2200M", "PARSE_ERROR"},
	{"2200N", "PARSE_ERROR"},
	{"2200S", "PARSE_ERROR"},
	{"22", "VALIDATION_ERROR"},
	{"23", "VALIDATION_ERROR"},
	{"44", "VALIDATION_ERROR"},
	{"53", "RESOURCE_EXHAUSTED"},
	{"54", "RESOURCE_EXHAUSTED"},
	{"08", "EXTERNAL_API_ERROR"},
	{"HV", "EXTERNAL_API_ERROR"},
	{"38", "EXTERNAL_API_ERROR"},
	{"XX", TC_FAILURE_UNKNOWN},
	{"", "PROCESSING_ERROR"}
};

const char *
tc_failure_code_of(const char *sqlstate, const char *run_status)
{
	int			i;

	if (run_status != NULL && strcmp(run_status, "timed_out") == 0)
		return "TIMEOUT";
	for (i = 0; sqlstate != NULL && i < (int) lengthof(by_sqlstate); i++)
	{
		if (strncmp(sqlstate, by_sqlstate[i].beginning, strlen(by_sqlstate[i].beginning)) == 0)
			return by_sqlstate[i].code;
	}
	return TC_FAILURE_UNKNOWN;
}

bool
tc_failure_code_is_valid(const char *code)
{
	size_t		length = strlen(code);

	return length >= 1 && length <= MAX_CODE_LENGTH && code[0] >= 'A' && code[0] <= 'Z' &&
		strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length;
}
