//! Looking for runs without reading the whole log.

use uuid::Uuid;

use super::Fault;
use super::rows::{event, signed};
use super::session::Session;
use crate::event::{FlowEvent, FlowId};

/// Walks back over the primary key, as far as the beginnings that are asked for.
const NEWEST: &str = "SELECT seq, flow_id, position, ts, event_type, payload::text FROM event_log
     WHERE position = 0 AND seq < $2
       AND ($1::text IS NULL OR (event_type = 'flowinitialized' AND payload ->> 'flow' = $1))
     ORDER BY seq DESC LIMIT $3";
const BETWEEN: &str =
    "SELECT flow_id FROM event_log WHERE flow_id BETWEEN $1 AND $2 AND position = 0 ORDER BY flow_id LIMIT $3";

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
