//! Measures the cost of the runtime on top of the chemistry: `cargo bench -p chem-tests --bench chemistry`.
//!
//! The library is the approved drugs of `flows/data`, repeated up to the number that each measurement needs, or the SMILES
//! file that `CHEM_BENCH_LIBRARY` names. The sides of a comparison alternate, since the machine may be busy; the printed
//! value is the median over the rounds. Measurements of memory or of a single core run in a separate process, which this
//! program starts from itself.

mod bare;
mod flow;
mod library;
mod stages;
#[path = "../table.rs"]
mod table;

use std::process::Command;

use table::{Line, Target};

/// As in the `chem` program.
#[global_allocator]
static ALLOCATOR: chem_runtime::Allocator = chem_runtime::Allocator;

/// The environment variable that names the measurement of a separate process.
const PART: &str = "CHEM_BENCH_PART";

fn main() {
    match std::env::var(PART).as_deref() {
        Ok("hashing") => return println!("{}", flow::hashing()),
        Ok("memory") => return println!("{}", flow::memory()),
        _ => {}
    }
    // Cargo adds `--bench`; any other argument is part of a name.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    type Measure = fn() -> Line;
    let all: [(&str, Measure); 5] = [
        ("throughput", flow::throughput),
        ("work", flow::work),
        ("share", flow::share),
        ("hashing", hashing),
        ("memory", memory),
    ];
    table::head();
    for (name, measure) in all {
        if wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            table::print(&measure());
        }
    }
    if wanted.is_empty() || wanted.iter().any(|wanted| "stages".contains(wanted.as_str())) {
        stages::print();
    }
}

fn hashing() -> Line {
    let rate = part("hashing", "1");
    Line {
        work: "canonical JSON and SHA-256 of a dataset, one core".to_owned(),
        store: format!("{rate:.0} MB/s"),
        bare: "400 MB/s".to_owned(),
        ratio: rate / 400.0,
        target: Some(Target::AtLeast(1.0)),
    }
}

fn memory() -> Line {
    let peak = part("memory", "0");
    Line {
        work: format!("{} molecules read, described by 8 properties, kept in SQLite", flow::MANY),
        store: format!("{peak:.0} MiB at the peak"),
        bare: "1024 MiB".to_owned(),
        ratio: peak / 1024.0,
        target: Some(Target::AtMost(1.0)),
    }
}

/// Runs the measurement `name` in a separate process with this many threads; 0 means one per core.
fn part(name: &str, threads: &str) -> f64 {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).env(PART, name).env("RAYON_NUM_THREADS", threads).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}
