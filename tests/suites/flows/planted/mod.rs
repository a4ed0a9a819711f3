//! Plants changes in a flow, and checks the headline for each.

#[macro_use]
pub mod steps;

use std::sync::Arc;

use chem_runtime::step::{Registry, StepRegistration};
use chem_runtime::store::InMemoryEventStore;
use chem_runtime::testing::{FlowRecord, Mismatch};
use serde_json::Value;

const MANIFEST: &str = "\
flow: greetings
description: Greets loudly.
params:
  file: hello.txt
steps:
  - id: read
    uses: planted.read
    with: { path: \"${params.file}\" }
  - id: shout
    uses: planted.shout
  - id: mirror
    uses: planted.mirror
  - id: letters
    uses: planted.letters
  - id: count
    uses: planted.count
";
const INPUT: &str = "Hola, amigo\n";

/// A change with the expected report.
struct Planted {
    what: &'static str,
    /// Replacements in the manifest.
    manifest: &'static [(&'static str, &'static str)],
    input: &'static str,
    /// Step types that replace those of the same names.
    code: fn() -> Vec<&'static StepRegistration>,
    headline: &'static str,
    effect: &'static str,
}

const UNCHANGED: Planted = Planted {
    what: "",
    manifest: &[],
    input: INPUT,
    code: Vec::new,
    headline: "",
    effect: "no fingerprint moved; no result changed",
};

fn planted() -> Vec<Planted> {
    vec![
        Planted {
            what: "code without version, first step",
            code: || vec![registered!(steps::ReadAll as "planted.read", 1)],
            headline: "step `read` gave another result under the same fingerprint: main output `\"Hola, amigo\"` → \
                       `\"Hola, amigo\\n\"`; raise its `version`",
            effect: "fingerprints moved: `shout`, `mirror`, `letters`, `count`; results changed: `read`, `shout`, \
                     `mirror`, `letters`, `count`",
            ..UNCHANGED
        },
        Planted {
            what: "code without version, middle step",
            code: || vec![registered!(steps::Whisper as "planted.shout", 1)],
            headline: "step `shout` gave another result under the same fingerprint: main output `\"HOLA, AMIGO\"` → \
                       `\"hola, amigo\"`; raise its `version`",
            effect: "fingerprints moved: `mirror`, `letters`, `count`; results changed: `shout`, `mirror`, `letters`",
            ..UNCHANGED
        },
        Planted {
            what: "code without version, a table",
            code: || vec![registered!(steps::LettersFromOne as "planted.letters", 1)],
            headline: "step `letters` gave another result under the same fingerprint: main output differs first in row 1 (O): \
                       code `79` → `80`; raise its `version`",
            effect: "fingerprints moved: `count`; results changed: `letters`",
            ..UNCHANGED
        },
        Planted {
            what: "code without version, last step",
            code: || vec![registered!(steps::CountMore as "planted.count", 1)],
            headline: "step `count` gave another result under the same fingerprint: main output `{\"rows\":11}` → \
                       `{\"rows\":12}`; raise its `version`",
            effect: "no fingerprint moved; results changed: `count`",
            ..UNCHANGED
        },
        Planted {
            what: "version without code",
            code: || vec![registered!(steps::Shout as "planted.shout", 2)],
            headline: "step `shout`: the version of `planted.shout` changed: 1 → 2; the result is the same",
            effect: "fingerprints moved: `shout`; no result changed",
            ..UNCHANGED
        },
        Planted {
            what: "version with code",
            code: || vec![registered!(steps::Whisper as "planted.shout", 2)],
            headline: "step `shout`: the version of `planted.shout` changed: 1 → 2; the result is another: main output \
                       `\"HOLA, AMIGO\"` → `\"hola, amigo\"`",
            effect: "fingerprints moved: `shout`, `mirror`, `letters`, `count`; results changed: `shout`, `mirror`, `letters`",
            ..UNCHANGED
        },
        Planted {
            what: "parameter",
            manifest: &[("uses: planted.shout", "uses: planted.shout\n    with: { marks: 3 }")],
            headline: "step `shout`: parameter `marks` changed: `0` → `3`",
            effect: "fingerprints moved: `shout`, `mirror`, `letters`, `count`; results changed: `shout`, `mirror`, \
                     `letters`, `count`",
            ..UNCHANGED
        },
        Planted {
            what: "default of a parameter",
            code: || vec![registered!(steps::ShoutLouder as "planted.shout", 1)],
            headline: "step `shout`: the default of parameter `marks` of `planted.shout` changed: `0` → `1`",
            effect: "fingerprints moved: `shout`, `mirror`, `letters`, `count`; results changed: `shout`, `mirror`, \
                     `letters`, `count`",
            ..UNCHANGED
        },
        Planted {
            what: "a new parameter",
            code: || vec![registered!(steps::ShoutTwice as "planted.shout", 1)],
            headline: "step `shout`: `planted.shout` has the new parameter `times`, with the default `1`",
            effect: "fingerprints moved: `shout`; no result changed",
            ..UNCHANGED
        },
        Planted {
            what: "a default that is written out",
            manifest: &[("uses: planted.shout", "uses: planted.shout\n    with: { marks: 0 }")],
            headline: "step `shout`: the manifest now sets parameter `marks` to its default",
            ..UNCHANGED
        },
        Planted {
            what: "input file",
            input: "Hola, amiga\n",
            headline: "step `read`: the content of the input file `hello.txt` changed",
            effect: "fingerprints moved: `read`, `shout`, `mirror`, `letters`, `count`; results changed: `read`, `shout`, \
                     `mirror`, `letters`",
            ..UNCHANGED
        },
        Planted {
            what: "another input file with the same content",
            manifest: &[("file: hello.txt", "file: copy.txt")],
            headline: "step `read`: parameter `path` changed: `\"hello.txt\"` → `\"copy.txt\"`; the content is the same",
            ..UNCHANGED
        },
        Planted {
            what: "order",
            manifest: &[
                ("shout\n    uses: planted.shout", "shout_"),
                ("mirror\n    uses: planted.mirror", "shout\n    uses: planted.shout"),
                ("shout_", "mirror\n    uses: planted.mirror"),
            ],
            headline: "step `mirror` moved from after `shout` to after `read`",
            effect: "all fingerprints moved, since they cover the list of steps; results changed: `mirror`, `shout`",
            ..UNCHANGED
        },
        Planted {
            what: "rename of the first step",
            manifest: &[("id: read", "id: source")],
            headline: "step `read` was renamed to `source`",
            effect: "all fingerprints moved, since they cover the list of steps; no result changed",
            ..UNCHANGED
        },
        Planted {
            what: "rename of a middle step",
            manifest: &[("id: mirror", "id: reverse")],
            headline: "step `mirror` was renamed to `reverse`",
            effect: "all fingerprints moved, since they cover the list of steps; no result changed",
            ..UNCHANGED
        },
        Planted {
            what: "insertion",
            manifest: &[("  - id: mirror", "  - id: again\n    uses: planted.mirror\n  - id: mirror")],
            headline: "step `again` (`planted.mirror`) was inserted after `shout`",
            effect: "all fingerprints moved, since they cover the list of steps; results changed: `mirror`, `letters`",
            ..UNCHANGED
        },
        Planted {
            what: "removal",
            manifest: &[("  - id: mirror\n    uses: planted.mirror\n", "")],
            headline: "step `mirror` (`planted.mirror`) was removed after `shout`",
            effect: "all fingerprints moved, since they cover the list of steps; results changed: `letters`",
            ..UNCHANGED
        },
        Planted {
            what: "replacement",
            manifest: &[("id: mirror\n    uses: planted.mirror", "id: calm\n    uses: planted.whisper")],
            headline: "step `mirror` (`planted.mirror`) was replaced by step `calm` (`planted.whisper`)",
            effect: "all fingerprints moved, since they cover the list of steps; results changed: `letters`",
            ..UNCHANGED
        },
        Planted {
            what: "replacement of the first step",
            manifest: &[
                ("id: read\n    uses: planted.read\n", "id: seed\n    uses: demo.seed\n"),
                ("with: { path: \"${params.file}\" }", "with: { text: \"${params.file}\" }"),
            ],
            headline: "step `read` (`planted.read`) was replaced by step `seed` (`demo.seed`)",
            effect: "all fingerprints moved, since they cover the list of steps; results changed: `shout`, `mirror`, \
                     `letters`, `count`",
            ..UNCHANGED
        },
        Planted {
            what: "wiring",
            manifest: &[("uses: planted.letters", "uses: planted.letters\n    inputs: { text: shout }")],
            headline: "step `letters`: input `text` comes from `shout` instead of `mirror`",
            effect: "fingerprints moved: `letters`, `count`; results changed: `letters`",
            ..UNCHANGED
        },
        Planted {
            what: "step type",
            manifest: &[("uses: planted.mirror", "uses: planted.whisper")],
            headline: "step `mirror`: the step type changed: `planted.mirror` → `planted.whisper`",
            effect: "fingerprints moved: `mirror`, `letters`, `count`; results changed: `mirror`, `letters`",
            ..UNCHANGED
        },
        Planted {
            what: "description",
            manifest: &[("Greets loudly.", "Greets, and loudly.")],
            headline: "the flow's description changed: `\"Greets loudly.\"` → `\"Greets, and loudly.\"`",
            ..UNCHANGED
        },
        Planted {
            what: "license",
            manifest: &[("params:", "license: CC0-1.0\nparams:")],
            headline: "the license of the flow changed: `null` → `\"CC0-1.0\"`",
            ..UNCHANGED
        },
        Planted {
            what: "name of the flow",
            manifest: &[("flow: greetings", "flow: greeting")],
            headline: "the flow was renamed from `greetings` to `greeting`",
            ..UNCHANGED
        },
        Planted {
            what: "retry",
            manifest: &[("uses: planted.mirror", "uses: planted.mirror\n    retry: { attempts: 3 }")],
            headline: "step `mirror` has a `retry`: `{\"attempts\":3,\"backoff_ms\":0,\"on\":\"transient\"}`",
            ..UNCHANGED
        },
        Planted {
            what: "timeout",
            manifest: &[("uses: planted.mirror", "uses: planted.mirror\n    timeout: 60s")],
            headline: "step `mirror` has a `timeout_ms`: `60000`",
            ..UNCHANGED
        },
        Planted {
            what: "event order",
            code: || vec![registered!(steps::CountBackwards as "planted.count", 1)],
            headline: "step `count` sent its signals in another order: `counting`, `counted` → `counted`, `counting`",
            ..UNCHANGED
        },
        Planted {
            what: "failure",
            code: || vec![registered!(steps::Hoarse as "planted.shout", 1)],
            headline: "step `shout` fails: no voice for `Hola, amigo` and 0 marks",
            ..UNCHANGED
        },
    ]
}

/// Runs the flow as `flows/greetings.yaml` in a temporary directory.
fn record(manifest: &str, input: &str, code: Vec<&'static StepRegistration>) -> FlowRecord {
    let directory = tempfile::tempdir().unwrap();
    let flows = directory.path().join("flows");
    std::fs::create_dir(&flows).unwrap();
    for (name, text) in [("greetings.yaml", manifest), ("hello.txt", input), ("copy.txt", input)] {
        std::fs::write(flows.join(name), text).unwrap();
    }
    let replaced = |registration: &&'static StepRegistration| {
        !code.iter().any(|other| other.spec().name == registration.spec().name)
    };
    let linked = Registry::linked().unwrap().iter().filter(replaced);
    let registry = Registry::of(linked.chain(code.iter().copied())).unwrap();
    FlowRecord::of_manifest_with(&flows.join("greetings.yaml"), &registry, Arc::new(InMemoryEventStore::new()))
}

impl Planted {
    fn record(&self) -> FlowRecord {
        let mut manifest = MANIFEST.to_owned();
        for (from, to) in self.manifest {
            assert!(manifest.contains(from), "{}: the manifest has no `{from}`", self.what);
            manifest = manifest.replacen(from, to, 1);
        }
        record(&manifest, self.input, (self.code)())
    }
}

fn compared(pinned: &FlowRecord, now: &FlowRecord) -> Mismatch {
    now.compare(pinned.text()).expect("the records differ")
}

#[test]
fn each_change_is_named_in_the_first_line_and_nothing_that_follows_from_it() {
    let pinned = UNCHANGED.record();
    assert_eq!(pinned.compare(UNCHANGED.record().text()), None);
    let mut wrong = Vec::new();
    for planted in planted() {
        let mismatch = compared(&pinned, &planted.record());
        let said = mismatch.to_string();
        let lines = mismatch.detail().len();
        if mismatch.headline() != planted.headline
            || mismatch.effect() != planted.effect
            || !mismatch.also().is_empty()
            || !(1..=44).contains(&lines)
            || said.lines().next() != Some(planted.headline)
        {
            wrong.push(format!("=== {}\n{said}\n", planted.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_changed_library_is_named_before_the_results_that_it_changed() {
    let now = record(MANIFEST, INPUT, vec![registered!(steps::LettersByTwo as "planted.letters", 1)]);
    // A program links one version of a library, so the version in the snapshot is edited.
    let pinned = UNCHANGED.record().text().replace("\"toylib\":\"2.0.0\"", "\"toylib\":\"1.0.0\"");
    let mismatch = now.compare(&pinned).unwrap();
    assert_eq!(mismatch.headline(), "library `toylib` changed from version 1.0.0 to version 2.0.0");
    assert_eq!(
        mismatch.also(),
        ["step `letters` gave another result under the same fingerprint: main output has column `code` computed by \
          `\"toylib@1.0.0\"` → `\"toylib@2.0.0\"`; raise its `version`"]
    );
}

#[test]
fn several_changes_are_all_named_the_silent_one_first() {
    let manifest = MANIFEST.replace("id: mirror", "id: reverse").replace("Greets loudly.", "Greets.");
    let now = record(&manifest, INPUT, vec![registered!(steps::Whisper as "planted.shout", 1)]);
    let mismatch = compared(&UNCHANGED.record(), &now);
    assert_eq!(
        mismatch.headline(),
        "step `shout` gave another result for the same inputs, parameters and version: main output `\"HOLA, AMIGO\"` → \
         `\"hola, amigo\"`; raise its `version`"
    );
    assert_eq!(
        mismatch.also(),
        [
            "step `mirror` was renamed to `reverse`",
            "the flow's description changed: `\"Greets loudly.\"` → `\"Greets.\"`"
        ]
    );
}

#[test]
fn a_large_change_has_a_short_diff_and_the_first_rows_that_differ() {
    let long = "abcdefghij".repeat(500);
    let pinned = record(MANIFEST, &long, Vec::new());
    let code = vec![registered!(steps::LettersFromOne as "planted.letters", 1)];
    let mismatch = compared(&pinned, &record(MANIFEST, &long, code));
    let rows = ["row 1 (J): code `74` → `75`", "row 2 (I): code `73` → `74`", "row 3 (H): code `72` → `73`", ""];
    assert_eq!(mismatch.detail()[..4], rows);
    assert!(mismatch.headline().contains("main output differs first in row 1 (J): code `74` → `75`"));
    assert!(pinned.text().len() < 12_000, "the snapshot of 5000 rows has {} bytes", pinned.text().len());

    let many: String = (0..60).map(|step| format!("  - {{ id: m{step}, uses: planted.mirror }}\n")).collect();
    let manifest = MANIFEST.replace("  - id: letters", &format!("{many}  - id: letters"));
    let mismatch = compared(&pinned, &record(&manifest, "Hola\n", Vec::new()));
    assert_eq!(mismatch.detail().len(), 40);
    assert!(mismatch.detail()[39].starts_with("… and "), "{mismatch}");
    assert_eq!(mismatch.also().last().unwrap(), "55 more changes");
}

#[test]
fn events_and_fingerprints_that_moved_by_themselves_are_named() {
    let now = UNCHANGED.record();
    let headline = |change: fn(&mut Value)| {
        let mut pinned: Value = serde_json::from_str(now.text()).unwrap();
        change(&mut pinned);
        let mismatch = now.compare(&pinned.to_string()).unwrap();
        assert!(mismatch.also().is_empty(), "{mismatch}");
        mismatch.headline().to_owned()
    };
    let order = headline(|pinned| {
        pinned["event_variants"] = "ISSFFSFSFSGGFC".into();
        pinned["events"].as_array_mut().unwrap().swap(2, 3);
    });
    assert_eq!(
        order,
        "the events come in another order: at position 2 `stepfinished` of `read` instead of `stepstarted` of `shout` \
         (`ISSFFSFSFSGGFC` → `ISFSFSFSFSGGFC`)"
    );
    let fewer = headline(|pinned| {
        pinned["event_variants"] = "ISFSFSFSFSGGF".into();
        pinned["events"].as_array_mut().unwrap().pop();
    });
    assert_eq!(
        fewer,
        "the run has other events: at position 13 `flowcompleted` instead of nothing (`ISFSFSFSFSGGF` → `ISFSFSFSFSGGFC`)"
    );
    let scheme = headline(|pinned| pinned["steps"][1]["fingerprint"] = pinned["steps"][0]["fingerprint"].clone());
    assert_eq!(
        scheme,
        "the fingerprint of step `shout` moved although none of its components changed: the fingerprint scheme of \
         chem-runtime changed"
    );
    let other = headline(|pinned| pinned["status"] = "failed".into());
    assert_eq!(other, "the record differs at `$.status`: `\"failed\"` → `\"completed\"`");
}

#[test]
fn a_snapshot_that_cannot_be_compared_says_what_to_do() {
    let now = UNCHANGED.record();
    let said = |pinned: &str| now.compare(pinned).unwrap().to_string();
    let earlier = |fingerprint: &str| {
        let steps: Vec<String> = [("read", fingerprint)]
            .into_iter()
            .map(|(id, fingerprint)| format!(r#"{{"id":"{id}","fingerprint":"{fingerprint}"}}"#))
            .collect();
        said(&format!(r#"{{"event_variants":"IC","events":[],"steps":[{}]}}"#, steps.join(",")))
    };
    let message = earlier("0");
    assert!(message.starts_with("the snapshot is in an earlier format, which does not pin the results of steps\n"));
    assert!(message.contains("the fingerprint of step `read` differs from the pinned one"), "{message}");
    assert!(message.contains("or `INSTA_UPDATE=always cargo test`"), "{message}");
    assert!(said("{\"format\":99}").starts_with("the snapshot is in format 99, which a later release"));
    assert!(said("<<<<<<< HEAD").starts_with("the snapshot cannot be read: expected value at line 1"));
    assert!(
        said(&now.text().replacen("\"stepstarted\"", "\"stepbegun\"", 1)).starts_with("the snapshot cannot be read: ")
    );
}
