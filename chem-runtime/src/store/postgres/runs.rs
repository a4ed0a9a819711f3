//! Lists and finds runs without reading the whole log.

use std::sync::LazyLock;

use uuid::Uuid;

use super::Fault;
use super::rows::{event, signed, status_of_last};
use super::session::Session;
use crate::event::{FlowEvent, FlowEventKind, FlowId};
use crate::flow::FlowStatus;
use crate::store::page::add_to_page;
use crate::store::{FlowSummary, RunFilter};

/// The condition for the runs of all flows, which uses the index of first events.
macro_rules! of_all {
    () => {
        "$2::text IS NULL"
    };
}

/// The condition for the runs of one flow, written exactly as in the index of its first events.
macro_rules! of_flow {
    () => {
        "first.event_type = 'flowinitialized'
           AND left(first.payload ->> 'flow', 100) = left($2::text, 100) AND first.payload ->> 'flow' = $2"
    };
}

/// Selects the first events of runs, newest first, up to a limit.
macro_rules! beginnings {
    ($of:expr) => {
        concat!(
            "SELECT seq, flow_id, position, ts, event_type, payload::text FROM store.event_log AS first
             WHERE position = 0 AND seq < $1 AND ",
            $of,
            " ORDER BY seq DESC LIMIT $3"
        )
    };
}

/// Like `beginnings!`, with the last event of each run. Aggregates event types only on request, and only for the
/// returned runs.
fn runs(of: &str) -> String {
    format!(
        "SELECT first.seq, first.flow_id, first.position, first.ts, first.event_type, first.payload::text,
                last.seq, last.flow_id, last.position, last.ts, last.event_type, last.payload::text,
                CASE WHEN $7::boolean THEN (SELECT string_agg(event_type, ' ' ORDER BY position)
                                            FROM store.event_log WHERE flow_id = first.flow_id) END
         FROM store.event_log AS first
         CROSS JOIN LATERAL (
             SELECT * FROM store.event_log WHERE flow_id = first.flow_id ORDER BY position DESC LIMIT 1
         ) AS last
         WHERE first.position = 0 AND first.seq < $1 AND {of}
           AND first.ts >= coalesce($3::text::timestamptz, '-infinity')
           AND first.ts < coalesce($4::text::timestamptz, 'infinity')
           AND ($5::text IS NULL OR $5 = {})
         ORDER BY first.seq DESC LIMIT $6",
        status_of_last()
    )
}

static RUNS_OF_ALL: LazyLock<String> = LazyLock::new(|| runs(of_all!()));
static RUNS_OF_FLOW: LazyLock<String> = LazyLock::new(|| runs(of_flow!()));

const BETWEEN: &str =
    "SELECT flow_id FROM store.event_log WHERE flow_id BETWEEN $1 AND $2 AND position = 0 ORDER BY flow_id LIMIT $3";

/// Returns the first events of the newest runs, newest first.
pub(super) fn newest(
    session: &mut Session,
    flow: Option<&str>,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<FlowEvent>, Fault> {
    let statement = session.prepared(match flow {
        None => beginnings!(of_all!()),
        Some(_) => beginnings!(of_flow!()),
    })?;
    let (before, limit) = (before.map_or(i64::MAX, signed), i64::try_from(limit).unwrap_or(i64::MAX));
    session.query(&statement, &[&before, &flow, &limit])?.iter().map(|row| Ok(event(row, 0)?)).collect()
}

/// Returns up to `limit` runs that match `filter` and begin before the event `before`, newest first.
pub(super) fn listed(
    session: &mut Session,
    filter: &RunFilter,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<FlowSummary>, Fault> {
    let statement = session.prepared(match filter.flow {
        None => &RUNS_OF_ALL,
        Some(_) => &RUNS_OF_FLOW,
    })?;
    let (before, limit) = (before.map_or(i64::MAX, signed), i64::try_from(limit).unwrap_or(i64::MAX));
    let [since, until] = [filter.since, filter.until].map(|moment| moment.map(|moment| moment.to_string()));
    let status = filter.status.map(FlowStatus::name);
    let rows = session.query(&statement, &[&before, &filter.flow, &since, &until, &status, &limit, &filter.letters])?;
    let mut summaries = Vec::new();
    for row in &rows {
        let letter = |event_type: &str| FlowEventKind::letter_of(event_type).unwrap_or('?');
        let event_types: Option<&str> = row.try_get(12)?;
        let event_variants = event_types.map(|event_types| event_types.split(' ').map(letter).collect());
        let seq: i64 = row.try_get(0)?;
        let run = event(row, 0).and_then(|first| Ok(FlowSummary { first, last: event(row, 6)?, event_variants }));
        if !add_to_page(&mut summaries, run, seq.unsigned_abs())? {
            break;
        }
    }
    Ok(summaries)
}

const COMPLETED_BETWEEN: &str = "SELECT flow_id FROM store.event_log
     WHERE flow_id BETWEEN $1 AND $2 AND event_type = 'flowcompleted'";

/// Returns the runs that have completed and whose ids are in `range`, including both ends.
pub(super) fn completed(session: &mut Session, range: (Uuid, Uuid)) -> Result<Vec<FlowId>, Fault> {
    let statement = session.prepared(COMPLETED_BETWEEN)?;
    let rows = session.query(&statement, &[&range.0, &range.1])?;
    rows.iter().map(|row| Ok(FlowId::from(row.try_get::<_, Uuid>(0)?))).collect()
}

/// Returns the runs whose ids are in `range`, including both ends.
pub(super) fn between(session: &mut Session, range: (Uuid, Uuid), limit: usize) -> Result<Vec<FlowId>, Fault> {
    let statement = session.prepared(BETWEEN)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = session.query(&statement, &[&range.0, &range.1, &limit])?;
    rows.iter().map(|row| Ok(FlowId::from(row.try_get::<_, Uuid>(0)?))).collect()
}

/// Returns the least and the greatest id whose text begins with `prefix`; `None` if no id does.
pub(super) fn beginning_with(prefix: &str) -> Option<(Uuid, Uuid)> {
    let filled_up = |from: Uuid| {
        let text = format!("{prefix}{}", from.to_string().get(prefix.len()..)?);
        // Ids can also be parsed from other spellings, in which none is written.
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
