//! Reads molecules from texts whose columns are known, on all cores.

use std::collections::BTreeMap;

use serde_json::Value;

use super::raw::{Canonical, Content, RawRecord};
use super::survey::{Survey, Surveyed};
use crate::artifact::{ArtifactError, RowTexts, Table, TableBuilder};
use crate::cancel;
use crate::chemistry::molecules::PROMISED;
use crate::records::{Batches, Parts, ReadBlock, RecordPart, Refused, shortened, split_cells, type_cells};
use crate::step::StepError;

/// What is made of molecules where they are read.
pub(super) struct Made {
    /// The texts of their rows.
    pub(super) texts: Result<RowTexts, ArtifactError>,
    /// How many of them lost something, by the parameter that accepted it.
    pub(super) accepted: BTreeMap<&'static str, u64>,
}

impl Made {
    fn of(kept: &Table) -> Self {
        Self { texts: kept.row_texts(0..kept.rows(), 0), accepted: BTreeMap::new() }
    }
}

impl Survey<'_> {
    /// Reads the records behind the first `skipped` ones in parts, and calls `take` with each part, in order. There is a part
    /// even if there are no records.
    ///
    /// # Errors
    /// Fails like `take`, or if a record cannot be used and reading is strict.
    pub(super) fn read(
        &self,
        skipped: u64,
        take: impl FnMut(RecordPart<Made>) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let strict = self.how.strict.then_some("; `on_error: reject` would put it into `rejects`");
        let mut parts = Parts::new(&self.columns, self.how.several.is_some(), strict, &Made::of, take);
        let mut left = skipped;
        for text in &self.texts {
            let skipped = left.min(text.records);
            left -= skipped;
            parts.begin(text.source.name, text.name);
            parts.pass_over(skipped);
            let work = |first, records: &mut dyn Iterator<Item = RawRecord<'_>>| self.block(text, first, records);
            let batches = &mut Batches::behind(skipped);
            self.how.format.each(text.source, &text.fields, batches, work, |block| parts.add_block(block))?;
        }
        parts.end()
    }

    /// Reads consecutive records, of which the first has the number `first`.
    fn block(
        &self,
        text: &Surveyed<'_>,
        first: u64,
        records: &mut dyn Iterator<Item = RawRecord<'_>>,
    ) -> Result<ReadBlock<Made>, StepError> {
        let (mut kept, mut refused, mut count) = (TableBuilder::new(self.columns.clone()), Vec::new(), 0);
        let mut accepted = BTreeMap::new();
        for RawRecord { line, raw, content } in records {
            let row = content.and_then(|content| self.row(text, first + count, content));
            // After the record, which may have been read only in part.
            cancel::check()?;
            match row {
                Ok((row, ignored)) => {
                    kept.push(row).map_err(StepError::new)?;
                    ignored.into_iter().for_each(|param| *accepted.entry(param).or_default() += 1);
                }
                Err(reason) => refused.push(Refused { index: count, line, text: shortened(&raw), reason }),
            }
            count += 1;
        }
        let kept = kept.finish()?;
        let made = Made { accepted, ..Made::of(&kept) };
        Ok(ReadBlock { kept, made, refused, records: count })
    }

    /// Returns the row of the molecule in record `number`, and the parameters that accepted a loss.
    fn row(
        &self,
        text: &Surveyed<'_>,
        number: u64,
        content: Content,
    ) -> Result<(Vec<Value>, Vec<&'static str>), String> {
        let Content { structure, name, more, merged } = self.typed(text, content)?;
        let Canonical { smiles, grouped, cxsmiles, block, mut ignored } = structure.read(self.how.accept)?;
        ignored.extend(merged.then_some("duplicate_data"));
        let mut row: Vec<Value> = vec![name.into(), smiles.into(), number.into()];
        row.extend(more);
        row.extend(self.kept.iter().map(|name| match *name {
            "stereo_groups" => Value::from(grouped.as_deref()),
            "mol_block" => block.as_deref().into(),
            _ => cxsmiles.as_deref().into(),
        }));
        let file_column = self.how.several.and_then(|several| several.file_column);
        row.extend(file_column.map(|_| Value::from(text.name)));
        Ok((row, ignored))
    }

    /// Converts the values of a record to the types of their columns; only the first of them if the step is asked to stop.
    pub(super) fn typed(&self, text: &Surveyed<'_>, mut content: Content) -> Result<Content, String> {
        if let Some(arrangement) = &text.arrangement {
            content.more = arrangement.apply(content.more);
        }
        if self.qualified.contains(&true) {
            split_cells(&mut content.more, |index| self.qualified[index]);
        }
        type_cells(&mut content.more, &self.columns[PROMISED.len()..], self.how.notation)?;
        Ok(content)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::accept::Accept;
    use super::super::delimited_columns::ColumnTypes;
    use super::super::formats::Format;
    use super::super::survey::How;
    use super::*;
    use crate::records::{Decimal, FileText, Notation, RecordText};

    /// The names of the further columns of a text, and the line and the content of each record, before the structures are read.
    pub(in super::super) type Contents = (Vec<String>, Vec<(u64, Result<Content, String>)>);

    /// Reads the text of the file called `name`.
    pub(in super::super) fn contents(
        name: &str,
        text: &[u8],
        format: Format<'_>,
        notation: Notation,
    ) -> Result<Contents, StepError> {
        let (types, accept) = (ColumnTypes::NONE, Accept::default());
        let how = How { name, format, types, notation, accept, several: None, strict: false };
        let texts = [FileText { path: name.into(), name: name.into(), text: RecordText::Whole(text.into()) }];
        let survey = how.survey(&texts)?;
        let (text, mut contents) = (&survey.texts[0], Vec::new());
        let work = |_: u64, records: &mut dyn Iterator<Item = RawRecord<'_>>| {
            let typed = |content: Result<Content, String>| content.and_then(|content| survey.typed(text, content));
            Ok(records.map(|record| (record.line, typed(record.content))).collect::<Vec<_>>())
        };
        let take = |more| {
            contents.extend(more);
            Ok(())
        };
        format.each(text.source, &text.fields, &mut Batches::default(), work, take)?;
        let columns = survey.columns[PROMISED.len()..].iter().map(|column| column.name.to_string()).collect();
        Ok((columns, contents))
    }

    /// The text of a file of each format, whose types are known after the last record.
    fn formats() -> [(&'static str, String); 4] {
        let block = "x\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\nM  END\n";
        let sd = |n: usize| format!("{}> <n>\n{}\n\n$$$$\n", if n % 7 == 3 { "x\n" } else { block }, value(n));
        let csv = |n: usize| format!("{},\"a\n{n}\",{}\n", if n % 7 == 3 { "C1" } else { "OCC" }, value(n));
        let smi = |n: usize| format!("{} a {n}\n", if n % 7 == 3 { "C1" } else { "OCC" });
        [
            ("a.sdf", (0..900).map(sd).collect()),
            ("a.csv", "smiles,name,n\n".chars().map(String::from).chain((0..900).map(csv)).collect()),
            ("a.smi", "smiles\n# x\n".chars().map(String::from).chain((0..900).map(smi)).collect()),
            ("empty.smi", String::new()),
        ]
    }

    fn value(n: usize) -> String {
        if n < 899 { n.to_string() } else { format!("{n}.5") }
    }

    #[test]
    fn a_reader_continues_after_any_number_of_records() {
        use super::super::delimited_columns::FileColumns;
        use super::super::sd_records::{Duplicates, SdFields};
        use crate::records::Layout;
        for (name, text) in formats() {
            let (missing, types) = (&[][..], ColumnTypes::NONE);
            let format = match name {
                "a.sdf" => Format::Sd(SdFields {
                    in_mol_file: false,
                    name: None,
                    types,
                    missing,
                    duplicates: Duplicates::Reject,
                }),
                "a.csv" => Format::Delimited(FileColumns {
                    accept: Some(Accept::default()),
                    ..FileColumns::usual(Layout::delimited_by(b','))
                }),
                _ => Format::Lines(Some(Accept::default())),
            };
            let notation = Notation { spelled: Some(Decimal::Point), padded: name == "a.sdf" };
            let how = How { name, format, types, notation, accept: Accept::default(), several: None, strict: false };
            // Twice the same text, as of two files.
            let texts = [(); 2].map(|()| FileText {
                path: name.into(),
                name: name.into(),
                text: RecordText::Whole(text.as_bytes().into()),
            });
            let survey = how.survey(&texts).unwrap();
            let read = |skipped: u64| {
                let mut all: Option<[TableBuilder; 2]> = None;
                let (mut records, mut accepted) = (Vec::new(), 0);
                let take = |part: RecordPart<Made>| {
                    let tables = [part.kept, part.rejects];
                    let all = all.get_or_insert_with(|| {
                        tables.each_ref().map(|table| TableBuilder::new(table.columns().to_vec()))
                    });
                    all.iter_mut().zip(&tables).for_each(|(all, table)| all.append(table).unwrap());
                    records.push(part.records);
                    accepted += part.made.accepted.len();
                    Ok(())
                };
                survey.read(skipped, take).unwrap();
                assert!(records.is_sorted() && records.last() == Some(&survey.records), "{records:?}");
                all.unwrap().map(|table| table.finish().unwrap())
            };
            let [kept, rejects] = read(0);
            assert_eq!((kept.rows() + rejects.rows()) as u64, survey.records);
            for skipped in [1, 32, 899, 900, 901, 1_799].into_iter().filter(|skipped| *skipped < survey.records) {
                let [more, others] = read(skipped);
                let rows = |table: &Table| (0..table.rows()).map(|row| table.row(row)).collect::<Vec<_>>();
                let behind = |table: &Table, more: &Table| {
                    let (all, more) = (rows(table), rows(more));
                    assert_eq!(all[all.len() - more.len()..], more, "{name} behind {skipped}");
                };
                behind(&kept, &more);
                behind(&rejects, &others);
                assert_eq!((more.rows() + others.rows()) as u64, survey.records - skipped);
            }
        }
    }
}
