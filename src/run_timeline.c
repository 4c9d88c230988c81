/*-------------------------------------------------------------------------
 *
 * run_timeline.c
 *		The runs under a root as bars along time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "run_timeline.h"

#define STATUS_COLUMNS 9		/* of the longest one */
#define DURATION_COLUMNS 12
#define NAME_COLUMNS 30			/* at most */
#define FRAME_COLUMNS 5			/* blanks, and what stands around the bar */

#define BAR_WAITS '.'
#define BAR_RUNS '='
#define BAR_MOMENT '|'

char *
tc_duration_text(int64 duration)
{
	int64		seconds = duration / USECS_PER_SEC;
	int64		days = seconds / SECS_PER_DAY;

	if (duration < 0)
		return pstrdup("0 s");
	if (seconds < 100)
		return psprintf("%d.%03d s", (int) seconds,
						(int) (duration % USECS_PER_SEC / 1000));
	if (days >= 1000)
		return psprintf("%lld d", (long long) days);
	seconds %= SECS_PER_DAY;
	if (days > 0)
		return psprintf("%d d %02d:%02d:%02d", (int) days, (int) (seconds / SECS_PER_HOUR),
						(int) (seconds / SECS_PER_MINUTE % 60),
						(int) (seconds % SECS_PER_MINUTE));
	return psprintf("%02d:%02d:%02d", (int) (seconds / SECS_PER_HOUR),
					(int) (seconds / SECS_PER_MINUTE % 60), (int) (seconds % SECS_PER_MINUTE));
}

/* what a character takes on the screen; blanks stand for those that cannot be shown */
static int
width_of(const char *character)
{
	if ((unsigned char) *character < ' ' || *character == 0x7f)
		return 1;
	return Max(pg_dsplen(character), 0);
}

/* bytes of a text that fit */
static int
fitting(const char *text, int length, int columns)
{
	int			at = 0;

	while (at < length && (columns -= width_of(text +at)) >= 0)
		at += pg_mblen(text +at);
	return Min(at, length);
}

static int
columns_of(const char *text)
{
	int			columns = 0;

	for (; *text !='\0'; text +=pg_mblen(text))
		columns += width_of(text);
	return columns;
}

char *
tc_clip_text(const char *text, int columns)
{
	int			length = strcspn(text, "\r\n");
	int			shown = fitting(text, length, columns);
	char	   *clipped = pnstrdup(text, shown);
	char	   *c;

	if (shown < length && columns > 3)
	{
		shown = fitting(text, length, columns - 3);
		clipped = psprintf("%.*s...", shown, text);
	}
	for (c = clipped; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	return clipped;
}

/* ---- order ---- */

static TimestampTz
beginning(const TimelineRow *row)
{
	if (row->started_at != DT_NOBEGIN)
		return row->started_at;
	return row->finished_at != DT_NOBEGIN ? row->finished_at : DT_NOEND;
}

static int
compare_rows(const void *one, const void *other)
{
	const TimelineRow *a = one;
	const TimelineRow *b = other;

	if (beginning(a) != beginning(b))
		return beginning(a) < beginning(b) ? -1 : 1;
	if (a->made_at != b->made_at)
		return a->made_at < b->made_at ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* ---- bars ---- */

typedef struct Scale
{
	TimestampTz since;
	int64		span;			/* at least 1 */
	int			columns;
} Scale;

static int
column_of(const Scale *scale, TimestampTz moment)
{
	double		place;

	place = (double) (moment - scale->since) / scale->span * scale->columns;
	return Min(Max((int) place, 0), scale->columns - 1);
}

static char *
draw_bar(const Scale *scale, const TimelineRow *row, TimestampTz until)
{
	char	   *bar = palloc(scale->columns + 1);
	TimestampTz end = row->finished_at != DT_NOBEGIN ? row->finished_at : until;
	TimestampTz waited = row->started_at != DT_NOBEGIN ? row->started_at : end;
	int			last = column_of(scale, end);
	int			i;

	memset(bar, ' ', scale->columns);
	bar[scale->columns] = '\0';
	for (i = column_of(scale, row->made_at); i <= column_of(scale, waited); i++)
		bar[i] = BAR_WAITS;
	if (row->started_at != DT_NOBEGIN)
	{
		for (i = column_of(scale, row->started_at); i <= last; i++)
			bar[i] = BAR_RUNS;
	}
	else if (row->finished_at != DT_NOBEGIN)
		bar[last] = BAR_MOMENT;
	return bar;
}

static void
put_padded(StringInfo text, const char *value, int columns)
{
	appendStringInfoString(text, value);
	appendStringInfoSpaces(text, Max(columns - columns_of(value), 0));
}

static void
put_row(StringInfo text, const Scale *scale, const TimelineRow *row, int name_columns,
		TimestampTz until)
{
	char	   *duration = "";

	if (row->started_at != DT_NOBEGIN)
		duration = tc_duration_text((row->finished_at != DT_NOBEGIN ? row->finished_at : until) -
									row->started_at);
	appendStringInfoChar(text, '\n');
	put_padded(text, tc_clip_text(row->name, name_columns), name_columns);
	appendStringInfoChar(text, ' ');
	put_padded(text, row->status, STATUS_COLUMNS);
	appendStringInfo(text, " [%s] %*s", draw_bar(scale, row, until), DURATION_COLUMNS, duration);
	while (text->data[text->len - 1] == ' ')
		text	  ->data[--text->len] = '\0';
}

char *
tc_timeline_draw(const char *title, TimelineRow *rows, int count, TimestampTz since,
				 TimestampTz until)
{
	StringInfoData text;
	Scale		scale;
	int			name_columns = 4;
	int			i;

	initStringInfo(&text);
	appendStringInfoString(&text, tc_clip_text(title, TC_TIMELINE_WIDTH));
	for (i = 0; i < count; i++)
		name_columns = Max(name_columns, columns_of(rows[i].name));
	name_columns = Min(name_columns, NAME_COLUMNS);
	scale.since = since;
	scale.span = Max(until - since, 1);
	scale.columns = TC_TIMELINE_WIDTH - name_columns - STATUS_COLUMNS - DURATION_COLUMNS -
		FRAME_COLUMNS;
	qsort(rows, count, sizeof(TimelineRow), compare_rows);
	for (i = 0; i < count; i++)
		put_row(&text, &scale, &rows[i], name_columns, until);
	return text.data;
}
