//! Reads doc comments, which are the help of `chem steps`.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use super::Doc;

/// Returns the doc comment among `attributes`, or `None` if it is empty.
pub(super) fn of(attributes: &[Attribute]) -> Option<Doc> {
    let attributes: Vec<Attribute> = attributes.iter().filter(|one| one.path().is_ident("doc")).cloned().collect();
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(Doc { attributes, text })
}

/// Returns the text of one `#[doc = "…"]`, without the space that `/// text` puts before it.
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
