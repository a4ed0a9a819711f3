//! The command line as a crate of one's own gets it: with its steps in, by linking alone.

use chem_tests as _;

fn main() -> std::process::ExitCode {
    chem_runtime::cli::main()
}
