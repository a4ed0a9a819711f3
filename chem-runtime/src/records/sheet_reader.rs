//! Reads a sheet of an Excel workbook as records of typed cells.
//!
//! The cells are read one by one, and only those with a value are held: a workbook with two cells may claim to have 17 thousand
//! million.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use calamine::Dimensions;
use serde_json::Value;

use super::delimited_reader::HeaderLine;
use super::sheet::{Merged, SheetChoice};
use super::sheet_cell::Cell;
use super::workbook::{Expansion, Workbook, caught, chosen, open};
use crate::cancel;
use crate::step::limits::{SPARSE_CELLS, TABLE_CELLS};
use crate::step::{Misfit, StepError};

/// The number of cells that a table may have for each cell with a value, beyond [`SPARSE_CELLS`].
const CELLS_PER_VALUE: u64 = 20;

/// The largest workbook whose columns are read before a flow runs: 16 MiB.
const CHECKED_BYTES: u64 = 16 << 20;

/// The length of the text of a row, in bytes, for messages and rejects, which show less of it.
const SHOWN_BYTES: usize = 512;

/// The greatest number of rows and columns in a sheet.
const ROWS: u32 = 1 << 20;
const COLUMNS: u32 = 1 << 14;

/// Why a sheet cannot be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// A parameter does not fit it.
    Misfit(Misfit),
    Failed(StepError),
}

impl Unread {
    /// Returns the misfit of a step whose parameter `file` names the workbook.
    pub(crate) fn misfit(self, file: &'static str) -> Misfit {
        match self {
            Self::Misfit(misfit) => misfit,
            Self::Failed(error) => Misfit::new(file, format!("{error:#}")),
        }
    }
}

impl From<Misfit> for Unread {
    fn from(misfit: Misfit) -> Self {
        Self::Misfit(misfit)
    }
}

impl From<StepError> for Unread {
    fn from(error: StepError) -> Self {
        Self::Failed(error)
    }
}

impl From<Unread> for StepError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Misfit(Misfit { message, help: Some(help), .. }) => Self::new(format!("{message}; {help}")),
            Unread::Misfit(misfit) => misfit.into(),
            Unread::Failed(error) => error,
        }
    }
}

/// Returns the names of the columns of the workbook at `path`, which messages call `name`; `None` if the file is too large to be
/// read before a flow runs.
///
/// # Errors
/// Fails like [`Sheet::read`].
pub(crate) fn sheet_columns(
    path: &Path,
    name: &str,
    choice: SheetChoice<'_>,
    header: HeaderLine<'_>,
) -> Result<Option<Vec<String>>, Unread> {
    let is_small = std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= CHECKED_BYTES);
    let Some(bytes) = is_small.then(|| std::fs::read(path).ok()).flatten() else { return Ok(None) };
    let sheet = Sheet::read(name, &bytes, choice, header)?;
    Ok(Some(sheet.names().map(str::to_owned).collect()))
}

/// A sheet with named columns. Empty rows do not count.
pub(crate) struct Sheet {
    columns: Vec<(u32, String)>,
    /// The cells below the header, by row and column.
    cells: Vec<Located>,
}

/// A cell and its location in the sheet, from 0.
#[derive(Debug, Clone)]
struct Located {
    row: u32,
    column: u32,
    cell: Cell,
}

/// A row of a sheet that is not empty.
#[derive(Debug)]
pub(crate) struct SheetRow {
    /// The number in the sheet, from 1.
    pub(crate) number: u64,
    /// The beginning of the row as text, the cells separated by tabs.
    pub(crate) text: String,
    /// One value for each column, or the reason why the row cannot be used.
    pub(crate) cells: Result<Vec<Value>, String>,
}

impl Sheet {
    /// Reads the sheet of the workbook `bytes`, the content of the file called `name`.
    ///
    /// # Errors
    /// Reports a parameter if the sheet does not exist or is not determined, or if it has merged cells that are refused. Fails if
    /// the workbook is damaged or expands beyond a limit, if a column with values has no name, or if two have the same name.
    pub(crate) fn read(
        name: &str,
        bytes: &[u8],
        choice: SheetChoice<'_>,
        header: HeaderLine<'_>,
    ) -> Result<Self, Unread> {
        let mut workbook = open(name, bytes)?;
        let sheet = chosen(name, &workbook, choice.name)?;
        let about = format!("the sheet `{sheet}` of `{name}`");
        let merged = caught(name, || workbook.merge_cells_by_sheet_name(&sheet))?;
        let merged: Vec<Dimensions> = merged.into_iter().filter(|region| region.start != region.end).collect();
        let mut texts = Texts { name, left: Expansion::of(bytes).bytes, allowed: Expansion::of(bytes) };
        let mut cells = located(&about, &mut workbook, &sheet, &mut texts)?;
        merge(&about, &mut cells, &merged, choice.merged, &mut texts)?;
        let read = Self::of(&about, cells, header)?;
        read.expect_dense(&about)?;
        Ok(read)
    }

    /// Names the columns.
    fn of(about: &str, mut cells: Vec<Located>, header: HeaderLine<'_>) -> Result<Self, StepError> {
        let named = match (header, cells.first()) {
            (HeaderLine::First, Some(first)) => {
                let first = first.row;
                let end = cells.iter().position(|cell| cell.row != first).unwrap_or(cells.len());
                cells.drain(..end).map(|cell| (cell.column, cell.cell.text().into_owned())).collect()
            }
            _ => Vec::new(),
        };
        let used: BTreeSet<u32> = cells.iter().map(|cell| cell.column).collect();
        let columns: Vec<(u32, String)> = match header {
            HeaderLine::First => {
                let known: HashSet<u32> = named.iter().map(|(column, _)| *column).collect();
                if let Some(nameless) = used.into_iter().find(|column| !known.contains(column)) {
                    return Err(StepError::new(format!(
                        "column {} of {about} has values, but no name in the first row that is not empty",
                        letters(nameless)
                    )));
                }
                named
            }
            HeaderLine::Absent([]) => used.into_iter().zip(1..).map(|(at, n)| (at, format!("column_{n}"))).collect(),
            HeaderLine::Absent(given) if used.len() != given.len() => {
                let (used, given) = (used.len(), given.len());
                return Err(StepError::new(format!("{about} has {used} columns, but `column_names` names {given}")));
            }
            HeaderLine::Absent(given) => used.into_iter().zip(given.iter().cloned()).collect(),
        };
        let mut seen = HashSet::new();
        match columns.iter().find(|(_, name)| !seen.insert(name.as_str())) {
            Some((_, twice)) => Err(StepError::new(format!("two columns of {about} are called `{twice}`; rename one"))),
            None => Ok(Self { columns, cells }),
        }
    }

    /// Rows with values in different columns make the table grow quadratically.
    fn expect_dense(&self, about: &str) -> Result<(), StepError> {
        let (columns, values) = (self.columns.len(), self.cells.len());
        let rows = self.cells.chunk_by(|one, next| one.row == next.row).count();
        let cells = (columns as u64).saturating_mul(rows as u64);
        let most = (values as u64).saturating_mul(CELLS_PER_VALUE).saturating_add(SPARSE_CELLS.get());
        let limit = match cells {
            _ if cells > TABLE_CELLS.get() => &TABLE_CELLS,
            _ if cells > most => &SPARSE_CELLS,
            _ => return Ok(()),
        };
        let advice = limit.advice();
        let what = format!("{columns} columns in {rows} rows: {cells} cells for {values} values");
        Err(StepError::new(format!("{about} has {what}; {advice}")))
    }

    /// Returns the names of the columns.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(_, name)| name.as_str())
    }

    /// Returns the rows. The texts in `missing` represent missing values.
    pub(crate) fn rows(&self, missing: &[String]) -> impl Iterator<Item = SheetRow> {
        let rows = self.cells.chunk_by(|one, next| one.row == next.row);
        rows.map(move |cells| self.row(cells, missing))
    }

    /// Returns the row with these cells.
    fn row(&self, cells: &[Located], missing: &[String]) -> SheetRow {
        let (mut values, mut text) = (Ok(Vec::with_capacity(self.columns.len())), String::new());
        let mut rest = cells.iter().peekable();
        for (index, (column, name)) in self.columns.iter().enumerate() {
            let cell = rest.next_if(|cell| cell.column == *column).map(|located| &located.cell);
            if text.len() < SHOWN_BYTES {
                text.push_str(if index == 0 { "" } else { "\t" });
                text.push_str(&cell.map(Cell::text).unwrap_or_default());
            }
            if let Ok(row) = &mut values {
                match cell.map_or(Ok(Value::Null), |cell| cell.value(name, missing)) {
                    Ok(value) => row.push(value),
                    Err(reason) => values = Err(reason),
                }
            }
        }
        SheetRow { number: cells.first().map_or(0, |cell| u64::from(cell.row) + 1), text, cells: values }
    }
}

/// How many more bytes of text the cells of the file called `name` may have. Cells of the file share a text, and here each has a
/// copy.
struct Texts<'a> {
    name: &'a str,
    left: u64,
    allowed: Expansion,
}

impl Texts<'_> {
    fn take(&mut self, cell: &Cell) -> Result<(), StepError> {
        self.left = self.left.checked_sub(cell.bytes()).ok_or_else(|| self.allowed.exceeded(self.name))?;
        Ok(())
    }
}

/// Returns the cells of a sheet that have a value, by row and column.
fn located(
    about: &str,
    workbook: &mut Workbook<'_>,
    sheet: &str,
    texts: &mut Texts<'_>,
) -> Result<Vec<Located>, StepError> {
    let mut reader = caught(texts.name, || workbook.worksheet_cells_reader(sheet))?;
    let mut cells: Vec<Located> = Vec::new();
    while let Some(read) = caught(texts.name, || reader.next_cell_with_formula_metadata())? {
        cancel::check()?;
        let (row, column) = read.pos;
        if row >= ROWS || column >= COLUMNS {
            return Err(StepError::new(format!(
                "{about} has a cell beyond row {ROWS}, column {}",
                letters(COLUMNS - 1)
            )));
        }
        let Some(cell) = Cell::of(read.value, read.formula.is_some()) else { continue };
        texts.take(&cell)?;
        cells.push(Located { row, column, cell });
        if cells.len() as u64 > TABLE_CELLS.get() {
            let advice = TABLE_CELLS.advice();
            return Err(StepError::new(format!("{about} has more cells with values; {advice}")));
        }
    }
    if !cells.is_sorted_by_key(|cell| (cell.row, cell.column)) {
        cells.sort_by_key(|cell| (cell.row, cell.column));
    }
    match cells.windows(2).find(|pair| (pair[0].row, pair[0].column) == (pair[1].row, pair[1].column)) {
        Some(pair) => {
            let (row, column) = (pair[0].row + 1, letters(pair[0].column));
            Err(StepError::new(format!("{about} has two values in the cell {column}{row}")))
        }
        None => Ok(cells),
    }
}

/// Gives merged cells values, as `merged` says.
///
/// # Errors
/// Reports the first merged cells that have a value if they are refused. Fails if there are too many of them.
fn merge(
    about: &str,
    cells: &mut Vec<Located>,
    regions: &[Dimensions],
    merged: Merged,
    texts: &mut Texts<'_>,
) -> Result<(), Unread> {
    let of = |(row, column): (u32, u32)| cells.binary_search_by_key(&(row, column), |cell| (cell.row, cell.column));
    let with_value = regions.iter().filter_map(|region| Some((region, of(region.start).ok()?)));
    let with_value: Vec<(&Dimensions, usize)> = with_value.collect();
    match (merged, with_value.first()) {
        (Merged::First, _) | (_, None) => return Ok(()),
        (Merged::Refuse, Some((Dimensions { start, end }, _))) => {
            let name = |(row, column): (u32, u32)| format!("{}{}", letters(column), u64::from(row) + 1);
            let message = format!(
                "{about} has merged cells, {}:{}, of which only the first has a value",
                name(*start),
                name(*end)
            );
            let help = "`merged_cells: fill` gives all of them its value, and `merged_cells: first` leaves the others without one";
            return Err(Misfit::new("merged_cells", message).with_help(help).into());
        }
        (Merged::Fill, _) => {}
    }
    let mut filled = Vec::new();
    for (Dimensions { start, end }, index) in with_value {
        for row in start.0..=end.0.min(ROWS) {
            cancel::check().map_err(StepError::from)?;
            for column in start.1..=end.1.min(COLUMNS) {
                texts.take(&cells[index].cell)?;
                filled.push(Located { row, column, cell: cells[index].cell.clone() });
            }
            if filled.len() as u64 > SPARSE_CELLS.get() {
                return Err(StepError::new(format!("{about} has more merged cells; {}", SPARSE_CELLS.advice())).into());
            }
        }
    }
    cells.append(&mut filled);
    // The sort is stable: a cell that has a value of its own keeps it.
    cells.sort_by_key(|cell| (cell.row, cell.column));
    cells.dedup_by_key(|cell| (cell.row, cell.column));
    Ok(())
}

/// Returns the letters of a column, of which the first has the number 0.
fn letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut left = column + 1;
    while left > 0 {
        left -= 1;
        letters.push(char::from(b'A' + (left % 26) as u8));
        left /= 26;
    }
    letters.into_iter().rev().collect()
}
