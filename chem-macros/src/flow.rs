//! `include_flow!`: reads a manifest, checks what its text tells, and expands to the text.

use std::path::Path;

use chem_manifest::{Diagnostic, Source, Style};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::LitStr;

/// The flow, or all that is wrong with its manifest, each under the path.
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
    // That the text is included makes Cargo look at the file.
    quote!(::chem_runtime::manifest::IncludedFlow::new(
        ::core::env!("CARGO_MANIFEST_DIR"),
        #path,
        ::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #path)),
    ))
}

/// The compiler says that this is an error; what is left of the diagnostic's first line is its message and code.
fn error(span: Span, diagnostic: &Diagnostic) -> TokenStream {
    let rendered = diagnostic.render(Style::Plain);
    let lines = rendered.split_once('\n').map_or("", |(_, lines)| lines);
    let message = format!("{} [{}]\n{lines}", diagnostic.message, diagnostic.rule.code);
    syn::Error::new(span, message).into_compile_error()
}
