//! A run as a list shows it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cli::args::Format;
use crate::event::{BranchCreated, ChildOf, FlowEventKind, FlowId, event_variants};
use crate::flow::FlowStatus;
use crate::report::{mark_running, summary_json};
use crate::step::children::MAP_STEP;
use crate::store::{ErrorClass, EventStore, FlowSummary, Holder, PersistenceError};
use crate::workbench::{ListedRun, running_process};

/// A run and its position in its family.
pub(super) struct Row {
    pub(super) flow_id: FlowId,
    /// The sequence number of the run's first event.
    pub(super) began_with: u64,
    pub(super) flow: String,
    pub(super) status: FlowStatus,
    pub(super) began: Timestamp,
    pub(super) took: SignedDuration,
    pub(super) fingerprint: String,
    pub(super) json: Value,
    pub(super) depth: usize,
    pub(super) branch: Option<BranchCreated>,
    pub(super) child_of: Option<ChildOf>,
    /// The lease holder, if another process runs it.
    pub(super) holder: Option<Holder>,
    /// Whether steps of it have children.
    pub(super) has_children: bool,
}

impl Row {
    pub(super) fn new(ListedRun { summary: flow, holder }: ListedRun) -> Self {
        let has_children = match &flow.first.kind {
            FlowEventKind::FlowInitialized(begun) => {
                begun.definition.steps.iter().any(|step| step.uses == MAP_STEP || step.shards.is_some())
            }
            _ => false,
        };
        let until = if holder.is_some() { Timestamp::now() } else { flow.last.ts };
        Self {
            flow_id: flow.flow_id(),
            began_with: flow.first.seq,
            flow: flow.flow().unwrap_or("?").to_owned(),
            status: flow.status(),
            began: flow.first.ts,
            took: until.duration_since(flow.first.ts),
            fingerprint: flow.flow_fingerprint().map(|fingerprint| fingerprint.short()).unwrap_or_default(),
            json: summary_json(&flow),
            depth: 0,
            branch: None,
            child_of: flow.child_of().cloned(),
            holder,
            has_children,
        }
    }

    /// Reads the run `flow_id`; `None` if it has no events, or is damaged, which is added to `unreadable`.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub(super) fn read(
        store: &dyn EventStore,
        flow_id: FlowId,
        format: Format,
        unreadable: &mut Vec<PersistenceError>,
    ) -> Result<Option<Self>, PersistenceError> {
        let events = match store.list(flow_id) {
            Err(error) if error.class() == ErrorClass::Corrupt => {
                unreadable.push(error);
                return Ok(None);
            }
            events => events?,
        };
        let event_variants = (format == Format::Json).then(|| event_variants(&events));
        let summary = events.first().cloned().zip(events.last().cloned());
        let Some((first, last)) = summary else { return Ok(None) };
        let summary = FlowSummary { first, last, event_variants };
        let holder = running_process(store, flow_id, summary.status())?;
        Ok(Some(Self::new(ListedRun { summary, holder })))
    }

    pub(super) fn into_json(self) -> Value {
        let mut object = self.json;
        if let Some(branch) = &self.branch {
            object["branch"] = json!({"parent": branch.parent, "root": branch.root, "from": branch.step_id});
        }
        if let Some(child) = &self.child_of {
            object["child_of"] = json!(child);
        }
        if let Some(holder) = &self.holder {
            mark_running(&mut object, holder);
        }
        object
    }
}
