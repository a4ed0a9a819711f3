//! A process of its own on an SQLite store, for the tests that need several, or one to kill.
//!
//! - `append PATH RUN`: appends to the run for ever, and prints each position once the store has acknowledged it.
//! - `open PATH RUN`: prints `ready`, waits for the end of its input, then opens the store, appends one event, prints
//!   `done`.
//!
//! An error is printed on standard error, with its causes, and the status is 1.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use chem_runtime::event::FlowId;
use chem_runtime::store::EventStore as _;
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_tests::events::{artifact, finished, numbered};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["append", path, run] => append(path, run),
        ["open", path, run] => open(path, run),
        _ => Err("usage: store-child append|open PATH RUN".into()),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    let mut cause: Option<&dyn Error> = Some(error.as_ref());
    while let Some(error) = cause {
        eprintln!("{error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

fn append(path: &str, run: &str) -> Result<(), Box<dyn Error>> {
    let store = SqliteEventStore::open(path)?;
    let run: FlowId = run.parse()?;
    let mut next = store.next_position(run)?;
    loop {
        // Each commit holds two events, and an artifact of the second.
        store.append(run, next, &[numbered(next), finished([artifact(next + 1)])])?;
        next += 2;
        writeln!(std::io::stdout(), "{next}")?;
        std::io::stdout().flush()?;
    }
}

fn open(path: &str, run: &str) -> Result<(), Box<dyn Error>> {
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    SqliteEventStore::open(path)?.append(run.parse()?, 0, &[numbered(0)])?;
    println!("done");
    Ok(())
}
