//! `properties.prefer`: combines several columns for the same property into one.

mod policy;

use serde_json::json;

use self::policy::{Choice, Policy};
use super::molecules::Molecules;
use crate::prelude::*;
use crate::records::{column_indices, type_name};

/// Combines several columns for the same property, such as a measured and two computed ones, into one value.
///
/// `policy` defines how; missing values are ignored. `first` takes the first value in the order of `from`. `mean` and
/// `median` combine all values, rounded to twelve significant digits. `agree` takes the first value if no other value
/// differs from it by more than `tolerance` (ignoring the last bits of a number), and gives no value otherwise.
///
/// Two columns are added: one named by `property`, and one with the suffix `_from`, which names the source of each value:
/// the provider as `name@version`; the column, if it has no provider; or the policy, if several values were combined. The
/// signal `preferred` gives the policy; for each candidate its provider, the number of its values and how often it was
/// taken; and the number of molecules without a value, because it is `missing` in all columns or because of a
/// `disagreement`.
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
/// - A column of `from` does not exist, in which case the message lists the columns, or is named twice. Or `from` is empty.
/// - A column of `from` does not contain numbers.
/// - Two columns of `from` have different units, unless `units` is `ignore`.
/// - A column with the name `property`, or that name with `_from`, already exists. Or `property` is empty.
#[step("properties.prefer", version = 2, rows, columns = columns_after, check = can_prefer)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn prefer_properties(
    molecules: Rows<Molecules>,
    /// The name of the new property.
    #[param(example = "best_logp")]
    property: String,
    /// The columns to combine, the most trusted first.
    #[param(example = "[measured_logp, logp]")]
    from: Vec<ColumnName>,
    /// How to combine several values.
    #[param(default = "first", one_of = ["first", "mean", "median", "agree"])]
    policy: String,
    /// The maximum difference between values that agree, in their unit.
    #[param(default = 0.0, min = 0.0)]
    tolerance: f64,
    /// Whether columns of different units are an error (`same`) or not (`ignore`).
    #[param(default = "same", one_of = ["same", "ignore"])]
    units: String,
) -> Result<RowWork<Molecules>, StepError> {
    called(&property)?;
    let table = molecules.head()?;
    let indices = column_indices(&table, &from, "from")?;
    let columns: Vec<Column> = indices.iter().filter_map(|index| table.columns().get(*index)).cloned().collect();
    let unit = common_unit(&columns.iter().collect::<Vec<_>>(), units == "same")?;
    let how = match policy.as_str() {
        "mean" => Policy::Mean,
        "median" => Policy::Median,
        "agree" => Policy::Agree { tolerance },
        _ => Policy::First,
    };
    let column = Column::new(&property, ColumnType::Float).with_provider("properties.prefer@2");
    let source = Column::new(&format!("{property}_from"), ColumnType::Text);
    let (candidates, chosen_by) = (columns.clone(), policy.clone());
    let work = molecules.each(move |batch, tally| prefer(batch, tally, how, &candidates, &chosen_by));
    Ok(work.with_columns([Column { unit, ..column }, source])?.signal("preferred", move |tally, _| {
        let candidate = |column: &Column| {
            let [there, taken] = ["there", "taken"].map(|what| tally.count_under(what, &column.name));
            json!({ "column": column.name, "provider": column.provider, "there": there, "taken": taken })
        };
        json!({
            "property": property,
            "policy": policy,
            "tolerance": matches!(how, Policy::Agree { .. }).then_some(tolerance),
            "candidates": columns.iter().map(candidate).collect::<Vec<_>>(),
            "missing": tally.count("missing"),
            "disagreement": tally.count("disagreement"),
        })
    }))
}

/// Chooses a value and its source for each row of a batch.
fn prefer(
    batch: &Batch<'_>,
    tally: &mut Tally,
    how: Policy,
    columns: &[Column],
    policy: &str,
) -> Result<BatchOutput, StepError> {
    let of = |column: &Column| Ok(batch.numbers(&column.name)?.collect::<Vec<_>>());
    let numbers: Vec<Vec<Option<f64>>> = columns.iter().map(of).collect::<Result<_, StepError>>()?;
    for (column, numbers) in columns.iter().zip(&numbers) {
        for (row, _) in numbers.iter().enumerate().filter(|(_, number)| number.is_some()) {
            tally.add_under(row, "there", &column.name);
        }
    }
    let (mut values, mut sources) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
    for row in batch.rows() {
        let candidates: Vec<Option<f64>> = numbers.iter().map(|of| of.get(row).copied().flatten()).collect();
        let (value, source): (Option<f64>, Option<&str>) = match how.decide(&candidates) {
            Choice::One(index, value) => {
                let column = &columns[index];
                tally.add_under(row, "taken", &column.name);
                (Some(value), Some(column.provider.as_deref().unwrap_or(&column.name)))
            }
            Choice::Made(value) => (Some(value), Some(policy)),
            Choice::Missing => {
                tally.add(row, "missing");
                (None, None)
            }
            Choice::Disagreement => {
                tally.add(row, "disagreement");
                (None, None)
            }
        };
        values.push(value);
        sources.push(source);
    }
    Ok(BatchOutput::all().with(Values::floats(values)).with(Values::texts(sources)))
}

fn no_column() -> Misfit {
    Misfit::new("from", "`from` names no column")
}

/// Checks that `property` is not empty.
fn called(property: &str) -> Result<(), Misfit> {
    match property {
        "" => Err(Misfit::new("property", "`property` is empty; expected a name for the new column")),
        _ => Ok(()),
    }
}

/// Reports a `tolerance` that the policy would ignore. Zero is the default and counts as omitted.
fn idle_tolerance(step: &PreferProperties) -> Option<Misfit> {
    (step.tolerance != 0.0 && step.policy != "agree").then(|| Misfit {
        help: Some("omit it, or write `policy: agree`".to_owned()),
        ..Misfit::new(
            "tolerance",
            format!("`tolerance` applies to the policy `agree`, but the policy is `{}`", step.policy),
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

/// Returns the unit that the columns share, or `None` if they have different units and `same` is false.
///
/// # Errors
/// Fails if there are no columns, if one does not contain numbers, or if `same` is true and the units differ.
fn common_unit(columns: &[&Column], same: bool) -> Result<Option<String>, StepError> {
    let Some((first, others)) = columns.split_first() else {
        return Err(no_column().into());
    };
    if let Some(column) = columns.iter().find(|column| !matches!(column.ty, ColumnType::Integer | ColumnType::Float)) {
        return Err(StepError::new(format!(
            "the column `{}` is {}; expected numbers",
            column.name,
            type_name(column.ty)
        )));
    }
    let unit = |column: &Column| column.unit.clone().unwrap_or_else(|| "no unit".to_owned());
    match others.iter().find(|other| other.unit != first.unit) {
        Some(other) if same => Err(StepError::new(format!(
            "`{}` is in {} and `{}` in {}; convert them to one unit, or write `units: ignore`",
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
    use crate::chemistry::molecules::Molecule;

    fn molecules() -> Molecules {
        let texts = |text: &str| Values::texts([text; 5]);
        let floats = |values: [Option<f64>; 5]| Values::floats(values.to_vec());
        let table = Table::new([
            (Column::new("name", ColumnType::Text), texts("x")),
            (Column::new("smiles", ColumnType::Text), texts("C")),
            (Column::new("record", ColumnType::Integer), Values::integers(1..=5)),
            (Column::new("measured", ColumnType::Float), floats([Some(1.0), None, None, Some(2.0), None])),
            (Column::new("a", ColumnType::Float), floats([Some(1.5), Some(3.0), None, Some(2.1), None])),
            (Column::new("b", ColumnType::Integer), Values::integers([Some(5), Some(3), Some(7), None, None])),
        ]);
        Molecules::new(table.unwrap()).unwrap()
    }

    fn decided(policy: Policy) -> Vec<Choice> {
        let molecules = molecules();
        let number = |molecule: Molecule<'_>, name| molecule.property(name)?.value()?.as_number();
        molecules
            .iter()
            .map(|molecule| policy.decide(&["measured", "a", "b"].map(|name| number(molecule, name))))
            .collect()
    }

    #[test]
    fn policies_ignore_missing_values() {
        use Choice::{Disagreement, Made, Missing, One};
        assert_eq!(decided(Policy::First), [One(0, 1.0), One(1, 3.0), One(2, 7.0), One(0, 2.0), Missing]);
        assert_eq!(decided(Policy::Mean), [Made(2.5), Made(3.0), One(2, 7.0), Made(2.05), Missing]);
        assert_eq!(decided(Policy::Median), [Made(1.5), Made(3.0), One(2, 7.0), Made(2.05), Missing]);
        let agreed = decided(Policy::Agree { tolerance: 0.1 });
        assert_eq!(agreed, [Disagreement, One(1, 3.0), One(2, 7.0), One(0, 2.0), Missing]);
    }

    #[test]
    fn a_tolerance_that_the_policy_ignores_is_reported() {
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
            let misfit = idle_tolerance(&step).map(|misfit| misfit.to_string());
            assert_eq!(misfit.is_some_and(|misfit| misfit.contains(policy)), expected, "{policy} {tolerance}");
        }
        assert!(called("").is_err() && called("p").is_ok());
    }

    #[test]
    fn units_are_compared() {
        let column = |name: &str, unit: &str| Column::new(name, ColumnType::Float).with_unit(unit);
        let (nano, micro) = (column("a", "nM"), column("b", "µM"));
        let error = common_unit(&[&nano, &micro], true).unwrap_err().to_string();
        assert!(error.contains("`a` is in nM and `b` in µM"), "{error}");
        assert_eq!(common_unit(&[&nano, &micro], false).unwrap(), None);
        assert_eq!(common_unit(&[&nano, &nano], true).unwrap().as_deref(), Some("nM"));
        let text = Column::new("t", ColumnType::Text);
        assert!(common_unit(&[&nano, &text], false).unwrap_err().to_string().contains("`t` is text"));
        assert!(common_unit(&[], true).is_err());
    }
}
