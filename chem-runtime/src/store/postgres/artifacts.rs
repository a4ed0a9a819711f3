//! The artifacts of an append in the form of the database functions: as columns, sorted by hash.

use super::client::Transaction;

use super::pending::{AT_ONCE, Pending};
use super::rows::signed;
use super::session::Session;
use crate::store::admit::{Admitted, AdmittedArtifact};

pub(super) const APPEND: &str = "SELECT store.chem_append_artifacts($1, $2, $3, $4, $5, $6, $7)";
const REPAIR: &str = "SELECT store.chem_repair_artifacts($1, $2, $3, $4)";

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

/// Appends the artifacts of an append, whose events are stored already, in pieces. Known artifacts are sent too,
/// because the database compares them with its own.
pub(super) fn append_in_pieces(
    transaction: &mut Transaction<'_>,
    append: &tokio_postgres::Statement,
    pending: &Pending,
) -> Result<(), tokio_postgres::Error> {
    let mut placed = in_order(pending.events.iter());
    placed.dedup_by(|later, first| later.hash == first.hash);
    let (run, expected) = (pending.flow_id.as_uuid(), signed(pending.expected));
    for piece in pieces(&placed) {
        let Columns { events, hashes, kinds, payloads, metadatas } = Columns::of(piece.iter());
        transaction.execute(append, &[&run, &expected, &events, &hashes, &kinds, &payloads, &metadatas])?;
    }
    Ok(())
}

/// Stores a further copy of each artifact whose content no stored copy has. Returns the number of new copies.
pub(super) fn repair(session: &mut Session, artifacts: &[AdmittedArtifact]) -> Result<u64, tokio_postgres::Error> {
    let statement = session.prepared(REPAIR)?;
    let placed: Vec<_> = artifacts.iter().map(Placed::alone).collect();
    let mut repaired = 0;
    for piece in pieces(&placed) {
        let Columns { hashes, kinds, payloads, metadatas, .. } = Columns::of(piece.iter());
        let row = session.query_one(&statement, &[&hashes, &kinds, &payloads, &metadatas])?;
        repaired += row.try_get::<_, i64>(0)?.unsigned_abs();
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
            size += it.admitted.artifact.payload_text().len();
            first || size <= AT_ONCE
        });
        let (now, later) = rest.split_at(fits.count());
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}
