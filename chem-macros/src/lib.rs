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
/// assert_eq!(First::new().with_rows(3), First { rows: 3 });
/// assert_eq!(First::SPEC.step_type().to_string(), "table.first@1");
/// # }
/// ```
///
/// The function stays as it is. Beside it stands a struct of its parameters, here `First { rows: usize }`, which
/// implements `chem_runtime::step::Step` and is registered under the step type's name. It has the function's
/// visibility.
///
/// [`derive(Step)`](macro@Step) does the same for a struct that the author writes and a method that does the work. The sections
/// below hold there too, except for the arguments and the return type.
///
/// # The attribute
/// - the name, `family.verb`, in lower case;
/// - `version = 1`: raised whenever the same inputs and parameters would give another result;
/// - `sink` (or `kind = Sink`) for a step whose output nothing takes. Left out, a function without `Input` is a `source`, and
///   any other is a `transform`; both may be written too, and are checked;
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
///   tolerance for a column;
/// - `new = false` leaves out `new` and `with_…` (see below), where the author writes a `new`.
///
/// # The arguments, in any order
/// - `Input<T>`: an input port, called like the argument. `Option<Input<T>>` is a port that may be left open.
/// - `&ExecutionContext<'_>`: the run's files, signals, progress and cancellation.
/// - any other type is a parameter, called like the argument, and its doc comment is its help. `Option<T>` may be left
///   out. `#[param(…)]` says more: `default`, `min` and `max` of numbers, `one_of = ["a", "b"]` of texts, `unit` and
///   `example`, the last two as text. `columns_of = "port"` or `["left", "right"]` tells whose columns a `ColumnName` or
///   an `Expression` names, where a step has several inputs; with one input it is that one's, unless `columns_of = []`.
///
/// # In Rust
/// `new` takes the parameters that have to be given, in their order, and a `with_…` for each other one gives it another value
/// than its default. Both take what `#[param(default = …)]` takes: a value of the type, text for any type that is
/// `From<&str>`, `[…]` for a `Vec`. The struct is `Default` if no parameter has to be given. Where its fields can be seen, a
/// literal will do as well: `First { rows: 3 }`.
///
/// # What it returns
/// `Result<T, E>`, where `T` is an artifact, `WithRejects` of one, or `()` from a sink, and `E` is `StepError` or
/// converts into it.
///
/// # Its code
/// `Step::SPEC.code` is a hash of the function's tokens, without comments and docs. A result that other code has made under the
/// same version is reused with a warning, in builds with debug assertions and where `CHEM_DEV=1` is set: raise `version`, or
/// run the step anew with `--refresh`. What the function calls is not in the hash.
#[proc_macro_attribute]
pub fn step(attribute: TokenStream, item: TokenStream) -> TokenStream {
    step::function(attribute.into(), item.into()).into()
}

/// Makes a step type of a struct of parameters, whose work is a method.
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
/// It equals a function under [`macro@step`]: the same keys in `#[step(…)]`, which stands below the derive, the same
/// `#[param(…)]` and doc comments, the same registration, and the same fingerprints where names, version, parameters and inputs
/// are the same. Only the inputs are elsewhere: the derive sees the struct alone, so it takes their types from
/// `chem_runtime::step::RunStep`, which the author implements. `type Inputs` is
/// - `()` for a source;
/// - `Input<T>` for a step with one input, which manifests then call `input`;
/// - a struct under [`derive(StepInputs)`](macro@StepInputs), whose fields name the inputs.
///
/// A function is shorter, and a test calls it with its arguments alone. A struct suits a step whose parameters have methods, or
/// private fields.
///
/// A source says `source` and a sink `sink`; left out, the step is a transform. The struct has named fields or none, and no
/// generics. It needs no other derive.
///
/// The hash of its code covers the struct and its `impl RunStep`, which is looked up in the same file: of one elsewhere, or in the
/// expansion of a macro, nothing but a new `version` tells that it has changed.
#[proc_macro_derive(Step, attributes(step, param))]
pub fn derive_step(item: TokenStream) -> TokenStream {
    step::structure(item.into()).into()
}

/// Makes a struct the inputs of a step under [`derive(Step)`](macro@Step).
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
/// Each field is an `Input<T>`, or an `Option<Input<T>>` for a port that may be left open; one at least has to be wired.
#[proc_macro_derive(StepInputs)]
pub fn derive_step_inputs(item: TokenStream) -> TokenStream {
    step::inputs(item.into()).into()
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
