//! Opens stores by their URLs, with the backends that are linked into the program.
//!
//! A [`StoreUrl`] is text that a [`Backend`] has parsed. [`register_backend!`](crate::register_backend) makes a backend
//! known, from this crate or from another one:
//!
//! ```
//! use std::sync::Arc;
//!
//! use chem_runtime::store::{Backend, EventStore, InMemoryEventStore, InvalidStoreUrl, OpenMode, PersistenceError, StoreUrl};
//!
//! /// A store in memory that has a name.
//! #[derive(Debug)]
//! struct Draft(String);
//!
//! impl std::fmt::Display for Draft {
//!     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
//!         write!(f, "draft:{}", self.0)
//!     }
//! }
//!
//! impl Backend for Draft {
//!     fn schemes() -> &'static [&'static str] {
//!         &["draft"]
//!     }
//!
//!     fn form() -> &'static str {
//!         "draft:NAME"
//!     }
//!
//!     fn parse(_: &str, rest: &str) -> Result<Self, InvalidStoreUrl> {
//!         match rest {
//!             "" => Err(InvalidStoreUrl::new("`draft:` needs a name")),
//!             name => Ok(Self(name.to_owned())),
//!         }
//!     }
//!
//!     fn open(&self, _: OpenMode) -> Result<Arc<dyn EventStore>, PersistenceError> {
//!         Ok(Arc::new(InMemoryEventStore::new()))
//!     }
//! }
//!
//! chem_runtime::register_backend!(Draft);
//!
//! let url: StoreUrl = "draft:today".parse()?;
//! assert!(url.open(OpenMode::Create)?.all_runs()?.is_empty());
//! assert!("draft:".parse::<StoreUrl>().is_err());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod backend;
#[cfg(any(feature = "spool", feature = "sqlite"))]
mod path;
mod url;

pub use backend::{Backend, BackendRegistration, InvalidStoreUrl, OpenMode};
#[cfg(any(feature = "spool", feature = "sqlite"))]
pub(in crate::store) use path::local_path;
pub use url::StoreUrl;
