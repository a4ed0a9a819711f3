//! `molecules.alerts`: structural alerts.

mod alert;
mod catalogue;
mod list;

use serde_json::json;

use self::alert::{Alert, Alerts, BETWEEN};
pub use self::catalogue::AlertCatalogue;
use self::list::Reading;
use super::library::PROVIDER;
use super::molecules::Molecules;
use crate::prelude::*;
use crate::records::{first_lines, on_workers, text_of};
use crate::step::{ColumnContext, Columns, PathPart};

/// Marks molecules that contain structural alerts, of built-in catalogues or of a file.
///
/// `catalogue` names lists that RDKit's `FilterCatalog` has too, with the same results:
///
/// | catalogue | alerts | from |
/// |---|---|---|
/// | `pains_a`, `pains_b`, `pains_c`; together `pains` | 16, 55, 409 | Baell and Holloway: pan-assay interference, <https://doi.org/10.1021/jm901137j> |
/// | `brenk` | 105 | Brenk et al.: toxic or unfavourable groups, <https://doi.org/10.1002/cmdc.200700139> |
/// | `nih` | 180 | Jadhav et al. and Doveston et al.: problematic groups, <https://doi.org/10.1021/jm901070c> |
/// | `zinc` | 50 | the ZINC database: drug-likeness and unwanted groups, some of them allowed a few times |
/// | `chembl_bms`, `chembl_dundee`, `chembl_glaxo`, `chembl_inpharmatica`, `chembl_lint`, `chembl_mlsmr`, `chembl_surechembl`; together `chembl` | 180, 105, 55, 91, 57, 116, 166 | the structural alerts of ChEMBL 23 |
///
/// Their alerts are called `CATALOGUE:NAME`, such as `brenk:aldehyde`. Hydrogen atoms in their patterns are merged into
/// their neighbours. The content of a catalogue is part of the step's identity.
///
/// `path` names a file with one alert per line, in a form in which lists are published. If the first line has a column
/// called `smarts`, it names the columns, with commas, semicolons, tabs or white space between them: the names are in
/// `name`, or else `description`, or in the column that `name_column` names. A column `max`, if there is one, is the number
/// of times that a pattern may occur without being an alert, from 0 to 999. Otherwise each line has a SMARTS pattern, white
/// space, and the name of the alert up to the end of the line, or the name first with `order: name_smarts`; or it has two
/// quoted cells with a comma between them. Blank lines and lines that begin with `#` are skipped.
///
/// Molecules have implicit hydrogens, but published lists often contain explicit ones, `[#1]`. A pattern in a file that
/// requires one is refused unless `merge_hydrogens` defines its meaning, as in `molecules.substructure`. As there, the
/// search for a pattern in a molecule fails after 2,000,000 steps.
///
/// Two columns are added: `alert_count`, the number of alerts that occur, and `alerts`, their names in the order of the
/// catalogues and then of the file, separated by `; `, and missing if there are none. A name that several alerts have is
/// numbered from the second on, as in `chinone #2`, and `; ` in a name becomes `, `. Both columns are missing for a molecule
/// that cannot be matched. All molecules are kept; `molecules.filter` with `alert_count == 0` drops the marked ones.
///
/// The signal `alerted` counts the `molecules`, those `marked`, those `undecided`, and under `by_alert` the molecules with
/// each alert.
///
/// # Example
/// ```yaml
/// flow: without-alerts
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: mark
///     uses: molecules.alerts
///     with: { catalogue: [pains, brenk], path: data/alerts.smarts }
///   - id: keep
///     uses: molecules.filter
///     with: { where: "alert_count == 0" }
/// ```
///
/// # Errors
/// - Neither `catalogue` nor `path` is given, or a catalogue is named twice, by itself or in a group.
/// - The file cannot be read, or contains no alerts.
/// - A line has no pattern or no name, or does not have as many cells as the first line. Or the pattern is not a valid
///   SMARTS, or requires a hydrogen atom and `merge_hydrogens` is not set. The message names the line.
/// - The search for a pattern takes more than 2,000,000 steps in one molecule; the message names both.
#[step("molecules.alerts", version = 3, rows = ["smiles"], columns = with_alerts, check = can_mark, reasons = reasons)]
pub fn mark_alerts(
    molecules: Rows<Molecules>,
    /// The file with the alerts, plain or compressed with gzip.
    #[param(example = "data/alerts.smarts")]
    path: Option<InputFile>,
    /// The built-in catalogues.
    #[param(
        example = "[pains, brenk]",
        one_of = [
            "pains", "pains_a", "pains_b", "pains_c", "brenk", "nih", "zinc", "chembl", "chembl_bms", "chembl_dundee",
            "chembl_glaxo", "chembl_inpharmatica", "chembl_lint", "chembl_mlsmr", "chembl_surechembl",
        ],
    )]
    catalogue: Option<Vec<AlertCatalogue>>,
    /// The column with the names in a file that names its columns. Defaults to `name`, or else `description`.
    name_column: Option<String>,
    /// The order of the two columns in a file that does not name them. Defaults to `smarts_name`.
    #[param(one_of = ["smarts_name", "name_smarts"])]
    order: Option<String>,
    /// How to interpret a hydrogen atom in a pattern of the file: `true` merges it into its neighbour, so that `C[#1]`
    /// becomes `[C;!H0]`, like RDKit's `MergeQueryHs`; `false` matches only explicit hydrogens such as deuterium.
    merge_hydrogens: Option<bool>,
    context: &ExecutionContext<'_>,
) -> Result<RowWork<Molecules>, StepError> {
    let step = MarkAlerts { path, catalogue, name_column, order, merge_hydrogens };
    if let Some(misfit) = unusable(&step).into_iter().next() {
        return Err(misfit.into());
    }
    let text = step.path.as_ref().map(|path| text_of(path.as_str(), path.read(context.files())?)).transpose()?;
    let alerts = on_workers(|| {
        let mut alerts = Alerts::default();
        catalogues(&step).try_for_each(|(_, catalogue)| alerts.add_catalogue(catalogue))?;
        let faults = text.as_deref().map(|text| add_file(&mut alerts, &step, text)).unwrap_or_default();
        faults.into_iter().next().map_or(Ok(alerts), |fault| Err(StepError::new(fault)))
    })??;
    let work = molecules.each(move |batch, tally| {
        let (mut counts, mut names) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for (row, smiles) in batch.texts("smiles")?.enumerate() {
            let found = smiles.map_or(Ok(None), |smiles| alerts.occurring(smiles))?;
            match found.as_deref() {
                None => tally.add(row, "undecided"),
                Some([]) => {}
                Some(found) => {
                    tally.add(row, "marked");
                    found.iter().for_each(|alert| tally.add_under(row, "by_alert", &alert.name));
                }
            }
            counts.push(found.as_ref().map(|found| found.len() as i64));
            let named: Vec<&str> = found.iter().flatten().map(|alert: &&Alert| alert.name.as_str()).collect();
            names.push((!named.is_empty()).then(|| named.join(BETWEEN)));
        }
        Ok(BatchOutput::all().with(Values::integers(counts)).with(Values::texts(names)))
    });
    let column = |name, ty| Column::new(name, ty).with_provider(PROVIDER);
    let columns = [column("alert_count", ColumnType::Integer), column("alerts", ColumnType::Text)];
    Ok(work.with_results(columns)?.signal("alerted", |tally, rows| {
        json!({
            "molecules": rows.input,
            "marked": tally.count("marked"),
            "undecided": tally.count("undecided"),
            "by_alert": tally.counts("by_alert"),
        })
    }))
}

/// Returns each catalogue with the index of the item that names it or its group.
fn catalogues(step: &MarkAlerts) -> impl Iterator<Item = (usize, &'static catalogue::Catalogue)> {
    let named = step.catalogue.iter().flatten().enumerate();
    named.flat_map(|(index, named)| named.members().map(move |member| (index, member)))
}

/// Adds the alerts of the step's file, which has this text. Returns what is wrong with the file.
fn add_file(alerts: &mut Alerts, step: &MarkAlerts, text: &[u8]) -> Vec<String> {
    let file = step.path.as_ref().map_or("", InputFile::as_str);
    let name_first = step.order.as_deref() == Some("name_smarts");
    let (list, mut faults) = list::read(file, text, Reading { name_column: step.name_column.as_deref(), name_first });
    if list.is_empty() && faults.is_empty() {
        faults.push(format!("`{file}` has no alerts"));
    }
    faults.extend(alerts.add_list(file, &list, step.merge_hydrogens));
    faults
}

/// Returns the parameters that contradict each other.
fn unusable(step: &MarkAlerts) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    if catalogues(step).next().is_none() && step.path.is_none() {
        misfits.push(
            Misfit::new("catalogue", "no alerts to look for")
                .with_help("name built-in lists, such as `catalogue: [pains, brenk]`, or a file in `path`"),
        );
    }
    let mut named: Vec<&str> = Vec::new();
    for (index, catalogue) in catalogues(step) {
        if named.contains(&catalogue.name()) {
            let message = format!("the catalogue `{}` is named twice, by itself or in a group", catalogue.name());
            misfits.push(Misfit::new("catalogue", message).at(PathPart::Index(index)));
        }
        named.push(catalogue.name());
    }
    let of_file = [
        ("name_column", step.name_column.is_some()),
        ("order", step.order.is_some()),
        ("merge_hydrogens", step.merge_hydrogens.is_some()),
    ];
    let without_file = of_file.into_iter().filter(|(_, given)| *given && step.path.is_none());
    misfits.extend(
        without_file.map(|(param, _)| {
            Misfit::new(param, format!("`{param}` concerns a file of alerts, but there is no `path`"))
        }),
    );
    misfits
}

/// Checks the parameters, and a file that already exists: all of it, unless it is very large.
fn can_mark(step: &MarkAlerts, context: &ColumnContext<'_>) -> Vec<Misfit> {
    const CHECKED_BYTES: u64 = 4 << 20;
    const MAX_FAULTS: usize = 5;
    let mut misfits = unusable(step);
    let bytes = step.path.as_ref().and_then(|path| context.first_bytes(path, CHECKED_BYTES));
    let Some((path, bytes)) = step.path.as_ref().zip(bytes) else { return misfits };
    let is_whole = (bytes.len() as u64) < CHECKED_BYTES;
    let text = if is_whole { text_of(path.as_str(), bytes) } else { Ok(first_lines(bytes).unwrap_or_default()) };
    let checked = text.and_then(|text| on_workers(|| add_file(&mut Alerts::default(), step, &text)));
    let faults = checked.unwrap_or_else(|error| vec![error.to_string()]);
    misfits.extend(faults.into_iter().take(MAX_FAULTS).map(|fault| Misfit::new("path", fault)));
    misfits
}

fn with_alerts(_: &MarkAlerts, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["alert_count", "alerts"])
}

/// The count of the alerts is what it is because of those in the other column.
fn reasons(_: &MarkAlerts, column: &str) -> Option<String> {
    (column == "alert_count").then(|| "alerts".to_owned())
}
