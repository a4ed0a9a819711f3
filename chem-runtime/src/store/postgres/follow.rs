//! Follows the log of all runs.
//!
//! Sequence numbers are assigned before the commit, so an event can become visible after one with a greater number.
//! Events are therefore read in the order (transaction, number), and only up to the oldest transaction that is still
//! running in this database: nothing can appear before that point any more. A writing transaction that stays open
//! delays the readers until it ends; they miss no event. Transactions of other databases cannot write here and do not
//! count, as far as the server lets a reader identify them.
//!
//! Readers poll and do not use NOTIFY, for which PostgreSQL would serialize commits.
//!
//! A log from another cluster has the transaction numbers of that cluster, and its sequence may be behind its events.
//! The first process that opens the store with write access corrects both.

use tokio_postgres::Row;

use super::Fault;
use super::rows::{event, signed, stored_event};
use super::session::Session;
use crate::event::FlowId;
use crate::store::{Cursor, Followed, PersistenceError, StoredEvent};

/// Reads each era from the cursor on. In all eras but the last, every event is readable; in the last, those before the
/// horizon, which the same snapshot determines. A standby does not list running transactions and knows only the oldest
/// one of all databases.
///
/// The index on (xact, seq) can begin and end at every bound on the transaction, in every era; otherwise each call
/// would scan what is left of an older era with greater transaction numbers. `seq + 0` keeps the planner from the index
/// on seq, in which it would underestimate the length of a closed era.
const FOLLOW: &str = "
     WITH horizon AS MATERIALIZED (
         SELECT CASE WHEN pg_is_in_recovery() THEN pg_snapshot_xmin(pg_current_snapshot())
                     ELSE coalesce(
                         (SELECT xact FROM pg_snapshot_xip(pg_current_snapshot()) AS xact
                          WHERE NOT EXISTS (
                              SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
                              WHERE locktype = 'transactionid' AND transactionid = xact::xid
                                AND mode = 'ExclusiveLock' AND granted AND datname <> current_database())
                          ORDER BY xact LIMIT 1),
                         pg_snapshot_xmax(pg_current_snapshot()))
                END AS xact
     )
     SELECT event.*, era.era
     FROM (SELECT era, first_seq, lead(first_seq) OVER (ORDER BY era) AS end_seq FROM store.delivery_eras) AS era,
          LATERAL (
              SELECT seq, flow_id, position, ts, event_type, payload::text, xact::text::bigint
              FROM store.event_log
              WHERE (xact, seq) > (CASE WHEN era.era = $1::bigint THEN $2::text::xid8 ELSE '0'::xid8 END,
                                   CASE WHEN era.era = $1 THEN $3::bigint ELSE 0 END)
                AND event_log.xact < CASE WHEN era.end_seq IS NULL THEN (SELECT horizon.xact FROM horizon)
                                          ELSE '18446744073709551615'::xid8 END
                AND seq >= era.first_seq
                AND seq + 0 < coalesce(era.end_seq, 9223372036854775807)
              ORDER BY event_log.xact, seq
              LIMIT $4::bigint
          ) AS event
     WHERE era.era >= $1
     ORDER BY era.era, event.xact, event.seq
     LIMIT $4";

/// Whether the log contains the event at a cursor, in the same transaction and era; and whether that event can still
/// arrive, as on a standby that lags behind the server that issued the cursor.
const PLACE: &str = "
     SELECT EXISTS (SELECT FROM store.event_log WHERE seq = $3::bigint AND xact = $2::text::xid8)
                AND $1::bigint = (SELECT max(era) FROM store.delivery_eras WHERE first_seq <= $3),
            pg_is_in_recovery() AND $2::text::xid8 >= pg_snapshot_xmin(pg_current_snapshot())";

/// The number, transaction and era of an event.
const CURSOR_OF: &str = "
     SELECT seq, xact::text::bigint,
            coalesce((SELECT max(era) FROM store.delivery_eras WHERE first_seq <= event_log.seq), 0)
     FROM store.event_log WHERE flow_id = $1 AND position = $2";

/// Whether the log was moved to this cluster: the transactions of its latest events are still in the future here. A range of
/// numbers, because a planner that takes the log for short would read and sort all of it for a limit.
const MOVED: &str = "
     SELECT coalesce(bool_or(xact >= pg_snapshot_xmax(pg_current_snapshot())), false)
     FROM store.event_log
     WHERE seq >= (SELECT max(first_seq) FROM store.delivery_eras)
       AND seq > (SELECT max(seq) FROM store.event_log) - 1000";

const BEGIN_ERA: &str = "
     INSERT INTO store.delivery_eras (era, first_seq)
     SELECT (SELECT max(era) + 1 FROM store.delivery_eras), (SELECT max(seq) + 1 FROM store.event_log)";

/// Whether the sequence has yet to issue numbers that the log already contains: logical replication, and a restore of
/// rows alone, do not advance it. A user who may not read the sequence does not take numbers from it either.
const BEHIND: &str = "
     SELECT coalesce(CASE WHEN has_sequence_privilege(sequence, 'SELECT, USAGE')
                          THEN coalesce(pg_sequence_last_value(sequence), 0) < (SELECT max(seq) FROM store.event_log) END,
                     false)
     FROM (SELECT pg_get_serial_sequence($name$store.event_log$name$, 'seq')::regclass AS sequence) AS log";

const CATCH_UP: &str = "
     SELECT setval(sequence, newest)
     FROM (SELECT pg_get_serial_sequence($name$store.event_log$name$, 'seq')::regclass AS sequence,
                  (SELECT max(seq) FROM store.event_log) AS newest) AS log
     WHERE coalesce(pg_sequence_last_value(sequence), 0) < newest";

/// Fails if the log was moved here and its new era has not begun: the moved events would never be delivered.
pub(super) fn refuse_unfinished_move(session: &mut Session, shown: &str) -> Result<(), Fault> {
    if says(session, MOVED)? {
        let message = format!(
            "the store `{shown}` was moved here from another server, and cannot be followed until a user with write \
             access has opened it here, for example with `chem store migrate`"
        );
        return Err(PersistenceError::Unusable { message, source: None }.into());
    }
    Ok(())
}

/// Returns up to `limit` events after `cursor` that are readable now.
pub(super) fn read_on(session: &mut Session, cursor: Cursor, limit: usize) -> Result<Followed, Fault> {
    let mut followed = Followed::none(cursor);
    for row in &rows_after(session, cursor, limit)? {
        if !followed.push(event(row, 0), cursor_after(row)?)? {
            break;
        }
    }
    Ok(followed)
}

/// Returns events like [`read_on`], as they are stored.
pub(super) fn read_stored(
    session: &mut Session,
    cursor: Cursor,
    limit: usize,
) -> Result<Vec<(StoredEvent, Cursor)>, Fault> {
    let rows = rows_after(session, cursor, limit)?;
    rows.iter().map(|row| Ok((stored_event(row, 0)?, cursor_after(row)?))).collect()
}

/// Returns the rows of up to `limit` events after `cursor` that are readable now.
///
/// Checks the cursor on every call, because the server may have been stopped and restored since the last one.
fn rows_after(session: &mut Session, cursor: Cursor, limit: usize) -> Result<Vec<Row>, Fault> {
    let after = cursor.xact.to_string();
    if cursor != Cursor::START {
        let statement = session.prepared(PLACE)?;
        let row = session.query_one(&statement, &[&signed(cursor.era), &after, &signed(cursor.seq)])?;
        match (row.try_get(0)?, row.try_get(1)?) {
            (true, _) => {}
            (false, true) => return Ok(Vec::new()),
            (false, false) => return Err(PersistenceError::NotInLog { cursor }.into()),
        }
    }
    let statement = session.prepared(FOLLOW)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(session.query(&statement, &[&signed(cursor.era), &after, &signed(cursor.seq), &limit])?)
}

/// Returns the cursor after the event of a run at `position`; `None` if there is none.
pub(super) fn cursor_of(session: &mut Session, flow_id: FlowId, position: u64) -> Result<Option<Cursor>, Fault> {
    let statement = session.prepared(CURSOR_OF)?;
    let row = session.query_opt(&statement, &[&flow_id.as_uuid(), &signed(position)])?;
    Ok(row.map(|row| cursor_in(&row, [0, 1, 2])).transpose()?)
}

/// Returns the cursor after the event in a row of [`rows_after`].
fn cursor_after(row: &Row) -> Result<Cursor, tokio_postgres::Error> {
    cursor_in(row, [0, 6, 7])
}

/// Returns the cursor in the columns with the number, the transaction and the era.
fn cursor_in(row: &Row, columns: [usize; 3]) -> Result<Cursor, tokio_postgres::Error> {
    let [seq, xact, era]: [Result<i64, _>; 3] = columns.map(|column| row.try_get(column));
    Ok(Cursor { era: era?.unsigned_abs(), xact: xact?.unsigned_abs(), seq: seq?.unsigned_abs() })
}

/// Begins a new era if the log was moved here from another cluster, and advances the sequence past the log. The caller
/// must exclude concurrent calls.
pub(super) fn finish_move(session: &mut Session) -> Result<(), tokio_postgres::Error> {
    if says(session, MOVED)? {
        let begin = session.in_schema(BEGIN_ERA);
        session.execute(&begin, &[])?;
    }
    if is_behind(session)? {
        let catch_up = session.in_schema(CATCH_UP);
        session.execute(&catch_up, &[])?;
    }
    Ok(())
}

/// Whether the log was moved here and the move is not finished.
pub(super) fn is_move_unfinished(session: &mut Session) -> Result<bool, tokio_postgres::Error> {
    Ok(says(session, MOVED)? || is_behind(session)?)
}

/// Whether the sequence has yet to issue numbers that the log already contains.
pub(super) fn is_behind(session: &mut Session) -> Result<bool, tokio_postgres::Error> {
    says(session, BEHIND)
}

fn says(session: &mut Session, question: &'static str) -> Result<bool, tokio_postgres::Error> {
    let statement = session.prepared(question)?;
    session.query_one(&statement, &[])?.try_get(0)
}
