-- Runs can reuse what another has finished, be retried, branch, and wait for a person.
ALTER TABLE event_log
    DROP CONSTRAINT event_log_event_type_check1,
    ADD CONSTRAINT event_log_event_type_check1 CHECK (event_type IN
        ('flowinitialized', 'stepstarted', 'stepfinished', 'stepfailed', 'stepsignal', 'flowcompleted',
         'stepreused', 'retryscheduled', 'branchcreated', 'userinteractionrequested', 'userinteractionprovided'));
