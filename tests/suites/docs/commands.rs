//! The commands that the README and the tutorial name within their text: each is run.

use std::collections::BTreeSet;

use crate::pages::{instead, page, with_flows};

/// Flows that end in other ways than well, or wait, and what they need.
const GATED: &str = "flow: gated\nsteps:\n  - { id: seed, uses: demo.seed, gate: { message: Go on? } }\n";
const ODD: &str = "flow: odd
steps:
  - { id: read, uses: table.read, with: { path: odd.csv } }
  - id: ask
    uses: process.run
    with: { command: [sh, -c, 'cd DIRECTORY; test -e go || sleep 60; test -e well && cat'], version: sh@1 }
";

/// What exports a run.
const EXPORTED: &[&str] = &["chem run flows/oral-leads.yaml", "chem export @last run.zip"];

/// Commands that need something before them, or stand for several: what is run before, and what is run for the command.
const WITH: &[(&str, &[&str], &str)] = &[
    ("chem log --follow", &[], "timeout -s TERM 2 chem log --follow > followed; test $? = 124 && test -s followed"),
    ("chem log --skip-unreadable", &[], "chem log @last --skip-unreadable"),
    (
        "chem resume @last",
        &[
            "rm -f go well; timeout -s KILL 3 chem run odd.yaml --no-cache; chem show @last | grep interrupted",
            "touch go well",
        ],
        "chem resume @last",
    ),
    ("chem retry @last", &["touch go; rm -f well; ! chem run odd.yaml --no-cache", "touch well"], "chem retry @last"),
    ("chem work @last", &["chem run flows/demo.yaml --sweep text=CCO,CCN"], "chem work @last"),
    ("chem approve @last STEP", &["! chem run gated.yaml --no-cache"], "chem approve @last seed"),
    (
        "chem branch @last --from STEP --set NAME=VALUE",
        &["chem run flows/demo.yaml"],
        "chem branch @last --from seed --set text=CCO",
    ),
    (
        "chem diff ID @last",
        &["chem run flows/demo.yaml", "chem run flows/demo.yaml"],
        "chem diff $(chem ls --flow demo --limit 1 --format json | sed 's/.*\"flow_id\":\"\\([^\"]*\\).*/\\1/') @last",
    ),
    (
        "chem snapshot flows/demo.yaml",
        &["chem snapshot --accept flows/demo.yaml"],
        "chem snapshot flows/demo.yaml && rm -r snapshots",
    ),
    ("chem export @last run.zip", &["chem run flows/oral-leads.yaml"], "chem export @last run.zip && rm run.zip"),
    ("chem audit run.zip", EXPORTED, "chem audit run.zip && rm run.zip"),
    ("chem verify run.zip", EXPORTED, "chem verify run.zip && rm run.zip"),
    ("chem import run.zip", EXPORTED, "chem import run.zip && rm run.zip"),
    (
        "chem store merge FROM… --store INTO",
        &["chem run flows/demo.yaml --store spool:shared"],
        "chem store merge shared --store sqlite:merged.db && rm -r shared merged.db*",
    ),
    ("chem new flow|step|project", &[], "chem new flow first && chem new step first.step && chem new project first"),
    ("chem steps text.repeat", &[], "chem steps demo.seed"),
    ("chem new step family.verb", &[], "chem new step family.verb"),
];

/// What stands in backquotes in the text of `page`, outside of its blocks, and begins with the name of a program.
fn commands(page: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let text = page.lines().filter(|line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    let text = text.collect::<Vec<_>>().join(" ");
    let spans = text.split('`').skip(1).step_by(2);
    spans.filter(|span| span.starts_with("chem ") || span.starts_with("cargo ")).map(str::to_owned).collect()
}

#[test]
fn every_command_in_the_text_is_run() {
    let outside = with_flows();
    let readme = page("README.md");
    let (_, manifest) = readme.split_once("```yaml\n").unwrap();
    outside.write("heavy.yaml", manifest.split_once("```").unwrap().0);
    outside.write("gated.yaml", GATED);
    outside.write("odd.csv", "a\n1\n");
    outside.write("odd.yaml", &ODD.replace("DIRECTORY", &outside.path().display().to_string()));
    // What it puts out is named by its hash.
    outside.shell(".", "chem run flows/oral-leads.yaml").well();

    let mut named = commands(&readme);
    named.extend(commands(&page("docs/tutorial.md")));
    let mut wrong = Vec::new();
    for command in &named {
        let (before, run) = match WITH.iter().find(|(with, ..)| with == command) {
            Some((_, before, run)) => (*before, (*run).to_owned()),
            None if command.contains("@last") => (&["chem run flows/oral-leads.yaml"][..], command.clone()),
            None => (&[][..], instead(command).unwrap_or_else(|| command.clone())),
        };
        for before in before {
            let said = outside.shell(".", before);
            assert!(said.good, "before `{command}`: `{before}`\n{said:?}");
        }
        let mut said = outside.shell(".", &run);
        // A command that is only named, without what it needs, is one that there is.
        if !said.good && command.chars().all(|character| character == ' ' || character.is_ascii_lowercase()) {
            said = outside.shell(".", &format!("{run} --help"));
        }
        if !said.good {
            wrong.push(format!("`{command}` does not do well:\n{}{}", said.stdout, said.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(named.len() > 20, "{named:?}");
    let stale: Vec<&str> =
        WITH.iter().map(|(command, ..)| *command).filter(|command| !named.contains(*command)).collect();
    assert!(stale.is_empty(), "no page names {stale:?}");
}
