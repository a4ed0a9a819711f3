//! Plans, and the runs that follow.

use std::sync::Arc;

use chem_runtime::engine::ReusePolicy;
use chem_runtime::event::{EventAddress, FlowEventKind};
use chem_runtime::step::Files;
use chem_runtime::store::{EventStore, InMemoryEventStore};
use chem_runtime::workbench::{Action, Difference, Plan, Reason, ReusedFrom, plan, why};
use chem_tests::values::cases;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::pieces::{Piece, definition, row, run};

fn planned(store: &Arc<dyn EventStore>, pieces: &[Piece], policy: &ReusePolicy) -> Plan {
    plan(store.as_ref(), &definition(pieces), None, &Files::relative_to("."), policy).unwrap()
}

/// Any flow of pieces: each after the first takes one or two earlier steps, or is a further source.
fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let is_source = proptest::bool::weighted(0.15);
    let piece =
        (any::<[proptest::sample::Index; 2]>(), 1..3_usize, 1..3_u32, 1..3_u32, any::<bool>(), 0..8_u8, is_source);
    vec(piece, 1..8).prop_map(|pieces| {
        let piece = |(index, (from, ports, number, file, dull, rest, is_source)): (usize, (_, _, _, _, _, u8, _))| {
            let from: [proptest::sample::Index; 2] = from;
            let from = if index == 0 || is_source {
                Vec::new()
            } else {
                from[..ports].iter().map(|at| at.index(index)).collect()
            };
            Piece { number, file, dull, reusable: rest > 0, ..Piece::new(index, from) }
        };
        pieces.into_iter().enumerate().map(piece).collect()
    })
}

/// A component that can be changed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Parameter,
    File,
    Version,
    StepType,
    Wiring,
    Insert,
    Nothing,
}

fn change() -> impl Strategy<Value = Change> {
    use Change::*;
    proptest::sample::select(vec![Parameter, File, Version, StepType, Wiring, Insert, Nothing])
}

/// Makes the change at `at`, if it can be made there, and says how it is to be told.
fn make(change: Change, pieces: &mut Vec<Piece>, at: usize) -> Option<String> {
    let earlier: Vec<String> = pieces.iter().map(|piece| piece.id.clone()).collect();
    let piece = &mut pieces[at];
    Some(match change {
        Change::Parameter => {
            piece.number += 100;
            format!("parameter number {} → {}", piece.number - 100, piece.number)
        }
        Change::File => {
            piece.file += 100;
            "input library: file changed".to_owned()
        }
        Change::Version => {
            piece.version = 2;
            "step version 1 → 2".to_owned()
        }
        Change::StepType => {
            piece.uses = "made.otherwise".to_owned();
            "step type made.up → made.otherwise".to_owned()
        }
        Change::Wiring => {
            let from = *piece.from.first()?;
            let other = (0..at).find(|other| *other != from)?;
            piece.from[0] = other;
            format!("input a from {} → {}", earlier[from], earlier[other])
        }
        Change::Insert => {
            let from = if at == 0 { 0 } else { at - 1 };
            pieces.push(Piece { id: "new".to_owned(), number: 77, ..Piece::new(0, vec![from]) });
            "new".to_owned()
        }
        Change::Nothing => return None,
    })
}

/// Whether the change is what is named, and all that is.
fn is_named(named: &[String], told: &str, change: Change) -> bool {
    match named {
        [named] => named.starts_with(told),
        // Wired to a step that gives the same, a step does what it did before.
        [] => change == Change::Wiring,
        _ => false,
    }
}

/// Runs what was planned and compares, step by step.
fn agrees(plan: &Plan, store: &Arc<dyn EventStore>, pieces: &[Piece], policy: &ReusePolicy) {
    let (instance, events) = run(store, pieces, policy.clone());
    // Whether it is one of these steps of the run itself that has finished there.
    let is_of = |reused: EventAddress, steps: &[String]| {
        reused.flow_id == instance.flow_id()
            && match &events[reused.position as usize].kind {
                FlowEventKind::StepFinished(finished) => steps.contains(&instance.steps()[finished.step_index].id),
                other => panic!("{other:?}"),
            }
    };
    for (step, state) in plan.steps.iter().zip(instance.steps()) {
        match (&step.action, state.reused) {
            (Action::Reuse { source: ReusedFrom::Run(source), outputs, unless_done_by }, Some(reused))
                if unless_done_by.is_empty() =>
            {
                assert_eq!((source, outputs), (&reused, &state.outputs));
            }
            (Action::Reuse { source: ReusedFrom::Run(source), unless_done_by, .. }, Some(reused)) => {
                assert!(*source == reused || is_of(reused, unless_done_by), "{}: {reused:?}\n{pieces:#?}", step.id);
            }
            (Action::Reuse { source: ReusedFrom::Step(twin), .. }, Some(_)) => {
                assert_eq!(instance.step(twin).unwrap().outputs, state.outputs);
            }
            (Action::Run { .. }, None) => {}
            // What comes before it gave something that was worked on before.
            (Action::Run { unless_known, .. }, Some(_)) if !unless_known.is_empty() => {}
            (Action::Run { unless_done_by, .. }, Some(reused)) if is_of(reused, unless_done_by) => {}
            (action, reused) => panic!("{}: planned {action:?}, and then {reused:?}\n{pieces:#?}", step.id),
        }
        if step.fingerprint.is_some() {
            assert_eq!(step.fingerprint, state.fingerprint());
        }
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn plan_and_run_never_disagree_and_name_the_one_component_that_changed(
        base in pieces(), change in change(), at in any::<proptest::sample::Index>(), refreshed in proptest::option::of(0..9_usize),
    ) {
        let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
        let mut policy = ReusePolicy::wherever_possible();
        agrees(&planned(&store, &base, &policy), &store, &base, &policy);

        let mut pieces = base.clone();
        let mut at = at.index(base.len());
        let told = make(change, &mut pieces, at);
        if change == Change::Insert {
            at = base.len();
        }
        if let Some(refreshed) = refreshed {
            policy = policy.refreshing(format!("s{refreshed}"));
        }
        let plan = planned(&store, &pieces, &policy);
        for (index, step) in plan.steps.iter().enumerate() {
            let Action::Run { because, .. } = &step.action else { continue };
            let named: Vec<String> = because.iter().filter_map(|reason| match reason {
                Reason::Differs(difference) if difference.upstream().is_none() => Some(difference.to_string()),
                _ => None,
            }).collect();
            let asked_for = refreshed.is_some_and(|refreshed| step.id == format!("s{refreshed}"));
            match &told {
                Some(told) if index == at && !asked_for => {
                    prop_assert!(is_named(&named, told, change), "{named:?} for {told}");
                }
                _ => prop_assert_eq!(&named, &[""; 0], "{}", step.id),
            }
        }
        agrees(&plan, &store, &pieces, &policy);

        // Of the run that is over, `why` says the same.
        let last = store.all_runs().unwrap().last().unwrap().flow_id();
        let instance = chem_runtime::flow::replay(last, &store.list(last).unwrap()).unwrap();
        for (index, piece) in pieces.iter().enumerate() {
            let found = why(store.as_ref(), &instance, &piece.id, None).unwrap().differences;
            let own: Vec<String> =
                found.iter().filter(|one| one.upstream().is_none()).map(ToString::to_string).collect();
            match &told {
                Some(told) if index == at => {
                    prop_assert!(is_named(&own, told, change), "{own:?} for {told}");
                }
                _ => prop_assert_eq!(own, [""; 0], "{}", piece.id),
            }
        }
    }
}

#[test]
fn a_change_is_followed_downstream_and_to_its_cause() {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let mut pieces = row(4);
    run(&store, &pieces, ReusePolicy::wherever_possible());
    pieces[1].number = 2;
    let policy = ReusePolicy::wherever_possible();
    let reasons = |plan: &Plan| plan.steps.iter().map(|step| step.action.reasons().join("; ")).collect::<Vec<_>>();
    let plan = planned(&store, &pieces, &policy);
    assert_eq!(reasons(&plan)[1..], ["parameter number 1 → 2", "upstream s1 changed", "upstream s2 changed"]);
    assert!(matches!(&plan.steps[3].action, Action::Run { unless_known, .. } if unless_known[..] == ["s2"]));
    let (instance, _) = run(&store, &pieces, policy.clone());
    let found = why(store.as_ref(), &instance, "s3", None).unwrap();
    assert_eq!(found.differences[0].to_string(), "upstream s2 changed");
    assert_eq!(found.upstream["s1"][0].to_string(), "parameter number 1 → 2");

    let again = planned(&store, &pieces, &policy.refreshing("s1"));
    assert_eq!(
        reasons(&again)[1..],
        ["the caller asked to run it again", "upstream s1 runs again", "upstream s2 runs again"]
    );
    let never = planned(&store, &pieces, &ReusePolicy::never());
    assert_eq!(reasons(&never), ["nothing is reused"; 4]);
}

#[test]
fn the_nearest_run_with_a_step_is_found_however_many_have_none() {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let (mut pieces, policy) = (row(3), ReusePolicy::wherever_possible());
    for number in [1, 2] {
        pieces[2].number = number;
        run(&store, &pieces, policy.clone());
    }
    for _ in 0..70 {
        run(&store, &pieces[..2], policy.clone());
    }
    pieces[2].number = 3;
    assert_eq!(planned(&store, &pieces, &policy).steps[2].action.reasons(), ["parameter number 2 → 3"]);
    let (third, _) = run(&store, &pieces, policy.clone());
    pieces[2].number = 4;
    run(&store, &pieces, policy);
    // Runs that began later are not looked at, and one that is named is the only one.
    let runs = store.all_runs().unwrap();
    let found = why(store.as_ref(), &third, "s2", None).unwrap();
    assert_eq!((found.against, found.differences.len()), (Some(runs[1].flow_id()), 1));
    let found = why(store.as_ref(), &third, "s2", Some(runs[0].flow_id())).unwrap();
    assert_eq!(found.differences[0].to_string(), "parameter number 1 → 3");
    let none = why(store.as_ref(), &third, "s2", Some(runs[2].flow_id())).unwrap();
    assert_eq!((none.against, none.differences), (None, vec![Difference::New]));
}

#[test]
fn a_step_may_turn_out_to_do_what_an_earlier_one_does() {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let policy = ReusePolicy::wherever_possible();
    // Two that give the same, whatever their numbers are, and one after each that does the same as the other.
    let mut pieces = row(1);
    pieces.extend([1, 2].map(|index| Piece { number: index as u32, dull: true, ..Piece::new(index, vec![0]) }));
    run(&store, &pieces, policy.clone());

    // Neither of the last two was run, and that the first will do the work of the second is not known before the run.
    pieces.extend([3, 4].map(|index| Piece::new(index, vec![index - 2])));
    pieces[1].number += 100;
    let plan = planned(&store, &pieces, &policy);
    assert!(matches!(&plan.steps[4].action, Action::Run { unless_done_by, .. } if unless_done_by[..] == ["s3"]));
    agrees(&plan, &store, &pieces, &policy);

    // Both were, and the first is to be run again.
    pieces[1].number += 100;
    pieces.push(Piece::new(5, vec![4]));
    let refreshing = policy.refreshing("s3");
    let plan = planned(&store, &pieces, &refreshing);
    assert!(matches!(&plan.steps[4].action, Action::Reuse { unless_done_by, .. } if unless_done_by[..] == ["s3"]));
    assert_eq!(plan.steps[4].action.reasons()[1], "unless s3 turns out to do the same work");
    assert_eq!(plan.to_json()["steps"][4]["unless_done_by"], serde_json::json!(["s3"]));
    let Action::Run { unless_known, .. } = &plan.steps[5].action else { panic!("{:?}", plan.steps[5]) };
    assert_eq!(*unless_known, ["s4"]);
    agrees(&plan, &store, &pieces, &refreshing);
}

#[test]
fn a_step_that_has_failed_before_has_no_result() {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let manifest = "flow: f\nsteps:\n  - { id: seed, uses: demo.seed }\n  - { id: broken, uses: test.fail }\n";
    let source = chem_runtime::manifest::Source::new("m.yaml", manifest);
    let registry = chem_runtime::step::Registry::linked().unwrap();
    let checked = chem_runtime::manifest::check(&source, &[], registry, ".".as_ref());
    let definition = checked.definition.unwrap();
    let engine = chem_runtime::engine::FlowEngine::on(store.clone()).definition(definition.clone());
    engine.run_to_end().unwrap_err();
    let files = Files::relative_to(".");
    let plan =
        plan(store.as_ref(), &definition, Some(&checked.origins), &files, &ReusePolicy::wherever_possible()).unwrap();
    let actions: Vec<&str> = plan.steps.iter().map(|step| step.action.name()).collect();
    assert_eq!(actions, ["reuse", "run"]);
    assert_eq!(plan.steps[1].action.reasons(), ["no run has finished it"]);
    assert!(
        !matches!(plan.steps[1].action, Action::Run { ref because, .. } if because.contains(&Reason::Differs(Difference::New)))
    );
}

#[test]
fn a_file_that_the_run_itself_writes_is_not_taken_for_known() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = |rows: u32| {
        format!(
            "flow: f
steps:
  - {{ id: rows, uses: workbench.rows, with: {{ rows: {rows} }} }}
  - {{ id: one, uses: table.write, inputs: {{ table: rows }}, with: {{ path: a.csv }} }}
  - {{ id: lines, uses: workbench.lines, inputs: {{ table: rows }}, with: {{ path: a.csv }} }}
  - {{ id: other, uses: table.write, inputs: {{ table: lines }}, with: {{ path: b.csv }} }}
"
        )
    };
    follows(&directory, &[(manifest(3), &["run"; 4]), (manifest(3), &["reuse"; 4]), (manifest(4), &["run"; 4])]);
}

#[test]
fn a_history_is_known_where_all_that_led_to_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = |max: &str| {
        format!(
            "flow: f
steps:
  - {{ id: numbers, uses: workbench.random, with: {{ rows: 20 }} }}
  - {{ id: keep, uses: workbench.keep, with: {{ max: {max} }} }}
  - {{ id: tale, uses: workbench.tale }}
"
        )
    };
    // All numbers are below either limit: the table is the same, and the tale is not.
    let runs = [
        (manifest("1e15"), ["run", "run", "run"]),
        (manifest("1e15"), ["reuse", "reuse", "reuse"]),
        (manifest("2e15"), ["reuse", "run", "run"]),
    ];
    follows(&directory, &runs.each_ref().map(|(manifest, expected)| (manifest.clone(), &expected[..])));
}

/// Runs each manifest after the others, and sees that the plan and the run do what is expected.
fn follows(directory: &tempfile::TempDir, runs: &[(String, &[&str])]) {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    for (manifest, expected) in runs {
        let source = chem_runtime::manifest::Source::new("m.yaml", manifest);
        let registry = chem_runtime::step::Registry::linked().unwrap();
        let checked = chem_runtime::manifest::check(&source, &[], registry, directory.path());
        let definition = checked.definition.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
        let (files, policy) = (Files::relative_to(directory.path()), ReusePolicy::wherever_possible());
        let plan = plan(store.as_ref(), &definition, Some(&checked.origins), &files, &policy).unwrap();
        let actions: Vec<&str> = plan.steps.iter().map(|step| step.action.name()).collect();
        let reasons: Vec<Vec<String>> = plan.steps.iter().map(|step| step.action.reasons()).collect();
        assert_eq!(actions, *expected, "{reasons:?}");
        let engine = chem_runtime::engine::FlowEngine::on(store.clone())
            .directory(directory.path())
            .reuse(policy)
            .definition(definition);
        let instance = engine.run_to_end().unwrap();
        let reused = |step: &chem_runtime::flow::StepState| if step.reused.is_some() { "reuse" } else { "run" };
        assert_eq!(instance.steps().iter().map(reused).collect::<Vec<_>>(), *expected);
    }
}
