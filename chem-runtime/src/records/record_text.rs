//! The text of a file of records, which is read from its beginning as often as needed.

use std::borrow::Cow;

use super::decode::{compression, is_compressed, text_in};
use super::encoding::Encoding;
use super::parts::{Part, Taken, in_parts};
use crate::step::{Files, InputFile, StepError};

/// A text of records, or the bytes of a file that is not text.
#[derive(Debug)]
pub(crate) enum RecordText<'a> {
    /// In memory, as UTF-8 but for damaged records.
    Whole(Cow<'a, [u8]>),
    /// A file that is UTF-8 as it is, and not in memory.
    File(InputFile, &'a Files),
}

impl<'a> RecordText<'a> {
    /// Returns the text of a file. A compressed file, or one in another encoding than UTF-8, is decoded in memory.
    ///
    /// # Errors
    /// Fails if the file cannot be read, decompressed or decoded.
    pub(crate) fn of(file: &InputFile, files: &'a Files, encoding: Encoding) -> Result<Self, StepError> {
        let plain = encoding == Encoding::Utf8
            && compression(file.as_str()).is_none()
            && !is_compressed(&file.beginning(files, 4)?);
        if plain {
            return Ok(Self::File(file.clone(), files));
        }
        Ok(Self::Whole(text_in(encoding, file.as_str(), file.read(files)?)?.into()))
    }

    /// Returns the bytes that are in memory.
    pub(crate) fn whole(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::File(..) => &[],
        }
    }

    /// Calls `take` with the parts of the text. `name` is that of the text, for messages.
    ///
    /// # Errors
    /// Fails like `take`, or if the file cannot be read or has changed.
    pub(super) fn in_parts(
        &self,
        name: &str,
        mut take: impl FnMut(Part<'_>) -> Result<Taken, StepError>,
    ) -> Result<(), StepError> {
        match self {
            Self::Whole(text) => take(Part { text, line: 1, more: false }).map(drop),
            Self::File(file, files) => file.pass_over(files, |reader| in_parts(name, reader, take)),
        }
    }
}
