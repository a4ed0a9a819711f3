//! The columns that `table.compute` adds: their expressions, and the values of rows.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ComputedColumns, PROVIDER, taken};
use crate::cancel::while_running;
use crate::prelude::*;
use crate::step::expression::same_unit;
use crate::step::{ExpressionError, WholeInput};

/// The columns to compute, in their order.
pub(super) struct Plan {
    pub(super) columns: Vec<NewColumn>,
    /// The columns of the input that the expressions use.
    pub(super) reads: Vec<String>,
}

/// A column to compute.
pub(super) struct NewColumn {
    pub(super) column: Column,
    expression: Expression,
}

/// Rows with computed columns.
pub(super) struct Widened {
    pub(super) table: Table,
    /// For each row without values: the index of the column that cannot be computed, and why.
    pub(super) failures: BTreeMap<usize, (usize, String)>,
}

impl Plan {
    /// Finds the types and units of the columns, for an input with the columns of `head`.
    pub(super) fn of(
        columns: &ComputedColumns,
        types: &BTreeMap<String, ColumnType>,
        units: &BTreeMap<String, String>,
        head: Table,
    ) -> Result<Self, StepError> {
        let mut plan = Self { columns: Vec::new(), reads: Vec::new() };
        let mut wide = head.clone();
        for (name, expression) in columns.iter() {
            if wide.index_of(name).is_some() {
                return Err(taken(columns, name).into());
            }
            let computation = expression.compute_rows(&wide, types.get(name).copied());
            let computation = computation.map_err(|error| cannot(name, error))?;
            let column = Column::new(name, computation.ty()).with_provider(PROVIDER);
            let column = Column { unit: unit(name, units.get(name), computation.unit())?, ..column };
            wide = wide.with_column(column.clone(), Values::empty(column.ty))?;
            let read = expression.columns().filter(|read| head.index_of(read).is_some());
            for read in read {
                if plan.reads.iter().all(|known| known != read) {
                    plan.reads.push(read.to_owned());
                }
            }
            plan.columns.push(NewColumn { column, expression: expression.clone() });
        }
        Ok(plan)
    }

    /// Checks the expressions as far as this depends on the values of the input.
    pub(super) fn check(&self, input: &WholeInput<'_>) -> Result<(), StepError> {
        let mut head = input.head().clone();
        for (index, new) in self.columns.iter().enumerate() {
            let widen = |rows| Ok::<_, StepError>(self.widen(rows, index)?.table);
            let checked = new.expression.check_computation(input, &head, widen)?;
            checked.map_err(|error| cannot(&new.column.name, error))?;
            head = head.with_column(new.column.clone(), Values::empty(new.column.ty))?;
        }
        Ok(())
    }

    /// Adds the first `count` of the columns to rows. A row whose value cannot be computed has none in this and all later
    /// columns.
    pub(super) fn widen(&self, rows: Table, count: usize) -> Result<Widened, StepError> {
        let mut widened = Widened { table: rows, failures: BTreeMap::new() };
        for (index, NewColumn { column, expression }) in self.columns.iter().take(count).enumerate() {
            let Widened { table, failures } = &mut widened;
            let computation = expression.compute_rows(table, Some(column.ty));
            let computation = computation.map_err(|error| cannot(&column.name, error))?;
            let mut values = Vec::with_capacity(table.rows());
            for row in while_running(0..table.rows()) {
                let value = if failures.contains_key(&row) { Ok(Value::Null) } else { computation.value(row) };
                values.push(value.unwrap_or_else(|reason| {
                    failures.insert(row, (index, reason));
                    Value::Null
                }));
            }
            let data = Values::of_json(column.ty, values).map_err(|value| {
                StepError::new(format!("`{}`: the value `{value}` does not have the column's type", column.name))
            })?;
            *table = table.with_column(column.clone(), data)?;
        }
        Ok(widened)
    }

    /// Returns the error for the row with this number, for which the column at `index` cannot be computed.
    pub(super) fn unusable(&self, index: usize, number: usize, reason: &str) -> StepError {
        let NewColumn { column, expression } = &self.columns[index];
        StepError::new(format!(
            "cannot compute `{}` for row {number}: {reason}; the expression is `{}`; `on_error: reject` would put the row into \
             `rejects`",
            column.name,
            expression.as_str()
        ))
    }
}

fn cannot(name: &str, error: ExpressionError) -> StepError {
    let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
    StepError::new(format!("cannot compute `{name}`: {}{help}", error.message))
}

fn unit(name: &str, declared: Option<&String>, found: Option<&str>) -> Result<Option<String>, StepError> {
    match (declared, found) {
        (Some(declared), Some(found)) if !same_unit(declared, found) => Err(StepError::new(format!(
            "`units` declares `{declared}` for the column `{name}`, but its values are in `{found}`"
        ))),
        (declared, found) => Ok(declared.cloned().or_else(|| found.map(str::to_owned))),
    }
}
