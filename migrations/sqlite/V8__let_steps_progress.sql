-- A running step says how far it has got.
DROP TRIGGER event_log_has_known_kinds;

CREATE TRIGGER event_log_has_known_kinds BEFORE INSERT ON event_log
WHEN NEW.event_type NOT IN
    ('flowinitialized', 'stepstarted', 'stepfinished', 'stepfailed', 'stepsignal', 'flowcompleted',
     'stepreused', 'retryscheduled', 'branchcreated', 'userinteractionrequested', 'userinteractionprovided',
     'stepprogressed')
BEGIN
    SELECT RAISE (ABORT, 'event_log has no events of this kind');
END;
