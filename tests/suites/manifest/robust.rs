//! Manifests that nobody wrote on purpose, and very long ones.

use std::time::{Duration, Instant};

use chem_runtime::artifact::Table;
use chem_runtime::manifest::{MAX_BYTES, Override, Source, Style, check, render};
use chem_runtime::step::{Expression, Registry};
use proptest::prelude::*;

use super::{check_text, codes, directory};

/// A manifest that uses every part of the language.
const FULL: &str = "\
# A comment — with a dash
flow: full
description: >-
  Folded
  text.
params: { library: data/drugs.csv, limit: 5, names: [logp, 'tpsa'] }
steps:
  - id: read
    uses: lab.read
    with: { path: \"${params.library}\" }
  - id: add
    uses: lab.describe
    with:
      properties: ${params.names}
      names: {logp: 'it''s', tpsa: \"\\u00e9 ${params.limit}\"}
  - id: keep
    uses: lab.filter
    inputs: { table: add }
    with:
      where: |
        logp < params.limit
        && tpsa != null
";

#[test]
fn the_full_manifest_is_right() {
    assert_eq!(render(&check_text(FULL).diagnostics, Style::Plain), "");
}

#[test]
fn line_ends_and_byte_order_marks_change_nothing() {
    let plain = check_text(FULL).definition.unwrap().recorded().unwrap();
    for text in [FULL.replace('\n', "\r\n"), format!("\u{feff}{FULL}"), format!("---\n{FULL}...\n")] {
        assert_eq!(check_text(&text).definition.unwrap().recorded().unwrap(), plain);
    }
    let wrong = FULL.replace("uses: lab.filter", "uses: lab.filtre");
    let places = |text: &str| {
        let checked = check_text(text);
        checked
            .diagnostics
            .iter()
            .map(|d| (d.to_json()["line"].clone(), d.to_json()["column"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(places(&wrong), places(&wrong.replace('\n', "\r\n")));
    assert_eq!(places(&wrong), places(&format!("\u{feff}{wrong}")));
}

#[test]
fn bytes_that_are_not_utf8_are_pointed_at() {
    let error = Source::from_bytes("flow.yaml", b"\xef\xbb\xbfflow: caf\xe9\n").unwrap_err();
    let json = error.to_json();
    assert_eq!((error.rule.code, &json["line"], &json["column"]), ("E0102", &1.into(), &10.into()));
    let utf16 = Source::from_bytes("flow.yaml", b"\xff\xfef\0l\0").unwrap_err();
    assert!(utf16.help.as_deref().unwrap().contains("UTF-16"));
}

#[test]
fn a_manifest_that_cannot_be_read_is_named() {
    let error = Source::read("no/such.yaml".as_ref()).unwrap_err();
    assert_eq!(error.rule.code, "E0101");
    assert!(error.render(Style::Plain).contains("no/such.yaml"));
}

#[test]
fn a_manifest_that_is_too_large_is_not_read() {
    let checked = check_text(&" ".repeat(MAX_BYTES + 1));
    assert_eq!(codes(&checked), ["E0103"]);
}

#[test]
fn aliases_cannot_multiply() {
    let mut text = String::from("flow: it\nparams:\n  a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (name, before) in ('b'..='i').zip('a'..) {
        let aliases = vec![format!("*{before}"); 9].join(", ");
        text += &format!("  {name}: &{name} [{aliases}]\n");
    }
    let checked = check_text(&text);
    assert!(checked.definition.is_none() && codes(&checked).iter().all(|code| ["E0108", "E0203"].contains(code)));
}

/// Text that could make a parser slow or deep.
#[test]
fn nothing_is_slow_or_deep() {
    let long = 100_000;
    for text in [
        "[".repeat(long),
        "{".repeat(long),
        "- ".repeat(long),
        "? ".repeat(long),
        "a: ".repeat(long),
        "&a ".repeat(long),
        "!a ".repeat(long),
        "'".repeat(long),
        "\"\\".repeat(long),
        "--- ".repeat(long),
        "---\n".repeat(long),
        "a\n".repeat(long),
        " \n".repeat(long),
        "#\n".repeat(long),
        "\t".repeat(long),
        "a: |\n".to_owned() + &" \n".repeat(long),
        "[a, ".to_owned() + &"a, ".repeat(long) + "]",
        "{a: ".to_owned() + &"a: ".repeat(long) + "}",
        "flow: ".to_owned() + &"é".repeat(long),
        "flow: it\nsteps:\n".to_owned() + &"- x\n".repeat(long / 10),
        "flow: it\nsteps:\n".to_owned() + &"- id: s\n  uses: x\n".repeat(long / 100),
        (0..long / 20).fold(String::new(), |text, n| text + &format!("key{n}: 1\n")),
        "flow: it\nsteps:\n- { id: s, uses: demo.seed, with: { text: '".to_owned() + &"${x} ".repeat(long) + "' } }\n",
        "flow: it\nsteps:\n- { id: s, uses: demo.seed, with: { ".to_owned()
            + &(0..long / 20).map(|n| format!("k{n}: 1, ")).collect::<String>()
            + "} }\n",
        FULL.to_owned() + "        " + &"&& a ".repeat(long),
    ] {
        let start = Instant::now();
        let checked = check_text(&text);
        render(&checked.diagnostics, Style::Plain);
        let took = start.elapsed();
        let begins: String = text.chars().take(20).collect();
        assert!(!checked.diagnostics.is_empty(), "{begins:?}");
        assert!(took < Duration::from_secs(60), "{begins:?} took {took:?}");
    }
}

#[test]
fn a_thousand_problems_are_enough() {
    let checked = check_text(&("flow: it\nsteps:\n".to_owned() + &"- x\n".repeat(1_500)));
    assert_eq!(checked.diagnostics.len(), 1_001);
    assert_eq!(checked.diagnostics[1_000].rule.code, "E0001");
}

/// A flow of `n` steps, each of which takes up a parameter.
fn long_flow(n: usize) -> String {
    let mut text = String::from("flow: long\nparams: { limit: 5 }\nsteps:\n");
    text += "  - { id: s0, uses: lab.read, with: { path: data/drugs.csv } }\n";
    for index in 1..n {
        text += &format!("  - id: s{index}\n    uses: lab.describe\n    inputs: {{ table: s{} }}\n", index - 1);
        text += "    with: { properties: [logp, weight], decimals: \"${params.limit}\", heaviest: 5e2 }\n";
    }
    text
}

#[test]
fn a_long_flow_costs_per_step_what_a_short_one_costs() {
    let time = |n: usize| {
        let text = long_flow(n);
        let once = || {
            let start = Instant::now();
            assert!(check_text(&text).definition.is_some());
            start.elapsed()
        };
        // The best of a few, since other programs run on the machine as well.
        (0..3).map(|_| once()).min().unwrap()
    };
    time(10);
    let (short, long) = (time(500), time(4_000));
    assert!(long < short * 8 * 4, "500 steps take {short:?}, and 4,000 take {long:?}");
}

/// Pieces of YAML and of manifests.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "flow: it\n",
        "params:\n",
        "steps:\n",
        "  - ",
        "- ",
        "id: s\n",
        "    uses: lab.filter\n",
        "uses: demo.seed\n",
        "    with: ",
        "where: ",
        "path: ",
        "inputs: ",
        "table: ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        ": ",
        "\n",
        "\n  ",
        "\r\n",
        "\t",
        "'",
        "\"",
        "\\",
        "|\n",
        ">-\n",
        "&a ",
        "*a",
        "!t ",
        "# c\n",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "? ",
        "<<",
        "é",
        "\u{feff}",
        "${params.x}",
        "${",
        "$${",
        "}",
        "a < 5 && ",
        "params.x",
        ".nan",
        "0x1F",
        "1e999",
        "null",
        "~",
        "\0",
        "\u{85}",
        "\u{2028}",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// The full manifest with a few bytes cut out and others put in.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (0..FULL.len(), 0usize..12, prop::collection::vec(any::<u8>(), 0..4));
    prop::collection::vec(edit, 1..4).prop_map(|edits| {
        let mut bytes = FULL.as_bytes().to_vec();
        for (at, cut, put) in edits {
            let at = at.min(bytes.len());
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, put);
        }
        bytes
    })
}

/// Checks, renders and serialises; and a flow is there if, and only if, nothing is wrong.
fn survive(bytes: &[u8]) {
    let source = match Source::from_bytes("fuzz.yaml", bytes) {
        Ok(source) => source,
        Err(diagnostic) => {
            diagnostic.render(Style::Plain);
            return;
        }
    };
    let overrides = [Override::new(String::from_utf8_lossy(bytes)), Override::new("limit=6")];
    for overrides in [&[][..], &overrides] {
        let checked = check(&source, overrides, Registry::linked().unwrap(), &directory());
        let wrong = checked.diagnostics.iter().any(|diagnostic| diagnostic.is_error());
        assert_eq!(checked.definition.is_none(), wrong);
        assert!(!codes(&checked).contains(&"E0512"), "the check and the flow disagree:\n{}", source.text());
        for diagnostic in &checked.diagnostics {
            assert!(diagnostic.primary.span.end <= diagnostic.primary.source.text().len());
            diagnostic.render(Style::Coloured);
            diagnostic.to_json();
        }
        if let Some(definition) = checked.definition {
            definition.recorded().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(chem_tests::values::cases(256))]

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        survive(text.as_bytes());
    }

    #[test]
    fn no_pieces_make_it_panic(text in soup()) {
        survive(text.as_bytes());
    }

    #[test]
    fn no_change_makes_it_panic(bytes in mutated()) {
        survive(&bytes);
    }

    #[test]
    fn no_expression_makes_it_panic(text in "[a-c<>=!&|()\\[\\]{}'\"\\\\.+*/% 0-9ué\n-]{0,40}|.{0,40}") {
        if let Ok(expression) = Expression::new(text) {
            let table = Table::default();
            if let Ok(condition) = expression.over(&table) {
                condition.test(0);
            }
        }
    }
}
