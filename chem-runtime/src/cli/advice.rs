//! Adds the `--store` option of this command to the commands that messages suggest, so that they work when copied.

use super::args::Shared;
use super::store_url::store_url;

/// The commands that work on a store.
const ON_A_STORE: [&str; 14] = [
    "run", "resume", "retry", "approve", "reject", "branch", "ls", "show", "log", "artifact", "why", "verify", "diff",
    "store",
];

/// Adds `--store` to each command in backticks in `text` that uses a store. Returns `None` if the store is in memory: it
/// ends with the program, so the suggested command cannot work.
pub(super) fn advised(shared: &Shared, text: &str) -> Option<String> {
    let url = store_url(shared);
    if url.as_ref().is_ok_and(|url| !url.outlives_process()) && commands(text).next().is_some() {
        return None;
    }
    let (Some(_), Ok(url)) = (&shared.store, url) else { return Some(text.to_owned()) };
    let option = format!(" --store {}", quoted(&url.without_secrets()));
    let mut told = String::new();
    let mut from = 0;
    for end in commands(text) {
        told.push_str(&text[from..end]);
        told.push_str(&option);
        from = end;
    }
    told.push_str(&text[from..]);
    Some(told)
}

/// Returns the byte offset at which each command in backticks that uses a store ends.
fn commands(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices("`chem ").filter_map(move |(start, begin)| {
        let command = &text[start + begin.len()..];
        let end = command.find('`')?;
        let word = command[..end].split(' ').next().unwrap_or_default();
        ON_A_STORE.contains(&word).then_some(start + begin.len() + end)
    })
}

/// Quotes `word` for a shell, if needed.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "-_./:@=,+%".contains(character);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Arguments;

    fn told(store: &str, text: &str) -> Option<String> {
        advised(&Arguments::parse_from(["chem", "ls", "--store", store]).shared, text)
    }

    #[test]
    fn a_command_names_the_store_that_was_given() {
        assert_eq!(
            told("sqlite:my.db", "`chem show 1` says why; `chem retry 1` tries again").unwrap(),
            "`chem show 1 --store sqlite:my.db` says why; `chem retry 1 --store sqlite:my.db` tries again"
        );
        assert_eq!(told("sqlite:my.db", "`chem steps` lists them").unwrap(), "`chem steps` lists them");
        assert_eq!(told("sqlite:my db", "`chem ls`").unwrap(), "`chem ls --store 'sqlite:my db'`");
    }

    #[test]
    fn nothing_is_advised_for_a_store_that_is_gone() {
        assert_eq!(told("memory:", "go on with `chem resume 1`"), None);
        assert_eq!(told("memory:", "did you mean `demo.seed`?").unwrap(), "did you mean `demo.seed`?");
    }
}
