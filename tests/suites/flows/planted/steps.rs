//! Defines step types before and after a change of code.
//!
//! Two step types of one name cannot be linked, so each is registered under its own name; [`As`] assigns the name and
//! version that a registry needs.

use std::fmt::Debug;
use std::marker::PhantomData;

use chem_runtime::prelude::*;
use chem_runtime::step::{Files, ParamProblem, StepOutput, StepRegistration, StepSpec};
use chem_runtime::steps::demo::Text;
use serde_json::{Map, Value, json};

chem_runtime::__private::inventory::submit! {
    chem_runtime::step::Library { name: "toylib", version: "2.0.0" }
}

/// A step type under another name.
pub trait Alias: Clone + Debug + Send + Sync + 'static {
    type Of: Step;
    const NAME: &'static str;
    const VERSION: u32;
}

#[derive(Debug, Clone)]
pub struct As<A: Alias>(A::Of, PhantomData<A>);

impl<A: Alias> Step for As<A> {
    const SPEC: StepSpec = StepSpec { name: A::NAME, version: A::VERSION, ..A::Of::SPEC };

    type Role = <A::Of as Step>::Role;

    fn from_params(params: &Map<String, Value>) -> Result<Self, Vec<ParamProblem>> {
        Ok(Self(A::Of::from_params(params)?, PhantomData))
    }

    fn to_params(&self) -> Map<String, Value> {
        self.0.to_params()
    }

    fn identity(&self, files: &Files) -> Result<Map<String, Value>, StepError> {
        self.0.identity(files)
    }

    fn execute(&self, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError> {
        self.0.execute(context)
    }
}

/// Registers the step type `$of` as `$name` in version `$version`.
macro_rules! registered {
    ($of:ty as $name:literal, $version:literal) => {{
        #[derive(Debug, Clone)]
        struct Registered;
        impl $crate::planted::steps::Alias for Registered {
            type Of = $of;
            const NAME: &'static str = $name;
            const VERSION: u32 = $version;
        }
        $crate::planted::steps::registration::<Registered>()
    }};
}
pub fn registration<A: Alias>() -> &'static StepRegistration {
    Box::leak(Box::new(StepRegistration::of::<As<A>>()))
}

/// Reads a text.
#[step("planted.read", version = 1)]
pub fn read(
    /// The file.
    path: InputFile,
    context: &ExecutionContext<'_>,
) -> Result<Text, StepError> {
    let bytes = path.read(context.files())?;
    Ok(Text(String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}

/// Reads a text without trimming it.
#[step("planted.read_all", version = 1)]
pub fn read_all(
    /// The file.
    path: InputFile,
    context: &ExecutionContext<'_>,
) -> Result<Text, StepError> {
    let bytes = path.read(context.files())?;
    Ok(Text(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Shouts.
#[step("planted.shout", version = 1)]
pub fn shout(
    text: Input<Text>,
    /// How many marks to put behind the text.
    #[param(default = 0)]
    marks: u32,
) -> Result<Text, StepError> {
    Ok(Text(text.0.to_uppercase() + &"!".repeat(marks as usize)))
}

/// Whispers.
#[step("planted.whisper", version = 1)]
pub fn whisper(
    text: Input<Text>,
    /// How many marks to put behind the text.
    #[param(default = 0)]
    marks: u32,
) -> Result<Text, StepError> {
    Ok(Text(text.0.to_lowercase() + &"!".repeat(marks as usize)))
}

/// Shouts louder by default.
#[step("planted.shout_louder", version = 1)]
pub fn shout_louder(
    text: Input<Text>,
    /// How many marks to put behind the text.
    #[param(default = 1)]
    marks: u32,
) -> Result<Text, StepError> {
    shout(text, marks)
}

/// Shouts several times, by a new parameter.
#[step("planted.shout_twice", version = 1)]
pub fn shout_twice(
    text: Input<Text>,
    /// How many marks to put behind the text.
    #[param(default = 0)]
    marks: u32,
    /// How often to shout.
    #[param(default = 1)]
    times: usize,
) -> Result<Text, StepError> {
    Ok(Text(shout(text, marks)?.0.repeat(times)))
}

/// Fails.
#[step("planted.hoarse", version = 1)]
pub fn hoarse(
    text: Input<Text>,
    /// How many marks to put behind the text.
    #[param(default = 0)]
    marks: u32,
) -> Result<Text, StepError> {
    Err(StepError::new(format!("no voice for `{}` and {marks} marks", text.0)))
}

/// Turns a text around.
#[step("planted.mirror", version = 1)]
pub fn mirror(text: Input<Text>) -> Result<Text, StepError> {
    Ok(Text(text.0.chars().rev().collect()))
}

fn table(text: &str, first: u32, provider: &str) -> Result<Table, StepError> {
    let letters = Values::texts(text.chars().map(|letter| letter.to_string()));
    let codes = Values::integers(text.chars().map(|letter| i64::from(u32::from(letter) + first)));
    Ok(Table::new([
        (Column::new("letter", ColumnType::Text), letters),
        (Column::new("code", ColumnType::Integer).with_provider(provider), codes),
    ])?)
}

/// Makes a table of letters.
#[step("planted.letters", version = 1)]
pub fn letters(text: Input<Text>) -> Result<Table, StepError> {
    table(&text.0, 0, "toylib@1.0.0")
}

/// Makes a table of letters with other codes.
#[step("planted.letters_from_one", version = 1)]
pub fn letters_from_one(text: Input<Text>) -> Result<Table, StepError> {
    table(&text.0, 1, "toylib@1.0.0")
}

/// Makes a table of letters with a newer library.
#[step("planted.letters_by_two", version = 1)]
pub fn letters_by_two(text: Input<Text>) -> Result<Table, StepError> {
    table(&text.0, 0, "toylib@2.0.0")
}

/// The number of rows.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Rows {
    rows: usize,
}

impl JsonArtifact for Rows {
    const KIND: &'static str = "rows";
}

/// Counts rows.
#[step("planted.count", version = 1, kind = Sink)]
pub fn count(table: Input<Table>, context: &ExecutionContext<'_>) -> Result<Rows, StepError> {
    context.signal("counting", &json!({ "columns": table.columns().len() }))?;
    context.signal("counted", &json!({ "rows": table.rows() }))?;
    Ok(Rows { rows: table.rows() })
}

/// Counts the header as well.
#[step("planted.count_more", version = 1, kind = Sink)]
pub fn count_more(table: Input<Table>, context: &ExecutionContext<'_>) -> Result<Rows, StepError> {
    Ok(Rows { rows: count(table, context)?.rows + 1 })
}

/// Sends its signals in reverse order.
#[step("planted.count_backwards", version = 1, kind = Sink)]
pub fn count_backwards(table: Input<Table>, context: &ExecutionContext<'_>) -> Result<Rows, StepError> {
    context.signal("counted", &json!({ "rows": table.rows() }))?;
    context.signal("counting", &json!({ "columns": table.columns().len() }))?;
    Ok(Rows { rows: table.rows() })
}
