//! Reads lists of alerts in the forms in which they are published.
//!
//! A list names its columns in the first line, with commas, semicolons, tabs or white space between them, or it has two
//! columns without names. The content alone decides which, never the name of the file, which is not part of the step's
//! identity.

use crate::chemistry::library::Pattern;
use crate::records::{DelimitedRecords, lines, not_utf8, shortened};
use crate::step::listed;

/// The largest number of occurrences that a list may allow. A search counts at most 1000.
const MAX_ALLOWED: u32 = 999;

/// An alert as a list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedAlert {
    /// The number of its line, from 1.
    pub(super) line: u64,
    /// The line, shortened for messages.
    pub(super) text: String,
    pub(super) name: String,
    pub(super) smarts: String,
    /// How often the pattern may occur in a molecule without an alert.
    pub(super) allowed: u32,
}

/// How to read a list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reading<'a> {
    /// The column with the names; `None` for `name` or else `description`.
    pub(super) name_column: Option<&'a str>,
    /// Whether the name comes first in a list that does not name its columns.
    pub(super) name_first: bool,
}

/// Reads the list `text` of the file called `file`. Returns the alerts, and what is wrong with each of the other lines.
pub(super) fn read(file: &str, text: &[u8], reading: Reading<'_>) -> (Vec<ListedAlert>, Vec<String>) {
    let (mut alerts, mut faults) = (Vec::new(), Vec::new());
    let Some(first) = lines(text).find(|line| !is_skipped(line.text)) else { return (alerts, faults) };
    let columns = match Columns::of(first.text, reading) {
        Ok(columns) => columns,
        Err(what) => return (alerts, vec![fault(file, first.number, &what, first.text)]),
    };
    for Record { line, raw, cells } in columns.records(text) {
        if is_skipped(raw) || (columns.named && line == first.number) {
            continue;
        }
        match cells.and_then(|cells| columns.alert(&cells)) {
            Ok((smarts, name, allowed)) => {
                alerts.push(ListedAlert { line, text: shortened(raw), name, smarts, allowed });
            }
            Err(what) => faults.push(fault(file, line, &what, raw)),
        }
    }
    (alerts, faults)
}

/// Returns the message that a line has a fault, such as `has a pattern but no name`.
fn fault(file: &str, line: u64, what: &str, text: &[u8]) -> String {
    format!("line {line} of `{file}` {what}; the line is `{}`", shortened(text.trim_ascii()))
}

/// Returns whether a line is blank or a comment.
fn is_skipped(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.is_empty() || line.starts_with(b"#")
}

/// A record of a list.
struct Record<'a> {
    line: u64,
    raw: &'a [u8],
    cells: Result<Vec<String>, String>,
}

/// What separates the cells of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    Byte(u8),
    /// White space. The cell that is not the pattern may contain it if there are two cells.
    Space,
}

/// The columns of a list.
struct Columns {
    separator: Separator,
    /// Whether the first line names them.
    named: bool,
    count: usize,
    smarts: usize,
    name: usize,
    allowed: Option<usize>,
}

impl Columns {
    /// Returns the columns of a list with this first line.
    fn of(first: &[u8], reading: Reading<'_>) -> Result<Self, String> {
        let first = text_of(first)?.trim();
        let Some((separator, header)) = header_in(first) else {
            // No pattern begins with a quotation mark.
            let separator = if first.starts_with('"') { Separator::Byte(b',') } else { Separator::Space };
            let (smarts, name) = if reading.name_first { (1, 0) } else { (0, 1) };
            return Ok(Self { separator, named: false, count: 2, smarts, name, allowed: None });
        };
        if header.first().is_some_and(|cell| Pattern::from_smarts(cell).is_ok()) {
            return Err("can be the names of the columns or an alert called `smarts`; rename its first column or the \
                        alert"
                .to_owned());
        }
        let index_of = |name: &str| header.iter().position(|cell| cell.eq_ignore_ascii_case(name));
        let name = match reading.name_column {
            Some(name) => index_of(name),
            None => index_of("name").or_else(|| index_of("description")),
        };
        let Some(name) = name else {
            let there: Vec<&str> = header.iter().map(String::as_str).collect();
            let wanted = reading.name_column.unwrap_or("name");
            let columns = listed(&there);
            return Err(format!("has no column `{wanted}`; `name_column` names the column of the names: {columns}"));
        };
        let smarts = index_of("smarts").unwrap_or_default();
        Ok(Self { separator, named: true, count: header.len(), smarts, name, allowed: index_of("max") })
    }

    /// Returns the records of `text`, including the first line, blank lines and comments.
    fn records<'a>(&'a self, text: &'a [u8]) -> Box<dyn Iterator<Item = Record<'a>> + 'a> {
        match self.separator {
            Separator::Byte(delimiter) => Box::new(DelimitedRecords::new(text, delimiter).map(|record| {
                let cells = record.cells.and_then(|cells| {
                    cells.iter().map(|cell| text_of(cell).map(str::to_owned)).collect::<Result<Vec<_>, _>>()
                });
                Record { line: record.line, raw: record.raw, cells }
            })),
            Separator::Space => Box::new(lines(text).map(|line| {
                let cells = text_of(line.text).map(|text| self.words(text.trim()));
                Record { line: line.number, raw: line.text, cells }
            })),
        }
    }

    /// Splits a line at white space. Of two columns, the one with the names may contain white space.
    fn words(&self, line: &str) -> Vec<String> {
        let split = match (self.count, self.smarts) {
            (2, 0) => line.split_once(char::is_whitespace),
            (2, _) => line.rsplit_once(char::is_whitespace),
            _ => return line.split_whitespace().map(str::to_owned).collect(),
        };
        split.map_or_else(|| vec![line.to_owned()], |(a, b)| vec![a.trim().to_owned(), b.trim().to_owned()])
    }

    /// Returns the pattern in a record, its name, and how often it may occur.
    fn alert(&self, cells: &[String]) -> Result<(String, String, u32), String> {
        let cell = |index: usize| cells.get(index).map_or("", String::as_str);
        if cell(self.smarts).is_empty() {
            return Err("has no pattern".to_owned());
        }
        if cell(self.name).is_empty() {
            return Err("has a pattern but no name".to_owned());
        }
        if cells.len() != self.count {
            return Err(format!("has {} cells; expected {}", cells.len(), self.count));
        }
        if cell(self.name).contains('\0') {
            return Err("has the character U+0000 in its name".to_owned());
        }
        let allowed = self.allowed.map(cell).filter(|cell| !cell.is_empty()).map_or(Ok(0), |cell| {
            let number = cell.parse().ok().filter(|number| *number <= MAX_ALLOWED);
            number.ok_or_else(|| format!("has `{cell}` as `max`; expected a whole number from 0 to {MAX_ALLOWED}"))
        })?;
        Ok((cell(self.smarts).to_owned(), cell(self.name).to_owned(), allowed))
    }
}

/// Returns the names of the columns in the first line of a list and what separates them; `None` if none is `smarts`.
fn header_in(first: &str) -> Option<(Separator, Vec<String>)> {
    let delimited = |delimiter| -> Option<Vec<String>> {
        let cells = DelimitedRecords::new(first.as_bytes(), delimiter).next()?.cells.ok()?;
        cells.iter().map(|cell| std::str::from_utf8(cell).ok().map(str::to_owned)).collect()
    };
    let by_byte = [b',', b';', b'\t'].into_iter().map(|byte| (Separator::Byte(byte), delimited(byte)));
    let by_space = (Separator::Space, Some(first.split_whitespace().map(str::to_owned).collect()));
    by_byte.chain([by_space]).find_map(|(separator, cells)| {
        let cells = cells?;
        let names_patterns = cells.len() > 1 && cells.iter().any(|cell| cell.eq_ignore_ascii_case("smarts"));
        names_patterns.then_some((separator, cells))
    })
}

fn text_of(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| not_utf8(bytes, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns pattern, name and number of allowed occurrences of each alert.
    fn alerts(text: &str, reading: Reading<'_>) -> Vec<(String, String, u32)> {
        let (alerts, faults) = read("a", text.as_bytes(), reading);
        assert_eq!(faults, [""; 0], "{text}");
        alerts.into_iter().map(|alert| (alert.smarts, alert.name, alert.allowed)).collect()
    }

    #[test]
    fn published_forms_are_read() {
        let expected =
            [("C=O".to_owned(), "a carbonyl".to_owned(), 0), ("[C,N]#N".to_owned(), "nitrile".to_owned(), 0)];
        for (text, name_first) in [
            ("# by hand\n\nC=O  a carbonyl \r\n[C,N]#N\tnitrile\n", false),
            ("a carbonyl C=O\nnitrile [C,N]#N\n", true),
            ("name smarts\na carbonyl C=O\nnitrile [C,N]#N\n", false),
            ("SMARTS\tName\nC=O\ta carbonyl\n[C,N]#N\tnitrile\n", false),
            ("# of 2020\nid,description,smarts\n1,a carbonyl,C=O\n2,nitrile,\"[C,N]#N\"\n", false),
            ("id;smarts;name\n1;C=O;a carbonyl\n2;[C,N]#N;nitrile\n", false),
            ("\"C=O\",\"a carbonyl\"\n\"[C,N]#N\",\"nitrile\"\n", false),
            ("\"a carbonyl\",\"C=O\"\n\"nitrile\",\"[C,N]#N\"\n", true),
        ] {
            assert_eq!(alerts(text, Reading { name_first, ..Reading::default() }), expected, "{text}");
        }
        let named = Reading { name_column: Some("id"), ..Reading::default() };
        assert_eq!(alerts("id,smarts,name\n7,C=O,x\n", named)[0].1, "7");
    }

    #[test]
    fn occurrences_are_allowed_by_a_column() {
        let found = alerts("name,smarts,max\na,[#6],40\nb,F,\nc,Cl,0\n", Reading::default());
        assert_eq!(found.into_iter().map(|(_, _, allowed)| allowed).collect::<Vec<_>>(), [40, 0, 0]);
    }

    #[test]
    fn lines_without_an_alert_are_named() {
        for (text, why) in [
            (b"C=O\n".as_slice(), "line 1 of `a` has a pattern but no name"),
            (b"C=O x\xff\n", "not UTF-8"),
            (b"C=O x\0y\n", "U+0000"),
            (b"C=O smarts\n", "line 1 of `a` can be the names of the columns or an alert called `smarts`"),
            (b"id,smarts\n", "line 1 of `a` has no column `name`; `name_column` names"),
            (b"name,smarts\nx\n", "line 2 of `a` has no pattern"),
            (b"name,smarts\nx,C,C\n", "line 2 of `a` has 3 cells; expected 2"),
            (b"name smarts id\nx C\n", "line 2 of `a` has 2 cells; expected 3"),
            (b"name,smarts,max\nx,C,-1\n", "line 2 of `a` has `-1` as `max`; expected a whole number from 0 to 999"),
            (b"name,smarts,max\nx,C,1000\n", "has `1000` as `max`"),
        ] {
            let (_, faults) = read("a", text, Reading::default());
            assert!(faults[0].contains(why), "{faults:?}");
        }
        let (alerts, faults) = read("a", b"C=O x\nN\nO y\nS\n", Reading::default());
        assert_eq!((alerts.len(), faults.len()), (2, 2));
    }
}
