//! How a store in PostgreSQL is opened and maintained by its URL.

use std::sync::Arc;

use super::provider::PgPool;
use super::url::{PostgresUrl, SCHEMES};
use super::{PgEventStore, drift, rights, schema};
use crate::store::schema::{Drift, Rights, SchemaStatus, Version};
use crate::store::{Backend, EventStore, InvalidStoreUrl, OpenMode, PersistenceError};

crate::register_backend!(PostgresUrl);

impl Backend for PostgresUrl {
    fn schemes() -> &'static [&'static str] {
        SCHEMES
    }

    fn form() -> &'static str {
        "postgres://USER@HOST/DATABASE"
    }

    fn parse(scheme: &str, rest: &str) -> Result<Self, InvalidStoreUrl> {
        format!("{scheme}:{rest}").parse()
    }

    fn open(&self, mode: OpenMode) -> Result<Arc<dyn EventStore>, PersistenceError> {
        Ok(Arc::new(PgEventStore::open_with(self, mode)?))
    }

    fn status(&self) -> Result<SchemaStatus, PersistenceError> {
        schema::status(&PgPool::open(self)?)
    }

    fn migrate(&self) -> Result<Vec<Version>, PersistenceError> {
        schema::migrate(&PgPool::open(self)?)
    }

    fn check(&self) -> Result<Vec<Drift>, PersistenceError> {
        drift::check(&PgPool::open(self)?)
    }

    fn grant(&self, role: &str, rights: Rights, only_print: bool) -> Result<Vec<String>, PersistenceError> {
        let pool = PgPool::open(self)?;
        if only_print { rights::grants(&pool, role, rights) } else { rights::grant(&pool, role, rights) }
    }

    fn without_secrets(&self) -> String {
        // The printed form has `***` in place of secrets.
        let shown = self.to_string().replace(":***@", "@");
        match shown.split_once('?') {
            Some((location, options)) if options.contains("***") => {
                let kept: Vec<&str> = options.split('&').filter(|option| !option.ends_with("***")).collect();
                if kept.is_empty() { location.to_owned() } else { format!("{location}?{}", kept.join("&")) }
            }
            _ => shown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_to_type_again_has_no_password() {
        for (url, typed) in [
            ("postgres://ada:secret@h/d", "postgres://ada@h/d"),
            ("postgres://ada@h/d?password=secret", "postgres://ada@h/d"),
            ("postgres://ada@h/d?password=secret&sslmode=require", "postgres://ada@h/d?sslmode=require"),
        ] {
            assert_eq!(url.parse::<PostgresUrl>().unwrap().without_secrets(), typed);
        }
    }
}
