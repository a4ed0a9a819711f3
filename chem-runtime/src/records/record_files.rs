//! The parameter type for several files of records that are read as one.

use std::ops::Deref;

use serde_json::{Value, json};

use super::table_text::SourceText;
use super::{RecordFile, RecordText, extension};
use crate::step::limits::TEXT_BYTES;
use crate::step::{Files, InputFile, InputFiles, InvalidParam, ParamType, ParamValue, StepError};

/// Files of records that are read as one: a path, a pattern such as `data/*.csv`, or a list of these.
///
/// A single path has the identity of a [`RecordFile`]. Otherwise the identity is a list of the files, each with its content,
/// its extension, and its path below the directory that all of the written paths share, because the rows name their files
/// so.
///
/// ```
/// use chem_runtime::records::RecordFiles;
///
/// let plates = RecordFiles::from("plates/*.csv");
/// let both = RecordFiles::several(["a.csv", "b.csv"]);
/// assert_eq!((plates.paths().len(), both.paths().len()), (1, 2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFiles(InputFiles);

/// The text of one of several files.
pub(crate) struct FileText<T> {
    /// The path, for messages.
    pub(crate) path: String,
    /// The name of the file in the data.
    pub(crate) name: String,
    pub(crate) text: T,
}

impl<'t> FileText<RecordText<'t>> {
    /// Returns the text as a part of a table.
    pub(crate) fn as_source(&self) -> SourceText<'_> {
        SourceText { path: &self.path, name: &self.name, text: &self.text }
    }
}

impl RecordFiles {
    /// Creates files from paths or patterns.
    pub fn several<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self(InputFiles::several(paths))
    }

    /// Reads the files. `read` returns the text of a file, and how much of it is in memory.
    ///
    /// # Errors
    /// Fails like `read`, or if the texts in memory exceed [`TEXT_BYTES`] together.
    pub(crate) fn texts<T>(
        &self,
        files: &Files,
        read: impl Fn(&InputFile) -> Result<(usize, T), StepError>,
    ) -> Result<Vec<FileText<T>>, StepError> {
        let (mut texts, mut bytes) = (Vec::new(), 0);
        for file in self.found(files)? {
            let (length, text) = read(&file.file)?;
            bytes += length as u64;
            if bytes > TEXT_BYTES.get() {
                let (files, advice) = (self.describe(), TEXT_BYTES.advice());
                return Err(StepError::new(format!("cannot read `{files}`: the files hold more text; {advice}")));
            }
            texts.push(FileText { path: file.file.as_str().to_owned(), name: file.name, text });
        }
        Ok(texts)
    }
}

impl Deref for RecordFiles {
    type Target = InputFiles;

    fn deref(&self) -> &InputFiles {
        &self.0
    }
}

impl From<&str> for RecordFiles {
    fn from(path: &str) -> Self {
        Self(path.into())
    }
}

impl ParamValue for RecordFiles {
    fn ty() -> ParamType {
        ParamType::InputFiles
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        InputFiles::read(value).map(Self)
    }

    fn write(&self) -> Value {
        self.0.write()
    }

    fn identity(&self, files: &Files) -> Result<Value, StepError> {
        if let Some(file) = self.single() {
            return RecordFile::from(file.as_str()).identity(files);
        }
        let identity = |file: crate::step::NamedFile| {
            let mut identity = file.file.identity_within(files, &TEXT_BYTES)?;
            if let Some(extension) = extension(&file.name) {
                identity["extension"] = json!(extension);
            }
            identity["name"] = json!(file.name);
            Ok(identity)
        };
        self.find(files)?.into_iter().map(identity).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_of_files_has_their_contents_and_names_and_not_their_directory() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::relative_to(directory.path());
        let write = |path: &str, text: &str| {
            let full = directory.path().join(path);
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            std::fs::write(full, text).unwrap();
        };
        for folder in ["one", "two/deep"] {
            write(&format!("{folder}/a.csv"), "x\n1\n");
            write(&format!("{folder}/b.csv"), "x\n2\n");
        }
        let identity = |value: Value| RecordFiles::read(&value).unwrap().identity(&files).unwrap();
        let one = identity(json!("one/*.csv"));
        assert_eq!(one[1]["name"], "b.csv");
        assert_eq!(one, identity(json!("two/deep/*.csv")));
        assert_eq!(one, identity(json!(["one/a.csv", "one/b.csv"])));
        assert_ne!(one, identity(json!(["one/b.csv", "one/a.csv"])));
        let single = RecordFile::from("one/a.csv").identity(&files).unwrap();
        assert_eq!(identity(json!("one/a.csv")), single);
        assert_eq!(RecordFiles::from("one/a.csv").write(), "one/a.csv");
        write("two/deep/b.csv", "x\n3\n");
        assert_ne!(one, identity(json!("two/deep/*.csv")));
    }

    #[test]
    fn the_files_are_those_from_the_start_of_the_step() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::relative_to(directory.path());
        std::fs::write(directory.path().join("a.csv"), "x\n1\n").unwrap();
        let pattern = RecordFiles::from("*.csv");
        pattern.identity(&files).unwrap();
        std::fs::write(directory.path().join("b.csv"), "x\n2\n").unwrap();
        let read = || pattern.texts(&files, |file| Ok((0, file.read(&files)?)));
        assert_eq!(read().unwrap().iter().map(|text| &*text.name).collect::<Vec<_>>(), ["a.csv"]);
        std::fs::write(directory.path().join("a.csv"), "x\n3\n").unwrap();
        assert!(read().err().unwrap().to_string().contains("changed"));
    }
}
