-- Finds finished work on rows that is about to be done on other rows. Only what may be taken over is in it.
CREATE INDEX event_log_by_work_key ON event_log ((payload -> 'rows' ->> 'work_key'), seq)
WHERE event_type = 'stepfinished' AND payload -> 'rows' ->> 'work_key' IS NOT NULL;
