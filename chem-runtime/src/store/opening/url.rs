//! The URL of a store, such as `sqlite:PATH`, `postgres://…` or `memory:`.
//!
//! A URL may contain a password. It is never printed: `Display` and `Debug` mask it, and errors name only the invalid
//! part.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use super::backend::{Backend, InvalidStoreUrl, parse};

/// The default store of the command line.
const DEFAULT: &str = "sqlite:.chem/store.db";

/// The URL of a store, parsed by its [`Backend`], whose methods open and maintain the store.
///
/// ```
/// use chem_runtime::event::FlowId;
/// use chem_runtime::store::{OpenMode, StoreUrl};
///
/// let url: StoreUrl = "memory:".parse()?;
/// let store = url.open(OpenMode::Create)?;
/// assert_eq!(store.list(FlowId::new())?, []);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct StoreUrl(Arc<dyn Backend>);

impl StoreUrl {
    /// Returns the URL of the store that a command uses: the value of `--store`, else of `CHEM_STORE`, else of
    /// `DATABASE_URL`, else `.chem/store.db` in the working directory. `variable` looks up an environment variable; an
    /// empty value counts as unset.
    ///
    /// # Errors
    /// Returns an error that names the option or variable if its value is invalid; later ones are not tried.
    pub fn choose(option: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidStoreUrl> {
        if let Some(text) = option {
            return text.parse().map_err(|error: InvalidStoreUrl| error.found_in("--store"));
        }
        for name in ["CHEM_STORE", "DATABASE_URL"] {
            if let Some(text) = variable(name).filter(|text| !text.is_empty()) {
                return text.parse().map_err(|error: InvalidStoreUrl| error.found_in(name));
            }
        }
        DEFAULT.parse()
    }
}

impl<B: Backend> From<B> for StoreUrl {
    fn from(backend: B) -> Self {
        Self(Arc::new(backend))
    }
}

impl Deref for StoreUrl {
    type Target = dyn Backend;

    fn deref(&self) -> &dyn Backend {
        self.0.as_ref()
    }
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        match text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
            Some((scheme, rest)) => parse(scheme, rest).map(Self),
            None => Err(InvalidStoreUrl::new(no_scheme(text))),
        }
    }
}

/// Returns whether `text` looks like a URL scheme. A single letter is the drive of a Windows path.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.chars().all(in_scheme)
}

fn in_scheme(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.')
}

/// Returns the error message for a text without a scheme. It repeats the text only if that cannot contain a password.
fn no_scheme(text: &str) -> String {
    if text.is_empty() {
        "the address is empty".into()
    } else if text.contains(['@', '=']) {
        "the address has no scheme".into()
    } else {
        format!("`{text}` has no scheme; for a file write `sqlite:{text}`")
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({:?})", self.0)
    }
}

#[cfg(feature = "sqlite")]
#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> String {
        text.parse::<StoreUrl>().unwrap().to_string()
    }

    #[test]
    fn an_error_names_the_part_that_is_wrong() {
        for (text, part) in [
            ("", "is empty"),
            ("store.db", "write `sqlite:store.db`"),
            ("C:\\chem\\store.db", "write `sqlite:C:\\chem\\store.db`"),
            ("mysql://h/d", "unknown kind of store `mysql:`"),
            ("sqlite:", "followed by the path"),
            ("sqlite::memory:", "is `memory:`"),
            ("sqlite:a.db?mode=ro", "no options"),
            ("sqlite:~ada/a.db", "write its path, or `./~ada/a.db`"),
            ("memory:x", "takes nothing"),
        ] {
            let error = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(error.contains("; a store is `memory:`, "), "{error}");
        }
    }

    #[test]
    fn the_option_comes_before_the_environment_and_both_before_the_default() {
        let both = |name: &str| match name {
            "CHEM_STORE" => Some("memory:".to_owned()),
            "DATABASE_URL" => Some("sqlite:b.db".to_owned()),
            _ => None,
        };
        let chosen = |option, variable: &dyn Fn(&str) -> Option<String>| {
            StoreUrl::choose(option, variable).map(|url| url.to_string()).map_err(|error| error.to_string())
        };
        assert_eq!(chosen(Some("sqlite:a.db"), &both), Ok("sqlite:a.db".to_owned()));
        assert_eq!(chosen(None, &both), Ok("memory:".to_owned()));
        let one = |name: &str| if name == "CHEM_STORE" { Some(String::new()) } else { both(name) };
        assert_eq!(chosen(None, &one), Ok("sqlite:b.db".to_owned()));
        assert_eq!(chosen(None, &|_| None), Ok(parse("sqlite:.chem/store.db")));
        let error = chosen(None, &|_| Some("mysql://u:hunter2@h/d".to_owned())).unwrap_err();
        assert!(error.starts_with("`CHEM_STORE`: unknown kind of store `mysql:`"), "{error}");
    }
}
