//! What a step type becomes: the struct of its parameters, the `Step` implementation and the registration.
//!
//! The expansion speaks of the author's types only as `<T as Trait>::item`. A type that does not fit is then called an
//! error at each of these places in the same words under the same tokens, which the compiler prints once.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprPath, Ident};

use super::validate::{Argument, Doc, Kind, Param, Port, Returned, StepType};

/// Everything that stands beside the function.
pub(super) fn expand(step: &StepType<'_>) -> TokenStream {
    let name = &step.structure;
    let params: Vec<&Param> = step.arguments.iter().filter_map(Argument::param).collect();
    let structure = structure(step, &params);
    let default = default(name, &params);
    let implementation = implementation(step, &params);
    quote! {
        #structure
        const _: () = {
            #default
            #implementation
            ::chem_runtime::__private::inventory::submit! {
                ::chem_runtime::step::StepRegistration::of::<#name>()
            }
        };
    }
}

fn structure(step: &StepType<'_>, params: &[&Param]) -> TokenStream {
    let StepType { visibility, structure: name, doc: Doc { attributes, .. }, .. } = step;
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
fn default(name: &Ident, params: &[&Param]) -> TokenStream {
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

fn default_function(param: &Ident) -> Ident {
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

fn implementation(step: &StepType<'_>, params: &[&Param]) -> TokenStream {
    let spec = spec(step, params);
    let role = match step.kind {
        Kind::Source => quote!(SourceRole),
        Kind::Transform => quote!(TransformRole),
        Kind::Sink => quote!(SinkRole),
    };
    let StepType { function, structure: name, returns, .. } = step;
    let (given, error_arm) = (returns.given, error_arm(returns));
    let arguments = step.arguments.iter().map(argument);
    let idents: Vec<&Ident> = params.iter().map(|param| &param.ident).collect();
    let types: Vec<_> = params.iter().map(|param| &param.ty).collect();
    let names: Vec<String> = idents.iter().map(|ident| ident.unraw().to_string()).collect();
    let indices = 0..params.len();
    let columns = step.columns.as_ref().map(columns);
    let check = step.check.as_ref().map(check);
    // At this span, the names of variables are the expansion's own, whatever the author's arguments are called.
    quote_spanned! {Span::mixed_site()=>
        impl ::chem_runtime::step::Step for #name {
            const SPEC: ::chem_runtime::step::StepSpec = #spec;

            type Role = ::chem_runtime::step::#role;

            fn from_params(
                params: &::chem_runtime::__private::Params,
            ) -> ::core::result::Result<Self, ::std::vec::Vec<::chem_runtime::step::ParamProblem>> {
                let mut reader = ::chem_runtime::step::ParamReader::new(Self::SPEC.params, params);
                #(let #idents = reader.read(#indices, <#types as ::chem_runtime::step::ParamValue>::read);)*
                reader.finish(|| ::core::option::Option::Some(Self { #(#idents: #idents?),* }))
            }

            fn to_params(&self) -> ::chem_runtime::__private::Params {
                ::chem_runtime::__private::given([
                    #((#names, <#types as ::chem_runtime::step::ParamValue>::write(&self.#idents))),*
                ])
            }

            fn identity(
                &self,
                files: &::chem_runtime::step::Files,
            ) -> ::core::result::Result<::chem_runtime::__private::Params, ::chem_runtime::step::StepError> {
                ::core::result::Result::Ok(::chem_runtime::__private::given([
                    #((#names, <#types as ::chem_runtime::step::ParamValue>::identity(&self.#idents, files)?)),*
                ]))
            }

            fn named_columns(&self) -> ::std::vec::Vec<(&'static str, ::chem_runtime::step::ColumnReference)> {
                ::chem_runtime::__private::named_columns([
                    #((#names, <#types as ::chem_runtime::step::ParamValue>::named_columns(&self.#idents))),*
                ])
            }

            #columns

            #check

            fn run(
                &self,
                context: &::chem_runtime::step::ExecutionContext<'_>,
            ) -> ::core::result::Result<::std::vec::Vec<::chem_runtime::step::StepOutput>, ::chem_runtime::step::StepError> {
                match #function(#(#arguments),*) {
                    ::core::result::Result::Ok(given) => <#given as ::chem_runtime::step::StepReturn>::into_outputs(given),
                    #error_arm
                }
            }
        }
    }
}

/// The method that hands over to the author's function, all at the place of its name.
fn columns(function: &ExprPath) -> TokenStream {
    quote_spanned! {function.span()=>
        fn columns(&self, context: &::chem_runtime::step::ColumnContext<'_>) -> ::chem_runtime::step::Columns {
            #function(self, context)
        }
    }
}

fn check(function: &ExprPath) -> TokenStream {
    quote_spanned! {function.span()=>
        fn check(
            &self,
            context: &::chem_runtime::step::ColumnContext<'_>,
        ) -> ::std::vec::Vec<::chem_runtime::step::Misfit> {
            #function(self, context)
        }
    }
}

/// The arm that makes a `StepError` of the function's error, all at the place of its type, or of the alias that hides it.
fn error_arm(returns: &Returned<'_>) -> TokenStream {
    let place = returns.error.unwrap_or(returns.result);
    let ty = returns.error.map_or_else(|| quote_spanned!(place.span()=> _), ToTokens::to_token_stream);
    quote_spanned! {place.span()=>
        ::core::result::Result::Err(error) => ::core::result::Result::Err(
            <#ty as ::chem_runtime::step::IntoStepError>::into_step_error(error)
        )
    }
}

fn spec(step: &StepType<'_>, params: &[&Param]) -> TokenStream {
    let StepType { name, version, cache, effects, approximate, doc: Doc { text: doc, .. }, .. } = step;
    let given = step.returns.given;
    let kind = match step.kind {
        Kind::Source => quote!(Source),
        Kind::Transform => quote!(Transform),
        Kind::Sink => quote!(Sink),
    };
    let ports = step.arguments.iter().filter_map(Argument::port).map(|Port { ident, ty, .. }| {
        let name = ident.unraw().to_string();
        quote!(::chem_runtime::step::PortSpec {
            name: #name,
            kind: <#ty as ::chem_runtime::step::StepInput>::KIND,
            optional: <#ty as ::chem_runtime::step::StepInput>::OPTIONAL,
        })
    });
    let params = params.iter().copied().map(param_spec);
    quote! {
        ::chem_runtime::step::StepSpec {
            name: #name,
            version: #version,
            kind: ::chem_runtime::step::StepKind::#kind,
            cache: #cache,
            effects: #effects,
            approximate: #approximate,
            doc: #doc,
            inputs: &[#(#ports),*],
            outputs: <#given as ::chem_runtime::step::StepReturn>::OUTPUTS,
            params: &[#(#params),*],
            defined_in: (::core::env!("CARGO_PKG_NAME"), ::core::file!(), ::core::line!()),
        }
    }
}

fn param_spec(param: &Param) -> TokenStream {
    let Param { ident, ty, doc: Doc { text: doc, .. }, options, .. } = param;
    let name = ident.unraw().to_string();
    let function = default_function(ident);
    let default =
        options.default.as_ref().map(|_| quote!(|| <#ty as ::chem_runtime::step::ParamValue>::write(&#function())));
    let one_of = &options.one_of;
    let [default, min, max, example, unit] = [
        option(default),
        option(options.min),
        option(options.max),
        option(options.example.as_ref()),
        option(options.unit.as_ref()),
    ];
    let columns_of = option(options.columns_of.as_ref().map(|ports| quote!(&[#(#ports),*])));
    quote! {
        ::chem_runtime::step::ParamSpec {
            name: #name,
            doc: #doc,
            ty: <#ty as ::chem_runtime::step::ParamValue>::ty,
            default: #default,
            unit: #unit,
            min: #min,
            max: #max,
            one_of: &[#(#one_of),*],
            example: #example,
            columns_of: #columns_of,
        }
    }
}

fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// What the function is given for an argument.
fn argument(argument: &Argument) -> TokenStream {
    match argument {
        Argument::Context => quote_spanned!(Span::mixed_site()=> context),
        Argument::Port(port) => {
            let (name, ty) = (port.ident.unraw().to_string(), &port.ty);
            quote_spanned!(Span::mixed_site()=> <#ty as ::chem_runtime::step::StepInput>::take(context, #name)?)
        }
        Argument::Param(param) => {
            let ident = &param.ident;
            quote_spanned!(Span::mixed_site()=> ::core::clone::Clone::clone(&self.#ident))
        }
    }
}
