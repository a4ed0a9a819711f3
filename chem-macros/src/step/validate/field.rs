//! Validates the fields of structs: the parameters of a step, or its inputs.

use super::argument::{Role, plain, role};
use super::{Errors, Param, Port, param};
use crate::step::parse::WrittenField;

/// Returns the parameters that the fields of a step's struct define, or `None` if one of them is invalid.
pub(super) fn params(fields: Vec<WrittenField>, errors: &mut Errors) -> Option<Vec<Param>> {
    all(fields, errors, |field, errors| match role(&field.ty, errors)? {
        Role::Param => param::of(plain(&field.ident, errors)?, field.ty, field.notes, errors),
        Role::Context => {
            errors.under(&field.ident, "the context is no parameter: `run` is given it");
            None
        }
        Role::Port { .. } => {
            let message = "an input is no parameter: it goes into `type Inputs` of `RunStep`, as a field of a struct under `#[derive(StepInputs)]`";
            errors.under(&field.ident, message);
            None
        }
    })
}

/// Returns the ports that the fields of a struct of inputs define, or `None` if one of them is invalid.
pub(super) fn ports(fields: Vec<WrittenField>, errors: &mut Errors) -> Option<Vec<Port>> {
    all(fields, errors, |field, errors| match role(&field.ty, errors)? {
        Role::Port { optional, rows } => {
            Some(Port { ident: plain(&field.ident, errors)?, ty: field.ty, optional, rows })
        }
        Role::Context | Role::Param => {
            let message = "an input is an `Input<…>`, an `Option<Input<…>>` or the `Rows<…>` of a row step; parameters are fields of the step's struct";
            errors.under(&field.ty, message);
            None
        }
    })
}

/// Applies `each` to every field, even after an error. Returns `None` if one fails.
fn all<T>(
    fields: Vec<WrittenField>,
    errors: &mut Errors,
    each: impl Fn(WrittenField, &mut Errors) -> Option<T>,
) -> Option<Vec<T>> {
    let made: Vec<Option<T>> = fields.into_iter().map(|field| each(field, errors)).collect();
    made.into_iter().collect()
}
