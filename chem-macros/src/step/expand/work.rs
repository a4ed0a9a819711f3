//! What the step takes, does and gives.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;

use crate::step::validate::{Argument, Function, Kind, Port, Returned, Work};

/// The kind, as a value of the runtime.
pub(super) fn kind(work: &Work<'_>) -> TokenStream {
    match work {
        Work::Function(function) => match function.kind {
            Kind::Source => quote!(::chem_runtime::step::StepKind::Source),
            Kind::Transform => quote!(::chem_runtime::step::StepKind::Transform),
            Kind::Sink => quote!(::chem_runtime::step::StepKind::Sink),
        },
    }
}

/// The kind, as a type of the runtime.
pub(super) fn role(work: &Work<'_>) -> TokenStream {
    match work {
        Work::Function(function) => match function.kind {
            Kind::Source => quote!(::chem_runtime::step::SourceRole),
            Kind::Transform => quote!(::chem_runtime::step::TransformRole),
            Kind::Sink => quote!(::chem_runtime::step::SinkRole),
        },
    }
}

/// The input ports.
pub(super) fn inputs(work: &Work<'_>) -> TokenStream {
    let Work::Function(function) = work;
    let ports = function.arguments.iter().filter_map(Argument::port).map(port);
    quote!(&[#(#ports),*])
}

fn port(port: &Port) -> TokenStream {
    let (name, ty) = (port.name(), &port.ty);
    quote!(::chem_runtime::step::PortSpec {
        name: #name,
        kind: <#ty as ::chem_runtime::step::StepInput>::KIND,
        optional: <#ty as ::chem_runtime::step::StepInput>::OPTIONAL,
    })
}

/// The outputs.
pub(super) fn outputs(work: &Work<'_>) -> TokenStream {
    let Work::Function(function) = work;
    let given = function.returns.given;
    quote!(<#given as ::chem_runtime::step::StepReturn>::OUTPUTS)
}

/// The body of `Step::run`.
pub(super) fn run(work: &Work<'_>) -> TokenStream {
    let Work::Function(Function { ident, arguments, returns, .. }) = work;
    let (given, error_arm) = (returns.given, error_arm(returns));
    let arguments = arguments.iter().map(argument);
    quote_spanned! {Span::mixed_site()=>
        match #ident(#(#arguments),*) {
            ::core::result::Result::Ok(given) => <#given as ::chem_runtime::step::StepReturn>::into_outputs(given),
            #error_arm
        }
    }
}

/// The arm that makes a `StepError` of the function's error, all at the place of its type, or of the alias that hides it.
fn error_arm(returns: &Returned<'_>) -> TokenStream {
    let place = returns.error.unwrap_or(returns.result);
    let ty = returns.error.map_or_else(|| quote_spanned!(place.span()=> _), |ty| ty.to_token_stream());
    quote_spanned! {place.span()=>
        ::core::result::Result::Err(error) => ::core::result::Result::Err(
            <#ty as ::chem_runtime::step::IntoStepError>::into_step_error(error)
        )
    }
}

/// What the function is given for an argument.
fn argument(argument: &Argument) -> TokenStream {
    match argument {
        Argument::Context => quote_spanned!(Span::mixed_site()=> context),
        Argument::Port(port) => {
            let (name, ty) = (port.name(), &port.ty);
            quote_spanned!(Span::mixed_site()=> <#ty as ::chem_runtime::step::StepInput>::take(context, #name)?)
        }
        Argument::Param(ident) => quote_spanned!(Span::mixed_site()=> ::core::clone::Clone::clone(&self.#ident)),
    }
}
