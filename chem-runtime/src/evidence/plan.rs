//! Plans: what a person states before a run that they will do.
//!
//! A plan is the resolved definition of a flow, stated in an attestation. The next checkpoint seals it, and the events that
//! this checkpoint covers are those that had happened by then.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::error::EvidenceError;
use super::hash::Digest;
use super::record::{CHECKPOINT, FRONTIER, Rest, append_next};
use super::signer::Signer;
use crate::event::{FlowId, Operator, RecordedDefinition};
use crate::fingerprint::canonical_text;
use crate::store::{Attestation, Cursor, EventStore, PersistenceError, append_time};

/// The kind of the attestation, and the name before `@chem` of the namespace of its signature.
pub(super) const PLAN: &str = "plan";
const TITLE: &str = "chem plan v1";

/// The flow that a person will run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The name of the flow.
    pub flow: String,
    /// The resolved definition.
    pub definition: RecordedDefinition,
    /// Who states it, as one line.
    pub by: String,
    /// When, by the clock of the machine.
    pub time: Timestamp,
}

/// The text is not a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a plan: expected the lines flow, definition, by and time")]
pub struct InvalidPlan;

impl FromStr for Plan {
    type Err = InvalidPlan;

    fn from_str(text: &str) -> Result<Self, InvalidPlan> {
        let parse = || {
            let mut lines = text.lines();
            lines.next().filter(|title| *title == TITLE)?;
            let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
            let (flow, definition) = (value("flow")?.to_owned(), serde_json::from_str(value("definition")?).ok()?);
            let plan = Self { flow, definition, by: value("by")?.to_owned(), time: value("time")?.parse().ok()? };
            lines.next().is_none().then_some(plan)
        };
        parse().ok_or(InvalidPlan)
    }
}

/// The name of a plan: the SHA-256 of its text. Written as `plan:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanId(Digest);

impl PlanId {
    /// The part before the digits.
    pub const PREFIX: &str = "plan:";

    fn of(text: &str) -> Self {
        Self(Digest::of(text.as_bytes()))
    }

    /// Returns the beginning of the name, for people.
    pub fn short(&self) -> String {
        format!("{}{}", Self::PREFIX, &self.0.to_string()[..12])
    }

    /// Returns the name of a log that begins with this plan and has no events yet.
    pub(super) fn origin(&self) -> String {
        format!("chem/plan-{}", &self.0.to_string()[..32])
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

/// Returns the name of the plan in `attestation`, if it is one.
pub(super) fn plan_in(attestation: &Attestation) -> Option<PlanId> {
    (attestation.kind == PLAN).then(|| PlanId::of(&attestation.statement))
}

/// States a plan, and returns its name. The next seal covers it.
///
/// # Errors
/// [`EvidenceError::Unsupported`] if the store keeps no attestations, and [`EvidenceError::Signature`] if the key does not
/// sign.
pub fn state_plan(
    store: &dyn EventStore,
    flow: &str,
    definition: &RecordedDefinition,
    by: &Operator,
    signer: Option<&Signer>,
) -> Result<PlanId, EvidenceError> {
    let attestations = store.attestations().ok_or(EvidenceError::Unsupported)?;
    let line = |text: &str| text.replace(char::is_control, " ");
    let (by, ts) = (line(&by.to_string()), append_time());
    let definition = canonical_text(definition).map_err(|error| EvidenceError::Signature {
        message: "the plan has no canonical form".into(),
        source: Some(error.into()),
    })?;
    let flow = line(flow);
    let statement = format!("{TITLE}\nflow {flow}\ndefinition {}\nby {by}\ntime {ts:.6}\n", definition.text);
    let signature = signer.map(|signer| signer.sign(&format!("{PLAN}@chem"), &statement)).transpose()?;
    let id = PlanId::of(&statement);
    append_next(attestations, Attestation { number: 0, kind: PLAN.into(), flow_id: None, statement, signature, ts })?;
    Ok(id)
}

/// A plan in a store.
#[derive(Debug, Clone, PartialEq)]
pub struct StatedPlan {
    /// Its name.
    pub id: PlanId,
    /// What it says.
    pub plan: Plan,
    /// The first seal that covers it; `None` if none does yet.
    pub sealed: Option<PlanSeal>,
}

/// The seal of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanSeal {
    /// The number of events in the log before it.
    pub events: u64,
    /// When it was made, by the clock of the machine.
    pub ts: Timestamp,
    /// The cursor behind these events.
    cursor: Cursor,
}

impl PlanSeal {
    /// Returns the runs that began after the seal.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub fn runs_after(&self, store: &dyn EventStore) -> Result<BTreeSet<FlowId>, PersistenceError> {
        const PAGE: usize = 1_000;
        let (mut runs, mut cursor) = (BTreeSet::new(), self.cursor);
        loop {
            let page = store.read_stored(cursor, PAGE)?;
            let Some((_, last)) = page.last() else { return Ok(runs) };
            cursor = *last;
            let begun = page.iter().filter(|(event, _)| event.position == 0);
            runs.extend(begun.filter_map(|(event, _)| event.flow_id.parse::<FlowId>().ok()));
        }
    }
}

/// Returns the plans in a store, in the order in which they were stated. Leaves out what is not a plan of this release.
///
/// # Errors
/// [`EvidenceError::Unsupported`] if the store keeps no attestations; otherwise the error of the store.
pub fn stated_plans(store: &dyn EventStore) -> Result<Vec<StatedPlan>, EvidenceError> {
    let attestations = store.attestations().ok_or(EvidenceError::Unsupported)?;
    let (mut plans, mut rest): (Vec<StatedPlan>, Option<Rest>) = (Vec::new(), None);
    for attestation in attestations.read_all(0)? {
        match attestation.kind.as_str() {
            PLAN => {
                if let Ok(plan) = attestation.statement.parse() {
                    plans.push(StatedPlan { id: PlanId::of(&attestation.statement), plan, sealed: None });
                }
            }
            FRONTIER => rest = Rest::read(&attestation.statement),
            CHECKPOINT => {
                let seal = rest.take().map(|rest| PlanSeal {
                    events: rest.tree.size(),
                    ts: attestation.ts,
                    cursor: rest.cursor,
                });
                plans.iter_mut().filter(|plan| plan.sealed.is_none()).for_each(|plan| plan.sealed = seal);
            }
            _ => {}
        }
    }
    Ok(plans)
}
