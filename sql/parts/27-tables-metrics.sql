/* Counts of runs, as the scheduler saves them: shared memory has the newest. */
SET LOCAL ROLE taskcenter_owner;

CREATE TABLE taskcenter.saved_metrics (
    kind            text NOT NULL,
    queue_id        bigint NOT NULL,
    task_id         bigint NOT NULL,
    layout          int NOT NULL,
    saved_at        timestamptz NOT NULL,
    complete        boolean NOT NULL,
    counts          bigint[] NOT NULL,
    CONSTRAINT saved_metrics_pkey PRIMARY KEY (kind, queue_id, task_id),
    CONSTRAINT saved_metrics_kind_known CHECK (kind = ANY (ARRAY['task', 'others', 'database']))
)
WITH (fillfactor = 50);
ALTER TABLE taskcenter.saved_metrics ENABLE ROW LEVEL SECURITY;

COMMENT ON TABLE taskcenter.saved_metrics IS
'What metrics() counted, saved each minute in which it changed and when the scheduler ends; read when it begins';
COMMENT ON COLUMN taskcenter.saved_metrics.kind IS
'task: the runs of one task in one queue; others: runs of tasks beyond the number that is counted one by one; database: what concerns the whole database';
COMMENT ON COLUMN taskcenter.saved_metrics.queue_id IS 'Queue of the runs; else 0';
COMMENT ON COLUMN taskcenter.saved_metrics.task_id IS 'Task of the runs; else 0';
COMMENT ON COLUMN taskcenter.saved_metrics.layout IS
'How counts is laid out; rows of another layout are not read';
COMMENT ON COLUMN taskcenter.saved_metrics.saved_at IS 'When it was written';
COMMENT ON COLUMN taskcenter.saved_metrics.complete IS
'Nothing was counted afterwards: the scheduler ended as it should';
COMMENT ON COLUMN taskcenter.saved_metrics.counts IS
'Counters, then two histograms (dispatch delay, run duration: buckets, sum in microseconds), then what notices of failures go by';

RESET ROLE;
