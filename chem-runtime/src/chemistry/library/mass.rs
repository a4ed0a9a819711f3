//! Masses, and what is made of them.

use cosmolkit::Molecule;

use super::{Structure, number};

impl Structure {
    /// Molecular weight with natural isotope abundances, g/mol. A dummy atom has no weight, whatever its label. `None` if
    /// an isotope is not in the library's table.
    pub fn molecular_weight(&self) -> Option<f64> {
        self.weighed(|molecule| molecule.molecular_weight().ok())
    }

    /// Mass of the most abundant isotopes, Da. `None` where the [molecular weight](Self::molecular_weight) is.
    pub fn exact_mass(&self) -> Option<f64> {
        self.weighed(|molecule| molecule.exact_molecular_weight().ok())
    }

    /// Quantitative estimate of drug-likeness, weighted by mean, from 0 to 1: <https://doi.org/10.1038/nchem.1243>. `None`
    /// where the [molecular weight](Self::molecular_weight) is, which it is made of.
    pub fn qed(&self) -> Option<f64> {
        self.weighed(|molecule| molecule.qed().ok())
    }

    /// What `weigh` finds for the molecule without the labels of its dummy atoms, which the library takes for isotopes
    /// that it does not know.
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
    fn an_isotope_that_the_table_does_not_have_is_no_mass_at_all() {
        let unknown = Structure::from_smiles("[999CH4]").unwrap();
        assert_eq!((unknown.molecular_weight(), unknown.exact_mass(), unknown.qed()), (None, None, None));
        assert!(Structure::from_smiles("[13CH4]").unwrap().exact_mass().is_some());
    }
}
