//! The content of the page, rendered by the templates in `templates/`.
//!
//! Templates escape every value they print (see [`crate::html::Html`]), and no value is markup: the structs here and in
//! the sections' modules hold plain text.

use askama::Template;
use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha256};

use super::cards::Molecules;
use super::picture;
use super::plots::{self, Plot};
use super::record::{Again, Passed, Rejects, RowChange};

/// The whole page. Sections without content are left out.
#[derive(Template)]
#[template(path = "page.html")]
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    pub(super) flow: Option<&'a str>,
    pub(super) notes: Option<&'a str>,
    /// The numbers at the head of the page, each with its label.
    pub(super) tiles: Vec<(usize, String)>,
    pub(super) way: Vec<Passed<'a>>,
    pub(super) plots: Vec<Plot>,
    /// What the rows of the plots are called; `None` if no plot also shows the rows before the selection.
    pub(super) compared: Option<&'a str>,
    pub(super) molecules: Molecules,
    /// The rows of the molecules as JSON, for the script.
    pub(super) data: String,
    pub(super) rejects: Vec<Rejects<'a>>,
    pub(super) again: Option<Again<'a>>,
}

impl Page<'_> {
    /// Returns the content security policy: the style and the script of the page, and images within it.
    fn policy(&self) -> String {
        let style = hash(include_str!("templates/style.css"));
        let script = hash(include_str!("templates/report.js"));
        format!(
            "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; base-uri 'none'; \
             form-action 'none'"
        )
    }
}

/// Returns the hash of a text between two tags, as in a policy. A template leaves out the line feed at its end.
fn hash(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    format!("sha256-{}", Base64::encode_string(&Sha256::digest(text)))
}
