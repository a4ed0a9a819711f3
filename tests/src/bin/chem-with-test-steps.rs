//! The command line as a user's crate gets it: linking alone adds its steps.

use chem_tests as _;

fn main() -> std::process::ExitCode {
    chem_runtime::cli::main()
}
