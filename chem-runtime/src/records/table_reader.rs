//! Reads files of records as tables, with inferred or declared column types.

use std::collections::HashMap;

use csv::StringRecord;
use serde_json::Value;

use super::delimited_blocks::{Block, each_block};
use super::json_lines_reader::{JsonLine, Object};
use super::qualified::{split_cells, split_text};
use super::record_text::RecordText;
use super::rejects::shortened;
use super::table_parts::{Parts, ReadBlock, RecordPart, Refused};
use super::table_survey::{Survey, Surveyed};
use super::table_text::{SourceText, TableFormat, TableText};
use super::typing::{type_cells, type_text};
use crate::artifact::{Cell, Table, TableBuilder};
use crate::cancel::{self, while_running};
use crate::step::{StepError, WithRejects};

impl<'a> TableText<'a> {
    /// Reads the table, and the records that cannot be used.
    ///
    /// # Errors
    /// Fails if something is wrong with the columns, or with any record if [`strict`](Self::strict) is set.
    pub(crate) fn read(&self, text: &[u8]) -> Result<WithRejects<Table>, StepError> {
        self.read_whole(&RecordText::Whole(text.into()))
    }

    /// Reads a whole table like [`read`](Self::read).
    ///
    /// # Errors
    /// Fails like [`read`](Self::read), or if the text cannot be read.
    pub(crate) fn read_whole(&self, text: &RecordText<'_>) -> Result<WithRejects<Table>, StepError> {
        let mut all: Option<[TableBuilder; 2]> = None;
        let source = SourceText { path: self.name, name: self.name, text };
        self.survey(vec![source], None)?.read(
            0,
            |_| (),
            |RecordPart { kept, rejects, .. }| {
                let parts = [kept, rejects];
                let all =
                    all.get_or_insert_with(|| parts.each_ref().map(|part| TableBuilder::new(part.columns().to_vec())));
                all.iter_mut().zip(&parts).try_for_each(|(all, part)| Ok(all.append(part)?))
            },
        )?;
        // There is a part even if there are no records.
        let [kept, rejects] = all.unwrap_or_else(|| [(); 2].map(|()| TableBuilder::new(Vec::new())));
        Ok(WithRejects { kept: kept.finish()?, rejects: rejects.finish()? })
    }
}

impl Survey<'_> {
    /// Reads the records in parts, and calls `take` with each part, for which `make` is called with its rows, on all cores if
    /// the format allows it. Leaves out the first `skipped` records. There is a part even if there are no records.
    ///
    /// # Errors
    /// Fails like `take`, or if a record cannot be used and [`TableText::strict`] is set.
    pub(crate) fn read<T: Send>(
        &self,
        skipped: u64,
        make: impl Fn(&Table) -> T + Sync,
        take: impl FnMut(RecordPart<T>) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let strict = self.how.strict.then_some("");
        let mut parts = Parts::new(&self.columns, self.several.is_some(), strict, &make, take).behind(skipped);
        for text in &self.texts {
            parts.begin(text.source.path, text.source.name);
            self.read_text(text, &make, &mut parts)?;
        }
        parts.end()
    }

    fn read_text<T: Send, M: Fn(&Table) -> T + Sync, F: FnMut(RecordPart<T>) -> Result<(), StepError>>(
        &self,
        text: &Surveyed<'_>,
        make: &M,
        parts: &mut Parts<'_, M, F>,
    ) -> Result<(), StepError> {
        match self.how.format {
            TableFormat::Delimited(delimiter) => {
                let SourceText { path, text: records, .. } = text.source;
                let work = |block: &mut Block<'_>| self.read_block(text, block, make);
                each_block(path, records, self.how.layout(delimiter), work, |block| parts.add_block(block))?;
            }
            TableFormat::JsonLines => {
                let indices: HashMap<&str, usize> = text.names.iter().map(String::as_str).zip(0..).collect();
                let row = |Object(members): Object| {
                    let mut cells = vec![Value::Null; indices.len()];
                    for (name, value) in while_running(members) {
                        if let Some(index) = indices.get(name.as_str()) {
                            cells[*index] = value;
                        }
                    }
                    cells
                };
                self.how.each_object(&text.source, |JsonLine { line, raw, object }| {
                    parts.add(line, raw, || object.map(row).and_then(|cells| self.values(text, cells)))
                })?;
            }
            #[cfg(feature = "parquet")]
            TableFormat::Parquet => self.each_parquet_block(text, make, |block| parts.add_block(block))?,
            #[cfg(feature = "excel")]
            TableFormat::Excel => {
                let sheet = self.how.sheet(&text.source)?;
                for row in sheet.rows(self.how.cells.missing) {
                    cancel::check()?;
                    let values = || row.cells.and_then(|cells| self.values(text, cells));
                    parts.add(row.number, row.text.as_bytes(), values)?;
                }
            }
            // A survey refuses these formats.
            #[cfg(not(feature = "parquet"))]
            TableFormat::Parquet => {}
            #[cfg(not(feature = "excel"))]
            TableFormat::Excel => {}
        }
        Ok(())
    }

    /// Converts the cells of a record to the row of the table; only the first of them if the step is asked to stop.
    fn values(&self, text: &Surveyed<'_>, cells: Vec<Value>) -> Result<Vec<Value>, String> {
        let mut cells = match &text.arrangement {
            Some(arrangement) => arrangement.apply(cells),
            None => cells,
        };
        if !self.how.qualified.is_empty() {
            split_cells(&mut cells, |index| self.qualified[index]);
        }
        type_cells(&mut cells, &self.columns, self.how.notation())?;
        cells.extend(self.has_file_column().then(|| Value::from(text.source.name)));
        Ok(cells)
    }

    /// Reads the records of a block.
    fn read_block<T>(
        &self,
        text: &Surveyed<'_>,
        block: &mut Block<'_>,
        make: impl Fn(&Table) -> T,
    ) -> Result<ReadBlock<T>, StepError> {
        let (mut kept, mut refused, mut records) = (TableBuilder::new(self.columns.clone()), Vec::new(), 0);
        block.each_record(|line, raw, cells| {
            let cells = cells.and_then(|cells| self.typed(text, cells));
            // After the record, whose cells may have been read only in part.
            cancel::check()?;
            match cells {
                Ok(cells) => kept.push_cells(&cells)?,
                Err(reason) => refused.push(Refused { index: records, line, text: shortened(raw), reason }),
            }
            records += 1;
            Ok(())
        })?;
        let kept = kept.finish()?;
        let made = make(&kept);
        Ok(ReadBlock { kept, made, refused, records })
    }

    /// Converts the texts of a record to the row of the table; only the first of them if the step is asked to stop.
    fn typed<'r>(&self, text: &'r Surveyed<'_>, cells: &'r StringRecord) -> Result<Vec<Cell<'r>>, String> {
        let cells = cells.iter().map(|cell| (!self.how.is_missing(cell)).then_some(cell));
        let mut row = match &text.arrangement {
            Some(arrangement) => self.typed_row(arrangement.apply(while_running(cells).collect()).into_iter())?,
            None => self.typed_row(cells)?,
        };
        row.extend(self.has_file_column().then_some(Cell::Text(text.source.name)));
        Ok(row)
    }

    fn typed_row<'r>(&self, cells: impl Iterator<Item = Option<&'r str>>) -> Result<Vec<Cell<'r>>, String> {
        let (mut row, notation) = (Vec::with_capacity(self.columns.len()), self.how.notation());
        let mut columns = self.columns.iter();
        for (cell, qualified) in while_running(cells.zip(&self.qualified)) {
            let Some(column) = columns.next() else { break };
            let split = cell.filter(|_| *qualified).map(split_text);
            let number = match split {
                Some(split) => split.map(|(_, number)| number),
                None => cell,
            };
            row.push(match number {
                Some(text) => type_text(text, column, notation)?,
                None => Cell::Missing,
            });
            if *qualified {
                columns.next();
                row.push(split.flatten().map_or(Cell::Missing, |(relation, _)| Cell::Text(relation)));
            }
        }
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::table_text::{CellText, DeclaredType};
    use super::super::typing::Decimal;
    use super::*;
    use crate::artifact::ColumnType;

    fn read(text: &str, format: TableFormat, types: &[(&str, ColumnType)]) -> WithRejects<Table> {
        let types = types.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect();
        let types = DeclaredType::all(&types, "types");
        let missing = ["NA".to_owned()];
        let cells = CellText { missing: &missing, ..CellText::default() };
        let how = TableText { name: "a", format, types: &types, cells, qualified: &[], strict: false };
        how.read(text.as_bytes()).unwrap()
    }

    fn rows(table: &Table) -> Value {
        (0..table.rows()).map(|row| Value::from(table.row(row))).collect()
    }

    #[test]
    fn one_table_in_two_formats() {
        let csv = read("n,x,ok,id\n1,2.5,true,007\n,NA,,x\n", TableFormat::Delimited(b','), &[]);
        let json = "{\"n\":1,\"x\":2.5,\"ok\":true,\"id\":\"007\"}\n{\"id\":\"x\",\"x\":null}\n";
        let json = read(json, TableFormat::JsonLines, &[]);
        assert_eq!(rows(&csv.kept), json!([[1, 2.5, true, "007"], [null, null, null, "x"]]));
        assert_eq!(csv, json);
    }

    #[test]
    fn a_record_that_does_not_fit_its_column_is_rejected() {
        let read = read("n\n1\ntwo\n\n3.5\n", TableFormat::Delimited(b','), &[("n", ColumnType::Integer)]);
        assert_eq!(rows(&read.kept), json!([[1]]));
        let expected = json!([
            [3, 2, "two", "has `two` in the column `n`, which is integer"],
            [5, 3, "3.5", "has `3.5` in the column `n`, which is integer"],
        ]);
        assert_eq!(rows(&read.rejects), expected);
    }

    /// What comes of these texts of a cell, in a column of their own and in one of each declared type.
    #[test]
    fn each_text_is_read_as_it_always_was() {
        use ColumnType::{Boolean, Float, Integer, Text};
        // For each: the inferred type, and the values as integer, float and boolean, or `false` where the record is refused.
        let no = || Value::from("refused");
        for (text, inferred, integer, float, boolean) in [
            ("5", Integer, json!(5), json!(5.0), no()),
            ("-0", Integer, json!(0), json!(0.0), no()),
            ("-0.0", Float, json!(0), json!(0.0), no()),
            ("0", Integer, json!(0), json!(0.0), no()),
            ("007", Text, json!(7), json!(7.0), no()),
            ("00", Text, json!(0), json!(0.0), no()),
            ("-01", Text, json!(-1), json!(-1.0), no()),
            ("0.50", Float, no(), json!(0.5), no()),
            ("00.5", Text, no(), json!(0.5), no()),
            ("+5", Text, json!(5), json!(5.0), no()),
            ("+0.5", Text, no(), json!(0.5), no()),
            ("5.", Float, json!(5), json!(5.0), no()),
            (".5", Float, no(), json!(0.5), no()),
            (".", Text, no(), no(), no()),
            ("-", Text, no(), no(), no()),
            ("--5", Text, no(), no(), no()),
            ("1.2.3", Text, no(), no(), no()),
            ("1e5", Float, json!(100_000), json!(100_000.0), no()),
            ("1E+2", Float, json!(100), json!(100.0), no()),
            ("1e", Text, no(), no(), no()),
            ("e5", Text, no(), no(), no()),
            ("1e-9", Float, no(), json!(1e-9), no()),
            ("1e999", Text, no(), no(), no()),
            ("1_000", Text, no(), no(), no()),
            ("1,000", Text, no(), no(), no()),
            ("0x1", Text, no(), no(), no()),
            ("inf", Text, no(), no(), no()),
            ("-inf", Text, no(), no(), no()),
            ("nan", Text, no(), no(), no()),
            ("NaN", Text, no(), no(), no()),
            ("Infinity", Text, no(), no(), no()),
            ("true", Boolean, no(), no(), json!(true)),
            ("FALSE", Boolean, no(), no(), json!(false)),
            ("True ", Boolean, no(), no(), json!(true)),
            ("yes", Text, no(), no(), no()),
            ("t", Text, no(), no(), no()),
            ("-true", Text, no(), no(), no()),
            ("999999999999999", Integer, json!(999_999_999_999_999_i64), json!(999_999_999_999_999.0), no()),
            ("9007199254740993", Integer, json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992.0), no()),
            ("9223372036854775807", Integer, json!(i64::MAX), json!(9_223_372_036_854_775_807.0), no()),
            ("-9223372036854775808", Integer, json!(i64::MIN), json!(-9_223_372_036_854_775_808.0), no()),
            ("9223372036854775808", Text, no(), json!(9_223_372_036_854_775_808.0), no()),
            ("123456789012345.25", Float, no(), json!(123_456_789_012_345.25), no()),
            ("12345678901234567890.5", Float, no(), json!(12_345_678_901_234_567_890.5), no()),
            ("５", Text, no(), no(), no()),
            ("5é", Text, no(), no(), no()),
            ("NA", Text, json!(null), json!(null), json!(null)),
            ("na", Text, no(), no(), no()),
        ] {
            let cell = format!("\"{text}\"");
            let of =
                |types: &[(&str, ColumnType)]| read(&format!("a,b\n{cell},x\n"), TableFormat::Delimited(b','), types);
            let found = of(&[]).kept;
            assert_eq!(found.columns()[0].ty, inferred, "{text}");
            for (ty, expected) in [(Integer, integer), (Float, float), (Boolean, boolean)] {
                let read = of(&[("a", ty)]);
                let found = if read.kept.rows() == 1 { read.kept.row(0)[0].clone() } else { no() };
                assert_eq!(found, expected, "{text} as {ty:?}");
            }
            let expected = if text == "NA" { Value::Null } else { text.trim_end().into() };
            assert_eq!(of(&[("a", Text)]).kept.row(0)[0], expected);
        }
    }

    #[test]
    fn numbers_with_a_comma_and_with_relations_are_read() {
        let missing = ["NA".to_owned()];
        let cells = CellText { missing: &missing, decimal: Decimal::Comma, ..CellText::default() };
        let qualified = ["ic50".to_owned()];
        let types = BTreeMap::new();
        let how = TableText {
            name: "a",
            format: TableFormat::Delimited(b';'),
            types: &types,
            cells,
            qualified: &qualified,
            strict: false,
        };
        let text = "n;ic50;m\n1,5;> 10,5;1,5\n-0,25;~5;2\n,5;NA;007\n2;;3\n2;10.5;3\n2;>;3\n1.5;<<1e-9;1\n";
        let read = how.read(text.as_bytes()).unwrap();
        let expected = json!([
            ["1,5", 10.5, ">", "1,5"],
            ["-0,25", 5.0, "~", "2"],
            [",5", null, null, "007"],
            ["2", null, null, "3"],
            ["1.5", 1e-9, "<<", "1"],
        ]);
        assert_eq!(rows(&read.kept), expected);
        let expected = json!([
            [6, 5, "2;10.5;3", "has `10.5` in the column `ic50`, which is float"],
            [7, 6, "2;>;3", "has `>` in the column `ic50`, which is float"],
        ]);
        assert_eq!(rows(&read.rejects), expected);
        let read = how.read(b"n;ic50\n1,5;1\n-0,25;>2\n,5;NA\n2;\n").unwrap().kept;
        assert_eq!(rows(&read), json!([[1.5, 1.0, "="], [-0.25, 2.0, ">"], [0.5, null, null], [2.0, null, null]]));
    }

    #[test]
    fn a_reader_continues_after_any_number_of_records() {
        let text: String =
            (0..60_000).map(|n| if n % 9 == 4 { format!("{n}\n") } else { format!("{n},\"x\ny\"\n") }).collect();
        let text = format!("n,t\n{text}");
        let none = BTreeMap::new();
        let how = TableText {
            name: "a",
            format: TableFormat::Delimited(b','),
            types: &none,
            cells: CellText::default(),
            qualified: &[],
            strict: false,
        };
        let whole = how.read(text.as_bytes()).unwrap();
        let numbers = |table: &Table, name| table.integers(name).unwrap().iter().flatten().collect::<Vec<i64>>();
        let text = RecordText::Whole(text.as_bytes().into());
        let survey = how.survey(vec![SourceText { path: "a", name: "a", text: &text }], None).unwrap();
        assert_eq!(survey.records, 60_000);
        for skipped in [0, 5, 20_011, 59_999, 60_000] {
            let (mut kept, mut rejected, mut made, mut parts) = (Vec::new(), Vec::new(), 0, 0);
            let take = |part: RecordPart<usize>| {
                kept.extend(numbers(&part.kept, "n"));
                rejected.extend(numbers(&part.rejects, "record"));
                (made, parts) = (made + part.made, parts + 1);
                Ok(())
            };
            survey.read(skipped, Table::rows, take).unwrap();
            let after = |all: Vec<i64>, first: i64| all.into_iter().filter(|n| *n >= first).collect::<Vec<_>>();
            assert_eq!(kept, after(numbers(&whole.kept, "n"), skipped as i64), "{skipped}");
            assert_eq!(rejected, after(numbers(&whole.rejects, "record"), skipped as i64 + 1), "{skipped}");
            assert_eq!(made, kept.len());
            assert!(parts > 1 || skipped > 50_000, "{parts}");
        }
    }

    #[test]
    fn reading_stops_within_a_row() {
        let cells = |cell: &str| (0..50_000).map(|column| format!("{cell}{column}")).collect::<Vec<_>>();
        let csv = format!("{}\n{}\n", cells("c").join(","), cells("").join(","));
        let members: Vec<String> = cells("c").iter().map(|name| format!("\"{name}\":1")).collect();
        let none = BTreeMap::new();
        for (format, text) in
            [(TableFormat::Delimited(b','), csv), (TableFormat::JsonLines, format!("{{{}}}\n", members.join(",")))]
        {
            let how = TableText {
                name: "a",
                format,
                types: &none,
                cells: CellText::default(),
                qualified: &[],
                strict: false,
            };
            // A check after each 4096 cells, in each of three passes over the row.
            assert!(cancel::checks_during(|| how.read(text.as_bytes()).unwrap()) > 3 * 12, "{format:?}");
        }
    }

    #[test]
    fn an_unusable_record_does_not_affect_the_types() {
        let read = read("n,m\n1,2\nx\n", TableFormat::Delimited(b','), &[]);
        assert_eq!((rows(&read.kept), read.rejects.rows()), (json!([[1, 2]]), 1));
    }

    #[test]
    fn strict_reading_and_unknown_columns_are_errors() {
        let types = BTreeMap::from([("m".to_owned(), DeclaredType { ty: ColumnType::Float, by: "types" })]);
        let how = |types, strict| TableText {
            name: "a.csv",
            format: TableFormat::Delimited(b','),
            types,
            cells: CellText::default(),
            qualified: &[],
            strict,
        };
        let error = how(&types, false).read(b"n\n1\n").unwrap_err().to_string();
        assert_eq!(error, "`a.csv` has no column `m`, which `types` names; its columns are `n`");
        let none = BTreeMap::new();
        let error = how(&none, true).read(b"n\n1\n1,2\n").unwrap_err().to_string();
        assert!(error.contains("line 3 of `a.csv`") && error.contains("`1,2`"), "{error}");
        assert_eq!(how(&none, true).read(b"").unwrap().kept, Table::default());
    }
}
