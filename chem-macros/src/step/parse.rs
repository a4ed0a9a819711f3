//! What was written: the attribute, and the function with its arguments. Whether it makes sense is left to `validate`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Expr, FnArg, Ident, Item, ItemFn, Meta, Token};

use super::Errors;
use super::options::{Options, ungrouped};

/// What stands in the parentheses of `#[step(…)]`.
pub(super) struct WrittenAttribute {
    pub(super) name: Option<Expr>,
    pub(super) options: Options,
}

/// An argument of the function, apart from what only the macro understands.
pub(super) struct WrittenArgument {
    pub(super) argument: FnArg,
    pub(super) notes: Notes,
}

/// What an argument or a field has above it that only the macro understands.
pub(super) struct Notes {
    pub(super) docs: Vec<Attribute>,
    pub(super) param: Option<WrittenParam>,
}

/// `#[param(…)]`.
pub(super) struct WrittenParam {
    pub(super) attribute: Attribute,
    pub(super) options: Options,
}

/// The function under the attribute, if it is one.
pub(super) fn function(item: TokenStream, errors: &mut Errors) -> Option<ItemFn> {
    match syn::parse2(item) {
        Ok(Item::Fn(function)) => return Some(function),
        Ok(other) => errors.under(first_token(&other), "`#[step]` goes on a function"),
        Err(error) => errors.push(error),
    }
    None
}

/// The first token that is not an attribute's: what the reader takes for the beginning of the item.
fn first_token(item: &Item) -> TokenStream {
    let mut tokens = item.to_token_stream().into_iter().peekable();
    while matches!(tokens.peek(), Some(proc_macro2::TokenTree::Punct(punct)) if punct.as_char() == '#') {
        tokens.next();
        tokens.next();
    }
    tokens.next().into_iter().collect()
}

/// Reads the attribute; nothing if its syntax is wrong, which is then noted.
pub(super) fn attribute(tokens: TokenStream, errors: &mut Errors) -> Option<WrittenAttribute> {
    let parse = |input: ParseStream<'_>| {
        let mut name = None;
        let begins_with_key = input.peek(Ident) && input.peek2(Token![=]);
        if !begins_with_key && !input.is_empty() {
            name = Some(ungrouped(input.parse()?));
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(WrittenAttribute { name, options: Options::parse(input, &["effects", "approximate"], errors)? })
    };
    match parse.parse2(tokens) {
        Ok(attribute) => Some(attribute),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

/// The arguments, from which doc comments and `#[param]` are taken off, since the compiler refuses them.
pub(super) fn arguments(function: &mut ItemFn, errors: &mut Errors) -> Vec<WrittenArgument> {
    function.sig.inputs.iter_mut().map(|argument| written(argument, errors)).collect()
}

fn written(argument: &mut FnArg, errors: &mut Errors) -> WrittenArgument {
    let attributes = match argument {
        FnArg::Receiver(receiver) => &mut receiver.attrs,
        FnArg::Typed(typed) => &mut typed.attrs,
    };
    let notes = notes(attributes, errors);
    WrittenArgument { argument: argument.clone(), notes }
}

/// Takes doc comments and `#[param]` off `attributes`.
fn notes(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Notes {
    let docs = attributes.extract_if(.., |one| one.path().is_ident("doc")).collect();
    let mut params = attributes.extract_if(.., |one| one.path().is_ident("param")).collect::<Vec<_>>().into_iter();
    let param = params.next().map(|attribute| WrittenParam { options: options(&attribute, errors), attribute });
    for again in params {
        errors.under(again, "a parameter has one `#[param]`: put all its keys into the first");
    }
    Notes { docs, param }
}

fn options(attribute: &Attribute, errors: &mut Errors) -> Options {
    let options = match &attribute.meta {
        Meta::Path(_) => return Options::default(),
        Meta::List(list) => list.parse_args_with(|input: ParseStream<'_>| Options::parse(input, &[], errors)),
        Meta::NameValue(pair) => Err(syn::Error::new_spanned(pair, "write `#[param(key = value)]`")),
    };
    options.unwrap_or_else(|error| {
        errors.push(error);
        Options::default()
    })
}
