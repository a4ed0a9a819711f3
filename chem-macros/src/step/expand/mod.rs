//! Expands a step type: into the struct of its parameters, the `Step` implementation and the registration.
//!
//! `params` expands the struct and its constructors, `spec` the fixed properties of the step type, and `work` its
//! execution.
//!
//! The expansion refers to the author's types only as `<T as Trait>::item`. For an unsuitable type, the compiler then
//! reports the same message at the same tokens each time, and prints it once.

mod params;
mod spec;
mod work;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{ExprPath, Ident};

use super::validate::{Param, StepType, Work};
pub(super) use work::inputs;

/// Returns everything that the macro adds to the author's item, whose hash is `code`.
pub(super) fn expand(step: &StepType<'_>, code: &str) -> TokenStream {
    let name = &step.structure;
    let structure = match &step.work {
        Work::Function(_) => Some(params::structure(step)),
        Work::Method { .. } => None,
    };
    let made = params::made(step);
    let implementation = implementation(step, code);
    let into_step = into_step(name);
    let expectations = work::expectations(step);
    quote! {
        #structure
        const _: () = {
            #made
            #implementation
            #into_step
            #expectations
            ::chem_runtime::__private::inventory::submit! {
                ::chem_runtime::step::StepRegistration::of::<#name>()
            }
        };
    }
}

fn implementation(step: &StepType<'_>, code: &str) -> TokenStream {
    let StepType { structure: name, params, header, .. } = step;
    let spec = spec::spec(step, code);
    let role = work::role(step.kind);
    let run = work::run(step);
    let idents: Vec<&Ident> = params.iter().map(|param| &param.ident).collect();
    let types: Vec<_> = params.iter().map(|param| &param.ty).collect();
    let names: Vec<String> = params.iter().map(Param::name).collect();
    let indices = 0..params.len();
    let columns = header.columns.as_ref().map(columns);
    let check = header.check.as_ref().map(check);
    let descent = header.descent.as_ref().map(descent);
    let explain = header.explain.as_ref().map(explain);
    let reasons = header.reasons.as_ref().map(reasons);
    let written = header.written.as_ref().map(written);
    let shape = header.shape.as_ref().map(shape);
    // With this span, variables of the expansion cannot clash with the names of the author's arguments.
    quote_spanned! {Span::mixed_site()=>
        impl ::chem_runtime::step::Step for #name {
            const SPEC: ::chem_runtime::step::StepSpec = #spec;

            #shape

            type Role = #role;

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

            #descent

            #explain

            #reasons

            #written

            fn execute(
                &self,
                context: &::chem_runtime::step::ExecutionContext<'_>,
            ) -> ::core::result::Result<::std::vec::Vec<::chem_runtime::step::StepOutput>, ::chem_runtime::step::StepError> {
                #run
            }
        }
    }
}

fn into_step(name: &Ident) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        impl ::chem_runtime::step::IntoStep for #name {
            type Role = <Self as ::chem_runtime::step::Step>::Role;

            fn into_step(
                self,
                name_for: &mut dyn ::core::ops::FnMut(
                    &'static str,
                ) -> ::core::result::Result<
                    ::chem_runtime::__private::StepId,
                    ::chem_runtime::__private::InvalidStepId,
                >,
            ) -> ::core::result::Result<
                ::chem_runtime::__private::PlannedStep,
                ::chem_runtime::__private::InvalidStepId,
            > {
                ::chem_runtime::__private::unnamed(self, name_for)
            }
        }
    }
}

/// Returns the method that calls the author's function. All its tokens have the span of the function's name.
fn columns(function: &ExprPath) -> TokenStream {
    quote_spanned! {function.span()=>
        fn columns(&self, context: &::chem_runtime::step::ColumnContext<'_>) -> ::chem_runtime::step::Columns {
            #function(self, context)
        }
    }
}

fn descent(function: &ExprPath) -> TokenStream {
    quote_spanned! {function.span()=>
        fn descent(&self) -> ::chem_runtime::step::Descent<'_> {
            #function(self)
        }
    }
}

fn explain(function: &ExprPath) -> TokenStream {
    quote_spanned! {function.span()=>
        fn explain(
            &self,
            dropped: &::chem_runtime::step::DroppedRow<'_>,
        ) -> ::core::result::Result<
            ::core::option::Option<::chem_runtime::step::Explanation>,
            ::chem_runtime::step::StepError,
        > {
            #function(self, dropped)
        }
    }
}

fn reasons(function: &ExprPath) -> TokenStream {
    quote_spanned! {function.span()=>
        fn reason_column(&self, column: &str) -> ::core::option::Option<::std::string::String> {
            #function(self, column)
        }
    }
}

fn written(function: &ExprPath) -> TokenStream {
    quote_spanned! {function.span()=>
        fn written(
            &self,
            records: &[::chem_runtime::step::SourceRecord<'_>],
            files: &::chem_runtime::step::Files,
        ) -> ::core::result::Result<
            ::std::vec::Vec<::core::option::Option<::chem_runtime::step::WrittenRecord>>,
            ::chem_runtime::step::StepError,
        > {
            #function(self, records, files)
        }
    }
}

fn shape(function: &ExprPath) -> TokenStream {
    quote_spanned! {function.span()=>
        const SHAPE: ::core::option::Option<::chem_runtime::step::Shape> = ::core::option::Option::Some(#function);
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

impl Param {
    /// Returns the name in manifests.
    fn name(&self) -> String {
        self.ident.unraw().to_string()
    }
}

fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
