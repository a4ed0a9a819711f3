//! Parses MDL mol blocks, the structures in SD files.

use cosmolkit::{
    BondDirection, BondOrder, BondStereo, CoordinateBlock, CxSmilesFields, CxSmilesWriteParams, Molecule,
    MoleculeProperties, SdfError, SdfReadParams,
};

use super::dummies::with_dummies;
use super::{Structure, guarded, limits, without_stages};
use crate::chemistry::limits::Drawn;

/// What of a mol block is dropped if a SMILES cannot represent it. Otherwise such a block is refused.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::chemistry) struct Dropped {
    /// The configuration of an atropisomer's axis.
    pub(in crate::chemistry) axes: bool,
    /// That stereocentres are racemic or relative: they are read as they are drawn.
    pub(in crate::chemistry) groups: bool,
}

/// The molecule of a mol block.
#[derive(Debug, PartialEq)]
pub(in crate::chemistry) struct ReadBlock {
    pub(in crate::chemistry) smiles: String,
    /// The CXSMILES with the stereo groups; `None` without racemic and relative stereocentres.
    pub(in crate::chemistry) grouped: Option<String>,
    /// Whether the block has 3D coordinates.
    pub(in crate::chemistry) is_3d: bool,
}

impl Structure {
    /// Parses a mol block, V2000 or V3000. Stereochemistry comes from wedges, or from 3D coordinates. An atom has at least
    /// the hydrogens that are drawn on it.
    ///
    /// # Errors
    /// Fails if the block is malformed or a query, if the molecule is impossible or exceeds a limit, or if the block
    /// contains what a SMILES cannot represent: racemic or relative stereocentres, an atropisomer, a bond to several atoms.
    pub fn from_mol_block(block: &str) -> Result<Self, String> {
        Self::of_mol_block(block, &limits::check_mol_block(block)?, Dropped::default())
    }

    fn of_mol_block(block: &str, drawn: &Drawn, dropped: Dropped) -> Result<Self, String> {
        if let Some(group) = drawn.stereo_group.as_ref().filter(|_| !dropped.groups) {
            return Err(format!(
                "has atoms in the stereo group `{group}`, which would be lost; `stereo_groups: ignore` reads them as drawn, \
                 and `stereo_groups: keep` keeps the groups in a column"
            ));
        }
        let block = with_dummies(block, drawn)?;
        let molecule = parsed(&block, true)?;
        let axis = molecule.bonds().iter().find(|bond| is_atropisomeric(bond.stereo()));
        if let Some(bond) = axis.filter(|_| !dropped.axes) {
            let [one, other] = [bond.begin(), bond.end()].map(|atom| atom.index() + 1);
            return Err(format!(
                "is drawn as an atropisomer, by wedges at a bond that cannot rotate ({one} to {other}), which a SMILES \
                 does not say; `atropisomers: flatten` reads it without"
            ));
        }
        if !keeps_hydrogens(&molecule, drawn) {
            let whole = parsed(&block, false)
                .map_err(|reason| format!("has hydrogens drawn on an atom that cannot have so many: {reason}"))?;
            return Self::by_smiles(&whole);
        }
        match without_what_smiles_lack(&molecule) {
            Some(molecule) => Self::by_smiles(&molecule),
            None => Ok(Self(molecule)),
        }
    }

    /// Writes `molecule` as SMILES and parses that, which normalizes its hydrogens.
    fn by_smiles(molecule: &Molecule) -> Result<Self, String> {
        let smiles = match guarded(|| molecule.to_smiles()) {
            Some(Ok(smiles)) => String::from_utf8_lossy(&smiles.into_bytes()).into_owned(),
            Some(Err(error)) => {
                return Err(format!("its SMILES cannot be written: {}", without_stages(&error.to_string())));
            }
            None => return Err("the chemistry library failed to write its SMILES".to_owned()),
        };
        Self::from_smiles(&smiles)
    }

    /// Returns the canonical SMILES of a mol block. The structure is written as SMILES and parsed again, so the limits of
    /// SMILES apply, and the result equals that of reading the SMILES.
    ///
    /// # Errors
    /// Fails like [`from_mol_block`](Self::from_mol_block).
    pub fn canonical_smiles_of_mol_block(block: &str) -> Result<String, String> {
        Self::from_mol_block(block)?.canonical_smiles_by_way_of_one()
    }

    /// Returns the canonical SMILES of a mol block without what is `dropped`, and the CXSMILES with its stereo groups.
    ///
    /// # Errors
    /// Fails like [`from_mol_block`](Self::from_mol_block), except for what is dropped; and if the CXSMILES cannot be
    /// written.
    pub(in crate::chemistry) fn read_mol_block(block: &str, dropped: Dropped) -> Result<ReadBlock, String> {
        let drawn = limits::check_mol_block(block)?;
        let structure = Self::of_mol_block(block, &drawn, dropped)?;
        let smiles = structure.canonical_smiles_by_way_of_one()?;
        let grouped = dropped.groups && drawn.stereo_group.is_some();
        let grouped = if !grouped {
            None
        } else if drawn.is_3d && drawn.drawn_hydrogens().is_some() {
            Some(grouped_in_space(block, &drawn)?)
        } else {
            Some(cx_smiles(&structure.0)?)
        };
        Ok(ReadBlock { smiles, grouped, is_3d: drawn.is_3d })
    }

    /// Returns the canonical CXSMILES of a SMILES with an extension, with its stereo groups alone.
    ///
    /// # Errors
    /// Fails if the text cannot be parsed or written.
    pub(in crate::chemistry) fn grouped_smiles(text: &str) -> Result<String, String> {
        cx_smiles(&with_extension(text)?)
    }

    fn canonical_smiles_by_way_of_one(&self) -> Result<String, String> {
        let smiles = self.canonical_smiles()?;
        Self::from_smiles(&smiles)?.canonical_smiles()
    }
}

/// Writes a molecule as SMILES with its stereo groups.
fn cx_smiles(molecule: &Molecule) -> Result<String, String> {
    let params = CxSmilesWriteParams { fields: CxSmilesFields::ENHANCED_STEREO, ..CxSmilesWriteParams::default() };
    match guarded(|| molecule.to_cx_smiles_with_params(&params)) {
        Some(Ok(text)) => Ok(String::from_utf8_lossy(&text.into_bytes()).into_owned()),
        Some(Err(error)) => Err(format!("its stereo groups cannot be written: {}", without_stages(&error.to_string()))),
        None => Err("the chemistry library failed to write its stereo groups".to_owned()),
    }
}

/// Writes the CXSMILES of a 3D block with drawn hydrogens. The library would drop its stereo groups together with the
/// hydrogens, before it perceives the stereocentres from the coordinates.
fn grouped_in_space(block: &str, drawn: &Drawn) -> Result<String, String> {
    let whole = parsed(&with_dummies(block, drawn)?, false)?;
    let whole = without_what_smiles_lack(&whole).unwrap_or(whole);
    Structure::grouped_smiles(&cx_smiles(&whole)?)
}

fn with_extension(text: &str) -> Result<Molecule, String> {
    match guarded(|| Molecule::from_smiles(text)) {
        Some(Ok(molecule)) => Ok(molecule),
        Some(Err(error)) => Err(super::reason(&error)),
        None => Err("the chemistry library failed on this CXSMILES extension".to_owned()),
    }
}

/// Parses a block with the library. `remove_hs` makes ordinary hydrogens implicit.
pub(super) fn parsed(block: &str, remove_hs: bool) -> Result<Molecule, String> {
    let params = SdfReadParams { remove_hs, ..SdfReadParams::default() };
    match guarded(|| Molecule::from_mol_with_params(block, &params)) {
        Some(Ok(molecule)) => Ok(molecule),
        Some(Err(SdfError::QueryRecord)) => {
            Err("is a query: it has an atom or bond that stands for several kinds; draw one of them, or a dummy atom as `R`"
                .to_owned())
        }
        Some(Err(error)) => Err(format!("not a possible molecule: {}", without_stages(&error.to_string()))),
        None => Err("the chemistry library failed on this mol block".to_owned()),
    }
}

fn is_atropisomeric(stereo: BondStereo) -> bool {
    matches!(stereo, BondStereo::AtropCw | BondStereo::AtropCcw)
}

/// Returns whether each atom of `molecule` has the hydrogens that are drawn on it. The library, like RDKit, removes
/// hydrogens before it checks valences: one beyond the valence of its atom, such as the third of an ammine ligand, would be
/// lost silently.
fn keeps_hydrogens(molecule: &Molecule, drawn: &Drawn) -> bool {
    let Some(expected) = drawn.drawn_hydrogens() else { return true };
    let atoms = molecule.atoms();
    let is_hydrogen = |atom: usize| atoms.get(atom).is_some_and(|atom| atom.atomic_number() == 1);
    let mut bound = vec![0; atoms.len()];
    for bond in molecule.bonds() {
        let [one, other] = [bond.begin(), bond.end()].map(|atom| atom.index());
        bound[one] += usize::from(is_hydrogen(other));
        bound[other] += usize::from(is_hydrogen(one));
    }
    let heavy = atoms.iter().zip(bound).filter(|(atom, _)| atom.atomic_number() != 1);
    let found: Option<Vec<usize>> = heavy
        .map(|(atom, bound)| Some(bound + usize::try_from(guarded(|| atom.total_hydrogens().ok())??).ok()?))
        .collect();
    found.is_some_and(|found| {
        found.len() == expected.len() && found.iter().zip(&expected).all(|(found, expected)| found >= expected)
    })
}

/// Removes what the library cannot write as SMILES: the axes of atropisomers, and wedges on double bonds, such as the S=O
/// of a sulfoxide, which are redundant once the stereocentre is perceived. Returns `None` if there is nothing to remove.
fn without_what_smiles_lack(molecule: &Molecule) -> Option<Molecule> {
    let is_wedge =
        |direction| matches!(direction, BondDirection::BeginWedge | BondDirection::BeginDash | BondDirection::Unknown);
    let mut topology = molecule.topology().clone();
    let mut changed = false;
    for bond in &mut topology.bonds {
        if bond.order() == BondOrder::Double && is_wedge(bond.direction()) {
            bond.set_direction(BondDirection::None);
            changed = true;
        }
        if is_atropisomeric(bond.stereo()) {
            bond.set_stereo(BondStereo::None).ok()?;
            changed = true;
        }
    }
    if !changed {
        return None;
    }
    Molecule::from_parts(topology, CoordinateBlock::default(), MoleculeProperties::default()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_racemate_is_not_taken_for_one_enantiomer() {
        let of = |collection: &str| {
            let atoms: String = ["C", "F", "Cl", "Br"]
                .iter()
                .zip(["0 0", "1 0", "-1 0", "0 1"])
                .zip(1..)
                .map(|((element, at), number)| format!("M  V30 {number} {element} {at} 0 0\n"))
                .collect();
            Structure::from_mol_block(&format!(
                "t\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\nM  V30 COUNTS 4 3 0 0 1\n\
                 M  V30 BEGIN ATOM\n{atoms}M  V30 END ATOM\nM  V30 BEGIN BOND\nM  V30 1 1 1 2 CFG=1\n\
                 M  V30 2 1 1 3\nM  V30 3 1 1 4\nM  V30 END BOND\n{collection}M  V30 END CTAB\nM  END\n"
            ))
        };
        let group =
            |name: &str| format!("M  V30 BEGIN COLLECTION\nM  V30 MDLV30/{name} ATOMS=(1 1)\nM  V30 END COLLECTION\n");
        let drawn = of("").unwrap().canonical_smiles().unwrap();
        assert!(drawn.contains('@'), "{drawn}");
        assert_eq!(of(&group("STEABS")).unwrap().canonical_smiles().unwrap(), drawn);
        for name in ["STERAC1", "STEREL2"] {
            let (start, end) = name.split_at(4);
            for written in [name, &format!("{start}-\nM  V30 {end}")] {
                assert!(of(&group(written)).err().unwrap().contains(name));
            }
        }
    }

    /// A V2000 block of these atoms, on a zigzag line, and bonds.
    fn v2000(atoms: &[&str], bonds: &[&str], more: &str) -> String {
        let rows: String = (0_u8..)
            .zip(atoms)
            .map(|(at, symbol)| {
                let (x, y) = (1.3 * f64::from(at), 0.75 * f64::from(at % 2));
                format!("{x:10.4}{y:10.4}    0.0000 {symbol:<3} 0  0  0  0  0  0  0  0  0  0  0  0\n")
            })
            .collect();
        let bonds: String = bonds.iter().map(|bond| format!("{bond}\n")).collect();
        let counts = format!("{:3}{:3}", atoms.len(), bonds.lines().count());
        format!("t\n\n\n{counts}  0  0  0  0  0  0  0  0999 V2000\n{rows}{bonds}{more}M  END\n")
    }

    fn smiles_of(block: &str) -> Result<String, String> {
        Structure::canonical_smiles_of_mol_block(block)
    }

    const CHAIN: [&str; 2] = ["  1  2  1  0", "  2  3  1  0"];

    #[test]
    fn r_groups_are_the_isotopes_of_dummies() {
        for (symbol, more, smiles) in [
            ("R#", "M  RGP  1   1   1\n", "[1*]CO"),
            ("R#", "M  RGP  1   1   0\n", "*CO"),
            ("R#", "M  LOG  1   1   0   0\nM  RGP  1   1  32\n", "[32*]CO"),
            ("R", "M  RGP  1   1   2\n", "[2*]CO"),
            ("R1", "M  RGP  1   1   2\n", "[2*]CO"),
            ("R7", "", "[7*]CO"),
            ("R#", "M  CHG  1   1   1\nM  RGP  1   1   2\n", "[2*+]CO"),
            ("R#", "", "*CO"),
            ("*", "M  ISO  1   1   3\n", "[3*]CO"),
        ] {
            let block = v2000(&[symbol, "C", "O"], &CHAIN, more);
            assert_eq!(smiles_of(&block).as_deref(), Ok(smiles), "{block}");
            assert_eq!(smiles_of(&block.replace('\n', "\r\n")).as_deref(), Ok(smiles), "{block}");
        }
        let several = v2000(&["R#", "C", "R1"], &CHAIN, "M  RGP  1   1   2\n");
        assert_eq!(smiles_of(&several).as_deref(), Ok("[1*]C[2*]"));
        let carbon = smiles_of(&v2000(&["C", "C", "O"], &CHAIN, "M  RGP  1   1   1\n")).unwrap_err();
        assert!(carbon.contains("R group at atom 1"), "{carbon}");
    }

    #[test]
    fn r_groups_of_v3000_are_the_same() {
        let of = |atom: &str| {
            smiles_of(&format!(
                "t\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\nM  V30 COUNTS 3 2 0 0 0\n\
                 M  V30 BEGIN ATOM\n{atom}\nM  V30 2 C 2.6 0 0 0\nM  V30 3 O 3.9 0.75 0 0\nM  V30 END ATOM\n\
                 M  V30 BEGIN BOND\nM  V30 1 1 1 2\nM  V30 2 1 2 3\nM  V30 END BOND\nM  V30 END CTAB\nM  END\n"
            ))
        };
        for (atom, smiles) in [
            ("M  V30 1 R# 0 0 0 0 RGROUPS=(1 1)", "[1*]CO"),
            ("M  V30 1 R# 0 0 0 0 -\nM  V30 RGROUPS=(1 -\nM  V30 2)", "[2*]CO"),
            ("M  V30 1 R# 0 0 0 0 CHG=1 rgroups=(1 3)", "[3*+]CO"),
            ("M  V30 1 R# 0 0 0 0", "*CO"),
            ("M  V30 1 * 0 0 0 0", "*CO"),
            ("M  V30 1 R 0 0 0 0 MASS=4", "[4*]CO"),
        ] {
            assert_eq!(of(atom).as_deref(), Ok(smiles), "{atom}");
        }
        assert!(of("M  V30 1 R# 0 0 0 0 RGROUPS=(2 1 2)").unwrap_err().contains("several R groups"));
        assert!(of("M  V30 1 C 0 0 0 0 RGROUPS=(1 1)").unwrap_err().contains("R group at atom 1"));
    }

    #[test]
    fn hydrogens_that_are_drawn_are_kept_or_the_record_is_refused() {
        let ammine = |metal: &str| {
            v2000(&[metal, "N", "H", "H", "H"], &["  1  2  1  0", "  2  3  1  0", "  2  4  1  0", "  2  5  1  0"], "")
        };
        assert_eq!(smiles_of(&ammine("Pt")).as_deref(), Ok("[NH3]->[Pt]"));
        let aqua = v2000(&["Fe", "O", "H", "H"], &["  1  2  1  0", "  2  3  1  0", "  2  4  1  0"], "");
        assert_eq!(smiles_of(&aqua).as_deref(), Ok("[OH2]->[Fe]"));
        let hydride = v2000(&["Pt", "H", "Cl"], &["  1  2  1  0", "  1  3  1  0"], "");
        assert_eq!(smiles_of(&hydride).as_deref(), Ok("[Cl][PtH]"));
        // Without a metal there is no bond that could be dative.
        let message = smiles_of(&ammine("C")).unwrap_err();
        assert!(message.contains("hydrogens drawn on an atom that cannot have so many"), "{message}");
        let ammonium = ammine("C").replace("M  END", "M  CHG  1   2   1\nM  END");
        assert_eq!(smiles_of(&ammonium).as_deref(), Ok("C[NH3+]"));
    }

    #[test]
    fn a_wedge_on_a_double_bond_says_what_it_says_of_its_stereocentre() {
        let sulfoxide = |single: u8, double: u8| {
            "t\n\n\n  5  4  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 S   0  0\n    \
             1.0000    0.0000    0.0000 C   0  0\n   -1.0000    0.0000    0.0000 C   0  0\n    0.0000    \
             1.0000    0.0000 O   0  0\n    2.0000    0.5000    0.0000 C   0  0\n"
                .to_owned()
                + &format!("  1  2  1  {single}\n  1  3  1  0\n  1  4  2  {double}\n  2  5  1  0\nM  END\n")
        };
        for (single, double, smiles) in
            [(1, 0, "CC[S@@](C)=O"), (0, 1, "CC[S@](C)=O"), (0, 6, "CC[S@@](C)=O"), (0, 0, "CCS(C)=O")]
        {
            assert_eq!(smiles_of(&sulfoxide(single, double)).as_deref(), Ok(smiles), "{single} {double}");
        }
        let either = v2000(&["C", "C", "C", "C"], &["  1  2  1  0", "  2  3  2  4", "  3  4  1  0"], "");
        assert_eq!(smiles_of(&either).as_deref(), Ok("CC=CC"));
    }

    #[test]
    fn a_query_is_refused() {
        let block = Structure::from_smiles("CCO").unwrap().mol_block().unwrap().text;
        for query in [block.replacen(" O  ", " A  ", 1), block.replacen(" O  ", " Q  ", 1)] {
            assert!(Structure::from_mol_block(&query).err().unwrap().contains("query"), "{query}");
        }
    }

    #[test]
    fn what_is_no_block_says_why() {
        let block = Structure::from_smiles("CCO").unwrap().mol_block().unwrap().text;
        for wrong in ["", "\n\n\n", &block[..block.len() / 2], &block.replace("  3  2", "  9  2")] {
            assert!(Structure::from_mol_block(wrong).is_err(), "{wrong}");
        }
    }
}
