//! Roles of the database. The rights that the tutorial grants are sufficient.

use chem_runtime::event::FlowId;
use chem_runtime::store::postgres::{PgEventStore, grant};
use chem_runtime::store::schema::Rights;
use chem_runtime::store::{
    EventLog as _, EventStore as _, Holder, Leases as _, PersistenceError, RunIndex as _, Takeover,
};
use chem_tests::events::{artifact, finished, numbered};
use chem_tests::postgres_server::TestDatabase;
use postgres::{Client, NoTls};

use crate::{address, pool, store_or_skip};

/// A role with login, deleted on drop.
pub(crate) struct Role<'a> {
    database: &'a TestDatabase,
    name: String,
}

impl<'a> Role<'a> {
    pub(crate) fn new(database: &'a TestDatabase, name: &str) -> Self {
        // Roles are shared by all databases of the server.
        let name = format!("{}_{name}", database.name());
        database.client().batch_execute(&format!("CREATE ROLE {name} LOGIN")).unwrap();
        Self { database, name }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the URL of the database for this role.
    pub(crate) fn url(&self) -> String {
        let (scheme, rest) = self.database.url().split_once("://").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let (_, place) = rest.split_once('@').unwrap();
        format!("{scheme}://{}@{place}", self.name)
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.url(), NoTls).unwrap()
    }

    /// Grants the role the rights of a `reader` or a `runner`.
    pub(crate) fn grant(&self, rights: &str) {
        let rights = if rights == "runner" { Rights::Runner } else { Rights::Reader };
        grant(&pool(self.database), &self.name, rights).unwrap();
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        let name = &self.name;
        if let Ok(mut client) = Client::connect(&self.database.url(), NoTls) {
            let _ = client.batch_execute(&format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name}"));
        }
    }
}

#[test]
fn a_runner_and_a_reader_can_do_what_they_are_granted() {
    let (_store, database) = store_or_skip!();
    let (reader, writer) = (Role::new(&database, "reader"), Role::new(&database, "writer"));
    reader.grant("reader");
    writer.grant("runner");
    let open = |role: &Role<'_>| PgEventStore::open(&address(&role.url())).unwrap();

    let (run, store) = (FlowId::new(), open(&writer));
    let lease = store.acquire_lease(run, &Holder::this_process(), Takeover::Always).unwrap();
    store.append_as((&lease).into(), 0, &[numbered(0), finished([artifact(1)])]).unwrap();
    store.release_lease(&lease).unwrap();

    let store = open(&reader);
    assert_eq!(store.list(run).unwrap().len(), 2);
    assert_eq!(store.all_runs().unwrap().len(), 1);
    assert_eq!(store.follow(Default::default(), 10, std::time::Duration::from_secs(60)).unwrap().events.len(), 2);
    let error = store.append(run, 2, &[numbered(2)]).unwrap_err();
    assert!(matches!(error, PersistenceError::Unusable { .. }), "{error:?}");
    assert!(error.to_string().contains("\"Rights on the database\""), "{error}");
}

#[test]
fn who_cannot_be_granted_anything_is_told_why() {
    let (_store, database) = store_or_skip!();
    let refused = |role: &str| grant(&pool(&database), role, Rights::Runner).unwrap_err().to_string();
    assert!(refused("no_such").contains("there is no role `no_such`"), "{}", refused("no_such"));
    assert!(refused("chem").contains("the role `chem` owns the store"), "{}", refused("chem"));
}
