//! Defines the macros of chem-runtime, which re-exports them. Each macro is a pipeline: it parses its input, validates
//! it, and expands it into a few calls of the runtime.

mod flow;
mod step;

use proc_macro::TokenStream;

/// Turns a function into a step type.
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
/// assert_eq!(First::new().with_rows(3), First { rows: 3 });
/// assert_eq!(First::SPEC.step_type().to_string(), "table.first@1");
/// # }
/// ```
///
/// The function itself is unchanged. The macro adds a struct of its parameters, here `First { rows: usize }`, which
/// implements `chem_runtime::step::Step` and is registered under the step type's name. It has the function's
/// visibility.
///
/// [`derive(Step)`](macro@Step) does the same for a struct that the author writes and a method that does the work. The
/// sections below apply there too, except for the arguments and the return type.
///
/// # The attribute
/// - the name, `family.verb`, in lower case;
/// - `version = 1`: increased whenever the same inputs and parameters would give a different result;
/// - `sink` (or `kind = Sink`) for a step whose output no other step takes. Without it, a function without `Input` is a
///   `source`, and any other is a `transform`; both may also be written, and are then checked;
/// - `rows` for a step that works row by row: what comes out for a row depends on the row's values in the columns that
///   the parameters name, and on the parameters, and on nothing else. `rows = ["smiles"]` names further columns that the
///   step reads, and `rows = all` declares all. See "Row steps" below;
/// - `columns = function`, if the output is a table whose columns are known before the step runs: a
///   `fn(&First, &ColumnContext<'_>) -> Columns`. A check then finds misspelt column names in later steps.
///   `chem_runtime::step::same_columns` is such a function, for steps that keep the columns of their first input;
/// - `check = function`, if parameters that are valid one by one may conflict: a
///   `fn(&First, &ColumnContext<'_>) -> Vec<Misfit>` that returns what would prevent the step from succeeding;
/// - `shape = function`, if the inputs and outputs depend on the parameters: a
///   `fn(&Map<String, Value>) -> &'static StepSpec` that returns the properties of a step with parameters as a manifest writes
///   them;
/// - `cache = false` for a step that has effects other than the files it outputs, or that gives a different result
///   every time: a stored result then never replaces running it again;
/// - `effects` for a step whose work may have effects besides its outputs, although a stored result may replace it: it
///   starts only once the log has recorded its start. Implied for a sink and for a step with an `OutputFile`;
/// - `approximate` for a step whose results may differ in the last bits from run to run: comparing two runs may
///   then use a tolerance for a column;
/// - `descent = function` for a step that does not work row by row, but whose rows come from rows of its inputs: a
///   `fn(&First) -> Descent<'_>` that says from which. `chem trace` then follows records through it;
/// - `explain = function` for a step that drops rows: a `fn(&First, &DroppedRow<'_>) -> Result<Option<Explanation>, StepError>`
///   that says why one did not come out, for `chem trace`;
/// - `reasons = function` for a step that computes columns which say why others have their values: a
///   `fn(&First, &str) -> Option<String>` that returns the name of such a column for that of another, for `chem trace`;
/// - `written = function` for a source that reads records from files: a
///   `fn(&First, &[SourceRecord<'_>], &Files) -> Result<Vec<Option<WrittenRecord>>, StepError>` that finds them there again, for
///   `chem trace`;
/// - `new = false` omits `new` and `with_…` (see below), if the author writes a `new`.
///
/// # The arguments, in any order
/// - `Input<T>`: an input port, named like the argument. `Option<Input<T>>` is a port that may be left open.
/// - `&ExecutionContext<'_>`: the run's files, signals, progress and cancellation.
/// - any other type is a parameter, named like the argument, and its doc comment is its help. `Option<T>` may be left
///   out. `#[param(…)]` adds properties: `default`, `min` and `max` of numbers, `one_of = ["a", "b"]` of texts, `unit`
///   and `example`, the last two as text. A type may declare its own bounds and choices. `columns_of = "port"` or
///   `["left", "right"]` names the inputs whose columns a `ColumnName` or an `Expression` refers to, if a step has several
///   inputs; with one input it is that one, unless `columns_of = []`.
/// # Row steps
/// A step with the key `rows` takes `Rows<T>` in place of one `Input<T>`, where `T` is `Table`, `Dataset` or `Molecules`, and
/// returns `RowWork<T>`, or `RowWork<WithRejects<T>>`. The function runs once: it sees the parameters and the columns of the
/// input, and `Rows::each` takes the function that works on a batch of rows, of which it sees the declared columns. The
/// runtime calls that on all cores, keeps the order, reports progress and stops it on cancellation. `chem verify` repeats a
/// sample of the rows one by one and in another order, to find a step that breaks its promise.
///
/// # In Rust
/// `new` takes the required parameters, in order, and a `with_…` for each other parameter replaces its default. Both
/// accept what `#[param(default = …)]` accepts: a value of the type, text for any type that is `From<&str>`, `[…]` for
/// a `Vec`. The struct is `Default` if no parameter is required. If its fields are visible, a literal works as well:
/// `First { rows: 3 }`.
///
/// # What it returns
/// `Result<T, E>`, where `T` is an artifact, `WithRejects` of one, or `()` from a sink, and `E` is `StepError` or
/// converts into it.
///
/// # Its code
/// `Step::SPEC.code` is a hash of the function's tokens, without comments and docs. Reusing a result that different
/// code produced under the same version gives a warning, in builds with debug assertions and if `CHEM_DEV=1` is set:
/// increase `version`, or run the step again with `--refresh`. The hash does not cover functions that the function
/// calls.
#[proc_macro_attribute]
pub fn step(attribute: TokenStream, item: TokenStream) -> TokenStream {
    step::function(attribute.into(), item.into()).into()
}

/// Turns a struct of parameters into a step type, whose work is a method.
///
/// ```
/// use chem_runtime::engine::FlowEngine;
/// use chem_runtime::prelude::*;
/// use chem_runtime::steps::demo::{Characters, Text};
///
/// /// Gives a text.
/// #[derive(Step)]
/// #[step("text.seed", version = 1, source)]
/// pub struct SeedStep {
///     /// The text.
///     text: String,
///     /// How often.
///     #[param(default = 1, min = 1)]
///     times: usize,
/// }
///
/// impl RunStep for SeedStep {
///     type Inputs = ();
///     type Output = Text;
///
///     fn run(&self, (): (), _: &ExecutionContext<'_>) -> Result<Text, StepError> {
///         Ok(Text(self.text.repeat(self.times)))
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = FlowEngine::new().first_step(SeedStep::new("CO").with_times(2)).add_step(Characters::new()).build()?;
/// engine.run_to_end()?;
/// assert_eq!(engine.last_step_output("characters")?.unwrap().payload_text(), r#"["C","O","C","O"]"#);
/// # Ok(())
/// # }
/// ```
///
/// It is equivalent to a function under [`macro@step`]: the same keys in `#[step(…)]`, which follows the derive, the
/// same `#[param(…)]` and doc comments, the same registration, and the same fingerprints if names, version, parameters
/// and inputs are the same. Only the inputs are defined elsewhere: the derive sees only the struct, so their types come
/// from `chem_runtime::step::RunStep`, which the author implements. `type Inputs` is
/// - `()` for a source;
/// - `Input<T>` for a step with one input, which manifests then call `input`;
/// - a struct under [`derive(StepInputs)`](macro@StepInputs), whose fields name the inputs.
///
/// A row step (the key `rows`) implements `chem_runtime::step::RunRows` instead, with `Rows<T>` for one `Input<T>`.
///
/// A function is shorter, and a test calls it with its arguments alone. A struct suits a step whose parameters have
/// methods or private fields.
///
/// A source needs the key `source` and a sink the key `sink`; without one, the step is a transform. The struct has
/// named fields or none, and no generics. It needs no other derive.
///
/// The hash of its code covers the struct and its `impl RunStep`, if that is in the same file. If it is in another
/// file, or in the expansion of a macro, only a new `version` shows that it has changed.
#[proc_macro_derive(Step, attributes(step, param))]
pub fn derive_step(item: TokenStream) -> TokenStream {
    step::structure(item.into()).into()
}

/// Turns a struct into the inputs of a step under [`derive(Step)`](macro@Step).
///
/// ```
/// use chem_runtime::prelude::*;
/// use chem_runtime::step::same_columns;
///
/// /// Keeps the rows of one table, if another table has any.
/// #[derive(Step)]
/// #[step("table.guard", version = 1, columns = same_columns)]
/// struct Guard;
///
/// #[derive(StepInputs)]
/// struct Guarded {
///     table: Input<Table>,
///     by: Option<Input<Table>>,
/// }
///
/// impl RunStep for Guard {
///     type Inputs = Guarded;
///     type Output = Table;
///
///     fn run(&self, Guarded { table, by }: Guarded, _: &ExecutionContext<'_>) -> Result<Table, StepError> {
///         let empty = by.is_some_and(|by| by.rows() == 0);
///         Ok(if empty { table.gather(&[]) } else { Table::clone(&table) })
///     }
/// }
///
/// # fn main() {
/// let ports: Vec<_> = Guard::SPEC.inputs.iter().map(|port| (port.name, port.optional)).collect();
/// assert_eq!(ports, [("table", false), ("by", true)]);
/// # }
/// ```
///
/// Each field is an `Input<T>`, or an `Option<Input<T>>` for a port that may be left open. At least one must be an
/// `Input<T>`.
#[proc_macro_derive(StepInputs)]
pub fn derive_step_inputs(item: TokenStream) -> TokenStream {
    step::inputs(item.into()).into()
}

/// Includes a manifest in the program and checks it at compile time.
///
/// ```
/// use chem_runtime::engine::FlowEngine;
/// use chem_runtime::include_flow;
/// use chem_runtime::store::InMemoryEventStore;
///
/// let flow = include_flow!("../flows/demo.yaml");
/// let engine = FlowEngine::on(InMemoryEventStore::new()).included(&flow)?;
/// engine.run_to_end()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// The path is relative to the directory of the crate's `Cargo.toml`. Errors in the manifest are compiler errors, with
/// the line and column in the YAML: in its syntax, its keys and their types, its names, its placeholders, and the step
/// that each input names. What depends on the linked step types (their names, ports, parameters and columns) is checked
/// by `chem check`, and when the flow is used.
///
/// Expands to a `chem_runtime::manifest::IncludedFlow`.
#[proc_macro]
pub fn include_flow(input: TokenStream) -> TokenStream {
    let path = syn::parse_macro_input!(input as syn::LitStr);
    flow::expand(&path).into()
}
