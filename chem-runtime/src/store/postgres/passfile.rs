//! The password files of PostgreSQL's own programs, such as `~/.pgpass`.

use std::path::{Path, PathBuf};

/// The connection that a password is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// Returns the default password file, if it exists.
pub(super) fn usual_file() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".pgpass")).filter(|file| file.exists())
}

/// Reads a password file. Logs a warning and returns an empty text if the file is unreadable, or readable by others.
pub(super) fn read(file: &Path) -> String {
    if is_open_to_others(file) {
        tracing::warn!(
            "the passwords in `{0}` are not used, since others can read them; run `chmod 600 {0}`",
            file.display()
        );
        return String::new();
    }
    std::fs::read_to_string(file).unwrap_or_else(|error| {
        tracing::warn!("the file of passwords `{}` cannot be read: {error}", file.display());
        String::new()
    })
}

#[cfg(unix)]
fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

/// Returns the password in the first line that matches `place`.
pub(super) fn password(text: &str, place: Place<'_>) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [host, port, database, user, password] = &fields[..] else { return None };
        let fits = |field: &Field, value: &str| field.is_any() || field.text == value;
        let matches = fits(host, place.host)
            && fits(port, &place.port.to_string())
            && fits(database, place.database)
            && fits(user, place.user);
        matches.then(|| password.text.clone())
    })
}

/// A field of a line, and whether it contains an escape.
#[derive(Default)]
struct Field {
    text: String,
    escaped: bool,
}

impl Field {
    fn is_any(&self) -> bool {
        self.text == "*" && !self.escaped
    }
}

/// Splits a line into up to five fields. A `\` escapes the character after it.
fn fields(line: &str) -> Vec<Field> {
    let mut fields = vec![Field::default()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let last = fields.len() - 1;
        match character {
            ':' if fields.len() < 5 => fields.push(Field::default()),
            '\\' => {
                fields[last].escaped = true;
                fields[last].text.extend(characters.next());
            }
            other => fields[last].text.push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let text = "# h:5432:d:ada:no\nh:5432:d:ada:one:and\\:more\nh:*:*:ada:two\n*:*:*:\\*:three\nbroken:line\n*:*:*:bob:four";
        let of = |host, port, database, user| password(text, Place { host, port, database, user });
        assert_eq!(of("h", 5432, "d", "ada").as_deref(), Some("one:and:more"));
        assert_eq!(of("h", 5433, "d", "ada").as_deref(), Some("two"));
        assert_eq!(of("g", 1, "d", "*").as_deref(), Some("three"));
        assert_eq!(of("g", 1, "d", "bob").as_deref(), Some("four"));
        assert_eq!(of("g", 1, "d", "eve"), None);
    }
}
