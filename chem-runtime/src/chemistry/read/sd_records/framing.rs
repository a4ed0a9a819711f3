//! Splits an SD file into records.

use super::data::{Header, field_header};
use crate::cancel::while_running;
use crate::records::{Line, Lines, Part, Taken};

/// The text of one record, without the `$$$$` that ends it.
#[derive(Debug)]
pub(super) struct Framed<'a> {
    pub(super) text: &'a [u8],
    /// The number of its first line.
    pub(super) line: u64,
    /// The index among its lines of the `M  END` of the mol block.
    pub(super) block_end: Option<usize>,
    /// The line number of the `$$$$` that ends the record; `None` if the file ends first.
    pub(super) ended_on: Option<u64>,
    /// The line number of that `$$$$`, if it is probably part of a value: the record ends within a value, and the one behind it
    /// has no mol block.
    pub(super) doubtful_end: Option<u64>,
    /// Whether an empty line has not ended the value of the last field.
    in_value: bool,
    /// Where the next record begins.
    end: Taken,
}

impl<'a> Framed<'a> {
    /// Returns the lines of the record.
    pub(super) fn lines(&self) -> Lines<'a> {
        Lines::from(self.text, self.line)
    }

    /// Returns whether only blank lines follow the mol block.
    pub(super) fn ends_with_its_block(&self) -> bool {
        let is_blank = |line: Line<'_>| line.text.trim_ascii().is_empty();
        self.block_end.is_some_and(|end| while_running(self.lines()).skip(end + 1).all(is_blank))
    }

    fn is_blank(&self) -> bool {
        self.text.trim_ascii().is_empty()
    }
}

/// Iterates over the records in a part of a file. A line `$$$$` ends a record; so does a line that begins with `$$$$`, unless it
/// is within the value of a field. Text after the last `$$$$` of the file is a record too, unless it is blank.
pub(super) struct Frames<'a> {
    part: Part<'a>,
    lines: Lines<'a>,
    /// The record that comes next. Whether the end of the record before it is doubtful depends on it.
    ahead: Option<Framed<'a>>,
    taken: Taken,
}

impl<'a> Frames<'a> {
    pub(super) fn of_part(part: Part<'a>) -> Self {
        let lines = Lines::of_part(&part);
        Self { part, taken: lines.taken(), lines, ahead: None }
    }

    /// Returns how much of the part was read.
    pub(super) fn taken(&self) -> Taken {
        self.taken
    }

    /// Reads the next record up to its end; only the first of its lines if the step is asked to stop.
    fn read(&mut self) -> Option<Framed<'a>> {
        let begin = self.lines.taken();
        let (mut block_end, mut in_value, mut text_end) = (None, false, begin.bytes);
        let ended_on = while_running(0..).find_map(|index| {
            text_end = self.lines.taken().bytes;
            let Some(line) = self.lines.next() else { return Some(None) };
            let ends = line.text.starts_with(b"$$$$") && (!in_value || line.text.trim_ascii_end() == b"$$$$");
            if ends {
                return Some(Some(line.number));
            }
            if block_end.is_none() {
                block_end = is_block_end(&line).then_some(index);
            } else if in_value {
                in_value = !line.text.is_empty();
            } else {
                in_value = !matches!(field_header(line.text), Header::None);
            }
            None
        });
        let ended_on = ended_on.flatten();
        let text = &self.part.text[begin.bytes..text_end];
        let end = self.lines.taken();
        let framed = Framed { text, line: begin.line, block_end, ended_on, doubtful_end: None, in_value, end };
        (ended_on.is_some() || !self.part.more && !framed.is_blank()).then_some(framed)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Framed<'a>;

    fn next(&mut self) -> Option<Framed<'a>> {
        let mut record = self.ahead.take().or_else(|| self.read())?;
        self.ahead = self.read();
        if self.ahead.is_none() && self.part.more {
            self.ahead = Some(record);
            return None;
        }
        let next = self.ahead.as_ref().filter(|next| next.block_end.is_none() && !next.is_blank());
        record.doubtful_end = record.ended_on.filter(|_| record.in_value && next.is_some());
        self.taken = record.end;
        Some(record)
    }
}

fn is_block_end(line: &Line<'_>) -> bool {
    line.text.trim_ascii_end() == b"M  END"
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = (u64, Vec<u8>, Option<usize>, Option<u64>, Option<u64>);

    fn found<'a>(frames: impl Iterator<Item = Framed<'a>>) -> Vec<Found> {
        frames.map(|it| (it.line, it.text.to_vec(), it.block_end, it.ended_on, it.doubtful_end)).collect()
    }

    #[test]
    fn the_parts_of_a_file_have_its_records() {
        let pieces = ["x\n", "M  END\r\n", "> <a>\n", "1\n", "\n", "$$$$\n", "$$$$ x\n", "\r"];
        // All files of up to four of these lines, each cut at each byte.
        let all = (1..=4_u32).flat_map(|length| (0..8_usize.pow(length)).map(move |file| (length, file)));
        for (length, file) in all {
            let text: String = (0..length).map(|line| pieces[file / 8_usize.pow(line) % 8]).collect();
            let text = text.as_bytes();
            let whole = found(Frames::of_part(Part { text, line: 1, more: false }));
            for cut in 0..text.len() {
                let mut frames = Frames::of_part(Part { text: &text[..cut], line: 1, more: true });
                let mut parted = found(frames.by_ref());
                let Taken { bytes, line } = frames.taken();
                parted.extend(found(Frames::of_part(Part { text: &text[bytes..], line, more: false })));
                assert_eq!(parted, whole, "{:?} cut at {cut}", String::from_utf8_lossy(text));
            }
        }
    }
}
