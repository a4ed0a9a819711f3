//! The values that a `map` gives to the parameters of its flow.

use std::collections::BTreeSet;

use chem_manifest::authored::files_of;
use chem_manifest::names::listed;
use chem_manifest::yaml::{Key, Node, NodeValue, kind_of};
use chem_manifest::{Diagnostic, Override, Source, rules};
use serde_json::Value;

use super::ChildManifest;
use crate::fingerprint::canonical_json;
use crate::manifest::binding::{Binder, Written};
use crate::step::{CancelToken, Glob};

/// A parameter of the flow, with the values that it is given.
pub(super) struct Given<'n> {
    pub(super) key: &'n Key,
    pub(super) values: Vec<GivenValue<'n>>,
}

pub(super) struct GivenValue<'n> {
    node: &'n Node,
    pub(super) value: Value,
    /// The value as after `--set NAME=`.
    text: String,
}

/// A value for each parameter.
pub(super) type Combination<'g> = Vec<(&'g Key, &'g GivenValue<'g>)>;

impl GivenValue<'_> {
    /// Returns the assignment of the value to a parameter, with its location in `source`.
    pub(super) fn assigned_to(&self, key: &Key, source: &Source) -> Override {
        Override::written(format!("{}={}", key.name, self.text), source, self.node.span)
    }

    /// Returns the value with its placeholders filled in, as a manifest would write it.
    pub(super) fn literal(&self) -> Node {
        literal(&self.value, self.node)
    }
}

/// Returns a value as a node at the location of `node`.
fn literal(value: &Value, node: &Node) -> Node {
    let value = match value {
        Value::Null => NodeValue::Null,
        Value::Bool(truth) => NodeValue::Bool(*truth),
        Value::Number(number) => NodeValue::Number(number.clone()),
        Value::String(text) => NodeValue::Text(text.clone()),
        Value::Array(items) => NodeValue::List(items.iter().map(|item| literal(item, node)).collect()),
        Value::Object(members) => {
            let entry = |(name, member): (&String, &Value)| {
                (Key { name: name.clone(), span: node.span }, literal(member, node))
            };
            NodeValue::Map(members.iter().map(entry).collect())
        }
    };
    Node { span: node.span, value }
}

/// Returns every combination of the values; those of the last parameter change fastest.
pub(super) fn combinations<'g>(over: &'g [Given<'g>]) -> Vec<Combination<'g>> {
    over.iter().fold(vec![Vec::new()], |before, given| {
        let extended = |combination: &Combination<'g>| {
            let with = |value| combination.iter().copied().chain([(given.key, value)]).collect();
            given.values.iter().map(with).collect::<Vec<_>>()
        };
        before.iter().flat_map(extended).collect()
    })
}

impl Binder<'_> {
    /// Fills in the values that the flow is given. `over` has a list of values for each parameter.
    pub(super) fn given<'n>(
        &mut self,
        entries: &'n [(Key, Node)],
        name: &str,
        written: &mut Written,
    ) -> Vec<Given<'n>> {
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

    /// Checks that the flow has the parameters that it is given, and that the values have their types.
    pub(super) fn check_given(&mut self, flow: &ChildManifest, over: &[Given<'_>], params: &[Given<'_>]) {
        let Some(declared) = &flow.declared else { return };
        for given in params.iter().filter(|given| over.iter().any(|other| other.key.name == given.key.name)) {
            let message = format!("`{}` is under `params` and under `over`", given.key.name);
            self.map_error(&rules::MAP_PARAM, message, given.key.span, "remove one of the two");
        }
        for Given { key, values } in over.iter().chain(params) {
            let Some((_, node)) = declared.iter().find(|(declared, _)| declared.name == key.name) else {
                self.no_such_param(flow, declared, key);
                continue;
            };
            let expected = node.to_json().as_ref().map_or("nothing", kind_of);
            for GivenValue { node: at, value, .. } in values.iter().filter(|given| kind_of(&given.value) != expected) {
                let (message, label) = match flow.path {
                    Some(_) => {
                        let message = format!("`{}` of the flow is {expected}, found {}", key.name, kind_of(value));
                        (message, "declared here")
                    }
                    None => {
                        let message =
                            format!("`{}` has values of two types: {expected} and {}", key.name, kind_of(value));
                        (message, "the first value")
                    }
                };
                let diagnostic = Diagnostic::new(&rules::MAP_PARAM, message, self.source, at.span);
                self.findings.add(diagnostic.with_secondary(&flow.source, node.span, label));
            }
        }
    }

    /// Reports that a flow does not declare the parameter `key`. One with steps in place declares what it is given, unless the
    /// value is invalid, which has been reported.
    fn no_such_param(&mut self, flow: &ChildManifest, declared: &[(Key, Node)], key: &Key) {
        let Some(path) = &flow.path else { return };
        let names: Vec<&str> = declared.iter().map(|(key, _)| key.name.as_str()).collect();
        let help = match self.findings.nearest(&key.name, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => format!("`{path}` declares no `params:`"),
            None => format!("it has {}", listed(&names)),
        };
        let message = format!("the flow in `{path}` has no parameter `{}`", key.name);
        self.map_error(&rules::MAP_PARAM, message, key.span, &help);
    }
}
