//! The struct of the parameters, and how one is made.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Expr, Ident};

use crate::step::validate::{Doc, Param, StepType};

/// The struct that is made beside a function.
pub(super) fn structure(step: &StepType<'_>) -> TokenStream {
    let StepType { visibility, structure: name, doc: Doc { attributes, .. }, params, .. } = step;
    let fields = params.iter().map(|Param { ident, ty, doc, .. }| {
        let attributes = &doc.attributes;
        quote!(#(#attributes)* #visibility #ident: #ty)
    });
    quote! {
        #(#attributes)*
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::cmp::PartialEq)]
        #visibility struct #name { #(#fields),* }
    }
}

/// A function for each default, and `Default` if no parameter has to be given.
pub(super) fn default(step: &StepType<'_>) -> TokenStream {
    let StepType { structure: name, params, .. } = step;
    let functions = params.iter().filter_map(|param| {
        let (function, ty) = (default_function(&param.ident), &param.ty);
        let value = default_value(param.options.default.as_ref()?);
        Some(quote!(fn #function() -> #ty { #value }))
    });
    let values: Option<Vec<TokenStream>> = params
        .iter()
        .map(|Param { ident, options, optional, .. }| match options.default {
            Some(_) => {
                let function = default_function(ident);
                Some(quote!(#ident: #function()))
            }
            None => optional.then(|| quote!(#ident: ::core::option::Option::None)),
        })
        .collect();
    let implementation = values.map(|values| {
        quote! {
            impl ::core::default::Default for #name {
                fn default() -> Self {
                    Self { #(#values),* }
                }
            }
        }
    });
    quote!(#(#functions)* #implementation)
}

/// The name of the function that makes the default of a parameter.
pub(super) fn default_function(param: &Ident) -> Ident {
    format_ident!("__default_{}", param.unraw())
}

fn default_value(written: &Expr) -> TokenStream {
    match written {
        // Nothing in an empty list tells what it is a list of.
        Expr::Array(list) if list.elems.is_empty() => quote!(::core::default::Default::default()),
        // All at the place of the value, so that an error points at nothing else.
        _ => quote_spanned! {written.span()=>
            ::chem_runtime::step::IntoDefault::into_default(#written)
        },
    }
}
