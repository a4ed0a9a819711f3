//! Reading on in the log of all runs.
//!
//! Sequence numbers are given before the commit, so that an event with a small one can become visible after one with a
//! greater. Events are therefore read in the order (transaction, number), and only up to the oldest transaction that is
//! still under way in this database: nothing can come in before that point any more. A transaction that writes and stays
//! open holds the readers back until it ends; they lose nothing by it. Those of other databases cannot write here and do
//! not count, as far as the server lets them be told apart.
//!
//! Readers ask again and again, and are not woken by NOTIFY, for which PostgreSQL would let commits pass one at a time.
//!
//! A log that came from elsewhere brings transaction numbers of another cluster, and may leave the sequence behind that
//! gave its events their numbers. Both are seen to by whoever opens it first.

use super::Fault;
use super::rows::{event, signed};
use super::session::Session;
use crate::store::{Cursor, Followed, StoreError};

/// Within each era, from the cursor on. In all eras but the last every event is there to be read; in that, those before
/// the horizon, which is found within the same snapshot. A standby does not list the transactions that are under way,
/// and knows no more than the oldest of all databases.
///
/// All bounds on the transaction are ones that the index of (xact, seq) can begin and end at, in every era: what is left
/// of an older era with greater transaction numbers is otherwise walked through each time. `seq + 0` keeps the planner
/// from the index of seq, in which it would take a closed era for short.
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

/// Whether the log has the event that a cursor stands after, in the same transaction and the same era; and whether that
/// can still come, as on a standby that lags behind the server that gave the cursor.
const PLACE: &str = "
     SELECT EXISTS (SELECT FROM store.event_log WHERE seq = $3::bigint AND xact = $2::text::xid8)
                AND $1::bigint = (SELECT max(era) FROM store.delivery_eras WHERE first_seq <= $3),
            pg_is_in_recovery() AND $2::text::xid8 >= pg_snapshot_xmin(pg_current_snapshot())";

/// The log was moved to this cluster if its latest events come from transactions that are still to come.
const MOVED: &str = "
     SELECT coalesce(bool_or(latest.xact >= pg_snapshot_xmax(pg_current_snapshot())), false)
     FROM (SELECT xact FROM store.event_log
           WHERE seq >= (SELECT max(first_seq) FROM store.delivery_eras)
           ORDER BY seq DESC LIMIT 1000) AS latest";

const BEGIN_ERA: &str = "
     INSERT INTO store.delivery_eras (era, first_seq)
     SELECT (SELECT max(era) + 1 FROM store.delivery_eras), (SELECT max(seq) + 1 FROM store.event_log)";

/// The sequence has yet to give numbers that the log has already: logical replication, and a restore of rows alone, leave
/// it where it was. Whoever may not look at it takes no numbers from it either.
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

/// Refuses to read on in a log whose era has not begun: the events that were moved would never be delivered.
pub(super) fn refuse_unfinished_move(session: &mut Session, shown: &str) -> Result<(), Fault> {
    if says(session, MOVED)? {
        let message = format!(
            "the store `{shown}` was moved here from another server, and cannot be followed before somebody who may write \
             in it has opened it here, as with `chem store migrate`"
        );
        return Err(StoreError::Unusable { message, source: None }.into());
    }
    Ok(())
}

/// The events after `cursor` that can be read by now.
///
/// The place is looked at each time: the server may have been stopped, and restored, since the last.
pub(super) fn read_on(session: &mut Session, cursor: Cursor, limit: usize) -> Result<Followed, Fault> {
    let after = cursor.xact.to_string();
    if cursor != Cursor::START {
        let statement = session.prepared(PLACE)?;
        let row = session.query_one(&statement, &[&signed(cursor.era), &after, &signed(cursor.seq)])?;
        match (row.try_get(0)?, row.try_get(1)?) {
            (true, _) => {}
            (false, true) => return Ok(Followed { events: Vec::new(), places: Vec::new(), cursor }),
            (false, false) => return Err(StoreError::NotInLog { cursor }.into()),
        }
    }
    let statement = session.prepared(FOLLOW)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = session.query(&statement, &[&signed(cursor.era), &after, &signed(cursor.seq), &limit])?;
    let mut followed = Followed { events: Vec::new(), places: Vec::new(), cursor };
    for row in &rows {
        let (seq, xact, era): (i64, i64, i64) = (row.try_get(0)?, row.try_get(6)?, row.try_get(7)?);
        let after = Cursor { era: era.unsigned_abs(), xact: xact.unsigned_abs(), seq: seq.unsigned_abs() };
        if !followed.take(event(row, 0), after)? {
            break;
        }
    }
    Ok(followed)
}

/// Begins a new era if the log was moved here from another cluster, and lets the sequence go on after the log. Whoever
/// calls this keeps others from it meanwhile.
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

/// Whether the log was moved here, and nobody has seen to what a move leaves to do.
pub(super) fn is_move_unfinished(session: &mut Session) -> Result<bool, tokio_postgres::Error> {
    Ok(says(session, MOVED)? || is_behind(session)?)
}

/// Whether the sequence has yet to give numbers that the log has already.
pub(super) fn is_behind(session: &mut Session) -> Result<bool, tokio_postgres::Error> {
    says(session, BEHIND)
}

fn says(session: &mut Session, question: &'static str) -> Result<bool, tokio_postgres::Error> {
    let statement = session.prepared(question)?;
    session.query_one(&statement, &[])?.try_get(0)
}
