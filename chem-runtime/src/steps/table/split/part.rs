//! The parameter `parts` of `table.split`.

use serde_json::Value;

use crate::prelude::*;
use crate::step::PathPart;

/// A part of the rows: its name, and its share of them, as `train 0.8`.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The name of the part.
    pub name: String,
    /// Its share of the rows, between 0 and 1.
    pub share: f64,
}

impl Part {
    /// Checks that the names differ and that the shares sum to 1.
    pub(super) fn check(parts: &[Self]) -> Result<(), Misfit> {
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        if let Some(again) = (1..names.len()).find(|index| names[..*index].contains(&names[*index])) {
            let message = format!("two parts are called `{}`", names[again]);
            return Err(Misfit::new("parts", message).at(PathPart::Index(again)));
        }
        let sum: f64 = parts.iter().map(|part| part.share).sum();
        // Shares such as 0.7, 0.2 and 0.1 do not sum to exactly 1.
        match (sum - 1.0).abs() < 1e-9 {
            true => Ok(()),
            false => Err(Misfit::new("parts", format!("the shares sum to {sum}; expected 1"))),
        }
    }
}

impl ParamValue for Part {
    fn ty() -> ParamType {
        ParamType::Formatted("name with a share")
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let text = String::read(value)?;
        let part = text.trim().rsplit_once(char::is_whitespace).and_then(|(name, share)| {
            let share = share.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0)?;
            Some(Self { name: name.trim().to_owned(), share })
        });
        part.ok_or_else(|| {
            InvalidParam::new(format!("expected a name and a share between 0 and 1, found `{text}`"))
                .with_help("write them with a space between, such as `train 0.8`")
        })
    }

    fn write(&self) -> Value {
        format!("{} {}", self.name, self.share).into()
    }
}
