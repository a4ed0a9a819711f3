//! Searches structures for patterns, within a budget of steps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cosmolkit::{AtomQueryPredicate, QueryGraph, QueryNode, SubstructMatchParams};

use super::needs::Atoms;
use super::pattern::{Part, Pattern};
use super::{Structure, guarded};

/// The maximum number of steps of a search. Each step maps an atom of the pattern to a matching atom of the molecule. The
/// components of a pattern such as `C.C` are searched for one by one; a further step then tries one occurrence of a component
/// beside those of the others. Where components cannot be separated, as within `$(C.C)`, a step may try every atom and counts
/// once per atom.
pub const MAX_MATCH_STEPS: u64 = 2_000_000;

/// The number of matches after which the library stops, as RDKit does.
const MAX_MATCHES: usize = 1_000;

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
        if !Atoms::of(&self.0).suffice_for(pattern.needed()) {
            return Ok(false);
        }
        match self.has_apart(pattern.parts())? {
            Some(found) => Ok(found),
            None => Ok(!self.matches(pattern.query(), 1)?.is_empty()),
        }
    }

    /// Returns whether the pattern occurs on more than `times` different sets of atoms. Ignores stereochemistry. Like
    /// RDKit's `SubstructMatch`, counts at most 1000 of them.
    ///
    /// # Errors
    /// Fails like [`has`](Self::has).
    pub fn has_more_than(&self, times: u32, pattern: &Pattern) -> Result<bool, Unmatched> {
        match times {
            0 => self.has(pattern),
            _ => Ok(self.matches(pattern.query(), MAX_MATCHES)?.len() > times as usize),
        }
    }

    /// Counts the different sets of atoms on which the pattern occurs, at most 1000 of them, like RDKit's `GetSubstructMatches`.
    /// Ignores stereochemistry.
    ///
    /// # Errors
    /// Fails like [`has`](Self::has).
    pub fn count(&self, pattern: &Pattern) -> Result<usize, Unmatched> {
        if !Atoms::of(&self.0).suffice_for(pattern.needed()) {
            return Ok(0);
        }
        Ok(self.matches(pattern.query(), MAX_MATCHES)?.len())
    }

    /// Returns the atoms of the first match of the pattern, in the order of its atoms. Ignores stereochemistry.
    ///
    /// # Errors
    /// Fails like [`has`](Self::has).
    pub fn first_match(&self, pattern: &Pattern) -> Result<Option<Vec<usize>>, Unmatched> {
        if !Atoms::of(&self.0).suffice_for(pattern.needed()) {
            return Ok(None);
        }
        Ok(self.matches(pattern.query(), 1)?.into_iter().next())
    }

    /// Returns the atoms of all matches of the pattern, at most 1000 of them, in ascending order. Ignores stereochemistry.
    ///
    /// # Errors
    /// Fails like [`has`](Self::has).
    pub fn matched_atoms(&self, pattern: &Pattern) -> Result<BTreeSet<usize>, Unmatched> {
        if !Atoms::of(&self.0).suffice_for(pattern.needed()) {
            return Ok(BTreeSet::new());
        }
        Ok(self.matches(pattern.query(), MAX_MATCHES)?.into_iter().flatten().collect())
    }

    /// Returns whether all of `parts` occur without overlap. Several equal parts are chosen in one order instead of in all
    /// orders, so that the search is short. `None` if there are no parts, or too many matches of one to know all.
    fn has_apart(&self, parts: &[Part]) -> Result<Option<bool>, Unmatched> {
        let mut choices = Vec::with_capacity(parts.len());
        for part in parts {
            let matches = self.matches(&part.query, MAX_MATCHES)?;
            if matches.len() < part.copies {
                return Ok(Some(false));
            }
            if matches.len() >= MAX_MATCHES {
                return Ok(None);
            }
            choices.push(Choices { copies: part.copies, matches });
        }
        choices.sort_by_key(|choices| choices.matches.len() - choices.copies);
        let mut packing = Packing { taken: vec![false; self.0.num_atoms()], steps: 0 };
        if choices.is_empty() { Ok(None) } else { packing.fits(&choices, 0, 0).map(Some) }
    }

    /// Returns the atoms of at most `max_matches` matches, no two on the same set of atoms.
    fn matches(&self, query: &QueryGraph, max_matches: usize) -> Result<Vec<Vec<usize>>, Unmatched> {
        let atoms_per_step = if in_parts(query) { self.0.num_atoms().max(1) as u64 } else { 1 };
        let allowed = MAX_MATCH_STEPS / atoms_per_step;
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        let params = SubstructMatchParams {
            max_matches,
            // Once the budget is spent no atom matches, which ends the search.
            extra_atom_check: Some(Arc::new(move |_, _, _, _| count.fetch_add(1, Ordering::Relaxed) < allowed)),
            ..SubstructMatchParams::default()
        };
        let found = guarded(|| self.0.substruct_matches_with_params(query, &params).ok()).flatten();
        if taken.load(Ordering::Relaxed) > allowed {
            return Err(Unmatched::TooLong);
        }
        Ok(found.ok_or(Unmatched::Failed)?.into_iter().map(|found| found.atom_mapping).collect())
    }
}

/// The matches of a part, of which several may be needed.
struct Choices {
    copies: usize,
    matches: Vec<Vec<usize>>,
}

/// A search for matches that do not overlap.
struct Packing {
    /// The atoms of the matches chosen so far.
    taken: Vec<bool>,
    steps: u64,
}

impl Packing {
    /// Returns whether all of `choices` fit beside what is chosen. Of the first, `chosen` copies are chosen, from the
    /// matches before `from`.
    fn fits(&mut self, choices: &[Choices], chosen: usize, from: usize) -> Result<bool, Unmatched> {
        let Some((first, rest)) = choices.split_first() else { return Ok(true) };
        if chosen == first.copies {
            return self.fits(rest, 0, 0);
        }
        let last = first.matches.len() + chosen + 1 - first.copies;
        for (index, atoms) in first.matches.iter().enumerate().take(last).skip(from) {
            self.steps += 1;
            if self.steps > MAX_MATCH_STEPS {
                return Err(Unmatched::TooLong);
            }
            if atoms.iter().any(|atom| self.taken[*atom]) {
                continue;
            }
            atoms.iter().for_each(|atom| self.taken[*atom] = true);
            let fits = self.fits(choices, chosen + 1, index + 1)?;
            atoms.iter().for_each(|atom| self.taken[*atom] = false);
            if fits {
                return Ok(true);
            }
        }
        Ok(false)
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
    fn components_do_not_overlap() {
        let polyol = Structure::from_smiles("OC(O)C(O)C(O)C(O)CO").unwrap();
        for (smiles, smarts, there) in [
            ("CCO", "C.C", true),
            ("CCO", "C.C.C", false),
            ("CCO", "CO.C", true),
            ("CCO", "CO.O", false),
            ("CCO", "CO.CC", false),
            ("OCCO", "CO.CO", true),
            ("OC(O)C", "CO.CO", false),
            ("OC(O)C", "[OH].[OH].C", true),
            ("CCCCC", "CCC.CC", true),
            ("CCCCC", "CC.CC.CC", false),
            ("CCCCC.[Xe]", "*.*.*.[Xe]", true),
        ] {
            let found = Structure::from_smiles(smiles).unwrap().has(&Pattern::from_smarts(smarts).unwrap());
            assert_eq!(found, Ok(there), "{smarts} in {smiles}");
        }
        for (copies, there) in [(5, true), (6, false), (30, false)] {
            let smarts = vec!["C[O;D1]"; copies].join(".");
            assert_eq!(polyol.has(&Pattern::from_smarts(&smarts).unwrap()), Ok(there), "{copies}");
        }
    }

    #[test]
    fn an_endless_search_stops_at_its_limit() {
        let (chain, fullerene) = ("C".repeat(300), "C1CC1".repeat(100));
        let found = on_workers(|| {
            [
                (&chain, "[$(*.*.*.[Xe])]".to_owned()),
                (&chain, "[$(*.*.*.*.*.*.[Xe])]".to_owned()),
                // 42 of these chains fit, in many ways, and 43 do not.
                (&chain, format!("{}[$([*;D2])]", "*~*~*~*~*~*~*.".repeat(43))),
                (&fullerene, format!("{}[$([Xe])]", "*~".repeat(60))),
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
