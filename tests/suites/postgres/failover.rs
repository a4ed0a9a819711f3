//! A standby that takes over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chem_runtime::event::FlowId;
use chem_runtime::store::postgres::PgEventStore;
use chem_runtime::store::{EventLog as _, EventStore, RunIndex as _};
use chem_tests::postgres_server::{ServerSettings, server};
use postgres::{Client, NoTls};

use crate::{until, work};

#[test]
fn when_the_primary_is_killed_and_its_synchronous_standby_promoted_the_runs_go_on() {
    const STEPS: usize = 40;
    const ENGINES: usize = 3;
    let Some(mut primary) = server(ServerSettings::durable()) else { return };
    let standby = primary.standby(ServerSettings::durable().with("synchronous_standby_names", "")).unwrap();
    let mut client = Client::connect(&primary.url("postgres"), NoTls).unwrap();
    client.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'").unwrap();
    client.batch_execute("SELECT pg_reload_conf()").unwrap();
    let synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    until("the standby is synchronous", || client.query_one(synchronous, &[]).unwrap().get::<_, i64>(0) > 0);
    drop(client);

    // The standby comes first, so the session attributes decide and not the order.
    let hosts = format!("{},{}", standby.host(), primary.host());
    let address = crate::address(&format!("postgres://chem@{hosts}/postgres?target_session_attrs=read-write"));
    let store: Arc<dyn EventStore> = Arc::new(PgEventStore::open(&address).unwrap());
    let (expected, run) = (work::undisturbed(STEPS), FlowId::new());
    let (acknowledged, running) = (AtomicU64::new(0), AtomicU64::new(ENGINES as u64));
    std::thread::scope(|scope| {
        for _ in 0..ENGINES {
            scope.spawn(|| {
                let ended = work::engine(store.clone(), STEPS).run_to_end();
                running.fetch_sub(1, Ordering::SeqCst);
                assert_eq!(ended.unwrap().flow_fingerprint(), Some(expected));
            });
        }
        let witness = scope.spawn(|| {
            work::witness(&*store, run, |count| {
                acknowledged.store(count, Ordering::SeqCst);
                running.load(Ordering::SeqCst) > 0
            })
        });
        until("ten events are acknowledged", || acknowledged.load(Ordering::SeqCst) >= 10 || witness.is_finished());
        assert!(running.load(Ordering::SeqCst) > 0, "the runs ended before the primary was killed");
        primary.kill();
        standby.promote().unwrap();
        let acknowledged = witness.join().unwrap();
        work::is_whole(&store.list(run).unwrap(), acknowledged);
    });
    // The former standby has all events, and they can be followed there.
    let alone = PgEventStore::open(&crate::address(&standby.url("postgres"))).unwrap();
    let runs = alone.all_runs().unwrap();
    assert_eq!(runs.len(), ENGINES + 1);
    let events: usize = runs.iter().map(|run| run.event_variants.as_ref().unwrap().len()).sum();
    let followed = alone.follow(Default::default(), events + 1, std::time::Duration::from_secs(60)).unwrap();
    assert_eq!(followed.events.len(), events);
}

#[test]
fn a_log_can_be_followed_and_read_on_a_standby_and_not_written() {
    let Some(primary) = server(ServerSettings::durable()) else { return };
    let store = PgEventStore::open(&crate::address(&primary.url("postgres"))).unwrap();
    let standby = primary.standby(ServerSettings::durable()).unwrap();
    let run = FlowId::new();
    for position in 0..5 {
        store.append(run, position, &[chem_tests::events::numbered(position)]).unwrap();
    }
    let quick = chem_runtime::store::RetryPolicy { attempts: 2, ..Default::default() };
    let replica = PgEventStore::open(&crate::address(&standby.url("postgres"))).unwrap().with_retry_policy(quick);
    let read: Vec<_> = chem_runtime::store::Follower::new(&replica, Default::default()).take(5).collect();
    let read: Vec<_> = read.into_iter().map(Result::unwrap).collect();
    assert_eq!(read, store.list(run).unwrap());
    let error = replica.append(run, 5, &[chem_tests::events::numbered(5)]).unwrap_err();
    assert!(error.to_string().contains("it takes no writes from here: the server is a standby"), "{error}");
}
