//! Splits delimited text into records and cells, by RFC 4180.
//!
//! A cell that begins with a quotation mark extends to the next single quotation mark, across line ends. If there is none,
//! or if text follows it, the first mark was probably not meant to open a quoted cell. Then only the line on which the
//! record begins is refused, so that a stray mark does not affect other lines.

use csv::ByteRecord;

use super::lines::line_end;
use super::parts::{Part, Taken};
use crate::cancel;

/// The number of bytes of a cell that are read between two checks whether the step is asked to stop.
const PIECE: usize = 1 << 20;

/// Iterates over the records of a text. Each line belongs to exactly one record.
#[derive(Clone)]
pub(crate) struct Records<'a> {
    text: &'a [u8],
    /// Whether more text follows, which the last record in `text` may need.
    more: bool,
    delimiter: u8,
    at: Position,
    /// The position at which the last record begins before.
    end: usize,
    broken: Option<Broken>,
}

/// A record and its location.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RawRecord<'a> {
    /// The number of its first line, from 1.
    pub(crate) line: u64,
    /// The text, without trailing white space.
    pub(crate) raw: &'a [u8],
    /// The cells without surrounding white space, or what is wrong with the quotation marks.
    pub(crate) cells: Result<ByteRecord, String>,
}

/// A byte offset in the text, and its line number.
#[derive(Clone, Copy)]
struct Position {
    byte: usize,
    line: u64,
}

/// A quoted cell with a malformed end. Every quoted cell that begins on an earlier line and extends to here fails here too.
/// Remembering this avoids quadratic time for many stray marks.
#[derive(Clone)]
struct Broken {
    at: Position,
    wrong: Wrong,
}

#[derive(Clone, Copy)]
enum Wrong {
    NeverClosed,
    TextBehind,
}

impl<'a> Records<'a> {
    /// Reads `text`, whose cells are separated by `delimiter`.
    pub(crate) fn new(text: &'a [u8], delimiter: u8) -> Self {
        Self { text, more: false, delimiter, at: Position { byte: 0, line: 1 }, end: text.len(), broken: None }
    }

    /// Reads a part of a text, up to the last record that surely ends in it.
    pub(super) fn of_part(part: &Part<'a>, delimiter: u8) -> Self {
        let at = Position { byte: 0, line: part.line };
        Self { text: part.text, more: part.more, delimiter, at, end: part.text.len(), broken: None }
    }

    /// Returns how much of a part was read.
    pub(super) fn taken(&self) -> Taken {
        Taken { bytes: self.at.byte, line: self.at.line }
    }

    /// Cuts the text from here on into at most `count` blocks of about `length` bytes. A block has the records that begin in
    /// it, provided that the blocks before it end where it begins: see [`continues_with`](Self::continues_with).
    pub(super) fn blocks(&self, length: usize, count: usize) -> Vec<Self> {
        let (mut blocks, mut at) = (Vec::new(), self.at);
        while blocks.len() < count && at.byte < self.text.len() {
            let wanted = at.byte.saturating_add(length.max(1)).min(self.text.len());
            let rest = &self.text[wanted - 1..];
            let end = rest.iter().position(|byte| *byte == b'\n').map_or(self.text.len(), |newline| wanted + newline);
            blocks.push(Self { at, end, ..self.clone() });
            at = Position { byte: end, line: at.line + line_ends(&self.text[at.byte..end]) };
        }
        blocks
    }

    /// Moves to where `block` ended after its records were read, if it began here. If it did not, because a quoted cell of
    /// the block before extends into it, returns `false`.
    pub(super) fn continues_with(&mut self, began: Taken, block: &Self) -> bool {
        let continues = self.at.byte == began.bytes;
        if continues {
            (self.at, self.broken) = (block.at, block.broken.clone());
        }
        continues
    }

    /// Returns whether a quoted cell extends to the end of the text.
    fn never_closed(&self) -> bool {
        self.broken.as_ref().is_some_and(|broken| broken.at.byte == self.text.len())
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at.byte..]
    }

    /// Reads the record at the current position and moves past it; if its quotation marks are malformed, past its line.
    fn record(&mut self, record: &mut ByteRecord) -> Result<(), String> {
        let start = self.at;
        record.clear();
        loop {
            if self.rest().starts_with(b"\"") {
                match self.quoted() {
                    Ok(cell) => record.push_field(cell.trim_ascii()),
                    Err(broken) => {
                        let reason = broken.reason(start.line);
                        self.at = start;
                        if self.broken.as_ref().is_none_or(|known| known.at.byte < broken.at.byte) {
                            self.broken = Some(broken);
                        }
                        self.unquoted(|byte| matches!(byte, b'\n' | b'\r'));
                        self.end_line();
                        return Err(reason);
                    }
                }
            } else {
                let delimiter = self.delimiter;
                let cell = self.unquoted(|byte| byte == delimiter || matches!(byte, b'\n' | b'\r'));
                record.push_field(cell.trim_ascii());
            }
            if self.rest().first() != Some(&self.delimiter) {
                self.end_line();
                return Ok(());
            }
            if cancel::check_cell(record.len()).is_err() {
                self.at.byte = self.text.len();
                return Err("was not read to its end, because the step was asked to stop".to_owned());
            }
            self.at.byte += 1;
        }
    }

    /// Reads up to the first byte that `ends` the cell.
    fn unquoted(&mut self, ends: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let cell = &rest[..rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len())];
        self.at.byte += cell.len();
        cell
    }

    /// Reads the quoted cell at the current position, and returns its content.
    fn quoted(&mut self) -> Result<Vec<u8>, Broken> {
        let mut cell = Vec::new();
        self.at.byte += 1;
        loop {
            match self.rest() {
                [] => return Err(Broken { at: self.at, wrong: Wrong::NeverClosed }),
                [b'"', b'"', ..] => {
                    cell.push(b'"');
                    self.at.byte += 2;
                }
                [b'"', after @ ..] => {
                    let closed = self.at;
                    let blank = |byte: &u8| *byte != self.delimiter && matches!(byte, b' ' | b'\t');
                    let blanks = after.iter().take_while(|byte| blank(byte)).count();
                    self.at.byte += 1 + blanks;
                    return match after.get(blanks) {
                        Some(next) if *next != self.delimiter && !matches!(next, b'\n' | b'\r') => {
                            Err(Broken { at: closed, wrong: Wrong::TextBehind })
                        }
                        _ => Ok(cell),
                    };
                }
                rest => match line_end(rest) {
                    0 => {
                        let special = |byte: &u8| matches!(byte, b'"' | b'\n' | b'\r');
                        let piece = &rest[..rest.len().min(PIECE)];
                        let run = &piece[..piece.iter().position(special).unwrap_or(piece.len())];
                        cell.extend_from_slice(run);
                        self.at.byte += run.len();
                        if run.len() == PIECE && cancel::is_requested() {
                            return Err(Broken { at: self.at, wrong: Wrong::NeverClosed });
                        }
                    }
                    length => {
                        cell.extend_from_slice(&rest[..length]);
                        self.end_line();
                        if cancel::is_requested() {
                            return Err(Broken { at: self.at, wrong: Wrong::NeverClosed });
                        }
                        if let Some(broken) = self.broken.as_ref().filter(|broken| self.at.byte <= broken.at.byte) {
                            return Err(broken.clone());
                        }
                    }
                },
            }
        }
    }

    /// Moves from the end of a line to the next line.
    fn end_line(&mut self) {
        let length = line_end(self.rest());
        if length > 0 {
            self.at.byte += length;
            self.at.line += 1;
        }
    }

    /// Reads the next record, its cells into `cells`. Returns the number of its first line and its text, and what is wrong
    /// with its quotation marks.
    pub(super) fn read(&mut self, cells: &mut ByteRecord) -> Option<(u64, &'a [u8], Result<(), String>)> {
        while self.at.byte < self.end {
            let start = self.at;
            let read = self.record(cells);
            if self.more && (self.rest().is_empty() || self.never_closed()) {
                self.at = start;
                return None;
            }
            let raw = self.text[start.byte..self.at.byte].trim_ascii_end();
            if !raw.is_empty() {
                return Some((start.line, raw, read));
            }
        }
        None
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = RawRecord<'a>;

    fn next(&mut self) -> Option<RawRecord<'a>> {
        let mut cells = ByteRecord::new();
        let (line, raw, read) = self.read(&mut cells)?;
        Some(RawRecord { line, raw, cells: read.map(|()| cells) })
    }
}

/// Returns the number of line ends in `text`, which does not end within one.
fn line_ends(text: &[u8]) -> u64 {
    let count = |wanted: u8| text.iter().filter(|byte| **byte == wanted).count() as u64;
    let pairs = if text.contains(&b'\r') { text.windows(2).filter(|pair| *pair == b"\r\n").count() as u64 } else { 0 };
    count(b'\n') + count(b'\r') - pairs
}

impl Broken {
    /// Returns the reason for refusing a record that begins on line `line` and reaches this cell.
    fn reason(&self, line: u64) -> String {
        match self.wrong {
            Wrong::NeverClosed => "has a quotation mark at the beginning of a cell that is never closed".to_owned(),
            Wrong::TextBehind if self.at.line == line => {
                "has text behind the quotation mark that closes a cell; one inside a quoted cell is written twice"
                    .to_owned()
            }
            Wrong::TextBehind => format!(
                "has a quotation mark at the beginning of a cell, and text behind the one that would close it on line {}",
                self.at.line
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::all_texts::all_texts;
    use super::super::lines::lines;
    use super::super::write_delimited;
    use super::*;
    use crate::artifact::{Column, ColumnType, Table, Values};

    fn cells(record: &ByteRecord) -> Vec<String> {
        record.iter().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect()
    }

    /// The line of each record of `text`, with its cells or why it has none.
    fn read(text: &str) -> Vec<(u64, Result<Vec<String>, String>)> {
        Records::new(text.as_bytes(), b',').map(|found| (found.line, found.cells.map(|found| cells(&found)))).collect()
    }

    fn good(line: u64, of: &[&str]) -> (u64, Result<Vec<String>, String>) {
        (line, Ok(of.iter().map(|cell| (*cell).to_owned()).collect()))
    }

    #[test]
    fn every_line_is_in_exactly_one_record() {
        for text in all_texts("a,\" \n\r", 6) {
            let filled: Vec<u64> = lines(text.as_bytes())
                .filter(|line| !line.text.trim_ascii().is_empty())
                .map(|line| line.number)
                .collect();
            let mut covered = Vec::new();
            for RawRecord { line, raw, cells } in Records::new(text.as_bytes(), b',') {
                let within = lines(raw).filter(|line| !line.text.trim_ascii().is_empty());
                let within: Vec<u64> = within.map(|inner| line + inner.number - 1).collect();
                assert!(cells.is_ok() || within == [line], "{text:?}");
                covered.extend(within);
            }
            assert_eq!(covered, filled, "{text:?}");
        }
    }

    #[test]
    fn remembering_a_broken_cell_changes_no_result() {
        for text in all_texts("a,\"\n", 7) {
            let mut records = Records::new(text.as_bytes(), b',');
            loop {
                let mut afresh = Records::new(text.as_bytes(), b',');
                afresh.at = records.at;
                let found = records.next();
                assert_eq!(found, afresh.next(), "{text:?}");
                if found.is_none() {
                    break;
                }
            }
        }
    }

    #[test]
    fn written_rows_read_back() {
        let all: Vec<String> = all_texts("a,\" \n\r", 3).into_iter().filter(|text| text.trim_ascii() == text).collect();
        let column = |name, values: Vec<&String>| (Column::new(name, ColumnType::Text), Values::texts(values));
        let table = Table::new([column("a", all.iter().collect()), column("b", all.iter().rev().collect())]).unwrap();
        let mut text = Vec::new();
        write_delimited(&table, &[0, 1], b',', &mut text).unwrap();
        let found: Vec<_> = Records::new(&text, b',').skip(1).map(|found| cells(&found.cells.unwrap())).collect();
        let expected: Vec<_> = all.iter().zip(all.iter().rev()).map(|(a, b)| vec![a.clone(), b.clone()]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_stray_mark_affects_only_its_line() {
        let found = read("CCO,\"a,1\nCCN,b,2\nCCC,\"c,3\nCCCl,d,4\n");
        assert_eq!((&found[1], &found[3]), (&good(2, &["CCN", "b", "2"]), &good(4, &["CCCl", "d", "4"])));
        let reasons = [&found[0], &found[2]].map(|(line, cells)| (*line, cells.clone().unwrap_err()));
        assert!(reasons[0].0 == 1 && reasons[0].1.contains("would close it on line 3"), "{reasons:?}");
        assert!(reasons[1].0 == 3 && reasons[1].1.contains("never closed"), "{reasons:?}");
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn marks_inside_unquoted_cells_are_text_and_blanks_may_follow_a_quoted_cell() {
        assert_eq!(read("5\" pipe,a\"b\"\n"), [good(1, &["5\" pipe", "a\"b\""])]);
        assert_eq!(read("\" a \" ,\"b\"\t\r\nc,d"), [good(1, &["a", "b"]), good(2, &["c", "d"])]);
        assert_eq!(read("\"a\"\"\n\"\"b\",c\n"), [good(1, &["a\"\n\"b", "c"])]);
        let reason = read("\"a\"b,c\nd,e\n");
        assert!(reason[0].1.as_ref().is_err_and(|reason| reason.contains("text behind")), "{reason:?}");
        assert_eq!(reason[1], good(2, &["d", "e"]));
        let tab: Vec<_> = Records::new(b"\"a\"\t\"b\"", b'\t').map(|found| cells(&found.cells.unwrap())).collect();
        assert_eq!(tab, [["a", "b"]]);
    }

    #[test]
    fn many_stray_marks_do_not_take_quadratic_time() {
        // Every second line opens a cell that the next such line closes; the line between the two is malformed by itself.
        let mut text = String::new();
        for line in 0..100_000 {
            writeln!(text, "{line}\",\"\n\"\"z").unwrap();
        }
        let found = Records::new(text.as_bytes(), b',').filter(|found| found.cells.is_err()).count();
        assert_eq!(found, 200_000);
    }
}
