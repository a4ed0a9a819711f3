//! Validates the attribute: the step type's name, version and kind, and how its results may be used.

use proc_macro2::Span;
use syn::{Expr, ExprLit, ExprPath, Lit, LitInt, LitStr};

use super::{Errors, Kind};
use crate::step::options::Options;
use crate::step::parse::WrittenAttribute;

/// The validated attribute.
pub(in crate::step) struct Header {
    pub(in crate::step) name: LitStr,
    pub(in crate::step) version: u32,
    /// The kind and its location, if it is written.
    pub(in crate::step) kind: Option<(Kind, Expr)>,
    /// Whether a stored result may replace running the step again.
    pub(in crate::step) cache: bool,
    /// Whether the work has effects besides its outputs.
    pub(in crate::step) effects: bool,
    /// Whether comparing two runs may use a tolerance.
    pub(in crate::step) approximate: bool,
    /// The columns that the step reads, if it works row by row, and the location of the key.
    pub(in crate::step) rows: Option<(Rows, Expr)>,
    /// The function that returns the columns of the output.
    pub(in crate::step) columns: Option<ExprPath>,
    /// The function that returns conflicts between parameters.
    pub(in crate::step) check: Option<ExprPath>,
    /// The function that returns how the rows of the output descend from those of the inputs.
    pub(in crate::step) descent: Option<ExprPath>,
    /// The function that explains why a row did not come out.
    pub(in crate::step) explain: Option<ExprPath>,
    /// The function that returns the column which says why another has its value.
    pub(in crate::step) reasons: Option<ExprPath>,
    /// The function that finds records in the files of a source.
    pub(in crate::step) written: Option<ExprPath>,
    /// The function that returns the properties of a step whose inputs and outputs depend on its parameters.
    pub(in crate::step) shape: Option<ExprPath>,
    /// Whether to generate `new`, and a `with_…` for each parameter that may be left out.
    pub(in crate::step) new: bool,
}

/// The columns that a row step reads.
pub(in crate::step) enum Rows {
    /// These columns, and those that the parameters name.
    Columns(Vec<LitStr>),
    All,
}

const EXAMPLE: &str = "`#[step(\"family.verb\", version = 1)]`";

/// Validates the whole attribute, so that all errors are reported at once.
pub(super) fn validate(attribute: WrittenAttribute, errors: &mut Errors) -> Option<Header> {
    let mut options = attribute.options;
    let name = name(attribute.name, attribute.at, errors);
    let version = match options.take("version") {
        Some(value) => version(&value, errors),
        None if name.is_some() => {
            errors.push(syn::Error::new(attribute.at, format!("the step type has no version: write {EXAMPLE}")));
            None
        }
        None => None,
    };
    let kind = kind(&mut options, errors);
    let rows = options.take("rows").map(|value| rows(value, errors));
    let cache = options.take("cache").map_or(Some(true), |value| truth(&value, errors));
    let effects = options.take("effects").map_or(Some(false), |value| truth(&value, errors));
    let approximate = options.take("approximate").map_or(Some(false), |value| truth(&value, errors));
    let new = options.take("new").map_or(Some(true), |value| truth(&value, errors));
    let mut named = |key: &str, form: &str| options.take(key).map(|value| function(key, form, value, errors));
    let columns = named("columns", "fn(&Step, &ColumnContext<'_>) -> Columns");
    let check = named("check", "fn(&Step, &ColumnContext<'_>) -> Vec<Misfit>");
    let descent = named("descent", "fn(&Step) -> Descent<'_>");
    let explain = named("explain", "fn(&Step, &DroppedRow<'_>) -> Result<Option<Explanation>, StepError>");
    let reasons = named("reasons", "fn(&Step, &str) -> Option<String>");
    let written_form = "fn(&Step, &[SourceRecord<'_>], &Files) -> Result<Vec<Option<WrittenRecord>>, StepError>";
    let written = named("written", written_form);
    let shape = named("shape", "fn(&Map<String, Value>) -> &'static StepSpec");
    options.refuse_rest(
        "`version`, `source`, `transform`, `sink`, `rows`, `columns`, `check`, `descent`, `explain`, `reasons`, `written`, `shape`, `cache`, `effects`, `approximate` and `new`",
        errors,
    );
    Some(Header {
        name: name?,
        version: version?,
        kind: kind?,
        rows: rows.map_or(Some(None), |rows| rows.map(Some))?,
        cache: cache?,
        effects: effects?,
        approximate: approximate?,
        columns: columns.map_or(Some(None), |columns| columns.map(Some))?,
        check: check.map_or(Some(None), |check| check.map(Some))?,
        descent: descent.map_or(Some(None), |descent| descent.map(Some))?,
        explain: explain.map_or(Some(None), |explain| explain.map(Some))?,
        reasons: reasons.map_or(Some(None), |reasons| reasons.map(Some))?,
        written: written.map_or(Some(None), |written| written.map(Some))?,
        shape: shape.map_or(Some(None), |shape| shape.map(Some))?,
        new: new?,
    })
}

fn name(written: Option<Expr>, at: Span, errors: &mut Errors) -> Option<LitStr> {
    match written {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(name), .. })) => {
            if is_well_formed(&name.value()) {
                return Some(name);
            }
            let form = "words of lower-case letters, digits and `_`, each beginning with a letter";
            errors.under(&name, format!("`{}` cannot name a step type: write `family.verb`, {form}", name.value()));
        }
        Some(other) => errors.under(other, "the name of a step type is text in quotes, such as `\"molecules.filter\"`"),
        None => {
            errors.push(syn::Error::new(at, format!("the step type has no name: write {EXAMPLE}")));
        }
    }
    None
}

fn is_well_formed(name: &str) -> bool {
    name.contains('.') && name.split('.').all(super::is_plain_name)
}

fn version(value: &Expr, errors: &mut Errors) -> Option<u32> {
    let version = match value {
        Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) => LitInt::base10_parse(literal).ok().filter(|&one| one > 0),
        _ => None,
    };
    if version.is_none() {
        errors.under(value, "a version is a whole number from 1 to 4294967295, written as a literal");
    }
    version
}

/// Returns the kind that is written, as `source` or `kind = Source`, with its location. The outer `Option` is `None` on
/// an error.
fn kind(options: &mut Options, errors: &mut Errors) -> Option<Option<(Kind, Expr)>> {
    let mut kinds = Vec::new();
    if let Some(value) = options.take("kind") {
        kinds.push(named_kind(value, errors)?);
    }
    for kind in [Kind::Source, Kind::Transform, Kind::Sink] {
        let Some(value) = options.take(kind.name()) else { continue };
        if !truth(&value, errors)? {
            errors.under(value, format!("write `{}` by itself, or leave it out", kind.name()));
            return None;
        }
        kinds.push((kind, value));
    }
    if let [_, (_, again), ..] = kinds.as_slice() {
        errors.under(again, "a step has one kind, and this is the second");
        return None;
    }
    Some(kinds.pop())
}

fn named_kind(value: Expr, errors: &mut Errors) -> Option<(Kind, Expr)> {
    let kind = match &value {
        Expr::Path(path) if path.path.is_ident("Source") => Kind::Source,
        Expr::Path(path) if path.path.is_ident("Transform") => Kind::Transform,
        Expr::Path(path) if path.path.is_ident("Sink") => Kind::Sink,
        _ => {
            errors.under(value, "a step is of kind `Source`, `Transform` or `Sink`");
            return None;
        }
    };
    Some((kind, value))
}

fn truth(value: &Expr, errors: &mut Errors) -> Option<bool> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Bool(literal), .. }) => Some(literal.value),
        other => {
            errors.under(other, "write `true` or `false`");
            None
        }
    }
}

/// Returns the columns that a row step reads, with the location of the key.
fn rows(value: Expr, errors: &mut Errors) -> Option<(Rows, Expr)> {
    let columns = match &value {
        Expr::Lit(ExprLit { lit: Lit::Bool(literal), .. }) if literal.value => Some(Vec::new()),
        Expr::Path(path) if path.path.is_ident("all") => return Some((Rows::All, value)),
        Expr::Array(list) => list
            .elems
            .iter()
            .map(|column| match column {
                Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Some(name.clone()),
                _ => None,
            })
            .collect(),
        _ => None,
    };
    let Some(columns) = columns else {
        errors.under(
            value,
            "write `rows`, `rows = [\"column\"]` with the columns that the step reads besides those that its parameters name, or `rows = all`",
        );
        return None;
    };
    Some((Rows::Columns(columns), value))
}

/// Returns the function that `key` names, which has this form.
fn function(key: &str, form: &str, value: Expr, errors: &mut Errors) -> Option<ExprPath> {
    match value {
        Expr::Path(path) => Some(path),
        other => {
            errors.under(other, format!("`{key}` is the name of a function: `{form}`"));
            None
        }
    }
}
