/*-------------------------------------------------------------------------
 *
 * decision_store.c
 *		The statements of approvals and signals.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"

#include "bindings.h"
#include "decision_store.h"
#include "statement.h"
#include "step_state.h"

static Statement read_decisions = {
	.label = "read decisions",
	.text =
	"SELECT count(*) FILTER (WHERE d.decision = 'approve')::int,"
	"   min(d.role) FILTER (WHERE d.decision = 'reject'),"
	"   jsonb_agg(jsonb_strip_nulls(jsonb_build_object('role', d.role,"
	"     'decision', d.decision, 'note', d.note, 'evidence', d.evidence,"
	"     'decided_at', d.decided_at)) ORDER BY d.decided_at)"
	" FROM taskcenter.decisions AS d WHERE d.run_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement insert_decision = {
	.label = "record a decision",
	.text =
	"INSERT INTO taskcenter.decisions (run_id, role_id, role, owner_id, decision, note,"
	"   evidence, decided_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	" ON CONFLICT (run_id, role_id) DO NOTHING",
	.nargs = 8,
	.types = {INT8OID, INT8OID, TEXTOID, INT8OID, TEXTOID, TEXTOID, JSONBOID, TIMESTAMPTZOID}
};

static Statement hold_approval = {
	.label = "hold an approval",
	.text =
	"SELECT r.run_id FROM taskcenter.live_runs AS r"
	" WHERE r.run_id = $1 AND r.status = 'queued' FOR UPDATE SKIP LOCKED",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement note_decision = {
	.label = "note a decision on its approval",
	.text =
	"UPDATE taskcenter.live_runs AS r SET run_at = CASE WHEN $2 THEN $3 ELSE r.run_at END"
	" WHERE r.run_id = $1 AND r.status = 'queued'",
	.nargs = 3,
	.types = {INT8OID, BOOLOID, TIMESTAMPTZOID}
};

/* may who sent s let a step of w go on?  Whoever may make runs of its task */
#define SENDER_MAY \
	"(pg_has_role(s.sender_id::oid, w.owner_id::oid, 'USAGE')" \
	" OR EXISTS (SELECT FROM taskcenter.access_grants AS g" \
	"   WHERE g.level = ANY (ARRAY['enqueuer', 'operator', 'admin'])" \
	"     AND (g.role_id = 0 OR pg_has_role(s.sender_id::oid, g.role_id::oid, 'USAGE'))" \
	"     AND g.owner_id = w.owner_id AND (g.task_id = w.task_id OR g.application =" \
	"       (SELECT t.application FROM taskcenter.tasks AS t WHERE t.task_id = w.task_id))))"

static Statement take_signal = {
	.label = "take a signal",
	.text =
	"UPDATE taskcenter.signals AS s SET consumed_at = $4, consumed_by_run_id = $3"
	" WHERE s.signal_id = (SELECT s.signal_id FROM taskcenter.signals AS s"
	"   JOIN taskcenter.live_runs AS w ON w.run_id = $3"
	"   WHERE s.consumed_at IS NULL AND s.signal = $1 AND s.signal_key IS NOT DISTINCT FROM $2"
	"     AND " SENDER_MAY
	"   ORDER BY s.signal_id LIMIT 1 FOR UPDATE OF s SKIP LOCKED)"
	" RETURNING s.payload",
	.nargs = 4,
	.types = {TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID}
};

static Statement insert_signal = {
	.label = "send a signal",
	.text =
	"INSERT INTO taskcenter.signals (signal, signal_key, payload, sent_at, sent_by, sender_id)"
	" VALUES ($1, $2, $3, $4, $5, $6) RETURNING signal_id",
	.nargs = 6,
	.types = {TEXTOID, TEXTOID, JSONBOID, TIMESTAMPTZOID, TEXTOID, INT8OID}
};

static Statement match_signals = {
	.label = "find steps whose signal has come",
	.text =
	"UPDATE taskcenter.live_runs AS r SET run_at = $1"
	" WHERE r.run_id = ANY (ARRAY("
	"   SELECT w.run_id FROM taskcenter.live_runs AS w"
	"   WHERE w.step_state ->> 'signal' IS NOT NULL AND w.status = 'queued' AND w.run_at > $1"
	"     AND EXISTS (SELECT FROM taskcenter.signals AS s"
	"       WHERE s.consumed_at IS NULL AND s.signal = w.step_state ->> 'signal'"
	"         AND s.signal_key IS NOT DISTINCT FROM w.step_state ->> 'key'"
	"         AND " SENDER_MAY ")"
	"   FOR UPDATE OF w SKIP LOCKED))",
	.nargs = 1,
	.types = {TIMESTAMPTZOID}
};

/* those that somebody holds, who may leave them as they were */
static Statement find_unmatched = {
	.label = "find steps whose signal has come, and who are held",
	.text =
	"SELECT FROM taskcenter.live_runs AS w"
	" WHERE w.step_state ->> 'signal' IS NOT NULL AND w.status = 'queued' AND w.run_at > $1"
	"   AND EXISTS (SELECT FROM taskcenter.signals AS s"
	"     WHERE s.consumed_at IS NULL AND s.signal = w.step_state ->> 'signal'"
	"       AND s.signal_key IS NOT DISTINCT FROM w.step_state ->> 'key'"
	"       AND " SENDER_MAY ") LIMIT 1",
	.nargs = 1,
	.types = {TIMESTAMPTZOID}
};

void
tc_decisions_read(int64 run_id, Decisions *decisions)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	tc_store_begin(&frame);
	(void) tc_run_bound(&read_decisions, &bindings);
	inside = MemoryContextSwitchTo(outside);
	decisions->approved = tc_get_int32(0, 1);
	decisions->rejected_by = tc_get_text(0, 2);
	decisions->all = tc_get_jsonb(0, 3);
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
}

bool
tc_decision_insert(const NewDecision *decision, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, decision->run_id);
	tc_bind_int64(&bindings, decision->role_id);
	tc_bind_text(&bindings, decision->role);
	tc_bind_int64(&bindings, decision->owner_id);
	tc_bind_text(&bindings, decision->decision);
	tc_bind_redacted(&bindings, decision->note);
	tc_bind_jsonb(&bindings, decision->evidence);
	tc_bind_timestamptz(&bindings, now);
	return tc_run_bound(&insert_decision, &bindings) > 0;
}

bool
tc_approval_hold(int64 run_id)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	return tc_run_bound(&hold_approval, &bindings) > 0;
}

void
tc_approval_note(int64 run_id, bool settled, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	tc_bind_bool(&bindings, settled);
	tc_bind_timestamptz(&bindings, now);
	(void) tc_run_bound(&note_decision, &bindings);
}

/* ---- signals ---- */

void
tc_signal_wait_of(const Jsonb *state, SignalWait *wait)
{
	wait->signal = tc_state_text(state, "signal");
	wait->key = tc_state_text(state, "key");
}

Jsonb *
tc_signal_state(const SignalWait *wait, const char *since)
{
	static const char *const keys[] = {"signal", "key", "since"};
	const char *values[3];

	values[0] = wait->signal;
	values[1] = wait->key;
	values[2] = since;
	return tc_state_object(keys, values, 3);
}

bool
tc_signal_take(const SignalWait *wait, int64 run_id, TimestampTz now, Jsonb **payload)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		taken;

	tc_bind_text(&bindings, wait->signal);
	tc_bind_text(&bindings, wait->key);
	tc_bind_int64(&bindings, run_id);
	tc_bind_timestamptz(&bindings, now);
	tc_store_begin(&frame);
	taken = tc_run_bound(&take_signal, &bindings) > 0;
	inside = MemoryContextSwitchTo(outside);
	*payload = taken ? tc_get_jsonb(0, 1) : NULL;
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
	return taken;
}

int64
tc_signal_insert(const SignalWait *wait, Jsonb *payload, const char *sent_by, Oid sender,
				 TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, wait->signal);
	tc_bind_text(&bindings, wait->key);
	tc_bind_jsonb(&bindings, payload);
	tc_bind_timestamptz(&bindings, now);
	tc_bind_text(&bindings, sent_by);
	tc_bind_int64(&bindings, sender);
	(void) tc_run_bound(&insert_signal, &bindings);
	return tc_get_int64(0, 1);
}

bool
tc_signals_match(TimestampTz now)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		all;

	tc_bind_timestamptz(&bindings, now);
	tc_store_begin(&frame);
	(void) tc_run_bound(&match_signals, &bindings);
	all = tc_run_bound(&find_unmatched, &bindings) == 0;
	tc_store_end(&frame);
	return all;
}
