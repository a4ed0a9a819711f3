//! Neutralization: removes charges by adding or removing hydrogens.
//!
//! The rules are those of RDKit's `Uncharger` (`Code/GraphMol/MolStandardize/Charge.cpp`, BSD-3-Clause) in 2026.09.1. A
//! charge that hydrogens cannot remove, such as that of sodium or of a quaternary nitrogen, preserves the opposite charges
//! that balance it. If only some of several atoms can be neutralized, acids come last, and the canonical order of the
//! atoms decides among the others.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::chemistry::library::{AtomEdit, AtomState, Pattern, Structure};

/// Positive atoms with hydrogens, unless the charge is balanced by a neighbour.
const WITH_HYDROGENS: &str = "[+,+2,+3,+4;!h0;!$(*~[-]),$(*(~[-])~[-])]";
/// Positive atoms without hydrogens.
const WITHOUT_HYDROGENS: &str = "[+,+2,+3,+4;h0;!$(*~[-])]";
/// Negative atoms whose charge is not balanced by a neighbour.
const NEGATIVE: &str = "[-!$(*~[+,+2,+3,+4])]";
/// Anions of acids: carboxylates, sulfonates and the like, nitrates, halogenates, tetrazoles.
const ACIDS: &str = "[$([O,S;-][C,S;+0]=[O,S]),$([O,S;-][N,P;+](=[O,S])[O,S;-]),$([O-][Cl,Br,I;+,+2,+3][O-]),\
                     $([n-]1nnnc1),$([n-]1ncnn1)]";

/// The patterns, parsed once.
struct Patterns {
    with_hydrogens: Pattern,
    without_hydrogens: Pattern,
    negative: Pattern,
    acids: Pattern,
}

impl Patterns {
    fn get() -> Result<&'static Self, String> {
        static PATTERNS: OnceLock<Result<Patterns, String>> = OnceLock::new();
        let pattern = |smarts| Pattern::from_smarts(smarts).map_err(|error| error.to_string());
        let parse = || {
            Ok(Self {
                with_hydrogens: pattern(WITH_HYDROGENS)?,
                without_hydrogens: pattern(WITHOUT_HYDROGENS)?,
                negative: pattern(NEGATIVE)?,
                acids: pattern(ACIDS)?,
            })
        };
        PATTERNS.get_or_init(parse).as_ref().map_err(Clone::clone)
    }
}

/// Returns the molecule without the charges that hydrogens can remove; `None` if nothing changes.
///
/// # Errors
/// Fails if the library does.
pub(super) fn neutralized(structure: &Structure) -> Result<Option<Structure>, String> {
    let failed = || "the chemistry library failed to look at its charges".to_owned();
    let mut charged = structure.atom_states().ok_or_else(failed)?;
    charged.retain(|atom| atom.charge != 0);
    if charged.is_empty() {
        return Ok(None);
    }
    let patterns = Patterns::get()?;
    let like = |pattern| structure.atoms_like(pattern).ok_or_else(failed);
    let (mut acids, mut negative) = (like(&patterns.acids)?, like(&patterns.negative)?);
    if acids.len() + negative.len() > 1 {
        let ranks = structure.canonical_ranks().ok_or_else(failed)?;
        for atoms in [&mut acids, &mut negative] {
            atoms.sort_by_key(|atom| ranks.get(*atom));
        }
    }
    let sites = Sites {
        with_hydrogens: like(&patterns.with_hydrogens)?,
        without_hydrogens: like(&patterns.without_hydrogens)?,
        others: negative.into_iter().filter(|atom| !acids.contains(atom)).collect(),
        acids: unbalanced(structure, &acids, &charged),
    };
    let changes = changes(&sites, &charged);
    if changes.is_empty() { Ok(None) } else { structure.recharged(&changes) }
}

/// The indices of the charged atoms that might be neutralized.
struct Sites {
    with_hydrogens: Vec<usize>,
    without_hydrogens: Vec<usize>,
    /// Negative atoms that do not belong to an acid.
    others: Vec<usize>,
    acids: Vec<usize>,
}

/// Returns the anions of `acids` that are not balanced within their own group: one of the two in nitrate.
fn unbalanced(structure: &Structure, acids: &[usize], charged: &[AtomState]) -> Vec<usize> {
    let mut balanced: BTreeMap<usize, i32> = BTreeMap::new();
    let mut left = acids.to_vec();
    left.retain(|acid| {
        let positive = structure
            .neighbours(*acid)
            .into_iter()
            .find_map(|neighbour| charged.iter().find(|atom| atom.index == neighbour && atom.charge > 0));
        let Some(positive) = positive else {
            return true;
        };
        let taken = balanced.entry(positive.index).or_default();
        *taken += 1;
        *taken > positive.charge
    });
    left
}

/// Returns the changes that neutralize the molecule.
fn changes(sites: &Sites, charged: &[AtomState]) -> Vec<AtomEdit> {
    let atom = |index: usize| charged.iter().find(|atom| atom.index == index);
    let fixed = |index: &usize| atom(*index).filter(|atom| to_lose_plus(atom.element, atom.hydrogens).is_none());
    let must_stay: i32 = sites.without_hydrogens.iter().filter_map(|index| atom(*index)).map(|atom| atom.charge).sum();
    let must_stay = must_stay + sites.with_hydrogens.iter().filter_map(fixed).map(|atom| atom.charge).sum::<i32>();

    let mut changes = Vec::new();
    let negative: Vec<usize> = sites.others.iter().chain(&sites.acids).copied().collect();
    // If the fixed positive charge exceeds the negative charge, the surplus is negative and, as in RDKit, every anion is
    // neutralized.
    let mut surplus = negative.len() as i32 - must_stay;
    for index in negative {
        if surplus == 0 {
            break;
        }
        if let Some(atom) = atom(index)
            && let Some(more) = to_lose_minus(atom)
        {
            changes.push(atom.recharged(atom.charge + 1, atom.hydrogens + more));
            surplus -= 1;
        }
    }
    let mut net: i32 = charged.iter().map(|atom| atom.charge).sum::<i32>() + changes.len() as i32;
    for atom in sites.with_hydrogens.iter().filter_map(|index| atom(*index)) {
        let (mut charge, mut hydrogens) = (atom.charge, atom.hydrogens);
        while net > 0
            && charge > 0
            && let Some(more) = to_lose_plus(atom.element, hydrogens)
        {
            (charge, hydrogens) = (charge - 1, hydrogens + more);
            net -= 1;
        }
        if charge != atom.charge {
            changes.push(atom.recharged(charge, hydrogens));
        }
    }
    changes
}

/// Returns the change in hydrogens when a positive atom loses a charge: -1, or +1 for carbon and the elements to the left of
/// it. Returns `None` if it cannot lose a charge.
fn to_lose_plus(element: u8, hydrogens: i32) -> Option<i32> {
    match element {
        6 => Some(1),
        _ if is_early(element) => Some(1),
        _ => (hydrogens > 0).then_some(-1),
    }
}

/// Returns the change in hydrogens when a negative atom loses a charge; `None` if its element does not have the resulting
/// valence.
fn to_lose_minus(atom: &AtomState) -> Option<i32> {
    let more = if !is_early(atom.element) {
        1
    } else if atom.hydrogens > 0 {
        -1
    } else {
        return None;
    };
    atom.can_have(atom.valence + more).then_some(more)
}

/// Returns whether anions of the element have one hydrogen more than the neutral atom, by RDKit's list.
fn is_early(element: u8) -> bool {
    matches!(
        element,
        3..=5 | 11..=13 | 19..=22 | 30..=32 | 37..=41 | 48..=51 | 55..=61 | 72..=73 | 80..=83 | 87..=93 | 104..=118
    )
}
