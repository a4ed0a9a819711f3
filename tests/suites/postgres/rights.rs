//! What a user who does not own the store may do with the rights that the tutorial names.

use chem_runtime::event::FlowId;
use chem_runtime::store::postgres::PgEventStore;
use chem_runtime::store::{EventStore as _, Holder, StoreError, Takeover};
use chem_tests::events::{artifact, finished, numbered};

use crate::store_or_skip;

const TUTORIAL: &str = include_str!("../../../docs/tutorial.md");

#[test]
fn the_rights_that_the_tutorial_names_are_enough() {
    let (_store, database) = store_or_skip!();
    let mut client = database.client();
    let (_, grants) = TUTORIAL.split_once("```sql\nGRANT").unwrap();
    let (grants, _) = grants.split_once("```").unwrap();
    // Users belong to the whole server.
    let named = |user: &str| format!("{}_{user}", database.name());
    let (reader, writer) = (named("reader"), named("writer"));
    let grants = format!("GRANT{grants}").replace("reader", &reader).replace("writer", &writer);
    client.batch_execute(&format!("CREATE ROLE {reader}; CREATE ROLE {writer}; {grants}")).unwrap();
    let open = |user: &str| {
        PgEventStore::open(&crate::address(&format!("{}?options=-c%20role%3D{user}", database.url()))).unwrap()
    };

    let (run, store) = (FlowId::new(), open(&writer));
    let lease = store.lease(run, &Holder::this_process(), Takeover::Always).unwrap();
    store.append_as((&lease).into(), 0, &[numbered(0), finished([artifact(1)])]).unwrap();
    store.release(&lease).unwrap();

    let store = open(&reader);
    assert_eq!(store.list(run).unwrap().len(), 2);
    assert_eq!(store.flows().unwrap().len(), 1);
    assert_eq!(store.follow(Default::default(), 10, std::time::Duration::from_secs(60)).unwrap().events.len(), 2);
    let error = store.append(run, 2, &[numbered(2)]).unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    assert!(error.to_string().contains("\"Rights on the database\""), "{error}");

    drop(store);
    client.batch_execute(&format!("DROP OWNED BY {reader}, {writer}; DROP ROLE {reader}, {writer}")).unwrap();
}
