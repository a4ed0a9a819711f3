//! Evidence: whether the log is still what it was.
//!
//! A head covers a run up to an event, and a Merkle tree as in RFC 6962 covers the whole log. Both are functions of
//! the events and of the order in which every reader gets them, so writers do nothing for them, and a log of any earlier
//! release has them too.
//!
//! [`seal`] computes the tree and stores its root as a [`Checkpoint`]. A copy of the newest checkpoint is kept outside the
//! store, by a [`Witness`]. [`audit`] computes everything again, and names the first event, artifact or attestation that is
//! not as it was sealed. Who may change rows can also compute new roots, so what counts as evidence is the copy of a
//! checkpoint that he cannot change, or its signature.
//!
//! ```
//! use chem_runtime::engine::FlowEngine;
//! use chem_runtime::evidence::{audit, seal};
//! use chem_runtime::steps::demo::Seed;
//! use chem_runtime::store::InMemoryEventStore;
//!
//! let store = std::sync::Arc::new(InMemoryEventStore::new());
//! FlowEngine::on(store.clone()).first_step(Seed { text: "CCO".into() }).build()?.run_to_end()?;
//! let sealed = seal(store.as_ref(), None, None)?;
//! assert_eq!(sealed.checkpoint.map(|checkpoint| checkpoint.size), Some(4));
//! assert!(audit(store.as_ref(), None, None)?.is_sound());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod audit;
mod checkpoint;
mod decision;
mod error;
mod finding;
mod hash;
mod head;
mod identity;
mod plan;
mod proof;
mod record;
mod run;
mod seal;
mod sealed_runs;
mod signer;
mod statement;
mod tiles;
mod timestamp;
mod tree;
mod walk;
mod witness;

pub use audit::{Audit, RunAudit, Signed, audit, audit_run};
pub use checkpoint::{Checkpoint, InvalidCheckpoint};
pub(crate) use decision::{CheckedDecisions, InvalidDecision, check_decisions, check_signature};
pub use decision::{Decided, Signing};
pub use error::{EvidenceError, InvalidIdentity};
pub use finding::{EventName, Finding};
pub use hash::Digest;
pub use head::{EMPTY_HEAD, head_after, leaf_data, leaf_hash};
pub use identity::{Identity, operator};
pub use plan::{InvalidPlan, Plan, PlanId, PlanSeal, StatedPlan, state_plan, stated_plans};
pub use proof::{RunProof, prove_run};
pub use run::{RunEvidence, RunSeal, RunStatement, evidence_of};
pub use seal::{Sealed, seal};
pub use sealed_runs::{SealedRuns, prove_runs, root_with};
pub(crate) use signer::is_signature_of;
pub use signer::{AllowedSigners, Signer};
pub use statement::{InvalidStatement, Statement, sign};
pub use tiles::{Tiles, write_tiles};
pub use timestamp::{Stamped, TimeAuthorities, check_timestamps, timestamp};
pub use tree::{
    Frontier, consistency_proof, inclusion_proof, node_hash, root_of, verify_consistency, verify_inclusion,
};
pub use walk::{Hashed, Walk};
pub use witness::{Kept, Witness};
