//! Identifiers of what this program defines: step types, its language of manifests, measures.

/// Returns an address that identifies something of this program. It leads to no page: `.invalid` is reserved for names that
/// have no host (RFC 6761), and profiles of RO-Crate ask for an address where an identifier is meant.
pub(super) fn vocabulary(name: &str) -> String {
    format!("https://chem.invalid/{name}")
}

/// Returns the identifier of a step type.
pub(super) fn step_type(uses: &str, version: u32) -> String {
    vocabulary(&format!("steps/{}/{version}", identifier(uses)))
}

/// Returns `text` as part of an id: what an address cannot have is escaped. The id of a file is its path in this form.
pub(super) fn identifier(name: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/@+,=".contains(byte);
    let escaped = |byte: u8| if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(escaped).collect()
}
