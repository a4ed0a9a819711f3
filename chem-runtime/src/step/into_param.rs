//! Converts the values that `#[param(default = …)]`, `new` and `with_…` accept: a value of the parameter's type, or a
//! literal for one.

use super::param::ParamValue;

/// A value that converts into a parameter of type `T`.
///
/// ```
/// use chem_runtime::step::{InputFile, IntoParam as _};
///
/// let weight: f64 = 500.into_param();
/// let columns: Vec<String> = ["name", "smiles"].into_param();
/// let library: InputFile = "data/approved-drugs.csv".into_param();
/// # assert_eq!((weight, columns.len(), library.as_str()), (500.0, 2, "data/approved-drugs.csv"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value for a parameter of type `{T}`",
    label = "expected a value of type `{T}`",
    note = "write a value of the parameter's type; text is accepted for each type that is `From<&str>`, and `[…]` for a `Vec`"
)]
pub trait IntoParam<T> {
    /// Converts the value.
    fn into_param(self) -> T;
}

impl<T: ParamValue> IntoParam<T> for T {
    fn into_param(self) -> T {
        self
    }
}

impl IntoParam<f64> for i32 {
    fn into_param(self) -> f64 {
        self.into()
    }
}

#[diagnostic::do_not_recommend]
impl<'a, T: From<&'a str>> IntoParam<T> for &'a str {
    fn into_param(self) -> T {
        self.into()
    }
}

impl<T, U: IntoParam<T>, const N: usize> IntoParam<Vec<T>> for [U; N] {
    fn into_param(self) -> Vec<T> {
        self.into_iter().map(U::into_param).collect()
    }
}
