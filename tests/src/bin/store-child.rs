//! A separate process that uses a store, for tests that need several processes or one to kill. STORE is the address of a
//! store.
//!
//! - `append STORE RUN`: appends to the run without end, and prints the next position after each acknowledged append.
//! - `open STORE RUN`: prints `ready`, waits for the end of its input, then opens the store, appends one event, and prints
//!   `done`.
//!
//! - `environment RUN`: does the same with the store that `DATABASE_URL` names, through a pool built from the environment.
//!
//! Prints errors with their causes on stderr, and exits with status 1.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use chem_runtime::event::FlowId;
#[cfg(feature = "postgres")]
use chem_runtime::store::postgres;
use chem_runtime::store::{EventStore, OpenMode, StoreUrl};
use chem_tests::events::{artifact, finished, numbered};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["append", store, run] => append(store, run),
        ["open", address, run] => when_told(run, || open(address)),
        #[cfg(feature = "postgres")]
        ["environment", run] => when_told(run, || {
            let pool = postgres::build_dev_pool_from_env()?;
            Ok(Arc::new(postgres::PgEventStore::new(postgres::PoolProvider { pool })))
        }),
        _ => Err("usage: store-child append|open STORE RUN, or store-child environment RUN".into()),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    let mut cause: Option<&dyn Error> = Some(error.as_ref());
    while let Some(error) = cause {
        eprintln!("{error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

fn open(address: &str) -> Result<Arc<dyn EventStore>, Box<dyn Error>> {
    Ok(address.parse::<StoreUrl>()?.open(OpenMode::Create)?)
}

fn append(address: &str, run: &str) -> Result<(), Box<dyn Error>> {
    let store = open(address)?;
    let run: FlowId = run.parse()?;
    let mut next = store.next_position(run)?;
    loop {
        // Each commit has two events, the second with an artifact.
        store.append(run, next, &[numbered(next), finished([artifact(next + 1)])])?;
        next += 2;
        writeln!(std::io::stdout(), "{next}")?;
        std::io::stdout().flush()?;
    }
}

fn when_told(
    run: &str,
    open: impl FnOnce() -> Result<Arc<dyn EventStore>, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    open()?.append(run.parse()?, 0, &[numbered(0)])?;
    println!("done");
    Ok(())
}
