//! Where the records of an SD file begin and end.

use super::data::{Header, field_header};
use crate::records::Line;

/// The lines of one record, without the `$$$$` that ends it.
#[derive(Debug, Default)]
pub(super) struct Framed<'a> {
    pub(super) lines: Vec<Line<'a>>,
    /// The index in `lines` of the `M  END` of its mol block.
    pub(super) block_end: Option<usize>,
    /// The line of the `$$$$` that ends it. `None` if the file ends first.
    pub(super) ended_on: Option<u64>,
    /// Whether its last field has no empty line behind its value.
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

    /// The index of its last line that is not blank.
    pub(super) fn last_filled(&self) -> usize {
        self.lines.iter().rposition(|line| !line.text.trim_ascii().is_empty()).unwrap_or_default()
    }

    fn is_blank(&self) -> bool {
        self.lines.iter().all(|line| line.text.trim_ascii().is_empty())
    }
}

/// The records of a file, in order. A line `$$$$` ends a record; so does one that goes on behind `$$$$`, unless it is
/// within the value of a field. Text after the last end is a record too, unless it is blank.
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

/// The line of the `$$$$` between two neighbours of which the first ends within a value and the second has no mol block:
/// most likely that `$$$$` is part of the value.
pub(super) fn doubtful_end(record: &Framed<'_>, next: Option<&Framed<'_>>) -> Option<u64> {
    let next = next?;
    record.ended_on.filter(|_| record.in_value && next.block_end.is_none() && !next.is_blank())
}

fn is_block_end(line: &Line<'_>) -> bool {
    line.text.trim_ascii_end() == b"M  END"
}
