//! Stores leases as rows. Each check runs in the transaction that it guards.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::rows::{signed, status_of_last};
use crate::event::FlowId;
use crate::flow::FlowStatus;
use crate::store::lease::{LeaseState, check_epoch};
use crate::store::{Holder, Lease, PersistenceError, Takeover};

/// A failure of SQLite, or the reason why a lease was refused.
pub(super) enum LeaseError {
    Sqlite(rusqlite::Error),
    Store(PersistenceError),
}

impl From<rusqlite::Error> for LeaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<PersistenceError> for LeaseError {
    fn from(error: PersistenceError) -> Self {
        Self::Store(error)
    }
}

/// Checks that `lease` is the current one for an append at `expected`. Records the lease of a new run.
pub(super) fn check(connection: &Connection, lease: &Lease, expected: u64) -> Result<(), LeaseError> {
    let state = read(connection, lease.flow_id)?;
    if state.is_none() && expected == 0 && lease.epoch == 1 {
        return write(connection, lease);
    }
    Ok(check_epoch(lease, state.as_ref().map(|state| (state.epoch, &state.holder)))?)
}

/// Checks that a run to which a caller without a lease appends has no lease holder.
pub(super) fn refuse_if_held(connection: &Connection, flow_id: FlowId) -> Result<(), LeaseError> {
    match read(connection, flow_id)? {
        Some(state) if !state.lapsed => Err(PersistenceError::Fenced { flow_id, holder: Some(state.holder) }.into()),
        _ => Ok(()),
    }
}

/// Acquires the lease on a run.
pub(super) fn take(
    connection: &Connection,
    flow_id: FlowId,
    holder: &Holder,
    takeover: Takeover,
) -> Result<Lease, LeaseError> {
    let state = read(connection, flow_id)?;
    if let Some(state) = &state {
        state.permit(flow_id, holder, takeover)?;
    }
    let lease = Lease { flow_id, epoch: state.map_or(0, |state| state.epoch) + 1, holder: holder.clone() };
    write(connection, &lease)?;
    Ok(lease)
}

/// Releases a run's lease if `lease` is the current one.
pub(super) fn release(connection: &Connection, lease: &Lease) -> rusqlite::Result<()> {
    let epoch = signed(lease.epoch)?;
    connection
        .prepare_cached("UPDATE flow_leases SET released = 1 WHERE flow_id = ? AND epoch = ?")?
        .execute(params![lease.flow_id.to_string(), epoch])
        .map(drop)
}

/// Returns the current lease holder, or `None` if the run is free.
pub(super) fn holder(connection: &Connection, flow_id: FlowId) -> Result<Option<Holder>, LeaseError> {
    Ok(read(connection, flow_id)?.and_then(|state| state.held().cloned()))
}

/// Selects the lease of a run, with the status of the run.
static READ: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT epoch, holder, released,
                (SELECT {} FROM event_log AS last WHERE flow_id = ?1 ORDER BY position DESC LIMIT 1)
         FROM flow_leases WHERE flow_id = ?1",
        status_of_last()
    )
});

fn read(connection: &Connection, flow_id: FlowId) -> Result<Option<LeaseState>, LeaseError> {
    let row = |row: &Row<'_>| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?, row.get::<_, Option<String>>(3)?))
    };
    let found = connection.prepare_cached(&READ)?.query_row([flow_id.to_string()], row).optional()?;
    let Some((epoch, holder, released, status)) = found else {
        return Ok(None);
    };
    let holder: Holder = serde_json::from_str(&holder).map_err(|error| PersistenceError::Corrupt {
        reason: format!("the holder of the lease of run {flow_id} cannot be read: {error}"),
    })?;
    // All writers of the file share memory, so they run on one machine.
    let lapsed = released || holder.is_of_an_earlier_start();
    let status = status.as_deref().and_then(FlowStatus::named);
    Ok(Some(LeaseState { epoch: epoch.unsigned_abs(), holder, lapsed, status }))
}

fn write(connection: &Connection, lease: &Lease) -> Result<(), LeaseError> {
    let holder = serde_json::json!(lease.holder).to_string();
    connection
        .prepare_cached(
            "INSERT INTO flow_leases (flow_id, epoch, holder) VALUES (?, ?, ?)
             ON CONFLICT (flow_id) DO UPDATE SET epoch = excluded.epoch, holder = excluded.holder, released = 0",
        )?
        .execute(params![lease.flow_id.to_string(), signed(lease.epoch)?, holder])?;
    Ok(())
}
