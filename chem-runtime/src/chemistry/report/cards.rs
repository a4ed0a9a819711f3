//! The grid: a card for each molecule, with its picture and its properties, in groups if a column is given for them.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::picture::{self, Marks};
use super::value::{clipped, counted, shown, words};
use crate::artifact::Table;
use crate::chemistry::library::{Drawing, Pattern, Structure};
use crate::chemistry::molecules;
use crate::chemistry::params::Smarts;
use crate::chemistry::substructure::decided;
use crate::records::{Key, key_of, on_workers, try_map_records};
use crate::step::{ExecutionContext, StepError};

/// The longest name to show, in characters.
const NAME: usize = 90;

/// What to show of the molecules.
pub(super) struct Choice<'a> {
    /// How many molecules have a card, from the first.
    pub(super) drawn: usize,
    /// The indices of the columns on a card.
    pub(super) properties: &'a [usize],
    /// The index of the column whose values make groups.
    pub(super) group: Option<usize>,
    /// The pattern whose matches have a background.
    pub(super) highlight: Option<&'a Smarts>,
}

/// The section that shows the molecules.
pub(super) struct Molecules {
    pub(super) summary: String,
    /// The highlighted pattern, and in how many of the cards it occurs.
    pub(super) highlighted: Option<(String, String)>,
    pub(super) groups: Vec<Group>,
}

/// The cards with the same value in a column; all cards if there are no groups.
pub(super) struct Group {
    pub(super) heading: Option<Heading>,
    pub(super) cards: Vec<Card>,
}

/// The value that the cards of a group share; `None` if it is missing.
pub(super) struct Heading {
    pub(super) column: String,
    pub(super) value: Option<String>,
}

pub(super) struct Card {
    /// The index of its row in the table.
    pub(super) row: usize,
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
        self.groups.iter().flat_map(|group| &group.cards).filter(|card| card.picture.is_ok()).count()
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

/// Builds the section with the chosen molecules.
///
/// # Errors
/// Fails if the run is cancelled, or if the search for the pattern takes too long in a molecule.
pub(super) fn cards(
    context: &ExecutionContext<'_>,
    molecules: &molecules::Molecules,
    choice: &Choice<'_>,
) -> Result<Molecules, StepError> {
    let table = molecules.table();
    let first: Vec<&str> = molecules.smiles().iter().flatten().take(choice.drawn).collect();
    let pattern = match choice.highlight {
        Some(smarts) => Some((smarts, highlighted(smarts)?)),
        None => None,
    };
    let pictures = try_map_records(context, &first, |smiles| draw(smiles, pattern.as_ref()))?;
    let matched = pictures.iter().filter(|picture| picture.is_matched).count();
    let all = pictures.into_iter().enumerate();
    let cards = all.map(|(row, picture)| card(table, row, choice.properties, picture.uri)).collect();
    let groups = match choice.group {
        Some(index) => grouped(table, index, cards),
        None => vec![Group { heading: None, cards }],
    };
    let called = called(molecules);
    let summary = match (molecules.len(), choice.drawn) {
        (0, _) => "No molecule is left.".to_owned(),
        (all, drawn) if all == drawn => format!("{all} {called}, in the order of the table."),
        (all, 0) => format!("{all} {called}, none of them drawn."),
        (all, drawn) => format!("The first {drawn} of {all} {called}, in the order of the table."),
    };
    let highlighted =
        choice.highlight.map(|smarts| (smarts.as_str().to_owned(), format!("{matched} of {}", first.len())));
    Ok(Molecules { summary, highlighted, groups })
}

/// Parses the pattern to highlight. A hydrogen atom in it is a condition on its neighbour.
///
/// # Errors
/// Fails if the pattern would match nothing.
pub(super) fn highlighted(smarts: &Smarts) -> Result<Pattern, StepError> {
    on_workers(|| Pattern::for_molecules(smarts.as_str(), Some(true)))?
        .map_err(|error| StepError::new(format!("`{}`: {error}", smarts.as_str())))
}

/// A picture, or why there is none, and whether the pattern to highlight occurs in it.
struct Picture {
    uri: Result<String, String>,
    is_matched: bool,
}

fn draw(smiles: &str, pattern: Option<&(&Smarts, Pattern)>) -> Result<Picture, StepError> {
    let Ok(structure) = Structure::from_smiles(smiles) else {
        return Ok(Picture { uri: Err("cannot be drawn".to_owned()), is_matched: false });
    };
    let matched = match pattern {
        Some((smarts, pattern)) => {
            decided(structure.matched_atoms(pattern), smiles, smarts.as_str())?.unwrap_or_default()
        }
        None => BTreeSet::new(),
    };
    let (width, height) = picture::SIZE;
    let uri = if matched.is_empty() {
        structure.svg(width, height).map(|svg| picture::data_uri(&svg, &Marks::default()))
    } else {
        let marked = |drawing: Drawing| {
            let marks = Marks::of(&structure, &drawing, &matched);
            picture::data_uri(&drawing.svg, &marks)
        };
        structure.drawing(width, height).map(marked)
    };
    Ok(Picture { uri, is_matched: !matched.is_empty() })
}

/// Groups cards by their values in the column at `index`. Groups of numbers come in ascending order; others by size, the
/// largest first, then in the order of their first cards. Cards without a value come last.
fn grouped(table: &Table, index: usize, cards: Vec<Card>) -> Vec<Group> {
    let (Some(column), Some(data)) = (table.columns().get(index), table.data(index)) else { return Vec::new() };
    let mut groups: Vec<(Key<'_>, Vec<Card>)> = Vec::new();
    let mut known = HashMap::new();
    for card in cards {
        let key = key_of(data, card.row);
        let group = *known.entry(key).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(card);
    }
    groups.sort_by_key(|(key, cards)| match key {
        Key::Integer(number) => (false, Some(*number), None),
        key => (*key == Key::Missing, None, Some(Reverse(cards.len()))),
    });
    let heading = |card: &Card| Heading { column: words(&column.name), value: shown(&data.json(card.row)) };
    groups.into_iter().map(|(_, cards)| Group { heading: cards.first().map(heading), cards }).collect()
}

fn card(table: &Table, row: usize, properties: &[usize], picture: Result<String, String>) -> Card {
    Card {
        row,
        name: clipped(&name_of(table, row), NAME),
        smiles: text(table, row, "smiles"),
        picture,
        values: properties.iter().filter_map(|index| value(table, row, *index)).collect(),
    }
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
