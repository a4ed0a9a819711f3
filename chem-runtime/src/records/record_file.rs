//! The parameter type for files of records.

use std::ops::Deref;

use serde_json::Value;

use super::extension;
use crate::step::limits::TEXT_BYTES;
use crate::step::{Files, InputFile, InvalidParam, ParamType, ParamValue, StepError};

/// A file whose extension may determine its format. The extension, in lower case and without `.gz`, is therefore part of
/// its identity: the same bytes with another extension are different records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFile(InputFile);

impl Deref for RecordFile {
    type Target = InputFile;

    fn deref(&self) -> &InputFile {
        &self.0
    }
}

impl From<&str> for RecordFile {
    fn from(path: &str) -> Self {
        Self(path.into())
    }
}

impl ParamValue for RecordFile {
    fn ty() -> ParamType {
        InputFile::ty()
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        <InputFile as ParamValue>::read(value).map(Self)
    }

    fn write(&self) -> Value {
        self.0.write()
    }

    fn identity(&self, files: &Files) -> Result<Value, StepError> {
        // The limit on whole texts applies, because the file will be read into memory.
        let mut identity = self.0.identity_within(files, &TEXT_BYTES)?;
        if let Some(extension) = extension(self.0.as_str()) {
            identity["extension"] = extension.into();
        }
        Ok(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_the_same_file_under_one_extension_only() {
        let directory = tempfile::tempdir().unwrap();
        let identity = |name: &str| {
            std::fs::write(directory.path().join(name), "smiles\nCCO\n").unwrap();
            RecordFile::from(name).identity(&Files::relative_to(directory.path())).unwrap()
        };
        assert_eq!(identity("a.csv"), identity("b.CSV"));
        assert_ne!(identity("a.csv"), identity("a.txt"));
        assert_ne!(identity("a.csv"), identity("a"));
        assert_eq!(InputFile::content_in(&identity("a.csv")), InputFile::content_in(&identity("a.txt")));
        assert!(InputFile::content_in(&identity("a")).is_some());
    }
}
