//! What a backend provides, and how it becomes known.

use std::fmt;
use std::sync::Arc;

use crate::store::schema::{Drift, Rights, SchemaStatus, Version};
use crate::store::{EventStore, PersistenceError};

/// How to open a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Creates the store if it is missing.
    Create,
    /// Requires an existing store.
    Existing,
    /// Requires an existing store, which need not be writable.
    Read,
}

/// A kind of store, which a program finds by the scheme of a URL. A value is the parsed URL of one store.
///
/// `Display` renders the URL, and neither it nor `Debug` shows a password. A store without a schema of its own leaves
/// the methods about schemas as they are.
pub trait Backend: fmt::Display + fmt::Debug + Send + Sync + 'static {
    /// Returns the schemes of its URLs, in lower case, such as `sqlite`.
    fn schemes() -> &'static [&'static str]
    where
        Self: Sized;

    /// Returns the form of its URLs, for messages, such as `sqlite:PATH`.
    fn form() -> &'static str
    where
        Self: Sized;

    /// Parses a URL, given as its scheme in lower case and the text after the colon.
    ///
    /// # Errors
    /// Returns the reason why the text is not such a URL. It must not repeat what may be a password.
    fn parse(scheme: &str, rest: &str) -> Result<Self, InvalidStoreUrl>
    where
        Self: Sized;

    /// Opens the store.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Absent`] if there is no store and `mode` does not create one, and
    /// [`PersistenceError::Unusable`] with the problem and how to fix it.
    fn open(&self, mode: OpenMode) -> Result<Arc<dyn EventStore>, PersistenceError>;

    /// Returns the state of the store's schema. Changes nothing.
    fn status(&self) -> Result<SchemaStatus, PersistenceError> {
        Ok(SchemaStatus::default())
    }

    /// Brings the store's schema up to date and returns the migrations that it applied. Creates the store if it is
    /// missing.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Unusable`] if a later release made the store, or its schema is not one that this
    /// program's migrations create.
    fn migrate(&self) -> Result<Vec<Version>, PersistenceError> {
        self.open(OpenMode::Create).map(|_| Vec::new())
    }

    /// Returns the objects in the store's schema that differ from what the migrations create.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Unusable`] if the schema is older or newer than this program's and cannot be compared
    /// with it, and [`PersistenceError::Corrupt`] if the store is damaged.
    fn check(&self) -> Result<Vec<Drift>, PersistenceError> {
        Ok(Vec::new())
    }

    /// Grants the database role `role` exactly these rights on the store, and revokes all others. Returns the statements
    /// that do so; with `only_print`, does not execute them.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Unusable`] if the store has no roles, the role does not exist, or this user may not
    /// grant the rights.
    fn grant(&self, role: &str, rights: Rights, only_print: bool) -> Result<Vec<String>, PersistenceError> {
        let _ = (role, rights, only_print);
        let message =
            format!("`{self}` is a store without roles, unlike one in PostgreSQL; `chmod` says who may use a file");
        Err(PersistenceError::Unusable { message, source: None })
    }

    /// Returns whether the store outlives the process that opens it.
    fn outlives_process(&self) -> bool {
        true
    }

    /// Returns the URL for a user to type again: without passwords, which come from the environment or a prompt.
    fn without_secrets(&self) -> String {
        self.to_string()
    }
}

/// The text is not the URL of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidStoreUrl {
    /// The option or variable that contained the text; `None` if the caller knows it.
    origin: Option<&'static str>,
    reason: String,
}

impl InvalidStoreUrl {
    /// Creates an error with the reason, which must not repeat what may be a password.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { origin: None, reason: reason.into() }
    }

    /// Adds the option or variable that contained the text.
    pub(super) fn found_in(self, origin: &'static str) -> Self {
        Self { origin: Some(origin), ..self }
    }
}

impl fmt::Display for InvalidStoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = self.origin {
            write!(f, "`{origin}`: ")?;
        }
        write!(f, "{}; a store is {}", self.reason, forms())
    }
}

impl std::error::Error for InvalidStoreUrl {}

/// The registration of a backend, which [`register_backend!`](crate::register_backend) submits.
pub struct BackendRegistration {
    schemes: fn() -> &'static [&'static str],
    form: fn() -> &'static str,
    parse: Parse,
    defined_in: &'static str,
}

type Parse = fn(&str, &str) -> Result<Arc<dyn Backend>, InvalidStoreUrl>;

impl BackendRegistration {
    /// Returns the registration of `B`, which is defined in the module `defined_in`.
    pub const fn of<B: Backend>(defined_in: &'static str) -> Self {
        let parse: Parse = |scheme, rest| Ok(Arc::new(B::parse(scheme, rest)?));
        Self { schemes: B::schemes, form: B::form, parse, defined_in }
    }
}

inventory::collect!(BackendRegistration);

/// Makes a [`Backend`](crate::store::Backend) known to the program that links this crate. A program that names nothing
/// else of the crate links it with `use my_backend as _;`.
#[macro_export]
macro_rules! register_backend {
    ($backend:ty) => {
        $crate::__private::inventory::submit! {
            $crate::store::BackendRegistration::of::<$backend>(::core::module_path!())
        }
    };
}

/// The backends of this crate that a build can leave out: their schemes, their names, and the features that bring them.
const OPTIONAL: [(&[&str], &str, &str); 3] = [
    (&["postgres", "postgresql"], "PostgreSQL", "postgres"),
    (&["spool"], "spool", "spool"),
    (&["sqlite"], "SQLite", "sqlite"),
];

/// Parses a URL with the backend that has its scheme.
pub(super) fn parse(scheme: &str, rest: &str) -> Result<Arc<dyn Backend>, InvalidStoreUrl> {
    let scheme = scheme.to_ascii_lowercase();
    match with_scheme(inventory::iter::<BackendRegistration>(), &scheme)? {
        Some(backend) => (backend.parse)(&scheme, rest),
        None => Err(InvalidStoreUrl::new(not_linked(&scheme))),
    }
}

/// Describes why no backend of this program has a scheme.
fn not_linked(scheme: &str) -> String {
    match OPTIONAL.iter().find(|(schemes, ..)| schemes.contains(&scheme)) {
        Some((_, name, feature)) => format!(
            "this program has no {name} support for `{scheme}:`; build it with the feature `{feature}` of chem-runtime"
        ),
        None => format!("unknown kind of store `{scheme}:`"),
    }
}

/// Returns the backend that has a scheme; `None` if there is none.
fn with_scheme<'a>(
    registered: impl IntoIterator<Item = &'a BackendRegistration>,
    scheme: &str,
) -> Result<Option<&'a BackendRegistration>, InvalidStoreUrl> {
    let mut found = registered.into_iter().filter(|backend| (backend.schemes)().contains(&scheme));
    let first = found.next();
    if let (Some(first), Some(second)) = (first, found.next()) {
        let mut modules = [first.defined_in, second.defined_in];
        modules.sort_unstable();
        let [first, second] = modules;
        return Err(InvalidStoreUrl::new(format!(
            "`{scheme}:` is the scheme of two backends, of `{first}` and of `{second}`; link only one of the crates"
        )));
    }
    Ok(first)
}

/// Lists the forms of the known backends' URLs, ordered by text.
fn forms() -> String {
    let mut forms: Vec<String> =
        inventory::iter::<BackendRegistration>().map(|backend| format!("`{}`", (backend.form)())).collect();
    forms.sort_unstable();
    match forms.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        all => all.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_of_two_backends_is_refused_and_names_both() {
        let of = |defined_in| BackendRegistration {
            schemes: || &["a", "b"],
            form: || "a:",
            parse: |_, _| unreachable!(),
            defined_in,
        };
        let (one, other) = (of("lab::files"), of("chem_cloud"));
        assert!(with_scheme([&one], "b").unwrap().is_some());
        assert!(with_scheme([&one, &other], "c").unwrap().is_none());
        let error = with_scheme([&one, &other], "b").err().unwrap().to_string();
        assert!(error.contains("`b:` is the scheme of two backends, of `chem_cloud` and of `lab::files`"), "{error}");
    }

    #[test]
    fn a_backend_that_the_build_left_out_is_named_with_its_feature() {
        assert!(not_linked("postgresql").contains("no PostgreSQL support for `postgresql:`"));
        assert!(not_linked("sqlite").contains("feature `sqlite`"));
        assert_eq!(not_linked("mysql"), "unknown kind of store `mysql:`");
    }
}
