//! A separate process that uses a store, for tests that need several processes or one to kill. STORE is the address of a
//! store.
//!
//! - `append STORE RUN [PAIRS]`: appends to the run without end, that many pairs of events at a time, and prints the next
//!   position after each acknowledged append.
//! - `seal STORE DIRECTORY`: seals the log without end, with the checkpoint in the directory, and prints the number of events
//!   that are sealed after each seal.
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
use chem_runtime::evidence::{EvidenceError, Witness, seal};
#[cfg(feature = "postgres")]
use chem_runtime::store::postgres;
use chem_runtime::store::{EventStore, NewEvent, OpenMode, StoreUrl};
use chem_tests::events::{artifact, finished, numbered};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["append", store, run] => append(store, run, 1),
        ["append", store, run, pairs] => pairs.parse().map_err(Into::into).and_then(|pairs| append(store, run, pairs)),
        ["seal", store, directory] => seal_on(store, directory),
        ["open", address, run] => when_told(run, || open(address)),
        #[cfg(feature = "postgres")]
        ["environment", run] => when_told(run, || {
            let pool = postgres::build_dev_pool_from_env()?;
            Ok(Arc::new(postgres::PgEventStore::new(postgres::PoolProvider { pool })))
        }),
        _ => Err("usage: store-child append|open STORE RUN, store-child seal STORE DIRECTORY, or store-child environment RUN".into()),
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

fn append(address: &str, run: &str, pairs: u64) -> Result<(), Box<dyn Error>> {
    let store = open(address)?;
    let run: FlowId = run.parse()?;
    let mut next = store.next_position(run)?;
    loop {
        // The second of two events has an artifact.
        let pair = |position| [numbered(position), finished([artifact(position + 1)])];
        let events: Vec<NewEvent> = (0..pairs).flat_map(|number| pair(next + 2 * number)).collect();
        store.append(run, next, &events)?;
        next += 2 * pairs;
        writeln!(std::io::stdout(), "{next}")?;
        std::io::stdout().flush()?;
    }
}

fn seal_on(address: &str, directory: &str) -> Result<(), Box<dyn Error>> {
    let (store, witness) = (open(address)?, Witness::new(directory));
    loop {
        match seal(store.as_ref(), Some(&witness), None) {
            Ok(sealed) => {
                writeln!(std::io::stdout(), "{}", sealed.checkpoint.map_or(0, |checkpoint| checkpoint.size))?;
                std::io::stdout().flush()?;
                // A sealer without a pause would keep the writers from the store.
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            Err(EvidenceError::Busy) => {}
            Err(error) => return Err(error.into()),
        }
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
