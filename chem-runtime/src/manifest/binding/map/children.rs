//! Checks the flow of a `map` once for each combination of values: each makes a child.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chem_manifest::authored::MapOver;
use chem_manifest::{Override, rules};
use serde_json::{Map, Value};

use super::ChildManifest;
use super::values::{Given, combinations};
use crate::event::RecordedStep;
use crate::flow::{FlowDefinition, step_types_of};
use crate::manifest::binding::Binder;
use crate::manifest::binding::files::NamedFiles;
use crate::manifest::sources::StepTypesOfManifest;
use crate::manifest::{Checked, FlowCheck, Known};
use crate::step::children::{ChildFlow, MAP_STEP, MapParams, label};
use crate::step::map_step::bind;
use crate::step::{ParamType, Registry, StepKind, place_of};

/// The most children of a step.
const MOST_CHILDREN: usize = 1000;

/// The most runs below a step: its children, theirs, and so on.
const MOST_RUNS: usize = 5000;

impl Binder<'_> {
    /// Returns the parameters of the step, with its children; `None` if one of them is invalid.
    pub(super) fn children(
        &mut self,
        map: &MapOver,
        mut flow: ChildManifest,
        over: &[Given<'_>],
        params: &[Given<'_>],
    ) -> Option<MapParams> {
        let count = over.iter().try_fold(1usize, |count, given| count.checked_mul(given.values.len()));
        if count.is_none_or(|count| count > MOST_CHILDREN) {
            let count = count.map_or("too many".to_owned(), |count| count.to_string());
            let message = format!("`over` gives {count} combinations; a step has at most {MOST_CHILDREN} children");
            self.map_error(&rules::MAP_VALUES, message, map.at, "split it into several steps, or into several flows");
            return None;
        }
        let nesting = self.flow.nesting.with_child(flow.path.as_ref().map(|path| self.directory.join(path)).as_deref());
        if flow.path.is_none() && self.flow.types.has_problems() {
            return None;
        }
        let types = StepTypesOfManifest::of(&flow.manifest.sources, self.flow.linked, &flow.directory);
        let taken: Vec<&str> = map.take.iter().filter_map(|(_, from)| from.text.split('.').next()).collect();
        let check = FlowCheck {
            source: &flow.source,
            directory: &flow.directory,
            types: &types,
            taken: &taken,
            nesting: &nesting,
            ..*self.flow
        };
        let mut children = Vec::new();
        let mut first: Option<(FlowDefinition, Known)> = None;
        let mut runs = 0;
        for combination in combinations(over) {
            let fixed = params.iter().flat_map(|given| given.values.iter().map(|value| (given.key, value)));
            // A secret is declared as it is, and has no other value.
            let given = combination
                .iter()
                .copied()
                .chain(fixed)
                .filter(|(_, given)| flow.path.is_some() || !given.value.is_object());
            let overrides: Vec<Override> = given.map(|(key, value)| value.assigned_to(key, self.source)).collect();
            let found = std::mem::take(&mut flow.found);
            let (Checked { definition, diagnostics, .. }, known) =
                check.run(&flow.manifest, flow.start, flow.declared.clone(), &overrides, found);
            // Each child would get the same warnings.
            let is_first = children.is_empty();
            for diagnostic in diagnostics.into_iter().filter(|found| is_first || found.is_error()) {
                self.findings.add(diagnostic);
            }
            let definition = definition?;
            let names = combination.iter().map(|(key, _)| key.name.as_str());
            let value = |name: &str| Some((name.to_owned(), definition.params().get(name)?.clone()));
            let given = names.filter_map(value).collect::<Map<_, _>>();
            let recorded = match definition.recorded() {
                Ok(recorded) => recorded,
                Err(error) => {
                    let help = "correct it in the manifest";
                    self.map_error(&rules::MAP_FLOW, error.to_string(), flow.at.span, help);
                    return None;
                }
            };
            let name = definition.name().unwrap_or(MAP_STEP).to_owned();
            let child = ChildFlow { definition: recorded, flow: name, given };
            runs += 1 + child.runs();
            if runs > MOST_RUNS {
                let message =
                    format!("a step has at most {MOST_RUNS} runs below it, with the children of its children");
                self.map_error(&rules::MAP_VALUES, message, map.at, "split it into several flows");
                return None;
            }
            children.push(child);
            first.get_or_insert((definition, known));
        }
        let (first, known) = first?;
        let take = self.taken(map, &first, &known);
        self.check_files(&children, &flow, types.registry());
        let list = |given: &Given<'_>| {
            (given.key.name.clone(), given.values.iter().map(|given| given.value.clone()).collect())
        };
        let fixed = |given: &Given<'_>| Some((given.key.name.clone(), given.values.first()?.value.clone()));
        let text = flow.path.is_some().then(|| flow.source.text().to_owned());
        Some(MapParams {
            children,
            flow: flow.path.unwrap_or_default(),
            on_error: map.on_error,
            over: over.iter().map(list).collect(),
            params: params.iter().filter_map(fixed).collect(),
            steps: flow.steps,
            take,
            text,
        })
    }

    /// Checks that no two children write the same file, and that none overwrites a file of this flow.
    fn check_files(&mut self, children: &[ChildFlow], flow: &ChildManifest, registry: &Registry) {
        let mut writers: HashMap<PathBuf, usize> = HashMap::new();
        let mut named = NamedFiles::default();
        let path = flow.path.as_deref().unwrap_or_default();
        let below = Path::new(path).parent().unwrap_or(Path::new(""));
        for (index, child) in children.iter().enumerate() {
            for path in written_by(&child.definition.steps, registry, &flow.directory, self.flow.linked) {
                let relative = below.join(&path);
                match writers.insert(place_of(&self.directory.join(&relative)), index) {
                    Some(other) if other != index => {
                        let (one, other) = (label(&children[other].given), label(&child.given));
                        let path = path.display();
                        let message = format!("the children with {one} and {other} both write `{path}`");
                        let name = child.given.keys().next().map_or("NAME", String::as_str);
                        let of = flow.path.as_ref().map(|path| format!(" in `{path}`")).unwrap_or_default();
                        let help = format!("put a parameter into the path{of}, as in `${{params.{name}}}.csv`");
                        self.map_error(&rules::MAP_FLOW, message, flow.at.span, &help);
                        return;
                    }
                    Some(_) => {}
                    None => named.writes.push((relative.to_string_lossy().into_owned(), &flow.at)),
                }
            }
        }
        self.name_files(&named, StepKind::Sink);
    }
}

/// Returns the files that the steps of a flow in `directory` write, and those of its children, whose modules may define further step
/// types than `linked`.
fn written_by(steps: &[RecordedStep], registry: &Registry, directory: &Path, linked: &Registry) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for step in steps.iter().filter_map(|step| bind(registry, step).ok()) {
        if let Some(params) = step.children() {
            let directory = params.directory_in(directory);
            // All children of a step have the same modules. What is wrong with these was reported when the flow was checked.
            let types = params.children.first().map(|child| step_types_of(&child.definition, &directory, linked));
            let types = types.and_then(Result::ok).unwrap_or(Cow::Borrowed(linked));
            let inner = params.children.iter();
            let inner = inner.flat_map(|child| written_by(&child.definition.steps, &types, &directory, linked));
            paths.extend(inner.map(|path| params.directory_in(Path::new("")).join(path)));
        }
        let Ok(params) = step.params() else { continue };
        for spec in step.param_specs() {
            if let Some(value) = params.get(spec.name) {
                written_in(value, &spec.ty.make(), &mut paths);
            }
        }
    }
    paths
}

fn written_in(value: &Value, ty: &ParamType, paths: &mut Vec<PathBuf>) {
    match (ty, value) {
        (ParamType::OutputFile, Value::String(path)) => paths.push(path.into()),
        (ParamType::Optional(inner), _) => written_in(value, inner, paths),
        (ParamType::List(inner), Value::Array(items)) => {
            items.iter().for_each(|item| written_in(item, inner, paths));
        }
        (ParamType::Map(inner), Value::Object(members)) => {
            members.values().for_each(|member| written_in(member, inner, paths));
        }
        _ => {}
    }
}
