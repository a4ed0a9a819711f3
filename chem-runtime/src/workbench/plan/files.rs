//! Files that one step of a flow writes and a later step reads or writes. Their content is unknown before the run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::OutsideFile;
use crate::event::RecordedStep;
use crate::step::{Files, Glob, InputFiles, ParamSpec, ParamType, place_of};

/// The files that a step reads and writes. Known only for registered step types.
#[derive(Debug, Default)]
pub(super) struct NamedFiles {
    reads: Vec<PathBuf>,
    /// Patterns for files that are read.
    patterns: Vec<Glob>,
    writes: Vec<PathBuf>,
}

impl NamedFiles {
    pub(super) fn of(params: &[ParamSpec], step: &RecordedStep, files: &Files) -> Self {
        let mut named = Self::default();
        for param in params {
            if let Some(value) = step.params.get(param.name) {
                named.collect(&param.ty.make(), value, files);
            }
        }
        named
    }

    fn collect(&mut self, ty: &ParamType, value: &Value, files: &Files) {
        match (ty, value) {
            (ParamType::InputFile, Value::String(path)) => self.reads.push(files.input(path)),
            (ParamType::InputFiles, value) => {
                for path in InputFiles::paths_in(value) {
                    match Glob::of(path) {
                        Ok(Some(glob)) => {
                            let found = files.find(&glob).unwrap_or_default();
                            self.reads.extend(found.iter().map(|file| files.input(&format!("{}{file}", glob.base()))));
                            self.patterns.push(glob);
                        }
                        _ => self.reads.push(files.input(path)),
                    }
                }
            }
            (ParamType::OutputFile, Value::String(path)) => self.writes.push(files.output(path)),
            (ParamType::Optional(inner), value) => self.collect(inner, value, files),
            (ParamType::List(inner), Value::Array(values)) => {
                values.iter().for_each(|value| self.collect(inner, value, files));
            }
            (ParamType::Map(inner), Value::Object(members)) => {
                members.values().for_each(|value| self.collect(inner, value, files));
            }
            _ => {}
        }
    }

    /// Returns the files outside the directory to which the run is confined, or outside that of the manifest.
    pub(super) fn outside(&self, step: &str, files: &Files) -> Vec<OutsideFile> {
        let of = |path: &PathBuf, written| OutsideFile { step: step.to_owned(), path: place_of(path), written };
        let reads = self.reads.iter().filter(|path| !files.holds(path)).map(|path| of(path, false));
        let writes = self.writes.iter().filter(|path| !files.holds(path)).map(|path| of(path, true));
        reads.chain(writes).collect()
    }

    /// Returns why the confinement of the run does not permit one of them.
    pub(super) fn refused(&self, files: &Files) -> Option<String> {
        let refused = |path: &PathBuf| files.check_output(&path.to_string_lossy()).err();
        self.writes.iter().find_map(refused).map(|error| error.to_string())
    }

    /// The step of `written` that will have written a file that this one reads.
    pub(super) fn reads_of<'a>(
        &self,
        written: &'a HashMap<PathBuf, String>,
        files: &Files,
    ) -> Option<(PathBuf, &'a String)> {
        let named = self.reads.iter().find_map(|path| Some((path.clone(), written.get(path)?)));
        let matches = |path: &Path| self.patterns.iter().any(|glob| files.matches(glob, path));
        let mut matched: Vec<(&PathBuf, &String)> = written.iter().filter(|(path, _)| matches(path)).collect();
        matched.sort_unstable();
        named.or_else(|| matched.first().map(|(path, step)| ((*path).clone(), *step)))
    }

    /// The step of `written` that will have written a file that this one writes too.
    pub(super) fn writes_over<'a>(&self, written: &'a HashMap<PathBuf, String>) -> Option<(PathBuf, &'a String)> {
        self.writes.iter().find_map(|path| Some((path.clone(), written.get(path)?)))
    }

    /// Records that `step` writes its files.
    pub(super) fn note(self, step: &str, written: &mut HashMap<PathBuf, String>) {
        written.extend(self.writes.into_iter().map(|path| (path, step.to_owned())));
    }
}
