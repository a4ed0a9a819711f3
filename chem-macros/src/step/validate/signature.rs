//! The function's signature, apart from its arguments.

use syn::{GenericArgument, PathArguments, ReturnType, Signature, Type};

use super::Errors;

/// Notes what a step function cannot be.
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
    if !signature.generics.params.is_empty() {
        errors.under(&signature.generics, "a step cannot be generic: write each type out, and lifetimes as `'_`");
    } else if let Some(clause) = &signature.generics.where_clause {
        errors.under(clause, "a step cannot have a `where` clause: it is not generic");
    }
    if let Some(variadic) = &signature.variadic {
        errors.under(variadic, "a step has a fixed number of arguments");
    }
}

/// The `T` of a return type `Result<T, E>`. The `E` may be left to an alias.
pub(super) fn returned<'a>(signature: &'a Signature, errors: &mut Errors) -> Option<&'a Type> {
    let ReturnType::Type(_, returned) = &signature.output else {
        errors.under(&signature.ident, "a step returns what it gives: add `-> Result<…, StepError>`");
        return None;
    };
    let Some(given) = success(returned) else {
        errors.under(returned, "a step can fail, so it returns a `Result`: write `Result<…, StepError>`");
        return None;
    };
    match given {
        Type::Reference(_) => errors.under(given, "a step gives a value of its own: return it without the `&`"),
        Type::ImplTrait(_) => errors.under(given, "the output's type has to be named here: `impl` hides it"),
        _ => return Some(given),
    }
    None
}

fn success(ty: &Type) -> Option<&Type> {
    generic_argument(ty, "Result")
}

/// The first type argument of `ty`, if the last word of its path is `name`.
pub(super) fn generic_argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ungrouped(ty) else {
        return None;
    };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The type within the groups that a `macro_rules` macro puts around it.
pub(super) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}

/// Whether `ty` is `()`.
pub(super) fn is_unit(ty: &Type) -> bool {
    matches!(ungrouped(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}
