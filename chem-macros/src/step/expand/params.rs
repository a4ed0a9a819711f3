//! Expands the struct of the parameters and its constructors.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Expr, Ident, Visibility};

use crate::step::validate::{Doc, Param, StepType, generic_argument};

/// Returns the struct that is generated for a function.
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

/// Returns a function for each default, `new` and `with_…`, and `Default` if no parameter is required.
pub(super) fn made(step: &StepType<'_>) -> TokenStream {
    let StepType { structure: name, params, .. } = step;
    let functions = params.iter().filter_map(|param| {
        let (function, ty) = (default_function(&param.ident), &param.ty);
        let value = default_value(param.options.default.as_ref()?);
        Some(quote!(fn #function() -> #ty { #value }))
    });
    let constructors = step.header.new.then(|| constructors(step));
    let values: Option<Vec<TokenStream>> = params.iter().map(left_out).collect();
    let default = values.map(|values| {
        quote! {
            impl ::core::default::Default for #name {
                fn default() -> Self {
                    Self { #(#values),* }
                }
            }
        }
    });
    quote!(#(#functions)* #constructors #default)
}

/// Returns the initializer of a parameter that is left out, or `None` if the parameter is required.
fn left_out(param: &Param) -> Option<TokenStream> {
    let Param { ident, options, optional, .. } = param;
    if options.default.is_some() {
        let function = default_function(ident);
        return Some(quote!(#ident: #function()));
    }
    optional.then(|| quote!(#ident: ::core::option::Option::None))
}

/// Returns `new`, which takes the required parameters, and a `with_…` for each of the others.
fn constructors(step: &StepType<'_>) -> TokenStream {
    let StepType { structure: name, visibility, params, header, .. } = step;
    let (given, rest): (Vec<&Param>, Vec<&Param>) = params.iter().partition(|param| left_out(param).is_none());
    let idents: Vec<_> = given.iter().map(|param| &param.ident).collect();
    let types: Vec<_> = given.iter().map(|param| &param.ty).collect();
    let defaults = rest.iter().filter_map(|param| left_out(param));
    let doc = format!(
        "A step of the type `{}`, with the defaults of all parameters that are not given.",
        header.name.value()
    );
    let setters = rest.iter().map(|param| setter(visibility, param));
    quote! {
        // These exist even if only manifests use the step, or if its fields are not visible to others.
        #[allow(dead_code, private_bounds)]
        impl #name {
            #[doc = #doc]
            #[allow(clippy::too_many_arguments)]
            #visibility fn new(#(#idents: impl ::chem_runtime::step::IntoParam<#types>),*) -> Self {
                Self {
                    #(#idents: ::chem_runtime::step::IntoParam::into_param(#idents),)*
                    #(#defaults,)*
                }
            }

            #(#setters)*
        }
    }
}

fn setter(visibility: &Visibility, param: &Param) -> TokenStream {
    let Param { ident, ty, doc, .. } = param;
    let (name, docs) = (format_ident!("with_{}", ident.unraw()), &doc.attributes);
    let optional = generic_argument(ty, "Option");
    let taken = optional.unwrap_or(ty);
    let value = quote!(::chem_runtime::step::IntoParam::into_param(#ident));
    let value = if optional.is_some() { quote!(::core::option::Option::Some(#value)) } else { value };
    quote! {
        #(#docs)*
        #visibility fn #name(mut self, #ident: impl ::chem_runtime::step::IntoParam<#taken>) -> Self {
            self.#ident = #value;
            self
        }
    }
}

/// Returns the name of the function that returns a parameter's default.
pub(super) fn default_function(param: &Ident) -> Ident {
    format_ident!("__default_{}", param.unraw())
}

fn default_value(written: &Expr) -> TokenStream {
    match written {
        // An empty list does not determine the type of its elements.
        Expr::Array(list) if list.elems.is_empty() => quote!(::core::default::Default::default()),
        // All tokens have the span of the value, so that errors point at it.
        _ => quote_spanned! {written.span()=>
            ::chem_runtime::step::IntoParam::into_param(#written)
        },
    }
}
