//! Identity: canonical JSON and tagged SHA-256 hashes over it.
//!
//! Every comparison between two runs compares hashes from this module. The layers above decide what goes into each hash;
//! this module converts JSON values to bytes and bytes to hashes.

mod canonical;
mod hash;
mod typed;

pub use canonical::{CanonicalError, MAX_DEPTH, MAX_LENGTH, write_canonical_f64};
pub(crate) use canonical::{Text, as_read_back, check_length, write_canonical_str, write_f64, write_json_str};
pub use hash::{
    ArtifactHash, CacheKey, ContentHash, ContentHasher, DefinitionHash, DivergenceHash, Fingerprint, ParseHashError,
    SCHEME, WorkKey,
};
pub(crate) use hash::{Tag, tagged_sha256};
pub(crate) use typed::{CanonicalText, canonical_text};
pub use typed::{canonical_json, to_json};
