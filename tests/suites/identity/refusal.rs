//! What has no identity is refused, with the path where it stands, and never turns into something else.

use std::collections::BTreeMap;

use chem_runtime::artifact::{Artifact, ArtifactError, ArtifactValue as _, JsonArtifact};
use chem_runtime::fingerprint::{CanonicalError, MAX_DEPTH, canonical_json, to_json};
use chem_tests::values::{Place, cases, json, nested, number, path, plant, way};
use proptest::prelude::*;
use proptest::sample::select;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A typed value that can hold what JSON cannot.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Typed {
    Float(f64),
    Json(Value),
    List(Vec<Option<Typed>>),
    Named(BTreeMap<String, Typed>),
}

impl JsonArtifact for Typed {
    const KIND: &'static str = "typed";
}

/// `float` at the end of `way`, beside harmless values.
fn typed(float: f64, way: &[Place]) -> Typed {
    way.iter().rev().fold(Typed::Float(float), |inner, place| match place {
        Place::Index(index) => {
            let mut items = vec![None; index + 2];
            items[*index] = Some(inner);
            Typed::List(items)
        }
        Place::Key(key) => {
            let neighbour = ("A".to_owned(), Typed::Json(json!({"b": [0.5]})));
            Typed::Named([neighbour, (key.clone(), inner)].into())
        }
    })
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn a_float_that_is_no_number_is_refused_with_its_path(
        way in way(),
        float in select(vec![f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ) {
        let refused = CanonicalError::NonFinite { path: path(&way), value: float.to_string() };
        prop_assert_eq!(to_json(&typed(float, &way)), Err(refused.clone()));
        let Err(ArtifactError::Canonical(error)) = typed(float, &way).pack() else { panic!("it was packed") };
        prop_assert_eq!(error, refused);
        prop_assert!(to_json(&typed(0.5, &way)).is_ok());
    }

    #[test]
    fn a_nul_character_is_refused_with_its_path(way in way(), before in "[a-z]{0,3}", after in "[a-z]{0,3}") {
        let error = canonical_json(&plant(format!("{before}\0{after}").into(), &way));
        prop_assert_eq!(error, Err(CanonicalError::NulCharacter { path: path(&way) }));
        // In a key, the path is that of the key's value.
        let error = canonical_json(&plant(json!({ (format!("{before}\0{after}")): 1 }), &way));
        let found = format!("{}.{before}\\u0000{after}", path(&way));
        prop_assert_eq!(error, Err(CanonicalError::NulCharacter { path: found }));
        prop_assert!(canonical_json(&plant(json!("\\u0000"), &way)).is_ok());
    }

    #[test]
    fn nesting_is_refused_from_one_level_on(leaf in number(), deeper in 1_usize..30) {
        let deepest = nested(leaf.clone(), MAX_DEPTH);
        let text = canonical_json(&deepest).unwrap();
        prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
        prop_assert!(to_json(&deepest).is_ok());
        let too_deep = nested(leaf, MAX_DEPTH + deeper);
        let refused = canonical_json(&too_deep);
        prop_assert!(matches!(refused, Err(CanonicalError::TooDeep { .. })), "{:?}", refused);
        prop_assert_eq!(to_json(&too_deep).unwrap_err(), refused.unwrap_err());
        prop_assert!(Artifact::new("note", &too_deep).is_err());
    }

    #[test]
    fn what_is_json_already_stays_what_it_is(value in json()) {
        prop_assert_eq!(to_json(&value), Ok(value));
    }
}
