//! Who writes a run, as rows. All of it happens within the transaction that it is about.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::rows::signed;
use crate::event::FlowId;
use crate::store::lease::{LeaseState, check_epoch};
use crate::store::{Holder, Lease, StoreError, Takeover};

/// What SQLite said, or why the lease is not to be had.
pub(super) enum LeaseError {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for LeaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for LeaseError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Checks that an append at `expected` under `lease` is one of its present holder. The lease of a new run is taken.
pub(super) fn check(connection: &Connection, lease: &Lease, expected: u64) -> Result<(), LeaseError> {
    let state = read(connection, lease.flow_id)?;
    if state.is_none() && expected == 0 && lease.epoch == 1 {
        return write(connection, lease);
    }
    Ok(check_epoch(lease, state.as_ref().map(|state| (state.epoch, &state.holder)))?)
}

/// Checks that nobody holds a run to which a caller without a lease appends.
pub(super) fn refuse_if_held(connection: &Connection, flow_id: FlowId) -> Result<(), LeaseError> {
    match read(connection, flow_id)? {
        Some(state) if !state.lapsed => Err(StoreError::Fenced { flow_id, holder: Some(state.holder) }.into()),
        _ => Ok(()),
    }
}

/// Takes a run in hand.
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

/// Lets go of a run, if it is still held under this lease.
pub(super) fn release(connection: &Connection, lease: &Lease) -> rusqlite::Result<()> {
    let epoch = signed(lease.epoch)?;
    connection
        .prepare_cached("UPDATE flow_leases SET released = 1 WHERE flow_id = ? AND epoch = ?")?
        .execute(params![lease.flow_id.to_string(), epoch])
        .map(drop)
}

/// Who has a run in hand.
pub(super) fn holder(connection: &Connection, flow_id: FlowId) -> Result<Option<Holder>, LeaseError> {
    Ok(read(connection, flow_id)?.and_then(|state| state.held().cloned()))
}

fn read(connection: &Connection, flow_id: FlowId) -> Result<Option<LeaseState>, LeaseError> {
    let row = |row: &Row<'_>| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?, row.get::<_, Option<String>>(3)?))
    };
    let found = connection
        .prepare_cached(
            "SELECT epoch, holder, released,
                    (SELECT event_type FROM event_log WHERE flow_id = ?1 ORDER BY position DESC LIMIT 1)
             FROM flow_leases WHERE flow_id = ?1",
        )?
        .query_row([flow_id.to_string()], row)
        .optional()?;
    let Some((epoch, holder, released, last_event_type)) = found else {
        return Ok(None);
    };
    let holder: Holder = serde_json::from_str(&holder).map_err(|error| StoreError::Corrupt {
        reason: format!("the holder of the lease of run {flow_id} cannot be read: {error}"),
    })?;
    // Whoever writes the file has its memory in common with the others, and so the machine.
    let lapsed = released || holder.is_of_an_earlier_start();
    Ok(Some(LeaseState { epoch: epoch.unsigned_abs(), holder, lapsed, last_event_type }))
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
