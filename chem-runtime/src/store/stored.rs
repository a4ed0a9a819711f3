//! Events as a store holds them, for readers that do not interpret them.

use jiff::Timestamp;

use super::PersistenceError;
use crate::event::{EventError, FlowEvent, FlowEventKind, FlowId};

/// The row of an event, whether or not this release knows its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The number of the event in the whole store.
    pub seq: u64,
    /// The id of the run, in lower case.
    pub flow_id: String,
    /// The position in the run, from 0.
    pub position: u64,
    /// The time of the append: RFC 3339 in UTC, with six digits after the second.
    pub ts: String,
    /// The name of the kind.
    pub event_type: String,
    /// The payload as canonical JSON. In a damaged store it may be anything.
    pub payload: Vec<u8>,
}

impl StoredEvent {
    /// Returns the row of `event`.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Refused`] if the payload has no canonical form, which no stored event's does.
    pub fn of(event: &FlowEvent) -> Result<Self, PersistenceError> {
        let (flow_id, event_type) = (event.flow_id, event.kind.event_type());
        let payload = event.kind.payload_text();
        let payload = payload.map_err(|source| PersistenceError::Refused { flow_id, event_type, source })?;
        Ok(Self {
            seq: event.seq,
            flow_id: flow_id.to_string(),
            position: event.position,
            ts: format!("{:.6}", event.ts),
            event_type: event_type.to_owned(),
            payload: payload.into_bytes(),
        })
    }

    /// Returns the event.
    ///
    /// # Errors
    /// Returns an error that names the event if it cannot be read.
    pub fn decode(self) -> Result<FlowEvent, PersistenceError> {
        let Self { seq, flow_id, position, ts, event_type, payload } = self;
        let corrupt = |what: &str, found: &str| PersistenceError::Corrupt {
            reason: format!("event {position} of run `{flow_id}` has `{found}` as its {what}"),
        };
        let run: FlowId = flow_id.parse().map_err(|_| corrupt("run", &flow_id))?;
        let ts: Timestamp = ts.parse().map_err(|_| corrupt("time", &ts))?;
        let kind = str::from_utf8(&payload)
            .map_err(|error| EventError::Malformed { event_type: event_type.clone(), reason: error.to_string() })
            .and_then(|payload| FlowEventKind::from_stored(&event_type, payload))
            .map_err(|source| PersistenceError::Event { flow_id: run, position, source })?;
        Ok(FlowEvent { seq, flow_id: run, position, ts, kind })
    }
}
