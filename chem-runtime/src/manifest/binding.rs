//! The parameters of the steps: placeholders filled in, and every value checked by the step type that takes it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::authored::AuthoredStep;
use super::diagnostic::{Diagnostic, Findings};
use super::params::Params;
use super::places::place;
use super::rules::{self, Rule};
use super::source::{Source, Span};
use super::template::{self, Filled, Part};
use super::yaml::{Node, NodeValue};
use crate::step::{
    InvalidKind, InvalidParam, ParamProblem, ParamSpec, ParamType, PathPart, StepDefinition, StepId, StepRegistration,
    listed,
};

/// For each parameter that the manifest gives a step, the parameters of the flow that it takes up.
pub(super) type Written = BTreeMap<String, BTreeSet<String>>;

/// Fills in and checks the parameters of steps, one after the other.
pub(super) struct Binder<'a> {
    pub(super) source: &'a Source,
    pub(super) directory: &'a Path,
    pub(super) params: &'a mut Params,
    pub(super) findings: &'a mut Findings,
    /// What the steps so far write.
    pub(super) outputs: HashSet<PathBuf>,
}

impl Binder<'_> {
    /// The step with its parameters, if nothing is wrong with them.
    pub(super) fn bind(
        &mut self,
        step: &AuthoredStep,
        registration: &'static StepRegistration,
    ) -> (Option<Box<dyn StepDefinition>>, Written) {
        let spec = registration.spec();
        let known: Vec<&str> = spec.params.iter().map(|param| param.name).collect();
        let (mut values, mut written) = (Map::new(), Written::new());
        // Each parameter that is given, under the name that was probably meant.
        let mut given: Vec<(&'static ParamSpec, &Node)> = Vec::new();
        for (key, node) in &step.with {
            let mut used = BTreeSet::new();
            let value = self.fill(node, &mut used);
            let meant = if known.contains(&key.name.as_str()) {
                Some(key.name.as_str())
            } else {
                let others = known.iter().copied().filter(|name| !step.with.iter().any(|(key, _)| key.name == *name));
                let meant = self.findings.nearest(&key.name, others);
                self.unknown_param(step, registration, &key.name, key.span, meant);
                meant
            };
            let Some(param) = meant.and_then(|name| spec.param(name)) else { continue };
            given.push((param, node));
            if let Some(mut value) = value {
                self.give_params(&mut value, &(param.ty)(), &mut used);
                values.insert(param.name.to_owned(), value);
            }
            written.insert(param.name.to_owned(), used);
        }
        // The parameters of a step whose id is wrong are checked under another.
        let id = step.id.clone().or_else(|| StepId::new("step").ok());
        let bound = id.map(|id| registration.bind(id, &values));
        let (definition, problems) = match bound {
            Some(Ok(definition)) => (Some(definition), Vec::new()),
            Some(Err(problems)) => (None, problems),
            None => (None, Vec::new()),
        };
        for problem in &problems {
            self.report(problem, step, registration, &given);
        }
        for (param, node) in given {
            let refused = problems
                .iter()
                .any(|problem| matches!(problem, ParamProblem::Invalid { param: name, .. } if *name == param.name));
            if let Some(value) = values.get(param.name).filter(|_| !refused) {
                self.files(value, &(param.ty)(), node);
            }
        }
        (definition.filter(|_| step.id.is_some()), written)
    }

    /// Fills in the placeholders of a step whose type is not known.
    pub(super) fn fill_only(&mut self, step: &AuthoredStep) {
        for (_, node) in &step.with {
            let mut used = BTreeSet::new();
            self.fill(node, &mut used);
            self.mark_named(node);
        }
    }

    /// The value with its placeholders filled in; `None` if any part of it is wrong.
    fn fill(&mut self, node: &Node, used: &mut BTreeSet<String>) -> Option<Value> {
        match &node.value {
            NodeValue::Text(text) if text.contains("${") => {
                self.fill_text(text, node.span, used).map(|filled| filled.value)
            }
            NodeValue::List(items) => {
                let items: Vec<Option<Value>> = items.iter().map(|item| self.fill(item, used)).collect();
                items.into_iter().collect::<Option<_>>().map(Value::Array)
            }
            NodeValue::Map(entries) => {
                let members: Vec<Option<(String, Value)>> =
                    entries.iter().map(|(key, item)| Some((key.name.clone(), self.fill(item, used)?))).collect();
                members.into_iter().collect::<Option<_>>().map(Value::Object)
            }
            _ => node.to_json(),
        }
    }

    fn fill_text(&mut self, text: &str, span: Span, used: &mut BTreeSet<String>) -> Option<Filled> {
        let parts = template::parts(text);
        let mut good = true;
        for part in &parts {
            match part {
                Part::Text(_) | Part::Escape(_) => {}
                Part::Bad { at, message } => {
                    good = false;
                    let at = place(self.source, span, text, at);
                    let help = "write `${params.NAME}`, or `$${` for a `${` that stands for itself";
                    self.findings
                        .add(Diagnostic::new(&rules::BAD_PLACEHOLDER, message, self.source, at).with_help(help));
                }
                Part::Param { name, at } => {
                    self.params.mark_used(name);
                    used.insert(name.clone());
                    match self.params.get(name) {
                        Some(param) => good &= param.value.is_some(),
                        None => {
                            good = false;
                            let at = place(self.source, span, text, at);
                            self.params.report_unknown(name, self.source, at, self.findings);
                        }
                    }
                }
            }
        }
        if !good {
            return None;
        }
        let value_of =
            |name: &str| self.params.get(name).and_then(|param| param.value.as_ref()).unwrap_or(&Value::Null);
        match template::fill(text, &parts, value_of) {
            Ok(filled) => Some(filled),
            Err(template::ListInText(name, at)) => {
                let at = place(self.source, span, text, &at);
                let message = format!("the parameter `{name}` is a list, which cannot be put into text");
                let mut diagnostic = Diagnostic::new(&rules::LIST_IN_TEXT, message, self.source, at);
                if let Some(param) = self.params.get(&name) {
                    diagnostic = diagnostic.with_secondary(self.source, param.declared, "it is declared here");
                }
                let help = format!("let the placeholder stand alone: `${{params.{name}}}`");
                self.findings.add(diagnostic.with_help(help));
                None
            }
        }
    }

    /// Hands each expression the parameters of the flow that it may name.
    fn give_params(&mut self, value: &mut Value, ty: &ParamType, used: &mut BTreeSet<String>) {
        match (ty, &mut *value) {
            (ParamType::Expression, Value::String(cel)) => {
                let mut named = Map::new();
                for name in words(cel) {
                    if let Some(given) = self.params.get(name).and_then(|param| param.value.clone()) {
                        named.insert(name.to_owned(), given);
                    }
                }
                for name in named_params(cel) {
                    self.params.mark_used(name);
                    used.insert(name.to_owned());
                }
                if !named.is_empty() {
                    *value = json!({ "cel": cel, "params": named });
                }
            }
            (ParamType::Optional(inner), _) => self.give_params(value, inner, used),
            (ParamType::List(inner), Value::Array(items)) => {
                items.iter_mut().for_each(|item| self.give_params(item, inner, used));
            }
            (ParamType::Map(inner), Value::Object(members)) => {
                members.values_mut().for_each(|member| self.give_params(member, inner, used));
            }
            _ => {}
        }
    }

    /// Marks all that may be meant as a parameter of the flow.
    fn mark_named(&mut self, node: &Node) {
        match &node.value {
            NodeValue::Text(text) => named_params(text).for_each(|name| self.params.mark_used(name)),
            NodeValue::List(items) => items.iter().for_each(|item| self.mark_named(item)),
            NodeValue::Map(entries) => entries.iter().for_each(|(_, item)| self.mark_named(item)),
            _ => {}
        }
    }

    fn unknown_param(
        &mut self,
        step: &AuthoredStep,
        registration: &StepRegistration,
        name: &str,
        span: Span,
        meant: Option<&str>,
    ) {
        let spec = registration.spec();
        let names: Vec<&str> = spec.params.iter().map(|param| param.name).collect();
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if spec.inputs.iter().any(|port| port.name == name) => {
                format!("`{name}` is an input: put it under `inputs:`")
            }
            None if names.is_empty() => "it has no parameters".to_owned(),
            None => format!("its parameters: {}", listed(&names)),
        };
        let message = format!("`{}` has no parameter `{name}`", spec.name);
        let mut diagnostic = Diagnostic::new(&rules::UNKNOWN_STEP_PARAM, message, self.source, span);
        if let Some(uses) = &step.uses {
            diagnostic = diagnostic.with_secondary(self.source, uses.span, "the step type");
        }
        self.findings.add(diagnostic.with_help(help));
    }

    fn report(
        &mut self,
        problem: &ParamProblem,
        step: &AuthoredStep,
        registration: &StepRegistration,
        given: &[(&'static ParamSpec, &Node)],
    ) {
        let spec = registration.spec();
        match problem {
            // What is given and wrong was reported when it was filled in, and so were unknown names.
            ParamProblem::Missing { param } if given.iter().any(|(spec, _)| spec.name == *param) => {}
            ParamProblem::Unknown { .. } => {}
            ParamProblem::Missing { param } => {
                let at = step.with_key.or(step.uses.as_ref().map(|uses| uses.span)).unwrap_or(step.at);
                let message = format!("`{}` needs the parameter `{param}`", spec.name);
                let mut diagnostic = Diagnostic::new(&rules::MISSING_STEP_PARAM, message, self.source, at);
                if let Some(param) = spec.param(param) {
                    diagnostic = diagnostic.with_help(advice(param, step.with_key.is_some()));
                }
                self.findings.add(diagnostic);
            }
            ParamProblem::Invalid { param, error } => {
                if let Some((param, node)) = given.iter().find(|(spec, _)| spec.name == *param) {
                    self.invalid(param, error, node);
                }
            }
        }
    }

    fn invalid(&mut self, param: &ParamSpec, error: &InvalidParam, node: &Node) {
        let place = self.locate(node, &error.path, error.at.as_ref());
        if let InvalidKind::UnboundParam(name) = &error.kind {
            // A parameter that is there and has no value is wrong itself, which has been said.
            if self.params.get(name).is_none() {
                self.params.report_unknown(name, self.source, place.span, self.findings);
            }
            return;
        }
        let rule = rule_of(error, &(param.ty)());
        let message = match rule.code == rules::EXPRESSION.code {
            true => error.message.clone(),
            false => format!("`{}`: {}", param.name, error.message),
        };
        let mut diagnostic = Diagnostic::new(rule, message, self.source, place.span);
        if let Some((source, span, name)) = place.declared {
            diagnostic = diagnostic.with_secondary(&source, span, format!("the value of `{name}`"));
        }
        let chosen = match &error.kind {
            InvalidKind::Choice => {
                place.text.and_then(|text| self.findings.nearest(&text, param.one_of.iter().copied()))
            }
            _ => None,
        };
        let help = match chosen {
            Some(meant) => Some(format!("did you mean `{meant}`?")),
            None => error.help.clone().or_else(|| param.unit.map(|unit| format!("its unit is {unit}"))),
        };
        if let Some(help) = help {
            diagnostic = diagnostic.with_help(help);
        }
        self.findings.add(diagnostic);
    }

    /// Where a part of a value stands: in the manifest, and where the parameter has its value that it comes from.
    fn locate(&self, node: &Node, path: &[PathPart], at: Option<&Range<usize>>) -> Place {
        let (reached, rest) = walk(node, path);
        let NodeValue::Text(text) = &reached.value else {
            return Place { span: reached.handle(), text: None, declared: None };
        };
        let parts = template::parts(text);
        let value_of =
            |name: &str| self.params.get(name).and_then(|param| param.value.as_ref()).unwrap_or(&Value::Null);
        let filled = template::fill(text, &parts, value_of).ok();
        let span = match (at, &filled) {
            (Some(at), Some(filled)) => place(self.source, reached.span, text, &filled.origin(at)),
            _ => reached.span,
        };
        let declared = match parts.as_slice() {
            [Part::Param { name, .. }] => self.params.get(name).map(|param| {
                let (value, _) = walk(&param.node, rest);
                (param.source.clone(), value.handle(), name.clone())
            }),
            _ => None,
        };
        let text = filled.and_then(|filled| filled.value.as_str().map(str::to_owned));
        Place { span, text, declared }
    }

    /// Sees that the files that the step reads are there. A file that an earlier step writes will be.
    fn files(&mut self, value: &Value, ty: &ParamType, node: &Node) {
        match (ty, value) {
            (ParamType::InputFile, Value::String(path)) => {
                let full = self.directory.join(path);
                if !full.is_file() && !self.outputs.contains(&full) {
                    self.no_such_file(path, &full, node);
                }
            }
            (ParamType::OutputFile, Value::String(path)) => {
                self.outputs.insert(self.directory.join(path));
            }
            (ParamType::Optional(inner), value) => self.files(value, inner, node),
            (ParamType::List(inner), Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    let (node, _) = walk(node, &[PathPart::Index(index)]);
                    self.files(value, inner, node);
                }
            }
            (ParamType::Map(inner), Value::Object(members)) => {
                for (key, value) in members {
                    let (node, _) = walk(node, &[PathPart::Key(key.clone())]);
                    self.files(value, inner, node);
                }
            }
            _ => {}
        }
    }

    fn no_such_file(&mut self, path: &str, full: &Path, node: &Node) {
        let message = match full.is_dir() {
            true => format!("`{path}` is a directory"),
            false => format!("there is no file `{path}`"),
        };
        let help = match similar_file(path, full) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "a path is relative to the manifest".to_owned(),
        };
        let place = self.locate(node, &[], None);
        let mut diagnostic = Diagnostic::new(&rules::NO_SUCH_FILE, message, self.source, place.span).with_help(help);
        if let Some((source, span, name)) = place.declared {
            diagnostic = diagnostic.with_secondary(&source, span, format!("the value of `{name}`"));
        }
        self.findings.add(diagnostic);
    }
}

/// Where a value is wrong.
struct Place {
    span: Span,
    /// What it is after filling in, if it is text.
    text: Option<String>,
    /// The place of the flow parameter's value that it comes from, and the parameter's name.
    declared: Option<(Source, Span, String)>,
}

/// The node at `path`, or the last one on the way to it with what is left of the path.
fn walk<'n, 'p>(mut node: &'n Node, mut path: &'p [PathPart]) -> (&'n Node, &'p [PathPart]) {
    while let Some((part, rest)) = path.split_first() {
        let inner = match (part, &node.value) {
            (PathPart::Index(index), NodeValue::List(items)) => items.get(*index),
            (PathPart::Key(key), NodeValue::Map(entries)) => {
                entries.iter().find(|(name, _)| name.name == *key).map(|(_, node)| node)
            }
            _ => None,
        };
        let Some(inner) = inner else { break };
        (node, path) = (inner, rest);
    }
    (node, path)
}

fn rule_of(error: &InvalidParam, ty: &ParamType) -> &'static Rule {
    fn is_expression(ty: &ParamType) -> bool {
        match ty {
            ParamType::Expression => true,
            ParamType::List(inner) | ParamType::Optional(inner) | ParamType::Map(inner) => is_expression(inner),
            _ => false,
        }
    }
    match error.kind {
        InvalidKind::Type => &rules::STEP_PARAM_TYPE,
        InvalidKind::Range => &rules::STEP_PARAM_RANGE,
        InvalidKind::Choice => &rules::STEP_PARAM_CHOICE,
        InvalidKind::UnboundParam(_) => &rules::UNKNOWN_PARAM,
        InvalidKind::Form if is_expression(ty) => &rules::EXPRESSION,
        InvalidKind::Form => &rules::STEP_PARAM_FORM,
    }
}

/// What to add for a parameter that is missing.
fn advice(param: &ParamSpec, has_with: bool) -> String {
    let summary = param.doc.trim().lines().next().unwrap_or_default().trim_end_matches('.');
    let example = param.example.unwrap_or("…");
    let add = match has_with {
        true => format!("`{}: {example}`", param.name),
        false => format!("`with: {{ {}: {example} }}`", param.name),
    };
    let unit = param.unit.map(|unit| format!(", in {unit}")).unwrap_or_default();
    match summary.is_empty() {
        true => format!("add {add} ({}{unit})", (param.ty)()),
        false => format!("add {add} ({}{unit}): {}", (param.ty)(), lower_first(summary)),
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        // `SMILES of …` keeps its capitals.
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

/// The identifiers in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The names after `params.` in a text.
fn named_params(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("params").filter_map(|(at, found)| {
        let rest = text[at + found.len()..].trim_start().strip_prefix('.')?;
        words(rest.trim_start()).next()
    })
}

/// The path of a file in the same directory with a name like that of `path`.
fn similar_file(path: &str, full: &Path) -> Option<String> {
    let name = full.file_name()?.to_str()?;
    // A directory of a million files is not searched to its end.
    let entries = std::fs::read_dir(full.parent()?).ok()?.take(1000);
    let names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let meant = crate::step::nearest(name, sorted)?;
    Some(Path::new(path).with_file_name(meant).display().to_string())
}
