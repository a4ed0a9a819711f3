//! Reads SD files: mol blocks with named data fields, and a line `$$$$` after each record.

mod data;
mod framing;

use std::collections::HashMap;

use serde_json::Value;

use self::data::{Fields, fields};
pub(in crate::chemistry) use self::data::{Header, begins_a_field, field_header};
use self::framing::{Framed, Frames};
use super::delimited_columns::{ColumnTypes, Declared};
use super::raw::{Content, Found, RawRecord, Source, Spelling, UntypedColumn};
use crate::cancel::{self, while_running};
use crate::chemistry::molecules::PROMISED;
use crate::records::{Batches, Inference, Line, Notation, not_utf8};
use crate::step::{StepError, listed};

/// The maximum number of values in an SD file. Records with different field names make the table grow quadratically.
const MAX_VALUES: u64 = 100_000_000;

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

/// The parameters for an SD file.
#[derive(Debug, Clone, Copy)]
pub(super) struct SdFields<'a> {
    /// Whether the last record needs no `$$$$`, as in a mol file.
    pub(super) in_mol_file: bool,
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

/// Calls `each` with the first line and the text of each record, without the `$$$$` that ends it.
///
/// # Errors
/// Fails like `each`, or if the text cannot be read.
pub(super) fn each_text(
    source: Source<'_>,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), StepError>,
) -> Result<(), StepError> {
    source.text.in_parts(source.name, |part| {
        let mut frames = Frames::of_part(part);
        for record in frames.by_ref() {
            each(record.line, record.text.strip_suffix(b"\n").unwrap_or(record.text))?;
        }
        Ok(frames.taken())
    })
}

/// What a first pass over a file finds out about its data fields.
#[derive(Default)]
struct FoundFields {
    /// The names, in the order of their first appearance, and what their values are.
    names: Vec<(String, Inference)>,
    indices: HashMap<String, usize>,
    records: u64,
}

impl FoundFields {
    fn add(&mut self, name: &str, kind: Inference) {
        match self.indices.get(name) {
            Some(index) => self.names[*index].1.add_all(kind),
            None => {
                self.indices.insert(name.to_owned(), self.names.len());
                self.names.push((name.to_owned(), kind));
            }
        }
    }

    fn add_record(&mut self, record: SdRecord<'_>, params: SdFields<'_>, notation: Notation) {
        self.records += 1;
        // A record that cannot be used has no fields.
        for (name, text) in while_running(record.content.into_iter().flat_map(|content| content.fields)) {
            let mut kind = Inference::default();
            kind.add(&value(&text, params.missing), notation);
            self.add(name, kind);
        }
    }

    /// # Errors
    /// Fails if the table would have too many values.
    fn append(&mut self, file: &str, more: Self) -> Result<(), StepError> {
        self.records += more.records;
        for (name, kind) in while_running(more.names) {
            self.add(&name, kind);
        }
        let (count, records) = (self.names.len(), self.records);
        if (count as u64).saturating_mul(records) > MAX_VALUES {
            return Err(StepError::new(format!(
                "`{file}` has {count} data fields in {records} records; at most {MAX_VALUES} values are allowed"
            )));
        }
        Ok(())
    }
}

/// Finds out the columns of a file.
///
/// # Errors
/// Fails if the file cannot be read, has too many values, or lacks a data field that a parameter names.
pub(super) fn survey(source: Source<'_>, params: SdFields<'_>, notation: Notation) -> Result<Found, StepError> {
    let Source { name: file, .. } = source;
    let mut found = FoundFields::default();
    let work = |_: u64, records: &mut dyn Iterator<Item = SdRecord<'_>>| {
        let mut found = FoundFields::default();
        for record in records {
            found.add_record(record, params, notation);
            cancel::check()?;
        }
        Ok(found)
    };
    each_record_batch(source, params, &mut Batches::default(), work, |more| found.append(file, more))?;
    let FoundFields { names, indices, records } = found;
    let find = |param: &'static str, wanted: &str| match indices.get(wanted) {
        Some(index) => Ok(names[*index].0.as_str()),
        None => Err(StepError::new(format!(
            "no record of `{file}` has the data field `{wanted}`, which `{param}` names; its data fields are {}",
            if names.is_empty() {
                "none".to_owned()
            } else {
                listed(&names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>())
            }
        ))),
    };
    let declared = Declared::find(params.types, find)?;
    let name = params.name.map(|name| find("name_column", name)).transpose()?;
    let more = columns(file, &names, name, &declared)?;
    let (fields, more) = more.into_iter().map(|(field, column)| (field.to_owned(), column)).unzip();
    Ok(Found { more, fields, named: declared.found, records })
}

/// Calls `work` with batches of the records of a file whose data `fields` become columns, and `take` with the results in order.
pub(super) fn each_batch<T: Send>(
    source: Source<'_>,
    fields: &[String],
    params: SdFields<'_>,
    batches: &mut Batches,
    work: impl Fn(u64, &mut dyn Iterator<Item = RawRecord<'_>>) -> Result<T, StepError> + Sync,
    take: impl FnMut(T) -> Result<(), StepError>,
) -> Result<(), StepError> {
    let work = |first: u64, records: &mut dyn Iterator<Item = SdRecord<'_>>| {
        work(
            first,
            &mut records.map(|SdRecord { line, title, content }| {
                let content = content.map(|content| finish(content, params.name, fields, params.missing));
                RawRecord { line, raw: title.into(), content }
            }),
        )
    };
    each_record_batch(source, params, batches, work, take)
}

fn each_record_batch<T: Send>(
    source: Source<'_>,
    params: SdFields<'_>,
    batches: &mut Batches,
    work: impl Fn(u64, &mut dyn Iterator<Item = SdRecord<'_>>) -> Result<T, StepError> + Sync,
    mut take: impl FnMut(T) -> Result<(), StepError>,
) -> Result<(), StepError> {
    source.text.in_parts(source.name, |part| {
        let mut frames = Frames::of_part(part);
        let work =
            |first, framed: Vec<Framed<'_>>| work(first, &mut framed.iter().map(|framed| sd_record(framed, params)));
        batches.each(frames.by_ref(), work, &mut take)?;
        Ok(frames.taken())
    })
}

/// Returns a column for each data field except the one with the molecules' names.
fn columns<'a>(
    file: &str,
    names: &'a [(String, Inference)],
    name: Option<&str>,
    declared: &Declared<&'a str>,
) -> Result<Vec<(&'a str, UntypedColumn)>, StepError> {
    let mut columns: Vec<(&str, UntypedColumn)> = Vec::new();
    for (field, kind) in names.iter().map(|(field, kind)| (field.as_str(), *kind)) {
        if Some(field) == name {
            continue;
        }
        let taken = PROMISED.iter().any(|(promised, _)| *promised == field);
        let column = if taken { format!("file_{field}") } else { field.to_owned() };
        // Searching the names only for the few reserved ones keeps this linear in their number.
        if taken && names.iter().any(|(other, _)| *other == column) {
            return Err(StepError::new(format!("two columns of `{file}` would be called `{column}`; rename one")));
        }
        columns.push((field, UntypedColumn { kind, ..declared.column(&field, column) }));
    }
    Ok(columns)
}

fn finish(content: SdContent<'_>, name: Option<&str>, columns: &[String], missing: &[String]) -> Content {
    let SdContent { title, block, fields, merged } = content;
    let fields: HashMap<&str, &str> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let field = |wanted: &str| fields.get(wanted).copied().unwrap_or_default();
    let name = name.map_or(title, field);
    let more = while_running(columns).map(|wanted| value(field(wanted), missing)).collect();
    let name = Some(name.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
    Content { structure: Spelling::MolBlock(block), name, more, merged }
}

/// Returns the value of a field with the white space around it, which is part of a text, but not of a number.
fn value(text: &str, missing: &[String]) -> Value {
    let is_missing = text.is_empty() || missing.iter().any(|missing| missing == text.trim());
    if is_missing { Value::Null } else { text.into() }
}

fn sd_record<'a>(framed: &Framed<'a>, params: SdFields<'_>) -> SdRecord<'a> {
    let Some(first) = framed.lines().next() else {
        let line = framed.ended_on.unwrap_or_default();
        return SdRecord { line, title: b"", content: Err("has nothing in it".to_owned()) };
    };
    let content = match framed.doubtful_end {
        Some(line) => Err(format!(
            "has the line {line} within a value, `$$$$`, which ends a record; what follows it is no record"
        )),
        None if framed.ended_on.is_some() || params.in_mol_file && framed.ends_with_its_block() => {
            content(framed, params.duplicates)
        }
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
    let text = |line: &Line<'a>| std::str::from_utf8(line.text).map_err(|_| not_utf8(line.text, None));
    if framed.text.contains(&0) {
        return Err("has the character U+0000, which cannot be stored".to_owned());
    }
    let end = framed.block_end.ok_or("has no `M  END` at the end of its mol block")?;
    let (mut lines, mut title, mut block) = (framed.lines(), "", String::new());
    for (at, line) in lines.by_ref().take(end + 1).enumerate() {
        match text(&line) {
            Ok(line) => {
                title = if at == 0 { line } else { title };
                block.push_str(line);
            }
            // The lines of the program and the comment may be in another encoding, which does not affect the structure.
            Err(_) if matches!(at, 1 | 2) => {
                block.extend(line.text.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }));
            }
            Err(reason) => return Err(reason),
        }
        block.push('\n');
    }
    let (fields, merged) = duplicates.resolve(fields(lines)?)?;
    Ok(SdContent { title, block, fields, merged })
}

#[cfg(test)]
mod tests {
    use super::super::formats::Format;
    use super::super::reader::tests::contents;
    use super::*;
    use crate::artifact::ColumnType;
    use crate::records::{Decimal, Part};

    const PLAIN: SdFields<'static> = SdFields {
        in_mol_file: false,
        name: None,
        types: ColumnTypes::NONE,
        missing: &[],
        duplicates: Duplicates::Reject,
    };

    const BLOCK: &str =
        "methane\n  x\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\nM  END\n";

    fn read_all(text: &str, name: Option<&str>, numbers: &[&str]) -> (Vec<String>, Vec<Result<Content, String>>) {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let types = ColumnTypes { numbers: &numbers, ..ColumnTypes::NONE };
        read(text.as_bytes(), SdFields { name, types, ..PLAIN }).unwrap()
    }

    type Read = (Vec<String>, Vec<Result<Content, String>>);

    fn read(text: &[u8], params: SdFields<'_>) -> Result<Read, StepError> {
        let notation = Notation { spelled: Some(Decimal::Point), padded: true };
        let (columns, records) = contents("a.sdf", text, Format::Sd(params), notation)?;
        Ok((columns, records.into_iter().map(|(_, content)| content).collect()))
    }

    fn record(data: &str) -> String {
        format!("{BLOCK}{data}$$$$\n")
    }

    #[test]
    fn the_time_for_columns_is_linear() {
        let named = |name: String| (name, Inference::default());
        let names: Vec<(String, Inference)> = (0..100_000).map(|number| named(format!("field {number:06}"))).collect();
        let begun = std::time::Instant::now();
        let none = Declared::find(ColumnTypes::NONE, |_, name| Ok(name)).unwrap();
        assert_eq!(columns("a.sdf", &names, None, &none).unwrap().len(), names.len());
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        let clash = ["file_record", "record"].map(|name| named(name.to_owned()));
        let clash = columns("a.sdf", &clash, None, &none).unwrap_err();
        assert_eq!(clash.to_string(), "two columns of `a.sdf` would be called `file_record`; rename one");
    }

    #[test]
    fn reading_stops_within_a_record() {
        let data: Vec<String> = (0..30_000).map(|field| format!("> <c{field}>\n1\n\n")).collect();
        let text = record(&data.concat());
        let part = Part { text: text.as_bytes(), line: 1, more: false };
        let framed = || Frames::of_part(part).next().unwrap();
        // A check after each 4096 lines, where the record is framed and parsed, and after each 4096 fields.
        let (lines, fields) = (3 * 7, 7);
        assert!(cancel::checks_during(framed) > lines);
        let parsed = || sd_record(&framed(), PLAIN);
        assert!(cancel::checks_during(parsed) > 2 * lines + fields);
        let content = parsed().content.unwrap();
        let columns: Vec<String> = (0..30_000).map(|field| format!("c{field}")).collect();
        assert!(cancel::checks_during(|| finish(content, None, &columns, &[])) > fields - 1);
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
            read(&text, PLAIN).unwrap().1.remove(0)
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
        let declared = [("a".to_owned(), ColumnType::Text)].into();
        let text_alone = ColumnTypes { types: &declared, ..ColumnTypes::NONE };
        for (duplicates, value) in [(Duplicates::First, "1"), (Duplicates::Last, "2"), (Duplicates::Join, "1\n2")] {
            let (_, records) = read(text.as_bytes(), SdFields { duplicates, types: text_alone, ..PLAIN }).unwrap();
            let records: Vec<Content> = records.into_iter().map(Result::unwrap).collect();
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
        let error = read(text.as_bytes(), SdFields { types, ..PLAIN }).unwrap_err().to_string();
        assert!(error.contains("`b`") && error.contains("`a`"), "{error}");
    }
}
