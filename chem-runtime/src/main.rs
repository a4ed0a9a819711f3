//! The `chem` program.

fn main() -> std::process::ExitCode {
    chem_runtime::cli::main()
}
