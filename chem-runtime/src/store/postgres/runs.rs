//! Looking for runs, and listing them, without reading the whole log.

use tokio_postgres::Row;
use uuid::Uuid;

use super::Fault;
use super::rows::{event, signed};
use super::session::Session;
use crate::event::{FlowEvent, FlowEventKind, FlowId};
use crate::flow::FlowStatus;
use crate::store::{FlowSummary, RunFilter};

/// Walks back over the primary key, as far as the beginnings that are asked for.
const NEWEST: &str = "SELECT seq, flow_id, position, ts, event_type, payload::text FROM store.event_log
     WHERE position = 0 AND seq < $2
       AND ($1::text IS NULL OR (event_type = 'flowinitialized' AND payload ->> 'flow' = $1))
     ORDER BY seq DESC LIMIT $3";
/// Walks back over the primary key, as far as the beginnings that are asked for, and from each to the end of its run.
const RUNS: &str = "
     SELECT first.seq, first.flow_id, first.position, first.ts, first.event_type, first.payload::text,
            last.seq, last.flow_id, last.position, last.ts, last.event_type, last.payload::text,
            (SELECT string_agg(event_type, ' ' ORDER BY position) FROM store.event_log WHERE flow_id = first.flow_id)
     FROM store.event_log AS first
     CROSS JOIN LATERAL (
         SELECT * FROM store.event_log WHERE flow_id = first.flow_id ORDER BY position DESC LIMIT 1
     ) AS last
     WHERE first.position = 0 AND first.seq < $1
       AND ($2::text IS NULL OR (first.event_type = 'flowinitialized' AND first.payload ->> 'flow' = $2))
       AND first.ts >= coalesce($3::text::timestamptz, '-infinity')
       AND first.ts < coalesce($4::text::timestamptz, 'infinity')
       AND ($5::text IS NULL OR $5 = CASE last.event_type
           WHEN 'flowcompleted' THEN $6::text
           WHEN 'stepfailed' THEN $7::text
           WHEN 'userinteractionrequested' THEN $8::text
           WHEN 'userinteractionprovided'
               THEN CASE WHEN (last.payload -> 'approved') = 'true'::jsonb THEN $9::text ELSE $7 END
           ELSE $9 END)
     ORDER BY first.seq DESC LIMIT $10";
const BETWEEN: &str =
    "SELECT flow_id FROM store.event_log WHERE flow_id BETWEEN $1 AND $2 AND position = 0 ORDER BY flow_id LIMIT $3";

/// The first events of the newest runs, the newest first.
pub(super) fn newest(
    session: &mut Session,
    flow: Option<&str>,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<FlowEvent>, Fault> {
    let statement = session.prepared(NEWEST)?;
    let (before, limit) = (before.map_or(i64::MAX, signed), i64::try_from(limit).unwrap_or(i64::MAX));
    session.query(&statement, &[&flow, &before, &limit])?.iter().map(|row| Ok(event(row, 0)?)).collect()
}

/// Returns up to `limit` runs that `filter` takes, the newest first, of those that begin before the event `before`.
pub(super) fn listed(
    session: &mut Session,
    filter: &RunFilter,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<FlowSummary>, Fault> {
    let statement = session.prepared(RUNS)?;
    let (before, limit) = (before.map_or(i64::MAX, signed), i64::try_from(limit).unwrap_or(i64::MAX));
    let [since, until] = [filter.since, filter.until].map(|moment| moment.map(|moment| moment.to_string()));
    let [completed, failed, waiting, interrupted] =
        [FlowStatus::Completed, FlowStatus::Failed, FlowStatus::Waiting, FlowStatus::Interrupted].map(FlowStatus::name);
    let status = filter.status.map(FlowStatus::name);
    let rows = session.query(
        &statement,
        &[&before, &filter.flow, &since, &until, &status, &completed, &failed, &waiting, &interrupted, &limit],
    )?;
    let summary = |row: &Row| {
        let (first, last) = (event(row, 0)?, event(row, 6)?);
        let letter = |event_type| FlowEventKind::letter_of(event_type).unwrap_or('?');
        let event_variants = row.try_get::<_, &str>(12)?.split(' ').map(letter).collect();
        Ok(FlowSummary { first, last, event_variants })
    };
    rows.iter().map(summary).collect()
}

/// The runs whose ids are in `range`, both ends among them.
pub(super) fn between(session: &mut Session, range: (Uuid, Uuid), limit: usize) -> Result<Vec<FlowId>, Fault> {
    let statement = session.prepared(BETWEEN)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = session.query(&statement, &[&range.0, &range.1, &limit])?;
    rows.iter().map(|row| Ok(FlowId::from(row.try_get::<_, Uuid>(0)?))).collect()
}

/// The least and the greatest id whose text begins with `prefix`; none if no id's does.
pub(super) fn beginning_with(prefix: &str) -> Option<(Uuid, Uuid)> {
    let filled_up = |from: Uuid| {
        let text = format!("{prefix}{}", from.to_string().get(prefix.len()..)?);
        // Ids can be read in other spellings too, in which none is written.
        text.parse::<Uuid>().ok().filter(|id| id.to_string() == text)
    };
    Some((filled_up(Uuid::nil())?, filled_up(Uuid::max())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_is_a_range_of_ids() {
        let range = |prefix| beginning_with(prefix).map(|(least, greatest)| [least.to_string(), greatest.to_string()]);
        assert_eq!(beginning_with(""), Some((Uuid::nil(), Uuid::max())));
        for (prefix, least, greatest) in [
            ("01a20a54-b", "01a20a54-b000-0000-0000-000000000000", "01a20a54-bfff-ffff-ffff-ffffffffffff"),
            ("01a20a54", "01a20a54-0000-0000-0000-000000000000", "01a20a54-ffff-ffff-ffff-ffffffffffff"),
            ("01a20a54-", "01a20a54-0000-0000-0000-000000000000", "01a20a54-ffff-ffff-ffff-ffffffffffff"),
        ] {
            assert_eq!(range(prefix).unwrap(), [least, greatest], "{prefix}");
        }
        let whole = "01a20a54-b3f4-750a-b103-55322ccad5ce";
        assert_eq!(range(whole).unwrap(), [whole, whole]);
        for none in ["g", "01A2", "01a20a54b", "01a2-", "-", "é", "{01a20a54", &format!("{whole}0")] {
            assert_eq!(beginning_with(none), None, "{none}");
        }
    }
}
