//! The functions of expressions give what Python gives: `tests/reference/python_functions.py` recorded its values.

use chem_runtime::artifact::Table;
use chem_runtime::step::Expression;
use serde_json::Value;

/// Computes an expression without columns, for a table of no columns.
fn value(cel: &str) -> Result<Value, String> {
    let table = Table::default();
    let expression = Expression::new(cel).map_err(|error| error.message)?;
    expression.compute(&table, None).map_err(|error| error.message)?.value(0)
}

/// Returns how many floats lie between two floats of the same sign.
fn distance(one: f64, other: f64) -> u64 {
    one.to_bits().abs_diff(other.to_bits())
}

#[test]
fn functions_agree_with_python() {
    let mut wrong = Vec::new();
    let recorded = include_str!("../../reference/python_functions.tsv");
    for line in recorded.lines() {
        let (cel, expected) = line.split_once('\t').unwrap();
        let expected: Value = serde_json::from_str(expected).unwrap();
        let found = value(cel);
        let agrees = match (found.as_ref().map(Value::as_f64), expected.as_f64()) {
            // Logarithms and powers of two libraries may differ in the last bit; the others are exact.
            (Ok(Some(found)), Some(expected)) => {
                let exact = ["round", "convert", "sqrt", "size"].iter().any(|name| cel.starts_with(name));
                distance(found, expected + 0.0) <= u64::from(!exact)
            }
            _ => found.as_ref() == Ok(&expected),
        };
        if !agrees {
            wrong.push(format!("{cel}: {found:?}, but Python gives {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(recorded.lines().count() > 100);
}

/// The digits do not depend on the machine, since a fingerprint covers them.
#[test]
fn logarithms_and_powers_have_the_same_bits_everywhere() {
    let pinned = [
        ("log10(3.5e-8)", 0xc01d_d2df_d39a_de18_u64),
        ("ln(7.3)", 0x3fff_ce55_551e_156e),
        ("log2(123456.789)", 0x4030_e9e4_bf2a_1cb2),
        ("exp(1)", 0x4005_bf0a_8b14_576a),
        ("exp(-30.5)", 0x3d2f_f386_4232_b407),
        ("pow(1.1, 100)", 0x40ca_ea4e_6126_bb95),
        ("pow(0.3, 2.7)", 0x3fa3_d685_8f50_590e),
    ];
    let found = pinned.map(|(cel, _)| (cel, value(cel).unwrap().as_f64().unwrap().to_bits()));
    assert_eq!(found, pinned, "{found:#x?}");
}
