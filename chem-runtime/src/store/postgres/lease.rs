//! The leases of runs in the database, and their renewal by the lease holder.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use uuid::Uuid;

use super::rows::{signed, status_of_last};
use super::session::Session;
use super::{Fault, Inner};
use crate::event::FlowId;
use crate::flow::FlowStatus;
use crate::store::{Lease, LeaseRecord, LeaseTerms, PersistenceError};

/// Selects the lease of a run, with the status of the run.
static READ: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT epoch, holder::text, coalesce(renewed_at < clock_timestamp() - make_interval(secs => $2), true),
                renewed_at IS NULL,
                (SELECT {} FROM store.event_log AS last WHERE flow_id = $1 ORDER BY position DESC LIMIT 1)
         FROM store.flow_leases WHERE flow_id = $1",
        status_of_last()
    )
});
const TAKE: &str = "SELECT store.chem_take_lease($1, $2, $3)";
const RELEASE: &str = "SELECT store.chem_release_lease($1, $2)";
const RENEW: &str = "SELECT store.chem_renew_leases($1, $2)";

/// Records a lease if the recorded epoch is the one before it, and returns whether it did.
pub(super) fn record(session: &mut Session, lease: &Lease) -> Result<bool, Fault> {
    let statement = session.prepared(TAKE)?;
    let holder = serde_json::json!(lease.holder).to_string();
    let seen = signed(lease.epoch.saturating_sub(1));
    let row = session.query_one(&statement, &[&lease.flow_id.as_uuid(), &seen, &holder])?;
    Ok(row.try_get::<_, Option<i64>>(0)?.is_some())
}

/// Releases a lease, if the run is still held under it.
pub(super) fn release(session: &mut Session, lease: &Lease) -> Result<(), Fault> {
    let statement = session.prepared(RELEASE)?;
    session.execute(&statement, &[&lease.flow_id.as_uuid(), &signed(lease.epoch)])?;
    Ok(())
}

/// Returns the recorded lease of a run, or `None` if there never was one.
pub(super) fn read(session: &mut Session, flow_id: FlowId, terms: LeaseTerms) -> Result<Option<LeaseRecord>, Fault> {
    let statement = session.prepared(&READ)?;
    let Some(row) = session.query_opt(&statement, &[&flow_id.as_uuid(), &terms.lapses_after.as_secs_f64()])? else {
        return Ok(None);
    };
    let holder = serde_json::from_str(row.try_get(1)?).map_err(|error| PersistenceError::Corrupt {
        reason: format!("the holder of the lease of run {flow_id} cannot be read: {error}"),
    })?;
    let epoch: i64 = row.try_get(0)?;
    let status: Option<&str> = row.try_get(4)?;
    Ok(Some(LeaseRecord {
        epoch: epoch.unsigned_abs(),
        holder,
        lapsed: row.try_get(2)?,
        released: row.try_get(3)?,
        status: status.and_then(FlowStatus::named),
    }))
}

/// Renews all leases that a store holds. Starts its thread with the first lease.
#[derive(Default)]
pub(super) struct SignOfLife {
    state: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    held: Mutex<Held>,
    over: Condvar,
}

#[derive(Default)]
struct Held {
    epochs: HashMap<FlowId, u64>,
    begun: bool,
    over: bool,
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SignOfLife {
    /// Adds a lease to those that are renewed.
    pub(super) fn holds(&self, lease: &Lease, store: &Arc<Inner>) {
        let mut held = self.state.held();
        held.epochs.insert(lease.flow_id, lease.epoch);
        if !held.begun {
            held.begun = true;
            let (shared, every, store) = (self.state.clone(), store.terms.shows_every, Arc::downgrade(store));
            // Without the thread, the lease lapses after a minute, and the writer is fenced only if another one takes
            // over.
            let begun =
                std::thread::Builder::new().name("chem-leases".into()).spawn(move || show(&shared, every, &store));
            held.begun = begun.is_ok();
        }
    }

    /// Stops the renewal of a lease. A later lease on the same run is still renewed.
    pub(super) fn releases(&self, lease: &Lease) {
        let mut held = self.state.held();
        if held.epochs.get(&lease.flow_id) == Some(&lease.epoch) {
            held.epochs.remove(&lease.flow_id);
        }
    }
}

impl Drop for SignOfLife {
    fn drop(&mut self) {
        self.state.held().over = true;
        self.state.over.notify_all();
    }
}

fn show(shared: &Shared, every: Duration, store: &Weak<Inner>) {
    let mut held = shared.held();
    loop {
        let waited = shared.over.wait_timeout_while(held, every, |held| !held.over);
        held = waited.unwrap_or_else(PoisonError::into_inner).0;
        if held.over {
            return;
        }
        if held.epochs.is_empty() {
            continue;
        }
        let (runs, epochs): (Vec<Uuid>, Vec<i64>) =
            held.epochs.iter().map(|(flow_id, epoch)| (flow_id.as_uuid(), signed(*epoch))).unzip();
        drop(held);
        let Some(store) = store.upgrade() else { return };
        let renewed = store.with_session("renew the leases in", |session| {
            let statement = session.prepared(RENEW)?;
            Ok(session.execute(&statement, &[&runs, &epochs])?)
        });
        if let Err(error) = renewed {
            tracing::warn!(%error, "this process could not renew the leases on its runs");
        }
        drop(store);
        held = shared.held();
    }
}
