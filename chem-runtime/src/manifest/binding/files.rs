//! The files that steps read: whether they are there.

use chem_manifest::yaml::Node;
use chem_manifest::{Diagnostic, rules};
use std::path::Path;

use serde_json::Value;

use super::{Binder, walk};
use crate::step::{ParamType, PathPart, nearest};

impl Binder<'_> {
    /// Sees that the files that the step reads are there. A file that an earlier step writes will be.
    pub(super) fn files(&mut self, value: &Value, ty: &ParamType, node: &Node) {
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
    let meant = nearest(name, sorted)?;
    Some(Path::new(path).with_file_name(meant).display().to_string())
}
