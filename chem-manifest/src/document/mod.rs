//! A manifest as a plain value, which Rust code creates and every format of serde can read and write.
//!
//! The value has no spans and validates only the form of names and durations. [`Manifest::read`] parses a manifest like
//! `chem check`, with the same errors. Deserialization accepts the same values: text must be written as text, keys must be
//! unique, and numbers must be finite.

mod groups;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::authored::{self, AuthoredStep, InShards, MapFlow, Policy};
pub use crate::authored::{Environment, OnError, Resources, Retry, RetryOn};
use crate::yaml::{Key, Node};
use crate::{Diagnostic, Findings, Source, StepId, check, read, time, values};

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
    /// The purpose of the flow.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_text")]
    pub description: Option<String>,
    /// The license of the results: the identifier of one in SPDX, or an address.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_license")]
    pub license: Option<String>,
    /// The flow parameters: each a scalar, a list of scalars, or `{"secret": "env:NAME"}`.
    #[serde(default, skip_serializing_if = "Map::is_empty", deserialize_with = "values::members")]
    pub params: Map<String, Value>,
    /// The modules that define further step types: the paths of Python files, or the names of installed packages.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "values::text_list")]
    pub steps_from: Vec<String>,
    /// The environment in which the steps of these modules run.
    #[serde(default, skip_serializing_if = "Environment::is_default")]
    pub environment: Environment,
    /// The steps in order.
    #[serde(with = "groups")]
    pub steps: Vec<Step>,
}

/// A step of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The name of the step, unique in the flow.
    #[serde(deserialize_with = "values::name")]
    pub id: StepId,
    /// The step type; `None` for a step with `map`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_text")]
    pub uses: Option<String>,
    /// The flow that the step runs once for each combination of values, in place of a step type.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::present")]
    pub map: Option<MapOver>,
    /// Whether this is a further source of the flow. Required of a source after the first step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub source: bool,
    /// For each input port, the output that feeds it, as `step` or `step.output`. By default, the main output of the previous
    /// step feeds the first port.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "values::texts")]
    pub inputs: BTreeMap<String, String>,
    /// The parameters. In text, `${params.NAME}` is the placeholder of a flow parameter, and `$${` is a literal `${`.
    #[serde(default, skip_serializing_if = "Map::is_empty", deserialize_with = "values::members")]
    pub with: Map<String, Value>,
    /// When to retry; `None` for a single attempt.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::present")]
    pub retry: Option<Retry>,
    /// The time limit of one attempt, in milliseconds; `None` for no limit. Written as `30s`.
    #[serde(default, rename = "timeout", skip_serializing_if = "Option::is_none", with = "time::optional")]
    pub timeout_ms: Option<u64>,
    /// The question to answer before the step starts.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::present")]
    pub gate: Option<Gate>,
    /// What the step needs of the machine that runs it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::present")]
    pub resources: Option<Resources>,
    /// How the step runs in shards; `None` if it runs as a whole. Written as a `map` around the steps of a group.
    #[serde(skip)]
    pub shards: Option<Shards>,
}

/// The steps of a flow in order, as a value of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Steps(#[serde(with = "groups")] pub Vec<Step>);

/// Steps run in shards: each part of the rows in a child run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shards {
    /// The id of the first step of the group. The steps of a group are consecutive.
    pub group: String,
    /// The output that is cut into shards, as `step` or `step.output`. By default, it feeds the first step of the group.
    pub over: String,
    /// The number of rows of a shard, about; at least 1.
    pub rows: usize,
}

/// A flow that runs once for each combination of values, each time as a child run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapOver {
    /// The path of the manifest of the flow; `None` if its steps are in place. `${params.NAME}` is the placeholder of a
    /// parameter of this flow.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_text")]
    pub flow: Option<String>,
    /// The steps of the flow, if they are in place; otherwise empty. `${params.NAME}` in them is the placeholder of a
    /// parameter under `params` or `over`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "groups")]
    pub steps: Vec<Step>,
    /// The parameters of the flow that have the same value in all children.
    #[serde(default, skip_serializing_if = "Map::is_empty", deserialize_with = "values::members")]
    pub params: Map<String, Value>,
    /// The parameters of the flow that differ between children, each with the list of its values.
    #[serde(deserialize_with = "values::members")]
    pub over: Map<String, Value>,
    /// The outputs of the flow to gather, as `step`, `step.output` or `step.column`, by the name of the column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "values::texts")]
    pub take: BTreeMap<String, String>,
    /// What to do when a child fails.
    #[serde(default, skip_serializing_if = "OnError::is_default")]
    pub on_error: OnError,
}

/// A question that a person answers before the step starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The question. `${params.NAME}` is the placeholder of a flow parameter, and `$${` is a literal `${`.
    #[serde(deserialize_with = "values::text")]
    pub message: String,
    /// The JSON Schema of the data in an approval; `None` if the gate accepts no data.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::some_members")]
    pub schema: Option<Map<String, Value>>,
    /// The principals one of whom must sign a decision; empty if it need not be signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "values::text_list")]
    pub signed_by: Vec<String>,
}

impl Manifest {
    /// Creates the manifest of a flow with these steps and without parameters.
    pub fn new(flow: StepId, steps: Vec<Step>) -> Self {
        let (params, steps_from, environment) = (Map::new(), Vec::new(), Environment::default());
        Self { flow, description: None, license: None, params, steps_from, environment, steps }
    }

    /// Parses the manifest in `source` like `chem check`, without step types.
    ///
    /// # Errors
    /// Returns all diagnostics, including warnings, if at least one is an error.
    pub fn read(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        let diagnostics = check(source);
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(diagnostics);
        }
        let authored = read(source, &authored::NoStepTypes, &mut Findings::default());
        // Without errors, the flow and all steps have names.
        authored.and_then(|(manifest, _)| Self::of(manifest)).ok_or(diagnostics)
    }

    fn of(authored: authored::Manifest) -> Option<Self> {
        Some(Self {
            flow: authored.flow?,
            description: authored.description,
            license: authored.license,
            params: of_nodes(&authored.params?)?,
            steps_from: authored.sources.from.into_iter().map(|written| written.text).collect(),
            environment: authored.sources.environment,
            steps: Step::all(authored.steps)?,
        })
    }
}

impl Step {
    /// Creates the step `id` of the type `uses`, which is fed by the previous step and has default parameters.
    pub fn new(id: StepId, uses: impl Into<String>) -> Self {
        let (inputs, with) = (BTreeMap::new(), Map::new());
        let (map, retry, timeout_ms, gate, resources, shards) = (None, None, None, None, None, None);
        let uses = Some(uses.into());
        Self { id, uses, map, source: false, inputs, with, retry, timeout_ms, gate, resources, shards }
    }

    /// Converts steps that were read; `None` if a part of one is invalid.
    pub fn all(authored: Vec<AuthoredStep>) -> Option<Vec<Self>> {
        authored.into_iter().map(Self::of).collect()
    }

    fn of(authored: AuthoredStep) -> Option<Self> {
        let Policy { retry, timeout_ms, gate, resources } = authored.policy;
        let map = match authored.map {
            Some(map) => Some(MapOver::of(map)?),
            None => None,
        };
        Some(Self {
            id: authored.id?,
            uses: match &map {
                Some(_) => None,
                None => Some(authored.uses?.text),
            },
            map,
            source: authored.source?,
            inputs: authored.inputs.into_iter().map(|(port, from)| (port.name, from.text)).collect(),
            with: of_nodes(&authored.with)?,
            retry,
            timeout_ms,
            gate: match gate {
                Some(gate) => Some(Gate::of(gate)?),
                None => None,
            },
            resources,
            shards: authored.shards.map(|InShards { group, over, rows, .. }| Shards { group, over: over.text, rows }),
        })
    }
}

impl MapOver {
    /// Converts a `map:`; `None` if a part of it is invalid.
    fn of(authored: authored::MapOver) -> Option<Self> {
        let (flow, steps) = match authored.flow? {
            MapFlow::File(path) => (Some(path.to_json()?.as_str()?.to_owned()), Vec::new()),
            MapFlow::InPlace { steps, .. } => (None, Step::all(steps)?),
        };
        Some(Self {
            flow,
            steps,
            params: of_nodes(&authored.params)?,
            over: of_nodes(&authored.over)?,
            take: authored.take.into_iter().map(|(column, from)| (column.name, from.text)).collect(),
            on_error: authored.on_error,
        })
    }
}

impl Gate {
    /// Converts a gate; `None` if its message is not text.
    fn of(authored: authored::Gate) -> Option<Self> {
        let schema = authored.schema.map(|(schema, _)| schema.as_object().cloned());
        let message = authored.message.to_json()?.as_str()?.to_owned();
        Some(Self { message, schema: schema.flatten(), signed_by: authored.signed_by })
    }
}

/// Returns the entries of a mapping as JSON; `None` if a value is invalid.
fn of_nodes(entries: &[(Key, Node)]) -> Option<Map<String, Value>> {
    entries.iter().map(|(key, node)| Some((key.name.clone(), node.to_json()?))).collect()
}
