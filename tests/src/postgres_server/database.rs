//! A database for a single test.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use chem_runtime::store::postgres::PostgresUrl;
use postgres::config::Host;
use postgres::{Client, NoTls};

/// An empty database, deleted on drop.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// Creates a database on the server at `url`.
    ///
    /// # Panics
    /// If the server cannot be reached or may not create databases.
    pub fn create(url: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("chem_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut client = connect(url);
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).expect("may create databases");
        Self { server: url.to_owned(), name }
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> String {
        let (scheme, rest) = self.server.split_once("://").expect("the server's address is a URL");
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        let parameters = &rest[rest.find('?').unwrap_or(rest.len())..];
        format!("{scheme}://{authority}/{}{parameters}", self.name)
    }

    /// Returns the name, which is unique to this process and database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the Unix socket of the server, or `None` if the server is not reached through one.
    pub fn socket(&self) -> Option<PathBuf> {
        let config: postgres::Config = self.url().parse().ok()?;
        match config.get_hosts() {
            [Host::Unix(directory)] => {
                Some(directory.join(format!(".s.PGSQL.{}", config.get_ports().first().unwrap_or(&5432))))
            }
            _ => None,
        }
    }

    /// Returns the URL of the database through a proxy or pooler on this port of 127.0.0.1.
    pub fn url_through(&self, port: u16) -> String {
        let (before, name) = self.url().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a URL");
        let (start, _) = before.rsplit_once('@').expect("a URL with a user");
        format!("{start}@127.0.0.1:{port}/{name}")
    }

    /// Returns the address of the database for a store.
    ///
    /// # Panics
    /// If the URL is not a PostgreSQL address.
    pub fn address(&self) -> PostgresUrl {
        self.url().parse().unwrap()
    }

    /// Connects to the database without TLS.
    ///
    /// # Panics
    /// If the server cannot be reached.
    pub fn client(&self) -> Client {
        connect(&self.url())
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // If a test has killed the server, its databases are gone with it.
        if let Ok(mut client) = Client::connect(&self.server, NoTls) {
            let _ = client.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}

fn connect(url: &str) -> Client {
    match Client::connect(url, NoTls) {
        Ok(client) => client,
        Err(error) => panic!("the test server cannot be reached: {error:?}"),
    }
}
