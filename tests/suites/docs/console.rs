//! Pages whose commands are run and whose output is compared.
//!
//! A fenced block after a line that ends in the name of a file and a colon (``Write this to `a.yaml`:``) is written to
//! that file, or to its end if the line says to add it (``Then add this to `a.rs`:``). In a block of ` ```console `, a line that begins with `$ ` is a command, and what follows up to the next
//! one is what it prints to stdout; a command that fails may print to stderr too, and has to show what. `…` stands for
//! anything within a line, and alone on a line for any lines.

use std::path::PathBuf;

use chem_tests::outside::Outside;

/// A fenced block of a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// The number of its first line.
    pub line: usize,
    /// What stands after the fence.
    pub language: &'a str,
    /// The line before it that says something.
    pub introduction: &'a str,
    pub text: String,
}

/// The fenced blocks of `page`.
pub fn blocks(page: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut open, mut introduction) = (Vec::new(), None::<Block<'_>>, "");
    for (number, line) in (1..).zip(page.lines()) {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block { line: number + 1, language, introduction, text: String::new() });
            }
            (None, None) if !line.trim().is_empty() => introduction = line,
            (None, None) => {}
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

impl Block<'_> {
    /// The file that the block is the content of, and whether that is only the end of it.
    fn file(&self) -> Option<(&str, bool)> {
        let (before, file) = self.introduction.strip_suffix("`:")?.rsplit_once('`')?;
        let adds = before.to_ascii_lowercase().ends_with("add this to ");
        (self.language != "console" && !before.is_empty()).then_some((file, adds))
    }

    /// Whether a reader who follows the page does something with the block.
    pub fn is_followed(&self) -> bool {
        self.language == "console" || self.file().is_some()
    }

    /// The commands with what each prints.
    fn commands(&self) -> Vec<(&str, String)> {
        let mut commands: Vec<(&str, String)> = Vec::new();
        for line in self.text.lines() {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command, String::new())),
                (None, Some((_, output))) => output.extend([line, "\n"]),
                (None, None) => panic!("line {}: a console block begins with a command", self.line),
            }
        }
        commands
    }
}

/// Goes through `page`: writes its files and runs its commands, each as it comes.
///
/// `export NAME=VALUE` gives the later commands what `stand_in` has for the name, or else the value. Where `stand_in`
/// has nothing to give, the rest of the page is left out. For a command that cannot be run, what `instead` has for it is run.
#[track_caller]
pub fn follow(
    page: &str,
    mut outside: Outside,
    instead: impl Fn(&str) -> Option<String>,
    stand_in: impl Fn(&str, &str) -> Option<String>,
) {
    let mut within = PathBuf::new();
    for block in blocks(page) {
        if let Some((file, adds)) = block.file() {
            let path = within.join(file);
            let before =
                if adds { std::fs::read_to_string(outside.path().join(&path)).unwrap() + "\n" } else { String::new() };
            outside.write(path, &(before + &block.text));
        }
        if block.language != "console" {
            continue;
        }
        for (command, expected) in block.commands() {
            if let Some(directory) = command.strip_prefix("cd ") {
                within.push(directory);
            } else if let Some((name, value)) = command.strip_prefix("export ").and_then(|rest| rest.split_once('=')) {
                let Some(value) = stand_in(name, value) else { return };
                outside = outside.variable(name, value);
            } else {
                let said = outside.shell(&within, instead(command).as_deref().unwrap_or(command));
                let printed = if said.good { said.stdout.clone() } else { format!("{}{}", said.stdout, said.stderr) };
                assert!(
                    matches(&expected, &printed) && (said.good || !expected.is_empty()),
                    "the block at line {}: `{command}` {}\n--- the page says\n{expected}--- it printed\n{}{}",
                    block.line,
                    if said.good { "does something else" } else { "fails in another way" },
                    said.stdout,
                    said.stderr,
                );
            }
        }
    }
}

/// Whether `printed` is what is `expected`.
pub fn matches(expected: &str, printed: &str) -> bool {
    fn lines(expected: &[&str], printed: &[&str]) -> bool {
        match expected {
            [] => printed.is_empty(),
            ["…", rest @ ..] => (0..=printed.len()).any(|skipped| lines(rest, &printed[skipped..])),
            [first, rest @ ..] => {
                printed.split_first().is_some_and(|(line, more)| line_matches(first, line) && lines(rest, more))
            }
        }
    }
    let [expected, printed] = [expected, printed].map(|text| text.trim_end().lines().map(str::trim_end));
    lines(&expected.collect::<Vec<_>>(), &printed.collect::<Vec<_>>())
}

fn line_matches(expected: &str, printed: &str) -> bool {
    let Some((beginning, rest)) = expected.split_once('…') else {
        return expected == printed;
    };
    let Some(printed) = printed.strip_prefix(beginning) else {
        return false;
    };
    let starts = printed.char_indices().map(|(at, _)| at).chain([printed.len()]);
    starts.into_iter().any(|at| line_matches(rest, &printed[at..]))
}

#[test]
fn an_ellipsis_stands_for_anything() {
    for (expected, printed) in [
        ("", ""),
        ("a\nb\n", "a\nb"),
        ("run …\n", "run 01a2\n"),
        ("a … c …!\n", "a b c c d!\n"),
        ("a\n…\nz\n", "a\nb\nc\nz\n"),
        ("a\n…\n", "a\n"),
    ] {
        assert!(matches(expected, printed), "{expected:?} {printed:?}");
    }
    for (expected, printed) in
        [("", "a"), ("a\n", "a\nb\n"), ("run …\n", "ran 1\n"), ("a\n…\nz\n", "a\nb\n"), ("…a", "b")]
    {
        assert!(!matches(expected, printed), "{expected:?} {printed:?}");
    }
}

#[test]
fn a_page_has_files_and_commands() {
    let page = "Write `this` to `a/b.yaml`:\n\n```yaml\nx: 1\n```\n\nThen:\n\n```console\n$ one\nsays\n\n$ two\n```\n\n\
                Add this to `a.rs`:\n\n```rust\n```\n\nOr:\n\n```rust\n```\n";
    let [file, console, more, nothing] = &blocks(page)[..] else { panic!("{:?}", blocks(page)) };
    assert_eq!((file.file(), file.text.as_str(), file.line), (Some(("a/b.yaml", false)), "x: 1\n", 4));
    assert_eq!((console.file(), more.file(), nothing.file()), (None, Some(("a.rs", true)), None));
    assert!(console.is_followed() && more.is_followed() && !nothing.is_followed());
    assert_eq!(console.commands(), [("one", "says\n\n".to_owned()), ("two", String::new())]);
}
