//! Checks the files of the steps: whether input files exist, and whether an output overwrites another file of the flow.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use chem_manifest::yaml::Node;
use chem_manifest::{Diagnostic, Rule, Span, rules};
use serde_json::Value;

use super::{Binder, walk};
use crate::step::{CancelToken, Glob, ParamType, PathPart, StepKind, nearest, place_of};

/// The files of the steps so far, by canonical path.
#[derive(Default)]
pub(in crate::manifest) struct FilesSoFar {
    written: HashSet<PathBuf>,
    /// The location in the manifest of each file that a sink writes.
    writers: HashMap<PathBuf, Span>,
    /// The location in the manifest of each file that is read and not written before.
    readers: HashMap<PathBuf, Span>,
    /// The patterns for files that are read, and their locations in the manifest.
    patterns: Vec<(Glob, Span)>,
}

impl FilesSoFar {
    /// Returns the files that are written.
    pub(super) fn written(&self) -> &HashSet<PathBuf> {
        &self.written
    }

    /// Returns the pattern of a file that is read which `place` matches, unless a step before writes it.
    fn pattern_for(&self, place: &Path, directory: &Path) -> Option<&(Glob, Span)> {
        self.patterns.iter().find(|(glob, _)| !self.written.contains(place) && glob.matches(directory, place))
    }
}

/// The files that a step names.
#[derive(Default)]
pub(super) struct NamedFiles<'n> {
    pub(super) reads: Vec<(String, &'n Node)>,
    pub(super) patterns: Vec<(Glob, &'n Node)>,
    pub(super) writes: Vec<(String, &'n Node)>,
}

impl<'n> NamedFiles<'n> {
    /// Adds the files in `value`, which comes from `node`.
    pub(super) fn collect(&mut self, value: &Value, ty: &ParamType, node: &'n Node) {
        match (ty, value) {
            _ if !names_files(ty) => {}
            (ParamType::InputFile, Value::String(path)) => self.reads.push((path.clone(), node)),
            (ParamType::InputFiles, Value::String(path)) => match Glob::of(path) {
                Ok(Some(glob)) => self.patterns.push((glob, node)),
                _ => self.reads.push((path.clone(), node)),
            },
            (ParamType::InputFiles, Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    let (node, _) = walk(node, &[PathPart::Index(index)]);
                    self.collect(value, ty, node);
                }
            }
            (ParamType::OutputFile, Value::String(path)) => self.writes.push((path.clone(), node)),
            (ParamType::Optional(inner), value) => self.collect(value, inner, node),
            (ParamType::List(inner), Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    let (node, _) = walk(node, &[PathPart::Index(index)]);
                    self.collect(value, inner, node);
                }
            }
            (ParamType::Map(inner), Value::Object(members)) => {
                for (key, value) in members {
                    let (node, _) = walk(node, &[PathPart::Key(key.clone())]);
                    self.collect(value, inner, node);
                }
            }
            _ => {}
        }
    }
}

/// Whether values of this type name files.
fn names_files(ty: &ParamType) -> bool {
    match ty {
        ParamType::InputFile | ParamType::InputFiles | ParamType::OutputFile => true,
        ParamType::Optional(inner) | ParamType::List(inner) | ParamType::Map(inner) => names_files(inner),
        _ => false,
    }
}

impl Binder<'_> {
    /// Checks that the files that a step reads exist, and that it overwrites no other file. A file that an earlier step
    /// writes counts as existing.
    pub(super) fn name_files(&mut self, named: &NamedFiles<'_>, kind: StepKind) {
        for (path, node) in &named.reads {
            let full = self.directory.join(path);
            let place = place_of(&full);
            if self.files.written.contains(&place) {
                continue;
            }
            if !full.is_file() {
                self.no_such_file(path, &full, node);
            }
            let span = self.locate(node, &[], None).span;
            self.files.readers.entry(place).or_insert(span);
        }
        for (glob, node) in &named.patterns {
            self.match_files(glob, node);
        }
        for (path, node) in &named.writes {
            let place = place_of(&self.directory.join(path));
            if place == place_of(Path::new(self.source.name())) {
                let message = format!("`{path}` is this manifest, and the step writes over it");
                let own = self.locate(node, &[], None).span;
                self.spoiled(&rules::WRITES_OVER_INPUT, message, node, (own, ""));
            } else if let Some(reader) = self.files.readers.get(&place).copied() {
                let message = format!("this step overwrites `{path}`, which the flow reads");
                self.spoiled(&rules::WRITES_OVER_INPUT, message, node, (reader, "it is read here"));
            } else if let Some((glob, reader)) = self.files.pattern_for(&place, self.directory) {
                let message =
                    format!("this step writes `{path}`, which the next run would read: it matches `{}`", glob.as_str());
                let reader = *reader;
                self.spoiled(&rules::WRITES_OVER_INPUT, message, node, (reader, "the pattern is here"));
            } else if let (StepKind::Sink, Some(writer)) = (kind, self.files.writers.get(&place).copied()) {
                let message = format!("an earlier step writes `{path}` already");
                self.spoiled(&rules::WRITTEN_TWICE, message, node, (writer, "it is written here first"));
            }
            // Steps other than sinks may have reasons to add to the same file.
            if kind == StepKind::Sink {
                let span = self.locate(node, &[], None).span;
                self.files.writers.entry(place.clone()).or_insert(span);
            }
            self.files.written.insert(place);
        }
    }

    /// Checks that files match a pattern, or that an earlier step writes such a file.
    fn match_files(&mut self, glob: &Glob, node: &Node) {
        let location = self.locate(node, &[], None);
        let span = location.span;
        let problem = match glob.find(self.directory, &CancelToken::default()) {
            Ok(found) if found.is_empty() => {
                let is_written = self.files.written.iter().any(|place| glob.matches(self.directory, place));
                (!is_written).then(|| format!("no file matches `{}`", glob.as_str()))
            }
            Ok(found) => {
                for file in found {
                    let place = place_of(&self.directory.join(glob.base()).join(file));
                    if !self.files.written.contains(&place) {
                        self.files.readers.entry(place).or_insert(span);
                    }
                }
                None
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(message) = problem {
            let base = self.directory.join(glob.base());
            let help = match base.is_dir() {
                true => {
                    "`*` and `?` are wildcards within a name, and `**` matches any number of directories".to_owned()
                }
                false => format!("there is no directory `{}`; a path is relative to the manifest", glob.base()),
            };
            let diagnostic = Diagnostic::new(&rules::NO_SUCH_FILE, message, self.source, span).with_help(help);
            self.findings.add(location.shown_in(diagnostic));
        }
        self.files.patterns.push((glob.clone(), span));
    }

    fn spoiled(&mut self, rule: &'static Rule, message: String, node: &Node, (other, label): (Span, &str)) {
        let place = self.locate(node, &[], None);
        let mut diagnostic = Diagnostic::new(rule, message, self.source, place.span);
        if other != place.span {
            diagnostic = diagnostic.with_secondary(self.source, other, label);
        }
        self.findings.add(place.shown_in(diagnostic).with_help("write to another file"));
    }

    fn no_such_file(&mut self, path: &str, full: &Path, node: &Node) {
        let message = match full.is_dir() {
            true => format!("`{path}` is a directory"),
            // A device or a pipe cannot be read twice, and a step's input is hashed before it is read.
            false if full.exists() => format!("`{path}` is not a regular file"),
            false => format!("there is no file `{path}`"),
        };
        let help = match similar_file(path, full) {
            _ if full.exists() && !full.is_dir() => "copy its content to a file, and name that file".to_owned(),
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "a path is relative to the manifest".to_owned(),
        };
        let place = self.locate(node, &[], None);
        let diagnostic = Diagnostic::new(&rules::NO_SUCH_FILE, message, self.source, place.span).with_help(help);
        self.findings.add(place.shown_in(diagnostic));
    }
}

/// Returns the path of a file in the same directory whose name is similar to that of `path`.
fn similar_file(path: &str, full: &Path) -> Option<String> {
    let name = full.file_name()?.to_str()?;
    // A directory of a million files is not searched completely.
    let entries = std::fs::read_dir(full.parent()?).ok()?.take(1000);
    let names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let meant = nearest(name, sorted)?;
    Some(Path::new(path).with_file_name(meant).display().to_string())
}
