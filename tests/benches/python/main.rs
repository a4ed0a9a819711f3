//! Measures steps in Python: `cargo bench -p chem-tests --bench python`.
//!
//! Arguments choose what to measure, and with how many rows: `batch=1000000`, `record=1000000`, `first`. Without arguments, all
//! of these. `CHEM_TEST_PYTHON` names an interpreter that has pyarrow, or else `python3` is tried; `CHEM_TEST_MATURIN` names
//! maturin, without which `first` is left out.

#[path = "../table.rs"]
mod table;

mod first;
mod rows;

use std::path::PathBuf;
use std::process::Command;

fn main() {
    let all = ["batch=1000000", "record=1000000", "first"];
    // Cargo adds an argument of its own.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let chosen = if chosen.is_empty() { all.map(str::to_owned).to_vec() } else { chosen };
    let python = python();
    table::head();
    for what in chosen {
        let (what, count) = what.split_once('=').unwrap_or((&what, "1000000"));
        let count: usize = count.replace('_', "").parse().unwrap();
        match what {
            "batch" => rows::batch(&python, count),
            "record" => rows::record(&python, count),
            "first" => first::result(&python),
            _ => panic!("there is no `{what}`; there are {}", all.join(", ")),
        }
    }
}

/// Returns the interpreter.
fn python() -> PathBuf {
    let named = std::env::var_os("CHEM_TEST_PYTHON").filter(|name| !name.is_empty());
    let python = PathBuf::from(named.unwrap_or_else(|| "python3".into()));
    let output = Command::new(&python).args(["-c", "import pyarrow, sys; print(sys.executable)"]).output().unwrap();
    assert!(output.status.success(), "{} has no pyarrow; CHEM_TEST_PYTHON names another interpreter", python.display());
    String::from_utf8(output.stdout).unwrap().trim().into()
}
