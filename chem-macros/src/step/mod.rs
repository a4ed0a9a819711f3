//! Implements `#[step]`, `#[derive(Step)]` and `#[derive(StepInputs)]`: parses the input, validates it, and expands it.
//! A function and a struct become the same [`validate::StepType`], and differ only in what does the work.

mod code;
mod expand;
mod method;
mod options;
mod parse;
mod validate;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

/// Returns the function with the code that makes it a step type, or all errors in it.
pub(crate) fn function(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let code = code::hash(item.clone());
    let Some(mut function) = parse::function(item.clone(), &mut errors) else {
        return errors.beside(item);
    };
    let attribute = parse::attribute(attribute, Span::call_site(), &mut errors);
    let arguments = parse::arguments(&mut function, &mut errors);
    match validate::function(attribute, &function, arguments, &mut errors) {
        Some(step) if errors.0.is_none() => {
            let step = expand::expand(&step, &code);
            // Calls of a step name its parameters, so a large number of them remains readable.
            quote!(#[allow(clippy::too_many_arguments)] #function #step)
        }
        _ => errors.beside(function),
    }
}

/// Returns the code that makes a struct a step type, or all errors in it.
pub(crate) fn structure(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(structure) = parse::structure(item, "the parameters of a step", &mut errors) else {
        return errors.alone();
    };
    let attribute = parse::attribute_of(&structure, &mut errors);
    let fields = parse::fields(&structure, &mut errors);
    match validate::structure(attribute, &structure, fields, &mut errors) {
        Some(step) if errors.0.is_none() => expand::expand(&step, &code::hash(method::code(&structure))),
        _ => errors.alone(),
    }
}

/// Returns the code that makes a struct the inputs of a step, or all errors in it.
pub(crate) fn inputs(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(structure) = parse::structure(item, "the inputs of a step", &mut errors) else {
        return errors.alone();
    };
    let fields = parse::fields(&structure, &mut errors);
    match validate::inputs(&structure, fields, &mut errors) {
        Some(inputs) if errors.0.is_none() => expand::inputs(&inputs),
        _ => errors.alone(),
    }
}

/// All errors, each at its own tokens.
#[derive(Default)]
struct Errors(Option<syn::Error>);

impl Errors {
    /// Adds an error with `message` at all of `tokens`.
    fn under(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Returns the item followed by the errors. The item remains, so that other uses of it do not cause further errors.
    fn beside(self, item: impl ToTokens) -> TokenStream {
        let errors = self.alone();
        quote!(#item #errors)
    }

    /// Returns only the errors, for a derive, whose item the compiler keeps.
    fn alone(self) -> TokenStream {
        self.0.map(syn::Error::into_compile_error).unwrap_or_default()
    }
}
