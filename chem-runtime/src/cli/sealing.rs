//! Seals the log after a run.

use super::CommandName;
use super::advice::Advice;
use super::args::Shared;
use super::output::{self, ODD, styled};
use crate::evidence::{EvidenceError, Witness, seal};
use crate::store::EventStore;

/// Seals the log of a store that is a local file. A log on a server has many writers, and is sealed by `chem seal`.
///
/// The run has ended, and its result does not depend on the seal: a seal that fails is a warning.
pub(super) fn after_a_run(shared: &Shared, store: &dyn EventStore) {
    if store.files().is_empty() || store.attestations().is_none() {
        return;
    }
    if let Err(error) = seal(store, Witness::of_user().as_ref(), None) {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let text = output::escape(&format!("the log is not sealed: {error}{cause}"));
        output::say(&format!("{}: {text}", styled(ODD, "warning")));
        if matches!(error, EvidenceError::NotAsSealed(_)) {
            let audit = Advice::text("  ").then_command(CommandName::Audit, &[]);
            output::advise(shared, &audit.then(" names everything that is not as it was sealed"));
        }
    }
}
