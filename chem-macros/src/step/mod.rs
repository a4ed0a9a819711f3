//! `#[step]`, `#[derive(Step)]` and `#[derive(StepInputs)]`: parse what was written, check what it means, expand it. A
//! function and a struct become the same [`validate::StepType`], and differ in what does the work.

mod code;
mod expand;
mod method;
mod options;
mod parse;
mod validate;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

/// The function, and beside it what makes it a step type, or else all that is wrong with it.
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
            // Whoever uses a step names its parameters, so any number of them is good to read.
            quote!(#[allow(clippy::too_many_arguments)] #function #step)
        }
        _ => errors.beside(function),
    }
}

/// What makes a struct a step type, or else all that is wrong with it.
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

/// What makes a struct the inputs of a step, or else all that is wrong with it.
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

/// All that is wrong, each under its own token.
#[derive(Default)]
struct Errors(Option<syn::Error>);

impl Errors {
    /// Notes `message` under all of `tokens`.
    fn under(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// The errors after the item, which stays, so that nothing else that uses it is called an error too.
    fn beside(self, item: impl ToTokens) -> TokenStream {
        let errors = self.alone();
        quote!(#item #errors)
    }

    /// The errors after an item that the compiler keeps.
    fn alone(self) -> TokenStream {
        self.0.map(syn::Error::into_compile_error).unwrap_or_default()
    }
}
