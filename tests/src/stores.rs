//! The stores that every law is checked on.

use std::sync::Arc;

#[cfg(all(feature = "postgres", unix))]
use chem_runtime::store::postgres::PgEventStore;
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventStore, InMemoryEventStore};
use tempfile::TempDir;

#[cfg(all(feature = "postgres", unix))]
use crate::postgres_server::{self, TestDatabase};

/// Hands the list of stores to a macro. A new store joins all suites with a line here.
#[macro_export]
macro_rules! stores {
    ($callback:ident) => {
        $callback! {
            memory => $crate::stores::Memory,
            sqlite => $crate::stores::Sqlite,
            #[cfg(all(feature = "postgres", unix))]
            postgres => $crate::stores::Postgres,
        }
    };
}

/// A kind of store, with one of them made for a test.
pub trait Backend: Send + Sync {
    /// A new, empty store; none where this machine has no such thing, which has then been said.
    fn fresh() -> Option<Self>
    where
        Self: Sized;

    /// The store.
    fn store(&self) -> Arc<dyn EventStore>;

    /// The same store opened once more, as another process would open it; none if it ends with its process.
    fn reopen(&self) -> Option<Arc<dyn EventStore>>;
}

/// One new store of each kind.
pub fn fresh() -> Vec<(&'static str, Box<dyn Backend>)> {
    let mut stores: Vec<(&'static str, Box<dyn Backend>)> = Vec::new();
    macro_rules! push {
        ($($(#[$meta:meta])* $name:ident => $backend:ty,)*) => {$(
            $(#[$meta])*
            if let Some(backend) = <$backend as Backend>::fresh() {
                stores.push((stringify!($name), Box::new(backend)));
            }
        )*};
    }
    stores!(push);
    stores
}

pub struct Memory(Arc<InMemoryEventStore>);

impl Backend for Memory {
    fn fresh() -> Option<Self> {
        Some(Self(Arc::new(InMemoryEventStore::new())))
    }

    fn store(&self) -> Arc<dyn EventStore> {
        self.0.clone()
    }

    fn reopen(&self) -> Option<Arc<dyn EventStore>> {
        None
    }
}

pub struct Sqlite {
    store: Arc<SqliteEventStore>,
    /// Removed with the test's end.
    _directory: TempDir,
}

impl Backend for Sqlite {
    fn fresh() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteEventStore::open(directory.path().join(".chem/store.db")).unwrap());
        Some(Self { store, _directory: directory })
    }

    fn store(&self) -> Arc<dyn EventStore> {
        self.store.clone()
    }

    fn reopen(&self) -> Option<Arc<dyn EventStore>> {
        Some(Arc::new(SqliteEventStore::open(self.store.path()).unwrap()))
    }
}

#[cfg(all(feature = "postgres", unix))]
pub struct Postgres {
    store: Arc<PgEventStore>,
    /// Removed with the test's end.
    database: TestDatabase,
}

#[cfg(all(feature = "postgres", unix))]
impl Backend for Postgres {
    fn fresh() -> Option<Self> {
        let database = postgres_server::database()?;
        let store = Arc::new(PgEventStore::open(&database.address()).unwrap());
        Some(Self { store, database })
    }

    fn store(&self) -> Arc<dyn EventStore> {
        self.store.clone()
    }

    fn reopen(&self) -> Option<Arc<dyn EventStore>> {
        Some(Arc::new(PgEventStore::open(&self.database.address()).unwrap()))
    }
}
