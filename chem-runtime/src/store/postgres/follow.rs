//! Reading on in the log of all runs.
//!
//! Sequence numbers are given before the commit, so that an event with a small one can become visible after one with a
//! greater. Events are therefore read in the order (transaction, number), and only up to the oldest transaction that is
//! still under way in this database: nothing can come in before that point any more. A transaction that writes and stays
//! open holds the readers back until it ends; they lose nothing by it. Those of other databases cannot write here and do
//! not count, as far as the server lets them be told apart.
//!
//! Readers ask again and again, and are not woken by NOTIFY, for which PostgreSQL would let commits pass one at a time.

use super::Fault;
use super::rows::{event, signed};
use super::session::Session;
use crate::store::{Cursor, Followed};

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
     FROM (SELECT era, first_seq, lead(first_seq) OVER (ORDER BY era) AS end_seq FROM delivery_eras) AS era,
          LATERAL (
              SELECT seq, flow_id, position, ts, event_type, payload::text, xact::text::bigint
              FROM event_log
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

/// The log was moved to this cluster if its latest events come from transactions that are still to come.
const MOVED: &str = "
     SELECT coalesce(bool_or(latest.xact >= pg_snapshot_xmax(pg_current_snapshot())), false)
     FROM (SELECT xact FROM event_log
           WHERE seq >= (SELECT max(first_seq) FROM delivery_eras)
           ORDER BY seq DESC LIMIT 1000) AS latest";

const BEGIN_ERA: &str = "
     INSERT INTO delivery_eras (era, first_seq)
     SELECT (SELECT max(era) + 1 FROM delivery_eras), (SELECT max(seq) + 1 FROM event_log)";

/// The events after `cursor` that can be read by now.
pub(super) fn read_on(session: &mut Session, cursor: Cursor, limit: usize) -> Result<Followed, Fault> {
    let statement = session.prepared(FOLLOW)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = cursor.xact.to_string();
    let rows = session.query(&statement, &[&signed(cursor.era), &after, &signed(cursor.seq), &limit])?;
    let events = rows.iter().map(|row| Ok(event(row, 0)?)).collect::<Result<Vec<_>, Fault>>()?;
    let cursor = match (rows.last(), events.last()) {
        (Some(row), Some(event)) => {
            let (xact, era): (i64, i64) = (row.try_get(6)?, row.try_get(7)?);
            Cursor { era: era.unsigned_abs(), xact: xact.unsigned_abs(), seq: event.seq }
        }
        _ => cursor,
    };
    Ok(Followed { events, cursor })
}

/// Begins a new era if the log was moved here from another cluster. Whoever calls this keeps others from it meanwhile.
pub(super) fn begin_era_if_moved(session: &mut Session) -> Result<(), postgres::Error> {
    if was_moved(session)? {
        session.execute(BEGIN_ERA, &[])?;
    }
    Ok(())
}

/// Whether the log was moved here from another cluster since its latest era began.
pub(super) fn was_moved(session: &mut Session) -> Result<bool, postgres::Error> {
    session.query_one(MOVED, &[])?.try_get(0)
}
