//! Every manifest of `wrong/` and `right/` against its snapshot.

use std::collections::BTreeSet;

use chem_runtime::manifest::{Checked, RULES, Style, render};

use super::{check_with, codes, directory};

/// Rules that no manifest can show, each with the test that shows it.
const SHOWN_ELSEWHERE: &[(&str, &str)] = &[
    ("E0001", "robust::a_thousand_problems_are_enough"),
    ("E0101", "robust::a_manifest_that_cannot_be_read_is_named"),
    ("E0102", "robust::bytes_that_are_not_utf8_are_pointed_at"),
    ("E0103", "robust::a_manifest_that_is_too_large_is_not_read"),
    ("E0512", "none: it says what no other rule said, and there is to be nothing of that kind"),
];

/// The manifests in a directory of this suite: name, text, and the overrides that their first lines ask for.
pub fn manifests(kind: &str) -> Vec<(String, String, Vec<String>)> {
    let mut manifests = Vec::new();
    for entry in std::fs::read_dir(directory().join(kind)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let overrides = text.lines().filter_map(|line| line.strip_prefix("# --set ").map(str::to_owned)).collect();
        manifests.push((name, text, overrides));
    }
    manifests.sort();
    manifests
}

fn check_one(text: &str, overrides: &[String]) -> Checked {
    check_with(text, &overrides.iter().map(String::as_str).collect::<Vec<_>>())
}

fn assert_pinned(name: &str, what: String) {
    let snapshots = directory().join("../../../snapshots/manifest");
    insta::with_settings!({ snapshot_path => snapshots, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, what);
    });
}

#[test]
fn every_mistake_is_explained() {
    let mut shown = BTreeSet::new();
    for (name, text, overrides) in manifests("wrong") {
        let checked = check_one(&text, &overrides);
        let found = codes(&checked);
        let (code, _) = name.split_once('-').unwrap();
        assert!(code == "many" || found.contains(&code), "{name} shows {found:?}");
        let wrong = checked.diagnostics.iter().any(|diagnostic| diagnostic.is_error());
        assert_eq!(checked.definition.is_none(), wrong, "{name}: a flow runs if, and only if, it has no error");
        shown.extend(found);
        assert_pinned(&name, render(&checked.diagnostics, Style::Plain));
    }
    shown.extend(SHOWN_ELSEWHERE.iter().map(|(code, _)| *code));
    let missing: Vec<&str> = RULES.iter().map(|rule| rule.code).filter(|code| !shown.contains(code)).collect();
    assert!(missing.is_empty(), "no manifest in wrong/ shows {missing:?}");
}

#[test]
fn what_is_right_resolves() {
    for (name, text, overrides) in manifests("right") {
        let checked = check_one(&text, &overrides);
        assert_eq!(render(&checked.diagnostics, Style::Plain), "", "{name}");
        let definition = checked.definition.unwrap();
        let recorded = serde_json::to_string_pretty(&definition.recorded().unwrap()).unwrap();
        assert_pinned(&name, format!("{}\n{recorded}", definition.name().unwrap_or_default()));
    }
}
