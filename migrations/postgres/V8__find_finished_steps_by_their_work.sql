-- Finds the finished result of work that is about to be done again. Only what is finished, and may be reused, is in it.
CREATE INDEX event_log_by_cache_key ON event_log ((payload ->> 'cache_key'), seq)
WHERE event_type = 'stepfinished';
