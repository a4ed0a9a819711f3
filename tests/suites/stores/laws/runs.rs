//! The list of runs.

use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::flow::FlowStatus;
use chem_runtime::store::{FlowSummary, PersistenceError, RunFilter};
use chem_tests::events::{hash, numbered, one_of_each, signal};
use chem_tests::stores::{Backend, Tampering};

use super::{batch, runs_are_found_as_listed};

pub(super) fn runs_are_listed_in_the_order_in_which_they_began(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.all_runs().unwrap(), []);
    // The order in which runs began is neither that of their ids nor that of their latest events.
    let mut runs: Vec<FlowId> = (0..5).map(|_| FlowId::new()).collect();
    runs.reverse();
    for &run in &runs {
        store.append(run, 0, &[numbered(0)]).unwrap();
    }
    store.append(runs[1], 1, &[numbered(1)]).unwrap();
    store.append(runs[0], 1, &[numbered(1)]).unwrap();
    let listed: Vec<FlowId> = store.all_runs().unwrap().iter().map(|summary| summary.flow_id()).collect();
    assert_eq!(listed, runs);
}

pub(super) fn a_summary_tells_the_first_event_the_last_and_all_letters(backend: &dyn Backend) {
    let store = backend.store();
    let (whole, begun, failed) = (FlowId::new(), FlowId::new(), FlowId::new());
    let kinds = one_of_each();
    store.append(whole, 0, &batch(kinds.clone())).unwrap();
    store.append(begun, 0, &batch(kinds[..2].to_vec())).unwrap();
    // Interleaves the events of two runs, whose letters must not mix.
    store.append(failed, 0, &batch([kinds[0].clone()])).unwrap();
    store.append(begun, 2, &batch([kinds[4].clone()])).unwrap();
    store.append(failed, 1, &batch([kinds[1].clone(), kinds[3].clone()])).unwrap();

    let summaries = store.all_runs().unwrap();
    let letters: Vec<&str> = summaries.iter().filter_map(|summary| summary.event_variants.as_deref()).collect();
    assert_eq!(letters, ["ISFXGHRBUPKC", "ISG", "ISX"]);
    for summary in store.find_runs(&RunFilter::default(), None, 9).unwrap() {
        assert_eq!(summary.event_variants, None, "letters were not asked for");
    }
    for summary in &summaries {
        let events = store.list(summary.flow_id()).unwrap();
        assert_eq!((Some(&summary.first), Some(&summary.last)), (events.first(), events.last()));
        assert_eq!(summary.flow(), Some("oral-leads"));
    }
    let statuses: Vec<FlowStatus> = summaries.iter().map(|summary| summary.status()).collect();
    assert_eq!(statuses, [FlowStatus::Completed, FlowStatus::Interrupted, FlowStatus::Failed]);
    assert_eq!(summaries[0].flow_fingerprint(), Some(hash(1)));
    assert_eq!(summaries[1].flow_fingerprint(), None);
}

pub(super) fn runs_are_looked_for_without_the_list_and_found_as_it_has_them(backend: &dyn Backend) {
    let store = backend.store();
    runs_are_found_as_listed(&*store);
    // The ids are not in the order in which the runs began, and many share a prefix. The flows alternate, and one has an
    // odd name.
    let ids = (0..12_u128).map(|number| {
        let high = [0x01a2_0a54_b3f4_u128, 0x01a2_0a54_b451, 0xffff_ffff_ffff, 0][number as usize % 4] << 80;
        FlowId::from(uuid::Uuid::from_u128(high | ((number * 7) % 12) << 76 | number))
    });
    // Some names share a long prefix, and one exceeds the maximum size of an index entry.
    let (long, longer) = ("é".repeat(150), "é".repeat(9_000));
    let names = ["leads", "l\"ea\\d's \u{1f9ea}%", "leads", &long, &longer];
    for (number, id) in ids.enumerate() {
        let mut first = one_of_each()[0].clone();
        if let FlowEventKind::FlowInitialized(begun) = &mut first {
            begun.flow = names[number % names.len()].into();
        }
        // A run that does not begin with `flowinitialized` has no flow, whatever its payload says.
        let first = if number % 5 == 4 { signal(serde_json::json!({"flow": "leads"})) } else { first };
        store.append(id, 0, &batch([first])).unwrap();
        store.append(id, 1, &[numbered(1), numbered(2)]).unwrap();
        // A run without stored events does not exist.
        store.append(FlowId::new(), 0, &[]).unwrap();
    }
    // The run with the latest event is not the newest run.
    let oldest = store.all_runs().unwrap()[0].flow_id();
    store.append(oldest, 3, &[numbered(3)]).unwrap();
    runs_are_found_as_listed(&*store);
    assert_eq!(store.newest_runs(Some("leads"), None, usize::MAX).unwrap().len(), 5);
}

pub(super) fn what_begins_no_id_finds_no_run(backend: &dyn Backend) {
    let (store, id) = (backend.store(), FlowId::new());
    store.append(id, 0, &[numbered(0)]).unwrap();
    let text = id.to_string();
    for prefix in
        ["-", "g", "%", "_", "{", "é", "\0", &text.to_uppercase(), &text.replace('-', ""), &format!("{text}0")]
    {
        assert_eq!(store.find_run_ids(prefix, 9).unwrap(), [], "{prefix}");
    }
}

/// The id of a child begins with the first six bytes of that of its parent.
pub(super) fn children_that_have_completed_are_found_by_their_parent(backend: &dyn Backend) {
    let store = backend.store();
    let kinds = one_of_each();
    let of = |event_type: &str| kinds.iter().find(|kind| kind.event_type() == event_type).unwrap().clone();
    let begins = |first: u128| uuid::Uuid::from_u128(first << 80 | 0x7000_8000_0000_0000_0000);
    let parents = [0, 0x01a2_0a54_b3f4, 0x01a2_0a54_b3f5, 0xffff_ffff_ffff].map(|first| FlowId::from(begins(first)));
    let mut completed = Vec::new();
    for (number, parent) in parents.iter().enumerate() {
        for child in 0..4 {
            let random = uuid::Uuid::new_v4().as_u128() & ((1 << 76) - 1);
            let child_id = FlowId::from(uuid::Uuid::from_u128(parent.as_uuid().as_u128() & !((1 << 76) - 1) | random));
            let end = ["flowcompleted", "stepfailed", "flowcompleted", "stepstarted"][child];
            store.append(child_id, 0, &batch([kinds[0].clone(), kinds[1].clone()])).unwrap();
            store.append(child_id, 2, &batch([of(end)])).unwrap();
            if end == "flowcompleted" {
                completed.push((number, child_id));
            }
        }
    }
    for (number, parent) in parents.iter().enumerate() {
        let mut found = store.completed_children(*parent).unwrap();
        let of_parent = completed.iter().filter(|(of, _)| *of == number);
        let mut expected: Vec<FlowId> = of_parent.map(|(_, id)| *id).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{parent}");
    }
}

pub(super) fn runs_are_listed_page_by_page_as_they_are_asked_for(backend: &dyn Backend) {
    let store = backend.store();
    let kinds = one_of_each();
    let of = |event_type: &str| kinds.iter().find(|kind| kind.event_type() == event_type).unwrap().clone();
    let answer = |approved: bool| {
        let mut kind = of("userinteractionprovided");
        if let FlowEventKind::UserInteractionProvided(answer) = &mut kind {
            answer.approved = approved;
        }
        kind
    };
    let ends = [
        (of("flowcompleted"), FlowStatus::Completed),
        (of("stepfailed"), FlowStatus::Failed),
        (of("userinteractionrequested"), FlowStatus::Waiting),
        (answer(false), FlowStatus::Failed),
        (answer(true), FlowStatus::Interrupted),
        (kinds[1].clone(), FlowStatus::Interrupted),
    ];
    for (number, (end, _)) in ends.iter().cycle().take(30).enumerate() {
        let mut first = kinds[0].clone();
        if let FlowEventKind::FlowInitialized(begun) = &mut first {
            begun.flow = ["leads", "l\"ea\\d's"][number % 2].into();
        }
        // A run that does not begin with `flowinitialized` has no flow, whatever its payload says.
        let first = if number % 7 == 6 { signal(serde_json::json!({"flow": "leads"})) } else { first };
        let run = FlowId::new();
        store.append(run, 0, &batch([first, kinds[1].clone()])).unwrap();
        store.append(run, 2, &batch([end.clone()])).unwrap();
    }
    let all = store.all_runs().unwrap();
    assert_eq!(all.len(), 30);
    for (summary, (_, status)) in all.iter().zip(ends.iter().cycle()) {
        assert_eq!(summary.status(), *status, "{summary:?}");
    }
    let (early, late) = (all[9].first.ts, all[20].first.ts);
    let mut filters = vec![
        RunFilter::default(),
        RunFilter { since: Some(early), ..RunFilter::default() },
        RunFilter { until: Some(late), ..RunFilter::default() },
        RunFilter { since: Some(early), until: Some(late), flow: Some("leads".into()), ..RunFilter::default() },
        RunFilter { until: Some(late), status: Some(FlowStatus::Failed), ..RunFilter::default() },
    ];
    filters.extend(
        ["leads", "l\"ea\\d's", "no-such", "no\0such", ""]
            .map(|flow| RunFilter { flow: Some(flow.into()), ..RunFilter::default() }),
    );
    for status in [FlowStatus::Completed, FlowStatus::Failed, FlowStatus::Waiting, FlowStatus::Interrupted] {
        filters.push(RunFilter { status: Some(status), ..RunFilter::default() });
        filters.push(RunFilter { status: Some(status), flow: Some("leads".into()), ..RunFilter::default() });
    }
    for filter in filters {
        let takes = |run: &&FlowSummary| {
            filter.flow.as_deref().is_none_or(|flow| run.flow() == Some(flow))
                && filter.status.is_none_or(|status| run.status() == status)
                && filter.since.is_none_or(|since| run.first.ts >= since)
                && filter.until.is_none_or(|until| run.first.ts < until)
        };
        let filter = RunFilter { letters: true, ..filter.clone() };
        let expected: Vec<&FlowSummary> = all.iter().rev().filter(takes).collect();
        for limit in [1, 4, 31, usize::MAX] {
            let mut found: Vec<FlowSummary> = Vec::new();
            loop {
                let page = store.find_runs(&filter, found.last().map(|oldest| oldest.first.seq), limit).unwrap();
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}, {limit} at a time");
        }
        assert_eq!(store.find_runs(&filter, None, 0).unwrap(), []);
        assert_eq!(store.find_runs(&filter, Some(0), 9).unwrap(), []);
    }
}

pub(super) fn a_page_of_runs_reads_no_run_that_is_not_on_it(backend: &dyn Backend) {
    let (store, kinds) = (backend.store(), one_of_each());
    let begin = |flow: &str| {
        let (run, mut first) = (FlowId::new(), kinds[0].clone());
        if let FlowEventKind::FlowInitialized(begun) = &mut first {
            begun.flow = flow.into();
        }
        store.append(run, 0, &batch([first, kinds[1].clone()])).unwrap();
        run
    };
    let runs: Vec<FlowId> = (0..6).map(|number| begin(["leads", "drugs"][number % 2])).collect();
    // An unreadable run ends the page before it, and fails the page that begins with it, which says where to continue.
    if !backend.by_force(Tampering::Event { flow_id: runs[2], position: 1, payload: "{}" }) {
        return;
    }
    let page = |filter: &RunFilter, before, limit| {
        let page = store.find_runs(filter, before, limit)?;
        Ok::<_, PersistenceError>(page.iter().map(FlowSummary::flow_id).collect::<Vec<_>>())
    };
    let all = RunFilter::default();
    assert_eq!(page(&all, None, 3).unwrap(), [runs[5], runs[4], runs[3]]);
    assert_eq!(page(&all, None, 9).unwrap(), [runs[5], runs[4], runs[3]]);
    let seq = |run: FlowId| store.read_event(run, 0).unwrap().unwrap().seq;
    let Err(PersistenceError::UnreadableRun(unreadable)) = page(&all, Some(seq(runs[3])), 9) else { panic!() };
    assert_eq!(unreadable.seq(), seq(runs[2]));
    assert!(unreadable.to_string().contains(&format!("event 1 of run {}", runs[2])), "{unreadable}");
    assert_eq!(page(&all, Some(unreadable.seq()), 9).unwrap(), [runs[1], runs[0]]);
    let of = |flow: &str| RunFilter { flow: Some(flow.into()), ..RunFilter::default() };
    assert_eq!(page(&of("drugs"), None, 9).unwrap(), [runs[5], runs[3], runs[1]]);
    assert_eq!(page(&of("leads"), None, 1).unwrap(), [runs[4]]);
    assert_eq!(page(&of("leads"), None, 9).unwrap(), [runs[4]]);
    assert!(page(&of("leads"), Some(seq(runs[4])), 2).is_err());
    let failed = RunFilter { status: Some(FlowStatus::Failed), ..RunFilter::default() };
    assert_eq!(page(&failed, None, 9).unwrap(), []);
}
