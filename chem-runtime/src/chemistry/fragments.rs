//! Counts fragments of molecules: groups and rings, by their SMARTS.
//!
//! `data/fragments.tsv` has the fragments that RDKit's `Fragments` counts (BSD-3-Clause, Copyright (C) 2002, Rational Discovery
//! LLC; see NOTICE).

use std::collections::HashMap;
use std::sync::LazyLock;

use super::library::{Pattern, Structure};

/// The patterns of the fragments by name. A test excludes that one does not parse.
static PATTERNS: LazyLock<HashMap<&str, Pattern>> = LazyLock::new(|| {
    let lines = include_str!("../../data/fragments.tsv").lines().filter(|line| !line.starts_with('#'));
    let fragments = lines.filter_map(|line| line.split_once('\t'));
    fragments.filter_map(|(name, smarts)| Some((name, Pattern::from_smarts(smarts).ok()?))).collect()
});

/// Counts the occurrences of the fragment called `name`, on different sets of atoms and at most 1000. `None` if there is none of
/// this name, or if the search takes too long.
pub(super) fn fragment_count(name: &str, structure: &Structure) -> Option<i64> {
    let count = structure.count(PATTERNS.get(name)?).ok()?;
    i64::try_from(count).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::on_workers;

    #[test]
    fn every_fragment_has_a_pattern_and_occurrences_are_counted() {
        on_workers(|| {
            assert_eq!(PATTERNS.len(), 85);
            let glycerol = Structure::from_smiles("OCC(O)CO").unwrap();
            assert_eq!(fragment_count("fr_al_oh", &glycerol), Some(3));
            assert_eq!(fragment_count("fr_benzene", &glycerol), Some(0));
            assert_eq!(fragment_count("fr_ester ", &glycerol), None);
        })
        .unwrap();
    }
}
