//! Measures a flow that reads molecules and describes them by eight properties.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chem_runtime::artifact::{ArtifactValue as _, Column, ColumnType, Table, Values};
use chem_runtime::chemistry::{DescribeMolecules, Property, ReadMolecules, Structure};
use chem_runtime::engine::FlowEngine;
use chem_runtime::records::{map_records, on_workers};
use chem_runtime::step::{CancelToken, ExecutionContext, Files, Inputs, Silent, Step as _, StepId};
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventStore, InMemoryEventStore, StoredArtifacts};
use serde_json::json;

use crate::table::{Line, Target, median};
use crate::{bare, library};

/// The number of molecules in measurements of time.
const SOME: usize = 6_080;
/// The number of molecules in measurements of memory.
pub const MANY: usize = 100_000;
const ROUNDS: usize = 5;

fn seconds(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

/// Runs the flow over the lines, with its log in a new SQLite store, and returns the time it took.
fn run(directory: &Path, lines: &[String]) -> Duration {
    std::fs::write(directory.join("library.smi"), lines.join("\n")).unwrap();
    let store = directory.join("log.db");
    let _ = std::fs::remove_file(&store);
    let store: Arc<dyn EventStore> = Arc::new(SqliteEventStore::open(store).unwrap());
    let read = ReadMolecules::from_params(json!({ "path": "library.smi" }).as_object().unwrap()).unwrap();
    let begun = Instant::now();
    let engine = FlowEngine::on(store)
        .directory(directory)
        .first_step(read)
        .add_step(DescribeMolecules { properties: bare::PROPERTIES.map(str::to_owned).to_vec() })
        .build()
        .unwrap();
    engine.run_to_end().unwrap();
    begun.elapsed()
}

/// Compares the rate of the flow with that of a bare loop on the same threads. The number of cores times the rate of the loop on
/// one shows how much is due to the library and the machine.
pub fn throughput() -> Line {
    let (directory, lines) = (tempfile::tempdir().unwrap(), library::lines(SOME));
    let cores = std::thread::available_parallelism().unwrap().get() as f64;
    let rate = |seconds: f64| SOME as f64 / seconds;
    let mut on_one = Vec::new();
    let rounds = (0..ROUNDS).map(|_| {
        let ours = rate(run(directory.path(), &lines).as_secs_f64());
        let one = rate(seconds(|| {
            on_workers(|| lines.iter().for_each(|line| bare::describe(library::smiles(line)))).unwrap()
        }));
        let all = rate(seconds(|| {
            with_context(|context| map_records(context, &lines, |line| bare::describe(library::smiles(line)))).unwrap();
        }));
        on_one.push((cores * one, all));
        (ours, all)
    });
    let (ours, bare) = median(rounds.collect());
    let (one, _) = median(on_one);
    Line {
        work: "molecules read and described by 8 properties".to_owned(),
        store: format!("{ours:.0}/s"),
        bare: format!("{bare:.0}/s: a bare loop on the same threads; {cores} times one on one thread makes {one:.0}/s"),
        ratio: ours / bare,
        target: Some(Target::AtLeast(0.95)),
    }
}

/// Compares the CPU time of the flow, on all cores together, with that of the bare loop, per molecule. Unlike elapsed
/// time, it excludes other programs on the machine.
pub fn work() -> Line {
    let (directory, lines) = (tempfile::tempdir().unwrap(), library::lines(SOME));
    let each = |work: &dyn Fn()| {
        let begun = core_seconds();
        work();
        (core_seconds() - begun) * 1e6 / SOME as f64
    };
    let rounds = (0..ROUNDS).map(|_| {
        let ours = each(&|| {
            run(directory.path(), &lines);
        });
        let bare = each(&|| {
            on_workers(|| lines.iter().for_each(|line| bare::describe(library::smiles(line)))).unwrap();
        });
        (bare, ours)
    });
    let (bare, ours) = median(rounds.collect());
    Line {
        work: "the same, in time that cores worked".to_owned(),
        store: format!("{ours:.0} µs a molecule"),
        bare: format!("{bare:.0} µs in the bare loop"),
        ratio: bare / ours,
        target: Some(Target::AtLeast(0.9)),
    }
}

/// Returns the CPU time of this process, in seconds. Linux counts it in hundredths.
fn core_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells the time that a process took");
    // User and system time are the 12th and 13th fields after the program's name, which may contain anything.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// Measures the share of the flow's time that is not chemistry: reading, tables, hashing, storing, events. The chemistry
/// is what the two steps do for each molecule, spread over the cores in the same way.
pub fn share() -> Line {
    let (directory, lines) = (tempfile::tempdir().unwrap(), library::lines(SOME));
    let properties: Vec<&Property> = bare::PROPERTIES.iter().map(|name| Property::named(name).unwrap()).collect();
    let alone = |context: &ExecutionContext<'_>| {
        let smiles = map_records(context, &lines, |line| {
            Structure::from_smiles(library::smiles(line)).ok()?.canonical_smiles().ok()
        });
        let described = map_records(context, &smiles.unwrap(), |smiles| {
            let structure = Structure::from_canonical(smiles.as_deref()?).ok()?;
            Some(properties.iter().map(|property| property.of(&structure)).collect::<Vec<_>>())
        });
        std::hint::black_box(described.unwrap());
    };
    let rounds = (0..ROUNDS).map(|_| {
        let whole = run(directory.path(), &lines).as_secs_f64();
        (whole - seconds(|| with_context(alone)), whole)
    });
    let (runtime, whole) = median(rounds.collect());
    Line {
        work: format!("the runtime's part of reading and describing {SOME} molecules"),
        store: format!("{:.0} ms", runtime * 1e3),
        bare: format!("{:.0} ms: the whole flow, its log in SQLite", whole * 1e3),
        ratio: runtime / whole,
        target: Some(Target::AtMost(0.15)),
    }
}

/// Calls `work` with an execution context outside a run.
fn with_context<T>(work: impl FnOnce(&ExecutionContext<'_>) -> T) -> T {
    let (id, inputs, files) = (StepId::new("alone").unwrap(), Inputs::default(), Files::relative_to("."));
    let (cancel, store) = (CancelToken::default(), InMemoryEventStore::new());
    let artifacts = StoredArtifacts(&store);
    work(&ExecutionContext::new(&id, &inputs, &artifacts, &files, &cancel, &Silent))
}

/// Returns the rate at which a dataset of molecules becomes artifacts, in MB per second.
pub fn hashing() -> f64 {
    let lines = library::lines(MANY);
    let column = |name, ty| Column::new(name, ty);
    let words =
        |index: usize| Values::texts(lines.iter().map(|line| line.splitn(2, ' ').nth(index).unwrap_or_default()));
    let number = |scale: f64| Values::floats((0..MANY).map(|row| (row as f64 * scale * 1e6).round() / 1e6));
    let whole = |modulus: usize| Values::integers((0..MANY).map(|row| (row % modulus) as i64));
    let table = Table::new([
        (column("name", ColumnType::Text), words(1)),
        (column("smiles", ColumnType::Text), words(0)),
        (column("record", ColumnType::Integer), whole(MANY)),
        (column("molecular_weight", ColumnType::Float), number(0.001_234_567)),
        (column("logp", ColumnType::Float), number(0.000_054_321)),
        (column("tpsa", ColumnType::Float), number(0.000_7)),
        (column("fraction_csp3", ColumnType::Float), number(0.000_009_9)),
        (column("hbd", ColumnType::Integer), whole(7)),
        (column("hba", ColumnType::Integer), whole(11)),
        (column("rotatable_bonds", ColumnType::Integer), whole(13)),
        (column("rings", ColumnType::Integer), whole(5)),
    ])
    .unwrap();
    let rounds = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        let packed = table.pack().unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        let bytes: usize = packed.parts.iter().map(|part| part.payload_text().len()).sum();
        (bytes as f64 / 1e6, seconds)
    });
    let (megabytes, seconds) = median(rounds.collect());
    megabytes / seconds
}

/// Returns the peak memory of this process after a flow over [`MANY`] molecules, in MiB.
pub fn memory() -> f64 {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), &library::lines(MANY));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the system tells the peak of memory");
    peak.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
