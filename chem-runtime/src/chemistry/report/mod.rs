//! `report.write`: a page that shows molecules and how they were chosen.
//!
//! The page is one file that shows everything without scripts. Its one script sorts, filters, groups and saves what is there. The content
//! security policy of the page permits that script and the one style, by their hashes, and forbids to load anything.
//! Pictures of molecules are embedded as images, which cannot run code.

mod cards;
mod data;
mod page;
mod past;
mod picture;
mod plots;
mod record;
mod value;

use askama::Template as _;
use serde_json::json;

use self::cards::Choice;
use self::data::Data;
use self::page::Page;
use self::past::{Passage, Shelf, passages, path as path_to_page};
use self::plots::Plot;
use super::molecules::{Molecules, PROMISED};
use super::params::Smarts;
use crate::prelude::*;
use crate::step::param::given;
use crate::step::{ColumnContext, ColumnName, History, ParamValue as _};

/// The default number of columns to show on a card, and to plot.
const COLUMNS: usize = 8;

/// Writes molecules as a web page to show around: pictures, properties, distributions, and how they were chosen.
///
/// The page is one file that needs no network and no other file. It shows what each step before it let through and
/// removed, the values' distributions (in front of those of all molecules that had the value), the molecules as a grid,
/// the records that were refused, each step's parameters and fingerprint, and a manifest that gives the same results,
/// in which only the files and their paths are to be filled in. What it tells of the steps before is the
/// input `history`, which the program feeds by itself, so that its fingerprint covers all that the page says.
///
/// The numbers at its head follow the first input of each step, from the source to the molecules: what was read, and
/// what was added by a step that made several rows of one, is what is shown, removed and refused. Rows are told apart
/// by their `record`.
///
/// In a browser that runs scripts, the reader of the page searches the molecules by name, sorts them by a column, filters
/// them by ranges in the histograms, groups them by a column, plots two columns against each other, enlarges a molecule, and
/// saves those selected as CSV, with every column, or as SMILES. The values saved are those of the table: texts that a
/// spreadsheet would run as a formula change only if the reader chooses so, as with `escape_formulas` of `table.write`.
///
/// A molecule of more than 300 atoms has a card that says so in place of a picture. A molecule takes about 5 KB of the page,
/// so that a page of 10,000 takes some seconds to open.
///
/// The page has no date and no path: the same flow over the same files gives the same page. The signal `written` counts
/// the `molecules`, those `drawn`, and those `not_drawn` that have a card and no picture.
///
/// # Example
/// ```yaml
/// flow: light-drugs
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: describe
///     uses: molecules.describe
///     with: { properties: [molecular_weight, logp, qed] }
///   - id: keep
///     uses: molecules.filter
///     with: { where: "molecular_weight < 300" }
///   - id: report
///     uses: report.write
///     with: { path: out/light-drugs.html, title: Light drugs }
/// ```
///
/// # Errors
/// - A column of `properties`, `plots` or `group` is not in the table, one of `plots` has no numbers, or that of `group` has
///   decimal numbers; the message names those that will do.
/// - The pattern of `highlight` requires a hydrogen atom without a neighbour, or the search for it takes more than 2,000,000
///   steps in one molecule, which the message names.
/// - The file or its directory cannot be written, or `path` is a directory.
#[step("report.write", version = 6, kind = Sink, check = can_highlight)]
pub fn write_report(
    molecules: Input<Molecules>,
    history: Option<Input<History>>,
    /// The file to write. Directories that are missing are made.
    #[param(example = "out/report.html")]
    path: OutputFile,
    /// The title of the page. Left out, it is the name of the flow.
    title: Option<String>,
    /// What to say below the title.
    notes: Option<String>,
    /// The columns to show with each molecule. Left out, the first eight after `record`.
    #[param(example = "[molecular_weight, logp]", columns_of = "molecules")]
    properties: Option<Vec<ColumnName>>,
    /// The columns to plot. Left out, the first eight with numbers after `record`.
    #[param(example = "[molecular_weight, logp]", columns_of = "molecules")]
    plots: Option<Vec<ColumnName>>,
    /// How many molecules to draw at most, from the first.
    #[param(default = 60, min = 0, max = 10_000)]
    limit: u64,
    /// A column whose values make groups of molecules, such as clusters or scaffolds. Groups of whole numbers come in
    /// ascending order, others by size.
    #[param(example = "scaffold", columns_of = "molecules")]
    group: Option<ColumnName>,
    /// A SMARTS pattern. The atoms of its matches have a background in the pictures. A hydrogen atom in it is a condition on
    /// its neighbour, as with `merge_hydrogens: true` of `molecules.substructure`.
    #[param(example = "C(=O)[OX2H]")]
    highlight: Option<Smarts>,
    context: &ExecutionContext<'_>,
) -> Result<FileWritten, StepError> {
    let table = molecules.table();
    let shown = columns(table, properties.as_deref(), |_| true)?;
    let plotted = columns(table, plots.as_deref(), |ty| matches!(ty, ColumnType::Integer | ColumnType::Float))?;
    let grouped = match &group {
        Some(group) => {
            columns(table, Some(std::slice::from_ref(group)), |ty| ty != ColumnType::Float)?.first().copied()
        }
        None => None,
    };
    let drawn = usize::try_from(limit).unwrap_or(usize::MAX).min(molecules.len());
    let mut shelf = Shelf::new(context.artifacts());
    let passages = match &history {
        Some(history) => passages(context, &mut shelf, history)?,
        None => Vec::new(),
    };
    let again = history.as_deref().map(|history| {
        let own = given([
            ("title", title.write()),
            ("notes", notes.write()),
            ("properties", properties.write()),
            ("plots", plots.write()),
            ("limit", limit.write()),
            ("group", group.write()),
            ("highlight", highlight.write()),
        ]);
        record::again(history, context.step_id().as_str(), context.input_hash("molecules"), &own)
    });
    let choice = Choice { drawn, properties: &shown, group: grouped, highlight: highlight.as_ref() };
    let cards = cards::cards(context, &molecules, &choice)?;
    let pictures = cards.pictures();
    let flow = history.as_ref().map(|history| history.flow.as_str()).filter(|flow| !flow.is_empty());
    let (plots, compared) = distributions(&mut shelf, &molecules, &plotted, history.as_deref())?;
    let page = Page {
        title: title.as_deref().or(flow).unwrap_or("Molecules"),
        flow,
        notes: notes.as_deref(),
        tiles: tiles(&molecules, &passages),
        way: record::way(&passages),
        plots,
        compared,
        molecules: cards,
        data: Data { table, rows: drawn, group: grouped }.json(),
        rejects: record::rejects(&passages),
        again,
    };
    let written = path.write(context.files(), |out| Ok(page.write_into(out)?))?;
    let said = json!({ "molecules": molecules.len(), "drawn": pictures, "not_drawn": drawn - pictures });
    context.signal("written", &said)?;
    Ok(written)
}

fn can_highlight(step: &WriteReport, _: &ColumnContext<'_>) -> Vec<Misfit> {
    let refused = step.highlight.as_ref().and_then(|smarts| cards::highlighted(smarts).err());
    refused.map(|error| Misfit::new("highlight", error.to_string())).into_iter().collect()
}

/// Returns the indices of the columns called `names`, whose types have to fit, or by default of the first columns that
/// fit.
fn columns(
    table: &Table,
    names: Option<&[ColumnName]>,
    fits: impl Fn(ColumnType) -> bool,
) -> Result<Vec<usize>, StepError> {
    let fitting = || (0..table.columns().len()).filter(|index| fits(table.columns()[*index].ty));
    let Some(names) = names else {
        return Ok(fitting().filter(|index| *index >= PROMISED.len()).take(COLUMNS).collect());
    };
    let place = |name: &ColumnName| {
        fitting().find(|index| *table.columns()[*index].name == *name.as_str()).ok_or_else(|| {
            let there: Vec<String> = fitting().map(|index| format!("`{}`", table.columns()[index].name)).collect();
            StepError::new(format!(
                "there is no column `{name}` to show here; those that will do are {}",
                there.join(", ")
            ))
        })
    };
    names.iter().map(place).collect()
}

/// Builds the histograms of the columns at the indices `plotted`. If any of them also shows the rows before the
/// selection, also returns what the rows are called.
fn distributions(
    shelf: &mut Shelf<'_>,
    molecules: &Molecules,
    plotted: &[usize],
    history: Option<&History>,
) -> Result<(Vec<Plot>, Option<&'static str>), StepError> {
    let table = molecules.table();
    // If a molecule is in several rows, count rows, which have the values.
    let called = match cards::different(molecules) {
        different if different == table.rows() => ("molecule", "molecules"),
        _ => ("row", "rows"),
    };
    let (mut plots, mut compared) = (Vec::new(), false);
    for index in plotted {
        let (column, data) = (&table.columns()[*index], table.data(*index));
        let Some(now) = data.and_then(plots::numbers) else { continue };
        let all = match history {
            Some(history) => past::before(shelf, history, &column.name, table.rows())?,
            None => None,
        };
        let all = all.as_deref().and_then(|all| plots::numbers(all.column(&column.name)?.1));
        compared |= all.is_some();
        plots.extend(plots::histogram((*index, column), &now, all.as_deref(), called));
    }
    let (_, many) = called;
    Ok((plots, compared.then_some(many)))
}

/// Returns the numbers at the head of the page, along the path from the source to it: rows read plus rows added equal
/// rows shown plus rows removed plus rows refused.
fn tiles(molecules: &Molecules, passages: &[Passage<'_>]) -> Vec<(usize, String)> {
    let mut tiles = vec![(molecules.len(), cards::called(molecules))];
    let way = path_to_page(passages);
    if let Some(&first) = way.first() {
        let refused = |passage: &Passage<'_>| passage.rejects.as_ref().map_or(0, |rejects| rejects.rows());
        tiles.push((first.came.unwrap_or_else(|| first.went + refused(first)), "read".to_owned()));
        let added: usize = way.iter().map(|passage| passage.change.added).sum();
        if added > 0 {
            tiles.push((added, "added".to_owned()));
        }
        tiles.push((way.iter().map(|passage| passage.change.removed).sum(), "removed".to_owned()));
        tiles.push((way.iter().copied().map(refused).sum(), "refused".to_owned()));
    }
    tiles
}
