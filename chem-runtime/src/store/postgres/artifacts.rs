//! The artifacts of an append as the database gets them: in columns, in the order of their hashes.

use std::collections::HashSet;

use postgres::Transaction;

use super::append::{AT_ONCE, Pending};
use super::rows::signed;
use crate::store::admit::{Admitted, AdmittedArtifact};

pub(super) const KNOWN: &str = "SELECT artifact_hash FROM workflow_step_artifacts WHERE artifact_hash = ANY($1)";
pub(super) const INSERT: &str =
    "INSERT INTO workflow_step_artifacts (artifact_hash, kind, payload, metadata, produced_in_seq)
     SELECT hash, kind, payload::jsonb, metadata::jsonb,
            (SELECT seq FROM event_log WHERE flow_id = $1 AND position = $2::bigint + artifact.event - 1)
     FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[])
         AS artifact (event, hash, kind, payload, metadata)
     ON CONFLICT (artifact_hash) DO NOTHING";

/// An artifact, and with which event it lands.
pub(super) struct Placed<'a> {
    /// The number of the event in its append, from 1.
    event: i32,
    hash: String,
    admitted: &'a AdmittedArtifact,
}

/// The artifacts of these events. Their order is the same for all callers, so that no two of them wait for each other;
/// the first of a name stays.
pub(super) fn in_order<'a>(events: impl Iterator<Item = &'a Admitted>) -> Vec<Placed<'a>> {
    let place = |(number, event): (usize, &'a Admitted)| {
        // A batch has far fewer events than an INT can count.
        let number = i32::try_from(number + 1).unwrap_or(i32::MAX);
        event.artifacts.iter().map(move |admitted| Placed {
            event: number,
            hash: admitted.artifact.hash().to_string(),
            admitted,
        })
    };
    let mut placed: Vec<_> = events.enumerate().flat_map(place).collect();
    placed.sort_by(|a, b| a.hash.cmp(&b.hash));
    placed
}

/// Artifacts in columns.
pub(super) struct Columns<'a> {
    pub(super) events: Vec<i32>,
    pub(super) hashes: Vec<&'a str>,
    pub(super) kinds: Vec<&'a str>,
    pub(super) payloads: Vec<&'a str>,
    pub(super) metadatas: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(placed: impl Iterator<Item = &'a Placed<'a>> + Clone) -> Self {
        Self {
            events: placed.clone().map(|it| it.event).collect(),
            hashes: placed.clone().map(|it| it.hash.as_str()).collect(),
            kinds: placed.clone().map(|it| it.admitted.artifact.kind()).collect(),
            payloads: placed.clone().map(|it| it.admitted.artifact.payload_text()).collect(),
            metadatas: placed.map(|it| it.admitted.metadata.as_deref()).collect(),
        }
    }
}

/// Inserts the artifacts of an append whose events are there, in pieces, and without what the store has already.
pub(super) fn insert_in_pieces(
    transaction: &mut Transaction<'_>,
    known: &postgres::Statement,
    insert: &postgres::Statement,
    pending: &Pending,
) -> Result<(), postgres::Error> {
    let mut placed = in_order(pending.events.iter());
    placed.dedup_by(|later, first| later.hash == first.hash);
    let hashes: Vec<&str> = placed.iter().map(|it| it.hash.as_str()).collect();
    let stored = transaction.query(known, &[&hashes])?;
    let stored: HashSet<&str> = stored.iter().map(|row| row.try_get(0)).collect::<Result<_, postgres::Error>>()?;
    let new: Vec<_> = placed.iter().filter(|it| !stored.contains(it.hash.as_str())).collect();
    let mut rest = new.as_slice();
    while !rest.is_empty() {
        let mut size = 0;
        let fits = rest.iter().take_while(|it| {
            let first = size == 0;
            size += it.admitted.artifact.payload_text().len();
            first || size <= AT_ONCE
        });
        let (now, later) = rest.split_at(fits.count());
        let Columns { events, hashes, kinds, payloads, metadatas } = Columns::of(now.iter().copied());
        let (run, expected) = (pending.flow_id.as_uuid(), signed(pending.expected));
        transaction.execute(insert, &[&run, &expected, &events, &hashes, &kinds, &payloads, &metadatas])?;
        rest = later;
    }
    Ok(())
}
