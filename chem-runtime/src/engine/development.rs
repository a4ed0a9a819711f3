//! Detects a program under development, whose steps change more often than their versions.

use std::ffi::OsStr;

/// The environment variable that decides: `0` means no, any other value means yes. Unset or empty, debug builds are
/// under development.
const VARIABLE: &str = "CHEM_DEV";

/// Returns whether to warn of results that other code computed.
pub(crate) fn is_on() -> bool {
    decide(cfg!(debug_assertions), std::env::var_os(VARIABLE).as_deref())
}

fn decide(is_debug: bool, variable: Option<&OsStr>) -> bool {
    match variable.filter(|value| !value.is_empty()) {
        Some(value) => value != "0",
        None => is_debug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_asked_and_a_debug_build_has_to_be_silenced() {
        for (is_debug, variable, expected) in [
            (true, None, true),
            (false, None, false),
            (false, Some("1"), true),
            (true, Some("1"), true),
            (true, Some("0"), false),
            (false, Some("0"), false),
            (true, Some(""), true),
            (false, Some(""), false),
        ] {
            assert_eq!(decide(is_debug, variable.map(OsStr::new)), expected, "{is_debug} {variable:?}");
        }
    }
}
