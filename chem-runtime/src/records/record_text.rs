//! The text of a file of records, which is read from its beginning as often as needed.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::{SpooledData, SpooledTempFile};

use super::decode::{Compression, compression};
use super::encoding::Encoding;
use super::parts::{Part, Taken, in_parts};
use super::unpacked::{copied, unpacked};
use crate::step::{Files, InputFile, StepError};

/// A text of records, or the bytes of a file that is not text.
#[derive(Debug)]
pub(crate) enum RecordText<'a> {
    /// In memory, as UTF-8 but for damaged records.
    Whole(Cow<'a, [u8]>),
    /// A file that is UTF-8 as it is, and not in memory.
    File(InputFile, &'a Files),
    /// The decoded text of a file, which is in memory only if it is short.
    Unpacked(Mutex<SpooledTempFile>),
    /// A copy of a file that is not text, and not in memory.
    #[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "without Parquet nothing reads it"))]
    Copied(Arc<Mutex<File>>),
}

impl<'a> RecordText<'a> {
    /// Returns the text of a file. A compressed file, or one in another encoding than UTF-8, is decoded into a temporary file.
    ///
    /// # Errors
    /// Fails if the file cannot be read, decompressed or decoded.
    pub(crate) fn of(file: &InputFile, files: &'a Files, encoding: Encoding) -> Result<Self, StepError> {
        let plain = encoding == Encoding::Utf8
            && compression(file.as_str()).is_none()
            && Compression::of(&file.beginning(files, 4)?).is_none();
        if plain {
            return Ok(Self::File(file.clone(), files));
        }
        Ok(Self::Unpacked(Mutex::new(unpacked(file, files, encoding)?)))
    }

    /// Returns the bytes of a file that is not text. A long file is copied, so that what is read are the bytes that the step's
    /// fingerprint covers.
    ///
    /// # Errors
    /// Fails if the file cannot be read or copied.
    pub(crate) fn of_bytes(file: &InputFile, files: &Files) -> Result<Self, StepError> {
        Ok(match copied(file, files)?.0.into_inner() {
            SpooledData::InMemory(bytes) => Self::Whole(bytes.into_inner().into()),
            SpooledData::OnDisk(copy) => Self::Copied(Arc::new(Mutex::new(copy))),
        })
    }

    /// Returns how many bytes are in memory.
    ///
    /// # Errors
    /// Fails if the temporary file cannot be read.
    pub(crate) fn in_memory(&self) -> Result<usize, StepError> {
        match self {
            Self::Whole(bytes) => Ok(bytes.len()),
            Self::File(..) | Self::Copied(_) => Ok(0),
            Self::Unpacked(text) => {
                let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                let length = if text.is_rolled() { 0 } else { text.seek(SeekFrom::End(0))? };
                Ok(usize::try_from(length).unwrap_or(usize::MAX))
            }
        }
    }

    /// Returns the bytes of a whole file or text; none of one that is not in memory, or was decoded.
    #[cfg_attr(
        not(any(feature = "excel", feature = "parquet")),
        allow(dead_code, reason = "all other formats are text")
    )]
    pub(crate) fn whole(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::File(..) | Self::Unpacked(_) | Self::Copied(_) => &[],
        }
    }

    /// Calls `take` with the parts of the text. `name` is that of the text, for messages.
    ///
    /// # Errors
    /// Fails like `take`, or if the file cannot be read or has changed.
    pub(crate) fn in_parts(
        &self,
        name: &str,
        mut take: impl FnMut(Part<'_>) -> Result<Taken, StepError>,
    ) -> Result<(), StepError> {
        match self {
            Self::Whole(text) => take(Part { text, line: 1, more: false }).map(drop),
            Self::File(file, files) => file.pass_over(files, |reader| in_parts(name, reader, take)),
            Self::Unpacked(text) => {
                let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                text.rewind().map_err(|error| StepError::context(format!("cannot read `{name}`"), error))?;
                in_parts(name, &mut *text, take)
            }
            // Not text.
            Self::Copied(_) => Ok(()),
        }
    }
}
