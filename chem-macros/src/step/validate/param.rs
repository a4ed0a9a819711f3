//! Validates `#[param]`, as far as possible without type information.

use syn::{Expr, ExprLit, ExprUnary, Ident, Lit, LitStr, Type, UnOp};

use super::signature::{generic_argument, ungrouped};
use super::{Errors, Param, doc};
use crate::step::options::Options;
use crate::step::parse::Notes;

/// The values of the keys of `#[param]`.
#[derive(Default)]
pub(in crate::step) struct ParamOptions {
    pub(in crate::step) default: Option<Expr>,
    pub(in crate::step) min: Option<f64>,
    pub(in crate::step) max: Option<f64>,
    pub(in crate::step) one_of: Vec<LitStr>,
    pub(in crate::step) example: Option<LitStr>,
    pub(in crate::step) unit: Option<LitStr>,
    /// The inputs whose columns the parameter names.
    pub(in crate::step) columns_of: Option<Vec<LitStr>>,
}

/// Returns the parameter called `ident`, or `None` if it has no doc comment, which is an error.
pub(super) fn of(ident: Ident, ty: Type, notes: Notes, errors: &mut Errors) -> Option<Param> {
    let doc = doc::of(&notes.docs);
    if doc.is_none() {
        let hint = if notes.param.is_none() { "; an input from another step is an `Input<…>`" } else { "" };
        errors.under(
            &ident,
            format!("the parameter `{ident}` has no doc comment: say above it with `///` what it means{hint}"),
        );
    }
    let options = notes.param.map(|param| param.options).unwrap_or_default();
    let options = validate(&ty, options, errors);
    let optional = is_optional(&ty);
    Some(Param { ident, ty, doc: doc?, options, optional })
}

/// Checks the keys against each other, and against the parameter's type if its name is known.
fn validate(ty: &Type, mut options: Options, errors: &mut Errors) -> ParamOptions {
    let form = Form::of(ty);
    let default = options.take("default");
    if let (Some(default), true) = (&default, is_optional(ty)) {
        errors.under(default, "an `Option` that is left out is `None`: take `default` away, or `Option`");
    }
    let mut bound = |key| {
        let written = options.take(key)?;
        if matches!(form, Form::Text | Form::Neither) {
            errors.under(written, format!("`{key}` is for numbers: take it away, or make the type a number"));
            return None;
        }
        let bound = number(&written);
        if bound.is_none() {
            errors.under(&written, format!("`{key}` is a number, written as a literal"));
        }
        bound.map(|bound| (written, bound))
    };
    let (min, max) = (bound("min"), bound("max"));
    if let (Some((_, min)), Some((written, max))) = (&min, &max)
        && min > max
    {
        errors.under(written, format!("`max` is less than `min`, which is {min}: no value is between them"));
    }
    let (min, max) = (min.map(|(_, min)| min), max.map(|(_, max)| max));
    let one_of = options.take("one_of").map_or(Vec::new(), |written| one_of(&written, form, errors));
    let mut text = |key| {
        let written = options.take(key)?;
        let text = literal_text(&written).cloned();
        if text.is_none() {
            errors.under(written, format!("`{key}` is text in quotes"));
        }
        text
    };
    let (example, unit) = (text("example"), text("unit"));
    let columns_of = options.take("columns_of").map(|written| columns_of(&written, errors));
    options.refuse_rest("`default`, `min`, `max`, `one_of`, `example`, `unit` and `columns_of`", errors);
    let options = ParamOptions { default, min, max, one_of, example, unit, columns_of };
    if let Some(default) = &options.default {
        options.check(default, errors);
    }
    options
}

impl ParamOptions {
    /// Reports a default that the other keys forbid. Checks only literals; other defaults are checked when a manifest
    /// leaves the parameter out.
    fn check(&self, default: &Expr, errors: &mut Errors) {
        if let Expr::Array(list) = default {
            return list.elems.iter().for_each(|item| self.check(item, errors));
        }
        if let Some(number) = number(default) {
            if let Some(min) = self.min.filter(|min| number < *min) {
                errors.under(default, format!("the default is less than `min`, which is {min}"));
            }
            if let Some(max) = self.max.filter(|max| number > *max) {
                errors.under(default, format!("the default is greater than `max`, which is {max}"));
            }
        }
        if let Some(text) = literal_text(default)
            && !self.one_of.is_empty()
            && !self.one_of.contains(text)
        {
            errors.under(default, "the default is not among `one_of`");
        }
    }
}

/// The form of a type's values, as far as its name shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Number,
    Text,
    Neither,
    Unknown,
}

impl Form {
    /// Returns the form of `ty`, or of the elements of a list or an option.
    fn of(ty: &Type) -> Self {
        if let Some(inner) = generic_argument(ty, "Vec").or_else(|| generic_argument(ty, "Option")) {
            return Self::of(inner);
        }
        let Type::Path(path) = ungrouped(ty) else {
            return Self::Unknown;
        };
        match path.path.segments.last().map(|last| last.ident.to_string()).as_deref() {
            Some("f64" | "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64") => Self::Number,
            Some("String" | "InputFile" | "OutputFile" | "Expression" | "ColumnName") => Self::Text,
            Some("bool") => Self::Neither,
            _ => Self::Unknown,
        }
    }
}

fn is_optional(ty: &Type) -> bool {
    generic_argument(ty, "Option").is_some()
}

fn one_of(written: &Expr, form: Form, errors: &mut Errors) -> Vec<LitStr> {
    if matches!(form, Form::Number | Form::Neither) {
        errors.under(written, "`one_of` is for texts: take it away, or make the type `String`");
        return Vec::new();
    }
    let allowed: Option<Vec<LitStr>> = match written {
        Expr::Array(list) => list.elems.iter().map(|item| literal_text(item).cloned()).collect(),
        _ => None,
    };
    match allowed {
        Some(allowed) if !allowed.is_empty() => allowed,
        _ => {
            errors.under(written, "`one_of` is a list of texts, such as `[\"mean\", \"median\"]`");
            Vec::new()
        }
    }
}

fn columns_of(written: &Expr, errors: &mut Errors) -> Vec<LitStr> {
    let ports: Option<Vec<LitStr>> = match written {
        Expr::Array(list) => list.elems.iter().map(|item| literal_text(item).cloned()).collect(),
        one => literal_text(one).cloned().map(|port| vec![port]),
    };
    ports.unwrap_or_else(|| {
        errors
            .under(written, "`columns_of` is the name of an input, or a list of them, such as `[\"left\", \"right\"]`");
        Vec::new()
    })
}

/// Returns the number that a literal is, with its sign.
fn number(expression: &Expr) -> Option<f64> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) => literal.base10_parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Float(literal), .. }) => literal.base10_parse().ok(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => number(expr).map(|number| -number),
        _ => None,
    }
}

fn literal_text(expression: &Expr) -> Option<&LitStr> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}
