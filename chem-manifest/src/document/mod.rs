//! A manifest as a plain value: what Rust code makes, and any format of serde reads and writes.
//!
//! The value has no spans and checks no more than the form of names and times. [`Manifest::read`] makes one with the reader
//! that `chem check` has, and refuses what that refuses. A reader of serde takes the values that our reader takes: text is
//! text only where it is written as such, a key stands once, and a number is finite.

mod time;
mod values;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::authored::{self, AuthoredStep, Policy};
pub(crate) use time::{has_unit, parse_time, plain as plain_time};

pub use crate::authored::{Retry, RetryOn};
use crate::{Diagnostic, Findings, Source, StepId, check, read};

/// A manifest.
///
/// ```
/// use chem_manifest::document::{Manifest, Step};
/// use chem_manifest::{Source, StepId};
///
/// let mut seed = Step::new(StepId::new("seed")?, "demo.seed");
/// seed.with.insert("text".into(), "CCO".into());
/// let manifest = Manifest::new(StepId::new("hello")?, vec![seed]);
/// // JSON is YAML, too.
/// let text = serde_json::to_string(&manifest)?;
/// assert_eq!(Manifest::read(&Source::new("hello.yaml", &text)).unwrap(), manifest);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name of the flow.
    #[serde(deserialize_with = "values::name")]
    pub flow: StepId,
    /// What the flow is for.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_text")]
    pub description: Option<String>,
    /// The parameters of the flow: each a scalar, a list of scalars, or `{"secret": "env:NAME"}`.
    #[serde(default, skip_serializing_if = "Map::is_empty", deserialize_with = "values::members")]
    pub params: Map<String, Value>,
    /// The steps in order.
    pub steps: Vec<Step>,
}

/// A step of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The step's name in the flow.
    #[serde(deserialize_with = "values::name")]
    pub id: StepId,
    /// The step type.
    #[serde(deserialize_with = "values::text")]
    pub uses: String,
    /// For each input port the output that feeds it, as `step` or `step.output`. The first port of a step takes the main
    /// output of the step before it where nothing is said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "values::texts")]
    pub inputs: BTreeMap<String, String>,
    /// The parameters. `${params.NAME}` in a text stands for a parameter of the flow, and `$${` for `${`.
    #[serde(default, skip_serializing_if = "Map::is_empty", deserialize_with = "values::members")]
    pub with: Map<String, Value>,
    /// How often it may be tried; once if there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::present")]
    pub retry: Option<Retry>,
    /// For how long an attempt may work, in milliseconds; for ever if there is nothing. Written as `30s`.
    #[serde(default, rename = "timeout", skip_serializing_if = "Option::is_none", with = "time::optional")]
    pub timeout_ms: Option<u64>,
    /// What a person has to be asked before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::present")]
    pub gate: Option<Gate>,
}

/// What a person is asked before a step starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The question. `${params.NAME}` stands for a parameter of the flow, and `$${` for `${`.
    #[serde(deserialize_with = "values::text")]
    pub message: String,
    /// The JSON Schema of what the answer brings along; none if it brings nothing.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::some_members")]
    pub schema: Option<Map<String, Value>>,
}

impl Manifest {
    /// The manifest of a flow with these steps and without parameters.
    pub fn new(flow: StepId, steps: Vec<Step>) -> Self {
        Self { flow, description: None, params: Map::new(), steps }
    }

    /// Reads the manifest in `source` as `chem check` reads it, without knowing step types.
    ///
    /// # Errors
    /// Everything that is wrong with it, warnings included, if anything is an error.
    pub fn read(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        let diagnostics = check(source);
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(diagnostics);
        }
        let authored = read(source, &authored::NoStepTypes, &mut Findings::default());
        // What has no error has a name, and so has each of its steps.
        authored.and_then(|(manifest, _)| Self::of(manifest)).ok_or(diagnostics)
    }

    fn of(authored: authored::Manifest) -> Option<Self> {
        Some(Self {
            flow: authored.flow?,
            description: authored.description,
            params: values::of_nodes(&authored.params?)?,
            steps: authored.steps.into_iter().map(Step::of).collect::<Option<_>>()?,
        })
    }
}

impl Step {
    /// The step `id` of the type `uses`, fed by the step before it, with its parameters' defaults.
    pub fn new(id: StepId, uses: impl Into<String>) -> Self {
        let (inputs, with) = (BTreeMap::new(), Map::new());
        Self { id, uses: uses.into(), inputs, with, retry: None, timeout_ms: None, gate: None }
    }

    fn of(authored: AuthoredStep) -> Option<Self> {
        let Policy { retry, timeout_ms, gate } = authored.policy;
        Some(Self {
            id: authored.id?,
            uses: authored.uses?.text,
            inputs: authored.inputs.into_iter().map(|(port, from)| (port.name, from.text)).collect(),
            with: values::of_nodes(&authored.with)?,
            retry,
            timeout_ms,
            gate: match gate {
                Some(gate) => Some(Gate::of(gate)?),
                None => None,
            },
        })
    }
}

impl Gate {
    /// `None` for a message that is no text.
    fn of(authored: authored::Gate) -> Option<Self> {
        let schema = authored.schema.map(|(schema, _)| schema.as_object().cloned());
        Some(Self { message: authored.message.to_json()?.as_str()?.to_owned(), schema: schema.flatten() })
    }
}
