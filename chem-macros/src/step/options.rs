//! The `key = value` pairs that `#[step]` and `#[param]` take. What a key means is not known here.

use syn::parse::ParseStream;
use syn::{Expr, Ident, Token};

use super::Errors;

/// Pairs that have not been asked for yet.
#[derive(Default)]
pub(super) struct Options(Vec<(Ident, Expr)>);

impl Options {
    /// Reads pairs up to the end of `input`, and notes each that has no value or is there twice. A key of `flags` that
    /// stands alone is true.
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

    /// The value of `key`, which is then done with.
    pub(super) fn take(&mut self, key: &str) -> Option<Expr> {
        let at = self.0.iter().position(|(other, _)| other == key)?;
        Some(self.0.remove(at).1)
    }

    /// Notes every key that nobody has asked for; `known` tells those that there are.
    pub(super) fn refuse_rest(self, known: &str, errors: &mut Errors) {
        for (key, _) in self.0 {
            errors.under(&key, format!("unknown key `{key}`: the keys are {known}"));
        }
    }
}

/// The expression within the invisible group that a `macro_rules` macro puts around it.
pub(super) fn ungrouped(expression: Expr) -> Expr {
    match expression {
        Expr::Group(group) => ungrouped(*group.expr),
        other => other,
    }
}
