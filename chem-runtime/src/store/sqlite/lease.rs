//! Stores leases as rows. Each check runs in the transaction that it guards.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteEventStore;
use super::rows::{signed, status_of_last};
use crate::event::FlowId;
use crate::flow::FlowStatus;
use crate::store::{Holder, Lease, LeaseRecord, Leases, PersistenceError};

/// Selects the lease of a run, with the status of the run.
static READ: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT epoch, holder, released,
                (SELECT {} FROM event_log AS last WHERE flow_id = ?1 ORDER BY position DESC LIMIT 1)
         FROM flow_leases WHERE flow_id = ?1",
        status_of_last()
    )
});

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

impl Leases for SqliteEventStore {
    fn read_lease(&self, flow_id: FlowId) -> Result<Option<LeaseRecord>, PersistenceError> {
        read(&self.reading(), flow_id).map_err(|error| self.lease_failed("read", error))
    }

    fn record_lease(&self, lease: &Lease) -> Result<bool, PersistenceError> {
        record(&self.connection(), lease).map_err(self.failed("append to"))
    }

    fn release_lease(&self, held: &Lease) -> Result<(), PersistenceError> {
        release(&self.connection(), held).map_err(self.failed("append to"))
    }
}

impl SqliteEventStore {
    pub(super) fn lease_failed(&self, action: &str, error: LeaseError) -> PersistenceError {
        match error {
            LeaseError::Sqlite(error) => self.failed(action)(error),
            LeaseError::Store(error) => error,
        }
    }
}

/// Releases a run's lease if `lease` is the current one.
fn release(connection: &Connection, lease: &Lease) -> rusqlite::Result<()> {
    let epoch = signed(lease.epoch)?;
    connection
        .prepare_cached("UPDATE flow_leases SET released = 1 WHERE flow_id = ? AND epoch = ?")?
        .execute(params![lease.flow_id.to_string(), epoch])
        .map(drop)
}

/// Returns the recorded lease of a run, or `None` if there never was one.
pub(super) fn read(connection: &Connection, flow_id: FlowId) -> Result<Option<LeaseRecord>, LeaseError> {
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
    Ok(Some(LeaseRecord { epoch: epoch.unsigned_abs(), holder, lapsed, released, status }))
}

/// Records `lease` if the recorded epoch is the one before it, and returns whether it did.
pub(super) fn record(connection: &Connection, lease: &Lease) -> rusqlite::Result<bool> {
    let holder = serde_json::json!(lease.holder).to_string();
    let (run, epoch) = (lease.flow_id.to_string(), signed(lease.epoch)?);
    let recorded = match epoch {
        1 => connection
            .prepare_cached("INSERT INTO flow_leases (flow_id, epoch, holder) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")?
            .execute(params![run, epoch, holder])?,
        _ => connection
            .prepare_cached(
                "UPDATE flow_leases SET epoch = ?2, holder = ?3, released = 0 WHERE flow_id = ?1 AND epoch = ?2 - 1",
            )?
            .execute(params![run, epoch, holder])?,
    };
    Ok(recorded == 1)
}
