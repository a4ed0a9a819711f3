//! The grid: a card for each molecule, with its picture and its properties.

use std::collections::HashSet;

use super::html::{clipped, counted, data_uri, escape, shown, words};
use crate::artifact::{Column, Table};
use crate::chemistry::library::Structure;
use crate::chemistry::molecules::Molecules;
use crate::records::map_records;
use crate::step::{ExecutionContext, StepError};

/// So many characters of a name are shown.
const NAME: usize = 90;

/// The size of a picture, in pixels before the page scales it.
const PICTURE: (u32, u32) = (280, 190);

/// What the rows of `molecules` are: molecules, or rows of fewer molecules if one is in several of them.
pub(super) fn called(molecules: &Molecules) -> String {
    let different = different(molecules);
    match molecules.len() {
        1 => "molecule".to_owned(),
        rows if rows == different => "molecules".to_owned(),
        _ => format!("rows of {}", counted(different, "molecule", "molecules")),
    }
}

/// How many different molecules there are.
pub(super) fn different(molecules: &Molecules) -> usize {
    molecules.smiles().iter().flatten().collect::<HashSet<_>>().len()
}

/// The section with the first `limit` molecules, showing the columns at `properties`, and how many of them are drawn.
pub(super) fn cards(
    context: &ExecutionContext<'_>,
    molecules: &Molecules,
    properties: &[usize],
    limit: usize,
) -> Result<(String, usize), StepError> {
    let drawn = limit.min(molecules.len());
    let pictures = map_records(context, &molecules.smiles()[..drawn], |smiles| {
        Structure::from_smiles(smiles.as_deref().unwrap_or_default())
            .map_err(|_| "cannot be drawn".to_owned())?
            .svg(PICTURE.0, PICTURE.1)
    })?;
    let table = molecules.table();
    let cards: String =
        pictures.iter().enumerate().map(|(row, picture)| card(table, row, properties, picture)).collect();
    let called = called(molecules);
    let told = match molecules.len() {
        0 => "No molecule is left.".to_owned(),
        all if all == drawn => format!("{all} {called}, in the order of the table."),
        all if drawn == 0 => format!("{all} {called}, none of them drawn."),
        all => format!("The first {drawn} of {all} {called}, in the order of the table."),
    };
    let section = format!(
        "<section id=\"molecules\"><h2>Molecules</h2><p class=\"lead\">{told}</p><div class=\"grid\">{cards}</div></section>"
    );
    Ok((section, pictures.iter().filter(|picture| picture.is_ok()).count()))
}

fn card(table: &Table, row: usize, properties: &[usize], picture: &Result<String, String>) -> String {
    let smiles = text(table, row, "smiles");
    let name = escape(&clipped(&name_of(table, row), NAME));
    let picture = match picture {
        Ok(svg) => {
            let (width, height) = PICTURE;
            let uri = data_uri(&transparent(svg));
            format!("<img src=\"{uri}\" width=\"{width}\" height=\"{height}\" alt=\"Structure of {name}\">")
        }
        Err(why) => format!("<p class=\"none\">{}</p>", escape(why)),
    };
    let values: String = properties.iter().map(|index| value(table, row, *index)).collect();
    format!(
        "<article class=\"card\"><div class=\"picture\">{picture}</div><h3><bdi>{name}</bdi></h3><dl>{values}</dl>\
         <details><summary>SMILES</summary><code>{}</code></details></article>",
        escape(&smiles)
    )
}

/// A picture without its white ground, so that it stands on that of the page.
fn transparent(svg: &str) -> String {
    svg.lines().filter(|line| !line.starts_with("<rect ") && !line.starts_with("<?xml")).collect::<Vec<_>>().join("\n")
}

fn value(table: &Table, row: usize, index: usize) -> String {
    let (Some(column), Some(data)) = (table.columns().get(index), table.data(index)) else { return String::new() };
    let value = match shown(&data.json(row)) {
        Some(value) => format!("<bdi>{}</bdi>{}", escape(&value), unit(column)),
        None => "<span class=\"none\" title=\"missing\">–</span>".to_owned(),
    };
    format!("<div><dt>{}</dt><dd>{value}</dd></div>", words(&column.name))
}

fn unit(column: &Column) -> String {
    match &column.unit {
        Some(unit) => format!(" <span class=\"unit\">{}</span>", escape(unit)),
        None => String::new(),
    }
}

/// What a molecule is called: its name, or its SMILES where it has none.
pub(super) fn name_of(table: &Table, row: usize) -> String {
    let name = text(table, row, "name");
    if name.trim().is_empty() { text(table, row, "smiles") } else { name }
}

fn text(table: &Table, row: usize, column: &str) -> String {
    let value = table.column(column).map(|(_, data)| data.json(row));
    value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}
