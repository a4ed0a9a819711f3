//! Computes masses and properties derived from them.

use cosmolkit::Molecule;

use super::{Structure, number};

impl Structure {
    /// Computes the molecular weight with natural isotope abundances, in g/mol. A dummy atom has no weight, labelled or
    /// not. Returns `None` if an isotope is not in the library's table.
    pub fn molecular_weight(&self) -> Option<f64> {
        self.weighed(|molecule| molecule.molecular_weight().ok())
    }

    /// Computes the part of the [molecular weight](Self::molecular_weight) that is not of hydrogens.
    pub fn heavy_atom_weight(&self) -> Option<f64> {
        self.weighed(|molecule| molecule.molecular_weight_with_params(true).ok())
    }

    /// Computes the mass of the most abundant isotopes, in Da. Returns `None` if the
    /// [molecular weight](Self::molecular_weight) is `None`.
    pub fn exact_mass(&self) -> Option<f64> {
        self.weighed(|molecule| molecule.exact_molecular_weight().ok())
    }

    /// Computes the quantitative estimate of drug-likeness with mean weights, from 0 to 1:
    /// <https://doi.org/10.1038/nchem.1243>. Returns `None` if the [molecular weight](Self::molecular_weight), on which it
    /// depends, is `None`.
    pub fn qed(&self) -> Option<f64> {
        self.weighed(|molecule| molecule.qed().ok())
    }

    /// Applies `weigh` to the molecule without the labels of its dummy atoms, which the library would interpret as unknown
    /// isotopes.
    fn weighed(&self, weigh: impl FnOnce(&Molecule) -> Option<f64>) -> Option<f64> {
        let labelled = |atom: &cosmolkit::Atom| atom.atomic_number() == 0 && atom.isotope().is_some();
        if !self.0.topology().atoms.iter().any(labelled) {
            return number(|| weigh(&self.0));
        }
        let plain = self.edited(|atoms| {
            for atom in atoms.iter_mut().filter(|atom| labelled(atom)) {
                atom.set_isotope(None);
            }
        })?;
        number(|| weigh(&plain.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_labelled_dummy_atom_weighs_what_an_unlabelled_one_does() {
        for (labelled, plain) in
            [("[1*]c1ccccc1", "*c1ccccc1"), ("[1*]C", "*C"), ("[12*]N[C@@H](C)C(=O)[3*]", "*NC(C)C(=O)*")]
        {
            let (labelled, plain) = (Structure::from_smiles(labelled).unwrap(), Structure::from_smiles(plain).unwrap());
            assert!(plain.molecular_weight().is_some() && plain.qed().is_some());
            assert_eq!(labelled.molecular_weight(), plain.molecular_weight());
            assert_eq!(labelled.exact_mass(), plain.exact_mass());
            assert_eq!(labelled.qed(), plain.qed());
        }
        let weight = |smiles| Structure::from_smiles(smiles).unwrap().molecular_weight().unwrap();
        assert!((weight("[1*]c1ccccc1") - 77.106).abs() < 1e-9 && (weight("[1*]C") - 15.035).abs() < 1e-9);
    }

    #[test]
    fn a_molecule_with_an_unknown_isotope_has_no_mass() {
        let unknown = Structure::from_smiles("[999CH4]").unwrap();
        assert_eq!((unknown.molecular_weight(), unknown.exact_mass(), unknown.qed()), (None, None, None));
        assert!(Structure::from_smiles("[13CH4]").unwrap().exact_mass().is_some());
    }
}
