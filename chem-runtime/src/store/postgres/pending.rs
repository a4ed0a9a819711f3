//! The parameters of an append for the database functions.

use super::rows::signed;
use crate::store::pending::Pending;

impl Pending {
    pub(super) fn epoch(&self) -> Option<i64> {
        self.lease.as_ref().map(|lease| signed(lease.epoch))
    }

    /// Returns the lease holder, if the store learns of the lease with this append.
    pub(super) fn new_holder(&self) -> Option<String> {
        let lease = self.lease.as_ref().filter(|lease| self.expected == 0 && lease.epoch == 1)?;
        Some(serde_json::json!(lease.holder).to_string())
    }
}
