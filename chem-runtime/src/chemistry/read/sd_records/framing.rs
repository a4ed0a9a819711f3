//! Splits an SD file into records.

use super::data::{Header, field_header};
use crate::records::Line;

/// The lines of one record, without the `$$$$` that ends it.
#[derive(Debug, Default)]
pub(super) struct Framed<'a> {
    pub(super) lines: Vec<Line<'a>>,
    /// The index in `lines` of the `M  END` of the mol block.
    pub(super) block_end: Option<usize>,
    /// The line number of the `$$$$` that ends the record; `None` if the file ends first.
    pub(super) ended_on: Option<u64>,
    /// Whether the value of the last field has not been ended by an empty line.
    in_value: bool,
}

impl<'a> Framed<'a> {
    fn push(&mut self, line: Line<'a>) {
        if self.block_end.is_none() {
            self.block_end = is_block_end(&line).then_some(self.lines.len());
        } else if self.in_value {
            self.in_value = !line.text.is_empty();
        } else {
            self.in_value = !matches!(field_header(line.text), Header::None);
        }
        self.lines.push(line);
    }

    /// Returns the index of the last line that is not blank.
    pub(super) fn last_filled(&self) -> usize {
        self.lines.iter().rposition(|line| !line.text.trim_ascii().is_empty()).unwrap_or_default()
    }

    fn is_blank(&self) -> bool {
        self.lines.iter().all(|line| line.text.trim_ascii().is_empty())
    }
}

/// Returns the records of a file in order. A line `$$$$` ends a record; so does a line that begins with `$$$$`, unless it
/// is within the value of a field. Text after the last `$$$$` is a record too, unless it is blank.
pub(super) fn records<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Framed<'a>> {
    let (mut found, mut record): (Vec<Framed<'_>>, Framed<'_>) = (Vec::new(), Framed::default());
    for line in lines {
        let ends = line.text.starts_with(b"$$$$") && (!record.in_value || line.text.trim_ascii_end() == b"$$$$");
        if ends {
            record.ended_on = Some(line.number);
            found.push(std::mem::take(&mut record));
        } else {
            record.push(line);
        }
    }
    if !record.is_blank() {
        found.push(record);
    }
    found
}

/// Returns the line number of a `$$$$` that is probably part of a value: the record before it ends within a value, and the
/// record after it has no mol block.
pub(super) fn doubtful_end(record: &Framed<'_>, next: Option<&Framed<'_>>) -> Option<u64> {
    let next = next?;
    record.ended_on.filter(|_| record.in_value && next.block_end.is_none() && !next.is_blank())
}

fn is_block_end(line: &Line<'_>) -> bool {
    line.text.trim_ascii_end() == b"M  END"
}
