/*-------------------------------------------------------------------------
 *
 * redact.c
 *		Secrets out of text that is about to be kept.
 *
 * One pass finds what to hide; it runs once to measure, and a second time to
 * write only if there is something.  Every step goes forward, or looks ahead
 * at what is then passed, so a hostile text costs no more than another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "redact.h"

/* as they are without their separators: "api_key" is "apikey" */
static const char *const secret_words[] = {
	"password", "passwd", "pwd", "secret", "token", "apikey", "accesskey",
	"privatekey", "connectionstring", "credential"
};

typedef struct Scan
{
	const char *end;			/* of the text */
	const char *no_at_until;	/* no '@' before this, since "://" was seen */
	const char *copied;			/* the text is taken over up to here */
	char	   *out;			/* NULL: only measure */
	Size		length;			/* of the result */
	bool		found;			/* anything to hide */
} Scan;

/* ---- characters ---- */

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool
is_letter(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool
is_name(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' ||
		IS_HIGHBIT_SET(c);
}

static bool
is_quote(char c)
{
	return c == '\'' || c == '"' || c == '`';
}

/* what ends an opening bracket; '\0': it is none */
static char
closing_of(char c)
{
	switch (c)
	{
		case '(':
			return ')';
		case '[':
			return ']';
		case '{':
			return '}';
		default:
			return '\0';
	}
}

static bool
is_closing_bracket(char c)
{
	return c == ')' || c == ']' || c == '}';
}

static bool
ends_value(char c)
{
	return is_blank(c) || c == ',' || c == ';';
}

/* ---- names ---- */

static bool
separates_words(char c)
{
	return c == '_' || c == '-' || c == '.' || is_blank(c);
}

/* is the word here, whatever separators lie within? */
static bool
begins_with_word(const char *p, const char *end, const char *word)
{
	for (;; p++)
	{
		while (p < end && separates_words(*p))
			p++;
		if (p >= end || lower(*p) != *word)
			return false;
		if (*++word == '\0')
			return true;
	}
}

bool
tc_redact_is_secret_name(const char *name, int length)
{
	const char *end = name + length;
	const char *p;
	int			i;

	for (p = name; p < end; p++)
	{
		for (i = 0; i < (int) lengthof(secret_words); i++)
		{
			if (lower(*p) == secret_words[i][0] && begins_with_word(p, end, secret_words[i]))
				return true;
		}
	}
	return false;
}

/* "key" and "string" make sense only with the word before: an "api key" */
static bool
needs_word_before(const char *name, const char *end)
{
	return begins_with_word(name, end, "key") || begins_with_word(name, end, "string");
}

/* ---- values ---- */

/* past the quoted text that begins here; backslashes before the quote escape deeper ones */
static const char *
skip_quoted(const char *p, const char *end)
{
	int			depth = 0;
	int			escapes = 0;
	char		quote;

	for (; *p == '\\'; p++)
		depth++;
	quote = *p++;
	for (; p < end; p++)
	{
		if (*p == '\\')
		{
			escapes++;
			continue;
		}
		if (*p == quote && escapes <= depth)
		{
			/* doubled: one of the text's own */
			if (p + 1 < end && p[1] == quote && depth == 0)
				p++;
			else
				return p + 1;
		}
		escapes = 0;
	}
	return end;
}

/* past the bracket that ends this one */
static const char *
skip_bracketed(const char *p, const char *end)
{
	char		open = *p;
	char		close = closing_of(open);
	int			depth = 0;

	for (; p < end; p++)
	{
		if (*p == open)
			depth++;
		else if (*p == close && --depth == 0)
			return p + 1;
	}
	return end;
}

/* does a quoted text begin here, perhaps as E'…' or \"…\"?  NULL: no */
static const char *
find_quote(const char *p, const char *end)
{
	int			prefix;

	if (*p == '\\')
	{
		while (p < end && *p == '\\')
			p++;
		return p < end && is_quote(*p) ? p : NULL;
	}
	for (prefix = 0; prefix < 3 && p < end; prefix++, p++)
	{
		if (is_quote(*p))
			return p;
		if (!is_letter(*p) && *p != '&')
			break;
	}
	return NULL;
}

/* past the value that begins here */
static const char *
skip_value(const char *p, const char *end)
{
	const char *start = p;
	const char *quote = find_quote(p, end);

	if (quote != NULL)
		p = skip_quoted(*p == '\\' ? p : quote, end);
	else if (closing_of(*p) != '\0')
		p = skip_bracketed(p, end);

	/* a bracket around a quoted value is not part of it */
	for (quote = p; p < end && !ends_value(*p); p++)
	{
		if (quote > start && is_closing_bracket(*p))
			break;
	}
	return p;
}

static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

/*
 * The value behind a name that ends here: a colon or an equals sign comes
 * first, perhaps as part of an operator.  NULL: there is none.
 */
static const char *
find_value(const char *p, const char *end, bool literal)
{
	bool		assigned = false;

	while (p < end && (is_closing_bracket(*p) || is_quote(*p) || *p == '\\'))
		p++;
	p = skip_blanks(p, end);
	for (; p < end && strchr(":=<>!", *p) != NULL; p = skip_blanks(p + 1, end))
	{
		if (*p == '\0')
			break;
		assigned |= *p == ':' || *p == '=';
	}
	if (p >= end)
		return NULL;
	if (assigned)
		return ends_value(*p) ? NULL : p;
	return literal && *p == '\'' && is_blank(p[-1]) ? p : NULL;
}

/* ---- URIs ---- */

static const char *
last_at(const char *p, const char *end)
{
	while (end > p)
	{
		if (*--end == '@')
			return end;
	}
	return NULL;
}

/* not the rest of an URI that has no user */
static bool
is_user(const char *p, const char *end)
{
	for (; p < end; p++)
	{
		if (strchr("?#=&", *p) != NULL)
			return false;
	}
	return true;
}

static bool
is_port(const char *p, const char *end)
{
	for (; p < end; p++)
	{
		if (*p < '0' || *p > '9')
			return false;
	}
	return true;
}

/* where what may hold a password in a URI ends: at a slash, if asked, and at what was hidden before */
static const char *
skip_authority(const char *p, const char *end, bool to_slash)
{
	Size		length = strlen(TC_REDACTED);

	for (; p < end && !is_blank(*p) && !(to_slash && *p == '/'); p++)
	{
		if (*p == '[' && end - p >= (ptrdiff_t) length &&
			memcmp(p, TC_REDACTED, length) == 0 && (p + length == end || p[length] != '@'))
			break;
	}
	return p;
}

/*
 * The password of the URI whose "://" ends here: what lies between the first
 * colon and the last at-sign.  One that contains a slash is no valid URI, and
 * still a secret.
 */
static bool
find_uri_password(Scan *scan, const char *p, const char **from, const char **to)
{
	const char *stop = skip_authority(p, scan->end, true);
	const char *colon = memchr(p, ':', stop - p);

	if (colon == NULL || !is_user(p, colon))
		return false;
	*from = colon + 1;
	*to = last_at(*from, stop);
	if (*to == NULL && !is_port(*from, stop) && stop >= scan->no_at_until)
	{
		stop = skip_authority(stop, scan->end, false);
		*to = last_at(*from, stop);
		if (*to == NULL)
			scan->no_at_until = stop;
	}
	return *to != NULL && *to > *from;
}

/* ---- the pass ---- */

static void
take_over(Scan *scan, const char *until)
{
	Size		length = until - scan->copied;

	if (scan->out != NULL)
		memcpy(scan->out + scan->length, scan->copied, length);
	scan->length += length;
	scan->copied = until;
}

static void
hide(Scan *scan, const char *from, const char *to)
{
	take_over(scan, from);
	if (scan->out != NULL)
		memcpy(scan->out + scan->length, TC_REDACTED, strlen(TC_REDACTED));
	scan->length += strlen(TC_REDACTED);
	scan->copied = to;
	scan->found = true;
}

/* A name begins here; returns where to go on. */
static const char *
pass_name(Scan *scan, const char *name, const char *name_before)
{
	const char *name_end = name;
	const char *first = name;
	const char *value;
	const char *value_end;

	while (name_end < scan->end && is_name(*name_end))
		name_end++;
	if (name_before != NULL && needs_word_before(name, name_end))
		first = name_before;
	if (!tc_redact_is_secret_name(first, name_end - first))
		return name_end;
	value = find_value(name_end, scan->end,
					   name_end - name >= 8 && begins_with_word(name_end - 8, name_end, "password"));
	if (value == NULL)
		return name_end;
	value_end = skip_value(value, scan->end);
	hide(scan, value, value_end);
	return value_end;
}

static void
run_scan(Scan *scan, const char *p)
{
	const char *name_before = NULL; /* only blanks lie between it and p */
	const char *from;
	const char *to;

	while (p < scan->end)
	{
		if (is_name(*p))
		{
			const char *name = p;

			p = pass_name(scan, p, name_before);
			name_before = name;
			continue;
		}
		if (!is_blank(*p))
			name_before = NULL;
		if (scan->end - p > 3 && memcmp(p, "://", 3) == 0)
		{
			p += 3;
			if (find_uri_password(scan, p, &from, &to))
			{
				hide(scan, from, to);
				p = to;
			}
			continue;
		}
		p++;
	}
	take_over(scan, scan->end);
}

static void
begin_scan(Scan *scan, const char *text, int length, char *out)
{
	memset(scan, 0, sizeof(*scan));
	scan->end = text +length;
	scan->no_at_until = scan->copied = text;

	scan->out = out;
}

/* nothing is hidden without one of these */
static bool
may_name_secrets(const char *text, int length)
{
	return memchr(text, ':', length) != NULL || memchr(text, '=', length) != NULL ||
		memchr(text, '\'', length) != NULL;
}

/* ---- values that are known ---- */

#define SHORTEST_VALUE 6

static char known_values[16384];	/* one after the other, each with its zero */
static int	known_length = 0;

void
tc_redact_remember(const char *value)
{
	int			size = (int) strlen(value) + 1;

	if (size <= SHORTEST_VALUE || size > (int) sizeof(known_values) - known_length)
		return;
	memcpy(known_values + known_length, value, size);
	known_length += size;
}

void
tc_redact_forget(void)
{
	memset(known_values, 0, known_length);
	known_length = 0;
}

/* the length of the longest known value that stands here; 0: none */
static int
known_at(const char *text, const char *end)
{
	const char *value;
	int			longest = 0;

	for (value = known_values; value < known_values + known_length; value += strlen(value) + 1)
	{
		int			length = (int) strlen(value);

		if (length > longest && length <= end - text &&memcmp(text, value, length) == 0)
			longest = length;
	}
	return longest;
}

/* NULL: none of them stands in the text */
static char *
hide_known(const char *text, int length, int *hidden_length)
{
	const char *end = text +length;
	const char *at;
	char	   *out;
	int			written = 0;

	for (at = text; at < end && known_at(at, end) == 0; at++)
		;
	if (at == end)
		return NULL;
	/* a mark can be longer than what it hides, but not twice as long */
	out = palloc((Size) length * 2 + 1);
	for (at = text; at < end;)
	{
		int			known = known_at(at, end);

		if (known == 0)
		{
			out[written++] = *at++;
			continue;
		}
		memcpy(out + written, TC_REDACTED, strlen(TC_REDACTED));
		written += strlen(TC_REDACTED);
		at += known;
	}
	out[written] = '\0';
	*hidden_length = written;
	return out;
}

/* ---- the whole ---- */

static char *
redact_named(const char *text, int length, int *redacted_length)
{
	Scan		scan;
	char	   *out;

	if (!may_name_secrets(text, length))
		return NULL;
	begin_scan(&scan, text, length, NULL);
	run_scan(&scan, text);
	if (!scan.found)
		return NULL;
	if (scan.length >= MaxAllocSize)
	{
		*redacted_length = strlen(TC_REDACTED);
		return pstrdup(TC_REDACTED);
	}
	out = palloc(scan.length + 1);
	*redacted_length = (int) scan.length;
	begin_scan(&scan, text, length, out);
	run_scan(&scan, text);
	out[*redacted_length] = '\0';
	return out;
}

/* The result, with a final zero that is not counted; NULL: nothing to hide. */
char *
tc_redact_bytes(const char *text, int length, int *redacted_length)
{
	int			hidden_length = length;
	char	   *hidden = known_length > 0 ? hide_known(text, length, &hidden_length) : NULL;
	char	   *redacted = redact_named(hidden != NULL ? hidden : text, hidden_length,
										redacted_length);

	if (redacted != NULL || hidden == NULL)
		return redacted;
	*redacted_length = hidden_length;
	return hidden;
}

const char *
tc_redact_text(const char *text)
{
	const char *redacted;
	int			length;

	if (text == NULL)
		return NULL;
	redacted = tc_redact_bytes(text, strlen(text), &length);
	return redacted != NULL ? redacted : text;
}
