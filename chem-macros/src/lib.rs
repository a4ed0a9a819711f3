//! The macros of chem-runtime, which re-exports them. Each is a pipeline: what was written is parsed, checked, and
//! expanded into a few calls of the runtime.

mod flow;
mod step;

use proc_macro::TokenStream;

/// Makes a step type of a function.
///
/// ```
/// use chem_runtime::prelude::*;
///
/// /// Keeps the first rows of a table.
/// #[step("table.first", version = 1)]
/// fn first(
///     table: Input<Table>,
///     /// How many.
///     #[param(default = 10, min = 1)] rows: usize,
/// ) -> Result<Table, StepError> {
///     let kept: Vec<usize> = (0..table.rows().min(rows)).collect();
///     Ok(table.gather(&kept))
/// }
///
/// # fn main() {
/// assert_eq!(First::default(), First { rows: 10 });
/// assert_eq!(First::SPEC.step_type().to_string(), "table.first@1");
/// # }
/// ```
///
/// The function stays as it is. Beside it stands a struct of its parameters, here `First { rows: usize }`, which
/// implements `chem_runtime::step::Step` and is registered under the step type's name. It has the function's
/// visibility, and `Default` if no parameter has to be given.
///
/// # The attribute
/// - the name, `family.verb`, in lower case;
/// - `version = 1`: raised whenever the same inputs and parameters would give another result;
/// - `kind = Sink` for a step whose output nothing takes. Left out, a function without `Input` is a `Source`, and any other
///   is a `Transform`;
/// - `columns = function`, where the output is a table whose columns can be told before the step runs: a
///   `fn(&First, &ColumnContext<'_>) -> Columns`. A check then finds names of columns that later steps spell wrong.
///   `chem_runtime::step::same_columns` is one for steps that keep the columns of their first input;
/// - `check = function`, where parameters that are right one by one may not go together: a
///   `fn(&First, &ColumnContext<'_>) -> Vec<Misfit>` that tells what would keep the step from succeeding;
/// - `cache = false` for a step that acts on the world other than by files that it puts out, or that gives another result
///   every time: a finished result then never stands in for running it again;
/// - `effects` for a step whose work may leave something behind besides its outputs, though a finished result may stand in
///   for it: it does not begin before the log says so. A sink, and a step with an `OutputFile`, is one without saying it;
/// - `approximate` for a step whose results need not repeat to the last bit: whoever compares two runs may then give a
///   tolerance for a column.
///
/// # The arguments, in any order
/// - `Input<T>`: an input port, called like the argument. `Option<Input<T>>` is a port that may be left open.
/// - `&ExecutionContext<'_>`: the run's files, signals, progress and cancellation.
/// - any other type is a parameter, called like the argument, and its doc comment is its help. `Option<T>` may be left
///   out. `#[param(…)]` says more: `default`, `min` and `max` of numbers, `one_of = ["a", "b"]` of texts, `unit` and
///   `example`, the last two as text. `columns_of = "port"` or `["left", "right"]` tells whose columns a `ColumnName` or
///   an `Expression` names, where a step has several inputs; with one input it is that one's, unless `columns_of = []`.
///
/// # What it returns
/// `Result<T, E>`, where `T` is an artifact, `WithRejects` of one, or `()` from a sink, and `E` is `StepError` or
/// converts into it.
#[proc_macro_attribute]
pub fn step(attribute: TokenStream, item: TokenStream) -> TokenStream {
    step::expand(attribute.into(), item.into()).into()
}

/// Takes a manifest into the program, checked when the crate is compiled.
///
/// ```
/// use chem_runtime::engine::FlowEngine;
/// use chem_runtime::include_flow;
/// use chem_runtime::store::{InMemoryEventStore, InMemoryFlowRepository};
///
/// let flow = include_flow!("../flows/demo.yaml");
/// let engine = FlowEngine::builder(InMemoryEventStore::new(), InMemoryFlowRepository).included(&flow)?;
/// engine.run_to_end()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// The path is that of a file, from the directory of the crate's `Cargo.toml`. What is wrong with the manifest is an error
/// of the compiler, with the line and column of the YAML: its syntax, its keys and their types, its names, its
/// placeholders, and which step each input names. What only the linked step types know (their names, ports, parameters and
/// columns) is checked by `chem check`, and when the flow is used.
///
/// It expands to a `chem_runtime::manifest::IncludedFlow`.
#[proc_macro]
pub fn include_flow(input: TokenStream) -> TokenStream {
    let path = syn::parse_macro_input!(input as syn::LitStr);
    flow::expand(&path).into()
}
