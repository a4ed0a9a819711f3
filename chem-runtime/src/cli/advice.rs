//! Hints to the user: text, and commands to type. Commands become text only here, with the `--store` option of this call, so
//! that each works when copied.

use std::fmt::Display;

use super::CommandName;
use super::args::Shared;
use crate::report::quoted;

/// A hint: text and commands, in the order in which they are printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Advice(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Command { name: CommandName, arguments: Vec<String> },
}

impl Advice {
    /// Begins a hint with a command.
    pub(super) fn command(name: CommandName, arguments: &[&dyn Display]) -> Self {
        Self::default().then_command(name, arguments)
    }

    /// Begins a hint with text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::default().then(text)
    }

    /// Adds text.
    pub(super) fn then(mut self, text: impl Into<String>) -> Self {
        self.0.push(Part::Text(text.into()));
        self
    }

    /// Adds a command.
    pub(super) fn then_command(mut self, name: CommandName, arguments: &[&dyn Display]) -> Self {
        self.0.push(Part::Command { name, arguments: arguments.iter().map(ToString::to_string).collect() });
        self
    }

    /// Returns the hint as text, with each command in backticks. Returns `None` if a command needs a store and the store of
    /// this call is in memory: it ends with the program, so the command cannot work.
    pub(super) fn render(&self, shared: &Shared) -> Option<String> {
        let url = shared.store_url();
        let needs_store = |part: &Part| matches!(part, Part::Command { name, .. } if name.needs_store());
        if url.as_ref().is_ok_and(|url| !url.outlives_process()) && self.0.iter().any(needs_store) {
            return None;
        }
        let option = match store_option(shared) {
            option if option.is_empty() => option,
            option => format!(" {option}"),
        };
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(words) => text.push_str(words),
                Part::Command { name, arguments } => {
                    let arguments: String = arguments.iter().map(|argument| format!(" {}", quoted(argument))).collect();
                    let option = if name.needs_store() { option.as_str() } else { "" };
                    text.push_str(&format!("`chem {}{arguments}{option}`", name.typed()));
                }
            }
        }
        Some(text)
    }
}

/// Returns the `--store` option of this call, without secrets; an empty text if there is none.
pub(super) fn store_option(shared: &Shared) -> String {
    match (&shared.store, shared.store_url()) {
        (Some(_), Ok(url)) => format!("--store {}", quoted(&url.without_secrets())),
        _ => String::new(),
    }
}

impl From<&str> for Advice {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Advice {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Arguments;

    fn render(store: &str, advice: &Advice) -> Option<String> {
        advice.render(&Arguments::parse_from(["chem", "ls", "--store", store]).shared)
    }

    #[test]
    fn a_command_names_the_store_that_was_given() {
        let advice =
            Advice::command(CommandName::Show, &[&1]).then(" says why; ").then_command(CommandName::Steps, &[]);
        assert_eq!(
            render("sqlite:my.db", &advice).unwrap(),
            "`chem show 1 --store sqlite:my.db` says why; `chem steps`"
        );
        let list = Advice::command(CommandName::Ls, &[]);
        assert_eq!(render("sqlite:my db", &list).unwrap(), "`chem ls --store 'sqlite:my db'`");
        let shared = Arguments::parse_from(["chem", "ls"]).shared;
        assert_eq!(list.render(&shared).unwrap(), "`chem ls`");
    }

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        let advice = Advice::command(CommandName::Check, &[&"my flow.yaml", &"it's", &""]);
        let shared = Arguments::parse_from(["chem", "ls"]).shared;
        assert_eq!(advice.render(&shared).unwrap(), r"`chem check 'my flow.yaml' 'it'\''s' ''`");
    }

    #[test]
    fn no_command_is_suggested_for_a_store_that_ends_with_the_program() {
        let resume = Advice::text("continue with ").then_command(CommandName::Resume, &[&1]);
        assert_eq!(render("memory:", &resume), None);
        assert_eq!(render("memory:", &"did you mean `demo.seed`?".into()).unwrap(), "did you mean `demo.seed`?");
    }
}
