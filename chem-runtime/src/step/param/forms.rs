//! Implements parameters with a restricted format: regular expressions, and numbers greater than zero.

use regex::Regex;
use serde_json::Value;

use super::{InvalidKind, InvalidParam, ParamType, ParamValue};

/// A parameter that is a regular expression, in the syntax of the `regex` crate.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// Returns the reason why `text` is not a regular expression.
    pub fn new(text: &str) -> Result<Self, InvalidParam> {
        regular_expression(text).map(Self).map_err(InvalidParam::new)
    }

    /// Returns the compiled expression.
    pub fn regex(&self) -> &Regex {
        &self.0
    }

    /// Returns the expression as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

// The text determines the expression.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl ParamValue for Pattern {
    fn ty() -> ParamType {
        ParamType::Pattern
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        Self::new(value.as_str().ok_or_else(|| InvalidParam::expected(&Self::ty(), value))?)
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}

/// Compiles `text`, or returns on one line why it is not a regular expression.
pub(in crate::step) fn regular_expression(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| {
        let whole = error.to_string();
        format!("the pattern is not a regular expression: {}", whole.rsplit("error: ").next().unwrap_or(&whole))
    })
}

/// A parameter that is a finite number greater than zero.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct PositiveNumber(f64);

impl PositiveNumber {
    /// Returns `None` if `number` is not finite or not greater than zero.
    pub fn new(number: f64) -> Option<Self> {
        (number.is_finite() && number > 0.0).then_some(Self(number))
    }

    /// Returns the number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl ParamValue for PositiveNumber {
    fn ty() -> ParamType {
        ParamType::PositiveNumber
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let number = f64::read(value).map_err(|_| InvalidParam::expected(&Self::ty(), value))?;
        Self::new(number).ok_or_else(|| {
            InvalidParam::new(format!("`{value}` is out of range: it must be greater than 0"))
                .of_kind(InvalidKind::Range)
        })
    }

    fn write(&self) -> Value {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_is_read_and_written_as_text() {
        let pattern = Pattern::read(&json!("^CHEMBL[0-9]+$")).unwrap();
        assert!(pattern.regex().is_match("CHEMBL25"));
        assert_eq!(pattern.write(), json!("^CHEMBL[0-9]+$"));
        let error = Pattern::read(&json!("(open")).unwrap_err();
        assert_eq!(&*error.message, "the pattern is not a regular expression: unclosed group");
        assert_eq!(
            &*Pattern::read(&json!(5)).unwrap_err().message,
            "expected a regular expression, found the number `5`"
        );
    }

    #[test]
    fn a_positive_number_is_greater_than_zero() {
        assert_eq!(PositiveNumber::read(&json!(1e-9)).unwrap().write(), json!(1e-9));
        assert_eq!(PositiveNumber::read(&json!(2)).unwrap().get(), 2.0);
        for number in [json!(0), json!(-0.0), json!(-1)] {
            assert_eq!(PositiveNumber::read(&number).unwrap_err().kind, InvalidKind::Range, "{number}");
        }
        assert_eq!(PositiveNumber::read(&json!("1")).unwrap_err().kind, InvalidKind::Type);
        assert_eq!(PositiveNumber::new(f64::INFINITY), None);
    }
}
