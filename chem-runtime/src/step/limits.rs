//! Limits the memory and time that data from outside may cost.
//!
//! Each limit is generous and has a default, which an environment variable overrides. A limit decides whether a step
//! fails and never what it outputs, so limits are not part of any fingerprint. `docs/limits.md` lists them.

use std::sync::OnceLock;

/// A limit with its default and the environment variable that changes it.
#[derive(Debug)]
pub struct Limit {
    /// The environment variable, `CHEM_LIMIT_…`.
    pub variable: &'static str,
    /// The value unless the variable is set.
    pub default: u64,
    /// What is counted, in the plural.
    pub unit: &'static str,
    value: OnceLock<u64>,
}

/// The size of a file that a step reads or passes to a program: 64 GiB.
pub static INPUT_BYTES: Limit = Limit::new("CHEM_LIMIT_INPUT_BYTES", 64 << 30, "bytes");

/// The number of files that a pattern matches, such as `data/*.csv`.
pub static INPUT_FILES: Limit = Limit::new("CHEM_LIMIT_INPUT_FILES", 10_000, "files");

/// The size of the text in a file of records, after decompression: 2 GiB.
pub static TEXT_BYTES: Limit = Limit::new("CHEM_LIMIT_TEXT_BYTES", 2 << 30, "bytes");

/// The factor by which compressed data may grow, beyond their first 16 MiB of text. Tables and molecules grow by a
/// factor of 3 to 30; gzip allows 1,032.
pub static GROWTH: Limit = Limit::new("CHEM_LIMIT_GROWTH", 100, "times their size");

/// The number of cells in a table read from JSON Lines or a workbook.
pub static TABLE_CELLS: Limit = Limit::new("CHEM_LIMIT_TABLE_CELLS", 100_000_000, "cells");

/// The number of cells in such a table beyond twenty for each value, and of merged cells that get a value.
pub static SPARSE_CELLS: Limit = Limit::new("CHEM_LIMIT_SPARSE_CELLS", 10_000_000, "cells");

/// The work of an expression on one row: one for each operation that a macro repeats, and one more for each 64 bytes of
/// text that it processes.
pub static EXPRESSION_WORK: Limit = Limit::new("CHEM_LIMIT_EXPRESSION_WORK", 2_000_000, "operations");

/// Every limit of this module.
pub static LIMITS: [&Limit; 7] =
    [&INPUT_BYTES, &INPUT_FILES, &TEXT_BYTES, &GROWTH, &TABLE_CELLS, &SPARSE_CELLS, &EXPRESSION_WORK];

impl Limit {
    const fn new(variable: &'static str, default: u64, unit: &'static str) -> Self {
        Self { variable, default, unit, value: OnceLock::new() }
    }

    /// Returns the value in this process. A variable that does not hold a valid number counts as unset; [`check`]
    /// reports it.
    pub fn get(&self) -> u64 {
        *self.value.get_or_init(|| self.read().ok().flatten().unwrap_or(self.default))
    }

    /// Returns the limit and the variable that changes it, for the end of an error message.
    pub fn advice(&self) -> String {
        format!("the limit is {} {}, which `{}` changes", self.get(), self.unit, self.variable)
    }

    fn read(&self) -> Result<Option<u64>, String> {
        let Some(value) = std::env::var_os(self.variable).filter(|value| !value.is_empty()) else { return Ok(None) };
        let value = value.to_string_lossy().into_owned();
        let number = value.replace('_', "").parse().ok().filter(|number| *number > 0);
        let expected = || format!("`{}` is `{value}`, expected a whole number of {}", self.variable, self.unit);
        number.map(Some).ok_or_else(expected)
    }
}

/// Checks that every `CHEM_LIMIT_…` variable of this process is known and holds a number greater than zero.
///
/// # Errors
/// Names the variable, what it holds, and what it may hold.
pub fn check() -> Result<(), String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| name.starts_with("CHEM_LIMIT_")) {
        if !LIMITS.iter().any(|limit| limit.variable == name) {
            let known: Vec<&str> = LIMITS.iter().map(|limit| limit.variable).collect();
            return Err(format!("there is no limit `{name}`; there are {}", super::listed(&known)));
        }
    }
    LIMITS.iter().try_for_each(|limit| limit.read().map(drop))
}
