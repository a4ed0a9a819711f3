//! Binds a step with `map:`: checks its flow once for each combination of values, and what is taken from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use chem_manifest::authored::{AuthoredStep, Manifest, MapOver, files_of};
use chem_manifest::names::listed;
use chem_manifest::yaml::{Key, Node, NodeValue};
use chem_manifest::{Diagnostic, Findings, Override, Rule, Source, Span, rules};
use serde_json::{Map, Value};

use super::files::NamedFiles;
use super::{Binder, Written};
use crate::fingerprint::canonical_json;
use crate::flow::FlowDefinition;
use crate::manifest::{Checked, Known, check_flow};
use crate::step::children::{ChildFlow, MAP_STEP, MapParams, Taken, label};
use crate::step::map_step::MapStep;
use crate::step::{CancelToken, Columns, Glob, MAIN_OUTPUT, ParamType, StepDefinition, StepKind, place_of};

/// The most children of a step.
const MOST_CHILDREN: usize = 1000;

/// A parameter of the flow, with the values that it is given.
struct Given<'n> {
    key: &'n Key,
    values: Vec<GivenValue<'n>>,
}

struct GivenValue<'n> {
    node: &'n Node,
    value: Value,
    /// The value as after `--set NAME=`.
    text: String,
}

/// The flow of a step with `map:`.
struct ChildManifest {
    source: Source,
    authored: Manifest,
    directory: PathBuf,
    /// The path as the manifest writes it.
    path: String,
}

impl Binder<'_> {
    /// Returns the step with its children; `None` if any of it is invalid. Also returns the parameters that the manifest
    /// sets.
    pub(in crate::manifest) fn bind_map(
        &mut self,
        step: &AuthoredStep,
        map: &MapOver,
    ) -> (Option<Box<dyn StepDefinition>>, Written) {
        let (errors, mut written) = (self.findings.errors(), Written::new());
        let over = self.given(&map.over, "over", &mut written);
        let params = self.given(&map.params, "params", &mut written);
        let manifest = map.flow.as_ref().and_then(|node| self.child_manifest(node, &mut written));
        if let Some(manifest) = manifest.as_ref().filter(|manifest| manifest.path.contains('/')) {
            for (_, node) in map.over.iter().filter(|(_, node)| files_of(node).is_some()) {
                let message =
                    format!("the paths of files start here, and those of `{}` in its own directory", manifest.path);
                self.map_error(&rules::MAP_VALUES, message, node.span, "put the two manifests into one directory");
            }
        }
        for (name, is_written) in [("take", !map.take.is_empty()), ("on_error", !map.on_error.is_default())] {
            if is_written {
                written.insert(name.to_owned(), BTreeSet::new());
            }
        }
        let bound = manifest.zip(map.flow.as_ref()).and_then(|(manifest, node)| {
            self.check_given(&manifest, &over, &params);
            self.check_runnable(&manifest, node);
            let is_sound = self.findings.errors() == errors;
            if is_sound { self.children(map, node, &manifest, &over, &params) } else { None }
        });
        let params = bound.filter(|_| !self.findings.has_errors_but(self.accepted));
        let columns = params.as_ref().map_or(Columns::Unknown, |params| Columns::known(params.columns()));
        self.columns.add(columns, params.is_some());
        let step = params.zip(step.id.clone()).map(|(params, id)| MapStep::new(id, params));
        (step.map(|step| Box::new(step) as Box<dyn StepDefinition>), written)
    }

    /// Fills in the values that the flow is given. `over` has a list of values for each parameter.
    fn given<'n>(&mut self, entries: &'n [(Key, Node)], name: &str, written: &mut Written) -> Vec<Given<'n>> {
        let mut used = BTreeSet::new();
        let mut given = Vec::new();
        for (key, node) in entries {
            if let Some(pattern) = files_of(node).filter(|_| name == "over") {
                let values = self.files_matching(pattern, &mut used);
                given.push(Given { key, values });
                continue;
            }
            let nodes = match &node.value {
                NodeValue::List(values) if name == "over" => values.iter().collect(),
                _ => vec![node],
            };
            let mut values: Vec<GivenValue<'n>> = Vec::new();
            for node in nodes {
                let Some(value) = self.fill(node, &mut used) else { continue };
                if values.iter().any(|other| canonical_json(&other.value).ok() == canonical_json(&value).ok()) {
                    let message = format!("`{}` has the value `{}` twice", key.name, self.source.slice(node.span));
                    self.map_error(&rules::MAP_VALUES, message, node.span, "each value makes one child: remove one");
                }
                let text = match (&node.value, &value) {
                    (_, Value::String(text)) => text.clone(),
                    // A number in a text keeps its spelling.
                    (NodeValue::Number(_) | NodeValue::Bool(_), _) => self.source.slice(node.span).to_owned(),
                    _ => value.to_string(),
                };
                values.push(GivenValue { node, value, text });
            }
            given.push(Given { key, values });
        }
        // The order of keys in a mapping has no meaning.
        given.sort_by(|one, other| one.key.name.cmp(&other.key.name));
        if !given.is_empty() {
            written.insert(name.to_owned(), used);
        }
        given
    }

    /// Returns the paths of the files that match a pattern, in their order.
    fn files_matching<'n>(&mut self, node: &'n Node, used: &mut BTreeSet<String>) -> Vec<GivenValue<'n>> {
        let Some(Value::String(pattern)) = self.fill(node, used) else { return Vec::new() };
        let found = Glob::of(&pattern).and_then(|glob| match glob {
            Some(glob) => {
                let found = glob.find(self.directory, &CancelToken::default()).map_err(|error| format!("{error:#}"))?;
                Ok(found.into_iter().map(|file| format!("{}{file}", glob.base())).collect())
            }
            None if self.directory.join(&pattern).is_file() => Ok(vec![pattern.clone()]),
            None => Ok(Vec::new()),
        });
        let files: Vec<String> = match found {
            Ok(files) if files.is_empty() => {
                let help = "`*` and `?` are wildcards within a name, and `**` matches any number of directories";
                self.map_error(&rules::MAP_VALUES, format!("no file matches `{pattern}`"), node.span, help);
                files
            }
            Ok(files) => files,
            Err(reason) => {
                self.map_error(&rules::MAP_VALUES, reason, node.span, "correct the pattern");
                Vec::new()
            }
        };
        files.into_iter().map(|file| GivenValue { node, value: Value::from(file.clone()), text: file }).collect()
    }

    /// Reads the manifest of the flow.
    fn child_manifest(&mut self, node: &Node, written: &mut Written) -> Option<ChildManifest> {
        let mut used = BTreeSet::new();
        let Value::String(path) = self.fill(node, &mut used)? else { return None };
        written.insert("flow".to_owned(), used);
        let full = self.directory.join(&path);
        if !full.is_file() {
            let message = format!("there is no file `{path}`");
            self.map_error(&rules::MAP_FLOW, message, node.span, "name a manifest; its path is relative to this one");
            return None;
        }
        self.name_files(&NamedFiles { reads: vec![(path.clone(), node)], ..NamedFiles::default() }, StepKind::Source);
        if place_of(&full) == place_of(&self.directory.join(self.source.name()))
            || place_of(&full) == place_of(self.source.name().as_ref())
        {
            let message = format!("`{path}` is this manifest, which would run itself");
            self.map_error(&rules::MAP_FLOW, message, node.span, "name the manifest of another flow");
            return None;
        }
        let source = match Source::read(&full) {
            // Named like this manifest, relative to the same directory.
            Ok(source) => {
                let beside = Path::new(self.source.name()).with_file_name(&path);
                Source::new(beside.to_string_lossy(), source.text())
            }
            Err(diagnostic) => {
                self.findings.add(*diagnostic);
                return None;
            }
        };
        let (authored, _) = chem_manifest::read(&source, self.registry, &mut Findings::default()).unwrap_or_default();
        let directory = full.parent().map(PathBuf::from).unwrap_or_default();
        Some(ChildManifest { source, authored, directory, path })
    }

    /// Checks that the flow has the parameters that it is given, and that the values have their types.
    fn check_given(&mut self, manifest: &ChildManifest, over: &[Given<'_>], params: &[Given<'_>]) {
        let Some(declared) = &manifest.authored.params else { return };
        for given in params.iter().filter(|given| over.iter().any(|other| other.key.name == given.key.name)) {
            let message = format!("`{}` is under `params` and under `over`", given.key.name);
            self.map_error(&rules::MAP_PARAM, message, given.key.span, "remove one of the two");
        }
        for Given { key, values } in over.iter().chain(params) {
            let Some((_, node)) = declared.iter().find(|(declared, _)| declared.name == key.name) else {
                let names: Vec<&str> = declared.iter().map(|(key, _)| key.name.as_str()).collect();
                let help = match self.findings.nearest(&key.name, names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if names.is_empty() => format!("`{}` declares no `params:`", manifest.path),
                    None => format!("it has {}", listed(&names)),
                };
                let message = format!("the flow in `{}` has no parameter `{}`", manifest.path, key.name);
                self.map_error(&rules::MAP_PARAM, message, key.span, &help);
                continue;
            };
            for GivenValue { node: at, value, .. } in values {
                if kind(value) != node.to_json().as_ref().map_or("nothing", kind) {
                    let message = format!("`{}` of the flow is {}, found {}", key.name, node.describe(), kind(value));
                    let diagnostic = Diagnostic::new(&rules::MAP_PARAM, message, self.source, at.span);
                    self.findings.add(diagnostic.with_secondary(&manifest.source, node.span, "declared here"));
                }
            }
        }
    }

    /// Checks that nothing in the flow keeps it from running as a child.
    fn check_runnable(&mut self, manifest: &ChildManifest, node: &Node) {
        let (path, authored) = (&manifest.path, &manifest.authored);
        let mut refuse = |because: &str, help: &str| {
            let message = format!("the flow in `{path}` cannot run as a child: {because}");
            self.map_error(&rules::MAP_FLOW, message, node.span, help);
        };
        if authored.steps.iter().any(|step| step.map.is_some()) {
            refuse("it has a step with `map` itself", "children have no children: run the inner flow in this one");
        }
        if authored.steps.iter().any(|step| step.policy.gate.is_some()) {
            refuse(
                "it has a step with `gate`, and a child cannot wait for an answer",
                "put the `gate` on the step with `map`",
            );
        }
        if !authored.sources.from.is_empty() {
            refuse("it has steps in Python", "run it once for each value with `chem run --set`");
        }
    }

    /// Checks the flow once for each combination of values.
    fn children(
        &mut self,
        map: &MapOver,
        node: &Node,
        manifest: &ChildManifest,
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
        let mut children = Vec::new();
        let mut known: Option<Known> = None;
        for combination in combinations(over) {
            let fixed = params.iter().flat_map(|given| given.values.iter().map(|value| (given.key, value)));
            let given = combination.iter().copied().chain(fixed);
            let overrides: Vec<Override> =
                given.map(|(key, value)| Override::new(format!("{}={}", key.name, value.text))).collect();
            let (Checked { definition, diagnostics, .. }, columns) =
                check_flow(&manifest.source, &overrides, self.registry, &manifest.directory, self.accepted);
            // Each child would get the same warnings.
            let is_first = children.is_empty();
            for diagnostic in diagnostics.into_iter().filter(|found| is_first || found.is_error()) {
                self.findings.add(diagnostic);
            }
            let definition = definition?;
            let names = combination.iter().map(|(key, _)| key.name.as_str());
            let value = |name: &str| Some((name.to_owned(), definition.params().get(name)?.clone()));
            children.push((names.filter_map(value).collect::<Map<_, _>>(), definition));
            known.get_or_insert(columns);
        }
        let (_, first) = children.first()?;
        let take = self.taken(map, first, &known.unwrap_or_default());
        self.check_files(&children, manifest, node);
        let list = |given: &Given<'_>| {
            (given.key.name.clone(), given.values.iter().map(|given| given.value.clone()).collect())
        };
        let fixed = |given: &Given<'_>| Some((given.key.name.clone(), given.values.first()?.value.clone()));
        let mut flows = Vec::new();
        for (given, definition) in children {
            match definition.recorded() {
                Ok(recorded) => {
                    let flow = definition.name().unwrap_or(MAP_STEP).to_owned();
                    flows.push(ChildFlow { definition: recorded, flow, given });
                }
                Err(error) => {
                    self.map_error(&rules::MAP_FLOW, error.to_string(), node.span, "correct it in the manifest");
                    return None;
                }
            }
        }
        Some(MapParams {
            children: flows,
            flow: manifest.path.clone(),
            on_error: map.on_error,
            over: over.iter().map(list).collect(),
            params: params.iter().filter_map(fixed).collect(),
            take,
        })
    }

    /// Resolves what the columns of the result take from the flow.
    fn taken(&mut self, map: &MapOver, flow: &FlowDefinition, known: &Known) -> BTreeMap<String, Taken> {
        let mut taken = BTreeMap::new();
        for (column, written) in &map.take {
            let (name, member) = match written.text.split_once('.') {
                Some((name, member)) => (name, Some(member)),
                None => (written.text.as_str(), None),
            };
            if MapParams::reserved(&column.name) || map.over.iter().any(|(key, _)| key.name == column.name) {
                let message = format!("the result has a column `{}` already", column.name);
                self.map_error(&rules::MAP_TAKE, message, column.span, "choose another name");
                continue;
            }
            let steps = flow.steps();
            let Some(index) = steps.iter().position(|step| step.step().id().as_str() == name) else {
                let names: Vec<&str> = steps.iter().map(|step| step.step().id().as_str()).collect();
                let help = match self.findings.nearest(name, names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("its steps: {}", listed(&names)),
                };
                let message = format!("the flow has no step `{name}`");
                self.map_error(&rules::MAP_TAKE, message, written.span, &help);
                continue;
            };
            let step = steps[index].step();
            let outputs: Vec<&str> = step.outputs().iter().map(|output| output.name).collect();
            let (output, member) = match member {
                Some(output) if outputs.contains(&output) => (output, None),
                member => (MAIN_OUTPUT, member),
            };
            if !outputs.contains(&output) {
                let message = format!("step `{name}` puts out nothing");
                self.map_error(&rules::MAP_TAKE, message, written.span, "take from a step before it");
                continue;
            }
            if let (Some(member), Some(Columns::Known(columns))) = (member, known.columns.get(index))
                && !columns.iter().any(|column| **column == *member)
            {
                let columns: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
                let help = match self.findings.nearest(member, columns.iter().chain(&outputs).copied()) {
                    Some(meant) => format!("did you mean `{name}.{meant}`?"),
                    None => format!("its columns: {}", listed(&columns)),
                };
                let message = format!("step `{name}` has no output and no column `{member}`");
                self.map_error(&rules::MAP_TAKE, message, written.span, &help);
                continue;
            }
            let (output, member) = (output.to_owned(), member.map(str::to_owned));
            taken.insert(column.name.clone(), Taken { member, output, step: name.to_owned() });
        }
        taken
    }

    /// Checks that no two children write the same file, and that none spoils a file of this flow.
    fn check_files(
        &mut self,
        children: &[(Map<String, Value>, FlowDefinition)],
        manifest: &ChildManifest,
        node: &Node,
    ) {
        let mut writers: HashMap<PathBuf, usize> = HashMap::new();
        let mut named = NamedFiles::default();
        let below = Path::new(&manifest.path).parent().unwrap_or(Path::new(""));
        for (index, (given, definition)) in children.iter().enumerate() {
            for path in written_by(definition) {
                let relative = below.join(&path);
                match writers.insert(place_of(&self.directory.join(&relative)), index) {
                    Some(other) if other != index => {
                        let (one, other) = (label(&children[other].0), label(given));
                        let message = format!("the children with {one} and {other} both write `{path}`");
                        let name = given.keys().next().map_or("NAME", String::as_str);
                        let help = format!(
                            "put a parameter into the path in `{}`, as in `${{params.{name}}}.csv`",
                            manifest.path
                        );
                        self.map_error(&rules::MAP_FLOW, message, node.span, &help);
                        return;
                    }
                    Some(_) => {}
                    None => named.writes.push((relative.to_string_lossy().into_owned(), node)),
                }
            }
        }
        self.name_files(&named, StepKind::Sink);
    }

    fn map_error(&mut self, rule: &'static Rule, message: String, span: Span, help: &str) {
        self.findings.add(Diagnostic::new(rule, message, self.source, span).with_help(help));
    }
}

/// Returns the type of a value in words, with integers and other numbers as one type.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// Returns every combination of the values; those of the last parameter change fastest.
fn combinations<'g>(over: &'g [Given<'g>]) -> Vec<Vec<(&'g Key, &'g GivenValue<'g>)>> {
    over.iter().fold(vec![Vec::new()], |before, given| {
        let extended = |combination: &Vec<(&'g Key, &'g GivenValue<'g>)>| {
            let with = |value| combination.iter().copied().chain([(given.key, value)]).collect();
            given.values.iter().map(with).collect::<Vec<_>>()
        };
        before.iter().flat_map(extended).collect()
    })
}

/// Returns the files that the steps of a flow write.
fn written_by(definition: &FlowDefinition) -> Vec<String> {
    let mut paths = Vec::new();
    for step in definition.steps() {
        let step = step.step();
        let Ok(params) = step.params() else { continue };
        for spec in step.param_specs() {
            if let Some(value) = params.get(spec.name) {
                written_in(value, &spec.ty.make(), &mut paths);
            }
        }
    }
    paths
}

fn written_in(value: &Value, ty: &ParamType, paths: &mut Vec<String>) {
    match (ty, value) {
        (ParamType::OutputFile, Value::String(path)) => paths.push(path.clone()),
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
