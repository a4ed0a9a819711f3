//! Identity: canonical JSON, and the tagged SHA-256 hashes taken over it.
//!
//! Everything that is compared between two runs is a hash made here. What goes into each hash is decided by the
//! layers above; this module knows only how a JSON value becomes bytes and bytes become a hash.

mod canonical;
mod hash;
mod typed;

pub use canonical::{CanonicalError, MAX_DEPTH, MAX_LENGTH, write_canonical_f64, write_canonical_str};
pub(crate) use canonical::{as_read_back, check_length, write_json_str};
pub use hash::{
    ArtifactHash, CacheKey, ContentHash, DefinitionHash, DivergenceHash, Fingerprint, ParseHashError, SCHEME,
};
pub(crate) use hash::{Tag, tagged_sha256};
pub(crate) use typed::{CanonicalText, canonical_text};
pub use typed::{canonical_json, to_json};
