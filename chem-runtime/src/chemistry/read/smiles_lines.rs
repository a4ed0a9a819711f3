//! Reads SMILES files: on each line a SMILES, white space, and the name up to the end of the line.
//!
//! Blank lines are skipped, and so are lines that begin with `#`, which no SMILES does. A first line that begins with the
//! word `smiles`, which is not a valid SMILES, is a header and is skipped too.

use super::accept::{Accept, CxText};
use super::raw::{Content, RawRecord, Source, Spelling};
use crate::records::{Batches, Line, Lines, not_utf8};
use crate::step::StepError;

/// Calls `work` with batches of the records of a text, and `take` with the results in order.
pub(super) fn each_batch<T: Send>(
    source: Source<'_>,
    accept: Option<Accept>,
    batches: &mut Batches,
    work: impl Fn(u64, &mut dyn Iterator<Item = RawRecord<'_>>) -> Result<T, StepError> + Sync,
    mut take: impl FnMut(T) -> Result<(), StepError>,
) -> Result<(), StepError> {
    let mut begun = false;
    source.text.in_parts(source.name, |part| {
        let mut lines = Lines::of_part(&part);
        let filled = lines
            .by_ref()
            .map(|Line { number, text }| Line { number, text: text.trim_ascii() })
            .filter(|line| !line.text.is_empty() && !line.text.starts_with(b"#"));
        let records = filled.filter(|line| std::mem::replace(&mut begun, true) || !is_header(line.text));
        let record =
            |Line { number, text }| RawRecord { line: number, raw: text.into(), content: content(text, accept) };
        batches.each(records, |first, lines| work(first, &mut lines.into_iter().map(record)), &mut take)?;
        Ok(lines.taken())
    })
}

fn is_header(line: &[u8]) -> bool {
    line.split(u8::is_ascii_whitespace).next().is_some_and(|word| word.eq_ignore_ascii_case(b"smiles"))
}

/// Parses a line. `accept` is `None` for a step that has no parameters for extensions.
pub(super) fn content(line: &[u8], accept: Option<Accept>) -> Result<Content, String> {
    let text = std::str::from_utf8(line).map_err(|_| not_utf8(line, None))?;
    if text.contains('\0') {
        return Err("has the character U+0000, which cannot be stored".to_owned());
    }
    let text = CxText::of(text);
    let structure = Spelling::of(&text, accept)?;
    let name = Some(text.rest).filter(|name| !name.is_empty()).map(str::to_owned);
    Ok(Content { structure, name, more: Vec::new(), merged: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::RecordText;

    type Parsed = Result<(String, Option<String>), String>;

    fn read_all(text: &[u8]) -> Vec<(u64, Parsed)> {
        let of = |content: Content| match content.structure {
            Spelling::Smiles(smiles) => (smiles, content.name),
            other => panic!("not a SMILES: {other:?}"),
        };
        let (text, found) = (RecordText::Whole(text.into()), &mut Vec::new());
        let owned = |_: u64, records: &mut dyn Iterator<Item = RawRecord<'_>>| {
            Ok(records.map(|record| (record.line, record.content)).collect::<Vec<_>>())
        };
        let take = |more| {
            found.extend(more);
            Ok(())
        };
        each_batch(Source { name: "a", text: &text }, None, &mut Batches::default(), owned, take).unwrap();
        found.drain(..).map(|(line, content)| (line, content.map(of))).collect()
    }

    fn good(smiles: &str, name: Option<&str>) -> Parsed {
        Ok((smiles.to_owned(), name.map(str::to_owned)))
    }

    #[test]
    fn a_line_is_a_smiles_and_a_name() {
        let text = b"Smiles id\r\n# drugs\r\nCCO\tethanol, 96 %\r\n\r\n  CCN  \r\nC methane";
        let expected =
            [(3, good("CCO", Some("ethanol, 96 %"))), (5, good("CCN", None)), (6, good("C", Some("methane")))];
        assert_eq!(read_all(text), expected);
        assert_eq!(read_all(b"CCO a\nsmiles b\n")[1], (2, good("smiles", Some("b"))));
        assert!(read_all(b"").is_empty());
    }

    #[test]
    fn unusable_lines_are_refused_with_a_reason() {
        for (line, why) in [
            (b"CCO\xff name".as_slice(), "UTF-8"),
            (b"CCO na\0me", "U+0000"),
            (b"C[C@H](F)Cl |&1:1| racemate", "CXSMILES"),
        ] {
            let text = [b"C first\n", line].concat();
            let records = read_all(&text);
            assert!(records[1].1.as_ref().is_err_and(|reason| reason.contains(why)), "{records:?}");
        }
    }
}
