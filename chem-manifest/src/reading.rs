//! Reads sources from files and bytes.

use std::io::Read;
use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::rules;
use crate::source::{MAX_BYTES, Source, Span};

impl Source {
    /// Creates a source from bytes that should be UTF-8.
    ///
    /// # Errors
    /// Returns a diagnostic that points at the first invalid byte.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Result<Self, Box<Diagnostic>> {
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return Ok(Self::new(name, text)),
            Err(error) => error,
        };
        let lossy = Self::new(name, &String::from_utf8_lossy(bytes));
        // Up to the first invalid byte the two texts differ only in the byte order mark.
        let start = error.valid_up_to().saturating_sub(if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 });
        let span = Span::new(start, start + char::REPLACEMENT_CHARACTER.len_utf8());
        let message = format!("the manifest is not UTF-8 at byte {}", error.valid_up_to());
        let help = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it looks like UTF-16; save it as UTF-8",
            _ => "save the file as UTF-8",
        };
        Err(Box::new(Diagnostic::new(&rules::NOT_UTF8, message, &lossy, span).with_help(help)))
    }

    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// Returns a diagnostic if the file cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        Self::read_as(path.display().to_string(), path)
    }

    /// Reads the manifest at `path`, and calls it `name` in diagnostics.
    ///
    /// # Errors
    /// Returns a diagnostic if the file cannot be read or is not UTF-8.
    pub fn read_as(name: impl Into<String>, path: &Path) -> Result<Self, Box<Diagnostic>> {
        let name = name.into();
        let mut bytes = Vec::new();
        // One byte more than the limit is enough for the parser to see that the file is too large.
        let read = std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) => Self::from_bytes(name, &bytes),
            Err(error) => {
                let nowhere = Self::new(&name, "");
                let message = format!("cannot read `{name}`: {error}");
                Err(Box::new(Diagnostic::new(&rules::UNREADABLE, message, &nowhere, Span::default())))
            }
        }
    }
}
