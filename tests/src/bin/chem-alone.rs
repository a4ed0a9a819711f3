//! The command line without the steps for tests: what a reader of the documentation has.

fn main() -> std::process::ExitCode {
    chem_runtime::cli::main()
}
