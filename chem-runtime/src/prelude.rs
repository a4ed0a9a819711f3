//! The imports that the author of a step needs: `use chem_runtime::prelude::*;`.
//!
//! ```
//! use chem_runtime::prelude::*;
//!
//! /// Names the columns of a table, one a row.
//! #[step("demo.columns", version = 1)]
//! fn columns(
//!     table: Input<Table>,
//!     /// Whether units are given too.
//!     #[param(default = false)]
//!     units: bool,
//! ) -> Result<Table, StepError> {
//!     let mut names = TableBuilder::new(vec![Column::new("column", ColumnType::Text)]);
//!     for column in table.columns() {
//!         let unit = column.unit.as_deref().filter(|_| units).unwrap_or_default();
//!         names.push(vec![format!("{} {unit}", column.name).trim().into()]).map_err(StepError::new)?;
//!     }
//!     Ok(names.finish()?)
//! }
//!
//! # fn main() {
//! assert!(!Columns::default().units);
//! assert_eq!(Columns::SPEC.summary(), "Names the columns of a table, one a row.");
//! # }
//! ```

pub use chem_macros::step;

pub use crate::artifact::{
    Artifact, ArtifactError, ArtifactSource, ArtifactValue, Cells, Column, ColumnType, Dataset, JsonArtifact, Packed,
    Table, TableBuilder, Values,
};
pub use crate::step::{
    Batch, BatchOutput, ColumnContext, ColumnName, Columns, ExecutionContext, Expression, FileWritten, Input,
    InputFile, InvalidParam, Misfit, OutputFile, ParamType, ParamValue, Pattern, PositiveNumber, RowWork, Rows,
    RunRows, RunStep, Secret, Step, StepError, StepExt, StepInputs, Stream, Tally, WithRejects,
};
