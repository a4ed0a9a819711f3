//! The properties of molecules: name, type, unit, and how each is computed.

use serde_json::Value;

use super::fragments::fragment_count;
use super::library::{PROVIDER, Structure};
use super::sa_score::sa_score;
use crate::artifact::{Column, ColumnType};

/// The number of decimals to which computed values are rounded.
///
/// The last bits of the library's sums depend on the order of the atoms and on the platform's `ln` and `exp`. Six decimals
/// are stable against both, and none of the underlying models is accurate beyond the second.
pub const DECIMALS: u32 = 6;

/// A property of molecules.
#[derive(Debug)]
pub struct Property {
    /// The name of the property and its column.
    pub name: &'static str,
    /// The type of the column.
    pub ty: ColumnType,
    /// The unit; `None` for a dimensionless property and for text.
    pub unit: Option<&'static str>,
    /// Whether it depends on stereochemistry.
    pub needs_stereo: bool,
    compute: Compute,
}

/// How a property is computed.
#[derive(Debug)]
enum Compute {
    By(fn(&Structure) -> Value),
    /// Counts the fragment with the name of the property.
    Fragment,
}

static ALL: &[Property] = &[
    Property::float("molecular_weight", Some("g/mol"), |s| float(s.molecular_weight())),
    Property::float("logp", None, |s| float(s.logp())),
    Property::float("tpsa", Some("Å²"), |s| float(s.tpsa())),
    Property::integer("hbd", |s| s.hbd().into()),
    Property::integer("hba", |s| s.hba().into()),
    Property::integer("rotatable_bonds", |s| s.rotatable_bonds().into()),
    Property::float("exact_mass", Some("Da"), |s| float(s.exact_mass())),
    Property::text("formula", |s| s.formula().into()),
    Property::integer("heavy_atoms", |s| s.heavy_atoms().into()),
    Property::float("molar_refractivity", Some("cm³/mol"), |s| float(s.molar_refractivity())),
    Property::integer("rings", |s| s.rings().into()),
    Property::integer("aromatic_rings", |s| s.aromatic_rings().into()),
    Property::float("fraction_csp3", None, |s| float(s.fraction_csp3())),
    Property::integer("formal_charge", |s| s.formal_charge().into()),
    Property::float("qed", None, |s| float(s.qed())),
    Property { needs_stereo: true, ..Property::text("inchi_key", |s| s.inchi_key().into()) },
    Property::integer("hb_donors", |s| s.hb_donors().into()),
    Property::integer("hb_acceptors", |s| s.hb_acceptors().into()),
    Property { needs_stereo: true, ..Property::integer("stereocentres", |s| s.stereocentres().into()) },
    Property {
        needs_stereo: true,
        ..Property::integer("unspecified_stereocentres", |s| s.unspecified_stereocentres().into())
    },
    Property::integer("atoms", |s| s.atoms().into()),
    Property::integer("heteroatoms", |s| s.heteroatoms().into()),
    Property::integer("amide_bonds", |s| s.amide_bonds().into()),
    Property::integer("heterocycles", |s| s.heterocycles().into()),
    Property::integer("aromatic_carbocycles", |s| s.aromatic_carbocycles().into()),
    Property::integer("aromatic_heterocycles", |s| s.aromatic_heterocycles().into()),
    Property::integer("aliphatic_rings", |s| s.aliphatic_rings().into()),
    Property::integer("aliphatic_carbocycles", |s| s.aliphatic_carbocycles().into()),
    Property::integer("aliphatic_heterocycles", |s| s.aliphatic_heterocycles().into()),
    Property::integer("saturated_rings", |s| s.saturated_rings().into()),
    Property::integer("saturated_carbocycles", |s| s.saturated_carbocycles().into()),
    Property::integer("saturated_heterocycles", |s| s.saturated_heterocycles().into()),
    Property::integer("spiro_atoms", |s| s.spiro_atoms().into()),
    Property::integer("bridgehead_atoms", |s| s.bridgehead_atoms().into()),
    Property::float("sa_score", None, |s| float(sa_score(s))),
    Property::float("labute_asa", Some("Å²"), |s| float(s.labute_asa())),
    Property::float("chi0", None, |s| float(s.chi0())),
    Property::float("chi1", None, |s| float(s.chi1())),
    Property::float("chi0v", None, |s| float(s.chi0v())),
    Property::float("chi1v", None, |s| float(s.chi1v())),
    Property::float("chi2v", None, |s| float(s.chi2v())),
    Property::float("chi3v", None, |s| float(s.chi3v())),
    Property::float("chi4v", None, |s| float(s.chi4v())),
    Property::float("chi0n", None, |s| float(s.chi0n())),
    Property::float("chi1n", None, |s| float(s.chi1n())),
    Property::float("chi2n", None, |s| float(s.chi2n())),
    Property::float("chi3n", None, |s| float(s.chi3n())),
    Property::float("chi4n", None, |s| float(s.chi4n())),
    Property::float("hall_kier_alpha", None, |s| float(s.hall_kier_alpha())),
    Property::float("kappa1", None, |s| float(s.kappa1())),
    Property::float("kappa2", None, |s| float(s.kappa2())),
    Property::float("kappa3", None, |s| float(s.kappa3())),
    Property::float("phi", None, |s| float(s.phi())),
    Property::float("slogp_vsa1", Some("Å²"), |s| float(part(1, s.slogp_vsa()))),
    Property::float("slogp_vsa2", Some("Å²"), |s| float(part(2, s.slogp_vsa()))),
    Property::float("slogp_vsa3", Some("Å²"), |s| float(part(3, s.slogp_vsa()))),
    Property::float("slogp_vsa4", Some("Å²"), |s| float(part(4, s.slogp_vsa()))),
    Property::float("slogp_vsa5", Some("Å²"), |s| float(part(5, s.slogp_vsa()))),
    Property::float("slogp_vsa6", Some("Å²"), |s| float(part(6, s.slogp_vsa()))),
    Property::float("slogp_vsa7", Some("Å²"), |s| float(part(7, s.slogp_vsa()))),
    Property::float("slogp_vsa8", Some("Å²"), |s| float(part(8, s.slogp_vsa()))),
    Property::float("slogp_vsa9", Some("Å²"), |s| float(part(9, s.slogp_vsa()))),
    Property::float("slogp_vsa10", Some("Å²"), |s| float(part(10, s.slogp_vsa()))),
    Property::float("slogp_vsa11", Some("Å²"), |s| float(part(11, s.slogp_vsa()))),
    Property::float("slogp_vsa12", Some("Å²"), |s| float(part(12, s.slogp_vsa()))),
    Property::float("smr_vsa1", Some("Å²"), |s| float(part(1, s.smr_vsa()))),
    Property::float("smr_vsa2", Some("Å²"), |s| float(part(2, s.smr_vsa()))),
    Property::float("smr_vsa3", Some("Å²"), |s| float(part(3, s.smr_vsa()))),
    Property::float("smr_vsa4", Some("Å²"), |s| float(part(4, s.smr_vsa()))),
    Property::float("smr_vsa5", Some("Å²"), |s| float(part(5, s.smr_vsa()))),
    Property::float("smr_vsa6", Some("Å²"), |s| float(part(6, s.smr_vsa()))),
    Property::float("smr_vsa7", Some("Å²"), |s| float(part(7, s.smr_vsa()))),
    Property::float("smr_vsa8", Some("Å²"), |s| float(part(8, s.smr_vsa()))),
    Property::float("smr_vsa9", Some("Å²"), |s| float(part(9, s.smr_vsa()))),
    Property::float("smr_vsa10", Some("Å²"), |s| float(part(10, s.smr_vsa()))),
    Property::float("heavy_atom_weight", Some("g/mol"), |s| float(s.heavy_atom_weight())),
    Property::integer("valence_electrons", |s| s.valence_electrons().into()),
    Property::integer("radical_electrons", |s| s.radical_electrons().into()),
    Property::float("balaban_j", None, |s| float(s.balaban_j())),
    Property::float("bertz_ct", None, |s| float(s.bertz_ct())),
    Property::float("max_estate", None, |s| float(extreme(s, f64::max, |state| state))),
    Property::float("min_estate", None, |s| float(extreme(s, f64::min, |state| state))),
    Property::float("max_abs_estate", None, |s| float(extreme(s, f64::max, f64::abs))),
    Property::float("min_abs_estate", None, |s| float(extreme(s, f64::min, f64::abs))),
    Property::float("estate_vsa1", Some("Å²"), |s| float(part(1, s.estate_vsa()))),
    Property::float("estate_vsa2", Some("Å²"), |s| float(part(2, s.estate_vsa()))),
    Property::float("estate_vsa3", Some("Å²"), |s| float(part(3, s.estate_vsa()))),
    Property::float("estate_vsa4", Some("Å²"), |s| float(part(4, s.estate_vsa()))),
    Property::float("estate_vsa5", Some("Å²"), |s| float(part(5, s.estate_vsa()))),
    Property::float("estate_vsa6", Some("Å²"), |s| float(part(6, s.estate_vsa()))),
    Property::float("estate_vsa7", Some("Å²"), |s| float(part(7, s.estate_vsa()))),
    Property::float("estate_vsa8", Some("Å²"), |s| float(part(8, s.estate_vsa()))),
    Property::float("estate_vsa9", Some("Å²"), |s| float(part(9, s.estate_vsa()))),
    Property::float("estate_vsa10", Some("Å²"), |s| float(part(10, s.estate_vsa()))),
    Property::float("estate_vsa11", Some("Å²"), |s| float(part(11, s.estate_vsa()))),
    Property::float("vsa_estate1", None, |s| float(part(1, s.vsa_estate()))),
    Property::float("vsa_estate2", None, |s| float(part(2, s.vsa_estate()))),
    Property::float("vsa_estate3", None, |s| float(part(3, s.vsa_estate()))),
    Property::float("vsa_estate4", None, |s| float(part(4, s.vsa_estate()))),
    Property::float("vsa_estate5", None, |s| float(part(5, s.vsa_estate()))),
    Property::float("vsa_estate6", None, |s| float(part(6, s.vsa_estate()))),
    Property::float("vsa_estate7", None, |s| float(part(7, s.vsa_estate()))),
    Property::float("vsa_estate8", None, |s| float(part(8, s.vsa_estate()))),
    Property::float("vsa_estate9", None, |s| float(part(9, s.vsa_estate()))),
    Property::float("vsa_estate10", None, |s| float(part(10, s.vsa_estate()))),
    Property::integer("mqn1", |s| quantum_number(1, s)),
    Property::integer("mqn2", |s| quantum_number(2, s)),
    Property::integer("mqn3", |s| quantum_number(3, s)),
    Property::integer("mqn4", |s| quantum_number(4, s)),
    Property::integer("mqn5", |s| quantum_number(5, s)),
    Property::integer("mqn6", |s| quantum_number(6, s)),
    Property::integer("mqn7", |s| quantum_number(7, s)),
    Property::integer("mqn8", |s| quantum_number(8, s)),
    Property::integer("mqn9", |s| quantum_number(9, s)),
    Property::integer("mqn10", |s| quantum_number(10, s)),
    Property::integer("mqn11", |s| quantum_number(11, s)),
    Property::integer("mqn12", |s| quantum_number(12, s)),
    Property::integer("mqn13", |s| quantum_number(13, s)),
    Property::integer("mqn14", |s| quantum_number(14, s)),
    Property::integer("mqn15", |s| quantum_number(15, s)),
    Property::integer("mqn16", |s| quantum_number(16, s)),
    Property::integer("mqn17", |s| quantum_number(17, s)),
    Property::integer("mqn18", |s| quantum_number(18, s)),
    Property::integer("mqn19", |s| quantum_number(19, s)),
    Property::integer("mqn20", |s| quantum_number(20, s)),
    Property::integer("mqn21", |s| quantum_number(21, s)),
    Property::integer("mqn22", |s| quantum_number(22, s)),
    Property::integer("mqn23", |s| quantum_number(23, s)),
    Property::integer("mqn24", |s| quantum_number(24, s)),
    Property::integer("mqn25", |s| quantum_number(25, s)),
    Property::integer("mqn26", |s| quantum_number(26, s)),
    Property::integer("mqn27", |s| quantum_number(27, s)),
    Property::integer("mqn28", |s| quantum_number(28, s)),
    Property::integer("mqn29", |s| quantum_number(29, s)),
    Property::integer("mqn30", |s| quantum_number(30, s)),
    Property::integer("mqn31", |s| quantum_number(31, s)),
    Property::integer("mqn32", |s| quantum_number(32, s)),
    Property::integer("mqn33", |s| quantum_number(33, s)),
    Property::integer("mqn34", |s| quantum_number(34, s)),
    Property::integer("mqn35", |s| quantum_number(35, s)),
    Property::integer("mqn36", |s| quantum_number(36, s)),
    Property::integer("mqn37", |s| quantum_number(37, s)),
    Property::integer("mqn38", |s| quantum_number(38, s)),
    Property::integer("mqn39", |s| quantum_number(39, s)),
    Property::integer("mqn40", |s| quantum_number(40, s)),
    Property::integer("mqn41", |s| quantum_number(41, s)),
    Property::integer("mqn42", |s| quantum_number(42, s)),
    Property::float("max_partial_charge", Some("e"), |s| float(charge_extremes(s).map(|(_, max)| max))),
    Property::float("min_partial_charge", Some("e"), |s| float(charge_extremes(s).map(|(min, _)| min))),
    Property::float("max_abs_partial_charge", Some("e"), |s| {
        float(charge_extremes(s).map(|(a, b)| a.abs().max(b.abs())))
    }),
    Property::float("min_abs_partial_charge", Some("e"), |s| {
        float(charge_extremes(s).map(|(a, b)| a.abs().min(b.abs())))
    }),
    Property::float("peoe_vsa1", Some("Å²"), |s| float(part(1, s.peoe_vsa()))),
    Property::float("peoe_vsa2", Some("Å²"), |s| float(part(2, s.peoe_vsa()))),
    Property::float("peoe_vsa3", Some("Å²"), |s| float(part(3, s.peoe_vsa()))),
    Property::float("peoe_vsa4", Some("Å²"), |s| float(part(4, s.peoe_vsa()))),
    Property::float("peoe_vsa5", Some("Å²"), |s| float(part(5, s.peoe_vsa()))),
    Property::float("peoe_vsa6", Some("Å²"), |s| float(part(6, s.peoe_vsa()))),
    Property::float("peoe_vsa7", Some("Å²"), |s| float(part(7, s.peoe_vsa()))),
    Property::float("peoe_vsa8", Some("Å²"), |s| float(part(8, s.peoe_vsa()))),
    Property::float("peoe_vsa9", Some("Å²"), |s| float(part(9, s.peoe_vsa()))),
    Property::float("peoe_vsa10", Some("Å²"), |s| float(part(10, s.peoe_vsa()))),
    Property::float("peoe_vsa11", Some("Å²"), |s| float(part(11, s.peoe_vsa()))),
    Property::float("peoe_vsa12", Some("Å²"), |s| float(part(12, s.peoe_vsa()))),
    Property::float("peoe_vsa13", Some("Å²"), |s| float(part(13, s.peoe_vsa()))),
    Property::float("peoe_vsa14", Some("Å²"), |s| float(part(14, s.peoe_vsa()))),
    Property::float("fp_density_morgan1", None, |s| float(s.morgan_density(1))),
    Property::float("fp_density_morgan2", None, |s| float(s.morgan_density(2))),
    Property::float("fp_density_morgan3", None, |s| float(s.morgan_density(3))),
    Property::float("ipc", None, |s| float(s.ipc().map(significant))),
    Property::float("avg_ipc", None, |s| float(s.average_ipc())),
    Property::fragment("fr_c_o"),
    Property::fragment("fr_c_o_nocoo"),
    Property::fragment("fr_al_oh"),
    Property::fragment("fr_ar_oh"),
    Property::fragment("fr_methoxy"),
    Property::fragment("fr_oxime"),
    Property::fragment("fr_ester"),
    Property::fragment("fr_al_coo"),
    Property::fragment("fr_ar_coo"),
    Property::fragment("fr_coo"),
    Property::fragment("fr_coo2"),
    Property::fragment("fr_ketone"),
    Property::fragment("fr_ether"),
    Property::fragment("fr_phenol"),
    Property::fragment("fr_aldehyde"),
    Property::fragment("fr_quatn"),
    Property::fragment("fr_nh2"),
    Property::fragment("fr_nh1"),
    Property::fragment("fr_nh0"),
    Property::fragment("fr_ar_n"),
    Property::fragment("fr_ar_nh"),
    Property::fragment("fr_aniline"),
    Property::fragment("fr_imine"),
    Property::fragment("fr_nitrile"),
    Property::fragment("fr_hdrzine"),
    Property::fragment("fr_hdrzone"),
    Property::fragment("fr_nitroso"),
    Property::fragment("fr_n_o"),
    Property::fragment("fr_nitro"),
    Property::fragment("fr_azo"),
    Property::fragment("fr_diazo"),
    Property::fragment("fr_azide"),
    Property::fragment("fr_amide"),
    Property::fragment("fr_priamide"),
    Property::fragment("fr_amidine"),
    Property::fragment("fr_guanido"),
    Property::fragment("fr_nhpyrrole"),
    Property::fragment("fr_imide"),
    Property::fragment("fr_isocyan"),
    Property::fragment("fr_isothiocyan"),
    Property::fragment("fr_thiocyan"),
    Property::fragment("fr_halogen"),
    Property::fragment("fr_alkyl_halide"),
    Property::fragment("fr_sulfide"),
    Property::fragment("fr_sh"),
    Property::fragment("fr_c_s"),
    Property::fragment("fr_sulfone"),
    Property::fragment("fr_sulfonamd"),
    Property::fragment("fr_prisulfonamd"),
    Property::fragment("fr_barbitur"),
    Property::fragment("fr_urea"),
    Property::fragment("fr_term_acetylene"),
    Property::fragment("fr_imidazole"),
    Property::fragment("fr_furan"),
    Property::fragment("fr_thiophene"),
    Property::fragment("fr_thiazole"),
    Property::fragment("fr_oxazole"),
    Property::fragment("fr_pyridine"),
    Property::fragment("fr_piperdine"),
    Property::fragment("fr_piperzine"),
    Property::fragment("fr_morpholine"),
    Property::fragment("fr_lactam"),
    Property::fragment("fr_lactone"),
    Property::fragment("fr_tetrazole"),
    Property::fragment("fr_epoxide"),
    Property::fragment("fr_unbrch_alkane"),
    Property::fragment("fr_bicyclic"),
    Property::fragment("fr_benzene"),
    Property::fragment("fr_phos_acid"),
    Property::fragment("fr_phos_ester"),
    Property::fragment("fr_nitro_arom"),
    Property::fragment("fr_nitro_arom_nonortho"),
    Property::fragment("fr_dihydropyridine"),
    Property::fragment("fr_phenol_noorthohbond"),
    Property::fragment("fr_al_oh_notert"),
    Property::fragment("fr_benzodiazepine"),
    Property::fragment("fr_para_hydroxylation"),
    Property::fragment("fr_allylic_oxid"),
    Property::fragment("fr_aryl_methyl"),
    Property::fragment("fr_ndealkylation1"),
    Property::fragment("fr_ndealkylation2"),
    Property::fragment("fr_alkyl_carbamate"),
    Property::fragment("fr_ketone_topliss"),
    Property::fragment("fr_arn"),
    Property::fragment("fr_hoccn"),
];

impl Property {
    /// Returns all properties.
    pub fn all() -> &'static [Self] {
        ALL
    }

    const fn float(name: &'static str, unit: Option<&'static str>, compute: fn(&Structure) -> Value) -> Self {
        Self { name, ty: ColumnType::Float, unit, needs_stereo: false, compute: Compute::By(compute) }
    }

    const fn integer(name: &'static str, compute: fn(&Structure) -> Value) -> Self {
        Self { name, ty: ColumnType::Integer, unit: None, needs_stereo: false, compute: Compute::By(compute) }
    }

    const fn text(name: &'static str, compute: fn(&Structure) -> Value) -> Self {
        Self { name, ty: ColumnType::Text, unit: None, needs_stereo: false, compute: Compute::By(compute) }
    }

    const fn fragment(name: &'static str) -> Self {
        Self { name, ty: ColumnType::Integer, unit: None, needs_stereo: false, compute: Compute::Fragment }
    }

    /// Returns the property called `name`.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|property| property.name == name)
    }

    /// Computes the value for `structure`: of type [`ty`](Self::ty), or null if it cannot be computed.
    pub fn of(&self, structure: &Structure) -> Value {
        match self.compute {
            Compute::By(compute) => compute(structure),
            Compute::Fragment => fragment_count(self.name, structure).into(),
        }
    }

    /// Returns the column for the values, with unit and provider.
    pub fn column(&self) -> Column {
        let column = Column::new(self.name, self.ty).with_provider(PROVIDER);
        match self.unit {
            Some(unit) => column.with_unit(unit),
            None => column,
        }
    }
}

/// Returns the part of a set with this number, from 1.
fn part(number: usize, set: Option<Vec<f64>>) -> Option<f64> {
    set?.get(number - 1).copied().filter(|area| area.is_finite())
}

/// Returns the molecular quantum number with this number, from 1.
fn quantum_number(number: usize, structure: &Structure) -> Value {
    structure.quantum_numbers().and_then(|numbers| numbers.get(number - 1).copied()).into()
}

/// Returns the extreme of a measure of the atoms' electrotopological states; `None` for a molecule without atoms.
fn extreme(structure: &Structure, of: fn(f64, f64) -> f64, measure: fn(f64) -> f64) -> Option<f64> {
    structure.electrotopological_states()?.into_iter().map(measure).reduce(of)
}

/// Returns the least and the greatest partial charge; `None` if one is not defined.
fn charge_extremes(structure: &Structure) -> Option<(f64, f64)> {
    let charges = structure.partial_charges()?;
    let first = *charges.first()?;
    let extremes = |(min, max): (f64, f64), charge: &f64| (min.min(*charge), max.max(*charge));
    charges.iter().all(|charge| charge.is_finite()).then(|| charges.iter().fold((first, first), extremes))
}

fn float(value: Option<f64>) -> Value {
    value.map(rounded).into()
}

/// Rounds `value` to [`DECIMALS`] decimals, half away from zero.
///
/// Sums of tabulated masses are often halfway between two such numbers, up to the last bit. Rounding to nine decimals
/// first makes the result independent of that bit.
pub fn rounded(value: f64) -> f64 {
    const KEPT: f64 = 10_u64.pow(DECIMALS) as f64;
    let fine = (value * KEPT * 1000.0).round();
    // Beyond 2^53 an f64 has no ninth decimal.
    if fine.abs() > 2_f64.powi(53) {
        return value;
    }
    let fine = fine as i64;
    ((fine + 500 * fine.signum()) / 1000) as f64 / KEPT
}

/// Rounds `value` to twelve significant digits. For numbers computed from measured values, which may be as small as
/// 2.3e-9: removes the noise in the last bits of a sum.
pub(super) fn significant(value: f64) -> f64 {
    // A formatted float always parses.
    format!("{value:.11e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_and_missing_ones_are_null() {
        assert_eq!(float(Some(46.069_000_000_000_01)), Value::from(46.069));
        assert_eq!(float(Some(0.333_333_333)), Value::from(0.333_333));
        assert_eq!(float(Some(f64::MAX)), Value::from(f64::MAX));
        assert_eq!(float(Some(-0.000_000_1)), Value::from(0.0));
        assert_eq!(float(None), Value::Null);
        assert_eq!(Value::from(None::<i64>), Value::Null);
    }

    #[test]
    fn twelve_digits_are_kept_of_numbers_of_any_size() {
        assert_eq!(significant(0.1 + 0.2), 0.3);
        assert_eq!(significant(2.325e-9), 2.325e-9);
        assert_eq!(significant(-1.234_567_890_123_4e-300), -1.234_567_890_12e-300);
        assert_eq!(significant(f64::MAX), 1.797_693_134_86e308);
        assert_eq!((significant(0.0), significant(f64::INFINITY)), (0.0, f64::INFINITY));
    }

    #[test]
    fn rounding_a_tie_does_not_depend_on_the_last_bit() {
        for tie in [248.141_244_5_f64, 324.147_392_5, 0.000_000_5, 1.000_000_5] {
            let up = rounded(tie.next_up().next_up());
            assert_eq!(rounded(tie), up);
            assert_eq!(rounded(tie.next_down().next_down()), up);
            assert_eq!(rounded(-tie), -up);
        }
        assert_eq!(rounded(324.147_392_5), 324.147_393);
        assert_eq!(rounded(f64::INFINITY), f64::INFINITY);
    }

    #[test]
    fn every_property_of_ethanol_is_of_its_type() {
        let ethanol = Structure::from_smiles("CCO").unwrap();
        for property in Property::all() {
            let value = property.of(&ethanol);
            let fits = match property.ty {
                ColumnType::Float => value.is_f64(),
                ColumnType::Integer => value.is_i64(),
                ColumnType::Text => value.is_string(),
                ColumnType::Boolean => value.is_boolean(),
            };
            assert!(fits, "{}: {value}", property.name);
            assert!(std::ptr::eq(Property::named(property.name).unwrap(), property), "{} twice", property.name);
        }
    }
}
