//! What `#[param(default = …)]` may say: a value of the parameter's type, or the literal that stands for one.

use super::param::ParamValue;

/// An expression that is a default for a parameter of type `T`.
///
/// ```
/// use chem_runtime::step::{InputFile, IntoDefault as _};
///
/// let weight: f64 = 500.into_default();
/// let columns: Vec<String> = ["name", "smiles"].into_default();
/// let library: InputFile = "data/approved-drugs.csv".into_default();
/// # assert_eq!((weight, columns.len(), library.as_str()), (500.0, 2, "data/approved-drugs.csv"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no default for a parameter of type `{T}`",
    label = "expected a default of type `{T}`",
    note = "a default is a value of the parameter's type; text stands for each type that is `From<&'static str>`, and `[…]` for a `Vec`"
)]
pub trait IntoDefault<T> {
    /// The default.
    fn into_default(self) -> T;
}

impl<T: ParamValue> IntoDefault<T> for T {
    fn into_default(self) -> T {
        self
    }
}

impl IntoDefault<f64> for i32 {
    fn into_default(self) -> f64 {
        self.into()
    }
}

#[diagnostic::do_not_recommend]
impl<T: From<&'static str>> IntoDefault<T> for &'static str {
    fn into_default(self) -> T {
        self.into()
    }
}

impl<T, U: IntoDefault<T>, const N: usize> IntoDefault<Vec<T>> for [U; N] {
    fn into_default(self) -> Vec<T> {
        self.into_iter().map(U::into_default).collect()
    }
}
