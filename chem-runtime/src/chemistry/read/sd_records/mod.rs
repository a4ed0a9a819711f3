//! Reads SD files: mol blocks with named data fields, and a line `$$$$` after each record.

mod data;
mod framing;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use self::data::{Fields, fields};
pub(in crate::chemistry) use self::data::{Header, begins_a_field, field_header};
use self::framing::{Framed, doubtful_end};
use super::delimited_columns::value;
use super::raw::{Content, RawFile, RawRecord, Spelling};
use crate::artifact::{Column, ColumnType};
use crate::cancel::{self, until_stopped, while_running};
use crate::chemistry::molecules::PROMISED;
use crate::records::{CellText, Line, lines, not_utf8};
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
}

/// Reads the records of `text`. The name of a molecule is the first line of its block, or the data field called `name`.
/// Data fields listed in `numbers` are numbers, which are written like `cells`. The last record of a mol file needs no `$$$$`.
pub(super) fn read<'a>(
    file: &str,
    text: &'a [u8],
    in_mol_file: bool,
    name: Option<&str>,
    numbers: &[String],
    cells: CellText<'_>,
) -> Result<RawFile<'a>, StepError> {
    // Reading may stop early here, because a cancelled step discards the records.
    let framed = framing::records(lines(text).take_while(|_| !cancel::is_requested()));
    cancel::check()?;
    let next = framed.iter().skip(1).map(Some).chain([None]);
    let records = framed.iter().zip(next).map(|(record, next)| sd_record(record, next, in_mol_file));
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
    let wanted =
        numbers.iter().map(|number| ("numbers", number.as_str())).chain(name.map(|name| ("name_column", name)));
    for (parameter, wanted) in wanted {
        if !known.contains(wanted) {
            return Err(StepError::new(format!(
                "no record of `{file}` has the data field `{wanted}`, which `{parameter}` names; its data fields are {}",
                if names.is_empty() { "none".to_owned() } else { listed(&names) }
            )));
        }
    }
    let more = columns(file, &names, name, numbers)?;
    let finished = |record: SdRecord<'a>| RawRecord {
        line: record.line,
        raw: record.title,
        content: record.content.and_then(|content| finish(content, name, &more, cells)),
    };
    let records = until_stopped(records.into_iter().map(finished))?;
    Ok(RawFile { more: more.into_iter().map(|(_, column)| column).collect(), records })
}

/// Returns a column for each data field except the one with the molecules' names.
fn columns<'a>(
    file: &str,
    names: &[&'a str],
    name: Option<&str>,
    numbers: &[String],
) -> Result<Vec<(&'a str, Column)>, StepError> {
    let numbers: HashSet<&str> = numbers.iter().map(String::as_str).collect();
    let mut columns: Vec<(&str, Column)> = Vec::new();
    for field in names.iter().copied().filter(|field| Some(*field) != name) {
        let taken = PROMISED.iter().any(|(promised, _)| *promised == field);
        let column = if taken { format!("file_{field}") } else { field.to_owned() };
        // Searching the names only for the few reserved ones keeps this linear in their number.
        if taken && names.contains(&column.as_str()) {
            return Err(StepError::new(format!("two columns of `{file}` would be called `{column}`; rename one")));
        }
        let number = numbers.contains(field);
        let ty = if number { ColumnType::Float } else { ColumnType::Text };
        columns.push((field, Column::new(&column, ty)));
    }
    Ok(columns)
}

fn finish(
    content: SdContent<'_>,
    name: Option<&str>,
    more: &[(&str, Column)],
    cells: CellText<'_>,
) -> Result<Content, String> {
    let SdContent { title, block, fields } = content;
    let fields: HashMap<&str, &str> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let field = |wanted: &str| fields.get(wanted).copied().unwrap_or_default();
    let name = name.map_or(title, field);
    let more: Vec<Value> =
        while_running(more).map(|(wanted, column)| typed(column, field(wanted), cells)).collect::<Result<_, _>>()?;
    let name = Some(name.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
    Ok(Content { structure: Spelling::MolBlock(block), name, more })
}

/// Parses the value of a field. White space around it is part of a text, but not of a number.
fn typed(column: &Column, text: &str, cells: CellText<'_>) -> Result<Value, String> {
    match value(column, text.trim(), cells.missing, cells.decimal)? {
        Value::Null if !text.is_empty() && text.trim().is_empty() && column.ty == ColumnType::Text => Ok(text.into()),
        Value::String(_) => Ok(text.into()),
        other => Ok(other),
    }
}

/// The record in `framed`, which `next` follows. `in_mol_file` if it may end with its mol block.
fn sd_record<'a>(framed: &Framed<'a>, next: Option<&Framed<'a>>, in_mol_file: bool) -> SdRecord<'a> {
    let Some(first) = framed.lines.first() else {
        let line = framed.ended_on.unwrap_or_default();
        return SdRecord { line, title: b"", content: Err("has nothing in it".to_owned()) };
    };
    let whole = framed.ended_on.is_some() || in_mol_file && framed.block_end == Some(framed.last_filled());
    let content = match doubtful_end(framed, next) {
        Some(line) => Err(format!(
            "has the line {line} within a value, `$$$$`, which ends a record; what follows it is no record"
        )),
        None if whole => content(framed),
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

fn content<'a>(framed: &Framed<'a>) -> Result<SdContent<'a>, String> {
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
    let fields = fields(&lines[end + 1..])?;
    let mut names = HashSet::new();
    if let Some((twice, _)) = fields.iter().find(|(name, _)| !names.insert(*name)) {
        return Err(format!("has data under `{twice}` twice"));
    }
    Ok(SdContent { title, block, fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str =
        "methane\n  x\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\nM  END\n";

    fn read_all(text: &str, name: Option<&str>, numbers: &[&str]) -> (Vec<String>, Vec<Result<Content, String>>) {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let file = read("a.sdf", text.as_bytes(), false, name, &numbers, CellText::default()).unwrap();
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
        assert_eq!(columns("a.sdf", &names, None, &[]).unwrap().len(), names.len());
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        let clash = columns("a.sdf", &["file_record", "record"], None, &[]).unwrap_err();
        assert_eq!(clash.to_string(), "two columns of `a.sdf` would be called `file_record`; rename one");
    }

    #[test]
    fn reading_stops_within_a_record() {
        let data: Vec<String> = (0..30_000).map(|field| format!("> <c{field}>\n1\n\n")).collect();
        let text = record(&data.concat());
        // Besides a check for each line, one after each 4096 lines and, in two passes, fields of the record.
        let checks =
            cancel::checks_during(|| read("a.sdf", text.as_bytes(), false, None, &[], CellText::default()).unwrap());
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
            read("a.sdf", &text, false, None, &[], CellText::default()).unwrap().records.remove(0).content
        };
        let block = of(&BLOCK.replace("  x\n\n", "  \u{e4}\n\u{fc}\n")).unwrap().structure;
        assert_eq!(block, Spelling::MolBlock(BLOCK.replace("  x\n\n", "  ?\n?\n")));
        for harmed in [BLOCK.replace("methane", "\u{e4}"), BLOCK.replace("M  END", "M  CHG  1   1   1\u{e4}\nM  END")] {
            assert!(of(&harmed).is_err_and(|reason| reason.contains("UTF-8")));
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
        let numbers = ["b".to_owned()];
        let error = read("a.sdf", record("> <a>\n1\n\n").as_bytes(), false, None, &numbers, CellText::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("`b`") && error.contains("`a`"), "{error}");
    }
}
