//! What the check says of the steps over molecules: what the first line of a file does not have, and what cannot succeed.

use chem_runtime::manifest::{self, Source};
use chem_runtime::step::Registry;

/// The codes and the messages of what is found in a flow that reads `drugs.csv` with these parameters and goes on with
/// this step.
fn found(read: &str, step: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("drugs.csv"), "name,smiles,logp\naspirin,CC(=O)Oc1ccccc1C(=O)O,1.3\n")
        .unwrap();
    let text = format!(
        "flow: it\nsteps:\n  - {{ id: read, uses: molecules.read, with: {{ path: drugs.csv, {read} }} }}\n  - {{ id: next, {step} }}\n"
    );
    let checked = manifest::check(&Source::new("it.yaml", &text), &[], Registry::linked().unwrap(), directory.path());
    checked
        .diagnostics
        .iter()
        .map(|it| format!("{} {}", it.rule.code, it.help.as_ref().unwrap_or(&it.message)))
        .collect()
}

const NEXT: &str = "uses: molecules.sample, with: { count: 1 }";

#[test]
fn the_first_line_of_a_file_is_held_against_what_parameters_name() {
    for (read, said) in [
        ("smiles_column: smils", "E0410 did you mean `smiles`?"),
        ("name_column: nam", "E0410 did you mean `name`?"),
        ("numbers: [logp, lgp]", "E0410 did you mean `logp`?"),
        ("smiles_column: zzz", "E0410 there are `name`, `smiles` and `logp`"),
    ] {
        assert_eq!(found(read, NEXT), [said], "{read}");
    }
    let none = "E0413 leave it out, or write `format: csv` or `tsv` if the first line names columns";
    assert_eq!(found("format: smi, name_column: name, numbers: [logp]", NEXT), [none, none]);
    assert!(found("smiles_column: SMILES, name_column: name, numbers: [logp]", NEXT).is_empty());
}

#[test]
fn a_step_that_cannot_succeed_is_found() {
    for step in [
        "uses: molecules.sample",
        "uses: molecules.sample, with: { count: 1, fraction: 0.5 }",
        "uses: molecules.standardize, with: { operations: [] }",
        "uses: molecules.similar",
        "uses: properties.prefer, with: { property: p, from: [] }",
        "uses: molecules.write, with: { path: out.csv }",
        "uses: molecules.write, with: { path: out.smi.gz }",
        "uses: molecules.write, with: { path: out.sdf, columns: [logp, logp] }",
    ] {
        let found = found("numbers: [logp]", step);
        assert!(matches!(&found[..], [only] if only.starts_with("E0413 ")), "{step}: {found:?}");
    }
}

#[test]
fn a_pattern_in_bare_brackets_is_told_to_be_quoted() {
    let found = found("numbers: []", "uses: molecules.substructure, with: { smarts: [OX2H] }");
    assert_eq!(found, ["E0404 a text that begins with `[` has to be in quotes: `'[OX2H]'`"]);
}
