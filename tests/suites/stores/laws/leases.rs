//! Leases: which process may write a run.

use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::store::{ErrorClass, Holder, Lease, PersistenceError, Takeover};
use chem_tests::events::{artifact, finished, numbered, one_of_each};
use chem_tests::stores::Backend;

use super::everything;

/// Returns a holder on another host, whose liveness is unknown here.
fn far_away() -> Holder {
    Holder { host: "far".into(), place: "away".into(), pid: 7, started: 1, job: None }
}

/// Returns a holder on this host that is dead: no process id is this large.
fn gone() -> Holder {
    Holder { pid: 1 << 30, ..Holder::this_process() }
}

pub(super) fn the_first_append_takes_the_lease_of_a_new_run(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let lease = Lease::of_new_run(flow_id, far_away());
    store.append_as((&lease).into(), 0, &[numbered(0)]).unwrap();
    store.append_as((&lease).into(), 1, &[numbered(1)]).unwrap();
    let error = store.acquire_lease(flow_id, &Holder::this_process(), Takeover::IfFree).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Conflict);
    assert!(matches!(&error, PersistenceError::Held { holder, .. } if *holder == far_away()), "{error:?}");
    assert!(error.to_string().contains("process 7 on far"), "{error}");
}

pub(super) fn whoever_has_a_run_in_hand_can_be_asked_for(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    assert_eq!(store.lease_holder(flow_id).unwrap(), None);
    let lease = Lease::of_new_run(flow_id, far_away());
    store.append_as((&lease).into(), 0, &[numbered(0)]).unwrap();
    assert_eq!(store.lease_holder(flow_id).unwrap(), Some(far_away()));
    let is_released = || store.read_lease(flow_id).unwrap().unwrap().released;
    assert!(!is_released());
    store.release_lease(&lease).unwrap();
    assert_eq!(store.lease_holder(flow_id).unwrap(), None);
    assert!(is_released());
    let lost = store.acquire_lease(flow_id, &gone(), Takeover::IfFree).unwrap();
    assert_eq!(store.lease_holder(flow_id).unwrap(), None, "{lost:?}");
    assert!(!is_released(), "a holder that is gone has released nothing");
}

pub(super) fn a_zombie_is_fenced_even_where_nobody_has_written_since(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let zombie = Lease::of_new_run(flow_id, far_away());
    store.append_as((&zombie).into(), 0, &[numbered(0)]).unwrap();
    let lease = store.acquire_lease(flow_id, &Holder::this_process(), Takeover::Always).unwrap();
    assert_eq!(lease.epoch, 2);

    let before = everything(&*store);
    let error = store.append_as((&zombie).into(), 1, &[finished([artifact(1)])]).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Conflict);
    let PersistenceError::Fenced { flow_id: run, holder } = error else { panic!("{error:?}") };
    assert_eq!((run, holder), (flow_id, Some(Holder::this_process())));
    assert_eq!(everything(&*store), before);

    store.append_as((&lease).into(), 1, &[numbered(1)]).unwrap();
    // The lease is checked before the position.
    assert!(matches!(store.append_as((&zombie).into(), 0, &[numbered(9)]), Err(PersistenceError::Fenced { .. })));
    assert!(matches!(store.append_as((&lease).into(), 0, &[numbered(9)]), Err(PersistenceError::Conflict { .. })));
    assert_eq!(store.list(flow_id).unwrap().len(), 2);
}

pub(super) fn a_run_whose_holder_is_gone_is_free_at_once(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    store.append_as((&Lease::of_new_run(flow_id, gone())).into(), 0, &[numbered(0)]).unwrap();
    let lease = store.acquire_lease(flow_id, &Holder::this_process(), Takeover::IfFree).unwrap();
    store.append_as((&lease).into(), 1, &[numbered(1)]).unwrap();
}

pub(super) fn a_run_that_was_let_go_is_free(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let lease = Lease::of_new_run(flow_id, far_away());
    store.append_as((&lease).into(), 0, &[numbered(0)]).unwrap();
    store.release_lease(&lease).unwrap();
    let next = store.acquire_lease(flow_id, &Holder::this_process(), Takeover::IfFree).unwrap();
    // Releasing a lease that another holder has acquired since has no effect.
    store.release_lease(&lease).unwrap();
    assert!(matches!(store.acquire_lease(flow_id, &far_away(), Takeover::IfFree), Err(PersistenceError::Held { .. })));
    store.append_as((&next).into(), 1, &[numbered(1)]).unwrap();
}

pub(super) fn a_run_is_free_once_its_last_event_has_stopped_it(backend: &dyn Backend) {
    let mut kinds = one_of_each();
    let mut rejected = kinds.iter().find(|kind| kind.event_type() == "userinteractionprovided").unwrap().clone();
    if let FlowEventKind::UserInteractionProvided(answer) = &mut rejected {
        answer.approved = false;
    }
    kinds.push(rejected.clone());
    let store = backend.store();
    for kind in kinds {
        let stops = matches!(kind.event_type(), "flowcompleted" | "stepfailed" | "userinteractionrequested");
        let stops = stops || kind == rejected;
        let (flow_id, holder) = (FlowId::new(), far_away());
        let lease = Lease::of_new_run(flow_id, holder.clone());
        store.append_as((&lease).into(), 0, &[numbered(0), kind.clone().into()]).unwrap();
        assert_eq!(store.lease_holder(flow_id).unwrap(), (!stops).then_some(holder), "{kind:?}");
        let next = store.acquire_lease(flow_id, &Holder::this_process(), Takeover::IfFree);
        assert_eq!(next.map(|next| next.epoch).ok(), stops.then_some(2), "{kind:?}");
    }
}

pub(super) fn a_process_takes_back_what_it_holds_itself(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let lost = Lease::of_new_run(flow_id, far_away());
    store.append_as((&lost).into(), 0, &[numbered(0)]).unwrap();
    let lease = store.acquire_lease(flow_id, &far_away(), Takeover::IfFree).unwrap();
    assert!(store.append_as((&lost).into(), 1, &[numbered(1)]).is_err());
    store.append_as((&lease).into(), 1, &[numbered(1)]).unwrap();
}

pub(super) fn of_many_who_take_a_run_the_last_one_has_it(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    store.append(flow_id, 0, &[numbered(0)]).unwrap();
    let holders: Vec<Holder> = (1..=8).map(|pid| Holder { pid, ..far_away() }).collect();
    let leases: Vec<Lease> = std::thread::scope(|scope| {
        let store = &store;
        let take = |holder| scope.spawn(move || store.acquire_lease(flow_id, holder, Takeover::Always).unwrap());
        let threads: Vec<_> = holders.iter().map(take).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut epochs: Vec<u64> = leases.iter().map(|lease| lease.epoch).collect();
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=8).collect::<Vec<_>>());
    for lease in leases {
        let stored = store.append_as((&lease).into(), 1, &[numbered(1)]);
        assert_eq!(stored.is_ok(), lease.epoch == 8, "{lease:?}: {stored:?}");
    }
}

pub(super) fn a_lease_that_no_store_gave_is_none(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let invented = Lease { epoch: 5, ..Lease::of_new_run(flow_id, far_away()) };
    assert!(matches!(store.append_as((&invented).into(), 0, &[numbered(0)]), Err(PersistenceError::Fenced { .. })));
    // A lease for a new run is not valid for a run that began without one.
    store.append(flow_id, 0, &[numbered(0)]).unwrap();
    let late = Lease::of_new_run(flow_id, far_away());
    assert!(matches!(
        store.append_as((&late).into(), 1, &[numbered(1)]),
        Err(PersistenceError::Fenced { holder: None, .. })
    ));
}

pub(super) fn an_append_without_a_lease_is_refused_while_the_run_is_held(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let lease = Lease::of_new_run(flow_id, far_away());
    store.append_as((&lease).into(), 0, &[numbered(0)]).unwrap();
    let before = everything(&*store);
    let error = store.append(flow_id, 1, &[numbered(1)]).unwrap_err();
    assert!(
        matches!(&error, PersistenceError::Fenced { holder: Some(holder), .. } if *holder == far_away()),
        "{error:?}"
    );
    assert_eq!(everything(&*store), before);
    store.release_lease(&lease).unwrap();
    store.append(flow_id, 1, &[numbered(1)]).unwrap();
}
