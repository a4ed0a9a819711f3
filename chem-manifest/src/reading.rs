//! Reads sources from files, and reports what keeps one from being text.

use std::io::Read;
use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::rules;
use crate::source::{MAX_BYTES, Source, Span};

impl Source {
    /// Reads a source from bytes, which have to be UTF-8.
    ///
    /// # Errors
    /// Points at the first byte that is not.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Result<Self, Box<Diagnostic>> {
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return Ok(Self::new(name, text)),
            Err(error) => error,
        };
        let lossy = Self::new(name, &String::from_utf8_lossy(bytes));
        // Up to the first byte that is wrong both texts are one, but for the byte order mark.
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
    /// Says why it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        Self::read_as(path.display().to_string(), path)
    }

    /// Reads the manifest at `path`, under another name.
    ///
    /// # Errors
    /// Says why it cannot be read.
    pub fn read_as(name: impl Into<String>, path: &Path) -> Result<Self, Box<Diagnostic>> {
        let name = name.into();
        let mut bytes = Vec::new();
        // One byte more than is allowed shows that there is too much, and no more of it is read.
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
