//! Reionization: moves protons so that the strongest acids are the ionized ones.
//!
//! The pairs of acids and bases, their order and the rules are those of RDKit's `Reionizer`
//! (`Code/GraphMol/MolStandardize/Charge.cpp` and `AcidBaseCatalog/acid_base_pairs.in`, BSD-3-Clause) in 2026.09.1.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::chemistry::library::{AtomEdit, AtomState, Pattern, Structure, Unmatched};

/// Acids and their bases, from the strongest acid to the weakest. The last atom of each pattern has the proton.
const PAIRS: &[(&str, &str)] = &[
    // -OSO3H
    ("OS(=O)(=O)[OH]", "OS(=O)(=O)[O-]"),
    // -SO3H
    ("[!O]S(=O)(=O)[OH]", "[!O]S(=O)(=O)[O-]"),
    // -OSO2H
    ("O[SD3](=O)[OH]", "O[SD3](=O)[O-]"),
    // -SO2H
    ("[!O][SD3](=O)[OH]", "[!O][SD3](=O)[O-]"),
    // -OPO3H2
    ("OP(=O)([OH])[OH]", "OP(=O)([OH])[O-]"),
    // -PO3H2
    ("[!O]P(=O)([OH])[OH]", "[!O]P(=O)([OH])[O-]"),
    // -CO2H
    ("C(=O)[OH]", "C(=O)[O-]"),
    // thiophenol
    ("c[SH]", "c[S-]"),
    // (-OPO3H)-
    ("OP(=O)([O-])[OH]", "OP(=O)([O-])[O-]"),
    // (-PO3H)-
    ("[!O]P(=O)([O-])[OH]", "[!O]P(=O)([O-])[O-]"),
    // phthalimide
    ("O=C2c1ccccc1C(=O)[NH]2", "O=C2c1ccccc1C(=O)[N-]2"),
    // CO3H (peracetyl)
    ("C(=O)O[OH]", "C(=O)O[O-]"),
    // alpha-carbon-hydrogen-nitro group
    ("O=N(O)[CH]", "O=N(O)[C-]"),
    // -SO2NH2
    ("S(=O)(=O)[NH2]", "S(=O)(=O)[NH-]"),
    // -OBO2H2
    ("OB([OH])[OH]", "OB([OH])[O-]"),
    // -BO2H2
    ("[!O]B([OH])[OH]", "[!O]B([OH])[O-]"),
    // phenol
    ("c[OH]", "c[O-]"),
    // SH (aliphatic)
    ("C[SH]", "C[S-]"),
    // (-OBO2H)-
    ("OB([O-])[OH]", "OB([O-])[O-]"),
    // (-BO2H)-
    ("[!O]B([O-])[OH]", "[!O]B([O-])[O-]"),
    // cyclopentadiene
    ("C1=CC=C[CH2]1", "c1ccc[cH-]1"),
    // -CONH2
    ("C(=O)[NH2]", "C(=O)[NH-]"),
    // imidazole
    ("c1cnc[nH]1", "c1cnc[n-]1"),
    // -OH (aliphatic alcohol)
    ("[CX4][OH]", "[CX4][O-]"),
    // alpha-carbon-hydrogen-keto group
    ("O=C([!O])[C!H0+0]", "O=C([!O])[C-]"),
    // alpha-carbon-hydrogen-acetyl ester group
    ("OC(=O)[C!H0+0]", "OC(=O)[C-]"),
    // sp carbon hydrogen
    ("C#[CH]", "C#[C-]"),
    // alpha-carbon-hydrogen-sulfone group
    ("CS(=O)(=O)[C!H0+0]", "CS(=O)(=O)[C-]"),
    // alpha-carbon-hydrogen-sulfoxide group
    ("C[SD3](=O)[C!H0+0]", "C[SD3](=O)[C-]"),
    // -NH2
    ("[CX4][NH2]", "[CX4][NH-]"),
    // benzyl hydrogen
    ("c[CX4H2]", "c[CX3H-]"),
    // sp2-carbon hydrogen
    ("[CX3]=[CX3!H0+0]", "[CX3]=[CX2-]"),
    // sp3-carbon hydrogen
    ("[CX4!H0+0]", "[CX3-]"),
];

/// The patterns, parsed once, in the order of [`PAIRS`].
struct Patterns {
    acids: Vec<Pattern>,
    bases: Vec<Pattern>,
}

impl Patterns {
    fn get() -> Result<&'static Self, String> {
        static PATTERNS: OnceLock<Result<Patterns, String>> = OnceLock::new();
        let pattern = |smarts: &str| Pattern::from_smarts(smarts).map_err(|error| error.to_string());
        let parse = || {
            let acids = PAIRS.iter().map(|(acid, _)| pattern(acid)).collect::<Result<_, _>>()?;
            let bases = PAIRS.iter().map(|(_, base)| pattern(base)).collect::<Result<_, _>>()?;
            Ok(Self { acids, bases })
        };
        PATTERNS.get_or_init(parse).as_ref().map_err(Clone::clone)
    }

    /// Returns the rank of the strongest acid that has its proton, and the atom that has it.
    fn strongest_acid(&self, structure: &Structure) -> Result<Option<(usize, usize)>, String> {
        first(structure, self.acids.iter().enumerate())
    }

    /// Returns the rank of the weakest acid that has lost its proton, and the atom that had it.
    fn weakest_base(&self, structure: &Structure) -> Result<Option<(usize, usize)>, String> {
        first(structure, self.bases.iter().enumerate().rev())
    }
}

fn first<'a>(
    structure: &Structure,
    patterns: impl Iterator<Item = (usize, &'a Pattern)>,
) -> Result<Option<(usize, usize)>, String> {
    for (rank, pattern) in patterns {
        let found = structure.first_match(pattern).map_err(|error: Unmatched| error.to_string())?;
        if let Some(atom) = found.and_then(|atoms| atoms.last().copied()) {
            return Ok(Some((rank, atom)));
        }
    }
    Ok(None)
}

/// Returns the molecule with the protons moved; `None` if nothing changes.
///
/// # Errors
/// Fails if the library does, or if an ion is impossible.
pub(super) fn reionized(structure: &Structure) -> Result<Option<Structure>, String> {
    let atoms = states(structure)?;
    let corrections: Vec<AtomEdit> = atoms.iter().filter_map(corrected).collect();
    // Every base has a negative charge.
    if corrections.is_empty() && !atoms.iter().any(|atom| atom.charge < 0) {
        return Ok(None);
    }
    let patterns = Patterns::get()?;
    let before: i32 = atoms.iter().map(|atom| atom.charge).sum();
    let mut ions = if corrections.is_empty() { None } else { Some(edited(structure, &corrections)?) };
    let charge: i32 = states(ions.as_ref().unwrap_or(structure))?.iter().map(|atom| atom.charge).sum();
    if charge != 0 {
        for _ in before..charge {
            let now = ions.as_ref().unwrap_or(structure);
            let Some((_, acid)) = patterns.strongest_acid(now)? else { break };
            let acid = states(now)?[acid];
            ions = Some(edited(now, &[deprotonated(&acid, acid.explicit_hydrogens > 0)])?);
        }
    }
    let mut moved = BTreeSet::new();
    loop {
        let now = ions.as_ref().unwrap_or(structure);
        let Some((stronger, acid)) = patterns.strongest_acid(now)? else { break };
        let Some((weaker, base)) = patterns.weakest_base(now)? else { break };
        if stronger >= weaker || acid == base || !moved.insert([acid.min(base), acid.max(base)]) {
            break;
        }
        let atoms = states(now)?;
        let (acid, base) = (&atoms[acid], &atoms[base]);
        let takes_explicit = acid.hydrogens == acid.explicit_hydrogens && acid.explicit_hydrogens > 0;
        // RDKit asks here whether the acid is aromatic, not the base.
        let adds_explicit =
            base.fixed || (acid.aromatic && matches!(acid.element, 7 | 15)) || !base.valences.contains(&base.valence);
        let protonated = AtomEdit {
            charge: base.charge + 1,
            explicit_hydrogens: base.explicit_hydrogens + i32::from(adds_explicit),
            ..base.unchanged()
        };
        ions = Some(edited(now, &[deprotonated(acid, takes_explicit), protonated])?);
    }
    let Some(ions) = ions else { return Ok(None) };
    Structure::from_smiles(&ions.written()?).map(Some)
}

fn states(structure: &Structure) -> Result<Vec<AtomState>, String> {
    structure.atom_states().ok_or_else(|| "the chemistry library failed to look at its charges".to_owned())
}

fn edited(structure: &Structure, edits: &[AtomEdit]) -> Result<Structure, String> {
    structure.changed(&[], edits).ok_or_else(|| "with protons moved, an atom has an impossible valence".to_owned())
}

/// Returns the charge of an isolated atom that is written without it, such as `[Na]`.
fn corrected(atom: &AtomState) -> Option<AtomEdit> {
    let charge = match atom.element {
        3 | 11 | 19 => 1,
        12 | 20 => 2,
        17 => -1,
        _ => return None,
    };
    let is_isolated = atom.charge == 0 && atom.neighbours == 0 && atom.hydrogens == 0;
    is_isolated.then(|| AtomEdit { charge, ..atom.unchanged() })
}

fn deprotonated(atom: &AtomState, takes_explicit: bool) -> AtomEdit {
    AtomEdit {
        charge: atom.charge - 1,
        explicit_hydrogens: atom.explicit_hydrogens - i32::from(takes_explicit),
        ..atom.unchanged()
    }
}
