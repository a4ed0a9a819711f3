//! The names of steps.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A step's name in its flow: a lower-case letter, then lower-case letters, digits, `_` and `-`, 64 at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepId(String);

impl StepId {
    /// Creates the id.
    ///
    /// # Errors
    /// Fails if `text` is not a valid name.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidStepId> {
        let text = text.into();
        let mut characters = text.chars();
        let well_formed = characters.next().is_some_and(|first| first.is_ascii_lowercase())
            && characters.all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_' || next == '-')
            && text.len() <= 64;
        if well_formed { Ok(Self(text)) } else { Err(InvalidStepId(text)) }
    }

    /// Returns the valid id that resembles `text`: in lower case, with `-` in place of invalid characters. `None` if there
    /// is none.
    pub fn like(text: &str) -> Option<Self> {
        if let Ok(id) = Self::new(text) {
            return Some(id);
        }
        let lower = text.trim().to_lowercase();
        let words: Vec<&str> =
            lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
        Self::new(words.join("-")).ok()
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for StepId {
    type Error = InvalidStepId;

    fn try_from(text: String) -> Result<Self, InvalidStepId> {
        Self::new(text)
    }
}

impl From<StepId> for String {
    fn from(id: StepId) -> Self {
        id.0
    }
}

/// Error for a text that is not a valid step id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot name a step: expected a lower-case letter followed by lower-case letters, digits, `_` or `-`, at most 64 characters in all"
)]
pub struct InvalidStepId(pub String);
