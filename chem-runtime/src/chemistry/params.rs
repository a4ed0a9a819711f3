//! Parameters of chemical types, which are validated when the manifest is checked.

use std::sync::Arc;

use serde_json::Value;

use super::library::{FingerprintKind, Pattern, Structure};
use crate::records::on_workers;
use crate::step::{Files, InvalidParam, ParamType, ParamValue, StepError};

impl ParamValue for FingerprintKind {
    const ONE_OF: &'static [&'static str] = &Self::NAMES;

    fn ty() -> ParamType {
        ParamType::Text
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let name = value.as_str().ok_or_else(|| InvalidParam::expected(&Self::ty(), value))?;
        Self::named(name).ok_or_else(|| InvalidParam::not_one_of(name, Self::ONE_OF))
    }

    fn write(&self) -> Value {
        self.name().into()
    }
}

/// The number of bits of a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FingerprintSize(u32);

impl FingerprintSize {
    /// Returns the number of bits.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl From<u32> for FingerprintSize {
    fn from(bits: u32) -> Self {
        Self(bits)
    }
}

impl ParamValue for FingerprintSize {
    const BOUNDS: (Option<f64>, Option<f64>) = (Some(64.0), Some(65_536.0));

    fn ty() -> ParamType {
        u32::ty()
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        u32::read(value).map(Self)
    }

    fn write(&self) -> Value {
        self.0.write()
    }
}

/// A SMARTS pattern. Its identity is its text: two spellings of one pattern are two parameters.
#[derive(Clone)]
pub struct Smarts {
    text: Arc<str>,
    pattern: Arc<Pattern>,
}

impl Smarts {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Fails if `text` is not a valid SMARTS or exceeds a limit.
    pub fn new(text: &str) -> Result<Self, InvalidParam> {
        let read = on_workers(|| Pattern::from_smarts(text)).map_err(|error| InvalidParam::new(error.to_string()))?;
        match read {
            Ok(pattern) => Ok(Self { text: text.into(), pattern: Arc::new(pattern) }),
            Err(error) => Err(InvalidParam { at: error.at, ..InvalidParam::new(error.message) }),
        }
    }

    /// Returns the SMARTS as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the parsed pattern.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }
}

impl PartialEq for Smarts {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl std::fmt::Debug for Smarts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Smarts").field(&self.text).finish()
    }
}

impl ParamValue for Smarts {
    fn ty() -> ParamType {
        ParamType::Formatted("SMARTS pattern")
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        Self::new(text(value, "SMARTS pattern", "`[OX2H]`")?)
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}

/// A molecule as a SMILES. Its identity is its canonical form: two spellings of one molecule are one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smiles {
    text: Arc<str>,
    canonical: Arc<str>,
}

impl Smiles {
    /// Parses a molecule.
    ///
    /// # Errors
    /// Fails if `text` is not a valid SMILES or the molecule exceeds a limit.
    pub fn new(text: &str) -> Result<Self, InvalidParam> {
        if text.contains(char::is_whitespace) {
            let help = "remove the text after the SMILES";
            return Err(InvalidParam::new("a SMILES contains no spaces").with_help(help));
        }
        let canonical = on_workers(|| Structure::from_smiles(text)?.canonical_smiles())
            .map_err(|error| InvalidParam::new(error.to_string()))?
            .map_err(InvalidParam::new)?;
        Ok(Self { text: text.into(), canonical: canonical.into() })
    }

    /// Returns the SMILES as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the canonical SMILES.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl ParamValue for Smiles {
    fn ty() -> ParamType {
        ParamType::Formatted("SMILES")
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        Self::new(text(value, "SMILES", "`CC(=O)O`")?)
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }

    fn identity(&self, _: &Files) -> Result<Value, StepError> {
        Ok(self.canonical().into())
    }
}

fn text<'a>(value: &'a Value, what: &'static str, example: &str) -> Result<&'a str, InvalidParam> {
    value.as_str().ok_or_else(|| {
        let error = InvalidParam::expected(&ParamType::Formatted(what), value);
        match error.help {
            Some(_) => error,
            None => error.with_help(format!("write a {what} as text, such as {example}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::InvalidKind;

    #[test]
    fn two_spellings_of_a_molecule_are_one_parameter() {
        let files = Files::relative_to(".");
        let of = |text: &str| Smiles::read(&text.into()).unwrap();
        assert_eq!(of("OCC").identity(&files).unwrap(), of("C(O)C").identity(&files).unwrap());
        assert_eq!(of("OCC").write(), Value::from("OCC"));
        assert_ne!(of("OCC").identity(&files).unwrap(), of("OCN").identity(&files).unwrap());
    }

    #[test]
    fn invalid_texts_are_refused_with_a_reason() {
        assert_eq!(Smiles::read(&5.into()).unwrap_err().kind, InvalidKind::Type);
        assert_eq!(Smarts::read(&Value::Null).unwrap_err().kind, InvalidKind::Type);
        let unclosed = Smiles::read(&"C1CC".into()).unwrap_err();
        assert_eq!(unclosed.kind, InvalidKind::Form);
        assert!(unclosed.message.contains("unclosed ring"), "{}", unclosed.message);
        assert!(Smiles::read(&"CC aspirin".into()).unwrap_err().message.contains("spaces"));
        let error = Smarts::read(&"C é".into()).unwrap_err();
        assert_eq!(error.at, Some(1..2));
        assert!(Smarts::read(&"[OX2H".into()).is_err());
    }
}
