//! The page of each rule: its wrong example shows the rule and no other, and its right example nothing.

use std::path::Path;
use std::process::Command;

use chem_runtime::manifest::{self, Checked, Override, RULES, Style, render};
use chem_runtime::step::Registry;

use crate::generated::{assert_current, in_repository};
use crate::steps::copy_beginnings;

/// No manifest is known that shows this: it says what no other rule said, and there is to be nothing of that kind.
const CANNOT_BE_SHOWN: &str = "E0512";

/// An example: a manifest, or the commands that write one as `flow.yaml`.
struct Example<'p> {
    is_script: bool,
    text: &'p str,
}

/// The fenced block under the line `title`.
fn example<'p>(page: &'p str, title: &str) -> Option<Example<'p>> {
    let (_, rest) = page.split_once(&format!("\n{title}\n\n```"))?;
    let (language, rest) = rest.split_once('\n')?;
    let (text, _) = rest.split_once("\n```\n")?;
    Some(Example { is_script: language == "sh", text })
}

impl Example<'_> {
    /// What a check says of it, in a directory with the data of `flows`.
    fn check(&self, directory: &Path) -> Checked {
        let path = directory.join("flow.yaml");
        if self.is_script {
            assert!(Command::new("sh").arg("-c").arg(self.text).current_dir(directory).status().unwrap().success());
        } else {
            std::fs::write(&path, format!("{}\n", self.text)).unwrap();
        }
        let overrides = self.text.lines().filter_map(|line| line.strip_prefix("# --set ")).map(Override::new);
        manifest::load(&path, &overrides.collect::<Vec<_>>(), Registry::linked().unwrap())
    }
}

#[test]
fn every_page_shows_its_rule() {
    let directory = tempfile::tempdir().unwrap();
    copy_beginnings(&in_repository("flows/data"), &directory.path().join("data"));
    let mut wanting = Vec::new();
    for rule in RULES {
        let (code, page) = (rule.code, rule.page);
        if !page.starts_with(&format!("# {code}: {}\n", rule.title)) {
            wanting.push(format!("{code}.md does not begin with the code and the title of the rule"));
        }
        if cfg!(not(feature = "chemistry")) && page.contains("molecules.") {
            continue;
        }
        for (title, expected) in [("Wrong:", vec![code]), ("Right:", Vec::new())] {
            // The suite `python` shows the right examples that need an interpreter.
            if title == "Right:" && page.contains("steps_from:") {
                continue;
            }
            let Some(example) = example(page, title) else {
                if code != CANNOT_BE_SHOWN || title == "Right:" {
                    wanting.push(format!("{code}.md has no example after `{title}`"));
                }
                continue;
            };
            let checked = example.check(directory.path());
            let mut found: Vec<&str> = checked.diagnostics.iter().map(|diagnostic| diagnostic.rule.code).collect();
            // A thousand errors are of one kind, and what is said after them is the rule.
            found.dedup();
            if code == "E0001" && title == "Wrong:" {
                found.retain(|found| *found == code);
            }
            if found != expected {
                let said: String = render(&checked.diagnostics, Style::Plain).chars().take(2000).collect();
                wanting.push(format!("{code}.md, {title} shows {found:?}\n{said}"));
            }
        }
    }
    assert!(wanting.is_empty(), "{}", wanting.join("\n"));
}

#[test]
fn no_page_lacks_a_rule() {
    for entry in std::fs::read_dir(in_repository("docs/diagnostics")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = RULES.iter().any(|rule| name.strip_suffix(".md") == Some(rule.code));
        assert!(known || name == "README.md", "docs/diagnostics/{name} is the page of no rule");
    }
}

#[test]
fn the_list_of_pages_is_current() {
    let mut list = String::from(
        "# Diagnostics\n\nThe diagnostics of `chem check`, by code. `chem check --explain CODE` prints a page. This list is generated \
         from the\nrules.\n\n",
    );
    for rule in RULES {
        list.push_str(&format!("- [{}]({}.md): {}\n", rule.code, rule.code, rule.title));
    }
    assert_current("docs/diagnostics/README.md", &list);
}
