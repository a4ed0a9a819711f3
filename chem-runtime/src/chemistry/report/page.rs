//! The content of the page, rendered by the templates in `templates/`.
//!
//! Templates escape every value they print (see [`crate::html::Html`]), and no value is markup: the structs here and in
//! the sections' modules hold plain text.

use askama::Template;

use super::cards::{self, Molecules};
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
    pub(super) rejects: Vec<Rejects<'a>>,
    pub(super) again: Option<Again<'a>>,
}
