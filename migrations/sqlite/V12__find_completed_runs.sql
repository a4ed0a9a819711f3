-- Finds which of the children of a run have completed without a walk over their events.
CREATE INDEX event_log_completions ON event_log (flow_id)
WHERE event_type = 'flowcompleted';
