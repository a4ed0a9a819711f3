//! Reads text in parts, so that a file need not be in memory as a whole.
//!
//! A reader of records takes as many as surely end in a part. What it leaves begins the next one, which is longer if nothing was
//! taken: a record may have any length.

use std::io::{ErrorKind, Read};

use super::encoding::Encoding;
use crate::cancel;
use crate::step::StepError;

/// The length of a part, in bytes, unless a record is longer.
const PART: usize = 4 << 20;

/// Consecutive lines of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) text: &'a [u8],
    /// The number of the first line, from 1.
    pub(crate) line: u64,
    /// Whether more text follows.
    pub(crate) more: bool,
}

/// How much of a part was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) bytes: usize,
    /// The number of the line that comes next.
    pub(crate) line: u64,
}

/// Calls `take` with the parts of the text that `reader` gives, which is UTF-8 but for damaged records. `name` is that of the
/// file, for messages.
///
/// # Errors
/// Fails like `take`, if the text cannot be read, or if it has the byte order mark of UTF-16.
pub(super) fn in_parts(
    name: &str,
    reader: &mut dyn Read,
    mut take: impl FnMut(Part<'_>) -> Result<Taken, StepError>,
) -> Result<(), StepError> {
    in_parts_of(PART, name, reader, &mut take)
}

fn in_parts_of(
    length: usize,
    name: &str,
    reader: &mut dyn Read,
    take: &mut dyn FnMut(Part<'_>) -> Result<Taken, StepError>,
) -> Result<(), StepError> {
    let (mut text, mut line, mut wanted, mut began) = (Vec::new(), 1, length, false);
    loop {
        let more = fill(&mut text, reader, wanted)
            .map_err(|error| StepError::context(format!("cannot read `{name}`"), error))?;
        if !began {
            text = Encoding::Utf8.decode(name, text)?;
            began = true;
        }
        let taken = take(Part { text: &text, line, more })?;
        cancel::check()?;
        if !more {
            return Ok(());
        }
        wanted = if taken.bytes == 0 { 2 * wanted } else { length };
        line = taken.line;
        text.drain(..taken.bytes);
    }
}

/// Reads until `text` has `wanted` bytes. Returns whether there may be more.
fn fill(text: &mut Vec<u8>, reader: &mut dyn Read, wanted: usize) -> std::io::Result<bool> {
    let mut at = text.len();
    text.resize(wanted.max(at), 0);
    while at < text.len() {
        match reader.read(&mut text[at..]) {
            Ok(0) => {
                text.truncate(at);
                return Ok(false);
            }
            Ok(read) => at += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::all_texts::all_texts;
    use super::super::delimited_records::Records;
    use super::super::lines::Lines;
    use super::*;

    #[test]
    fn the_parts_of_a_text_have_its_records() {
        for text in all_texts("a,\"\n\r", 7) {
            let told = |record: super::super::delimited_records::RawRecord<'_>| {
                (record.line, record.raw.to_vec(), record.cells.map(|cells| format!("{cells:?}")))
            };
            let whole: Vec<_> = Records::new(text.as_bytes(), b',').map(told).collect();
            for length in 1..=text.len() {
                let mut found = Vec::new();
                let mut take = |part: Part<'_>| {
                    let mut records = Records::of_part(&part, b',');
                    found.extend(records.by_ref().map(told));
                    Ok(records.taken())
                };
                in_parts_of(length, "a", &mut text.as_bytes(), &mut take).unwrap();
                assert_eq!(found, whole, "{text:?} in parts of {length}");
            }
        }
    }

    #[test]
    fn the_parts_of_a_text_have_its_lines() {
        for text in all_texts("a\n\r", 8) {
            let told = |line: super::super::lines::Line<'_>| (line.number, line.text.to_vec());
            let whole: Vec<_> = super::super::lines::lines(text.as_bytes()).map(told).collect();
            for length in 1..=text.len() {
                let mut found = Vec::new();
                let mut take = |part: Part<'_>| {
                    let mut lines = Lines::of_part(&part);
                    found.extend(lines.by_ref().map(told));
                    Ok(lines.taken())
                };
                in_parts_of(length, "a", &mut text.as_bytes(), &mut take).unwrap();
                assert_eq!(found, whole, "{text:?} in parts of {length}");
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        let read = |text: &[u8]| {
            let mut all = Vec::new();
            let mut text = text;
            in_parts("a", &mut text, |part| {
                all.extend_from_slice(part.text);
                Ok(Taken { bytes: part.text.len(), line: part.line })
            })
            .map(|()| all)
        };
        assert_eq!(read(b"\xef\xbb\xbfa\n").unwrap(), b"a\n");
        assert!(read(b"\xff\xfea\0").unwrap_err().to_string().contains("`encoding: utf-16`"));
        assert_eq!(read(b"").unwrap(), b"");
    }
}
