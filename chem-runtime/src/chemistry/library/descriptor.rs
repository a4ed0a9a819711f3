//! Numbers computed from structures, by the definitions of RDKit's functions of the names given here.

use cosmolkit_core::{RingSearchParams, symmetrized_sssr};

use super::{Structure, count, guarded, number};

/// Defines methods that return what the library's methods of the given names return.
macro_rules! computed {
    ($wrapper:ident -> $output:ty { $($(#[$doc:meta])* $name:ident = $method:ident;)* }) => {
        impl Structure {
            $($(#[$doc])* pub fn $name(&self) -> Option<$output> {
                $wrapper(|| self.0.$method().ok())
            })*
        }
    };
}

computed!(count -> i64 {
    /// Counts the atoms that donate hydrogen bonds: `CalcNumHBD`.
    hb_donors = num_hbd;
    /// Counts the atoms that accept hydrogen bonds: `CalcNumHBA`.
    hb_acceptors = num_hba;
    /// Counts the tetrahedral stereocentres, specified or not: `CalcNumAtomStereoCenters`.
    stereocentres = num_atom_stereo_centers;
    /// Counts the tetrahedral stereocentres that are not specified: `CalcNumUnspecifiedAtomStereoCenters`.
    unspecified_stereocentres = num_unspecified_atom_stereo_centers;
    /// Counts the atoms, including hydrogens: `CalcNumAtoms`.
    atoms = total_atom_count;
    /// Counts the atoms other than carbon and hydrogen: `CalcNumHeteroatoms`.
    heteroatoms = num_heteroatoms;
    /// Counts the amide bonds: `CalcNumAmideBonds`.
    amide_bonds = num_amide_bonds;
    /// Counts the rings with an atom other than carbon: `CalcNumHeterocycles`.
    heterocycles = num_heterocycles;
    /// Counts the aromatic rings of carbon: `CalcNumAromaticCarbocycles`.
    aromatic_carbocycles = num_aromatic_carbocycles;
    /// Counts the aromatic rings with another atom: `CalcNumAromaticHeterocycles`.
    aromatic_heterocycles = num_aromatic_heterocycles;
    /// Counts the rings with a bond that is not aromatic: `CalcNumAliphaticRings`.
    aliphatic_rings = num_aliphatic_rings;
    /// Counts the aliphatic rings of carbon: `CalcNumAliphaticCarbocycles`.
    aliphatic_carbocycles = num_aliphatic_carbocycles;
    /// Counts the aliphatic rings with another atom: `CalcNumAliphaticHeterocycles`.
    aliphatic_heterocycles = num_aliphatic_heterocycles;
    /// Counts the rings of single bonds: `CalcNumSaturatedRings`.
    saturated_rings = num_saturated_rings;
    /// Counts the saturated rings of carbon: `CalcNumSaturatedCarbocycles`.
    saturated_carbocycles = num_saturated_carbocycles;
    /// Counts the saturated rings with another atom: `CalcNumSaturatedHeterocycles`.
    saturated_heterocycles = num_saturated_heterocycles;
    /// Counts the atoms that two rings share alone: `CalcNumSpiroAtoms`.
    spiro_atoms = num_spiro_atoms;
    /// Counts the atoms at the ends of the bridges of bridged rings: `CalcNumBridgeheadAtoms`.
    bridgehead_atoms = num_bridgehead_atoms;
});

computed!(number -> f64 {
    /// Computes Labute's approximate surface area in Å²: `CalcLabuteASA`. <https://doi.org/10.1016/S1093-3263(00)00068-1>
    labute_asa = labute_asa;
    /// Computes the connectivity index χ⁰ of Hall and Kier: `GraphDescriptors.Chi0`.
    chi0 = chi_0;
    /// Computes χ¹: `GraphDescriptors.Chi1`.
    chi1 = chi_1;
    /// Computes the valence connectivity index χ⁰ᵛ: `CalcChi0v`.
    chi0v = chi_0_v;
    /// Computes χ¹ᵛ: `CalcChi1v`.
    chi1v = chi_1_v;
    /// Computes χ²ᵛ: `CalcChi2v`.
    chi2v = chi_2_v;
    /// Computes χ³ᵛ: `CalcChi3v`.
    chi3v = chi_3_v;
    /// Computes χ⁴ᵛ: `CalcChi4v`.
    chi4v = chi_4_v;
    /// Computes χ⁰ᵛ from valence electrons alone, without the row of the element: `CalcChi0n`.
    chi0n = chi_0_n;
    /// Computes χ¹ᵛ without the row of the element: `CalcChi1n`.
    chi1n = chi_1_n;
    /// Computes χ²ᵛ without the row of the element: `CalcChi2n`.
    chi2n = chi_2_n;
    /// Computes χ³ᵛ without the row of the element: `CalcChi3n`.
    chi3n = chi_3_n;
    /// Computes χ⁴ᵛ without the row of the element: `CalcChi4n`.
    chi4n = chi_4_n;
    /// Computes the sum of Hall and Kier's α: `CalcHallKierAlpha`.
    hall_kier_alpha = hall_kier_alpha;
    /// Computes the shape index κ¹ of Hall and Kier: `CalcKappa1`.
    kappa1 = kappa_1;
    /// Computes κ²: `CalcKappa2`.
    kappa2 = kappa_2;
    /// Computes κ³: `CalcKappa3`.
    kappa3 = kappa_3;
    /// Computes Kier's flexibility index Φ: `CalcPhi`.
    phi = phi;
});

impl Structure {
    /// Computes the surface area in Å² of the atoms in each interval of their contributions to logP: `SlogP_VSA_`.
    pub fn slogp_vsa(&self) -> Option<Vec<f64>> {
        guarded(|| self.0.slogp_vsa().ok())?
    }

    /// Computes the surface area in Å² of the atoms in each interval of their contributions to the molar refractivity:
    /// `SMR_VSA_`.
    pub fn smr_vsa(&self) -> Option<Vec<f64>> {
        guarded(|| self.0.smr_vsa().ok())?
    }

    /// Returns the number of atoms of each ring of the symmetrised smallest set.
    pub fn ring_sizes(&self) -> Option<Vec<usize>> {
        let rings = guarded(|| symmetrized_sssr(self.0.topology(), &RingSearchParams::default()).ok())??;
        Some(rings.atom_rings().iter().map(Vec::len).collect())
    }
}
