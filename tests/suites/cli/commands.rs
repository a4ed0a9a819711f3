//! The list of commands, as the help, the README and the sources have it.

use std::path::{Path, PathBuf};

use crate::harness::Place;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Returns the help of a command, and the names of its subcommands.
fn help(command: &[&str]) -> (String, Vec<String>) {
    let place = Place::new();
    let mut program = place.command(&[command, &["--help"]].concat());
    program.env_remove("CHEM_CONFINED");
    let text = String::from_utf8(program.output().unwrap().stdout).unwrap().replace("chem-with-test-steps", "chem");
    let list = text.split_once("\nCommands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    let name = |line: &str| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')).map(str::to_owned);
    let names = list.unwrap_or_default().lines().filter_map(name);
    let names = names.filter_map(|line| line.split(' ').next().map(str::to_owned)).filter(|name| name != "help");
    let names = names.collect();
    (text, names)
}

#[test]
fn the_help_of_every_command_is_pinned() {
    let mut open = vec![Vec::new()];
    let mut seen = 0;
    while let Some(command) = open.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let (text, subcommands) = help(&words);
        let name = [&["chem"], &words[..]].concat().join("-");
        let pinned = in_repository("snapshots/cli");
        insta::with_settings!({ snapshot_path => pinned, prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, text);
        });
        open.extend(subcommands.into_iter().map(|name| [command.clone(), vec![name]].concat()));
        seen += 1;
    }
    assert!(seen > 25, "only {seen} commands were found");
}

#[test]
fn the_readme_names_every_command() {
    let readme = std::fs::read_to_string(in_repository("README.md")).unwrap();
    let (_, commands) = help(&[]);
    assert!(commands.len() > 15, "{commands:?}");
    for command in &commands {
        let (typed, listed) = (format!("chem {command}"), format!("`{command}`"));
        assert!(readme.contains(&typed) || readme.contains(&listed), "README.md does not name `chem {command}`");
    }
}

/// Returns the lines of code in `directory`, without comments and tests, each with its file.
fn code(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            lines.extend(code(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            let is_code = |line: &&str| !line.trim_start().starts_with("//");
            lines.extend(text.lines().filter(is_code).map(|line| (path.clone(), line.to_owned())));
        }
    }
    lines
}

/// The exit status comes back to `main`, and no other function ends the process.
#[test]
fn the_process_ends_in_main_alone() {
    for sources in ["chem-runtime/src", "chem-manifest/src", "chem-macros/src"] {
        for (path, line) in code(&in_repository(sources)) {
            let ends = ["process::exit", "process::abort", ".exit()"].iter().any(|call| line.contains(call));
            assert!(!ends, "{}: {line}", path.display());
        }
    }
}

/// Text about commands that does not suggest to type them.
const ONLY_NAMED: &[&str] = &[
    "only `chem artifact` prints Arrow",
    "only `chem plan` draws graphs",
    "`chem store repair` runs steps of all runs",
    "Begin the run with `chem run MANIFEST --on …`, set RUN to its id",
];

/// A suggested command is an `Advice`, which adds `--store`; in text it would lack the option.
#[test]
fn no_text_suggests_a_command() {
    let cli = in_repository("chem-runtime/src/cli");
    for (path, line) in code(&cli) {
        let is_allowed = path.ends_with("advice.rs") || ONLY_NAMED.iter().any(|text| line.contains(text));
        assert!(is_allowed || !line.contains("`chem "), "{}: {line}", path.display());
    }
}
