//! Canonical SMILES: one spelling for each molecule, which parses as that molecule.

use cosmolkit::{Atom, BondOrder, ChiralTag, NeighborRef, SmilesWriteParams};

use super::{Structure, guarded};

/// The number of rounds of writing and parsing after which a spelling counts as unstable. Two suffice in practice.
const MAX_ROUNDS: usize = 8;

/// The property with which the library marks an atom whose chirality is relative to that of others in its ring.
const RING_STEREO: &str = "_ringStereoAtoms";

impl Structure {
    /// Returns the canonical isomeric SMILES: one spelling for each molecule, which parses as that molecule and is its own
    /// canonical SMILES.
    ///
    /// It is RDKit's canonical SMILES, parsed and written again until it no longer changes; of spellings that alternate, the
    /// first in the order of characters. RDKit stops after the first round, which differs only for a few odd molecules.
    ///
    /// # Errors
    /// Fails if the library cannot write the SMILES, or if the SMILES does not parse as the same molecule.
    pub fn canonical_smiles(&self) -> Result<String, String> {
        let first = self.written()?;
        if self.is_settled() {
            return Ok(first);
        }
        self.settled(first)
    }

    /// Returns the canonical SMILES as the library writes it.
    pub(in crate::chemistry) fn written(&self) -> Result<String, String> {
        self.written_with(&SmilesWriteParams::default())
    }

    pub(super) fn written_with(&self, params: &SmilesWriteParams) -> Result<String, String> {
        let text = match guarded(|| self.0.to_smiles_with_params(params)) {
            Some(Ok(text)) => text,
            Some(Err(error)) => return Err(format!("its canonical SMILES cannot be written: {error}")),
            None => return Err("the chemistry library failed to write its canonical SMILES".to_owned()),
        };
        String::from_utf8(text.into_bytes()).map_err(|_| "its canonical SMILES is not text".to_owned())
    }

    /// Returns the stable spelling to which `first`, the library's spelling of the structure, leads.
    fn settled(&self, first: String) -> Result<String, String> {
        let mut spellings = vec![(first, None)];
        while spellings.len() <= MAX_ROUNDS {
            let last = spellings.len() - 1;
            let text = &spellings[last].0;
            let read = Self::from_smiles(text)
                .map_err(|reason| format!("its canonical SMILES, `{text}`, cannot be read: {reason}"))?;
            let next = read.written()?;
            spellings[last].1 = Some(read);
            if let Some(start) = spellings.iter().position(|(text, _)| *text == next) {
                let alternatives = spellings.into_iter().skip(start);
                let same = alternatives.filter(|(_, read)| read.as_ref().is_some_and(|read| self.is_same_as(read)));
                return same
                    .map(|(text, _)| text)
                    .min()
                    .ok_or_else(|| format!("its canonical SMILES, `{next}`, reads as another molecule"));
            }
            spellings.push((next, None));
        }
        Err(format!("its canonical SMILES does not settle: `{}` reads as a molecule with another", spellings[0].0))
    }

    /// Returns whether the library's first spelling is known to be stable, as for ordinary organic molecules. Excludes what
    /// the library may perceive differently when it parses its own SMILES: an atom that it normalizes, a ring whose
    /// aromaticity depends on a dummy atom, a stereocentre that depends on another.
    fn is_settled(&self) -> bool {
        guarded(|| {
            let topology = self.0.topology();
            topology.atoms.iter().enumerate().all(|(index, atom)| {
                let neighbours = topology.adjacency.neighbors_of(index).iter();
                let bonded =
                    |to: &NeighborRef| (topology.bonds[to.bond.index()].order(), &topology.atoms[to.atom_index]);
                is_plain(atom, &neighbours.map(bonded).collect::<Vec<_>>())
            })
        })
        .unwrap_or(false)
    }

    /// Returns whether `other`, parsed from the SMILES of this structure, is the same molecule. Compares what writing and
    /// parsing may change: hydrogens, charges, and the stereochemistry that the library may write incorrectly.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let delicate = || guarded(|| self.0.topology().atoms.iter().any(has_delicate_chirality)).unwrap_or(true);
        self.formula() == other.formula() && (!delicate() || self.inchi_key() == other.inchi_key())
    }
}

/// Returns whether the library may write the chirality of an atom incorrectly: chirality relative to others in its ring,
/// or that of a nitrogen without a fourth neighbour, as in an aziridine.
fn has_delicate_chirality(atom: &Atom) -> bool {
    let nitrogen = || atom.atomic_number() == 7 && atom.formal_charge() == 0;
    atom.chiral_tag() != ChiralTag::Unspecified && (nitrogen() || atom.prop(RING_STEREO).is_some())
}

/// Returns whether the library perceives the atom in the same way in every spelling of its molecule.
fn is_plain(atom: &Atom, neighbours: &[(BondOrder, &Atom)]) -> bool {
    let tetrahedral =
        matches!(atom.chiral_tag(), ChiralTag::Unspecified | ChiralTag::TetrahedralCw | ChiralTag::TetrahedralCcw);
    if atom.radical_electrons() > 0 || !tetrahedral || has_delicate_chirality(atom) {
        return false;
    }
    let multiple = neighbours.iter().filter(|(order, _)| *order != BondOrder::Single).count();
    let element = match atom.atomic_number() {
        0 => false,
        // An ion, or a molecule of one atom.
        _ if neighbours.is_empty() => true,
        6 | 7 => true,
        8 | 16 | 34 => !atom.is_aromatic() || neighbours.len() == 2,
        9 | 17 | 35 | 53 => neighbours.len() == 1 && multiple == 0 && atom.formal_charge() == 0,
        5 | 14 => !atom.is_aromatic(),
        15 => !atom.is_aromatic() && multiple <= 1,
        _ => false,
    };
    element
        && neighbours.iter().all(|(order, other)| match order {
            BondOrder::Single => true,
            BondOrder::Double | BondOrder::Triple => !atom.is_aromatic() || other.atomic_number() != 6,
            BondOrder::Aromatic => atom.is_aromatic() && other.is_aromatic(),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(smiles: &str) -> Result<String, String> {
        Structure::from_smiles(smiles)?.canonical_smiles()
    }

    #[test]
    fn one_of_two_alternating_spellings_is_chosen() {
        let spellings = ["[O-]C1=C2C[C@H](C2)[C@@]12CC2", "[O-]C1=C2C[C@H](C2)[C@]12CC2"];
        let first = Structure::from_smiles(spellings[0]).unwrap().written().unwrap();
        assert_ne!(Structure::from_smiles(&first).unwrap().written().unwrap(), first);
        for spelling in spellings {
            assert_eq!(canonical(spelling).unwrap(), spellings[0]);
        }
    }

    #[test]
    fn a_spelling_that_changes_when_parsed_is_replaced_by_the_stable_one() {
        for (smiles, stays) in [
            ("O=I", "[O-][IH+]"),
            ("O=p1ccccc1", "[O-][p+]1ccccc1"),
            ("N1*=**=*1", "*1*=**N1"),
            ("C1=CC2=CC=C3C=CC4=CC=C5C=CN1*1*2*3*4N51", "c1cc2ccn3ccc4ccc5ccc1*1:*2:*3n4*:15"),
            ("[C@H]12C[C@@H](C1)[C@H]2C", "C[C@H]1[C@H]2C[C@H]1C2"),
        ] {
            assert_eq!(canonical(smiles).as_deref(), Ok(stays));
            assert_eq!(canonical(stays).as_deref(), Ok(stays));
        }
    }

    #[test]
    fn a_ring_closed_with_a_bond_of_unknown_order_is_refused_and_one_that_only_has_it_is_kept() {
        // RDKit parses these as a single bond, although it writes such closures for the refused molecules below.
        for smiles in ["C~1CCCCC1", "C1CCCCC~1", "C~1CC~1", "C~1CCCCC=1", "C%10CCCCC~%10", "[N-]1S[S]~1"] {
            assert!(canonical(smiles).is_err_and(|reason| reason.contains("closes a ring with `~`")), "{smiles}");
        }
        for (smiles, kept) in
            [("C1CC~C1", Some("C1CC~C1")), ("C1CCCC~C1", Some("C1CCC~CC1")), ("C1~CN1", None), ("C1~C~C1", None)]
        {
            match (canonical(smiles), kept) {
                (Ok(spelling), kept) => assert_eq!(Some(spelling.as_str()), kept),
                (Err(reason), kept) => assert!(kept.is_none() && reason.contains('~'), "{smiles}: {reason}"),
            }
        }
    }

    #[test]
    fn a_molecule_whose_spelling_would_parse_as_another_is_refused() {
        for (smiles, why) in [
            // The ring gains a hydrogen.
            ("*1:c:*:c:c:1", "its canonical SMILES, `*1=CC=*C1`, reads as another molecule"),
            // The library writes a ring of alternating substituents as another stereoisomer.
            ("C(=C\\C)/[C@H]1[C@H](O)[C@@H](/C=C/C)[C@H]([C@H](/C=C/C)[C@@H]1O)O", "reads as another molecule"),
            // The same happens to the nitrogen of an aziridine, in one of its spellings.
            ("[C@H]12C[C@@H](C)N[C@]2(O)[N@@]1C", "reads as another molecule"),
            ("OC(=O)C1=CC=b(N)C=C1", "cannot be read: not a possible molecule"),
            ("*1~*~*~1C", "closes a ring with `~`"),
        ] {
            assert!(canonical(smiles).is_err_and(|reason| reason.contains(why)), "{smiles}: {:?}", canonical(smiles));
        }
        assert_eq!(canonical("C[C@@H]1C[C@H]2[N@](C)[C@@]2(O)N1").as_deref(), Ok("C[C@@H]1C[C@H]2[N@](C)[C@@]2(O)N1"));
    }
}
