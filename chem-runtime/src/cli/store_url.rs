//! Chooses the store of a command.

use super::args::Shared;
use crate::store::{InvalidStoreUrl, StoreUrl};

/// Returns the URL of the store named by the command line, or else by the environment.
pub(super) fn store_url(shared: &Shared) -> Result<StoreUrl, InvalidStoreUrl> {
    StoreUrl::choose(shared.store.as_deref(), |name| std::env::var(name).ok())
}
