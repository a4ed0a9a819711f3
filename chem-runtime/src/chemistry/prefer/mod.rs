//! `properties.prefer`: one value of several that speak of the same thing.

mod policy;

use serde_json::json;

use self::policy::{Choice, Policy};
use super::molecule::{MolecularProperty, Molecule};
use super::molecules::Molecules;
use crate::prelude::*;
use crate::records::{column_places, type_name};

/// Makes one value of a property from several columns that hold it, such as a measured and two computed ones.
///
/// `policy` says how, and only values that are there count: `first` takes the first in the order of `from`; `mean` and
/// `median` take them together, rounded to twelve significant digits; `agree` takes the first if none of the others is
/// further from it than `tolerance` (the last bits of a number aside), and gives no value where they disagree.
///
/// Two columns are added: one called as `property` says, and one with `_from` behind, which tells for each molecule the
/// provider that the value is from, as `name@version`; or the column, if nothing computed it; or the policy, if it was
/// made of several. The signal `preferred` has the reasons: the policy, each candidate with its provider, how many values
/// it has and how often it was taken, and how many molecules have no value, because it is `missing` in all columns or
/// because of a `disagreement`.
///
/// # Example
/// ```yaml
/// flow: which-logp
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: describe
///     uses: molecules.describe
///     with: { properties: [molecular_weight, exact_mass] }
///   - id: prefer
///     uses: properties.prefer
///     with:
///       property: mass
///       from: [exact_mass, molecular_weight]
///       policy: agree
///       tolerance: 2
///       units: ignore
/// ```
///
/// # Errors
/// - A column of `from` is not there, or is named twice; the message names those that there are. Or `from` names none.
/// - A column of `from` does not hold numbers.
/// - Two columns of `from` have different units, unless `units` is `ignore`.
/// - There is a column called as `property` says already, or that with `_from`. Or `property` is empty.
#[step("properties.prefer", version = 2, columns = columns_after, check = can_prefer)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn prefer_properties(
    molecules: Input<Molecules>,
    /// What the property is to be called.
    #[param(example = "best_logp")]
    property: String,
    /// The columns that hold it, the most trusted first.
    #[param(example = "[measured_logp, logp]")]
    from: Vec<ColumnName>,
    /// How one value is made of several.
    #[param(default = "first", one_of = ["first", "mean", "median", "agree"])]
    policy: String,
    /// How far values may be apart that agree, in their unit.
    #[param(default = 0.0, min = 0.0)]
    tolerance: f64,
    /// Whether columns of different units are an error (`same`) or not (`ignore`).
    #[param(default = "same", one_of = ["same", "ignore"])]
    units: String,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    called(&property)?;
    let table = molecules.table();
    let places = column_places(table, &from, "from")?;
    let columns: Vec<&Column> = places.iter().filter_map(|place| table.columns().get(*place)).collect();
    let unit = common_unit(&columns, units == "same")?;
    let how = match policy.as_str() {
        "mean" => Policy::Mean,
        "median" => Policy::Median,
        "agree" => Policy::Agree { tolerance },
        _ => Policy::First,
    };
    let choices: Vec<Choice> = molecules.iter().map(|molecule| how.decide(&candidates(molecule, &from))).collect();

    let provider = |column: &Column| column.provider.clone().unwrap_or_else(|| column.name.to_string());
    let told = |choice: &Choice| match choice {
        Choice::One(place, value) => (Some(*value), Some(provider(columns[*place]).into())),
        Choice::Made(value) => (Some(*value), Some(policy.as_str().into())),
        Choice::Missing | Choice::Disagreement => (None, None),
    };
    let (values, sources): (Vec<Option<f64>>, Vec<Option<Box<str>>>) = choices.iter().map(told).unzip();
    let reasons: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let taken = choices.iter().filter(|choice| matches!(choice, Choice::One(of, _) if *of == place)).count();
            let there = molecules.iter().filter_map(|molecule| molecule.property(&column.name)?.value()).count();
            json!({ "column": column.name, "provider": column.provider, "there": there, "taken": taken })
        })
        .collect();
    let count = |wanted: Choice| choices.iter().filter(|choice| **choice == wanted).count();
    context.signal(
        "preferred",
        &json!({
            "property": property,
            "policy": policy,
            "tolerance": matches!(how, Policy::Agree { .. }).then_some(tolerance),
            "candidates": reasons,
            "missing": count(Choice::Missing),
            "disagreement": count(Choice::Disagreement),
        }),
    )?;
    let column = Column::new(&property, ColumnType::Float).with_provider("properties.prefer@2");
    let source = Column::new(&format!("{property}_from"), ColumnType::Text);
    let more = [(Column { unit, ..column }, ColumnData::Float(values)), (source, ColumnData::Text(sources))];
    Ok(molecules.with_columns(more)?)
}

fn no_column() -> Misfit {
    Misfit::new("from", "`from` names no column")
}

/// Whether `property` is a name.
fn called(property: &str) -> Result<(), Misfit> {
    match property {
        "" => Err(Misfit::new("property", "`property` is empty; say what the property is to be called")),
        _ => Ok(()),
    }
}

/// `tolerance`, where the policy does not ask for it. No tolerance is the default, and as good as left out.
fn idle_tolerance(step: &PreferProperties) -> Option<Misfit> {
    (step.tolerance != 0.0 && step.policy != "agree").then(|| Misfit {
        help: Some("leave it out, or write `policy: agree`".to_owned()),
        ..Misfit::new(
            "tolerance",
            format!("`tolerance` is for the policy `agree`, and the policy is `{}`", step.policy),
        )
    })
}

fn can_prefer(step: &PreferProperties, _: &ColumnContext<'_>) -> Vec<Misfit> {
    let from = if step.from.is_empty() { Some(no_column()) } else { Misfit::twice("from", &step.from) };
    called(&step.property).err().into_iter().chain(from).chain(idle_tolerance(step)).collect()
}

fn columns_after(step: &PreferProperties, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with([step.property.clone(), format!("{}_from", step.property)])
}

/// What the columns `from` say of a molecule.
fn candidates<'a>(molecule: Molecule<'a>, from: &[ColumnName]) -> Vec<MolecularProperty<'a>> {
    from.iter().filter_map(|name| molecule.property(name.as_str())).collect()
}

/// The unit that the columns share, if they do.
fn common_unit(columns: &[&Column], same: bool) -> Result<Option<String>, StepError> {
    let Some((first, others)) = columns.split_first() else {
        return Err(no_column().into());
    };
    if let Some(column) = columns.iter().find(|column| !matches!(column.ty, ColumnType::Integer | ColumnType::Float)) {
        return Err(StepError::new(format!(
            "the column `{}` is {}, and only numbers can be preferred",
            column.name,
            type_name(column.ty)
        )));
    }
    let unit = |column: &Column| column.unit.clone().unwrap_or_else(|| "no unit".to_owned());
    match others.iter().find(|other| other.unit != first.unit) {
        Some(other) if same => Err(StepError::new(format!(
            "`{}` is in {} and `{}` in {}; bring them to one unit, or write `units: ignore`",
            first.name,
            unit(first),
            other.name,
            unit(other)
        ))),
        Some(_) => Ok(None),
        None => Ok(first.unit.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn molecules() -> Molecules {
        let texts = |text: &str| ColumnData::Text(vec![Some(text.into()); 5]);
        let floats = |values: [Option<f64>; 5]| ColumnData::Float(values.to_vec());
        let table = Table::new([
            (Column::new("name", ColumnType::Text), texts("x")),
            (Column::new("smiles", ColumnType::Text), texts("C")),
            (Column::new("record", ColumnType::Integer), ColumnData::Integer((1..=5).map(Some).collect())),
            (Column::new("measured", ColumnType::Float), floats([Some(1.0), None, None, Some(2.0), None])),
            (Column::new("a", ColumnType::Float), floats([Some(1.5), Some(3.0), None, Some(2.1), None])),
            (Column::new("b", ColumnType::Integer), ColumnData::Integer(vec![Some(5), Some(3), Some(7), None, None])),
        ]);
        Molecules::new(table.unwrap()).unwrap()
    }

    fn decided(policy: Policy) -> Vec<Choice> {
        let molecules = molecules();
        let from = ["measured", "a", "b"].map(ColumnName::from);
        molecules.iter().map(|molecule| policy.decide(&candidates(molecule, &from))).collect()
    }

    #[test]
    fn policies_take_what_is_there() {
        use Choice::{Disagreement, Made, Missing, One};
        assert_eq!(decided(Policy::First), [One(0, 1.0), One(1, 3.0), One(2, 7.0), One(0, 2.0), Missing]);
        assert_eq!(decided(Policy::Mean), [Made(2.5), Made(3.0), One(2, 7.0), Made(2.05), Missing]);
        assert_eq!(decided(Policy::Median), [Made(1.5), Made(3.0), One(2, 7.0), Made(2.05), Missing]);
        let agreed = decided(Policy::Agree { tolerance: 0.1 });
        assert_eq!(agreed, [Disagreement, One(1, 3.0), One(2, 7.0), One(0, 2.0), Missing]);
    }

    #[test]
    fn what_a_policy_does_not_ask_for_is_found() {
        for (policy, tolerance, expected) in [
            ("first", 0.5, true),
            ("mean", 0.5, true),
            ("median", 0.5, true),
            ("agree", 0.5, false),
            ("agree", 0.0, false),
            ("first", 0.0, false),
        ] {
            let step = PreferProperties {
                property: "p".to_owned(),
                from: vec!["a".into()],
                policy: policy.to_owned(),
                tolerance,
                units: "same".to_owned(),
            };
            let said = idle_tolerance(&step).map(|misfit| misfit.to_string());
            assert_eq!(said.is_some_and(|said| said.contains(policy)), expected, "{policy} {tolerance}");
        }
        assert!(called("").is_err() && called("p").is_ok());
    }

    #[test]
    fn units_are_looked_at() {
        let column = |name: &str, unit: &str| Column::new(name, ColumnType::Float).with_unit(unit);
        let (nano, micro) = (column("a", "nM"), column("b", "µM"));
        let said = common_unit(&[&nano, &micro], true).unwrap_err().to_string();
        assert!(said.contains("`a` is in nM and `b` in µM"), "{said}");
        assert_eq!(common_unit(&[&nano, &micro], false).unwrap(), None);
        assert_eq!(common_unit(&[&nano, &nano], true).unwrap().as_deref(), Some("nM"));
        let text = Column::new("t", ColumnType::Text);
        assert!(common_unit(&[&nano, &text], false).unwrap_err().to_string().contains("`t` is text"));
        assert!(common_unit(&[], true).is_err());
    }
}
