COMMENT ON TABLE taskcenter.workflows IS
'Status machines, as data: for tasks of kind manual, and for guarded tables';
COMMENT ON COLUMN taskcenter.workflows.workflow_id IS 'Its id, never used again';
COMMENT ON COLUMN taskcenter.workflows.name IS 'Unique in the database; never changes';
COMMENT ON COLUMN taskcenter.workflows.initial IS 'The status in which a task starts';
COMMENT ON COLUMN taskcenter.workflows.transitions IS
'For each status those that may follow, and what each requires: see create_workflow()';
COMMENT ON COLUMN taskcenter.workflows.terminal IS
'The statuses where work ends; null: those that nothing may follow';
COMMENT ON COLUMN taskcenter.workflows.description IS 'What it is for, in words';
COMMENT ON COLUMN taskcenter.workflows.owner IS
'Role that may alter and drop it, as may the owner of the database';
COMMENT ON COLUMN taskcenter.workflows.owner_id IS 'OID of the owner';
COMMENT ON COLUMN taskcenter.workflows.created_at IS 'When it was made';
COMMENT ON COLUMN taskcenter.workflows.updated_at IS 'When it was altered last';

COMMENT ON TABLE taskcenter.task_status_history IS
'Every move of a task of kind manual, or of a row of a guarded table, from one status to another, and every attempt that was refused: append-only';
COMMENT ON COLUMN taskcenter.task_status_history.id IS 'In the order of the moves';
COMMENT ON COLUMN taskcenter.task_status_history.task_id IS
'The task; null for a row of a guarded table';
COMMENT ON COLUMN taskcenter.task_status_history.old_status IS
'The status before; null when the task was made';
COMMENT ON COLUMN taskcenter.task_status_history.new_status IS
'The status after; validation_failed for an attempt that was refused';
COMMENT ON COLUMN taskcenter.task_status_history.reason IS
'The reason given to the call, else that of set_context()';
COMMENT ON COLUMN taskcenter.task_status_history.metadata IS
'What was given with the move, such as what the workflow requires';
COMMENT ON COLUMN taskcenter.task_status_history.timestamp IS
'When it happened, by the clock; of a task never before an earlier move';
COMMENT ON COLUMN taskcenter.task_status_history.accepted IS 'False: it was refused';
COMMENT ON COLUMN taskcenter.task_status_history.requested_status IS
'The status that a refused attempt asked for';
COMMENT ON COLUMN taskcenter.task_status_history.problems IS
'Why it was refused: an array of objects with code, key and message; null if it was not';
COMMENT ON COLUMN taskcenter.task_status_history.actor IS
'What set_context() named, else the role';
COMMENT ON COLUMN taskcenter.task_status_history.relation IS
'The guarded table; null for a task';
COMMENT ON COLUMN taskcenter.task_status_history.row_key IS
'The key of its row, as JSON; null for a task';
COMMENT ON COLUMN taskcenter.task_status_history.owner_id IS
'OID of the owner of the task or of the table: his are the rows to see';

COMMENT ON VIEW taskcenter.workflow_transitions IS
'What may follow what in each workflow; a status that nothing may follow has one row';
COMMENT ON COLUMN taskcenter.workflow_transitions.workflow IS 'Name of the workflow';
COMMENT ON COLUMN taskcenter.workflow_transitions.old_status IS 'The status before';
COMMENT ON COLUMN taskcenter.workflow_transitions.new_status IS
'A status that may follow; null: none may';
COMMENT ON COLUMN taskcenter.workflow_transitions.requires IS
'Keys of the metadata that must be given, or "reason"; of an array inside, one of them';
COMMENT ON COLUMN taskcenter.workflow_transitions.is_initial IS
'Is old_status the one in which tasks start?';
COMMENT ON COLUMN taskcenter.workflow_transitions.is_terminal IS
'Is old_status one where work ends?';

COMMENT ON SEQUENCE taskcenter.workflow_ids IS 'Ids of workflows';
COMMENT ON SEQUENCE taskcenter.status_history_ids IS 'Ids of rows of task_status_history';
COMMENT ON COLUMN taskcenter.tasks.status_changed_at IS
'When the status became what it is; null for kinds without a workflow';
