//! The `chem` program.

fn main() {}
