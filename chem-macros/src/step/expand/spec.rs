//! Expands the fixed properties of a step type: its name, version and help, its ports and its parameters.

use proc_macro2::TokenStream;
use quote::quote;

use super::{option, params, work};
use crate::step::validate::{Doc, Header, Param, Rows, StepType};

pub(super) fn spec(step: &StepType<'_>, code: &str) -> TokenStream {
    let StepType { header, doc: Doc { text: doc, .. }, params, .. } = step;
    let Header { name, version, cache, effects, approximate, .. } = header;
    let rows = option(header.rows.as_ref().map(|(rows, _)| match rows {
        Rows::Columns(names) => quote!(::chem_runtime::step::RowsSpec::Columns(&[#(#names),*])),
        Rows::All => quote!(::chem_runtime::step::RowsSpec::All),
    }));
    let (kind, inputs, outputs) = (work::kind(step.kind), work::ports(step), work::outputs(step));
    let params = params.iter().map(param);
    quote! {
        ::chem_runtime::step::StepSpec {
            name: #name,
            version: #version,
            kind: #kind,
            cache: #cache,
            effects: #effects,
            approximate: #approximate,
            rows: #rows,
            doc: #doc,
            inputs: #inputs,
            outputs: #outputs,
            params: &[#(#params),*],
            code: #code,
            defined_in: (::core::env!("CARGO_PKG_NAME"), ::core::file!(), ::core::line!()),
        }
    }
}

fn param(param: &Param) -> TokenStream {
    let Param { ident, ty, doc: Doc { text: doc, .. }, options, .. } = param;
    let name = param.name();
    let function = params::default_function(ident);
    let default = options.default.as_ref().map(|_| {
        quote! {
            ::chem_runtime::step::Make::Function(|| <#ty as ::chem_runtime::step::ParamValue>::write(&#function()))
        }
    });
    let [default, example, unit] = [option(default), option(options.example.as_ref()), option(options.unit.as_ref())];
    // What is not written is as the type says.
    let bound = |written: Option<f64>, side: TokenStream| match written {
        Some(bound) => quote!(::core::option::Option::Some(#bound)),
        None => quote!(<#ty as ::chem_runtime::step::ParamValue>::BOUNDS.#side),
    };
    let (min, max) = (bound(options.min, quote!(0)), bound(options.max, quote!(1)));
    let one_of = match options.one_of.as_slice() {
        [] => quote!(<#ty as ::chem_runtime::step::ParamValue>::ONE_OF),
        texts => quote!(&[#(#texts),*]),
    };
    let columns_of = option(options.columns_of.as_ref().map(|ports| quote!(&[#(#ports),*])));
    quote! {
        ::chem_runtime::step::ParamSpec {
            name: #name,
            doc: #doc,
            ty: ::chem_runtime::step::Make::Function(<#ty as ::chem_runtime::step::ParamValue>::ty),
            default: #default,
            unit: #unit,
            min: #min,
            max: #max,
            one_of: #one_of,
            example: #example,
            columns_of: #columns_of,
        }
    }
}
