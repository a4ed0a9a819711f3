//! The grid: a card for each molecule, with its picture and its properties.

use std::collections::HashSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::value::{clipped, counted, shown, words};
use crate::artifact::Table;
use crate::chemistry::library::Structure;
use crate::chemistry::molecules;
use crate::records::map_records;
use crate::step::{ExecutionContext, StepError};

/// The longest name to show, in characters.
const NAME: usize = 90;

/// The width and height of a picture, in pixels before the page scales it.
pub(super) const PICTURE: (u32, u32) = (280, 190);

/// The section that shows the molecules.
pub(super) struct Molecules {
    pub(super) summary: String,
    pub(super) cards: Vec<Card>,
}

pub(super) struct Card {
    pub(super) name: String,
    pub(super) smiles: String,
    /// The picture as a data URI, or why there is none.
    pub(super) picture: Result<String, String>,
    pub(super) values: Vec<CardValue>,
}

/// The value of a column; `text` is `None` if it is missing.
pub(super) struct CardValue {
    pub(super) column: String,
    pub(super) text: Option<String>,
    pub(super) unit: Option<String>,
}

impl Molecules {
    /// Returns how many cards have a picture.
    pub(super) fn pictures(&self) -> usize {
        self.cards.iter().filter(|card| card.picture.is_ok()).count()
    }
}

/// Names what the rows of `molecules` are: molecules, or rows of fewer molecules if one is in several rows.
pub(super) fn called(molecules: &molecules::Molecules) -> String {
    let different = different(molecules);
    match molecules.len() {
        1 => "molecule".to_owned(),
        rows if rows == different => "molecules".to_owned(),
        _ => format!("rows of {}", counted(different, "molecule", "molecules")),
    }
}

/// Counts the different molecules, by SMILES.
pub(super) fn different(molecules: &molecules::Molecules) -> usize {
    molecules.smiles().iter().flatten().collect::<HashSet<_>>().len()
}

/// Builds the section with the first `limit` molecules, showing the columns at the indices `properties`.
pub(super) fn cards(
    context: &ExecutionContext<'_>,
    molecules: &molecules::Molecules,
    properties: &[usize],
    limit: usize,
) -> Result<Molecules, StepError> {
    let drawn = limit.min(molecules.len());
    let first: Vec<&str> = molecules.smiles().iter().flatten().take(drawn).collect();
    let pictures = map_records(context, &first, |smiles| {
        Structure::from_smiles(smiles).map_err(|_| "cannot be drawn".to_owned())?.svg(PICTURE.0, PICTURE.1)
    })?;
    let table = molecules.table();
    let cards = pictures.iter().enumerate().map(|(row, picture)| card(table, row, properties, picture)).collect();
    let called = called(molecules);
    let summary = match molecules.len() {
        0 => "No molecule is left.".to_owned(),
        all if all == drawn => format!("{all} {called}, in the order of the table."),
        all if drawn == 0 => format!("{all} {called}, none of them drawn."),
        all => format!("The first {drawn} of {all} {called}, in the order of the table."),
    };
    Ok(Molecules { summary, cards })
}

fn card(table: &Table, row: usize, properties: &[usize], picture: &Result<String, String>) -> Card {
    Card {
        name: clipped(&name_of(table, row), NAME),
        smiles: text(table, row, "smiles"),
        picture: picture.as_ref().map(|svg| data_uri(&transparent(svg))).map_err(String::clone),
        values: properties.iter().filter_map(|index| value(table, row, *index)).collect(),
    }
}

/// Removes the white background of a picture, so that the page's own shows.
fn transparent(svg: &str) -> String {
    svg.lines().filter(|line| !line.starts_with("<rect ") && !line.starts_with("<?xml")).collect::<Vec<_>>().join("\n")
}

/// The characters of a picture to encode in a quoted URI. The characters that SVG uses most stay as they are, which
/// halves the size.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b' ')
    .remove(b'.')
    .remove(b',')
    .remove(b'-')
    .remove(b'=')
    .remove(b':')
    .remove(b';')
    .remove(b'/');

/// Returns a picture as a data URI. Shown as an image, it cannot run a script and cannot load anything.
fn data_uri(svg: &str) -> String {
    let svg = svg.replace(['\n', '\r', '\t'], " ");
    format!("data:image/svg+xml,{}", utf8_percent_encode(&svg, ENCODED))
}

fn value(table: &Table, row: usize, index: usize) -> Option<CardValue> {
    let (column, data) = (table.columns().get(index)?, table.data(index)?);
    Some(CardValue {
        column: words(&column.name),
        text: shown(&data.json(row)),
        unit: column.unit.as_ref().map(ToString::to_string),
    })
}

/// Returns the name of a molecule, or its SMILES if it has none.
pub(super) fn name_of(table: &Table, row: usize) -> String {
    let name = text(table, row, "name");
    if name.trim().is_empty() { text(table, row, "smiles") } else { name }
}

fn text(table: &Table, row: usize, column: &str) -> String {
    let value = table.column(column).map(|(_, data)| data.json(row));
    value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_in_an_attribute_needs_no_other_quotes() {
        assert_eq!(data_uri("<svg a='#fff'>é%\"</svg>\n").find(['<', '>', '\'', '"', '#', 'é', '\n']), None);
    }
}
