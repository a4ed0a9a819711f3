//! The form of a license: what a manifest may declare under `license:`.

/// The form as a regular expression.
pub const PATTERN: &str = "^([A-Za-z0-9][A-Za-z0-9.+-]*|https?://[!-~]+)$";

/// What to write, for messages.
pub const EXPECTED: &str = "the identifier of a license in SPDX, such as `CC-BY-4.0`, or its address";

/// Returns whether `text` is the identifier of a license, as SPDX has them, or an address. Does not know which there are.
pub fn is_license(text: &str) -> bool {
    let address = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match address {
        Some(rest) => !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()),
        None => {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-".contains(&byte);
            text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(is_plain)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_license_is_an_identifier_or_an_address() {
        for license in ["CC-BY-4.0", "0BSD", "GPL-2.0+", "https://example.org/licence?v=2", "http://a"] {
            assert!(is_license(license), "{license}");
        }
        for other in ["", "-", "see the file", "CC BY", "https://", "https://a b", "MIT/X", "ü"] {
            assert!(!is_license(other), "{other}");
        }
    }
}
