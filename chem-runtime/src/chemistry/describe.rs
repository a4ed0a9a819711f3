//! `molecules.describe`: computes properties.

use serde_json::{Value, json};

use super::library::Structure;
use super::molecules::Molecules;
use super::property::Property;
use crate::prelude::*;

/// Computes properties of molecules, each in a column of its name, and replaces an existing column of that name.
///
/// The values agree with RDKit 2026.09.1. Numbers are rounded to six decimals. Donors and acceptors are Lipinski's counts
/// (hydrogens on N and O; N and O), logP and molar refractivity are Wildman and Crippen's, and rotatable bonds exclude
/// amides and similar bonds.
///
/// A property that cannot be computed for a molecule is missing. A dummy atom has no mass, labelled or not. A molecule with
/// an unknown isotope, such as `[999C]`, has no molecular weight, exact mass or QED, whereas RDKit uses the label as the
/// mass. An InChIKey is computed for at most 500 heavy atoms. The signal `described` gives the number of `molecules`, and
/// under `missing` the number that lack each property.
///
/// # Example
/// ```yaml
/// flow: described-drugs
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: describe
///     uses: molecules.describe
///     with: { properties: [molecular_weight, logp, qed] }
/// ```
///
/// # Errors
/// - No errors specific to this step: a property that cannot be computed for a molecule is missing.
#[step("molecules.describe", version = 2, rows = ["smiles"], columns = with_properties, check = has_properties)]
pub fn describe_molecules(
    molecules: Rows<Molecules>,
    /// The properties to compute.
    #[param(
        default = ["molecular_weight", "logp", "tpsa", "hbd", "hba", "rotatable_bonds"],
        one_of = [
            "molecular_weight", "logp", "tpsa", "hbd", "hba", "rotatable_bonds", "exact_mass", "formula", "heavy_atoms",
            "molar_refractivity", "rings", "aromatic_rings", "fraction_csp3", "formal_charge", "qed", "inchi_key",
        ],
    )]
    properties: Vec<String>,
) -> Result<RowWork<Molecules>, StepError> {
    let mut chosen: Vec<&'static Property> = Vec::new();
    for name in &properties {
        let known = Property::named(name);
        let property = known.ok_or_else(|| StepError::new(format!("there is no property `{name}` of molecules")))?;
        // A property that is named twice is computed once.
        if chosen.iter().all(|other| other.name != property.name) {
            chosen.push(property);
        }
    }
    let columns: Vec<Column> = chosen.iter().map(|property| property.column()).collect();
    let work = molecules.each(move |batch, tally| {
        let described: Vec<Vec<Value>> = batch.texts("smiles")?.map(|smiles| describe(smiles, &chosen)).collect();
        let mut answer = BatchOutput::all();
        for (index, property) in chosen.iter().enumerate() {
            let values = described.iter().map(|row| &row[index]);
            match values.clone().filter(|value| value.is_null()).count() {
                0 => {}
                lacking => tally.add_under("missing", property.name, lacking),
            }
            answer = answer.with(column_data(property.ty, values));
        }
        Ok(answer)
    });
    Ok(work
        .replacing(columns)?
        .signal("described", |tally, rows| json!({ "molecules": rows.input, "missing": tally.counts("missing") })))
}

fn has_properties(step: &DescribeMolecules, _: &ColumnContext<'_>) -> Vec<Misfit> {
    let none = || Misfit::new("properties", "`properties` is empty; expected at least one property");
    step.properties.is_empty().then(none).into_iter().collect()
}

fn with_properties(step: &DescribeMolecules, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(step.properties.iter().map(String::as_str))
}

/// Returns the value of each property, null if it cannot be computed.
fn describe(smiles: Option<&str>, properties: &[&Property]) -> Vec<Value> {
    let needs_stereo = properties.iter().any(|property| property.needs_stereo);
    let parse = if needs_stereo { Structure::from_smiles } else { Structure::from_canonical };
    match smiles.map(parse) {
        Some(Ok(structure)) => properties.iter().map(|property| property.of(&structure)).collect(),
        _ => vec![Value::Null; properties.len()],
    }
}

fn column_data<'a>(ty: ColumnType, values: impl Iterator<Item = &'a Value>) -> ColumnData {
    match ty {
        ColumnType::Text => ColumnData::Text(values.map(|value| value.as_str().map(Into::into)).collect()),
        ColumnType::Integer => ColumnData::Integer(values.map(Value::as_i64).collect()),
        ColumnType::Float => ColumnData::Float(values.map(Value::as_f64).collect()),
        ColumnType::Boolean => ColumnData::Boolean(values.map(Value::as_bool).collect()),
    }
}
