//! Defines steps: step types, their use in a flow, and how they run.
//!
//! Most steps are functions under `#[step]`, which generates a struct of the parameters, implements
//! [`Step`](trait@Step) for it and registers it. `#[derive(Step)]` does the same for a struct that the author writes.
//! The engine sees only [`StepDefinition`], which can also be implemented by hand. The wiring between steps is left to
//! the flow.

mod asked;
mod bound;
pub(crate) mod children;
mod columns;
mod confine;
mod context;
mod definition;
mod depictor;
mod descent;
#[cfg(feature = "python")]
pub(crate) mod described;
mod doc;
mod earlier_rows;
mod error;
pub mod expression;
mod file;
mod files;
mod glob;
mod history;
mod input_files;
mod into_param;
pub(crate) mod into_step;
mod keeper;
pub mod limits;
pub(crate) mod map_step;
mod misfit;
mod molecules_of_table;
mod outlet;
pub(crate) mod param;
mod place;
mod port;
mod provider;
mod reading;
mod registry;
mod rejects;
mod role;
mod row_columns;
mod row_kind;
pub(crate) mod rows;
pub(crate) mod run_step;
mod sample;
pub(crate) mod secret;
pub(crate) mod shard_step;
mod signal;
mod signature;
mod source_record;
mod stored_rows;
mod stream;
mod streamed;
mod structures;
mod typed;
mod unfinished;
pub(crate) mod workers;

pub use crate::cancel::{CancelToken, Interrupted};
pub(crate) use asked::{answer_in, identity_of_answer};
pub use bound::Bound;
pub(crate) use chem_manifest::names::{listed, nearest};
#[doc(inline)]
pub use chem_manifest::{InvalidStepId, StepId};
pub use columns::{ColumnContext, ColumnName, Columns, same_columns};
pub use confine::Confinement;
pub use context::{ExecutionContext, Inputs, Progress, Silent};
pub use definition::{PlannedStep, StepDefinition, StepOutput, StepRunResult, StepTypeRef};
pub use depictor::Depictor;
pub use descent::{Descent, DroppedRow, Explanation, Grouping, HowJoined, Joined, OfEqual, ReadSecond};
pub use doc::StepDoc;
pub(crate) use earlier_rows::{
    EarlierRows, KnownShard, RowSetApart, RowsRecord, SET_APART, ShardResult, ShardResults, ShardTables,
};
pub use error::{IntoStepError, StepError};
pub use expression::{Computation, Condition, Expression, ExpressionError, Verdict};
pub use file::{FileWritten, InputFile, OutputFile};
pub use files::Files;
pub(crate) use glob::Glob;
pub use history::{History, PastInput, PastStep};
pub use input_files::InputFiles;
pub(crate) use input_files::NamedFile;
pub use into_param::IntoParam;
pub use into_step::{IntoStep, Named, StepExt};
pub(crate) use keeper::{Keeper, Reached};
pub use misfit::{Misfit, MisfitKind};
pub use molecules_of_table::MoleculesOfTable;
#[doc(hidden)]
pub use param::{ColumnReference, ParamReader};
pub use param::{
    InvalidKind, InvalidParam, Make, ParamProblem, ParamSpec, ParamType, ParamValue, PathPart, Pattern, PositiveNumber,
};
pub(crate) use place::place_of;
pub use port::{ANY_KIND, Input, MAIN_OUTPUT, OutputSpec, PortSpec, REJECTS};
#[cfg(feature = "python")]
pub(crate) use provider::DescribedSteps;
pub use provider::{SourceProblem, StepProvider};
pub use registry::{DuplicateStepType, Library, Registry, StepRegistration};
#[cfg(feature = "chemistry")]
pub(crate) use rejects::Reasons;
pub(crate) use rejects::{CommonestReason, idle_share};
pub use role::{DynamicRole, Follows, Leads, Role, SinkRole, SourceRole, TransformRole};
pub use row_columns::{RowColumns, RowsSpec};
pub use row_kind::RowKind;
pub use rows::{Batch, BatchOutput, RowReturn, RowWork, Rows, RunRows, Tally, Totals, WholeInput};
pub(crate) use rows::{RowOutcomes, rows_in_common};
pub use run_step::{RunStep, StepInputs};
pub use sample::Sample;
pub use secret::Secret;
pub use signal::Signal;
pub use signature::{StepInput, StepReturn, WithRejects};
pub use source_record::{SourceRecord, WrittenRecord};
pub use stream::Stream;
pub(crate) use streamed::RecordOutlets;
pub use streamed::Streamed;
pub use structures::Structures;
pub use typed::{Shape, Step, StepSpec};

pub use chem_macros::{Step, StepInputs};

pub use crate::event::{Gate, OutputRef, Resources, RetryOn, RetryPolicy, Shards, StepKind, StepPolicy, StepSources};
