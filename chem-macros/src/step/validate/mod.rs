//! Validates what was written. Each error is reported at the tokens that cause it. What depends on types is left to the
//! compiler: see `expand`.

mod argument;
mod attribute;
mod doc;
mod field;
mod param;
mod signature;

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, Ident, ItemFn, ItemStruct, Type, Visibility};

use super::Errors;
use super::parse::{WrittenArgument, WrittenAttribute, WrittenField};
pub(super) use attribute::{Header, Rows};
pub(super) use param::ParamOptions;
pub(super) use signature::{Returned, generic_argument};

/// A validated step type.
pub(super) struct StepType<'a> {
    pub(super) header: Header,
    pub(super) kind: Kind,
    pub(super) doc: Doc,
    pub(super) visibility: &'a Visibility,
    /// The name of the struct of the parameters.
    pub(super) structure: Ident,
    pub(super) params: Vec<Param>,
    pub(super) work: Work<'a>,
}

/// The code that does the work.
pub(super) enum Work<'a> {
    /// A function, for which the struct is generated.
    Function(Function<'a>),
    /// `RunStep::run` of the author's struct, whose types only the compiler knows. `kind_at` is the location for errors
    /// if they do not suit the kind.
    Method { kind_at: Span },
}

/// The inputs of a step, as a separate struct.
pub(super) struct Inputs {
    pub(super) structure: Ident,
    pub(super) ports: Vec<Port>,
}

/// A function that is a step.
pub(super) struct Function<'a> {
    pub(super) ident: &'a Ident,
    pub(super) arguments: Vec<Argument>,
    pub(super) returns: Returned<'a>,
}

/// The kind of a step, like `StepKind` of the runtime.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Source,
    Transform,
    Sink,
}

/// Doc comments, as attributes for the generated struct and as text for the help.
pub(super) struct Doc {
    pub(super) attributes: Vec<Attribute>,
    pub(super) text: String,
}

/// An argument by its role.
pub(super) enum Argument {
    Context,
    Port(Box<Port>),
    /// The parameter with this name.
    Param(Ident),
}

/// An argument of type `Input<T>`, `Option<Input<T>>` or `Rows<T>`.
pub(super) struct Port {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    pub(super) optional: bool,
    /// Whether the step takes its rows one by one.
    pub(super) rows: bool,
}

/// A parameter of the step.
pub(super) struct Param {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    pub(super) doc: Doc,
    pub(super) options: ParamOptions,
    /// Whether the type is `Option<…>`.
    pub(super) optional: bool,
}

/// Validates a function as a step type. The result counts only if no error was added to `errors`.
pub(super) fn function<'a>(
    attribute: Option<WrittenAttribute>,
    function: &'a ItemFn,
    arguments: Vec<WrittenArgument>,
    errors: &mut Errors,
) -> Option<StepType<'a>> {
    let header = attribute.and_then(|attribute| attribute::validate(attribute, errors));
    let doc = help(&function.sig.ident, &function.attrs, errors);
    signature::validate(&function.sig, errors);
    let structure = signature::structure(&function.sig, errors);
    let arguments = argument::validate(arguments, errors);
    let returns = signature::returned(&function.sig, errors);
    let (mut header, doc, (arguments, params), returns) = (header?, doc?, arguments?, returns?);
    check_columns_of(&arguments, &params, errors);
    check_rows(&header, &arguments, errors);
    let kind = decide_kind(header.kind.take(), &arguments, errors)?;
    only_transforms_have_rows(&header, kind, errors);
    if kind != Kind::Sink && signature::is_unit(returns.given) {
        let name = kind.name();
        let message = format!("a {name} gives something for later steps to take: only a `sink` ends in `()`");
        errors.under(returns.given, message);
    }
    let work = Work::Function(Function { ident: &function.sig.ident, arguments, returns });
    Some(StepType { header, kind, doc, visibility: &function.vis, structure, params, work })
}

/// Validates a struct as a step type. The result counts only if no error was added to `errors`.
pub(super) fn structure<'a>(
    attribute: Option<WrittenAttribute>,
    structure: &'a ItemStruct,
    fields: Option<Vec<WrittenField>>,
    errors: &mut Errors,
) -> Option<StepType<'a>> {
    let header = attribute.and_then(|attribute| attribute::validate(attribute, errors));
    let doc = help(&structure.ident, &structure.attrs, errors);
    signature::not_generic(&structure.generics, "a step cannot be generic: write each type out", errors);
    let params = fields.and_then(|fields| field::params(fields, errors));
    let (mut header, doc, params) = (header?, doc?, params?);
    let name = &structure.ident;
    let (kind, kind_at) =
        header.kind.take().map_or((Kind::Transform, name.span()), |(kind, written)| (kind, written.span()));
    only_transforms_have_rows(&header, kind, errors);
    let work = Work::Method { kind_at };
    Some(StepType { header, kind, doc, visibility: &structure.vis, structure: name.clone(), params, work })
}

/// Validates a struct as inputs. The result counts only if no error was added to `errors`.
pub(super) fn inputs(structure: &ItemStruct, fields: Option<Vec<WrittenField>>, errors: &mut Errors) -> Option<Inputs> {
    signature::not_generic(&structure.generics, "inputs cannot be generic: write each type out", errors);
    let ports = fields.and_then(|fields| field::ports(fields, errors))?;
    if ports.iter().all(|port| port.optional) {
        let at = ports.first().map_or(&structure.ident, |port| &port.ident);
        errors.under(at, ONLY_OPTIONAL);
    }
    Some(Inputs { structure: structure.ident.clone(), ports })
}

/// Returns the doc comment of the item called `name`. A missing one is an error.
fn help(name: &Ident, attributes: &[Attribute], errors: &mut Errors) -> Option<Doc> {
    let doc = doc::of(attributes);
    if doc.is_none() {
        let message = format!("`{name}` has no doc comment: its first line is what `chem steps` says of the step");
        errors.under(name, message);
    }
    doc
}

/// Checks that a row step, and only a row step, takes the rows of one input.
fn check_rows(header: &Header, arguments: &[Argument], errors: &mut Errors) {
    let mut rows = arguments.iter().filter_map(Argument::port).filter(|port| port.rows);
    match (&header.rows, rows.next()) {
        (Some((_, at)), None) => errors.under(
            at,
            "a row step takes the rows of an input: give the function an argument of type `Rows<…>` in place of `Input<…>`",
        ),
        (None, Some(port)) => {
            errors.under(&port.ty, "only a row step takes rows: write `rows` in `#[step(…)]`, or take `Input<…>`");
        }
        _ => {}
    }
    if let Some(second) = rows.next() {
        errors.under(&second.ty, "a row step takes the rows of one input: take the others as `Input<…>`");
    }
}

fn only_transforms_have_rows(header: &Header, kind: Kind, errors: &mut Errors) {
    if let Some((_, at)) = header.rows.as_ref().filter(|_| kind != Kind::Transform) {
        errors.under(at, format!("a {} does not work row by row: leave `rows` out", kind.name()));
    }
}

/// Checks that each name in `columns_of` is an input.
fn check_columns_of(arguments: &[Argument], params: &[Param], errors: &mut Errors) {
    let ports: Vec<String> = arguments.iter().filter_map(Argument::port).map(Port::name).collect();
    let named = params.iter().filter_map(|param| param.options.columns_of.as_ref());
    for name in named.flatten().filter(|name| !ports.contains(&name.value())) {
        errors.under(name, format!("the function has no input `{}`", name.value()));
    }
}

const ONLY_OPTIONAL: &str = "a step without an input is a source: make at least one input required, as `Input<…>`";

/// Derives the kind from the arguments, and checks that it agrees with the one that is written.
fn decide_kind(written: Option<(Kind, Expr)>, arguments: &[Argument], errors: &mut Errors) -> Option<Kind> {
    let ports: Vec<&Port> = arguments.iter().filter_map(Argument::port).collect();
    let Some(first) = ports.first() else {
        return match written {
            None | Some((Kind::Source, _)) => Some(Kind::Source),
            Some((kind, at)) => {
                let name = kind.name();
                errors.under(at, format!("a {name} takes an input: give the function an argument of type `Input<…>`"));
                None
            }
        };
    };
    if ports.iter().all(|port| port.optional) {
        errors.under(&first.ident, ONLY_OPTIONAL);
        return None;
    }
    match written {
        None => Some(Kind::Transform),
        Some((Kind::Source, at)) => {
            errors.under(
                at,
                format!("a source takes no input, and this function takes `{}`: leave `kind` out", first.ident),
            );
            None
        }
        Some((kind, _)) => Some(kind),
    }
}

impl Argument {
    pub(in crate::step) fn port(&self) -> Option<&Port> {
        match self {
            Self::Port(port) => Some(port),
            _ => None,
        }
    }
}

impl Port {
    /// Returns the name in manifests.
    pub(in crate::step) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }
}

impl Kind {
    pub(in crate::step) fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Transform => "transform",
            Self::Sink => "sink",
        }
    }
}

/// Returns whether `word` starts with a lower-case letter and otherwise consists of lower-case letters, digits and `_`.
fn is_plain_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.chars().all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_')
}
