//! Step types that are slow, fail or panic.

use std::time::{Duration, Instant};

use chem_runtime::prelude::*;
use chem_runtime::steps::demo::Text;

/// Waits, and adds a mark to the text, leaving a line in a file for each time that it runs.
#[step("test.slow", version = 1)]
pub fn slow(
    text: Input<Text>,
    context: &ExecutionContext<'_>,
    /// How long to wait.
    #[param(default = 20, unit = "ms")]
    wait: u64,
    /// The file that gets a line for each run of this step.
    ran: Option<OutputFile>,
) -> Result<Text, StepError> {
    use std::io::Write as _;
    if let Some(ran) = ran {
        let path = context.files().output(ran.as_str());
        writeln!(std::fs::File::options().create(true).append(true).open(path)?, "{}", context.step_id())?;
    }
    let until = Instant::now() + Duration::from_millis(wait);
    while Instant::now() < until {
        context.check_cancelled()?;
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(Text(format!("{}.", text.0)))
}

/// Waits like `test.slow`, without checking for cancellation.
#[step("test.deaf", version = 1)]
pub fn deaf(
    text: Input<Text>,
    context: &ExecutionContext<'_>,
    /// How long to wait.
    #[param(unit = "ms")]
    wait: u64,
    /// The file that gets a line for each run of this step.
    ran: OutputFile,
) -> Result<Text, StepError> {
    std::fs::write(context.files().output(ran.as_str()), "began\n")?;
    std::thread::sleep(Duration::from_millis(wait));
    Ok(Text(text.0.clone()))
}

/// Fails in a way that may pass, for the first so many runs, and leaves a line in a file for each.
#[step("test.busy", version = 1)]
pub fn busy(
    text: Input<Text>,
    context: &ExecutionContext<'_>,
    /// How often it fails.
    #[param(default = 1)]
    times: u64,
    /// The file that gets a line for each run of this step.
    tried: OutputFile,
) -> Result<Text, StepError> {
    use std::io::Write as _;
    let path = context.files().output(tried.as_str());
    writeln!(std::fs::File::options().create(true).append(true).open(&path)?, "{}", context.step_id())?;
    if std::fs::read_to_string(path)?.lines().count() as u64 <= times {
        return Err(StepError::new("the server is busy").transient());
    }
    Ok(Text(text.0.clone()))
}

/// Waits at each row, and adds the square of a column of integers, leaving a line in a file for each row.
#[step("test.slow_rows", version = 1, rows)]
pub fn slow_rows(
    table: Rows<Table>,
    context: &ExecutionContext<'_>,
    /// The column of integers.
    column: ColumnName,
    /// How long to wait at each row.
    #[param(default = 500, unit = "µs")]
    wait: u64,
    /// The file that gets a line for each row.
    worked: Option<OutputFile>,
) -> Result<RowWork<Table>, StepError> {
    use std::io::Write as _;
    let path = worked.map(|worked| context.files().output(worked.as_str()));
    let work = table.each(move |batch, tally| {
        let mut squares = Vec::with_capacity(batch.len());
        for (row, number) in batch.integers(column.as_str())?.enumerate() {
            std::thread::sleep(Duration::from_micros(wait));
            if number.is_some_and(|number| number % 2 == 0) {
                tally.add(row, "even");
            }
            tally.see(row, "digits", &number.map(|number| (number % 10).to_string()).unwrap_or_default());
            squares.push(number.map(|number| number * number));
        }
        if let Some(path) = &path {
            let mut file = std::fs::File::options().create(true).append(true).open(path)?;
            file.write_all("row\n".repeat(batch.len()).as_bytes())?;
        }
        Ok(BatchOutput::all().with(Values::integers(squares)))
    });
    let work = work.with_columns([Column::new("square", ColumnType::Integer)])?;
    Ok(work.signal("squared", |tally, rows| {
        serde_json::json!([rows.output, tally.count("even"), tally.distinct("digits")])
    }))
}

/// Fails.
#[step("test.fail", version = 1)]
pub fn fail(text: Input<Text>) -> Result<Text, StepError> {
    let cause = std::io::Error::other("the bottle is empty");
    Err(StepError::context(format!("nothing can be made of `{}`", text.0), cause))
}

/// Panics.
#[step("test.panic", version = 1)]
pub fn panic(text: Input<Text>) -> Result<Text, StepError> {
    panic!("a bug met `{}`", text.0)
}

/// Keeps data in a temporary file while it works.
#[step("test.scratch", version = 1)]
pub fn scratch(
    text: Input<Text>,
    /// How much to keep.
    #[param(default = 12, unit = "MiB")]
    size: u64,
) -> Result<Text, StepError> {
    use std::io::Write as _;
    let cannot = |error| StepError::context(format!("cannot keep the text of `{}`", text.0), error);
    let mut kept = tempfile::tempfile().map_err(cannot)?;
    (0..size).try_for_each(|_| kept.write_all(&[0; 1 << 20])).map_err(cannot)?;
    Ok(Text(format!("{}.", text.0)))
}
