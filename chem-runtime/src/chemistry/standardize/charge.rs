//! Neutralizing: charges that hydrogens can take away.
//!
//! The rules are those of RDKit's `Uncharger` (`Code/GraphMol/MolStandardize/Charge.cpp`, BSD-3-Clause), as they are in
//! 2026.09.1. A charge that no hydrogen can take away, such as that of sodium or of a quaternary nitrogen, keeps as many
//! opposite charges as balance it. Where it could be balanced by one of several, the first in the canonical SMILES is
//! neutralized first; RDKit goes by ranks that it does not write down, and may leave another one.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::spelling::{Loaded, respelled};
use crate::chemistry::library::{ChargedAtom, Pattern, Structure};

/// Positive atoms with hydrogens, unless the charge is balanced by a neighbour.
const WITH_HYDROGENS: &str = "[+,+2,+3,+4;!h0;!$(*~[-]),$(*(~[-])~[-])]";
/// Positive atoms without.
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

/// The SMILES of the molecule without the charges that hydrogens can take away; `None` if it stays as it is.
///
/// # Errors
/// Says that the library could not tell.
pub(super) fn neutralized(smiles: &str, structure: &Structure) -> Result<Option<String>, String> {
    let failed = || "the chemistry library failed to look at its charges".to_owned();
    let charged = structure.charged_atoms().ok_or_else(failed)?;
    if charged.is_empty() {
        return Ok(None);
    }
    let patterns = Patterns::get()?;
    let like = |pattern| structure.atoms_like(pattern).ok_or_else(failed);
    let acids = like(&patterns.acids)?;
    let sites = Sites {
        with_hydrogens: like(&patterns.with_hydrogens)?,
        without_hydrogens: like(&patterns.without_hydrogens)?,
        others: like(&patterns.negative)?.into_iter().filter(|place| !acids.contains(place)).collect(),
        acids: unbalanced(structure, &acids, &charged),
    };
    let changes = changes(&sites, &charged);
    if changes.is_empty() {
        return Ok(None);
    }
    match respelled(smiles, structure.spelled_atoms(), &changes) {
        Some(text) => Ok(Some(text)),
        None => Err("its charged atoms cannot be found in its SMILES".to_owned()),
    }
}

/// Which charged atoms could be neutralized, by their places.
struct Sites {
    with_hydrogens: Vec<usize>,
    without_hydrogens: Vec<usize>,
    /// Negative atoms that are no acid's.
    others: Vec<usize>,
    acids: Vec<usize>,
}

/// The anions of `acids` that are not balanced within their own group: of nitrate's two, one.
fn unbalanced(structure: &Structure, acids: &[usize], charged: &[ChargedAtom]) -> Vec<usize> {
    let mut balanced: BTreeMap<usize, i32> = BTreeMap::new();
    let mut left = acids.to_vec();
    left.retain(|place| {
        let positive = structure
            .neighbours(*place)
            .into_iter()
            .find_map(|neighbour| charged.iter().find(|atom| atom.place == neighbour && atom.charge > 0));
        let Some(positive) = positive else {
            return true;
        };
        let taken = balanced.entry(positive.place).or_default();
        *taken += 1;
        *taken > positive.charge
    });
    left
}

/// What becomes of the atoms that change.
fn changes(sites: &Sites, charged: &[ChargedAtom]) -> BTreeMap<usize, Loaded> {
    let atom = |place: usize| charged.iter().find(|atom| atom.place == place);
    let fixed = |place: &usize| atom(*place).filter(|atom| to_lose_plus(atom.element, atom.hydrogens).is_none());
    let must_stay: i32 = sites.without_hydrogens.iter().filter_map(|place| atom(*place)).map(|atom| atom.charge).sum();
    let must_stay = must_stay + sites.with_hydrogens.iter().filter_map(fixed).map(|atom| atom.charge).sum::<i32>();

    let mut changes = BTreeMap::new();
    let negative: Vec<usize> = sites.others.iter().chain(&sites.acids).copied().collect();
    // RDKit takes away all of them where more has to stay than there is to balance it.
    let mut surplus = negative.len() as i32 - must_stay;
    for place in negative {
        if surplus == 0 {
            break;
        }
        if let Some(atom) = atom(place)
            && let Some(more) = to_lose_minus(atom)
        {
            changes.insert(place, Loaded { charge: atom.charge + 1, hydrogens: atom.hydrogens + more });
            surplus -= 1;
        }
    }
    let mut net: i32 = charged.iter().map(|atom| atom.charge).sum::<i32>() + changes.len() as i32;
    for atom in sites.with_hydrogens.iter().filter_map(|place| atom(*place)) {
        let mut now = Loaded { charge: atom.charge, hydrogens: atom.hydrogens };
        while net > 0
            && now.charge > 0
            && let Some(more) = to_lose_plus(atom.element, now.hydrogens)
        {
            now = Loaded { charge: now.charge - 1, hydrogens: now.hydrogens + more };
            net -= 1;
        }
        if now.charge != atom.charge {
            changes.insert(atom.place, now);
        }
    }
    changes
}

/// How many hydrogens a positive atom gains when it loses a charge: one less, or one more on carbon and on the elements
/// to the left of it. `None` if it cannot lose one.
fn to_lose_plus(element: u8, hydrogens: i32) -> Option<i32> {
    match element {
        6 => Some(1),
        _ if is_early(element) => Some(1),
        _ => (hydrogens > 0).then_some(-1),
    }
}

/// The same for a negative atom, where its element has such a valence.
fn to_lose_minus(atom: &ChargedAtom) -> Option<i32> {
    let more = match is_early(atom.element) {
        true if atom.hydrogens > 0 => -1,
        true => return None,
        false => 1,
    };
    valences(atom.element).contains(&(atom.valence + more)).then_some(more)
}

/// The elements whose anions have one hydrogen more than the neutral atom, as RDKit counts them.
fn is_early(element: u8) -> bool {
    matches!(
        element,
        3..=5 | 11..=13 | 19..=22 | 30..=32 | 37..=41 | 48..=51 | 55..=61 | 72..=73 | 80..=83 | 87..=93 | 104..=118
    )
}

/// The valences that RDKit knows of the elements that make bonds of a definite number.
fn valences(element: u8) -> &'static [i32] {
    match element {
        1 | 9 | 11 | 17 | 19 | 35 | 37 | 55 | 87 => &[1],
        4 | 8 | 12 | 20 | 38 | 56 | 88 => &[2],
        5 | 7 | 13 | 31 | 49 => &[3],
        6 | 14 | 32 => &[4],
        15 | 33 | 51 => &[3, 5, 7],
        16 | 34 | 52 => &[2, 4, 6],
        50 => &[2, 4],
        53 | 85 => &[1, 3, 5],
        _ => &[],
    }
}
