/* What the relations of dead letters mean. */
COMMENT ON SEQUENCE taskcenter.dead_letter_ids IS 'Ids of dead letters';

COMMENT ON TABLE taskcenter.failure_codes IS
'How failures are called, and which are worth another attempt. The nine that come with taskcenter can be said anew, and others added, by set_failure_code()';
COMMENT ON COLUMN taskcenter.failure_codes.code IS 'The code: capital letters, digits, underscores';
COMMENT ON COLUMN taskcenter.failure_codes.retryable IS
'Whether a worker''s failure with this code is tried again, unless the worker says it; what the filter retryable of redrive_dead_letters() goes by';
COMMENT ON COLUMN taskcenter.failure_codes.description IS 'For people';
COMMENT ON COLUMN taskcenter.failure_codes.updated_at IS 'When it was made or changed';
COMMENT ON COLUMN taskcenter.failure_codes.updated_by IS 'Who did';

COMMENT ON TABLE taskcenter.dead_letters IS
'One for each run that ended failed or timed out: its attempts are used up, it lost its executor too often, it was refused for good, or it was stuck. Made in the transaction of the last failure; closed by people or by the success of the run that goes again; never purged while it is open. In a composite, the steps that failed have dead letters, the composite has none; a step that is allowed to fail has none either';
COMMENT ON COLUMN taskcenter.dead_letters.dead_letter_id IS 'Identifies the dead letter';
COMMENT ON COLUMN taskcenter.dead_letters.run_id IS
'The run; after a redrive of a purged run the new one';
COMMENT ON COLUMN taskcenter.dead_letters.task_id IS 'Its task';
COMMENT ON COLUMN taskcenter.dead_letters.owner_id IS 'OID of the owner of the task';
COMMENT ON COLUMN taskcenter.dead_letters.first_run_id IS 'The run that failed first';
COMMENT ON COLUMN taskcenter.dead_letters.queue_id IS 'Queue of the run';
COMMENT ON COLUMN taskcenter.dead_letters.failed_at IS 'When the run failed last';
COMMENT ON COLUMN taskcenter.dead_letters.first_failed_at IS 'When it failed for good first';
COMMENT ON COLUMN taskcenter.dead_letters.attempts IS
'Attempts of the run up to the last failure, counted along all redrives';
COMMENT ON COLUMN taskcenter.dead_letters.max_attempts IS 'Attempts that it had';
COMMENT ON COLUMN taskcenter.dead_letters.lost IS 'How often it lost its executor or worker';
COMMENT ON COLUMN taskcenter.dead_letters.redrives IS 'How often it went again';
COMMENT ON COLUMN taskcenter.dead_letters.priority IS 'Priority of the run';
COMMENT ON COLUMN taskcenter.dead_letters.params_redacted IS
'Whether params held secrets: then a run that is purged cannot be made again from them';
COMMENT ON COLUMN taskcenter.dead_letters.state IS
'open, redriven (its run goes again; the outcome decides), resolved (done, or its run succeeded) or discarded';
COMMENT ON COLUMN taskcenter.dead_letters.run_status IS 'How the run ended: failed or timed_out';
COMMENT ON COLUMN taskcenter.dead_letters.code IS
'Failure code: what the worker named, else failure_code_of() the SQLSTATE';
COMMENT ON COLUMN taskcenter.dead_letters.sqlstate IS 'SQLSTATE of the last error; null for none';
COMMENT ON COLUMN taskcenter.dead_letters.error IS
'The last error with its detail, hint and context, without secrets';
COMMENT ON COLUMN taskcenter.dead_letters.errors IS
'The errors of the attempts, the oldest first: an array of objects with attempt, at, status, error, and of the last one code and sqlstate. At most the last 100';
COMMENT ON COLUMN taskcenter.dead_letters.params IS 'Params of the run, without secrets';
COMMENT ON COLUMN taskcenter.dead_letters.created_by IS 'Role that made the run';
COMMENT ON COLUMN taskcenter.dead_letters.parent_run_id IS
'Run of the composite that it is a step of; null for none';
COMMENT ON COLUMN taskcenter.dead_letters.root_run_id IS
'The outermost of these composites, which a redrive resumes; null for none';
COMMENT ON COLUMN taskcenter.dead_letters.step IS 'Name of that step; null for none';
COMMENT ON COLUMN taskcenter.dead_letters.item IS
'Place of the item of that step, from 1; null for none';
COMMENT ON COLUMN taskcenter.dead_letters.trace_id IS 'Trace id of the run; null for none';
COMMENT ON COLUMN taskcenter.dead_letters.due_at IS
'When the run that goes again is due; null before the first redrive';
COMMENT ON COLUMN taskcenter.dead_letters.redriven_at IS 'When it was last made to go again';
COMMENT ON COLUMN taskcenter.dead_letters.retryable IS
'Whether its code is worth another attempt, as failure_codes says, yes for a code that is not there';
COMMENT ON COLUMN taskcenter.dead_letters.passed_over_at IS
'When it could not be redriven automatically, or its run was cancelled, as note says: it is left to people until it fails again; null: it is not';
COMMENT ON COLUMN taskcenter.dead_letters.looked_at IS
'When it was to be redriven automatically while its composite still ran: it is looked at again later; null: never';
COMMENT ON COLUMN taskcenter.dead_letters.redriven_by IS 'Who did';
COMMENT ON COLUMN taskcenter.dead_letters.closed_at IS 'When it was closed; null while it is not';
COMMENT ON COLUMN taskcenter.dead_letters.closed_by IS
'Who closed it; taskcenter: the outcome of its run';
COMMENT ON COLUMN taskcenter.dead_letters.note IS
'What was said when it was redriven, resolved or discarded, or how its run ended';

COMMENT ON VIEW taskcenter.open_dead_letters IS
'Dead letters that wait for somebody, the newest first; dead_letters has the rest';
COMMENT ON COLUMN taskcenter.open_dead_letters.dead_letter_id IS 'Identifies the dead letter';
COMMENT ON COLUMN taskcenter.open_dead_letters.run_id IS 'Its run';
COMMENT ON COLUMN taskcenter.open_dead_letters.task IS 'Name of its task';
COMMENT ON COLUMN taskcenter.open_dead_letters.code IS 'Failure code';
COMMENT ON COLUMN taskcenter.open_dead_letters.attempts IS 'Attempts so far';
COMMENT ON COLUMN taskcenter.open_dead_letters.redrives IS 'How often it went again';
COMMENT ON COLUMN taskcenter.open_dead_letters.failed_at IS 'When it failed last, to the second';
COMMENT ON COLUMN taskcenter.open_dead_letters.error IS 'The beginning of the last error';
