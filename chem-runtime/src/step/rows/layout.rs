//! The columns of a row step's output: where each comes from.

use std::sync::Arc;

use crate::artifact::{Column, Table, TableError, Values};

/// The columns of the output, in order.
pub(super) struct Layout {
    columns: Vec<(Column, Source)>,
    /// The number of computed columns.
    computed: usize,
    /// Whether the output has exactly the columns of the input.
    is_input: bool,
}

/// Where the values of a column come from.
#[derive(Clone, Copy)]
enum Source {
    /// The column of the input at this index.
    Input(usize),
    /// The computed column at this index.
    Computed(usize),
    /// The number of the row of the input, from 1.
    Number,
}

/// What happens if a computed column has the name of another column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Clash {
    /// The computed column replaces the other.
    Replaces,
    /// It replaces another computed column, and must not replace original data.
    ReplacesComputed,
    /// There must be no other.
    Refused,
}

/// How much greater the values of columns that locate rows are in an input than in a shard with some of its rows.
pub(super) struct Offsets<'a> {
    input: &'a [Column],
    /// One for each column of the input that locates rows.
    located: &'a [i64],
    /// The number of rows of the input before those of the shard.
    before: usize,
}

/// The offset of a column of an output, if it locates rows. The outer `None`: its values depend on where the rows are, although
/// they are content.
type Offset = Option<Option<i64>>;

impl<'a> Offsets<'a> {
    pub(super) fn new(input: &'a [Column], located: &'a [i64], before: usize) -> Self {
        Self { input, located, before }
    }

    /// Returns the columns of the input.
    pub(super) fn input(&self) -> &[Column] {
        self.input
    }

    /// Returns the offset of a column with the values of the column of the input at `index`.
    pub(super) fn carried(&self, column: &Column, index: usize) -> Offset {
        let is_located = self.input.get(index).is_some_and(Column::locates_rows);
        let before = self.input.iter().take(index).filter(|column| column.locates_rows()).count();
        let offset = if is_located { *self.located.get(before)? } else { 0 };
        located(column, offset)
    }

    /// Returns the offset of a column that the step gives.
    pub(super) fn own(&self, column: &Column) -> Offset {
        located(column, 0)
    }

    /// Returns the offset of a column with the numbers of rows.
    pub(super) fn number(&self, column: &Column) -> Offset {
        located(column, i64::try_from(self.before).ok()?)
    }

    /// Returns the index of the column of the input called `name`.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.input.iter().position(|column| *column.name == *name)
    }
}

fn located(column: &Column, offset: i64) -> Offset {
    if column.locates_rows() { Some(Some(offset)) } else { (offset == 0).then_some(None) }
}

/// Returns the offsets of the columns that locate rows; `None` if one of `all` is.
pub(super) fn offsets(all: impl Iterator<Item = Offset>) -> Option<Vec<i64>> {
    Some(all.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

impl Layout {
    pub(super) fn of(input: &[Column]) -> Self {
        let columns = input.iter().enumerate();
        let columns = columns.map(|(index, column)| (column.clone(), Source::Input(index))).collect();
        Self { columns, computed: 0, is_input: true }
    }

    /// Keeps these columns of the input, each by its index and under a name and properties of its own.
    pub(super) fn carry(&mut self, columns: impl IntoIterator<Item = (usize, Column)>) {
        self.columns = columns.into_iter().map(|(index, column)| (column, Source::Input(index))).collect();
        self.is_input = false;
    }

    /// Keeps these columns of the input, too, after the others.
    pub(super) fn carry_also(&mut self, columns: impl IntoIterator<Item = (usize, Column)>) -> Result<(), TableError> {
        columns.into_iter().try_for_each(|(index, column)| self.add(column, Source::Input(index)))
    }

    /// Adds a column with the number of the row.
    pub(super) fn number(&mut self, column: Column) -> Result<(), TableError> {
        self.add(column, Source::Number)
    }

    fn add(&mut self, column: Column, source: Source) -> Result<(), TableError> {
        if self.columns.iter().any(|(there, _)| there.name == column.name) {
            return Err(TableError::DuplicateColumn(column.name.to_string()));
        }
        self.columns.push((column, source));
        self.is_input = false;
        Ok(())
    }

    /// Adds a computed column.
    pub(super) fn compute(&mut self, column: Column, clash: Clash) -> Result<(), TableError> {
        let source = Source::Computed(self.computed);
        match self.columns.iter_mut().find(|(there, _)| there.name == column.name) {
            None => self.columns.push((column, source)),
            Some(_) if clash == Clash::Refused => return Err(TableError::DuplicateColumn(column.name.to_string())),
            Some((there, _)) if clash == Clash::ReplacesComputed && there.provider.is_none() => {
                return Err(TableError::Taken(column.name.to_string()));
            }
            Some(there) => *there = (column, source),
        }
        self.computed += 1;
        self.is_input = false;
        Ok(())
    }

    /// Returns the offsets of the columns of the output that locate rows, from those of the input: see [`Offsets`]. `None` if the
    /// values of another column depend on where the rows are.
    pub(super) fn offsets(&self, of: &Offsets<'_>) -> Option<Vec<i64>> {
        let offset = |(column, source): &(Column, Source)| match source {
            Source::Input(index) => of.carried(column, *index),
            Source::Computed(_) => of.own(column),
            Source::Number => of.number(column),
        };
        offsets(self.columns.iter().map(offset))
    }

    /// Returns the number of computed columns.
    pub(super) fn computed(&self) -> usize {
        self.computed
    }

    /// Returns the computed columns; `None` for one that is not in the output, because a later one has its name.
    pub(super) fn computed_columns(&self) -> impl Iterator<Item = Option<&Column>> {
        (0..self.computed).map(|index| {
            let of = |source: &Source| matches!(source, Source::Computed(of) if *of == index);
            self.columns.iter().find(|(_, source)| of(source)).map(|(column, _)| column)
        })
    }

    /// Builds the output from the rows of the input that `rows_of` selects, which have these `numbers`, and the computed columns.
    pub(super) fn table(
        &self,
        input: &Table,
        rows_of: impl Fn(&Table) -> Table,
        numbers: impl Fn() -> Values,
        computed: Vec<Values>,
    ) -> Result<Table, TableError> {
        let indices = self.columns.iter().filter_map(|(_, source)| match source {
            Source::Input(index) => Some(*index),
            Source::Computed(_) | Source::Number => None,
        });
        let carried = rows_of(&input.select(&indices.collect::<Vec<_>>()));
        let mut next = 0;
        let columns = self.columns.iter().filter_map(|(column, source)| {
            let data = match source {
                Source::Input(_) => {
                    next += 1;
                    carried.data(next - 1)?.clone()
                }
                Source::Computed(index) => computed.get(*index)?.clone(),
                Source::Number => numbers(),
            };
            Some((column.clone(), data))
        });
        Table::with_rows(columns, carried.rows())
    }

    /// Returns the output for an input each of whose rows came out once: it shares the columns that were not computed.
    pub(super) fn sharing(&self, input: &Arc<Table>, output: Table) -> Result<Arc<Table>, TableError> {
        if self.is_input {
            return Ok(input.clone());
        }
        let columns = self.columns.iter().enumerate().filter_map(|(index, (column, source))| {
            let data = match source {
                Source::Input(index) => input.data(*index)?,
                Source::Computed(_) | Source::Number => output.data(index)?,
            };
            Some((column.clone(), data.clone()))
        });
        Ok(Arc::new(Table::with_rows(columns, input.rows())?))
    }
}
