//! Implements `include_flow!`: reads a manifest, checks it without knowing step types, and expands to its text.

use std::path::Path;

use chem_manifest::{Diagnostic, Source, Style};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::LitStr;

/// Returns the flow, or all errors in its manifest, each at the path.
pub(crate) fn expand(path: &LitStr) -> TokenStream {
    let written = path.value();
    let directory = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let found = match Source::read_as(&written, &Path::new(&directory).join(&written)) {
        Ok(source) => chem_manifest::check(&source),
        Err(diagnostic) => vec![*diagnostic],
    };
    let errors: Vec<TokenStream> =
        found.iter().filter(|found| found.is_error()).map(|found| error(path.span(), found)).collect();
    if !errors.is_empty() {
        return quote!({ #(#errors)* });
    }
    // Including the text makes Cargo track the file.
    quote!(::chem_runtime::manifest::IncludedFlow::new(
        ::core::env!("CARGO_MANIFEST_DIR"),
        #path,
        ::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #path)),
    ))
}

/// Returns a compiler error with the diagnostic's message and code. The compiler adds its own `error:`, so the first
/// line of the rendered diagnostic is replaced.
fn error(span: Span, diagnostic: &Diagnostic) -> TokenStream {
    let rendered = diagnostic.render(Style::Plain);
    let lines = rendered.split_once('\n').map_or("", |(_, lines)| lines);
    let message = format!("{} [{}]\n{lines}", diagnostic.message, diagnostic.rule.code);
    syn::Error::new(span, message).into_compile_error()
}
