//! What all pages share: the frame around them, links, times, and values as text.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::step::Expression;

/// The longest value to show, in characters.
const SHOWN: usize = 400;

/// The characters that a segment of a path, or a value of a query, can contain as they are.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@');

/// What the template `frame.html` puts around a page.
pub(super) struct Frame {
    pub(super) title: String,
    /// How the store is called.
    pub(super) store: String,
    /// The command that prints the same.
    pub(super) command: String,
    /// The address of the page as data.
    pub(super) json: String,
    /// Where to wait for news of the page; `None` if it does not change.
    pub(super) live: Option<String>,
}

/// Encodes a segment of a path, or a value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// Returns a query with the values that are there.
pub(super) fn query(values: &[(&str, Option<String>)]) -> String {
    let given = values.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value.as_ref()?))));
    let given: Vec<String> = given.collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

/// A time: as people read it where the program runs, and in UTC.
pub(super) struct Moment {
    pub(super) local: String,
    pub(super) utc: String,
}

impl From<Timestamp> for Moment {
    fn from(ts: Timestamp) -> Self {
        let local = ts.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
        Self { local, utc: ts.to_string() }
    }
}

/// A text that may be too long to show.
pub(super) struct Clipped {
    pub(super) text: String,
    /// The number of characters that the whole text has; `None` if all are shown.
    pub(super) of: Option<usize>,
}

impl Clipped {
    /// Shows the first characters of a text.
    pub(super) fn new(text: String) -> Self {
        Self::at(text, SHOWN)
    }

    /// Shows the first `most` characters of a text.
    pub(super) fn at(mut text: String, most: usize) -> Self {
        let Some((end, _)) = text.char_indices().nth(most) else { return Self { text, of: None } };
        let of = Some(text.chars().count());
        text.truncate(end);
        Self { text, of }
    }
}

/// Returns a value as people write it: texts without quotes.
pub(super) fn shown(value: &Value) -> Clipped {
    Clipped::new(match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// Returns parameters with their values, as a manifest has them.
pub(super) fn params(params: &Map<String, Value>) -> Vec<(String, Clipped)> {
    let one = |value: &Value| match Expression::parts_of(value) {
        Some((text, None)) => Clipped::new(text.to_owned()),
        Some((cel, Some(params))) => Clipped::new(format!("{cel}, with {}", Value::from(params.clone()))),
        None => shown(value),
    };
    params.iter().map(|(name, value)| (name.clone(), one(value))).collect()
}
