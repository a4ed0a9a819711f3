//! Identity: the rules that make a hash worth trusting, each as a property.
//!
//! - `chunks`: where a row is in its source is not part of its content.
//! - `canonical`: one text for one value, however it is spelled.
//! - `refusal`: what has no identity is refused, with the path where it stands.
//! - `stores`: a hash is the same before and after a trip through each store.
//! - `steps`: what a step's fingerprint and cache key depend on, and what they do not.
//! - `flows`: what a definition's hash and a flow's fingerprint depend on.
//! - `params`: parameters are hashed in their typed, defaulted form.
//! - `expressions`: what an expression says does not depend on how a column was read.
//! - `functions`: the functions of expressions agree with Python, and have the same digits on every machine.
//! - `numbers`: a number that was written to a file and read back is the same number.
//! - `tree`: the tree of a log, and its proofs, are those of another implementation of RFC 6962.
//! - `scheme`: the hashes of scheme 1, worked out by hand, which must never change.

mod canonical;
mod chunks;
mod expressions;
mod flows;
mod functions;
mod numbers;
mod params;
mod refusal;
mod scheme;
mod spelling;
mod steps;
mod stores;
mod tree;
