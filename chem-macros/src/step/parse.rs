//! Parses what was written: the attribute, and the function with its arguments or the struct with its fields.
//! `validate` checks whether it is valid.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, Fields, FnArg, Ident, Item, ItemFn, ItemStruct, Meta, Token, Type};

use super::Errors;
use super::options::{Options, ungrouped};

/// The keys of `#[step]` that need no value.
const FLAGS: &[&str] = &["source", "transform", "sink", "rows", "effects", "approximate"];

/// The content of the parentheses of `#[step(…)]`.
pub(super) struct WrittenAttribute {
    pub(super) name: Option<Expr>,
    pub(super) options: Options,
    /// The location for errors about missing keys.
    pub(super) at: Span,
}

/// A field of a struct, and the attributes that only the macro understands.
pub(super) struct WrittenField {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    pub(super) notes: Notes,
}

/// An argument of the function, and the attributes that only the macro understands.
pub(super) struct WrittenArgument {
    pub(super) argument: FnArg,
    pub(super) notes: Notes,
}

/// The attributes of an argument or a field that only the macro understands.
pub(super) struct Notes {
    pub(super) docs: Vec<Attribute>,
    pub(super) param: Option<WrittenParam>,
}

/// `#[param(…)]`.
pub(super) struct WrittenParam {
    pub(super) attribute: Attribute,
    pub(super) options: Options,
}

/// Returns the function under `#[step]`, or `None` if the item is not a function.
pub(super) fn function(item: TokenStream, errors: &mut Errors) -> Option<ItemFn> {
    match syn::parse2(item) {
        Ok(Item::Fn(function)) => return Some(function),
        Ok(Item::Struct(other)) => errors.under(
            other.struct_token,
            "`#[step]` on a struct needs the derive: write `#[derive(Step)]` in the line above `#[step(…)]`",
        ),
        Ok(other) => errors.under(
            first_token(&other),
            "`#[step]` goes on a function, or below `#[derive(Step)]` on a struct of parameters",
        ),
        Err(error) => errors.push(error),
    }
    None
}

/// Returns the struct under `#[derive(Step)]` or `#[derive(StepInputs)]`, or `None` if the item is not a struct; `what`
/// describes its fields in the error.
pub(super) fn structure(item: TokenStream, what: &str, errors: &mut Errors) -> Option<ItemStruct> {
    match syn::parse2(item) {
        Ok(Item::Struct(structure)) => return Some(structure),
        Ok(other) => {
            errors.under(first_token(&other), format!("this derive goes on a struct, whose fields are {what}"))
        }
        Err(error) => errors.push(error),
    }
    None
}

/// Returns the first token after the attributes, which a reader sees as the start of the item.
fn first_token(item: &Item) -> TokenStream {
    let mut tokens = item.to_token_stream().into_iter().peekable();
    while matches!(tokens.peek(), Some(proc_macro2::TokenTree::Punct(punct)) if punct.as_char() == '#') {
        tokens.next();
        tokens.next();
    }
    tokens.next().into_iter().collect()
}

/// Reads the attribute below `#[derive(Step)]`. Returns `None` if it is missing or its syntax is invalid, which is an
/// error.
pub(super) fn attribute_of(structure: &ItemStruct, errors: &mut Errors) -> Option<WrittenAttribute> {
    let mut attributes = structure.attrs.iter().filter(|one| one.path().is_ident("step"));
    let Some(first) = attributes.next() else {
        let message = "the step type has no name: write `#[step(\"family.verb\", version = 1)]` in the line below `#[derive(Step)]`";
        errors.under(&structure.ident, message);
        return None;
    };
    for again in attributes {
        errors.under(again, "a struct is one step type: put all keys into the first `#[step]`");
    }
    match &first.meta {
        Meta::Path(path) => attribute(TokenStream::new(), path.span(), errors),
        Meta::List(list) => attribute(list.tokens.clone(), list.path.span(), errors),
        Meta::NameValue(pair) => {
            errors.under(pair, "write `#[step(\"family.verb\", version = 1)]`");
            None
        }
    }
}

/// Reads the attribute. Returns `None` if its syntax is invalid, which is an error.
pub(super) fn attribute(tokens: TokenStream, at: Span, errors: &mut Errors) -> Option<WrittenAttribute> {
    let parse = |input: ParseStream<'_>| {
        let mut name = None;
        let begins_with_key = input.peek(Ident) && input.peek2(Token![=]);
        if !begins_with_key && !input.is_empty() {
            name = Some(ungrouped(input.parse()?));
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(WrittenAttribute { name, options: Options::parse(input, FLAGS, errors)?, at })
    };
    match parse.parse2(tokens) {
        Ok(attribute) => Some(attribute),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

/// Returns the arguments, and removes doc comments and `#[param]` from them, since the compiler rejects these there.
pub(super) fn arguments(function: &mut ItemFn, errors: &mut Errors) -> Vec<WrittenArgument> {
    function.sig.inputs.iter_mut().map(|argument| written(argument, errors)).collect()
}

/// Returns the fields of a struct, or `None` if they have no names.
pub(super) fn fields(structure: &ItemStruct, errors: &mut Errors) -> Option<Vec<WrittenField>> {
    match &structure.fields {
        Fields::Unit => Some(Vec::new()),
        Fields::Unnamed(fields) => {
            errors.under(fields, "manifests write the names of the fields: write `{ name: type }`");
            None
        }
        Fields::Named(fields) => {
            let mut written = Vec::new();
            for field in &fields.named {
                let notes = notes(&mut field.attrs.clone(), errors);
                let ident = field.ident.clone()?;
                written.push(WrittenField { ident, ty: field.ty.clone(), notes });
            }
            Some(written)
        }
    }
}

fn written(argument: &mut FnArg, errors: &mut Errors) -> WrittenArgument {
    let attributes = match argument {
        FnArg::Receiver(receiver) => &mut receiver.attrs,
        FnArg::Typed(typed) => &mut typed.attrs,
    };
    let notes = notes(attributes, errors);
    WrittenArgument { argument: argument.clone(), notes }
}

/// Removes doc comments and `#[param]` from `attributes` and returns them.
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
