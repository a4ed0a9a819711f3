//! Units of concentration, and conversion between them.
//!
//! The factors are powers of ten (SI prefixes, and 1 L = 1 dm³). A value is multiplied or divided by the exact power, so that
//! the result is the float nearest to the quotient: 35 nM are 3.5e-8 M, where `35 * 1e-9` is 3.5000000000000004e-8.

use super::super::number::{Number, real};
use super::super::value::Val;
use super::Answer;
use crate::step::nearest;

/// The quantity that a unit measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    /// Amount of substance per volume, in powers of ten of mol/L.
    Molar,
    /// Mass per volume, in powers of ten of g/L.
    Mass,
}

use Quantity::{Mass, Molar};

/// The units: name, quantity, power of ten. `ug.mL-1` is a spelling of ChEMBL.
const UNITS: &[(&str, Quantity, i32)] = &[
    ("M", Molar, 0),
    ("mM", Molar, -3),
    ("uM", Molar, -6),
    ("nM", Molar, -9),
    ("pM", Molar, -12),
    ("fM", Molar, -15),
    ("mol/L", Molar, 0),
    ("mmol/L", Molar, -3),
    ("umol/L", Molar, -6),
    ("nmol/L", Molar, -9),
    ("pmol/L", Molar, -12),
    ("fmol/L", Molar, -15),
    ("mol/m3", Molar, -3),
    ("g/mL", Mass, 3),
    ("mg/mL", Mass, 0),
    ("ug/mL", Mass, -3),
    ("ng/mL", Mass, -6),
    ("pg/mL", Mass, -9),
    ("g/L", Mass, 0),
    ("mg/L", Mass, -3),
    ("ug/L", Mass, -6),
    ("ng/L", Mass, -9),
    ("pg/L", Mass, -12),
    ("g/m3", Mass, -3),
    ("kg/m3", Mass, 0),
    ("g.L-1", Mass, 0),
    ("mg.L-1", Mass, -3),
    ("mg.mL-1", Mass, 0),
    ("ug.mL-1", Mass, -3),
    ("ng.mL-1", Mass, -6),
];

/// Returns the names of the units.
pub(in crate::step::expression) fn names() -> impl Iterator<Item = &'static str> {
    UNITS.iter().map(|(name, _, _)| *name)
}

/// Finds a unit. The micro sign and the Greek letter mean `u`, `l` means `L`, and `³` means `3`.
fn unit(name: &str) -> Option<(Quantity, i32)> {
    let plain =
        name.trim().replace(['\u{b5}', '\u{3bc}'], "u").replace('³', "3").replace("/l", "/L").replace("ml", "mL");
    UNITS.iter().find(|(known, _, _)| *known == plain).map(|(_, quantity, power)| (*quantity, *power))
}

/// Checks that `name` is a unit of concentration.
pub(in crate::step::expression) fn check(name: &str) -> Result<(), String> {
    known(name).map(drop)
}

/// Returns whether both names mean the same unit.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || unit(one).is_some_and(|found| unit(other) == Some(found))
}

fn known(name: &str) -> Result<(Quantity, i32), String> {
    unit(name).ok_or_else(|| match nearest(name, names()) {
        Some(nearest) => format!("`{name}` is not a unit of concentration; did you mean `{nearest}`?"),
        None => format!("`{name}` is not a unit of concentration, such as `nM`, `uM` or `ug/mL`"),
    })
}

/// Returns the power of ten by which a value in the unit `from` is multiplied to be in the unit `to`.
pub(in crate::step::expression) fn power(from: &str, to: &str) -> Result<i32, String> {
    let ((quantity, before), (expected, after)) = (known(from)?, known(to)?);
    if quantity == expected {
        return Ok(before - after);
    }
    let advice = match quantity {
        Mass => "a value in `g/L` divided by the molecular weight in g/mol is in `M`",
        Molar => "a value in `M` times the molecular weight in g/mol is in `g/L`",
    };
    Err(format!("`{from}` cannot be converted to `{to}`: {advice}"))
}

/// Converts a number from one unit to another.
pub(super) fn convert(values: &[Val<'_>]) -> Option<Result<Answer, String>> {
    let [Val::Number(number), Val::Text(from), Val::Text(to)] = values else { return None };
    let converted = power(from, to).and_then(|power| scaled(*number, power));
    Some(converted.map(|number| Answer::Value(Val::Number(number))))
}

fn scaled(number: Number, power: i32) -> Result<Number, String> {
    // The units are at most 10^15 apart; floats up to 10^22 hold powers of ten exactly.
    let factor = 10_u64.pow(power.unsigned_abs()) as f64;
    real(if power < 0 { number.real() / factor } else { number.real() * factor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_have_several_spellings() {
        for (one, other) in
            [("uM", "µM"), ("uM", "μM"), ("ug/mL", "µg/ml"), ("mol/m³", "mM"), ("ug.mL-1", "mg/L"), ("nM", "nmol/l")]
        {
            assert!(same(one, other), "{one} {other}");
        }
        assert!(!same("mM", "M") && !same("uM", "mg/L"));
        for name in ["MM", "nm", "g/mol", "%", ""] {
            assert!(check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_converted_value_is_the_nearest_float() {
        let converted = |value: f64, from, to| scaled(Number::Real(value), power(from, to).unwrap()).unwrap().real();
        assert_eq!(converted(35.0, "nM", "M"), 3.5e-8);
        assert_eq!(converted(0.1, "mM", "uM"), 100.0);
        assert_eq!(converted(7.0, "fM", "M"), 7e-15);
        let refused = power("ug/mL", "nM").unwrap_err();
        assert!(refused.contains("divided by the molecular weight"), "{refused}");
    }
}
