//! The properties of molecules: name, type, unit, and how each is computed.

use serde_json::Value;

use super::library::{PROVIDER, Structure};
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
    compute: fn(&Structure) -> Value,
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
];

impl Property {
    /// Returns all properties.
    pub fn all() -> &'static [Self] {
        ALL
    }

    const fn float(name: &'static str, unit: Option<&'static str>, compute: fn(&Structure) -> Value) -> Self {
        Self { name, ty: ColumnType::Float, unit, needs_stereo: false, compute }
    }

    const fn integer(name: &'static str, compute: fn(&Structure) -> Value) -> Self {
        Self { name, ty: ColumnType::Integer, unit: None, needs_stereo: false, compute }
    }

    const fn text(name: &'static str, compute: fn(&Structure) -> Value) -> Self {
        Self { name, ty: ColumnType::Text, unit: None, needs_stereo: false, compute }
    }

    /// Returns the property called `name`.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|property| property.name == name)
    }

    /// Computes the value for `structure`: of type [`ty`](Self::ty), or null if it cannot be computed.
    pub fn of(&self, structure: &Structure) -> Value {
        (self.compute)(structure)
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
