//! The values of text columns, as far as the checks of an expression depend on them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::compile::TextValues;
use crate::artifact::{NumbersInText, Values};
use crate::step::rows::TextSurvey;

/// Assumes that every text column has values, and that few are numbers.
pub(super) struct Usual;

impl TextValues for Usual {
    fn any(&self, _: &str, _: &Values) -> bool {
        true
    }

    fn numbers(&self, _: &str, _: &Values) -> Option<NumbersInText> {
        None
    }
}

/// Answers from what is known of the values, and records what else the checks ask about. Of that it assumes that there are
/// values, and that few are numbers.
pub(super) struct Asked<'a> {
    known: &'a TextSurvey,
    /// The columns in `known`, and whether all of their values are.
    complete: &'a BTreeMap<String, bool>,
    more: RefCell<BTreeMap<String, bool>>,
}

impl<'a> Asked<'a> {
    pub(super) fn knowing(known: &'a TextSurvey, complete: &'a BTreeMap<String, bool>) -> Self {
        Self { known, complete, more: RefCell::default() }
    }

    /// Returns the columns to look at, and whether all of their values are needed.
    pub(super) fn into_columns(self) -> BTreeMap<String, bool> {
        self.more.into_inner()
    }
}

impl TextValues for Asked<'_> {
    fn any(&self, column: &str, _: &Values) -> bool {
        match self.known.get(column) {
            Some(census) => census.any(),
            None => {
                self.more.borrow_mut().entry(column.to_owned()).or_default();
                true
            }
        }
    }

    fn numbers(&self, column: &str, _: &Values) -> Option<NumbersInText> {
        match self.known.get(column).filter(|_| self.complete.get(column) == Some(&true)) {
            Some(census) => census.numbers_in_text(),
            None => {
                self.more.borrow_mut().insert(column.to_owned(), true);
                None
            }
        }
    }
}
