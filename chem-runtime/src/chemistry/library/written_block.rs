//! Writes MDL mol blocks, the structures in SD files.
//!
//! A mol block expresses less than a SMILES, and in other ways: each double bond of a layout has a configuration unless it
//! is crossed, and non-tetrahedral stereocentres cannot be represented. Each block is therefore parsed again.

use cosmolkit::{BondOrder, BondStereo, ChiralTag, MolBlockWriteParams, Molecule, SdfFormat};

use super::mol_block::parsed;
use super::{Dropped, Structure, guarded, without_stages};

/// The maximum number of atoms or bonds in a V2000 block, whose counts have three digits.
const MAX_V2000: usize = 999;

/// The number of lines before the atoms of a V2000 block.
const HEADER_LINES: usize = 4;

/// A mol block, and how the molecule changes when the block is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MolBlock {
    /// The block, including its `M  END`.
    pub text: String,
    /// How the parsed molecule differs, or why the block cannot be parsed; `None` if the molecule is unchanged.
    pub change: Option<String>,
}

impl MolBlock {
    /// Returns `text` as the block of the molecule with the canonical SMILES `smiles`, with the coordinates that it has;
    /// `None` if it is not a whole block or is that of another molecule. The block may also have stereo groups and axes of
    /// atropisomers, which the SMILES does not represent.
    pub(in crate::chemistry) fn of(smiles: &str, text: &str) -> Option<Self> {
        let mut lines = text.lines().rev();
        let is_whole =
            lines.next() == Some("M  END") && !lines.any(|line| line == "M  END" || line.starts_with("$$$$"));
        let dropped = Dropped { axes: true, groups: true };
        let is_it = || Structure::read_mol_block(text, dropped).is_ok_and(|read| read.smiles == smiles);
        (is_whole && is_it()).then(|| Self { text: text.trim_end().to_owned() + "\n", change: None })
    }
}

impl Structure {
    /// Writes a mol block with a 2D layout, V2000 unless it has more than 999 atoms or bonds. Crosses a double bond without
    /// a configuration if its layout would imply one.
    ///
    /// # Errors
    /// Fails if the library cannot compute a layout.
    pub fn mol_block(&self) -> Result<MolBlock, String> {
        let expected = self.canonical_smiles()?;
        let reads_as_it = |text: &str| Self::canonical_smiles_of_mol_block(text).as_ref() == Ok(&expected);
        let text = self.drawn(if self.is_large() { SdfFormat::V3000 } else { SdfFormat::V2000 })?;
        if reads_as_it(&text) {
            return Ok(MolBlock { text, change: None });
        }
        let crossed = self.crossed(&text).filter(|text| reads_as_it(text));
        Ok(match crossed {
            Some(text) => MolBlock { text, change: None },
            None => MolBlock { change: Some(self.change_by(&text)), text },
        })
    }

    fn drawn(&self, format: SdfFormat) -> Result<String, String> {
        let params = MolBlockWriteParams { format, force_2d: true, precision: 4, ..MolBlockWriteParams::default() };
        let drawn = guarded(|| {
            let laid_out = self.0.with_2d_coordinates().map_err(|error| error.to_string())?;
            laid_out.to_mol_with_params(&params).map_err(|error| error.to_string())
        });
        match drawn {
            Some(Ok(block)) => Ok(block),
            Some(Err(error)) => Err(format!("cannot be drawn: {}", without_stages(&error))),
            None => Err("the chemistry library failed to draw it".to_owned()),
        }
    }

    fn is_large(&self) -> bool {
        self.0.num_atoms() > MAX_V2000 || self.0.num_bonds() > MAX_V2000
    }

    /// Crosses the double bonds that have a configuration in the block but not in the structure; `None` if there are none.
    fn crossed(&self, block: &str) -> Option<String> {
        let read = parsed(block, false).ok()?;
        let invented: Vec<usize> = double_bonds(&self.0)
            .filter(|(at, stereo)| !is_set(*stereo) && stereo_of_bond(&read, &self.0, *at).is_some_and(is_set))
            .map(|(at, _)| at)
            .collect();
        if invented.is_empty() {
            return None;
        }
        Some(if self.is_large() {
            crossed_v3000(block, &invented)
        } else {
            crossed_v2000(block, self.0.num_atoms(), &invented)
        })
    }

    /// Describes how parsing the block changes the structure.
    fn change_by(&self, block: &str) -> String {
        let read = match Self::canonical_smiles_of_mol_block(block) {
            Ok(read) => read,
            Err(reason) => return format!("a mol block of it cannot be read back: it {reason}"),
        };
        let mut lost: Vec<String> = Vec::new();
        if let Ok(drawn) = parsed(block, false) {
            let tags = drawn
                .atoms()
                .into_iter()
                .map(|atom| atom.chiral_tag())
                .chain(std::iter::repeat(ChiralTag::Unspecified));
            for (number, (atom, tag)) in (1..).zip(self.0.atoms().into_iter().zip(tags)) {
                if atom.chiral_tag() != ChiralTag::Unspecified && tag == ChiralTag::Unspecified {
                    lost.push(format!("the stereocentre {}{number}", atom.element().symbol()));
                }
            }
            for (at, stereo) in double_bonds(&self.0) {
                if is_set(stereo) != stereo_of_bond(&drawn, &self.0, at).is_some_and(is_set) {
                    let [one, other] = ends(&self.0, at).unwrap_or_default().map(|atom| atom + 1);
                    lost.push(format!("the double bond {one} to {other}"));
                }
            }
        }
        let of =
            if lost.is_empty() { String::new() } else { format!("; a mol block does not hold {}", lost.join(", ")) };
        format!("a mol block of it reads back as `{read}`{of}")
    }
}

/// Returns the indices of the double bonds and their configurations.
fn double_bonds(molecule: &Molecule) -> impl Iterator<Item = (usize, BondStereo)> {
    let bonds = molecule.bonds().iter().enumerate();
    bonds.filter(|(_, bond)| bond.order() == BondOrder::Double).map(|(at, bond)| (at, bond.stereo()))
}

fn is_set(stereo: BondStereo) -> bool {
    !matches!(stereo, BondStereo::None | BondStereo::Any)
}

fn ends(molecule: &Molecule, bond: usize) -> Option<[usize; 2]> {
    molecule.bonds().get(bond).map(|bond| [bond.begin(), bond.end()].map(|atom| atom.index()))
}

/// Returns the configuration in `read` of the bond at index `at` of `written`. Both number their atoms alike.
fn stereo_of_bond(read: &Molecule, written: &Molecule, at: usize) -> Option<BondStereo> {
    let [one, other] = ends(written, at)?;
    let same = |bond: &[usize; 2]| *bond == [one, other] || *bond == [other, one];
    let bonds = read.bonds().iter();
    bonds
        .map(|bond| (bond, [bond.begin(), bond.end()].map(|atom| atom.index())))
        .find(|(_, ends)| same(ends))
        .map(|(bond, _)| bond.stereo())
}

/// Crosses `bonds` in a V2000 block of `atoms` atoms.
fn crossed_v2000(block: &str, atoms: usize, bonds: &[usize]) -> String {
    let crossed = |(at, line): (usize, &str)| {
        let bond = at.checked_sub(HEADER_LINES + atoms).is_some_and(|bond| bonds.contains(&bond));
        match (line.get(..9), line.get(12..)) {
            (Some(before), Some(after)) if bond => format!("{before}  3{after}"),
            _ => line.to_owned(),
        }
    };
    block.split_inclusive('\n').enumerate().map(crossed).collect()
}

/// Crosses `bonds` in a V3000 block.
fn crossed_v3000(block: &str, bonds: &[usize]) -> String {
    let first = block.lines().position(|line| line.starts_with("M  V30 BEGIN BOND")).map_or(0, |at| at + 1);
    let crossed = |(at, line): (usize, &str)| match at.checked_sub(first) {
        Some(bond) if bonds.contains(&bond) => format!("{} CFG=2\n", line.trim_end()),
        _ => line.to_owned(),
    };
    block.split_inclusive('\n').enumerate().map(crossed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(smiles: &str) -> MolBlock {
        Structure::from_smiles(smiles).unwrap().mol_block().unwrap()
    }

    #[test]
    fn written_blocks_read_back() {
        for smiles in [
            "CCO",
            "C[C@H](N)C(=O)O",
            "F/C=C/Cl",
            "[Na+].[O-]c1ccccc1",
            "[13CH4]",
            "C[N+](C)(C)CC(=O)[O-]",
            "*CCO",
            "[1*]c1ccccc1",
            "CC[*:1]",
            "*[C@H](N)CC",
            "[NH3]->[Pt](<-[NH3])(Cl)Cl",
            "C[S@](=O)CC",
            "[H]/N=C(/N)C",
            "CC=C=CC",
        ] {
            assert_eq!(written(smiles).change, None, "{smiles}");
        }
    }

    #[test]
    fn a_double_bond_without_a_configuration_is_crossed_if_its_layout_implies_one() {
        for smiles in
            ["CC=C/C=C/C", "CC=C/C=C/C=CC", "CCC(C)=C/C=C(\\C)CC", "CC=C/C(C)=C/C=C(C)C(=O)O", "CC=CC", "C/C=C/C=NO"]
        {
            let MolBlock { text, change } = written(smiles);
            assert_eq!(change, None, "{smiles}: {text}");
        }
        assert!(written("CC=C/C=C/C").text.contains("  2  3  2  3\n"));
        let structure = Structure::from_smiles("CC=C/C=C/C").unwrap();
        let large = crossed_v3000(&structure.drawn(SdfFormat::V3000).unwrap(), &[1]);
        assert!(large.contains("M  V30 2 2 2 3 CFG=2\n"), "{large}");
        assert_eq!(Structure::canonical_smiles_of_mol_block(&large).as_deref(), Ok("CC=C/C=C/C"));
    }

    #[test]
    fn a_block_is_taken_for_its_own_molecule_alone_and_whole() {
        let text = written("C[C@H](N)C(=O)O").text;
        let of = |smiles: &str, text: &str| MolBlock::of(smiles, text).map(|block| block.text);
        assert_eq!(of("C[C@H](N)C(=O)O", &text), Some(text.clone()));
        assert_eq!(of("C[C@H](N)C(=O)O", text.trim_end()), Some(text.clone()));
        assert_eq!(of("C[C@@H](N)C(=O)O", &text), None);
        let fields = text.clone() + "> <a>\n1\n";
        let twice = text.repeat(2);
        let ended = text.replacen("M  END", "$$$$\nM  END", 1);
        for wrong in ["", &fields, &twice, &ended, text.trim_end_matches("M  END\n")] {
            assert_eq!(of("C[C@H](N)C(=O)O", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn losses_in_a_mol_block_are_described() {
        for (smiles, what) in [
            ("C[P@H]c1ccccc1", "stereocentre P2"),
            ("F[Pt@SP1](Cl)(Br)I", "stereocentre Pt2"),
            ("F[As@TB1](Cl)(Br)(I)N", "stereocentre As2"),
            ("F[Co@OH1](Cl)(Br)(I)(N)O", "stereocentre Co2"),
        ] {
            let change = written(smiles).change.unwrap();
            assert!(change.contains("reads back as") && change.contains(what), "{smiles}: {change}");
        }
        assert!(written("C$C").change.unwrap().contains("reads back as `C~C`"));
    }
}
