//! Reads SD files: mol blocks with named data fields, and a line `$$$$` after each record.

mod data;
mod framing;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use self::data::{Fields, fields};
pub(in crate::chemistry) use self::data::{Header, begins_a_field, field_header};
use self::framing::{Framed, doubtful_end};
use super::delimited_columns::{ColumnTypes, Declared};
use super::raw::{Content, RawRecord, Spelling, Untyped, UntypedColumn};
use crate::cancel::{self, until_stopped, while_running};
use crate::chemistry::molecules::PROMISED;
use crate::records::{Line, lines, not_utf8};
use crate::step::{StepError, listed};

/// The maximum number of values in an SD file. Records with different field names make the table grow quadratically.
const MAX_VALUES: usize = 100_000_000;

/// A record before the columns of the file are known.
struct SdRecord<'a> {
    line: u64,
    title: &'a [u8],
    content: Result<SdContent<'a>, String>,
}

/// The parsed parts of a record.
struct SdContent<'a> {
    title: &'a str,
    block: String,
    fields: Fields<'a>,
    /// Whether data under one name were merged.
    merged: bool,
}

/// The parameters for the data fields of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct SdFields<'a> {
    /// The data field with the name of a molecule; `None` for the first line of its block.
    pub(super) name: Option<&'a str>,
    pub(super) types: ColumnTypes<'a>,
    /// The texts that represent a missing value, besides the empty text.
    pub(super) missing: &'a [String],
    pub(super) duplicates: Duplicates,
}

/// What happens to data that a record has under one name several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Duplicates {
    /// The record is refused.
    #[default]
    Reject,
    First,
    Last,
    /// The values are joined with line feeds.
    Join,
}

impl Duplicates {
    /// Returns what the parameter `duplicate_data` says.
    pub(super) fn of(name: Option<&str>) -> Self {
        match name {
            Some("first") => Self::First,
            Some("last") => Self::Last,
            Some("join") => Self::Join,
            _ => Self::Reject,
        }
    }

    /// Returns the fields with each name once, in the order of their first appearance, and whether any was a duplicate.
    ///
    /// # Errors
    /// Returns the reason for refusing a duplicate.
    fn resolve(self, fields: Fields<'_>) -> Result<(Fields<'_>, bool), String> {
        let count = fields.len();
        let (mut once, mut at): (Fields<'_>, HashMap<&str, usize>) = (Vec::with_capacity(count), HashMap::new());
        for (name, value) in while_running(fields) {
            match at.get(name) {
                None => {
                    at.insert(name, once.len());
                    once.push((name, value));
                }
                Some(_) if self == Self::Reject => {
                    return Err(format!(
                        "has data under `{name}` twice; `duplicate_data: last`, `first` or `join` accepts that"
                    ));
                }
                Some(known) => {
                    let before = &mut once[*known].1;
                    match self {
                        Self::Last => *before = value,
                        Self::Join => *before = format!("{before}\n{value}"),
                        Self::First | Self::Reject => {}
                    }
                }
            }
        }
        let merged = once.len() < count;
        Ok((once, merged))
    }
}

/// Reads the records of `text`. The last record of a mol file needs no `$$$$`.
pub(super) fn read<'a>(
    file: &str,
    text: &'a [u8],
    in_mol_file: bool,
    params: SdFields<'_>,
) -> Result<Untyped<'a>, StepError> {
    // Reading may stop early here, because a cancelled step discards the records.
    let framed = framing::records(lines(text).take_while(|_| !cancel::is_requested()));
    cancel::check()?;
    let next = framed.iter().skip(1).map(Some).chain([None]);
    let records = framed.iter().zip(next).map(|(record, next)| sd_record(record, next, in_mol_file, params.duplicates));
    let records: Vec<SdRecord<'_>> = until_stopped(records)?;
    let mut names: Vec<&str> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    let contents = records.iter().filter_map(|record| record.content.as_ref().ok());
    for (field, _) in while_running(contents.flat_map(|content| &content.fields)) {
        if known.insert(field) {
            names.push(field);
        }
    }
    cancel::check()?;
    if names.len().saturating_mul(records.len()) > MAX_VALUES {
        let (count, records) = (names.len(), records.len());
        return Err(StepError::new(format!(
            "`{file}` has {count} data fields in {records} records; at most {MAX_VALUES} values are allowed"
        )));
    }
    let find = |param: &'static str, wanted: &str| match known.get(wanted) {
        Some(field) => Ok(*field),
        None => Err(StepError::new(format!(
            "no record of `{file}` has the data field `{wanted}`, which `{param}` names; its data fields are {}",
            if names.is_empty() { "none".to_owned() } else { listed(&names) }
        ))),
    };
    let declared = Declared::find(params.types, find)?;
    let name = params.name.map(|name| find("name_column", name)).transpose()?;
    let more = columns(file, &names, name, &declared)?;
    let finished = |record: SdRecord<'a>| RawRecord {
        line: record.line,
        raw: record.title.into(),
        content: record.content.map(|content| finish(content, name, &more, params.missing)),
    };
    let records = until_stopped(records.into_iter().map(finished))?;
    Ok(Untyped { more: more.into_iter().map(|(_, column)| column).collect(), records, found: declared.found })
}

/// Returns a column for each data field except the one with the molecules' names.
fn columns<'a>(
    file: &str,
    names: &[&'a str],
    name: Option<&str>,
    declared: &Declared<&'a str>,
) -> Result<Vec<(&'a str, UntypedColumn)>, StepError> {
    let mut columns: Vec<(&str, UntypedColumn)> = Vec::new();
    for field in names.iter().copied().filter(|field| Some(*field) != name) {
        let taken = PROMISED.iter().any(|(promised, _)| *promised == field);
        let column = if taken { format!("file_{field}") } else { field.to_owned() };
        // Searching the names only for the few reserved ones keeps this linear in their number.
        if taken && names.contains(&column.as_str()) {
            return Err(StepError::new(format!("two columns of `{file}` would be called `{column}`; rename one")));
        }
        columns.push((field, declared.column(&field, column)));
    }
    Ok(columns)
}

fn finish(content: SdContent<'_>, name: Option<&str>, more: &[(&str, UntypedColumn)], missing: &[String]) -> Content {
    let SdContent { title, block, fields, merged } = content;
    let fields: HashMap<&str, &str> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let field = |wanted: &str| fields.get(wanted).copied().unwrap_or_default();
    let name = name.map_or(title, field);
    let more = while_running(more).map(|(wanted, _)| value(field(wanted), missing)).collect();
    let name = Some(name.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
    Content { structure: Spelling::MolBlock(block), name, more, merged }
}

/// Returns the value of a field with the white space around it, which is part of a text, but not of a number.
fn value(text: &str, missing: &[String]) -> Value {
    let is_missing = text.is_empty() || missing.iter().any(|missing| missing == text.trim());
    if is_missing { Value::Null } else { text.into() }
}

/// The record in `framed`, which `next` follows. `in_mol_file` if it may end with its mol block.
fn sd_record<'a>(
    framed: &Framed<'a>,
    next: Option<&Framed<'a>>,
    in_mol_file: bool,
    duplicates: Duplicates,
) -> SdRecord<'a> {
    let Some(first) = framed.lines.first() else {
        let line = framed.ended_on.unwrap_or_default();
        return SdRecord { line, title: b"", content: Err("has nothing in it".to_owned()) };
    };
    let whole = framed.ended_on.is_some() || in_mol_file && framed.block_end == Some(framed.last_filled());
    let content = match doubtful_end(framed, next) {
        Some(line) => Err(format!(
            "has the line {line} within a value, `$$$$`, which ends a record; what follows it is no record"
        )),
        None if whole => content(framed, duplicates),
        None => Err(cut_off(framed)),
    };
    SdRecord { line: first.number, title: first.text.trim_ascii(), content }
}

fn cut_off(framed: &Framed<'_>) -> String {
    let before = match framed.block_end {
        Some(_) => "the `$$$$` that ends the record",
        None => "the `M  END` of its mol block",
    };
    format!("is cut off: the file ends before {before}")
}

fn content<'a>(framed: &Framed<'a>, duplicates: Duplicates) -> Result<SdContent<'a>, String> {
    let lines = &framed.lines;
    let text = |line: &Line<'a>| std::str::from_utf8(line.text).map_err(|_| not_utf8(line.text, None));
    if lines.iter().any(|line| line.text.contains(&0)) {
        return Err("has the character U+0000, which cannot be stored".to_owned());
    }
    let end = framed.block_end.ok_or("has no `M  END` at the end of its mol block")?;
    let title = text(&lines[0])?;
    let mut block = String::new();
    for (at, line) in lines[..=end].iter().enumerate() {
        match text(line) {
            Ok(line) => block.push_str(line),
            // The lines of the program and the comment may be in another encoding, which does not affect the structure.
            Err(_) if matches!(at, 1 | 2) => {
                block.extend(line.text.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }));
            }
            Err(reason) => return Err(reason),
        }
        block.push('\n');
    }
    let (fields, merged) = duplicates.resolve(fields(&lines[end + 1..])?)?;
    Ok(SdContent { title, block, fields, merged })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Decimal, Notation};

    const PLAIN: SdFields<'static> =
        SdFields { name: None, types: ColumnTypes::NONE, missing: &[], duplicates: Duplicates::Reject };

    const BLOCK: &str =
        "methane\n  x\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\nM  END\n";

    fn read_all(text: &str, name: Option<&str>, numbers: &[&str]) -> (Vec<String>, Vec<Result<Content, String>>) {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let types = ColumnTypes { numbers: &numbers, ..ColumnTypes::NONE };
        let file = read("a.sdf", text.as_bytes(), false, SdFields { name, types, ..PLAIN }).unwrap();
        let notation = Notation { spelled: Some(Decimal::Point), padded: true };
        let file = file.typed("a.sdf", notation).unwrap();
        let columns = file.more.iter().map(|column| column.name.to_string()).collect();
        (columns, file.records.into_iter().map(|record| record.content).collect())
    }

    fn record(data: &str) -> String {
        format!("{BLOCK}{data}$$$$\n")
    }

    #[test]
    fn the_time_for_columns_is_linear() {
        let names: Vec<String> = (0..100_000).map(|number| format!("field {number:06}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let begun = std::time::Instant::now();
        let none = Declared::find(ColumnTypes::NONE, |_, name| Ok(name)).unwrap();
        assert_eq!(columns("a.sdf", &names, None, &none).unwrap().len(), names.len());
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        let clash = columns("a.sdf", &["file_record", "record"], None, &none).unwrap_err();
        assert_eq!(clash.to_string(), "two columns of `a.sdf` would be called `file_record`; rename one");
    }

    #[test]
    fn reading_stops_within_a_record() {
        let data: Vec<String> = (0..30_000).map(|field| format!("> <c{field}>\n1\n\n")).collect();
        let text = record(&data.concat());
        // Besides a check for each line, one after each 4096 lines and, in two passes, fields of the record.
        let checks = cancel::checks_during(|| read("a.sdf", text.as_bytes(), false, PLAIN).unwrap());
        assert!(checks > 3 * 30_000 + (3 + 2) * 7, "{checks}");
    }

    #[test]
    fn data_become_columns_in_the_order_in_which_their_names_appear() {
        let text = record("> <ic50>  (1)\n5.5\n\n>  <note> x\ntwo\nlines\n\n") + &record("> <name>\nmarsh gas\n\n");
        let (columns, records) = read_all(&text, None, &["ic50"]);
        assert_eq!(columns, ["ic50", "note", "file_name"]);
        let [one, two] = records.try_into().map(|all: [_; 2]| all.map(Result::unwrap)).unwrap();
        assert_eq!(
            (one.name.as_deref(), one.more),
            (Some("methane"), vec![5.5.into(), "two\nlines".into(), Value::Null])
        );
        assert_eq!(two.more, [Value::Null, Value::Null, "marsh gas".into()]);
        let (columns, records) = read_all(&text, Some("name"), &[]);
        assert_eq!(columns, ["ic50", "note"]);
        assert_eq!(records[1].as_ref().unwrap().name.as_deref(), Some("marsh gas"));
        assert_eq!(records[0].as_ref().unwrap().name, None);
    }

    #[test]
    fn fields_have_the_type_of_their_values_and_text_keeps_its_white_space() {
        let data = |n: &str, id: &str| record(&format!("> <n>\n{n}\n\n> <id>\n{id}\n\n"));
        let text = data(" 5 ", " 007") + &data(" ", "8\n9") + &data("", " ") + &record("");
        let (_, records) = read_all(&text, None, &[]);
        let values: Vec<Vec<Value>> = records.into_iter().map(|record| record.unwrap().more).collect();
        assert_eq!(values[0], [5.into(), Value::from(" 007")]);
        assert_eq!(values[1], [Value::Null, "8\n9".into()]);
        assert_eq!(values[2], [Value::Null, " ".into()]);
        assert_eq!(values[3], [Value::Null, Value::Null]);
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_has_no_half_record() {
        let text = record("> <a>\n1\n\n") + &record("> <a>\n2\n\n");
        let one = record("> <a>\n1\n\n").len();
        for end in one + 1..text.len() - 2 {
            let (_, records) = read_all(&text[..end], None, &[]);
            assert!(records[0].is_ok());
            match records.get(1) {
                None => assert!(text[one..end].trim().is_empty()),
                Some(second) => {
                    assert!(second.as_ref().is_err_and(|reason| reason.contains("cut off")), "{end}: {second:?}")
                }
            }
        }
        assert_eq!(read_all(&text, None, &[]).1.len(), 2);
        assert_eq!(read_all(&(text + "\n \n"), None, &[]).1.len(), 2);
    }

    #[test]
    fn another_encoding_is_accepted_in_the_comment_lines() {
        let of = |block: &str| {
            let text: Vec<u8> = block.chars().map(|symbol| symbol as u8).chain(*b"\n$$$$\n").collect();
            read("a.sdf", &text, false, PLAIN).unwrap().records.remove(0).content
        };
        let block = of(&BLOCK.replace("  x\n\n", "  \u{e4}\n\u{fc}\n")).unwrap().structure;
        assert_eq!(block, Spelling::MolBlock(BLOCK.replace("  x\n\n", "  ?\n?\n")));
        for harmed in [BLOCK.replace("methane", "\u{e4}"), BLOCK.replace("M  END", "M  CHG  1   1   1\u{e4}\nM  END")] {
            assert!(of(&harmed).is_err_and(|reason| reason.contains("UTF-8")));
        }
    }

    #[test]
    fn data_under_one_name_are_merged_on_request() {
        let text = record("> <a>\n1\n\n> <b>\nx\n\n> <a>\n2\n\n") + &record("> <a>\n3\n\n");
        for (duplicates, value) in [(Duplicates::First, "1"), (Duplicates::Last, "2"), (Duplicates::Join, "1\n2")] {
            let file = read("a.sdf", text.as_bytes(), false, SdFields { duplicates, ..PLAIN }).unwrap();
            let records: Vec<Content> = file.records.into_iter().map(|record| record.content.unwrap()).collect();
            assert_eq!(records[0].more, [value, "x"].map(Value::from), "{duplicates:?}");
            assert_eq!(records.iter().map(|content| content.merged).collect::<Vec<_>>(), [true, false]);
        }
    }

    #[test]
    fn unusable_records_are_refused_with_a_reason() {
        for (text, why) in [
            ("$$$$\nx\n$$$$\n".to_owned(), "M  END"),
            (record("") + "$$$$\n", "nothing"),
            (record("<a>\n1\n\n"), "header"),
            (record("> <>\n1\n\n"), "header"),
            (record("> <a>\n1\n\n> <a>\n2\n\n"), "twice"),
            (record("> <a>\n\0\n\n"), "U+0000"),
        ] {
            let (_, records) = read_all(&text, None, &[]);
            assert!(records.last().unwrap().as_ref().is_err_and(|reason| reason.contains(why)), "{records:?}");
        }
        let qualified = ["b".to_owned()];
        let types = ColumnTypes { qualified: &qualified, ..ColumnTypes::NONE };
        let text = record("> <a>\n1\n\n");
        let error = read("a.sdf", text.as_bytes(), false, SdFields { types, ..PLAIN }).unwrap_err().to_string();
        assert!(error.contains("`b`") && error.contains("`a`"), "{error}");
    }
}
