-- A store as version 2 of the schema held it (release 0.1.0): a complete run, an interrupted one, and a failed one.
-- Written by that release's program and `.dump`; never to be edited, for such stores are out there.
PRAGMA application_id = 1667786093;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE refinery_schema_history(
             version int4 PRIMARY KEY,
             name VARCHAR(255),
             applied_on VARCHAR(255),
             checksum VARCHAR(255));
INSERT INTO refinery_schema_history VALUES(1,'create_append_only_event_log_and_artifacts','2026-11-23T21:34:12.973856367Z','2486318088956321535');
INSERT INTO refinery_schema_history VALUES(2,'lease_runs_to_their_writers','2026-11-23T21:34:12.973927821Z','10765086145701922');
CREATE TABLE event_log (
    -- AUTOINCREMENT: a number is never given twice.
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    flow_id    TEXT    NOT NULL CHECK (length(flow_id) = 36 AND flow_id = lower(flow_id)),
    position   INTEGER NOT NULL CHECK (position >= 0),
    -- RFC 3339 in UTC, to the microsecond.
    ts         TEXT    NOT NULL CHECK (ts GLOB '????-??-??T??:??:??.??????Z'),
    event_type TEXT    NOT NULL
        CHECK (event_type = lower(event_type))
        CHECK (event_type IN
            ('flowinitialized', 'stepstarted', 'stepfinished', 'stepfailed', 'stepsignal', 'flowcompleted')),
    payload    TEXT    NOT NULL CHECK (json_valid(payload)),
    UNIQUE (flow_id, position)
) STRICT;
INSERT INTO event_log VALUES(1,'01a20a54-b3f4-750a-b103-55322ccad5ce',0,'2026-11-23T21:34:12.982586Z','flowinitialized','{"definition":{"description":"Splits a text into its characters and counts them.","params":{"text":"hello, flow"},"steps":[{"id":"seed","kind":"source","params":{"text":"hello, flow"},"uses":"demo.seed","version":1},{"id":"characters","inputs":{"text":"seed"},"kind":"transform","uses":"demo.characters","version":1},{"id":"count","inputs":{"characters":"characters"},"kind":"sink","uses":"demo.count","version":1}]},"definition_hash":"9bc3730ac4794493dbfa481043b5addddbd6f48e97feb8c072b9a1894164dbd4","environment":{"directory":"/home/ada/flows","manifest":"demo.yaml","platform":"x86_64-linux","release":"0.1.0"},"flow":"demo","step_count":3}');
INSERT INTO event_log VALUES(2,'01a20a54-b3f4-750a-b103-55322ccad5ce',1,'2026-11-23T21:34:12.982586Z','stepstarted','{"fingerprint":"ef5ae17c15f2a9441573b57bad6d52bd81df0de80ac645cd89038437674ba95c","params":{"text":"hello, flow"},"step_id":"seed","step_index":0,"uses":"demo.seed","version":1}');
INSERT INTO event_log VALUES(3,'01a20a54-b3f4-750a-b103-55322ccad5ce',2,'2026-11-23T21:34:12.985304Z','stepfinished','{"fingerprint":"ef5ae17c15f2a9441573b57bad6d52bd81df0de80ac645cd89038437674ba95c","outputs":[{"hash":"58575f0a884e3237c3f621daa90b9ccfc3938f63df3e29cad823be44c568d9dd","kind":"text","name":"main"}],"step_id":"seed","step_index":0}');
INSERT INTO event_log VALUES(4,'01a20a54-b3f4-750a-b103-55322ccad5ce',3,'2026-11-23T21:34:12.985304Z','stepstarted','{"fingerprint":"1afef9ac8dd2088756e1d60e77b9430a162695df2176b345a3c2d7419dbe6935","inputs":{"text":"58575f0a884e3237c3f621daa90b9ccfc3938f63df3e29cad823be44c568d9dd"},"step_id":"characters","step_index":1,"uses":"demo.characters","version":1}');
INSERT INTO event_log VALUES(5,'01a20a54-b3f4-750a-b103-55322ccad5ce',4,'2026-11-23T21:34:12.989423Z','stepfinished','{"fingerprint":"1afef9ac8dd2088756e1d60e77b9430a162695df2176b345a3c2d7419dbe6935","outputs":[{"hash":"c03a1f8165dc63b43db26bdc21e61b334a127db7f4fca335a217fc7abbfe84f8","kind":"characters","name":"main"}],"step_id":"characters","step_index":1}');
INSERT INTO event_log VALUES(6,'01a20a54-b3f4-750a-b103-55322ccad5ce',5,'2026-11-23T21:34:12.989423Z','stepstarted','{"fingerprint":"4230a14029242d773cdcbad36d6c8d5bf0c65273229749c9d4d0ee2ff760ed81","inputs":{"characters":"c03a1f8165dc63b43db26bdc21e61b334a127db7f4fca335a217fc7abbfe84f8"},"step_id":"count","step_index":2,"uses":"demo.count","version":1}');
INSERT INTO event_log VALUES(7,'01a20a54-b3f4-750a-b103-55322ccad5ce',6,'2026-11-23T21:34:12.993444Z','stepsignal','{"data":{"count":11,"text":"hello, flow"},"signal":"printed","step_id":"count","step_index":2}');
INSERT INTO event_log VALUES(8,'01a20a54-b3f4-750a-b103-55322ccad5ce',7,'2026-11-23T21:34:12.993444Z','stepfinished','{"fingerprint":"4230a14029242d773cdcbad36d6c8d5bf0c65273229749c9d4d0ee2ff760ed81","outputs":[{"hash":"fce0c667cc7e2103f0dc8e95bd4e7722daa6a35e8578d72076f2911063c45a13","kind":"count","name":"main"}],"step_id":"count","step_index":2}');
INSERT INTO event_log VALUES(9,'01a20a54-b3f4-750a-b103-55322ccad5ce',8,'2026-11-23T21:34:12.993444Z','flowcompleted','{"flow_fingerprint":"e02b93f049790dc1a61af786c1be7aef099c75233c1de4da0ea2748f155d2723"}');
INSERT INTO event_log VALUES(10,'01a20a54-b451-7403-b071-1bdba4c1d3ac',0,'2026-11-23T21:34:13.074898Z','flowinitialized','{"definition":{"description":"Splits a text into its characters and counts them.","params":{"text":"again"},"steps":[{"id":"seed","kind":"source","params":{"text":"again"},"uses":"demo.seed","version":1},{"id":"characters","inputs":{"text":"seed"},"kind":"transform","uses":"demo.characters","version":1},{"id":"count","inputs":{"characters":"characters"},"kind":"sink","uses":"demo.count","version":1}]},"definition_hash":"9bc3730ac4794493dbfa481043b5addddbd6f48e97feb8c072b9a1894164dbd4","environment":{"directory":"/home/ada/flows","manifest":"demo.yaml","platform":"x86_64-linux","release":"0.1.0"},"flow":"demo","step_count":3}');
INSERT INTO event_log VALUES(11,'01a20a54-b451-7403-b071-1bdba4c1d3ac',1,'2026-11-23T21:34:13.074898Z','stepstarted','{"fingerprint":"7ba674c70dc0ec74968f426f84e3e882077f7b9148b685884f9775e6954da2d2","params":{"text":"again"},"step_id":"seed","step_index":0,"uses":"demo.seed","version":1}');
INSERT INTO event_log VALUES(12,'01a20a54-b451-7403-b071-1bdba4c1d3ac',2,'2026-11-23T21:34:13.089734Z','stepfinished','{"fingerprint":"7ba674c70dc0ec74968f426f84e3e882077f7b9148b685884f9775e6954da2d2","outputs":[{"hash":"1320a18f755a2b9060ee56e23f8ea76131ef8d7a4394ea565d49fbe3d507eeee","kind":"text","name":"main"}],"step_id":"seed","step_index":0}');
INSERT INTO event_log VALUES(13,'01a20a54-b451-7403-b071-1bdba4c1d3ac',3,'2026-11-23T21:34:13.089734Z','stepstarted','{"fingerprint":"d3ca310e8d5e229ca4e54527c7ada2cc61a43994e3466eb3c46ac1f674045bcd","inputs":{"text":"1320a18f755a2b9060ee56e23f8ea76131ef8d7a4394ea565d49fbe3d507eeee"},"step_id":"characters","step_index":1,"uses":"demo.characters","version":1}');
INSERT INTO event_log VALUES(14,'01a20a54-c0de-7403-b071-1bdba4c1d3ac',0,'2026-11-23T21:34:14.000001Z','flowinitialized','{"definition":{"description":"Splits a text into its characters and counts them.","params":{"text":"again"},"steps":[{"id":"seed","kind":"source","params":{"text":"again"},"uses":"demo.seed","version":1},{"id":"characters","inputs":{"text":"seed"},"kind":"transform","uses":"demo.characters","version":1},{"id":"count","inputs":{"characters":"characters"},"kind":"sink","uses":"demo.count","version":1}]},"definition_hash":"9bc3730ac4794493dbfa481043b5addddbd6f48e97feb8c072b9a1894164dbd4","environment":{"directory":"/home/ada/flows","manifest":"demo.yaml","platform":"x86_64-linux","release":"0.1.0"},"flow":"broken","step_count":3}');
INSERT INTO event_log VALUES(15,'01a20a54-c0de-7403-b071-1bdba4c1d3ac',1,'2026-11-23T21:34:14.000001Z','stepstarted','{"fingerprint":"7ba674c70dc0ec74968f426f84e3e882077f7b9148b685884f9775e6954da2d2","params":{"text":"again"},"step_id":"seed","step_index":0,"uses":"demo.seed","version":1}');
INSERT INTO event_log VALUES(16,'01a20a54-c0de-7403-b071-1bdba4c1d3ac',2,'2026-11-23T21:34:14.000001Z','stepfailed','{"causes":["the bottle is empty"],"error":"nothing can be made of it","fingerprint":"7ba674c70dc0ec74968f426f84e3e882077f7b9148b685884f9775e6954da2d2","step_id":"seed","step_index":0}');
CREATE TABLE workflow_step_artifacts (
    artifact_hash   TEXT    NOT NULL PRIMARY KEY
        CHECK (length(artifact_hash) = 64 AND artifact_hash NOT GLOB '*[^0-9a-f]*'),
    kind            TEXT    NOT NULL,
    payload         TEXT    NOT NULL CHECK (json_valid(payload)),
    metadata        TEXT    CHECK (metadata IS NULL OR json_valid(metadata)),
    produced_in_seq INTEGER NOT NULL REFERENCES event_log (seq) ON DELETE RESTRICT
) STRICT;
INSERT INTO workflow_step_artifacts VALUES('58575f0a884e3237c3f621daa90b9ccfc3938f63df3e29cad823be44c568d9dd','text','"hello, flow"',NULL,3);
INSERT INTO workflow_step_artifacts VALUES('c03a1f8165dc63b43db26bdc21e61b334a127db7f4fca335a217fc7abbfe84f8','characters','["h","e","l","l","o",","," ","f","l","o","w"]',NULL,5);
INSERT INTO workflow_step_artifacts VALUES('fce0c667cc7e2103f0dc8e95bd4e7722daa6a35e8578d72076f2911063c45a13','count','{"characters":11}',NULL,8);
INSERT INTO workflow_step_artifacts VALUES('1320a18f755a2b9060ee56e23f8ea76131ef8d7a4394ea565d49fbe3d507eeee','text','"again"',NULL,12);
CREATE TABLE flow_leases (
    flow_id  TEXT    NOT NULL PRIMARY KEY,
    epoch    INTEGER NOT NULL CHECK (epoch >= 1),
    holder   TEXT    NOT NULL CHECK (json_valid(holder)),
    -- The holder has let go.
    released INTEGER NOT NULL DEFAULT 0 CHECK (released IN (0, 1))
) STRICT;
INSERT INTO flow_leases VALUES('01a20a54-b3f4-750a-b103-55322ccad5ce',1,'{"host":"lab","pid":21614,"place":"04780682-0997-48a2-9d41-c5c634df97ab/pid:[4026531836]","started":1270362}',0);
INSERT INTO flow_leases VALUES('01a20a54-b451-7403-b071-1bdba4c1d3ac',1,'{"host":"lab","pid":21614,"place":"04780682-0997-48a2-9d41-c5c634df97ab/pid:[4026531836]","started":1270362}',1);
INSERT INTO flow_leases VALUES('01a20a54-c0de-7403-b071-1bdba4c1d3ac',1,'{"host":"lab","pid":21614,"place":"04780682-0997-48a2-9d41-c5c634df97ab/pid:[4026531836]","started":1270362}',0);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('event_log',16);
CREATE INDEX event_log_by_flow ON event_log (flow_id, seq);
CREATE INDEX workflow_step_artifacts_by_event ON workflow_step_artifacts (produced_in_seq);
CREATE TRIGGER event_log_is_never_updated BEFORE UPDATE ON event_log
BEGIN
    SELECT RAISE (ABORT, 'event_log is append-only: an event is never changed');
END;
CREATE TRIGGER event_log_is_never_deleted_from BEFORE DELETE ON event_log
BEGIN
    SELECT RAISE (ABORT, 'event_log is append-only: an event is never deleted');
END;
CREATE TRIGGER event_log_is_never_replaced BEFORE INSERT ON event_log
WHEN EXISTS (SELECT 1 FROM event_log WHERE seq = NEW.seq)
BEGIN
    SELECT RAISE (ABORT, 'event_log is append-only: an event is never replaced');
END;
CREATE TRIGGER event_log_positions_are_contiguous BEFORE INSERT ON event_log
WHEN NEW.position <> (SELECT coalesce(max(position) + 1, 0) FROM event_log WHERE flow_id = NEW.flow_id)
BEGIN
    SELECT RAISE (ABORT, 'event_log is append-only: the position is not the next one of the run');
END;
CREATE TRIGGER workflow_step_artifacts_is_never_updated BEFORE UPDATE ON workflow_step_artifacts
BEGIN
    SELECT RAISE (ABORT, 'workflow_step_artifacts is append-only: an artifact is never changed');
END;
CREATE TRIGGER workflow_step_artifacts_is_never_deleted_from BEFORE DELETE ON workflow_step_artifacts
BEGIN
    SELECT RAISE (ABORT, 'workflow_step_artifacts is append-only: an artifact is never deleted');
END;
CREATE TRIGGER workflow_step_artifacts_keeps_the_first BEFORE INSERT ON workflow_step_artifacts
WHEN EXISTS (SELECT 1 FROM workflow_step_artifacts WHERE artifact_hash = NEW.artifact_hash)
BEGIN
    SELECT RAISE (IGNORE);
END;
COMMIT;
