//! Manifests: from YAML text to a flow that can run, or to a list of everything that is wrong with it.
//!
//! A check has four stages, each named by its result: the text is parsed, the manifest is authored (its shape is
//! valid), its parameters are resolved (overrides and placeholders), and its steps are bound and wired.
//! [`chem_manifest`] checks what follows from the text alone; this module knows step types and the file system. Each
//! stage continues with what the previous one could read and does not repeat its errors, so that one mistake gives one
//! message and one check gives all of them.
//!
//! ```
//! use chem_runtime::manifest::{Source, Style, check};
//! use chem_runtime::step::Registry;
//!
//! let text = "flow: hello\nsteps:\n  - id: seed\n    uses: demo.sed\n";
//! let registry = Registry::linked()?;
//! let checked = check(&Source::new("hello.yaml", text), &[], registry, ".".as_ref());
//! assert!(checked.definition.is_none());
//! let message = checked.diagnostics[0].render(Style::Plain);
//! assert!(message.starts_with("error[E0401]: there is no step type `demo.sed`\n --> hello.yaml:4:11"));
//! assert!(message.ends_with("= help: did you mean `demo.seed`?"));
//! # Ok::<_, chem_runtime::step::DuplicateStepType>(())
//! ```

mod binding;
mod included;
mod nesting;
mod policy;
mod recorded;
mod schema;
mod shards;
mod sources;
mod sweep;
mod template;
mod wiring;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use binding::{Binder, ColumnsSoFar, FilesSoFar, Written, filled};
use chem_manifest::authored::{self, AuthoredStep, StepTypes};
#[doc(inline)]
pub use chem_manifest::document::{self, Manifest};
use chem_manifest::params::{Form, Params};
use chem_manifest::yaml::{Key, Node};
#[doc(inline)]
pub use chem_manifest::{
    Diagnostic, Label, MAX_BYTES, Override, Position, RULES, Rule, Severity, Source, Span, Style, render,
};
use chem_manifest::{Findings, Parsed, params, rules};
pub use included::{IncludedFlow, IncludedFlowError};
use nesting::Nesting;
pub use recorded::manifest_of_run;
pub use schema::json_schema;
use serde_json::{Map, Value};
#[cfg(feature = "cli")]
pub(crate) use sources::with_modules_of;
use sources::{StepTypesOfManifest, step_type};
pub use sweep::{Sweep, load_sweep};
#[cfg(feature = "cli")]
pub(crate) use yaml::yaml_text;
pub use yaml::{UnwritableManifest, to_yaml};

use crate::fingerprint::canonical_json;
use crate::flow::FlowDefinition;
use crate::step::{Columns, ParamType, PlannedStep, Registry, StepDefinition, StepPolicy, StepRegistration, StepSpec};

/// The result of a check.
#[derive(Debug)]
pub struct Checked {
    /// The flow; `None` if there is an error.
    pub definition: Option<FlowDefinition>,
    /// All diagnostics, in the order of the manifest. Warnings alone do not keep the flow from running.
    pub diagnostics: Vec<Diagnostic>,
    /// The origins of the flow's values.
    pub origins: Origins,
}

/// The origins of a flow's values: overrides, the manifest or defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// The flow parameters that an override set. The others have the value of the manifest.
    pub overridden: BTreeSet<String>,
    /// For each step, the parameters that the manifest sets, each with the flow parameters that it uses. The other
    /// parameters have their defaults.
    pub written: Vec<BTreeMap<String, BTreeSet<String>>>,
}

/// Whether `rule` concerns what a manifest needs from its machine: input files and programs. A manifest can start to
/// break such a rule without being changed.
pub(crate) fn is_of_the_machine(rule: &Rule) -> bool {
    [&rules::NO_SUCH_FILE, &rules::NO_SUCH_PROGRAM].contains(&rule)
}

/// Reads and checks the manifest at `path`. Its relative paths start from its own directory.
pub fn load(path: &Path, overrides: &[Override], registry: &Registry) -> Checked {
    match Source::read(path) {
        Ok(source) => check(&source, overrides, registry, path.parent().unwrap_or(Path::new("."))),
        Err(diagnostic) => Checked { definition: None, diagnostics: vec![*diagnostic], origins: Origins::default() },
    }
}

/// Reads and checks the manifest at `path` like [`load`], for a flow that will run later: its input files and programs need
/// not exist yet.
pub fn load_plan(path: &Path, overrides: &[Override], registry: &Registry) -> Checked {
    match Source::read(path) {
        Ok(source) => {
            let directory = path.parent().unwrap_or(Path::new("."));
            let mut checked = check_but(&source, overrides, registry, directory, is_of_the_machine);
            if checked.definition.is_some() {
                checked.diagnostics.retain(|diagnostic| !is_of_the_machine(diagnostic.rule));
            }
            checked
        }
        Err(diagnostic) => Checked { definition: None, diagnostics: vec![*diagnostic], origins: Origins::default() },
    }
}

/// Checks a manifest against the step types of `registry`. Paths in it are relative to `directory`.
///
/// Reads only the first lines of input files, to check that they exist and which columns they have. Writes nothing.
pub fn check(source: &Source, overrides: &[Override], registry: &Registry, directory: &Path) -> Checked {
    check_but(source, overrides, registry, directory, |_| false)
}

/// Checks a manifest. Errors of the rules that `accepted` holds for are reported, and do not keep the manifest from being a
/// flow.
fn check_but(
    source: &Source,
    overrides: &[Override],
    registry: &Registry,
    directory: &Path,
    accepted: fn(&Rule) -> bool,
) -> Checked {
    let mut findings = Findings::default();
    let Some(parsed) = Parsed::of(source, &mut findings) else {
        let (diagnostics, origins) = (findings.into_sorted(source), Origins::default());
        return Checked { definition: None, diagnostics, origins };
    };
    let types = StepTypesOfManifest::of(&parsed.step_sources(), registry, directory);
    let (manifest, start) = parsed.read(types.registry(), &mut findings);
    let nesting = Nesting::of(source, directory);
    let flow =
        FlowCheck { source, directory, types: &types, linked: registry, accepted, taken: &[], nesting: &nesting };
    let params = manifest.params.clone();
    flow.run(&manifest, start, params, overrides, findings).0
}

/// What a check knows of a flow besides its definition.
#[derive(Debug, Default)]
struct Known {
    /// The columns of the main output of each step.
    columns: Vec<Columns>,
}

/// A flow that is checked: its text, and what is around it.
struct FlowCheck<'a> {
    source: &'a Source,
    /// The directory where relative paths start.
    directory: &'a Path,
    /// The step types that its steps may use.
    types: &'a StepTypesOfManifest<'a>,
    /// The step types that are linked into the program.
    linked: &'a Registry,
    /// Whether errors of a rule do not keep a manifest from being a flow.
    accepted: fn(&Rule) -> bool,
    /// The ids of the steps from which the step that runs it as a child takes something.
    taken: &'a [&'a str],
    /// The flows that run it as a child.
    nesting: &'a Nesting,
}

impl FlowCheck<'_> {
    /// Checks a manifest that was read, with the declarations `declared` of its parameters, after what was found when it was read.
    /// `start` is the span of its beginning. Also returns what is known of its outputs.
    fn run(
        &self,
        manifest: &authored::Manifest,
        start: Span,
        declared: Option<Vec<(Key, Node)>>,
        overrides: &[Override],
        mut findings: Findings,
    ) -> (Checked, Known) {
        let Self { source, directory, types, accepted, taken, .. } = *self;
        let registry = types.registry();
        let authored::Manifest { flow, description, license, sources, steps, .. } = manifest;
        types.report(sources, source, &mut findings);
        let mut params = params::resolve(declared, overrides, source, &mut findings);

        let found: Vec<_> = steps.iter().map(|step| step_type(step, source, types, &mut findings)).collect();
        let shaped = |(found, step): (&Option<&'static StepRegistration>, &AuthoredStep)| {
            Some((*found)?.shaped(&valid_params(step, &params)))
        };
        let specs: Vec<Option<&'static StepSpec>> = found.iter().zip(steps).map(shaped).collect();
        let wired = wiring::check(steps, &specs, source, registry, taken, &mut findings);
        shards::check(steps, &specs, &wired.feeds, source, &mut findings);

        let mut origins = Origins { overridden: params.overridden().clone(), written: Vec::new() };
        let mut bound: Vec<Option<Box<dyn StepDefinition>>> = Vec::new();
        let mut binder = Binder {
            source,
            directory,
            params: &mut params,
            findings: &mut findings,
            files: FilesSoFar::default(),
            columns: ColumnsSoFar::new(steps, &wired.outputs),
            sources,
            flow: self,
        };
        for ((step, registration), feeds) in steps.iter().zip(found).zip(&wired.feeds) {
            let (definition, written) = match (&step.map, registration) {
                (Some(map), _) => binder.bind_map(step, map),
                (None, Some(registration)) => binder.bind(step, registration, feeds),
                (None, None) => {
                    binder.check_only(step);
                    binder.columns.add(Columns::Unknown, false);
                    (None, Written::new())
                }
            };
            bound.push(definition);
            origins.written.push(written);
        }
        let known = Known { columns: binder.columns.into_known() };
        let policies: Vec<StepPolicy> =
            steps.iter().map(|step| policy::read(step, &mut params, source, &mut findings)).collect();
        // A name that is misspelled where it is used would make its parameter look unused.
        if !findings.has_errors_in(&["01", "02", "03", "04"]) {
            params.warn_of_unused(source, &mut findings);
        }

        let mut definition = None;
        if !findings.has_errors_but(accepted) {
            let planned = steps.iter().zip(bound).zip(policies).filter_map(|((step, bound), policy)| {
                let mut inputs: Vec<(String, String)> =
                    step.inputs.iter().map(|(port, from)| (port.name.clone(), from.text.clone())).collect();
                let bound = bound?;
                inputs.extend(shards::default_input(step, bound.as_ref()));
                Some(PlannedStep { step: bound, inputs, source: step.source?, policy })
            });
            match FlowDefinition::new(planned) {
                Ok(flow_definition) => {
                    let overridden = params.overridden().clone();
                    // A spelling that equals the canonical form of the value need not be recorded.
                    let kept = params
                        .spelled()
                        .filter(|(_, value, spelling)| canonical_json(value).as_deref() != Ok(*spelling));
                    let spelled = kept.map(|(name, _, spelling)| (name.to_owned(), spelling.to_owned())).collect();
                    let mut named = flow_definition.with_params(params.values()).with_overridden(overridden, spelled);
                    if let Some(flow) = flow {
                        named = named.with_name(flow.clone());
                    }
                    if let Some(description) = description {
                        named = named.with_description(description.clone());
                    }
                    if let Some(license) = license {
                        named = named.with_license(license.clone());
                    }
                    definition = Some(named.with_step_sources(sources::recorded(sources)));
                }
                // The checks above should have found this already.
                Err(error) => {
                    findings.add(Diagnostic::new(&rules::NOT_A_FLOW, error.to_string(), source, start));
                }
            }
        }
        (Checked { definition, diagnostics: findings.into_sorted(source), origins }, known)
    }
}

/// Reads the value that `source` assigns, from `start` on, to a step parameter of type `ty`: text is taken literally,
/// and any other type is read as in a manifest. The step type decides whether it accepts the value.
///
/// # Errors
/// Returns all diagnostics that prevent the value from being read.
pub(crate) fn read_assigned(source: &Source, start: usize, ty: Option<&ParamType>) -> Result<Value, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let node = params::read_assigned(source, start, ty.map_or(Form::Value, form_of), &mut findings);
    node.and_then(|node| node.to_json()).ok_or_else(|| findings.into_sorted(source))
}

fn form_of(ty: &ParamType) -> Form {
    match ty {
        ParamType::Text
        | ParamType::Formatted(_)
        | ParamType::Expression
        | ParamType::Pattern
        | ParamType::Column
        | ParamType::InputFile
        | ParamType::InputFiles
        | ParamType::OutputFile => Form::Text,
        ParamType::Optional(inner) => form_of(inner),
        ParamType::List(inner) if form_of(inner) == Form::Text => Form::Texts,
        _ => Form::Value,
    }
}

impl StepTypes for Registry {
    fn is_param(&self, uses: &str, name: &str) -> bool {
        self.get(uses).is_some_and(|found| found.spec().param(name).is_some())
    }

    fn first_input(&self, uses: &str) -> Option<&str> {
        self.get(uses)?.spec().inputs.first().map(|port| port.name)
    }
}

/// Returns the parameters of a step with their placeholders filled in, without those whose placeholders are invalid.
fn valid_params(step: &AuthoredStep, params: &Params) -> Map<String, Value> {
    step.with.iter().filter_map(|(key, node)| Some((key.name.clone(), filled(node, params)?))).collect()
}
