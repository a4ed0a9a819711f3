//! The directory for what belongs to the user and not to a store: keys, checkpoints, the identity.

use std::path::PathBuf;

/// Returns the user's directory of this program; `None` if the system has no such place. It need not exist.
pub(crate) fn directory() -> Option<PathBuf> {
    let below = |home: PathBuf| home.join(".config");
    let base = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(below)).or_else(|| set("APPDATA"));
    // Services often lack these variables; the system knows the home directory of the account.
    let base = base.or_else(|| std::env::home_dir().filter(|home| home.is_dir()).map(below));
    Some(base?.join("chem"))
}

/// Returns the user's directory for what this program can make again; `None` if the system has no such place. It need not
/// exist.
#[cfg(feature = "python")]
pub(crate) fn cache() -> Option<PathBuf> {
    let home = || set("HOME").or_else(|| std::env::home_dir().filter(|home| home.is_dir()));
    let base = set("XDG_CACHE_HOME").or_else(|| set("LOCALAPPDATA")).or_else(|| Some(home()?.join(".cache")));
    Some(base?.join("chem"))
}

/// Returns the path in an environment variable; `None` if it is empty.
pub(crate) fn set(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
