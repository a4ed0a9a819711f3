//! Steps of these suites.

use std::sync::atomic::{AtomicU8, Ordering};

use chem_runtime::prelude::*;
use chem_runtime::step::History;

/// Gives numbered rows.
#[step("workbench.rows", version = 1)]
pub fn rows(
    /// How many.
    #[param(default = 10)]
    rows: u32,
) -> Result<Table, StepError> {
    let numbers = 0..i64::from(rows);
    Ok(Table::new([(Column::new("number", ColumnType::Integer), Values::integers(numbers))])?)
}

/// Tells how many rows there are, and puts nothing out.
#[step("workbench.tell", version = 1, kind = Sink)]
pub fn tell(table: Input<Table>, context: &ExecutionContext<'_>) -> Result<(), StepError> {
    context.signal("rows", &table.rows())
}

/// A fault that a step of these suites has from now on, as a program with a bug would.
pub static FAULT: AtomicU8 = AtomicU8::new(NONE);

pub const NONE: u8 = 0;
pub const ONE_ULP: u8 = 1;
pub const ORDER: u8 = 2;
pub const SEED: u8 = 3;
pub const FAILS: u8 = 4;
/// Ctrl-C is pressed while the step works.
pub const STOPS: u8 = 5;

/// Gives random numbers.
#[step("workbench.random", version = 1)]
pub fn random(
    /// Where the numbers begin.
    #[param(default = 1)]
    seed: u32,
    /// How many.
    #[param(default = 3000)]
    rows: u32,
) -> Result<Table, StepError> {
    table(seed, rows)
}

/// Gives random numbers, as a computation does whose last bits depend on the machine.
#[step("workbench.rough", version = 1, approximate)]
pub fn rough(
    /// Where the numbers begin.
    #[param(default = 1)]
    seed: u32,
) -> Result<Table, StepError> {
    table(seed, 3000)
}

fn table(seed: u32, rows: u32) -> Result<Table, StepError> {
    let fault = FAULT.load(Ordering::SeqCst);
    let mut state = u64::from(seed) + u64::from(fault == SEED);
    let mut values: Vec<f64> = (0..rows)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / 1e6
        })
        .collect();
    match fault {
        ONE_ULP => values[2000] = values[2000].next_up(),
        ORDER => values.swap(1000, 1001),
        STOPS => return Err(StepError::interrupted()),
        FAILS => return Err(StepError::new("it is Monday")),
        _ => {}
    }
    let numbers = 0..i64::from(rows);
    Ok(Table::new([
        (Column::new("number", ColumnType::Integer), Values::integers(numbers)),
        (Column::new("value", ColumnType::Float), Values::floats(values)),
    ])?)
}

/// Keeps the rows whose value is at most a limit.
#[step("workbench.keep", version = 1)]
pub fn keep(
    table: Input<Table>,
    /// The limit.
    max: f64,
) -> Result<Table, StepError> {
    let values = table.floats("value")?;
    let rows: Vec<usize> =
        (0..values.len()).filter(|&row| values.cell(row).is_some_and(|value| value <= max)).collect();
    Ok(table.gather(&rows))
}

/// Acts on the world.
#[step("workbench.act", version = 1, kind = Sink, cache = false)]
pub fn act(table: Input<Table>, context: &ExecutionContext<'_>) -> Result<(), StepError> {
    context.signal("acted", &table.rows())
}

/// Counts the lines of a file that an earlier step of the flow has written.
#[step("workbench.lines", version = 1)]
pub fn lines(
    table: Input<Table>,
    /// The file.
    path: InputFile,
    context: &ExecutionContext<'_>,
) -> Result<Table, StepError> {
    let count = path.read(context.files())?.iter().filter(|byte| **byte == b'\n').count();
    context.signal("rows", &table.rows())?;
    rows(u32::try_from(count)?)
}

/// Tells which steps led to a table.
#[step("workbench.tale", version = 1)]
pub fn tale(table: Input<Table>, history: Option<Input<History>>) -> Result<Table, StepError> {
    let steps = history.map_or(0, |history| history.steps.len());
    rows(u32::try_from(table.rows() + steps)?)
}
