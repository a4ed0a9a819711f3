//! Classifies the arguments: inputs, parameters, and the context.

use syn::ext::IdentExt as _;
use syn::{FnArg, Ident, Pat, Type, TypeReference};

use super::signature::{generic_argument, ungrouped};
use super::{Argument, Errors, Param, Port, param};
use crate::step::parse::{WrittenArgument, WrittenParam};

/// Returns all arguments in order, and the parameters among them, or `None` if one of them is invalid.
pub(super) fn validate(written: Vec<WrittenArgument>, errors: &mut Errors) -> Option<(Vec<Argument>, Vec<Param>)> {
    let (mut arguments, mut params) = (Vec::new(), Vec::new());
    let mut whole = true;
    let mut has_context = false;
    for one in written {
        let tokens = one.argument.clone();
        match argument(one, &mut params, errors) {
            Some(Argument::Context) if has_context => {
                errors.under(tokens, "a step takes the context once");
                whole = false;
            }
            Some(argument) => {
                has_context |= matches!(argument, Argument::Context);
                arguments.push(argument);
            }
            None => whole = false,
        }
    }
    whole.then_some((arguments, params))
}

fn argument(written: WrittenArgument, params: &mut Vec<Param>, errors: &mut Errors) -> Option<Argument> {
    let typed = match written.argument {
        FnArg::Typed(typed) => typed,
        FnArg::Receiver(receiver) => {
            errors.under(receiver, "a step is a function of its own, outside of any `impl`: it takes no `self`");
            return None;
        }
    };
    match (role(&typed.ty, errors)?, &written.notes.param) {
        (Role::Context, None) => Some(Argument::Context),
        (Role::Context, Some(param)) => not_a_param("the context", param, errors),
        (Role::Port { .. }, Some(param)) => not_a_param("an input", param, errors),
        (Role::Port { optional, rows }, None) => {
            let ident = name(&typed.pat, errors)?;
            Some(Argument::Port(Box::new(Port { ident, ty: *typed.ty, optional, rows })))
        }
        (Role::Param, _) => {
            let param = param::of(name(&typed.pat, errors)?, *typed.ty, written.notes, errors)?;
            let ident = param.ident.clone();
            params.push(param);
            Some(Argument::Param(ident))
        }
    }
}

fn not_a_param(what: &str, param: &WrittenParam, errors: &mut Errors) -> Option<Argument> {
    errors.under(&param.attribute, format!("{what} is not a parameter: take `#[param]` away"));
    None
}

/// The role of an argument, which follows from its type.
pub(super) enum Role {
    Context,
    Port {
        optional: bool,
        /// Whether the step takes its rows one by one.
        rows: bool,
    },
    Param,
}

pub(super) fn role(ty: &Type, errors: &mut Errors) -> Option<Role> {
    match ungrouped(ty) {
        Type::Reference(reference) => reference_role(reference, errors),
        Type::ImplTrait(_) => {
            errors.under(ty, "a step cannot be generic: write the type out");
            None
        }
        Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "ExecutionContext") => {
            errors.under(ty, "the context is lent to the step: take `&ExecutionContext<'_>`");
            None
        }
        _ if generic_argument(ty, "Input").is_some() => Some(Role::Port { optional: false, rows: false }),
        _ if generic_argument(ty, "Rows").is_some() => Some(Role::Port { optional: false, rows: true }),
        _ if generic_argument(ty, "Option").is_some_and(|inner| generic_argument(inner, "Rows").is_some()) => {
            errors.under(ty, "the rows of a row step are required: take `Rows<…>`");
            None
        }
        _ => match generic_argument(ty, "Option").and_then(|inner| generic_argument(inner, "Input")) {
            Some(_) => Some(Role::Port { optional: true, rows: false }),
            None => Some(Role::Param),
        },
    }
}

fn reference_role(reference: &TypeReference, errors: &mut Errors) -> Option<Role> {
    let inner = ungrouped(&reference.elem);
    let last = match inner {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    };
    let instead = match (last.as_deref(), inner) {
        (Some("ExecutionContext"), _) if reference.mutability.is_none() => return Some(Role::Context),
        (Some("ExecutionContext"), _) => "the context is shared: take `&ExecutionContext<'_>`, without `mut`",
        (Some("str"), _) => "a step owns its parameters: take `String`",
        (Some("Path" | "PathBuf"), _) => "a step owns its parameters: take `InputFile` or `OutputFile`",
        (_, Type::Slice(_)) => "a step owns its parameters: take `Vec<…>`",
        _ => "a step borrows nothing but `&ExecutionContext<'_>`: take an `Input<…>`, or a parameter by value",
    };
    errors.under(reference, instead);
    None
}

/// Returns the argument's name.
fn name(pattern: &Pat, errors: &mut Errors) -> Option<Ident> {
    match pattern {
        Pat::Ident(one) if one.by_ref.is_none() && one.subpat.is_none() => plain(&one.ident, errors),
        _ => {
            errors.under(pattern, "an argument of a step is a plain name: manifests use it; take it apart in the body");
            None
        }
    }
}

/// Checks the name of an input or a parameter, which manifests use.
pub(super) fn plain(ident: &Ident, errors: &mut Errors) -> Option<Ident> {
    if super::is_plain_name(&ident.unraw().to_string()) {
        return Some(ident.clone());
    }
    errors.under(
        ident,
        format!("manifests write `{ident}`, so it has to begin with a lower-case letter and go on with lower-case letters, digits and `_`"),
    );
    None
}
