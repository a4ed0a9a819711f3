//! The URL of a store in memory.

use std::fmt;
use std::sync::Arc;

use crate::store::{Backend, EventStore, InMemoryEventStore, InvalidStoreUrl, OpenMode, PersistenceError};

/// `memory:`, a new store each time it is opened, which ends with the process.
#[derive(Debug)]
struct InMemory;

crate::register_backend!(InMemory);

impl fmt::Display for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory:")
    }
}

impl Backend for InMemory {
    fn schemes() -> &'static [&'static str] {
        &["memory"]
    }

    fn form() -> &'static str {
        "memory:"
    }

    fn parse(_: &str, rest: &str) -> Result<Self, InvalidStoreUrl> {
        if rest.is_empty() { Ok(Self) } else { Err(InvalidStoreUrl::new("`memory:` takes nothing after it")) }
    }

    fn open(&self, _: OpenMode) -> Result<Arc<dyn EventStore>, PersistenceError> {
        Ok(Arc::new(InMemoryEventStore::new()))
    }

    fn outlives_process(&self) -> bool {
        false
    }
}
