//! The command line without the steps for tests, as readers of the documentation have it.

fn main() -> std::process::ExitCode {
    chem_runtime::cli::main()
}
