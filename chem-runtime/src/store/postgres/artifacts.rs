//! The artifacts of an append in the form of the database functions: as columns, sorted by hash.

use tokio_postgres::Row;

use super::Fault;
use super::client::{Parameters, Transaction};
use super::read::artifact;
use super::rows::signed;
use super::session::Session;
use crate::store::admit::{Admitted, AdmittedArtifact};
use crate::store::pending::{AT_ONCE, Pending};

pub(super) const APPEND: &str = "SELECT store.chem_append_artifacts($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const REPAIR: &str = "SELECT store.chem_repair_artifacts($1, $2, $3, $4, $5, $6)";

/// An artifact, and the event that it is appended with.
pub(super) struct Placed<'a> {
    /// The number of the event in its append, from 1; 0 for an artifact without an event.
    event: i32,
    hash: String,
    admitted: &'a AdmittedArtifact,
}

impl<'a> Placed<'a> {
    fn alone(admitted: &'a AdmittedArtifact) -> Self {
        Self { event: 0, hash: admitted.artifact.hash().to_string(), admitted }
    }
}

/// Returns the artifacts of these events, sorted by hash. All callers use this order, so that no two of them wait for
/// each other; of several artifacts with one hash, the first is stored.
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
    pub(super) payloads: Vec<Option<&'a str>>,
    pub(super) metadatas: Vec<Option<&'a str>>,
    pub(super) codecs: Vec<Option<&'a str>>,
    pub(super) packed: Vec<Option<&'a [u8]>>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(placed: impl Iterator<Item = &'a Placed<'a>> + Clone) -> Self {
        Self {
            events: placed.clone().map(|it| it.event).collect(),
            hashes: placed.clone().map(|it| it.hash.as_str()).collect(),
            kinds: placed.clone().map(|it| it.admitted.artifact.kind()).collect(),
            payloads: placed.clone().map(|it| it.admitted.plain()).collect(),
            metadatas: placed.clone().map(|it| it.admitted.metadata.as_deref()).collect(),
            codecs: placed.clone().map(|it| it.admitted.codec()).collect(),
            packed: placed.map(|it| it.admitted.packed()).collect(),
        }
    }
}

/// Appends the artifacts of an append, whose events are stored already, in pieces. Known artifacts are sent too,
/// because the database compares them with its own. Returns those of which it has other bytes.
pub(super) fn append_in_pieces(
    transaction: &mut Transaction<'_>,
    append: &tokio_postgres::Statement,
    pending: &Pending,
) -> Result<Others, tokio_postgres::Error> {
    let mut others = Others::default();
    let mut placed = in_order(pending.events.iter());
    placed.dedup_by(|later, first| later.hash == first.hash);
    let (run, expected) = (pending.flow_id.as_uuid(), signed(pending.expected));
    for piece in pieces(&placed) {
        let Columns { events, hashes, kinds, payloads, metadatas, codecs, packed } = Columns::of(piece.iter());
        let row = transaction
            .query_one(append, &[&run, &expected, &events, &hashes, &kinds, &payloads, &metadatas, &codecs, &packed])?;
        others.add(&row)?;
    }
    Ok(others)
}

/// The hashes of artifacts of which the database has other bytes than it was given: the same text in another spelling or from
/// another codec, or a damaged copy.
#[derive(Debug, Default)]
pub(super) struct Others(Vec<String>);

impl Others {
    /// Adds what a function that appends returned.
    pub(super) fn add(&mut self, row: &Row) -> Result<(), tokio_postgres::Error> {
        self.0.extend(row.try_get::<_, Option<Vec<String>>>(0)?.unwrap_or_default());
        Ok(())
    }

    /// Stores a further copy of each of these artifacts of the events that has no sound one.
    pub(super) fn repair<'a>(
        &self,
        session: &mut Session,
        events: impl Iterator<Item = &'a Admitted>,
    ) -> Result<u64, Fault> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let mut named = in_order(events);
        named.dedup_by(|later, first| later.hash == first.hash);
        named.retain(|placed| self.0.contains(&placed.hash));
        repair_placed(session, named)
    }
}

/// Stores a further copy of each artifact of which there is no sound copy. Returns the number of new copies.
pub(super) fn repair(session: &mut Session, artifacts: &[AdmittedArtifact]) -> Result<u64, Fault> {
    repair_placed(session, artifacts.iter().map(Placed::alone).collect())
}

fn repair_placed(session: &mut Session, artifacts: Vec<Placed<'_>>) -> Result<u64, Fault> {
    let mut unsound = Vec::new();
    for placed in artifacts {
        match artifact(session, placed.admitted.artifact.hash()) {
            Ok(Some(_)) => {}
            Ok(None) | Err(Fault::Store(_)) => unsound.push(placed),
            Err(fault) => return Err(fault),
        }
    }
    let statement = session.prepared(REPAIR)?;
    let mut repaired = 0;
    for piece in pieces(&unsound) {
        let Columns { hashes, kinds, payloads, metadatas, codecs, packed, .. } = Columns::of(piece.iter());
        let given: &Parameters<'_> = &[&hashes, &kinds, &payloads, &metadatas, &codecs, &packed];
        repaired += session.query_one(&statement, given)?.try_get::<_, i64>(0)?.unsigned_abs();
    }
    Ok(repaired)
}

/// Splits artifacts into slices of at most [`AT_ONCE`] bytes of text; a larger artifact gets a slice of its own.
fn pieces<'a, 'b>(placed: &'b [Placed<'a>]) -> impl Iterator<Item = &'b [Placed<'a>]> {
    let mut rest = placed;
    std::iter::from_fn(move || {
        let mut size = 0;
        let fits = rest.iter().take_while(|it| {
            let first = size == 0;
            size += it.admitted.stored_length();
            first || size <= AT_ONCE
        });
        let (now, later) = rest.split_at(fits.count());
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}
