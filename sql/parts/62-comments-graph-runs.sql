COMMENT ON TABLE taskcenter.graph_progress IS
'How far each graph that runs has come: a row from its start to its end';
COMMENT ON COLUMN taskcenter.graph_progress.run_id IS 'The graph''s run, or a step''s that runs for each of its items';
COMMENT ON COLUMN taskcenter.graph_progress.parent_run_id IS 'Run of which it is a step; null if it is none';
COMMENT ON COLUMN taskcenter.graph_progress.task_id IS 'Composite task';
COMMENT ON COLUMN taskcenter.graph_progress.version IS 'Version of the graph that the run keeps; 0 for items';
COMMENT ON COLUMN taskcenter.graph_progress.owner_id IS 'OID of the task''s owner';
COMMENT ON COLUMN taskcenter.graph_progress.state IS
'A letter per step, in the order of the graph''s keys: . waiting, r started, s succeeded, f failed, k skipped';
COMMENT ON COLUMN taskcenter.graph_progress.phase IS
'running; stopping after a failure that is the root''s; cancelling; compensating';
COMMENT ON COLUMN taskcenter.graph_progress.paused IS 'Whether pause_run() keeps steps from starting';
COMMENT ON COLUMN taskcenter.graph_progress.items IS 'Number of items of for_each; null for a graph';
COMMENT ON COLUMN taskcenter.graph_progress.items_succeeded IS 'Items that succeeded';
COMMENT ON COLUMN taskcenter.graph_progress.items_failed IS 'Items that failed, timed out or were cancelled';
COMMENT ON COLUMN taskcenter.graph_progress.end_status IS 'The status that it will end with, once that is known';
COMMENT ON COLUMN taskcenter.graph_progress.reason IS 'Why it stops or is cancelled; null if it does not';
COMMENT ON COLUMN taskcenter.graph_progress.deadline IS
'When its time limit passes; null if it has none, or is about to end';
COMMENT ON COLUMN taskcenter.graph_progress.gives_up_to IS
'After a failure that stops it: steps up to this run that merely wait are cancelled as soon as nobody looks at them; null if none were being looked at';
COMMENT ON TABLE taskcenter.graph_exemptions IS
'Graphs one of whose steps paused or drained the scheduler: their own steps go on, in the queue control';
COMMENT ON COLUMN taskcenter.graph_exemptions.run_id IS 'The graph''s run';
COMMENT ON TABLE taskcenter.arrivals IS
'Steps that have ended since their graph was looked at: a queue, emptied by whoever advances the graph';
COMMENT ON COLUMN taskcenter.arrivals.arrival_id IS 'Number, in no strict order of commits';
COMMENT ON COLUMN taskcenter.arrivals.root_run_id IS 'The graph''s run';
COMMENT ON COLUMN taskcenter.arrivals.run_id IS 'The step''s run';
COMMENT ON COLUMN taskcenter.arrivals.step IS 'Name of the step';
COMMENT ON COLUMN taskcenter.arrivals.item IS 'Number of the item of for_each; null for none';
COMMENT ON COLUMN taskcenter.arrivals.outcome IS 'Status that the step''s run ended with';
COMMENT ON COLUMN taskcenter.arrivals.arrived_at IS 'When it ended';
COMMENT ON TABLE taskcenter.decisions IS
'What roles decided about approvals, once each; they are purged with the run that asked';
COMMENT ON COLUMN taskcenter.decisions.run_id IS 'Run of the step that asked for the approval';
COMMENT ON COLUMN taskcenter.decisions.role_id IS 'OID of the role that decided';
COMMENT ON COLUMN taskcenter.decisions.role IS 'Its name then';
COMMENT ON COLUMN taskcenter.decisions.owner_id IS 'OID of the task''s owner';
COMMENT ON COLUMN taskcenter.decisions.decision IS 'approve or reject';
COMMENT ON COLUMN taskcenter.decisions.note IS 'What the role said about it, without secrets; null for nothing';
COMMENT ON COLUMN taskcenter.decisions.evidence IS 'What it gave as evidence, without secrets; null for nothing';
COMMENT ON COLUMN taskcenter.decisions.decided_at IS 'When it decided';
COMMENT ON TABLE taskcenter.signals IS
'Signals: each waits until a step takes it, and is purged with the run of that step; one that none took is purged when it is older than the setting runs_retention';
COMMENT ON COLUMN taskcenter.signals.signal_id IS 'Number of the signal';
COMMENT ON COLUMN taskcenter.signals.signal IS 'Its name, for which steps wait';
COMMENT ON COLUMN taskcenter.signals.signal_key IS 'For which of them it is meant; null for those that wait without a key';
COMMENT ON COLUMN taskcenter.signals.payload IS 'Output of the step that takes it; null for none';
COMMENT ON COLUMN taskcenter.signals.sent_at IS 'When it was sent';
COMMENT ON COLUMN taskcenter.signals.sent_by IS 'Name of the role that sent it';
COMMENT ON COLUMN taskcenter.signals.sender_id IS 'Its OID';
COMMENT ON COLUMN taskcenter.signals.consumed_at IS 'When a step took it; null while none has';
COMMENT ON COLUMN taskcenter.signals.consumed_by_run_id IS 'Run of that step';
COMMENT ON COLUMN taskcenter.live_runs.definition_id IS 'Step of a graph that defines it; null: its task does';
COMMENT ON COLUMN taskcenter.live_runs.graph_version IS 'Version of the graph that it runs; null unless it is a graph that has started';
COMMENT ON COLUMN taskcenter.live_runs.item IS 'Number among the items of for_each; null for none';
COMMENT ON COLUMN taskcenter.live_runs.step_state IS 'What a step that waits notes for its next look; null for none';
COMMENT ON COLUMN taskcenter.finished_runs.definition_id IS 'Step of a graph that defined it; null: its task did';
COMMENT ON COLUMN taskcenter.finished_runs.graph_version IS 'Version of the graph that it ran; null if it was none';
COMMENT ON COLUMN taskcenter.finished_runs.item IS 'Number among the items of for_each; null for none';
COMMENT ON SEQUENCE taskcenter.arrival_ids IS 'Numbers of arrivals';
COMMENT ON SEQUENCE taskcenter.signal_ids IS 'Numbers of signals';
