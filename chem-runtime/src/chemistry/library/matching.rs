//! Searches structures for patterns, within a budget of steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cosmolkit::{AtomQueryPredicate, QueryGraph, QueryNode, SubstructMatchParams};

use super::pattern::Pattern;
use super::{Structure, guarded};

/// The maximum number of steps of a search. Each step maps an atom of the pattern to a matching atom of the molecule. For a
/// pattern with several components, `C.C`, a step may try every atom and counts once per atom.
pub const MAX_MATCH_STEPS: u64 = 2_000_000;

/// Why a search has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmatched {
    /// The search would take more than [`MAX_MATCH_STEPS`].
    #[error("the search takes more than {MAX_MATCH_STEPS} steps")]
    TooLong,
    /// The library failed.
    #[error("the chemistry library failed to search for it")]
    Failed,
}

impl Structure {
    /// Returns whether the pattern occurs in the structure. Ignores stereochemistry.
    ///
    /// # Errors
    /// Fails if the search takes too long or the library fails.
    pub fn has(&self, pattern: &Pattern) -> Result<bool, Unmatched> {
        Ok(self.occurrences(pattern, 1)? > 0)
    }

    /// Returns whether the pattern occurs on more than `times` different sets of atoms. Ignores stereochemistry. Like
    /// RDKit's `SubstructMatch`, counts at most 1000 matches.
    ///
    /// # Errors
    /// Fails like [`has`](Self::has).
    pub fn has_more_than(&self, times: u32, pattern: &Pattern) -> Result<bool, Unmatched> {
        match times {
            0 => self.has(pattern),
            _ => Ok(self.occurrences(pattern, SubstructMatchParams::default().max_matches)? > times as usize),
        }
    }

    fn occurrences(&self, pattern: &Pattern, max_matches: usize) -> Result<usize, Unmatched> {
        let atoms_per_step = if in_parts(pattern.query()) { self.0.num_atoms().max(1) as u64 } else { 1 };
        let allowed = MAX_MATCH_STEPS / atoms_per_step;
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        let params = SubstructMatchParams {
            max_matches,
            // Once the budget is spent no atom matches, which ends the search.
            extra_atom_check: Some(Arc::new(move |_, _, _, _| count.fetch_add(1, Ordering::Relaxed) < allowed)),
            ..SubstructMatchParams::default()
        };
        let found = guarded(|| self.0.substruct_matches_with_params(pattern.query(), &params).ok()).flatten();
        if taken.load(Ordering::Relaxed) > allowed {
            return Err(Unmatched::TooLong);
        }
        found.map(|matches| matches.len()).ok_or(Unmatched::Failed)
    }
}

/// Returns whether the pattern or a recursive pattern in it has several components.
fn in_parts(pattern: &QueryGraph) -> bool {
    parts(pattern) > 1 || pattern.atoms().iter().any(|atom| has_parts(atom.predicate()))
}

fn has_parts(query: &QueryNode<AtomQueryPredicate>) -> bool {
    match query {
        QueryNode::And(parts) | QueryNode::Or(parts) | QueryNode::Xor(parts) => parts.iter().any(has_parts),
        QueryNode::Not(inner) => has_parts(inner),
        QueryNode::Predicate(AtomQueryPredicate::RecursiveSmarts(inner)) => inner.query_graph().is_some_and(in_parts),
        QueryNode::Predicate(_) => false,
    }
}

/// Counts the connected components of the pattern.
fn parts(pattern: &QueryGraph) -> usize {
    let neighbours = pattern.adjacency();
    let mut seen = vec![false; neighbours.len()];
    let mut parts = 0;
    for start in 0..neighbours.len() {
        if seen[start] {
            continue;
        }
        parts += 1;
        let mut open = vec![start];
        while let Some(atom) = open.pop() {
            if !std::mem::replace(&mut seen[atom], true) {
                open.extend(neighbours[atom].iter().map(|(neighbour, _)| *neighbour));
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::on_workers;

    #[test]
    fn patterns_are_found() {
        let aspirin = Structure::from_smiles("CC(=O)Oc1ccccc1C(=O)O").unwrap();
        for (smarts, there) in [
            ("C(=O)[OH]", true),
            ("c1ccccc1", true),
            ("[#7]", false),
            ("[$(C(=O)O)]c", true),
            ("[CX3](=O)[OX2H1]", true),
            ("[#6]=S", false),
            ("C~1ccccc~1", false),
            ("c~1ccccc1", true),
            ("C.C.O.O", true),
        ] {
            assert_eq!(aspirin.has(&Pattern::from_smarts(smarts).unwrap()), Ok(there), "{smarts}");
        }
    }

    #[test]
    fn an_endless_search_stops_at_its_limit() {
        let (chain, fullerene) = ("C".repeat(300), "C1CC1".repeat(100));
        let found = on_workers(|| {
            [
                (&chain, "*.*.*.[Xe]".to_owned()),
                (&chain, "*.*.*.*.*.*.[Xe]".to_owned()),
                (&chain, "[$(*.*.*.[Xe])]".to_owned()),
                (&fullerene, format!("{}[Xe]", "*~".repeat(60))),
                (&fullerene, format!("[$({}[Xe])]", "*~".repeat(60))),
            ]
            .map(|(smiles, smarts)| {
                let pattern = Pattern::from_smarts(&smarts).unwrap();
                (Structure::from_smiles(smiles).unwrap().has(&pattern), smarts)
            })
        });
        for (found, smarts) in found.unwrap() {
            assert_eq!(found, Err(Unmatched::TooLong), "{smarts}");
        }
    }
}
