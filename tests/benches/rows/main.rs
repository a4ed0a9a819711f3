//! Measures long work on rows: `cargo bench -p chem-tests --bench rows`.
//!
//! Arguments choose what to measure, and with how many rows: `changed=100000`, `memory=10000000`, `molecules=1000000`,
//! `parquet=1000000`, `resumed=100000`. Without arguments, all of these. `parquet` compares with polars, if the Python that
//! `CHEM_TEST_PYTHON` or `CHEM_TEST_RDKIT` names has it.

mod changed;
mod parquet;
mod program;

/// As in the `chem` program.
#[global_allocator]
static ALLOCATOR: chem_runtime::Allocator = chem_runtime::Allocator;

fn main() {
    let all = ["changed=100000", "memory=10000000", "molecules=1000000", "parquet=1000000", "resumed=100000"];
    // Cargo adds an argument of its own.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let chosen = if chosen.is_empty() { all.map(str::to_owned).to_vec() } else { chosen };
    for what in chosen {
        let (what, rows) =
            what.split_once('=').unwrap_or_else(|| panic!("expected such as `{}`, found `{what}`", all[0]));
        let rows = rows.replace('_', "").parse().unwrap();
        match what {
            "changed" => changed::measure(rows),
            "memory" => [rows / 10, rows].map(program::memory).into_iter().collect(),
            "molecules" => [rows / 10, rows].map(program::molecules).into_iter().collect(),
            "parquet" => parquet::measure(rows),
            "resumed" => program::resumed(rows),
            _ => panic!("there is no `{what}`; there are {}", all.join(", ")),
        }
    }
}
