//! `table.split`: divides rows into parts or folds.

mod assign;
mod part;

use std::collections::HashMap;

pub use part::Part;
use serde_json::{Map, Value, json};

use self::assign::{Sizes, in_order, of_groups, shuffled};
use super::sort::{compare, refuse_numbers_in_text, refuse_two_spellings};
use crate::prelude::*;
use crate::records::{Key, column_index, column_indices, key_of, sort_rows};
use crate::step::Descent;

/// Divides the rows of a table, or molecules, into parts such as `train` and `test`, or into folds.
///
/// The rows keep their order, and a new column names the part of each: `table.filter` with `split == 'test'` selects one.
/// `parts` lists the parts with their shares of the rows, which sum to 1; with `folds: 5` the parts are the folds `1` to `5`,
/// of equal sizes. The sizes are the shares rounded so that they sum to all rows.
///
/// - By default, the rows are shuffled and dealt out in these sizes. A `seed` gives the same parts in every release and on every machine.
/// - `stratify` names columns: each combination of their values is divided by itself, so that the parts have the same
///   composition. Remainders are carried from one combination to the next.
/// - `group` names columns, such as a scaffold or a cluster: rows with equal values go to the same part. The groups are
///   assigned from the largest to the smallest, each to the part that lacks the most rows, so that the sizes come close to the
///   shares. Missing values are equal to each other.
/// - `order` names a column, such as a date: the rows with the lowest values go to the first part. The sizes may differ from the
///   shares, because rows with equal values stay together, in the earlier part.
///
/// The signal `split` counts the rows of each part.
///
/// # Example
/// ```yaml
/// flow: scaffold-split
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: scaffolds
///     uses: molecules.scaffold
///   - id: split
///     uses: table.split
///     with: { parts: [train 0.8, test 0.2], group: [scaffold], seed: 1 }
///   - id: train
///     uses: table.filter
///     with: { where: "split == 'train'" }
/// ```
///
/// # Errors
/// - Both or none of `parts` and `folds` are set; the shares do not sum to 1; or two parts have the same name.
/// - More than one of `stratify`, `group` and `order` is set, or a `seed` beside `order`. Or a list names a column twice.
/// - A column does not exist, or the table already has the column that is to be added.
/// - A part would have no rows. With `stratify`, a combination of values has fewer rows than there are parts.
/// - The column `order` has a missing value, or is text that contains mostly numbers. Or a column of `stratify` or `group` is
///   text and contains one number in two spellings.
#[step("table.split", version = 1, columns = columns_of_split, check = can_split, descent = descent)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn split_rows(
    table: Input<Dataset>,
    /// The parts: a name and a share of the rows each.
    #[param(example = "[train 0.8, valid 0.1, test 0.1]")]
    parts: Option<Vec<Part>>,
    /// The number of folds.
    #[param(min = 2, max = 1000, example = "5")]
    folds: Option<usize>,
    /// The columns whose values are to be equally frequent in all parts.
    #[param(example = "[class]")]
    stratify: Option<Vec<ColumnName>>,
    /// The columns whose values are to stay together.
    #[param(example = "[scaffold]")]
    group: Option<Vec<ColumnName>>,
    /// The column whose order decides.
    #[param(example = "measured")]
    order: Option<ColumnName>,
    /// The seed of the random numbers.
    #[param(default = 0)]
    seed: u64,
    /// The name of the new column.
    #[param(default = "split")]
    column: String,
    context: &ExecutionContext<'_>,
) -> Result<Dataset, StepError> {
    let by = [stratify.is_some(), group.is_some(), order.is_some()];
    let plan = Plan { parts: parts.as_deref(), folds, by, seed };
    plan.check()?;
    let (names, shares) = plan.parts();
    let all = table.table();
    if all.index_of(&column).is_some() {
        return Err(taken(&column).into());
    }
    let sizes = Sizes::of(&shares, all.rows());
    let assigned = match (&stratify, &group, &order) {
        (Some(columns), _, _) => {
            refuse_two_spellings(all, "stratify", columns, ONE_SPELLING)?;
            let strata = groups(all, &column_indices(all, columns, "stratify")?);
            if let Some(small) = strata.iter().find(|rows| rows.len() < names.len()) {
                return Err(StepError::new(format!(
                    "`stratify`: {} has {} of the rows, fewer than the {} parts; merge rare values with `table.compute`",
                    described(all, columns, small[0]),
                    small.len(),
                    names.len()
                )));
            }
            shuffled(strata, &shares, all.rows(), seed)
        }
        (_, Some(columns), _) => {
            refuse_two_spellings(all, "group", columns, ONE_SPELLING)?;
            of_groups(groups(all, &column_indices(all, columns, "group")?), &sizes, all.rows(), seed)
        }
        (_, _, Some(by)) => by_order(all, by, &sizes)?,
        _ => shuffled(vec![(0..all.rows()).collect()], &shares, all.rows(), seed),
    };
    let mut counts: Vec<usize> = vec![0; names.len()];
    assigned.iter().for_each(|part| counts[*part] += 1);
    if let Some(empty) = counts.iter().position(|count| *count == 0).filter(|_| all.rows() > 0) {
        return Err(StepError::new(format!("the part `{}` would have none of the {} rows", names[empty], all.rows())));
    }
    let counted: Map<String, Value> =
        names.iter().zip(&counts).map(|(name, count)| (name.clone(), json!(count))).collect();
    context.signal("split", &counted)?;
    let data = match folds {
        Some(_) => Values::integers(assigned.iter().map(|part| *part as i64 + 1)),
        None => Values::texts(assigned.iter().map(|part| names[*part].as_str())),
    };
    Ok(table.with_columns([(Column::new(&column, data.ty()), data)])?)
}

fn descent(_: &SplitRows) -> Descent<'_> {
    Descent::Every
}

const ONE_SPELLING: &str = "make the spellings equal with `table.compute`";

/// The parameters that may contradict each other.
struct Plan<'a> {
    parts: Option<&'a [Part]>,
    folds: Option<usize>,
    /// Whether `stratify`, `group` and `order` are set.
    by: [bool; 3],
    seed: u64,
}

impl Plan<'_> {
    fn check(&self) -> Result<(), Misfit> {
        let ways = ["stratify", "group", "order"].into_iter().zip(self.by);
        let mut ways = ways.filter(|(_, is_set)| *is_set).map(|(name, _)| name);
        if let (Some(one), Some(other)) = (ways.next(), ways.next()) {
            return Err(Misfit::new(other, format!("expected either `{one}` or `{other}`, found both")));
        }
        if self.by[2] && self.seed != 0 {
            return Err(Misfit::new("seed", "`seed` has no effect with `order`"));
        }
        match (self.parts, self.folds) {
            (Some(_), Some(_)) => Err(Misfit::new("folds", "expected either `parts` or `folds`, found both")),
            (None, None) => Err(Misfit::new("parts", "expected `parts` or `folds`")),
            (Some(parts), None) => Part::check(parts),
            (None, Some(_)) => Ok(()),
        }
    }

    /// Returns the names of the parts and their shares.
    fn parts(&self) -> (Vec<String>, Vec<f64>) {
        match (self.parts, self.folds) {
            (Some(parts), _) => parts.iter().map(|part| (part.name.clone(), part.share)).unzip(),
            (None, folds) => {
                let folds = folds.unwrap_or_default();
                (1..=folds).map(|fold| (fold.to_string(), 1.0 / folds as f64)).unzip()
            }
        }
    }
}

fn taken(column: &str) -> Misfit {
    Misfit::new("column", format!("the table already has a column `{column}`; choose another name with `column`"))
}

fn can_split(step: &SplitRows, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let by = [step.stratify.is_some(), step.group.is_some(), step.order.is_some()];
    let plan = Plan { parts: step.parts.as_deref(), folds: step.folds, by, seed: step.seed };
    let lists = [("stratify", &step.stratify), ("group", &step.group)];
    let twice = lists.into_iter().filter_map(|(param, list)| Misfit::twice(param, list.as_deref()?));
    let input = context.first_input();
    let is_taken = input.names().is_some_and(|names| names.iter().any(|name| **name == *step.column));
    plan.check().err().into_iter().chain(twice).chain(is_taken.then(|| taken(&step.column))).collect()
}

fn columns_of_split(step: &SplitRows, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with([step.column.as_str()])
}

/// Returns the rows with equal values in `columns`, in the order of their first rows.
fn groups(table: &Table, columns: &[usize]) -> Vec<Vec<usize>> {
    let mut indices: HashMap<Vec<Key<'_>>, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for row in 0..table.rows() {
        let key = columns.iter().filter_map(|index| table.data(*index)).map(|data| key_of(data, row)).collect();
        let index = *indices.entry(key).or_insert(groups.len());
        if index == groups.len() {
            groups.push(Vec::new());
        }
        groups[index].push(row);
    }
    groups
}

fn described(table: &Table, columns: &[ColumnName], row: usize) -> String {
    let value = |name: &ColumnName| {
        let value = table.column(name.as_str()).map(|(_, data)| data.json(row)).unwrap_or_default();
        format!("`{name}` = {value}")
    };
    columns.iter().map(value).collect::<Vec<_>>().join(", ")
}

fn by_order(table: &Table, by: &ColumnName, sizes: &Sizes) -> Result<Vec<usize>, StepError> {
    refuse_numbers_in_text(table, "order", [by.as_str()], "convert them with `table.compute`")?;
    let index = column_index(table, by.as_str(), "order")?;
    let Some(data) = table.data(index) else { return Ok(Vec::new()) };
    if let Some(row) = (0..table.rows()).find(|row| data.is_missing(*row)) {
        return Err(StepError::new(format!(
            "`order`: the column `{by}` has no value in row {}; drop such rows with `table.filter`: `{by} != null`",
            row + 1
        )));
    }
    let mut rows: Vec<usize> = (0..table.rows()).collect();
    sort_rows(&mut rows, |one, other| compare(data, false, false, one, other))?;
    Ok(in_order(&rows, sizes, |one, other| compare(data, false, false, one, other).is_eq()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;
    use crate::step::{Registry, StepId};

    /// Returns what is wrong with the parameters.
    fn wrong(params: Value) -> Vec<String> {
        let registration = Registry::linked().unwrap().get("table.split").unwrap();
        let step = match registration.bind(StepId::new("it").unwrap(), params.as_object().unwrap()) {
            Ok(step) => step,
            Err(problems) => return problems.iter().map(ToString::to_string).collect(),
        };
        let (inputs, written) = ([("table", Some(Columns::known(["a"])))], HashSet::new());
        let misfits = step.check(&ColumnContext::new(&inputs, Path::new("."), &written));
        misfits.into_iter().map(|misfit| misfit.message).collect()
    }

    #[test]
    fn parameters_that_contradict_each_other_are_refused() {
        for (params, why) in [
            (json!({ "folds": 1_000_000_000_000_u64 }), "1000"),
            (json!({ "folds": 2, "group": ["a", "a"] }), "`group` names the column `a` twice"),
            (json!({ "folds": 2, "stratify": ["a", "a"] }), "`stratify` names the column `a` twice"),
            (json!({ "folds": 2, "order": "a", "seed": 1 }), "`seed` has no effect with `order`"),
        ] {
            let found = wrong(params);
            assert!(found.len() == 1 && found[0].contains(why), "{found:?}");
        }
        assert!(wrong(json!({ "folds": 1000, "group": ["a"], "seed": 1 })).is_empty());
    }

    #[test]
    fn the_advice_about_two_spellings_can_be_followed() {
        let texts = ["1", "1.0", "2"];
        let table = Table::new([(Column::new("a", ColumnType::Text), Values::texts(texts))]).unwrap();
        let refused = refuse_two_spellings(&table, "group", &["a".into()], ONE_SPELLING).unwrap_err().to_string();
        assert!(refused.ends_with("or make the spellings equal with `table.compute`"), "{refused}");
    }
}
