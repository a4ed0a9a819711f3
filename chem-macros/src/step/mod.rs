//! `#[step]`: parse what was written, check what it means, expand it.

mod expand;
mod options;
mod parse;
mod validate;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

/// The item, and beside it what makes it a step type, or else all that is wrong with it.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(mut function) = parse::function(item.clone(), &mut errors) else {
        return errors.beside(item);
    };
    let attribute = parse::attribute(attribute, &mut errors);
    let arguments = parse::arguments(&mut function, &mut errors);
    match validate::function(attribute, &function, arguments, &mut errors) {
        Some(step) if errors.0.is_none() => {
            let step = expand::expand(&step);
            // Whoever uses a step names its parameters, so any number of them is good to read.
            quote!(#[allow(clippy::too_many_arguments)] #function #step)
        }
        _ => errors.beside(function),
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
        let errors = self.0.map(syn::Error::into_compile_error);
        quote!(#item #errors)
    }
}
