//! The arguments: which are inputs, which are parameters, and which one is the context.

use syn::ext::IdentExt as _;
use syn::{FnArg, Ident, Pat, Type, TypeReference};

use super::signature::{generic_argument, ungrouped};
use super::{Argument, Errors, Param, Port, doc, param};
use crate::step::parse::WrittenArgument;

/// All arguments in order, or nothing if one of them is wrong.
pub(super) fn validate(written: Vec<WrittenArgument>, errors: &mut Errors) -> Option<Vec<Argument>> {
    let mut arguments = Vec::new();
    let mut whole = true;
    let mut has_context = false;
    for one in written {
        let tokens = one.argument.clone();
        match argument(one, errors) {
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
    whole.then_some(arguments)
}

fn argument(written: WrittenArgument, errors: &mut Errors) -> Option<Argument> {
    let typed = match written.argument {
        FnArg::Typed(typed) => typed,
        FnArg::Receiver(receiver) => {
            errors.under(receiver, "a step is a function of its own, outside of any `impl`: it takes no `self`");
            return None;
        }
    };
    let role = role(&typed.ty, errors)?;
    if let (Role::Context | Role::Port { .. }, Some(param)) = (&role, &written.param) {
        let what = if matches!(role, Role::Context) { "the context" } else { "an input" };
        errors.under(&param.attribute, format!("{what} is not a parameter: take `#[param]` away"));
        return None;
    }
    if matches!(role, Role::Context) {
        return Some(Argument::Context);
    }
    let ident = name(&typed.pat, errors)?;
    match role {
        Role::Port { artifact, optional } => {
            Some(Argument::Port(Box::new(Port { ident, artifact: artifact.clone(), optional })))
        }
        _ => {
            let doc = doc::of(&written.docs);
            if doc.is_none() {
                errors.under(
                    &ident,
                    format!("the parameter `{ident}` has no doc comment: say above it with `///` what it means"),
                );
            }
            let options = written.param.map(|param| param.options).unwrap_or_default();
            let optional = generic_argument(&typed.ty, "Option").is_some();
            let options = param::validate(&typed.ty, options, errors);
            Some(Argument::Param(Box::new(Param { ident, ty: *typed.ty, doc: doc?, options, optional })))
        }
    }
}

/// What an argument's type makes it.
enum Role<'a> {
    Context,
    Port { artifact: &'a Type, optional: bool },
    Param,
}

fn role<'a>(ty: &'a Type, errors: &mut Errors) -> Option<Role<'a>> {
    match ungrouped(ty) {
        Type::Reference(reference) => return reference_role(reference, errors),
        Type::ImplTrait(_) => {
            errors.under(ty, "a step cannot be generic: write the type out");
            return None;
        }
        Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "ExecutionContext") => {
            errors.under(ty, "the context is lent to the step: take `&ExecutionContext<'_>`");
            return None;
        }
        _ => {}
    }
    if let Some(artifact) = generic_argument(ty, "Input") {
        return Some(Role::Port { artifact, optional: false });
    }
    match generic_argument(ty, "Option").and_then(|inner| generic_argument(inner, "Input")) {
        Some(artifact) => Some(Role::Port { artifact, optional: true }),
        None => Some(Role::Param),
    }
}

fn reference_role(reference: &TypeReference, errors: &mut Errors) -> Option<Role<'static>> {
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

/// The argument's name, which is what a manifest writes.
fn name(pattern: &Pat, errors: &mut Errors) -> Option<Ident> {
    let ident = match pattern {
        Pat::Ident(one) if one.by_ref.is_none() && one.subpat.is_none() => &one.ident,
        _ => {
            errors.under(pattern, "an argument of a step is a plain name: manifests use it; take it apart in the body");
            return None;
        }
    };
    if super::is_plain_name(&ident.unraw().to_string()) {
        return Some(ident.clone());
    }
    errors.under(
        ident,
        format!("manifests write `{ident}`, so it has to begin with a lower-case letter and go on with lower-case letters, digits and `_`"),
    );
    None
}
