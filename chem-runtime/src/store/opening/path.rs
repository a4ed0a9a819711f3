//! Paths in the URLs of stores.

use std::path::PathBuf;

use super::backend::InvalidStoreUrl;

/// Returns `path` with a leading `~` replaced by the user's home directory, because shells expand `~` only at the
/// beginning of a word.
pub(in crate::store) fn local_path(path: &str) -> Result<PathBuf, InvalidStoreUrl> {
    match path.split_once('/').unwrap_or((path, "")) {
        ("~", rest) => match std::env::home_dir().filter(|home| !home.as_os_str().is_empty()) {
            Some(home) => Ok(home.join(rest)),
            None => Err(InvalidStoreUrl::new(format!("`{path}` is in a home directory, but `HOME` is not set"))),
        },
        (user, _) if user.starts_with('~') => Err(InvalidStoreUrl::new(format!(
            "the home directory `{user}` of another user is not looked up; write its path, or `./{path}` for one here"
        ))),
        _ => Ok(path.into()),
    }
}
