//! A step that runs a flow once for each combination of values, each time as a run of its own: a child.
//!
//! A manifest writes it as `map:`. Its parameters hold the whole definition of each child, so that a run can be continued
//! without any manifest. The engine runs the children ([`Children`]); `gather` makes the table of what they put out.

mod gather;

use std::collections::HashMap;

use chem_manifest::StepId;
use serde_json::{Map, Value, json};

use super::children::{Advance, ChildEnd, ChildFailure, ChildFlow, Children, MAP_STEP, MapParams, OnError};
use super::columns::{ColumnContext, Columns};
use super::context::ExecutionContext;
use super::definition::{StepDefinition, StepOutput, StepRunResult, StepTypeRef};
use super::error::StepError;
use super::file::FileWritten;
use super::files::Files;
use super::param::{InvalidParam, ParamProblem};
use super::port::{ANY_KIND, MAIN_OUTPUT, OutputSpec};
use super::registry::{Registry, StepRegistration, UnlistedStep};
use super::typed::StepSpec;
use crate::artifact::{ArtifactValue as _, Table};
use crate::event::{StepKind, StepSources};
use crate::fingerprint::canonical_json;

static SPEC: StepSpec = StepSpec {
    name: MAP_STEP,
    version: 1,
    kind: StepKind::Source,
    // A check of the result repeats the children, not the step.
    cache: false,
    effects: true,
    approximate: false,
    rows: None,
    doc: "Runs a flow once for each combination of values.",
    inputs: &[],
    outputs: &[OutputSpec::of::<Table>(MAIN_OUTPUT)],
    params: &[],
    code: "",
    defined_in: ("", file!(), line!()),
};

/// The registration of steps with `map:`.
pub(crate) static MAP_STEPS: StepRegistration = StepRegistration::described(&SPEC, &|id, params| {
    let params = MapParams::read(params)
        .map_err(|reason| vec![ParamProblem::Invalid { param: "map", error: InvalidParam::new(reason) }])?;
    Ok(Box::new(MapStep { id, params }))
});

inventory::submit! { UnlistedStep(&MAP_STEPS) }

/// A step with `map:` under a name in a flow.
pub(crate) struct MapStep {
    id: StepId,
    params: MapParams,
}

impl MapStep {
    pub(crate) fn new(id: StepId, params: MapParams) -> Self {
        Self { id, params }
    }

    /// Runs the children in their order, and waits for those that other processes run.
    fn ends(&self, children: &dyn Children, context: &ExecutionContext<'_>) -> Result<Vec<ChildEnd>, StepError> {
        let total = self.params.children.len();
        let mut ends: Vec<Option<ChildEnd>> = (0..total).map(|_| None).collect();
        loop {
            for index in 0..total {
                if ends[index].is_none()
                    && let Advance::Ended(end) = children.advance(index, context.cancel())?
                {
                    ends[index] = Some(end);
                    context.progress(ends.iter().flatten().count() as u64, Some(total as u64));
                }
            }
            if ends.iter().all(Option::is_some) {
                return Ok(ends.into_iter().flatten().collect());
            }
            context.check_cancelled()?;
            children.wait(context.cancel())?;
        }
    }

    /// Returns the failure of the step; `None` if it succeeds in spite of failed children.
    fn failure(&self, ends: &[ChildEnd]) -> Option<StepError> {
        let failed =
            || ends.iter().enumerate().filter_map(|(index, end)| Some((index, end, end.result.as_ref().err()?)));
        let (index, ChildEnd { flow_id, .. }, ChildFailure { step, error, .. }) = failed().next()?;
        if self.params.on_error == OnError::Collect {
            return None;
        }
        let given = self.params.children[index].label();
        let message = format!("{} of {} children failed", failed().count(), ends.len());
        let first = format!("run {flow_id} with {given} failed at step `{step}`: {error}");
        let error = StepError::context(message, first);
        Some(if failed().all(|(_, _, failure)| failure.transient) { error.transient() } else { error })
    }

    fn execute(&self, context: &ExecutionContext<'_>) -> Result<StepOutput, StepError> {
        let Some(children) = context.children() else {
            return Err(StepError::new("a step with `map` runs only as part of a run, which records its children"));
        };
        let ends = self.ends(children, context)?;
        match self.failure(&ends) {
            Some(failure) => Err(failure),
            None => StepOutput::of(MAIN_OUTPUT, gather::table(&self.params, &ends, context.artifacts())?),
        }
    }
}

impl StepDefinition for MapStep {
    fn id(&self) -> &StepId {
        &self.id
    }

    fn kind(&self) -> StepKind {
        SPEC.kind
    }

    fn step_type(&self) -> StepTypeRef<'_> {
        SPEC.step_type()
    }

    fn outputs(&self) -> &[OutputSpec] {
        SPEC.outputs
    }

    fn params(&self) -> Result<Map<String, Value>, StepError> {
        self.params.write()
    }

    fn identity(&self, files: &Files) -> Result<Map<String, Value>, StepError> {
        let files = self.params.files_in(files);
        let linked = Registry::linked()?;
        let mut types: Option<(&StepSources, Registry)> = None;
        // Most steps are the same in all children, and a step that reads a file hashes it.
        let mut known: HashMap<String, Value> = HashMap::new();
        let mut children = Map::new();
        for (index, child) in self.params.children.iter().enumerate() {
            let mut steps = Map::new();
            if let Some(sources) = child.definition.step_sources.as_ref()
                && types.as_ref().is_none_or(|(known, _)| *known != sources)
            {
                types = Some((sources, described(linked, sources, &files)?));
            }
            let registry = match (&child.definition.step_sources, &types) {
                (Some(_), Some((_, types))) => types,
                _ => linked,
            };
            for step in &child.definition.steps {
                let (id, uses, version) = (&step.id, &step.uses, step.version);
                let key = canonical_json(&json!([uses, version, step.params]))?;
                let params = match known.get(&key) {
                    Some(params) => params.clone(),
                    None => {
                        let params = Value::Object(bind(registry, step)?.identity(&files)?);
                        known.insert(key, params.clone());
                        params
                    }
                };
                let identity = json!({ "uses": uses, "version": version, "inputs": step.inputs, "params": params });
                steps.insert(id.clone(), identity);
            }
            let order: Vec<&String> = child.definition.steps.iter().map(|step| &step.id).collect();
            let identity = json!({ "index": index, "given": child.given, "order": order, "steps": steps });
            children.insert(child.label(), identity);
        }
        let (take, on_error) = (json!(self.params.take), json!(self.params.on_error));
        let members = [("children", Value::Object(children)), ("on_error", on_error), ("take", take)];
        Ok(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A failure is no result to reuse, nor is a result of which the children have left files: then each child is looked up by
    /// itself.
    fn is_reusable(&self) -> bool {
        self.params.on_error == OnError::Fail && self.params.children.iter().all(is_pure)
    }

    fn has_effects(&self) -> bool {
        true
    }

    fn columns(&self, _: &ColumnContext<'_>) -> Columns {
        Columns::known(self.params.columns())
    }

    fn children(&self) -> Option<&MapParams> {
        Some(&self.params)
    }

    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult {
        match self.execute(context) {
            Ok(output) => StepRunResult::success([output]),
            Err(error) => StepRunResult::failure(error),
        }
    }
}

/// Returns whether a run with this child may be reused without a look at the child: all of its steps may, and none leaves a
/// file, which could have changed since.
fn is_pure(child: &ChildFlow) -> bool {
    // What a module computes is looked up by itself.
    if child.definition.step_sources.is_some() {
        return false;
    }
    let Ok(registry) = Registry::linked() else { return false };
    let is_pure = |step: Box<dyn StepDefinition>| {
        let outputs = step.outputs();
        let leaves_file = outputs.iter().any(|output| [FileWritten::KIND, ANY_KIND].contains(&output.kind));
        step.is_reusable() && !leaves_file && !(step.kind() == StepKind::Sink && outputs.is_empty())
    };
    child.definition.steps.iter().all(|step| bind(registry, step).is_ok_and(is_pure))
}

/// Returns `linked` with the step types of the modules of children, whose files are `files`.
fn described(linked: &Registry, sources: &StepSources, files: &Files) -> Result<Registry, StepError> {
    files.check_program("python")?;
    let (types, problems) = linked.with_sources(sources, files.directory());
    match problems.into_iter().next() {
        Some(problem) => {
            Err(StepError::new(format!("the steps of a child in Python are not known: {}", problem.message)))
        }
        None => Ok(types),
    }
}

/// Returns the step of a child as it was recorded.
pub(crate) fn bind(
    registry: &Registry,
    step: &crate::event::RecordedStep,
) -> Result<Box<dyn StepDefinition>, StepError> {
    let unknown = || StepError::new(format!("this program has no step type `{}`", step.uses));
    let registration = registry.get(&step.uses).ok_or_else(unknown)?;
    registration.bind(StepId::new(step.id.clone())?, &step.params).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        StepError::new(format!("step `{}` of a child cannot run: {}", step.id, problems.join("; ")))
    })
}
