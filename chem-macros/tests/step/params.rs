//! Parameters: their types, their defaults, and the struct that they become.

use std::collections::BTreeMap;

use chem_runtime::prelude::*;
use chem_runtime::step::{Files, StepKind};
use chem_runtime::steps::demo::Text;
use serde_json::json;

/// Says what it was given.
///
/// It has a parameter of every type that the runtime brings.
#[step("params.all", version = 3)]
fn all(
    /// A truth.
    #[param(default = true)]
    truth: bool,
    /// A number, with a unit.
    ///
    /// Its bounds are part of its help.
    #[param(default = 5, min = -1, max = 10.5, unit = "g/mol")]
    number: f64,
    /// Small.
    #[param(default = 7, max = 9)]
    small: u8,
    /// Great.
    #[param(default = -9_000_000_000)]
    great: i64,
    /// A text.
    #[param(default = "mean", one_of = ["mean", "median"], example = "median")]
    method: String,
    /// Texts.
    #[param(default = ["a", "b"])]
    texts: Vec<String>,
    /// Numbers.
    #[param(default = [1, 2])]
    numbers: Vec<f64>,
    /// None.
    #[param(default = [])]
    none: Vec<usize>,
    /// A file to read.
    #[param(default = "Cargo.toml")]
    library: InputFile,
    /// A file to write.
    #[param(default = "out/out.csv")]
    report: OutputFile,
    /// Perhaps a number.
    #[param(min = 1)]
    limit: Option<u32>,
    /// Names with numbers. The default is any expression.
    #[param(default = BTreeMap::from([("a".to_owned(), 1.0)]))]
    weights: BTreeMap<String, f64>,
    /// Its name is a word of Rust.
    #[param(default = "x")]
    r#where: String,
) -> Result<Text, StepError> {
    Ok(Text(format!(
        "{truth} {number} {small} {great} {method} {texts:?} {numbers:?} {none:?} {library:?} {report:?} {limit:?} \
         {weights:?} {}",
        r#where
    )))
}

/// Repeats a text.
#[step("params.required", version = 1)]
fn required(
    /// The text.
    text: String,
    /// How often.
    #[param(default = 2, min = 1)]
    times: usize,
) -> Result<Text, StepError> {
    Ok(Text(text.repeat(times)))
}

#[test]
fn the_spec_has_all_that_is_written() {
    let spec = All::SPEC;
    assert_eq!((spec.name, spec.version, spec.kind), ("params.all", 3, StepKind::Source));
    assert_eq!(spec.doc, "Says what it was given.\n\nIt has a parameter of every type that the runtime brings.");
    assert_eq!(spec.defined_in.0, "chem-macros");
    assert!(spec.defined_in.1.ends_with("params.rs"));
    let number = spec.param("number").unwrap();
    assert_eq!((number.min, number.max, number.unit), (Some(-1.0), Some(10.5), Some("g/mol")));
    assert_eq!(number.doc, "A number, with a unit.\n\nIts bounds are part of its help.");
    let method = spec.param("method").unwrap();
    assert_eq!((method.one_of, method.example), (&["mean", "median"][..], Some("median")));
    assert!(spec.param("where").is_some());
    assert!(spec.params.iter().all(|param| !param.required()));
    assert!(Required::SPEC.param("text").unwrap().required());
}

#[test]
fn defaults_have_the_type_of_their_parameter() {
    let defaults = json!({
        "truth": true, "number": 5.0, "small": 7, "great": -9_000_000_000_i64, "method": "mean", "texts": ["a", "b"],
        "numbers": [1.0, 2.0], "none": [], "library": "Cargo.toml", "report": "out/out.csv", "weights": {"a": 1.0},
        "where": "x",
    });
    assert_eq!(json!(All::default().to_params()), defaults);
    assert_eq!(All::from_params(&Default::default()).unwrap(), All::default());
    let written = All::SPEC.param("number").and_then(|number| number.default).unwrap().make();
    assert_eq!(written, json!(5.0));
}

#[test]
fn parameters_come_back_as_they_were_and_what_is_nothing_is_left_out() {
    let step = All { limit: Some(2), ..All::default() };
    let params = step.to_params();
    assert_eq!(params["limit"], 2);
    assert_eq!(All::from_params(&params).unwrap(), step);
    assert!(!All::default().to_params().contains_key("limit"));
}

#[test]
fn a_file_is_identified_by_its_content_and_anything_else_as_it_is_written() {
    let step = All { limit: Some(2), ..All::default() };
    let files = Files::relative_to(env!("CARGO_MANIFEST_DIR"));
    let (mut identity, mut params) = (step.identity(&files).unwrap(), step.to_params());
    assert!(identity.remove("library").unwrap()["sha256"].is_string());
    params.remove("library");
    assert_eq!(identity, params);
    let missing = All { library: "missing.smi".into(), ..All::default() };
    assert!(missing.identity(&files).unwrap_err().to_string().contains("missing.smi"));
}

#[test]
fn all_problems_are_told_at_once() {
    let params = json!({ "times": 0, "tmies": 1 });
    let problems = Required::from_params(params.as_object().unwrap()).unwrap_err();
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    for word in ["`text`", "`times`", "`tmies`"] {
        assert!(said.iter().any(|one| one.contains(word)), "{word} is not in {said:?}");
    }
}
