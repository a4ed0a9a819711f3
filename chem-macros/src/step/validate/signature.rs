//! Validates the function's signature, apart from its arguments.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::{GenericArgument, Generics, PathArguments, PathSegment, ReturnType, Signature, Type};

use super::Errors;

/// Reports what a step function cannot be, such as `async`.
pub(super) fn validate(signature: &Signature, errors: &mut Errors) {
    if let Some(token) = &signature.asyncness {
        errors.under(token, "a step cannot be `async`: the engine runs it on a thread of its own, where it may block");
    }
    if let Some(token) = &signature.unsafety {
        errors.under(token, "a step cannot be `unsafe`: the engine calls it, and can promise it nothing");
    }
    if let Some(token) = &signature.abi {
        errors.under(token, "a step is a plain Rust function: take `extern` away");
    }
    not_generic(&signature.generics, "a step cannot be generic: write each type out, and lifetimes as `'_`", errors);
    if let Some(variadic) = &signature.variadic {
        errors.under(variadic, "a step has a fixed number of arguments");
    }
}

/// Reports generics, with `message`.
pub(super) fn not_generic(generics: &Generics, message: &str, errors: &mut Errors) {
    if !generics.params.is_empty() {
        errors.under(generics, message);
    } else if let Some(clause) = &generics.where_clause {
        errors.under(clause, "a step cannot have a `where` clause: it is not generic");
    }
}

/// Returns the name of the struct that is generated for the function: `lighter_than` becomes `LighterThan`.
///
/// It is an error if the signature uses this name: the struct would hide the other meaning, and the resulting compiler
/// errors would not mention it.
pub(super) fn structure(signature: &Signature, errors: &mut Errors) -> Ident {
    let function = &signature.ident;
    let name: String = function.unraw().to_string().split('_').map(capitalized).collect();
    if mentions(signature.to_token_stream(), &name) {
        let message = format!(
            "the parameters of `{function}` become a struct called `{name}`, which the signature uses for something else: give the function another name"
        );
        errors.under(function, message);
    }
    Ident::new(&name, function.span())
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn mentions(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}

/// The parts of a function's return type.
pub(in crate::step) struct Returned<'a> {
    /// The whole return type.
    pub(in crate::step) result: &'a Type,
    /// The `T` of `Result<T, E>`.
    pub(in crate::step) given: &'a Type,
    /// The `E`, or `None` if an alias of `Result` hides it.
    pub(in crate::step) error: Option<&'a Type>,
}

/// Reads a return type `Result<T, E>` or `Result<T>`.
pub(super) fn returned<'a>(signature: &'a Signature, errors: &mut Errors) -> Option<Returned<'a>> {
    let ReturnType::Type(_, returned) = &signature.output else {
        errors.under(&signature.ident, "a step returns what it gives: add `-> Result<…, StepError>`");
        return None;
    };
    let mut arguments = generic_arguments(returned, "Result").into_iter();
    let Some(given) = arguments.next() else {
        errors.under(returned, "a step can fail, so it returns a `Result`: write `Result<…, StepError>`");
        return None;
    };
    match given {
        Type::Reference(_) => errors.under(given, "a step gives a value of its own: return it without the `&`"),
        Type::ImplTrait(_) => errors.under(given, "the output's type has to be named here: `impl` hides it"),
        _ => return Some(Returned { result: returned, given, error: arguments.next() }),
    }
    None
}

/// Returns the first type argument of `ty`, if the last segment of its path is `name`.
pub(in crate::step) fn generic_argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    generic_arguments(ty, name).first().copied()
}

/// Returns the type arguments of `ty`, if the last segment of its path is `name`.
fn generic_arguments<'a>(ty: &'a Type, name: &str) -> Vec<&'a Type> {
    let last = match ungrouped(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    match last {
        Some(PathSegment { ident, arguments: PathArguments::AngleBracketed(arguments) }) if ident == name => {
            let types = arguments.args.iter().filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            types.collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the type inside the groups that a `macro_rules` macro puts around it.
pub(super) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}

/// Returns whether `ty` is `()`.
pub(super) fn is_unit(ty: &Type) -> bool {
    matches!(ungrouped(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}
