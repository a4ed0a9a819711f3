//! What a definition's hash and a flow's fingerprint depend on.

use chem_runtime::fingerprint::{DefinitionHash, Fingerprint};
use chem_runtime::flow::{FlowDefinition, definition_hash, flow_fingerprint};
use chem_runtime::step::{Bound, PlannedStep, Step, StepDefinition, StepId};
use chem_runtime::steps::demo::{Characters, Count, Seed};
use chem_tests::events::hash;
use chem_tests::steps::Slow;
use chem_tests::values::cases;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

fn ids() -> impl Strategy<Value = Vec<String>> {
    btree_set("[a-z][a-z0-9_-]{0,4}", 2..6).prop_map(Vec::from_iter).prop_shuffle()
}

fn hash_of(ids: &[String]) -> DefinitionHash {
    definition_hash(ids.iter().map(String::as_str))
}

fn planned(id: &str, step: impl Step) -> PlannedStep {
    let step: Box<dyn StepDefinition> = Box::new(Bound::new(StepId::new(id).unwrap(), step));
    step.into()
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_order_of_the_steps_counts(ids in ids(), a in 0_usize..6, b in 0_usize..6) {
        let (a, b) = (a % ids.len(), b % ids.len());
        let mut swapped = ids.clone();
        swapped.swap(a, b);
        prop_assert_eq!(hash_of(&swapped) == hash_of(&ids), a == b);
    }

    #[test]
    fn every_step_counts(ids in ids(), at in 0_usize..6) {
        let mut fewer = ids.clone();
        let removed = fewer.remove(at % ids.len());
        prop_assert_ne!(hash_of(&fewer), hash_of(&ids));
        // Nor do two names run together into one.
        fewer[0].push_str(&removed);
        prop_assert_ne!(hash_of(&fewer), hash_of(&ids));
    }

    #[test]
    fn every_text_has_a_hash_of_its_own(a in vec(any::<char>(), 0..4), b in vec(any::<char>(), 0..4)) {
        let (a, b) = (String::from_iter(a), String::from_iter(b));
        prop_assert_eq!(definition_hash([a.as_str()]) == definition_hash([b.as_str()]), a == b);
        for run_together in [format!("{a},{b}"), format!("{a}\",\"{b}"), format!("{a}{b}")] {
            prop_assert_ne!(definition_hash([a.as_str(), &b]), definition_hash([run_together.as_str()]));
        }
    }

    #[test]
    fn nothing_but_the_names_in_order_counts(ids in ids(), text in "[a-z]{0,9}", wait in any::<u64>()) {
        let [first, between @ .., last] = ids.as_slice() else { unreachable!() };
        let slow = |id: &String| planned(id, Slow { wait, ran: None });
        let plain = |id: &String| planned(id, Slow::default());
        let one = [planned(first, Seed::default())].into_iter().chain(between.iter().map(plain)).chain([plain(last)]);
        let other = [planned(first, Seed { text: text.clone() })].into_iter().chain(between.iter().map(slow));
        let other = other.chain([planned(last, Characters {})]);
        let (one, other) = (FlowDefinition::new(one).unwrap(), FlowDefinition::new(other).unwrap().with_name("another"));
        prop_assert_eq!(one.hash(), hash_of(&ids));
        prop_assert_eq!(other.hash(), hash_of(&ids));
    }

    #[test]
    fn the_fingerprints_of_the_steps_count_in_order(numbers in vec(any::<u32>(), 1..6), a in 0_usize..6, b in 0_usize..6) {
        let flow = |numbers: &[u32]| flow_fingerprint(numbers.iter().map(|number| hash::<Fingerprint>(*number)));
        let (a, b) = (a % numbers.len(), b % numbers.len());
        let mut swapped = numbers.clone();
        swapped.swap(a, b);
        prop_assert_eq!(flow(&swapped) == flow(&numbers), swapped == numbers);
        let mut changed = numbers.clone();
        changed[a] ^= 1;
        prop_assert_ne!(flow(&changed), flow(&numbers));
        prop_assert_ne!(flow(&numbers[1..]), flow(&numbers));
    }
}

#[test]
fn the_wiring_does_not_count_for_the_definition() {
    let wired = |from: &str| {
        let letters = PlannedStep { inputs: vec![("text".into(), from.into())], ..planned("letters", Characters {}) };
        let steps = [planned("seed", Seed::default()), planned("slow", Slow::default()), letters];
        FlowDefinition::new(steps.into_iter().chain([planned("count", Count {})])).unwrap().hash()
    };
    assert_eq!(wired("seed"), wired("slow"));
}
