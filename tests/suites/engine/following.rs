//! Reads the log of a run while it grows.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chem_runtime::engine::FlowEngine;
use chem_runtime::store::RunFollower;

use crate::counting::{Does, Watched, flow};

#[test]
fn a_follower_is_given_every_event_once() {
    let store = Arc::new(Watched::new(None));
    let (definition, _) = flow(&[Does::Add; 200]);
    let engine = FlowEngine::on(store.clone()).definition(definition);
    let run = engine.default_flow();
    let read = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut follower = RunFollower::new(store.as_ref(), run);
            let mut read = Vec::new();
            while !follower.has_ended() {
                read.extend(follower.read(Duration::from_secs(60)).unwrap());
            }
            read
        });
        engine.run_to_end().unwrap();
        reader.join().unwrap()
    });
    assert_eq!(read, store.inner_events(run));
    assert_eq!(store.handed.load(Ordering::SeqCst), read.len());
}
