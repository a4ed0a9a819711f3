//! `report.write`: a page that shows molecules, and how they came to be chosen.
//!
//! The page is one file without scripts that loads nothing: its content security policy forbids it to. Pictures of
//! molecules stand in it as images, which can do nothing but be seen.

mod cards;
mod html;
mod past;
mod plots;
mod record;

use serde_json::json;

use self::html::escape;
use self::past::{Passage, Shelf, passages, path as path_to_page};
use super::molecules::{Molecules, PROMISED};
use crate::prelude::*;
use crate::step::param::given;
use crate::step::{ColumnName, History, ParamValue as _};

/// So many columns are shown on a card, and so many plotted, unless the manifest names them.
const COLUMNS: usize = 8;

const STYLE: &str = include_str!("style.css");

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
/// A molecule of more than 300 atoms has a card that says so in place of a picture.
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
/// - A column of `properties` or `plots` is not in the table, or one of `plots` has no numbers; the message names those
///   that will do.
/// - The file or its directory cannot be written, or `path` is a directory.
#[step("report.write", version = 4, kind = Sink)]
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
    #[param(default = 60, min = 0, max = 1000)]
    limit: u64,
    context: &ExecutionContext<'_>,
) -> Result<FileWritten, StepError> {
    let table = molecules.table();
    let shown = columns(table, properties.as_deref(), |_| true)?;
    let plotted = columns(table, plots.as_deref(), |ty| matches!(ty, ColumnType::Integer | ColumnType::Float))?;
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
        ]);
        record::again(history, context.step_id().as_str(), context.input_hash("molecules"), &own)
    });
    let (cards, pictures) = cards::cards(context, &molecules, &shown, drawn)?;
    let sections = [
        ("way", "How they were chosen", record::way(&passages)),
        ("plots", "Distributions", distributions(&mut shelf, &molecules, &plotted, history.as_deref())?),
        ("molecules", "Molecules", cards),
        ("rejects", "Refused records", record::rejects(&passages)),
        ("again", "How to repeat this", again.unwrap_or_default()),
    ];
    let flow = history.as_ref().map(|history| history.flow.as_str()).unwrap_or_default();
    let title = title.unwrap_or_else(|| if flow.is_empty() { "Molecules".to_owned() } else { flow.to_owned() });
    let page = page(&title, flow, notes.as_deref(), &tiles(&molecules, &passages), &sections);
    let written = path.write(context.files(), |out| Ok(out.write_all(page.as_bytes())?))?;
    let said = json!({ "molecules": molecules.len(), "drawn": pictures, "not_drawn": drawn - pictures });
    context.signal("written", &said)?;
    Ok(written)
}

/// The places of the columns called `names`, which have to be of a fitting type; left out, the first that are.
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

fn distributions(
    shelf: &mut Shelf<'_>,
    molecules: &Molecules,
    plotted: &[usize],
    history: Option<&History>,
) -> Result<String, StepError> {
    let table = molecules.table();
    // Where a molecule is in several rows, it is the rows that have the values.
    let called = match cards::different(molecules) {
        different if different == table.rows() => ("molecule", "molecules"),
        _ => ("row", "rows"),
    };
    let (mut plots, mut compared) = (String::new(), false);
    for index in plotted {
        let (column, data) = (&table.columns()[*index], table.data(*index));
        let Some(now) = data.and_then(plots::numbers) else { continue };
        let all = match history {
            Some(history) => past::before(shelf, history, &column.name, table.rows())?,
            None => None,
        };
        let all = all.as_deref().and_then(|all| plots::numbers(all.column(&column.name)?.1));
        compared |= all.is_some();
        plots.push_str(&plots::histogram(column, &now, all.as_deref(), called).unwrap_or_default());
    }
    if plots.is_empty() {
        return Ok(String::new());
    }
    let key = if compared {
        let (_, many) = called;
        format!(
            "<p class=\"lead key\"><span class=\"now\"></span> the {many} of this report \
             <span class=\"before\"></span> all that had a value</p>"
        )
    } else {
        String::new()
    };
    Ok(format!("<section id=\"plots\"><h2>Distributions</h2>{key}<div class=\"plots\">{plots}</div></section>"))
}

/// The numbers at the head of the page, of the path from the source to it: what was read and added is what is shown,
/// removed and refused.
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

fn page(
    title: &str,
    flow: &str,
    notes: Option<&str>,
    tiles: &[(usize, String)],
    sections: &[(&str, &str, String)],
) -> String {
    let title = escape(title);
    let flow = if flow.is_empty() { String::new() } else { format!("<p class=\"flow\">flow {}</p>", escape(flow)) };
    let notes = notes.map(|notes| format!("<p class=\"notes\">{}</p>", escape(notes))).unwrap_or_default();
    let tiles: String =
        tiles.iter().map(|(count, words)| format!("<li><strong>{count}</strong> {words}</li>")).collect();
    let there = || sections.iter().filter(|(_, _, section)| !section.is_empty());
    let links: String = there().map(|(id, name, _)| format!("<a href=\"#{id}\">{name}</a>")).collect();
    let sections: String = there().map(|(_, _, section)| section.as_str()).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title>\n<style>\n{STYLE}</style></head>\n\
         <body><header>{flow}<h1>{title}</h1>{notes}<ul class=\"tiles\">{tiles}</ul>\
         <nav aria-label=\"Sections\">{links}</nav></header>\n<main>{sections}</main></body></html>\n"
    )
}
