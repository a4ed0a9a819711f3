//! The identifiers of numbered columns and parameters in a syntax tree. No expression can contain them.

const COLUMN: &str = "@column";
const MISSING: &str = "@missing";
const PARAM: &str = "@param";

/// Returns the identifier of the column at `index`.
pub(super) fn column_ident(index: usize) -> String {
    format!("{COLUMN}{index}")
}

/// Returns the index in a [`column_ident`].
pub(super) fn column_index(ident: &str) -> Option<usize> {
    ident.strip_prefix(COLUMN)?.parse().ok()
}

/// Returns the identifier of the test whether the value in the column at `index` is missing.
pub(super) fn missing_ident(index: usize) -> String {
    format!("{MISSING}{index}")
}

/// Returns the index in a [`missing_ident`].
pub(super) fn missing_index(ident: &str) -> Option<usize> {
    ident.strip_prefix(MISSING)?.parse().ok()
}

/// Returns the identifier of the parameter at `index`.
pub(super) fn param_ident(index: usize) -> String {
    format!("{PARAM}{index}")
}

/// Returns the index in a [`param_ident`].
pub(super) fn param_index(ident: &str) -> Option<usize> {
    ident.strip_prefix(PARAM)?.parse().ok()
}
