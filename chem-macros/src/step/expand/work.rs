//! Expands the inputs, the work and the outputs of a step.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned as _;

use crate::step::validate::{Argument, Function, Inputs, Kind, Port, Returned, StepType, Work};

/// Returns the kind as a type of the runtime.
pub(super) fn role(kind: Kind) -> TokenStream {
    let role = format_ident!("{}Role", variant(kind));
    quote!(::chem_runtime::step::#role)
}

/// Returns the kind as a value of the runtime.
pub(super) fn kind(kind: Kind) -> TokenStream {
    let kind = format_ident!("{}", variant(kind));
    quote!(::chem_runtime::step::StepKind::#kind)
}

fn variant(kind: Kind) -> &'static str {
    match kind {
        Kind::Source => "Source",
        Kind::Transform => "Transform",
        Kind::Sink => "Sink",
    }
}

/// Returns the input ports, as a slice.
pub(super) fn ports(step: &StepType<'_>) -> TokenStream {
    match &step.work {
        Work::Function(function) => {
            let ports = function.arguments.iter().filter_map(Argument::port).map(port);
            quote!(&[#(#ports),*])
        }
        Work::Method { .. } => of_method(step, "INPUTS"),
    }
}

fn port(port: &Port) -> TokenStream {
    let (name, ty) = (port.name(), &port.ty);
    quote!(::chem_runtime::step::PortSpec {
        name: #name,
        kind: <#ty as ::chem_runtime::step::StepInput>::KIND,
        optional: <#ty as ::chem_runtime::step::StepInput>::OPTIONAL,
        rows: <#ty as ::chem_runtime::step::StepInput>::ROWS,
    })
}

/// Returns the outputs, as a slice.
pub(super) fn outputs(step: &StepType<'_>) -> TokenStream {
    match &step.work {
        Work::Function(Function { returns, .. }) => {
            let given = returns.given;
            match step.header.rows {
                Some(_) => quote!(<#given as ::chem_runtime::__private::Driven>::OUTPUTS),
                None => quote!(<#given as ::chem_runtime::step::StepReturn>::OUTPUTS),
            }
        }
        Work::Method { .. } => of_method(step, "OUTPUTS"),
    }
}

/// Returns an item of the runtime's view of the author's `RunStep` or `RunRows`. All its tokens have the span of the struct's name,
/// so that a missing implementation is a single error.
fn of_method(step: &StepType<'_>, item: &str) -> TokenStream {
    let name = &step.structure;
    let item = Ident::new(item, name.span());
    let view = Ident::new(if step.header.rows.is_some() { "RowMethod" } else { "Method" }, name.span());
    quote_spanned!(name.span()=> <#name as ::chem_runtime::__private::#view>::#item)
}

/// Returns the body of `Step::execute`.
pub(super) fn run(step: &StepType<'_>) -> TokenStream {
    let Work::Function(Function { ident, arguments, returns, .. }) = &step.work else {
        let execute = of_method(step, "execute");
        return quote_spanned!(Span::mixed_site()=> #execute(self, context));
    };
    let (given, error_arm) = (returns.given, error_arm(returns));
    let arguments = arguments.iter().map(argument);
    let outputs = match step.header.rows {
        Some(_) => quote_spanned! {Span::mixed_site()=>
            <#given as ::chem_runtime::__private::Driven>::drive(
                given,
                &::chem_runtime::__private::reads(self),
                context,
            )
        },

        None => {
            quote_spanned!(Span::mixed_site()=> <#given as ::chem_runtime::step::StepReturn>::into_outputs(given))
        }
    };
    quote_spanned! {Span::mixed_site()=>
        match #ident(#(#arguments),*) {
            ::core::result::Result::Ok(given) => #outputs,
            #error_arm
        }
    }
}

/// Returns the match arm that converts the function's error into a `StepError`. All its tokens have the span of the
/// error's type, or of the alias that hides it.
fn error_arm(returns: &Returned<'_>) -> TokenStream {
    let place = returns.error.unwrap_or(returns.result);
    let ty = returns.error.map_or_else(|| quote_spanned!(place.span()=> _), |ty| ty.to_token_stream());
    quote_spanned! {place.span()=>
        ::core::result::Result::Err(error) => ::core::result::Result::Err(
            <#ty as ::chem_runtime::step::IntoStepError>::into_step_error(error)
        )
    }
}

/// Returns the expression that is passed to the function for an argument.
fn argument(argument: &Argument) -> TokenStream {
    match argument {
        Argument::Context => quote_spanned!(Span::mixed_site()=> context),
        Argument::Port(port) => take(port),
        Argument::Param(ident) => quote_spanned!(Span::mixed_site()=> ::core::clone::Clone::clone(&self.#ident)),
    }
}

fn take(port: &Port) -> TokenStream {
    let (name, ty) = (port.name(), &port.ty);
    quote_spanned!(Span::mixed_site()=> <#ty as ::chem_runtime::step::StepInput>::take(context, #name)?)
}

/// Returns compile-time assertions that the inputs and outputs suit the attribute. For a function, `validate` has
/// already checked this.
pub(super) fn expectations(step: &StepType<'_>) -> TokenStream {
    let Work::Method { kind_at } = step.work else {
        return TokenStream::new();
    };
    let (inputs, outputs) = (of_method(step, "INPUTS"), of_method(step, "OUTPUTS"));
    let (fits, message) = match step.kind {
        Kind::Source => (
            quote_spanned!(kind_at=> #inputs.is_empty()),
            "a source takes no input: take `source` away, or write `type Inputs = ();`",
        ),
        Kind::Transform => (
            quote_spanned!(kind_at=> !#inputs.is_empty()),
            "a step that takes no input is a source: write `source` in `#[step(…)]`, or `type Inputs = Input<…>;`",
        ),
        Kind::Sink => {
            (quote_spanned!(kind_at=> !#inputs.is_empty()), "a sink takes an input: write `type Inputs = Input<…>;`")
        }
    };
    let of_inputs = quote_spanned!(kind_at=> const _: () = ::core::assert!(#fits, #message););
    let of_outputs = (step.kind != Kind::Sink).then(|| {
        let message = format!(
            "a {} gives something for later steps to take: only a `sink` ends in `type Output = ();`",
            step.kind.name()
        );
        quote_spanned!(kind_at=> const _: () = ::core::assert!(!#outputs.is_empty(), #message);)
    });
    let named = step.params.iter().filter_map(|param| param.options.columns_of.as_ref()).flatten().map(|port| {
        let message = format!("the step has no input `{}`", port.value());
        quote_spanned! {port.span()=>
            const _: () = ::core::assert!(::chem_runtime::__private::has_port(#inputs, #port), #message);
        }
    });
    let (count, message) = match step.header.rows {
        Some(_) => (
            1_usize,
            "a row step takes the rows of one input: write `type Inputs = Rows<…>;`, or have one field of this type",
        ),
        None => (0, "only a row step takes rows: write `rows` in `#[step(…)]`, or take `Input<…>`"),
    };
    let of_rows = quote_spanned! {kind_at=>
        const _: () = ::core::assert!(::chem_runtime::__private::row_ports(#inputs) == #count, #message);
    };
    quote!(#of_inputs #of_outputs #of_rows #(#named)*)
}

/// Returns the implementation that makes a struct the inputs of a step.
pub(in crate::step) fn inputs(inputs: &Inputs) -> TokenStream {
    let Inputs { structure: name, ports } = inputs;
    let specs = ports.iter().map(port);
    let idents = ports.iter().map(|port| &port.ident);
    let taken = ports.iter().map(take);
    quote_spanned! {Span::mixed_site()=>
        impl ::chem_runtime::step::StepInputs for #name {
            const PORTS: &'static [::chem_runtime::step::PortSpec] = &[#(#specs),*];

            fn take(
                context: &::chem_runtime::step::ExecutionContext<'_>,
            ) -> ::core::result::Result<Self, ::chem_runtime::step::StepError> {
                ::core::result::Result::Ok(Self { #(#idents: #taken),* })
            }
        }
    }
}
