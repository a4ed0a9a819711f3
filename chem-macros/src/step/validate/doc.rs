//! Doc comments, which are the help of `chem steps`.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use super::Doc;

/// The doc comment among `attributes`, if it says anything.
pub(super) fn of(attributes: &[Attribute]) -> Option<Doc> {
    let attributes: Vec<Attribute> = attributes.iter().filter(|one| one.path().is_ident("doc")).cloned().collect();
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(Doc { attributes, text })
}

/// What one `#[doc = "…"]` says: `/// text` has a space before the text that is not part of it.
fn line(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let text = text.value();
                Some(text.strip_prefix(' ').unwrap_or(&text).to_owned())
            }
            _ => None,
        },
        _ => None,
    }
}
