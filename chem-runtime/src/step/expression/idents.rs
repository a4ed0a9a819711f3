//! The identifiers that stand in a syntax tree for what is numbered. No expression can spell them.

const COLUMN: &str = "@column";
const MISSING: &str = "@missing";
const PARAM: &str = "@param";

/// The identifier of the column at `index`.
pub(super) fn column_ident(index: usize) -> String {
    format!("{COLUMN}{index}")
}

/// The index in a [`column_ident`].
pub(super) fn column_index(ident: &str) -> Option<usize> {
    ident.strip_prefix(COLUMN)?.parse().ok()
}

/// The identifier of whether the column at `index` has no value.
pub(super) fn missing_ident(index: usize) -> String {
    format!("{MISSING}{index}")
}

/// The index in a [`missing_ident`].
pub(super) fn missing_index(ident: &str) -> Option<usize> {
    ident.strip_prefix(MISSING)?.parse().ok()
}

/// The identifier of the parameter at `index`.
pub(super) fn param_ident(index: usize) -> String {
    format!("{PARAM}{index}")
}

/// The index in a [`param_ident`].
pub(super) fn param_index(ident: &str) -> Option<usize> {
    ident.strip_prefix(PARAM)?.parse().ok()
}
