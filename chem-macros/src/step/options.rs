//! Parses the `key = value` pairs of `#[step]` and `#[param]`, without interpreting the keys.

use syn::parse::ParseStream;
use syn::{Expr, Ident, Token};

use super::Errors;

/// The pairs that have not been taken yet.
#[derive(Default)]
pub(super) struct Options(Vec<(Ident, Expr)>);

impl Options {
    /// Reads pairs up to the end of `input`. A key without a value or a duplicate key is an error. A key of `flags`
    /// without a value is `true`.
    pub(super) fn parse(input: ParseStream<'_>, flags: &[&str], errors: &mut Errors) -> syn::Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            let given = input.parse::<Option<Token![=]>>()?.is_some();
            if !given && !flags.iter().any(|flag| key == flag) {
                errors.under(&key, format!("`{key}` has no value: write `{key} = …`"));
            } else {
                let value =
                    if given { ungrouped(input.parse()?) } else { syn::parse_quote_spanned!(key.span()=> true) };
                if options.0.iter().any(|(other, _)| *other == key) {
                    errors.under(&key, format!("`{key}` is given twice"));
                } else {
                    options.0.push((key, value));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }

    /// Removes `key` and returns its value.
    pub(super) fn take(&mut self, key: &str) -> Option<Expr> {
        let at = self.0.iter().position(|(other, _)| other == key)?;
        Some(self.0.remove(at).1)
    }

    /// Reports every key that has not been taken as unknown; `known` lists the valid keys.
    pub(super) fn refuse_rest(self, known: &str, errors: &mut Errors) {
        for (key, _) in self.0 {
            errors.under(&key, format!("unknown key `{key}`: the keys are {known}"));
        }
    }
}

/// Returns the expression inside the invisible group that a `macro_rules` macro puts around it.
pub(super) fn ungrouped(expression: Expr) -> Expr {
    match expression {
        Expr::Group(group) => ungrouped(*group.expr),
        other => other,
    }
}
