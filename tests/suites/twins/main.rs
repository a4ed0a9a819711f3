//! A step as a function and as a struct: what is written alike is one step type, with one identity. The two have one name,
//! which a program does not allow, so that this is a program of its own that asks for no registry.

use chem_runtime::artifact::{Column, ColumnType, Table, Values};
use chem_runtime::engine::FlowEngine;
use chem_runtime::event::FlowEventKind;
use chem_runtime::prelude::*;
use chem_runtime::step::{Files, Make, ParamProblem, ParamSpec, SinkRole, StepSpec, TransformRole};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Everything that an attribute and a parameter can say, said to a function.
mod as_function {
    use super::*;

    /// Matches the rows of two tables.
    ///
    /// It has all that there is.
    #[step(
        "structs.match", version = 4, sink, columns = columns, check = check, cache = false, effects, approximate
    )]
    pub(super) fn match_rows(
        left: Input<Table>,
        right: Option<Input<Table>>,
        context: &ExecutionContext<'_>,
        /// The column that both have.
        #[param(columns_of = ["left", "right"])]
        on: ColumnName,
        /// How far apart.
        #[param(default = 5, min = -1, max = 10.5, unit = "g/mol")]
        within: f64,
        /// Which.
        #[param(default = "all", one_of = ["all", "first"], example = "first")]
        which: String,
        /// Files to read.
        #[param(default = [])]
        files: Vec<InputFile>,
        /// At most.
        #[param(min = 1)]
        limit: Option<u32>,
        /// A condition.
        #[param(columns_of = "right")]
        r#where: Option<Expression>,
    ) -> Result<WithRejects<Table>, StepError> {
        super::work(
            &left,
            right.as_deref(),
            context,
            &format!("{on:?} {within} {which} {files:?} {limit:?} {:?}", r#where),
        )
    }

    fn columns(step: &MatchRows, context: &ColumnContext<'_>) -> Columns {
        context.input("left").with([step.which.as_str()])
    }

    fn check(step: &MatchRows, _: &ColumnContext<'_>) -> Vec<Misfit> {
        Misfit::twice("which", &[&step.which, &step.which]).into_iter().collect()
    }
}

/// The same, said to a struct.
mod as_struct {
    use super::*;

    /// Matches the rows of two tables.
    ///
    /// It has all that there is.
    #[derive(Step)]
    #[step(
        "structs.match", version = 4, sink, columns = columns, check = check, cache = false, effects, approximate
    )]
    pub(super) struct MatchRows {
        /// The column that both have.
        #[param(columns_of = ["left", "right"])]
        on: ColumnName,
        /// How far apart.
        #[param(default = 5, min = -1, max = 10.5, unit = "g/mol")]
        within: f64,
        /// Which.
        #[param(default = "all", one_of = ["all", "first"], example = "first")]
        which: String,
        /// Files to read.
        #[param(default = [])]
        files: Vec<InputFile>,
        /// At most.
        #[param(min = 1)]
        limit: Option<u32>,
        /// A condition.
        #[param(columns_of = "right")]
        r#where: Option<Expression>,
    }

    #[derive(StepInputs)]
    pub(super) struct Tables {
        left: Input<Table>,
        right: Option<Input<Table>>,
    }

    impl RunStep for MatchRows {
        type Inputs = Tables;
        type Output = WithRejects<Table>;

        fn run(
            &self,
            Tables { left, right }: Tables,
            context: &ExecutionContext<'_>,
        ) -> Result<WithRejects<Table>, StepError> {
            let Self { on, within, which, files, limit, r#where } = self;
            let said = format!("{on:?} {within} {which} {files:?} {limit:?} {:?}", r#where);
            super::work(&left, right.as_deref(), context, &said)
        }
    }

    fn columns(step: &MatchRows, context: &ColumnContext<'_>) -> Columns {
        context.input("left").with([step.which.as_str()])
    }

    fn check(step: &MatchRows, _: &ColumnContext<'_>) -> Vec<Misfit> {
        Misfit::twice("which", &[&step.which, &step.which]).into_iter().collect()
    }
}

/// A row step as a function.
mod rows_as_function {
    use super::*;

    /// Keeps the rows above a limit, and doubles their numbers.
    #[step("structs.above", version = 2, rows = ["n"], columns = columns)]
    pub(super) fn keep_above(
        table: Rows<Table>,
        /// The columns to add up.
        #[param(default = [])]
        with: Vec<ColumnName>,
        /// The limit.
        #[param(default = 3)]
        limit: i64,
    ) -> Result<RowWork<Table>, StepError> {
        super::above(table, with, limit)
    }

    fn columns(_: &KeepAbove, context: &ColumnContext<'_>) -> Columns {
        context.input("table").with(["sum"])
    }
}

/// The same row step as a struct.
mod rows_as_struct {
    use super::*;

    /// Keeps the rows above a limit, and doubles their numbers.
    #[derive(Step)]
    #[step("structs.above", version = 2, rows = ["n"], columns = columns)]
    pub(super) struct KeepAbove {
        /// The columns to add up.
        #[param(default = [])]
        with: Vec<ColumnName>,
        /// The limit.
        #[param(default = 3)]
        limit: i64,
    }

    #[derive(StepInputs)]
    pub(super) struct Numbers {
        table: Rows<Table>,
    }

    impl RunRows for KeepAbove {
        type Inputs = Numbers;
        type Output = Table;

        fn run(&self, inputs: Numbers, _: &ExecutionContext<'_>) -> Result<RowWork<Table>, StepError> {
            super::above(inputs.table, self.with.clone(), self.limit)
        }
    }

    fn columns(_: &KeepAbove, context: &ColumnContext<'_>) -> Columns {
        context.input("table").with(["sum"])
    }
}

/// What both row steps do.
fn above(table: Rows<Table>, with: Vec<ColumnName>, limit: i64) -> Result<RowWork<Table>, StepError> {
    let work = table.each(move |batch, tally| {
        let numbers: Vec<Option<i64>> = batch.integers("n")?.collect();
        let kept: Vec<usize> = (0..numbers.len()).filter(|row| numbers[*row].is_some_and(|n| n > limit)).collect();
        let mut sums: Vec<f64> = kept.iter().map(|row| numbers[*row].unwrap_or_default() as f64).collect();
        for column in &with {
            let more: Vec<Option<f64>> = batch.numbers(column.as_str())?.collect();
            sums.iter_mut().zip(&kept).for_each(|(sum, row)| *sum += more[*row].unwrap_or_default());
        }
        (0..numbers.len()).filter(|row| !kept.contains(row)).for_each(|row| tally.add(row, "dropped"));
        Ok(BatchOutput::of(kept).with(Values::floats(sums)))
    });
    let work = work.with_columns([Column::new("sum", ColumnType::Float)])?;
    Ok(work.signal("kept", |tally, rows| json!([rows.output, tally.count("dropped")])))
}

/// What both do.
fn work(
    left: &Table,
    right: Option<&Table>,
    context: &ExecutionContext<'_>,
    said: &str,
) -> Result<WithRejects<Table>, StepError> {
    context.signal("said", &json!([said, left.rows(), right.map(Table::rows)]))?;
    Ok(WithRejects { kept: left.clone(), rejects: left.gather(&[0]) })
}

/// Gives a column of numbers.
#[step("twins.numbers", version = 1)]
fn numbers(
    /// How many.
    count: u32,
) -> Result<Table, StepError> {
    let values = 0..i64::from(count);
    Ok(Table::new([(Column::new("n", ColumnType::Integer), Values::integers(values))])?)
}

/// A spec without the place of its definition, which alone differs, with functions by what they return.
fn described(spec: StepSpec) -> Value {
    let param = |param: &ParamSpec| {
        let (ty, default) = (format!("{:?}", param.ty.make()), param.default.map(Make::make));
        json!([
            param.name,
            param.doc,
            ty,
            default,
            param.unit,
            param.min,
            param.max,
            param.one_of,
            param.example,
            param.columns_of
        ])
    };
    json!({
        "type": spec.step_type().to_string(),
        "kind": spec.kind.name(),
        "flags": [spec.cache, spec.effects, spec.approximate],
        "rows": format!("{:?}", spec.rows),
        "doc": spec.doc,
        "inputs": format!("{:?}", spec.inputs),
        "outputs": format!("{:?}", spec.outputs),
        "params": spec.params.iter().map(param).collect::<Vec<_>>(),
    })
}

#[test]
fn they_have_one_description() {
    assert_eq!(described(as_struct::MatchRows::SPEC), described(as_function::MatchRows::SPEC));
    assert_eq!(described(rows_as_struct::KeepAbove::SPEC), described(rows_as_function::KeepAbove::SPEC));
    let reads = rows_as_struct::KeepAbove::new().with_with(["m"]).row_columns().unwrap();
    assert_eq!(reads, rows_as_function::KeepAbove::new().with_with(["m"]).row_columns().unwrap());
    assert!(reads.contains("n") && reads.contains("m") && !reads.contains("limit"));
}

#[test]
fn row_steps_have_one_identity_and_one_output() {
    for (with, limit) in [(vec![], 3), (vec!["n".into()], 0), (vec![], 100)] {
        let function = rows_as_function::KeepAbove { with: with.clone(), limit };
        let structure = rows_as_struct::KeepAbove::new().with_with(with).with_limit(limit);
        assert_eq!(ran(structure), ran(function));
    }
}

/// The events of a run of a row step on ten numbers.
fn ran(step: impl Step<Role = TransformRole>) -> Vec<String> {
    let engine = FlowEngine::new().first_step(Numbers::new(10)).add_step(step.named("above").unwrap()).build().unwrap();
    engine.run_to_end().unwrap();
    payloads(&engine)
}

/// The params, the identity, and every event of a run without its place and time, and without the hash of the code: the two
/// forms are different code.
fn record(step: impl Step<Role = SinkRole>, right: bool) -> (Value, Vec<String>) {
    let files = Files::relative_to(env!("CARGO_MANIFEST_DIR"));
    let nothing = Default::default();
    let inputs = [("left", Some(Columns::known(["n"]))), ("right", right.then(Columns::default))];
    let context = ColumnContext::new(&inputs, std::path::Path::new("."), &nothing);
    let told = json!([
        step.to_params(),
        step.identity(&files).unwrap(),
        format!("{:?} {:?} {:?}", step.named_columns(), step.columns(&context), step.check(&context)),
    ]);
    let mut named = step.named("match").unwrap().input("left", "numbers");
    if right {
        named = named.input("right", "numbers");
    }
    let engine = FlowEngine::new()
        .directory(env!("CARGO_MANIFEST_DIR"))
        .first_step(Numbers::new(3))
        .add_step(named)
        .build()
        .unwrap();
    engine.run_to_end().unwrap();
    (told, payloads(&engine))
}

/// The payloads of the events of a run, without its place and time, and without the hash of the code.
fn payloads(engine: &FlowEngine) -> Vec<String> {
    let events = engine.events().unwrap().into_iter().map(|event| event.kind);
    let events = events.filter(|kind| !matches!(kind, FlowEventKind::FlowInitialized(_)));
    let without_code = |mut kind| {
        if let FlowEventKind::StepFinished(finished) = &mut kind {
            finished.code = None;
        }
        kind
    };
    events.map(|kind| without_code(kind).payload_text().unwrap()).collect()
}

fn params() -> impl Strategy<Value = Map<String, Value>> {
    let value = |key: &'static str, values: BoxedStrategy<Value>| {
        proptest::option::of(values).prop_map(move |value| value.map(|value| (key.to_owned(), value)))
    };
    let texts = |texts: &'static [&'static str]| proptest::sample::select(texts).prop_map(Value::from).boxed();
    let files = proptest::collection::vec(proptest::sample::select(vec!["Cargo.toml", "src/lib.rs"]), 0..3);
    (
        "[a-z]{1,3}".prop_map(Value::from),
        value("within", (-1.0..10.5).prop_map(|number: f64| json!(number)).boxed()),
        value("which", texts(&["all", "first"])),
        value("files", files.prop_map(|files| json!(files)).boxed()),
        value("limit", (1..100_u32).prop_map(Value::from).boxed()),
        value("where", texts(&["n > 1", "n == 2 || n < 0"])),
    )
        .prop_map(|(on, within, which, files, limit, condition)| {
            let given = [within, which, files, limit, condition].into_iter().flatten();
            given.chain([("on".to_owned(), on)]).collect()
        })
}

proptest! {
    #![proptest_config(chem_tests::values::cases(64))]

    #[test]
    fn they_have_one_identity(params in params(), right: bool) {
        let function = as_function::MatchRows::from_params(&params).unwrap();
        let structure = as_struct::MatchRows::from_params(&params).unwrap();
        prop_assert_eq!(record(structure, right), record(function, right));
    }

    #[test]
    fn what_is_wrong_is_told_alike(within in -5.0..15.0, which in "(all|first|some)", limit in 0..3, extra: bool) {
        let mut params = json!({"within": within, "which": which, "limit": limit});
        if extra {
            params["onn"] = json!("x");
        }
        let params = params.as_object().unwrap();
        let told = |problems: Vec<ParamProblem>| format!("{problems:?}");
        prop_assert_eq!(
            as_struct::MatchRows::from_params(params).map(|_| ()).map_err(told),
            as_function::MatchRows::from_params(params).map(|_| ()).map_err(told)
        );
    }
}

#[test]
fn both_are_made_in_rust_alike() {
    let function = as_function::MatchRows::new("n").with_within(7).with_files(["Cargo.toml"]).with_limit(2);
    let structure = as_struct::MatchRows::new("n").with_within(7).with_files(["Cargo.toml"]).with_limit(2);
    let written = json!({"on": "n", "within": 7.0, "which": "all", "files": ["Cargo.toml"], "limit": 2});
    assert_eq!(json!(function.to_params()), written);
    assert_eq!(json!(structure.to_params()), written);
}
