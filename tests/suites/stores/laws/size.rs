//! The reported size of a store.

use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::store::Contents;
use chem_tests::events::{artifact, finished, numbered, one_of_each, signal};
use chem_tests::stores::Backend;

use super::batch;

pub(super) fn a_store_knows_how_many_rows_and_bytes_it_has(backend: &dyn Backend) {
    let store = backend.store();
    if !backend.measures_itself() {
        return assert_eq!(store.size().unwrap(), None);
    }
    let rows = |name: &str| {
        let size = store.size().unwrap().unwrap();
        assert!(size.tables.windows(2).all(|pair| pair[0].bytes >= pair[1].bytes), "{size:?}");
        assert_eq!(size.bytes(), size.tables.iter().map(|table| table.bytes).sum::<u64>());
        assert!(size.tables.iter().all(|table| table.index_bytes <= table.bytes && !table.is_estimate), "{size:?}");
        size.tables.into_iter().find(|table| table.name == name).map(|table| table.rows)
    };
    assert_eq!((store.size().unwrap().unwrap().runs, rows("event_log")), (0, Some(0)));
    for number in 0..3 {
        let events: Vec<_> = (0..20).map(numbered).chain([finished([artifact(number), artifact(9)])]).collect();
        store.append(FlowId::new(), 0, &events).unwrap();
    }
    let before = store.size().unwrap().unwrap();
    assert_eq!((before.runs, rows("event_log"), rows("workflow_step_artifacts")), (3, Some(63), Some(4)));
    store.append(FlowId::new(), 0, &[signal("x".repeat(1 << 20)).into()]).unwrap();
    let after = store.size().unwrap().unwrap();
    assert!(after.bytes() > before.bytes() && after.runs == 4, "{before:?}, {after:?}");
}

pub(super) fn the_largest_flows_and_runs_come_first(backend: &dyn Backend) {
    let store = backend.store();
    if !backend.measures_itself() {
        return assert_eq!(store.largest(9).unwrap(), None);
    }
    let begin = |flow: Option<&str>, events: u64| {
        let (run, mut first) = (FlowId::new(), one_of_each()[0].clone());
        match (flow, &mut first) {
            (Some(flow), FlowEventKind::FlowInitialized(begun)) => begun.flow = flow.into(),
            _ => first = signal(0),
        }
        store.append(run, 0, &batch([first])).unwrap();
        let rest: Vec<_> = (1..events).map(numbered).collect();
        store.append(run, 1, &rest).unwrap();
        run
    };
    let (small, large, odd, artful) =
        (begin(Some("small"), 2), begin(Some("many"), 300), begin(None, 20), begin(Some("many"), 1));
    // An artifact counts for the run that stored it first.
    store.append(artful, 1, &[finished((0..40).map(artifact))]).unwrap();
    store.append(small, 2, &[finished([artifact(1), artifact(2)])]).unwrap();
    // A run without stored events does not exist.
    store.append(FlowId::new(), 0, &[]).unwrap();

    let largest = store.largest(9).unwrap().unwrap();
    let counts = |contents: &Contents| (contents.events, contents.artifacts);
    let flows: Vec<_> =
        largest.flows.iter().map(|flow| (flow.flow.as_deref(), flow.runs, counts(&flow.contents))).collect();
    assert_eq!(flows.len(), 3);
    assert_eq!(flows[0], (Some("many"), 2, (302, 40)));
    assert!(flows.contains(&(Some("small"), 1, (3, 0))) && flows.contains(&(None, 1, (20, 0))), "{flows:?}");
    assert_eq!(largest.runs.len(), 4);
    assert_eq!((largest.runs[0].flow_id, largest.runs[0].flow.as_deref()), (large, Some("many")));
    let of = |run: FlowId| largest.runs.iter().find(|row| row.flow_id == run).unwrap();
    assert_eq!((counts(&of(artful).contents), counts(&of(odd).contents)), ((2, 40), (20, 0)));
    assert_eq!(of(odd).flow, None);
    assert!(of(artful).contents.artifact_bytes > 0 && of(small).contents.artifact_bytes == 0);
    assert!(largest.runs.windows(2).all(|pair| pair[0].contents.bytes() >= pair[1].contents.bytes()));
    assert!(largest.flows.windows(2).all(|pair| pair[0].contents.bytes() >= pair[1].contents.bytes()));

    let first = store.largest(1).unwrap().unwrap();
    assert_eq!((&first.flows[..], &first.runs[..]), (&largest.flows[..1], &largest.runs[..1]));
    assert_eq!(store.largest(0).unwrap().unwrap().runs, []);
}
