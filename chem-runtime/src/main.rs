//! The `chem` program.

#[cfg(feature = "chemistry")]
#[global_allocator]
static ALLOCATOR: chem_runtime::Allocator = chem_runtime::Allocator;

fn main() -> std::process::ExitCode {
    chem_runtime::cli::main()
}
