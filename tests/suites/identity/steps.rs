//! What a step's fingerprint and cache key depend on, and what they do not.

use std::collections::BTreeMap;

use chem_runtime::artifact::Artifact;
use chem_runtime::fingerprint::{ArtifactHash, CacheKey, DefinitionHash, Fingerprint};
use chem_runtime::flow::{StepIdentity, definition_hash, flow_fingerprint};
use chem_tests::events::hash;
use chem_tests::values::{cases, shallow};
use proptest::collection::btree_map;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::spelling::respell;

/// A step's identity with its definition, to be changed one component at a time.
#[derive(Debug, Clone)]
struct Components {
    step_id: String,
    uses: String,
    version: u32,
    inputs: BTreeMap<String, ArtifactHash>,
    params: Map<String, Value>,
    definition: DefinitionHash,
}

impl Components {
    fn hashes(&self) -> (Fingerprint, CacheKey) {
        let Self { step_id, uses, version, inputs, params, definition } = self;
        let identity = StepIdentity { step_id, uses, version: *version, inputs, params };
        (identity.fingerprint(*definition).unwrap(), identity.cache_key().unwrap())
    }

    fn changed(&self, change: &dyn Fn(&mut Self)) -> (Fingerprint, CacheKey) {
        let mut changed = self.clone();
        change(&mut changed);
        changed.hashes()
    }
}

type Change<'a> = Box<dyn Fn(&mut Components) + 'a>;

fn components() -> impl Strategy<Value = Components> {
    let inputs = btree_map("[a-z]{1,4}", (0_u32..100).prop_map(hash::<ArtifactHash>), 2..4);
    let params = btree_map("[a-z]{1,4}", shallow(), 0..4);
    let names = ("[a-z][a-z0-9_-]{0,5}", "[a-z]{1,4}\\.[a-z]{1,4}");
    (names, any::<u32>(), inputs, params, (0_u32..100).prop_map(hash)).prop_map(
        |((step_id, uses), version, inputs, params, definition)| {
            let params = params.into_iter().collect();
            Components { step_id, uses, version, inputs, params, definition }
        },
    )
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn the_name_and_the_definition_count_for_the_fingerprint_alone(base in components(), number in 100_u32..200) {
        let (fingerprint, key) = base.hashes();
        let changes: [&dyn Fn(&mut Components); 2] = [&|it| it.step_id.push('x'), &|it| it.definition = hash(number)];
        for change in changes {
            let (other, same) = base.changed(change);
            prop_assert_ne!(other, fingerprint);
            prop_assert_eq!(same, key);
        }
    }

    #[test]
    fn every_other_component_counts_for_the_cache_key_too(base in components(), number in 100_u32..200) {
        let (fingerprint, key) = base.hashes();
        let mut changes: Vec<Change<'_>> = vec![
            Box::new(|it| it.uses.push('x')),
            Box::new(|it| it.version ^= 1),
            Box::new(move |it| *it.inputs.values_mut().next().unwrap() = hash(number)),
            Box::new(move |it| it.inputs.extend([("another".to_owned(), hash(number))])),
            Box::new(|it| drop(it.inputs.pop_first())),
            Box::new(|it| {
                let (port, input) = it.inputs.pop_first().unwrap();
                it.inputs.insert(format!("{port}/"), input);
            }),
            Box::new(|it| drop(it.params.insert("another".into(), Value::Null))),
        ];
        for name in base.params.keys() {
            changes.push(Box::new(move |it| it.params[name] = json!([it.params[name]])));
            changes.push(Box::new(move |it| drop(it.params.remove(name))));
        }
        for change in changes {
            let (other, other_key) = base.changed(&change);
            prop_assert_ne!(other, fingerprint);
            prop_assert_ne!(other_key, key);
        }
    }

    #[test]
    fn the_rows_are_all_of_the_cache_key_that_the_work_key_does_not_cover(base in components(), number in 100_u32..200) {
        let port = base.inputs.keys().next().unwrap();
        let other = base.inputs.keys().nth(1).unwrap();
        let key = |change: &dyn Fn(&mut Components)| {
            let mut changed = base.clone();
            change(&mut changed);
            let Components { step_id, uses, version, inputs, params, .. } = &changed;
            StepIdentity { step_id, uses, version: *version, inputs, params }.work_key(port).unwrap()
        };
        let same: [&dyn Fn(&mut Components); 3] =
            [&|it| it.step_id.push('x'), &|it| it.definition = hash(number), &|it| { it.inputs.insert(port.clone(), hash(number)); }];
        for change in same {
            prop_assert_eq!(key(change), key(&|_| ()));
        }
        let others: [&dyn Fn(&mut Components); 5] = [
            &|it| it.uses.push('x'),
            &|it| it.version ^= 1,
            &|it| { it.inputs.insert(other.clone(), hash(number)); },
            &|it| it.inputs.extend([("another".to_owned(), hash(number))]),
            &|it| drop(it.params.insert("another".into(), Value::Null)),
        ];
        for change in others {
            prop_assert_ne!(key(change), key(&|_| ()));
        }
    }

    #[test]
    fn swapped_inputs_are_another_step(base in components()) {
        let ports: Vec<&String> = base.inputs.keys().take(2).collect();
        let (one, other) = (base.inputs[ports[0]], base.inputs[ports[1]]);
        let (fingerprint, key) = base.changed(&|it| {
            it.inputs.insert(ports[0].clone(), other);
            it.inputs.insert(ports[1].clone(), one);
        });
        prop_assert_eq!(fingerprint == base.hashes().0, one == other);
        prop_assert_eq!(key == base.hashes().1, one == other);
    }

    #[test]
    fn a_spelling_of_the_parameters_does_not_count(base in components(), seed in any::<u64>()) {
        let spelled = respell(&Value::Object(base.params.clone()), seed);
        let respelled = Components { params: serde_json::from_str(&spelled).unwrap(), ..base.clone() };
        prop_assert_eq!(respelled.hashes(), base.hashes(), "{}", spelled);
    }

    #[test]
    fn what_moves_from_one_component_to_another_counts(base in components()) {
        // The same characters, cut in another place.
        let (fingerprint, _) = base.changed(&|it| it.step_id.push(it.uses.remove(0)));
        prop_assert_ne!(fingerprint, base.hashes().0);
        let (_, key) = base.changed(&|it| {
            let inputs = std::mem::take(&mut it.inputs);
            it.params = inputs.into_iter().map(|(port, hash)| (port, hash.to_string().into())).collect();
        });
        prop_assert_ne!(key, base.hashes().1);
    }
}

#[test]
fn no_two_kinds_of_hash_are_one_over_one_text() {
    let inner: Fingerprint = hash(0xaa);
    let text = json!([inner.to_string()]);
    let mut kinds =
        vec![definition_hash([inner.to_string().as_str()]).to_string(), flow_fingerprint([inner]).to_string()];
    for kind in ["", "flow", "definition", "artifact"] {
        kinds.push(Artifact::new(kind, &text).unwrap().hash().to_string());
    }
    for (at, kind) in kinds.iter().enumerate() {
        assert!(!kinds[..at].contains(kind), "{at}");
    }
}
