//! Compares two uses of a step, component by component of its identity.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value, json};

use super::facts::{StepFacts, step_of};
use crate::step::children::MAP_STEP;
use crate::step::{Expression, InputFile};

/// The number of characters of a value in text output; JSON contains the whole value.
const MAX_CHARS: usize = 60;

/// A component of a step's identity that differs between two uses.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// The step is new.
    New,
    /// The step type differs.
    StepType {
        /// The earlier step type.
        before: String,
        /// The later step type.
        after: String,
    },
    /// The version of the step type differs.
    Version {
        /// The earlier version.
        before: u32,
        /// The later version.
        after: u32,
    },
    /// The value of a parameter differs. The name of a nested parameter is a path, such as `limits.max`.
    Parameter {
        /// The name or path.
        name: String,
        /// The earlier value; `None` if it was absent.
        before: Option<Value>,
        /// The later value; `None` if it is absent.
        after: Option<Value>,
    },
    /// A child of a step with `map:` is new, or gone. What differs in a child that both have is a parameter.
    Child {
        /// What distinguishes the child from the others, such as `max_weight=300`.
        label: String,
        /// Whether it is new; otherwise it is gone.
        is_new: bool,
    },
    /// The content of an input file differs.
    File {
        /// The parameter that names the file.
        name: String,
        /// The earlier file.
        before: FileRead,
        /// The later file.
        after: FileRead,
    },
    /// An input has another source and another artifact.
    Wiring {
        /// The name of the port.
        port: String,
        /// The earlier source; `None` if the port was not wired.
        before: Option<String>,
        /// The later source; `None` if the port is not wired.
        after: Option<String>,
    },
    /// An input has the same source, but another artifact.
    Upstream {
        /// The name of the port.
        port: String,
        /// The step that feeds the port.
        step: String,
        /// Whether its output is known to differ; otherwise the step will run and its output may differ.
        changed: bool,
    },
    /// The inputs are the same, but the history of the steps that led to them, which this step takes, differs.
    History,
    /// The step has started in only one of the two runs.
    Started {
        /// Whether that is the later run.
        after: bool,
    },
}

/// A file that a step reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRead {
    /// The path in the flow; `None` if a step defined in Rust does not record it.
    pub path: Option<String>,
    /// The SHA-256 of the content.
    pub sha256: String,
}

impl Difference {
    /// Returns the name of the component, as scripts read it.
    pub fn component(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::StepType { .. } => "step_type",
            Self::Version { .. } => "version",
            Self::Parameter { .. } => "parameter",
            Self::Child { .. } => "child",
            Self::File { .. } => "file",
            Self::Wiring { .. } => "wiring",
            Self::Upstream { .. } => "upstream",
            Self::History => "history",
            Self::Started { .. } => "started",
        }
    }

    /// Returns the difference as JSON: `component`, `name`, `before`, `after`, the description as `text`, and the `path` of a
    /// file.
    pub fn to_json(&self) -> Value {
        let (name, before, after) = match self {
            Self::New | Self::History => (None, Value::Null, Value::Null),
            Self::Started { after } => (None, json!(!after), json!(after)),
            Self::StepType { before, after } => (None, json!(before), json!(after)),
            Self::Version { before, after } => (None, json!(before), json!(after)),
            Self::Parameter { name, before, after } => (Some(name), json!(before), json!(after)),
            Self::Child { label, is_new } => (Some(label), json!(!is_new), json!(is_new)),
            Self::File { name, before, after } => (Some(name), json!(before.sha256), json!(after.sha256)),
            Self::Wiring { port, before, after } => (Some(port), json!(before), json!(after)),
            Self::Upstream { port, step, .. } => (Some(port), Value::Null, json!(step)),
        };
        let mut object = json!({
            "component": self.component(),
            "name": name,
            "before": before,
            "after": after,
            "text": self.to_string(),
        });
        if let Self::File { after, .. } = self {
            object["path"] = json!(after.path);
        }
        object
    }

    /// Returns the earlier step that caused the difference, directly or indirectly.
    pub fn upstream(&self) -> Option<&str> {
        match self {
            Self::Upstream { step, .. } => Some(step),
            _ => None,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::StepType { before, after } => write!(f, "step type {before} → {after}"),
            Self::Version { before, after } => write!(f, "step version {before} → {after}"),
            Self::Parameter { name, before, after } => {
                write!(f, "parameter {name} {} → {}", shortened(before.as_ref()), shortened(after.as_ref()))
            }
            Self::Child { label, is_new: true } => write!(f, "child {label} is new"),
            Self::Child { label, is_new: false } => write!(f, "child {label} is gone"),
            Self::File { name, before, after } => {
                let (was, is) = (short(&before.sha256), short(&after.sha256));
                match (&before.path, &after.path) {
                    (Some(old), Some(new)) if old != new => {
                        write!(f, "input {name}: file `{old}` (sha {was}…) → `{new}` (sha {is}…)")
                    }
                    (_, Some(path)) => write!(f, "input {name}: file `{path}` changed (sha {was}… → {is}…)"),
                    _ => write!(f, "input {name}: file changed (sha {was}… → {is}…)"),
                }
            }
            Self::Wiring { port, before, after } => {
                let wire = |wire: &Option<String>| wire.clone().unwrap_or_else(|| "nothing".to_owned());
                write!(f, "input {port} from {} → {}", wire(before), wire(after))
            }
            Self::History => f.write_str("the history of its inputs changed"),
            Self::Started { after: true } => f.write_str("had not started"),
            Self::Started { after: false } => f.write_str("has not started"),
            Self::Upstream { step, changed: true, .. } => write!(f, "upstream {step} changed"),
            Self::Upstream { step, changed: false, .. } => write!(f, "upstream {step} runs again"),
        }
    }
}

/// Returns every component that differs between two uses of a step; empty if they do the same work.
pub fn differences(before: &StepFacts, after: &StepFacts) -> Vec<Difference> {
    let mut found = Vec::new();
    if before.uses != after.uses {
        found.push(Difference::StepType { before: before.uses.clone(), after: after.uses.clone() });
    } else if before.version != after.version {
        found.push(Difference::Version { before: before.version, after: after.version });
    }
    let written = |name: &str| Written { before: before.written.get(name), after: after.written.get(name) };
    if [&before.uses, &after.uses].iter().all(|uses| *uses == MAP_STEP) {
        let (mut was, mut is) = (before.params.clone(), after.params.clone());
        children(was.remove("children").as_ref(), is.remove("children").as_ref(), &mut found);
        members("", &was, &is, written, &mut found);
    } else {
        members("", &before.params, &after.params, written, &mut found);
    }
    let mut history = false;
    let ports: BTreeSet<&String> = before.inputs.keys().chain(after.inputs.keys()).collect();
    for port in ports {
        let (was, is) = (before.inputs.get(port), after.inputs.get(port));
        if was == is && was.is_some_and(Option::is_some) {
            continue;
        }
        let (from, to) = (before.wiring.get(port), after.wiring.get(port));
        if (from, to) == (None, None) {
            // A port without a wire is fed by the engine with the history of the earlier steps.
            history = true;
            continue;
        }
        found.push(match to.filter(|_| from == to) {
            Some(wire) => {
                let (step, changed) = (step_of(wire).to_owned(), is.is_some_and(Option::is_some));
                Difference::Upstream { port: port.clone(), step, changed }
            }
            None => Difference::Wiring { port: port.clone(), before: from.cloned(), after: to.cloned() },
        });
    }
    // A different input implies a different history.
    if history && !found.iter().any(|difference| difference.upstream().is_some()) {
        found.push(Difference::History);
    }
    found
}

/// Compares the children of a step by what they are given.
fn children(before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    let none = Map::new();
    let [was, is] = [before, after].map(|children| children.and_then(Value::as_object).unwrap_or(&none));
    let labels: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let mut moved = Vec::new();
    for label in labels {
        let (Some(before), Some(after)) = (was.get(label), is.get(label)) else {
            found.push(Difference::Child { label: label.clone(), is_new: is.contains_key(label) });
            continue;
        };
        let mut inner = Vec::new();
        values(format!("children.{label}"), Some(before), Some(after), Written::default(), &mut inner);
        // A child that comes before another or is gone moves those after it.
        let is_index = |difference: &Difference| matches!(difference, Difference::Parameter { name, .. } if *name == format!("children.{label}.index"));
        let (indices, others): (Vec<_>, Vec<_>) = inner.into_iter().partition(is_index);
        let within = format!("children.{label}.");
        found.extend(others.into_iter().map(|difference| match difference {
            // The parameter of an expression has a name of its own.
            Difference::Parameter { name, before, after } if !name.starts_with(&within) => {
                Difference::Parameter { name: format!("{within}params.{name}"), before, after }
            }
            other => other,
        }));
        moved.extend(indices);
    }
    if found.is_empty() {
        found.append(&mut moved);
    }
}

/// Returns the flow parameters that differ.
pub(super) fn params(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    members("", before, after, |_| Written::default(), &mut found);
    found
}

/// A parameter, or a part of one, as written in the two flows, where a file is its path.
#[derive(Clone, Copy, Default)]
struct Written<'a> {
    before: Option<&'a Value>,
    after: Option<&'a Value>,
}

impl<'a> Written<'a> {
    fn part(self, at: impl Fn(&'a Value) -> Option<&'a Value>) -> Self {
        Self { before: self.before.and_then(&at), after: self.after.and_then(at) }
    }
}

fn members<'a>(
    within: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    written: impl Fn(&str) -> Written<'a>,
    found: &mut Vec<Difference>,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let path = if within.is_empty() { name.clone() } else { format!("{within}.{name}") };
        values(path, before.get(name), after.get(name), written(name), found);
    }
}

fn values(
    name: String,
    before: Option<&Value>,
    after: Option<&Value>,
    written: Written<'_>,
    found: &mut Vec<Difference>,
) {
    if same(before, after) {
        return;
    }
    if let (Some(before), Some(after)) = (before.and_then(InputFile::content_in), after.and_then(InputFile::content_in))
        && before != after
    {
        let file = |sha256: &str, path: Option<&Value>| FileRead {
            path: path.and_then(Value::as_str).map(str::to_owned),
            sha256: sha256.to_owned(),
        };
        let (before, after) = (file(before, written.before), file(after, written.after));
        found.push(Difference::File { name, before, after });
        return;
    }
    let [then, now] = [before, after].map(|value| Expression::parts_of(value?));
    if let (Some((was, before)), Some((is, after))) = (then, now) {
        if was != is {
            found.push(Difference::Parameter { name, before: Some(was.into()), after: Some(is.into()) });
        } else {
            // The text is the same, so a flow parameter changed; report it by its own name.
            let none = Map::new();
            members("", before.unwrap_or(&none), after.unwrap_or(&none), |_| Written::default(), found);
        }
        return;
    }
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            members(&name, before, after, |member| written.part(|whole| whole.get(member)), found);
        }
        (Some(Value::Array(was)), Some(Value::Array(is))) if are_named_files(was) && are_named_files(is) => {
            named_files(&name, was, is, found);
        }
        (Some(Value::Array(was)), Some(Value::Array(is))) if was.len() == is.len() => {
            for (index, (was, is)) in was.iter().zip(is).enumerate() {
                values(format!("{name}[{index}]"), Some(was), Some(is), written.part(|whole| whole.get(index)), found);
            }
        }
        _ => {
            let (before, after) = (legible(before, written.before), legible(after, written.after));
            found.push(Difference::Parameter { name, before, after });
        }
    }
}

/// Returns whether `identities` are those of several files that one parameter names.
fn are_named_files(identities: &[Value]) -> bool {
    !identities.is_empty() && identities.iter().all(|file| InputFile::name_in(file).is_some())
}

/// Compares files by their names. A file that exists on one side alone is a parameter that is absent on the other.
fn named_files(name: &str, before: &[Value], after: &[Value], found: &mut Vec<Difference>) {
    let by_name = |files: &[Value]| -> BTreeMap<String, String> {
        let file = |file: &Value| Some((InputFile::name_in(file)?.to_owned(), InputFile::content_in(file)?.to_owned()));
        files.iter().filter_map(file).collect()
    };
    let (was, is) = (by_name(before), by_name(after));
    let already = found.len();
    for file in was.keys().chain(is.keys().filter(|file| !was.contains_key(*file))) {
        let name = format!("{name}[{file}]");
        let read = |sha256: &String| FileRead { path: Some(file.clone()), sha256: sha256.clone() };
        match (was.get(file), is.get(file)) {
            (Some(was), Some(is)) if was != is => {
                found.push(Difference::File { name, before: read(was), after: read(is) });
            }
            (Some(_), Some(_)) => {}
            (was, is) => {
                let there = |hash: Option<&String>| hash.map(|_| json!(file));
                found.push(Difference::Parameter { name, before: there(was), after: there(is) });
            }
        }
    }
    if found.len() == already {
        // The same files in another order.
        let names = |files: &[Value]| files.iter().filter_map(InputFile::name_in).collect::<Value>();
        let (before, after) = (Some(names(before)), Some(names(after)));
        found.push(Difference::Parameter { name: name.to_owned(), before, after });
    }
}

/// Replaces the content hash of each file in `value` by its path.
fn legible(value: Option<&Value>, written: Option<&Value>) -> Option<Value> {
    Some(match (value?, written) {
        (Value::Array(items), Some(written)) if are_named_files(items) => written.clone(),
        (Value::Array(items), Some(Value::Array(written))) if items.len() == written.len() => {
            items.iter().zip(written).filter_map(|(item, written)| legible(Some(item), Some(written))).collect()
        }
        (file, Some(Value::String(path))) if InputFile::content_in(file).is_some() => json!(path),
        (other, _) => other.clone(),
    })
}

/// Returns whether two values have the same hash: `5` equals `5.0`.
fn same(before: Option<&Value>, after: Option<&Value>) -> bool {
    let text = |value: &Value| crate::fingerprint::canonical_json(value).ok();
    before == after || matches!((before, after), (Some(before), Some(after)) if text(before) == text(after))
}

fn shortened(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(MAX_CHARS) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// Follows the differences in `first` upstream, and returns the differences of each step on the way.
pub(super) fn chain(
    first: &[Difference],
    of: impl Fn(&str) -> Option<Vec<Difference>>,
) -> BTreeMap<String, Vec<Difference>> {
    let mut found = BTreeMap::new();
    let mut open: Vec<String> = first.iter().filter_map(Difference::upstream).map(str::to_owned).collect();
    while let Some(step) = open.pop() {
        if let Some(differences) = (!found.contains_key(&step)).then(|| of(&step)).flatten() {
            open.extend(differences.iter().filter_map(Difference::upstream).map(str::to_owned));
            found.insert(step, differences);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(params: Value) -> StepFacts {
        StepFacts {
            id: "keep".into(),
            uses: "test.keep".into(),
            version: 1,
            wiring: [("table".to_owned(), "read.rejects".to_owned())].into(),
            inputs: [("table".to_owned(), Some(format!("{:064x}", 1).parse().unwrap()))].into(),
            params: params.as_object().unwrap().clone(),
            written: Map::new(),
            outputs: Vec::new(),
        }
    }

    fn texts_of(before: &StepFacts, after: &StepFacts) -> Vec<String> {
        differences(before, after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_component_is_named_in_words() {
        let before = step(json!({"max": 400, "same": 5.0}));
        let hash = |number: u32| Some(format!("{number:064x}").parse().unwrap());
        assert_eq!(texts_of(&before, &step(json!({"max": 500, "same": 5}))), ["parameter max 400 → 500"]);
        assert_eq!(texts_of(&before, &step(json!({"same": 5}))), ["parameter max 400 → nothing"]);
        let mut after = before.clone();
        after.version = 2;
        assert_eq!(texts_of(&before, &after), ["step version 1 → 2"]);
        after.uses = "test.drop".into();
        assert_eq!(texts_of(&before, &after), ["step type test.keep → test.drop"]);
        let mut after = before.clone();
        after.inputs.insert("table".into(), hash(2));
        assert_eq!(texts_of(&before, &after), ["upstream read changed"]);
        after.inputs.insert("table".into(), None);
        assert_eq!(texts_of(&before, &after), ["upstream read runs again"]);
        after.wiring.insert("table".into(), "other".into());
        assert_eq!(texts_of(&before, &after), ["input table from read.rejects → other"]);
        // The same artifact by another way is no difference: it does not change what the step does.
        after.inputs.insert("table".into(), hash(1));
        assert_eq!(texts_of(&before, &after), [""; 0]);
    }

    #[test]
    fn files_and_parameters_within_others_are_named_by_themselves() {
        let file = |number: u32| json!({"path": {"sha256": format!("{number:064x}")}, "at": {"low": [1, number]}});
        assert_eq!(
            texts_of(&step(file(1)), &step(file(2))),
            ["parameter at.low[1] 1 → 2", "input path: file changed (sha 000000000000… → 000000000000…)"]
        );
        let named = |number: u32, written: Value| StepFacts {
            written: written.as_object().unwrap().clone(),
            ..step(
                json!({"path": {"sha256": format!("{number:064x}")}, "files": [{"sha256": format!("{number:064x}")}]}),
            )
        };
        let (a, b) = (json!({"path": "a b.csv", "files": ["tag.py"]}), json!({"path": "c.csv", "files": ["tag.py"]}));
        assert_eq!(
            texts_of(&named(1, a.clone()), &named(2, b)),
            [
                "input files[0]: file `tag.py` changed (sha 000000000000… → 000000000000…)",
                "input path: file `a b.csv` (sha 000000000000…) → `c.csv` (sha 000000000000…)",
            ]
        );
        let found = differences(&named(1, a.clone()), &named(2, a));
        assert_eq!((&found[1].to_json()["path"], &found[1].to_json()["name"]), (&json!("a b.csv"), &json!("path")));
        let files = |hashes: &[&str], paths: &[&str]| StepFacts {
            written: json!({ "files": paths }).as_object().unwrap().clone(),
            ..step(json!({"files": hashes.iter().map(|hash| json!({"sha256": hash})).collect::<Vec<_>>()}))
        };
        assert_eq!(
            texts_of(&files(&["ab"], &["tag.py"]), &files(&["ab", "cd"], &["tag.py", "words.txt"])),
            ["parameter files [\"tag.py\"] → [\"tag.py\",\"words.txt\"]"]
        );
        let called = |extension: &str| json!({"path": {"sha256": "ab", "extension": extension}});
        assert_eq!(
            texts_of(&step(called("csv")), &step(called("txt"))),
            ["parameter path.extension \"csv\" → \"txt\""]
        );
        let expression = |limit: u32| json!({"where": {"cel": "mw < params.limit", "params": {"limit": limit}}});
        assert_eq!(texts_of(&step(expression(400)), &step(expression(500))), ["parameter limit 400 → 500"]);
        let other = json!({"where": "mw < 400"});
        assert_eq!(
            texts_of(&step(expression(400)), &step(other)),
            ["parameter where \"mw < params.limit\" → \"mw < 400\""]
        );
    }
}
