//! What the check says of the steps over molecules: what the first line of a file does not have, and what cannot succeed.

use chem_runtime::manifest::{self, Source};
use chem_runtime::step::Registry;

/// The codes and the messages of what is found in a flow that reads `drugs.csv` with these parameters and goes on with
/// this step.
fn found(read: &str, step: &str) -> Vec<String> {
    found_in("drugs.csv", read, step)
}

/// The same of a flow that reads `file`.
fn found_in(file: &str, read: &str, step: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("drugs.csv", "name,smiles,logp\naspirin,CC(=O)Oc1ccccc1C(=O)O,1.3\n"),
        ("drugs.tsv", "name\tsmiles\tlogp\naspirin\tCC(=O)Oc1ccccc1C(=O)O\t1.3\n"),
        ("drugs.smi", "CC(=O)Oc1ccccc1C(=O)O aspirin\n"),
        // No check looks into it.
        ("drugs.sdf", ""),
        ("drugs.mol", ""),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let text = format!(
        "flow: it\nsteps:\n  - {{ id: read, uses: molecules.read, with: {{ path: {file}, {read} }} }}\n  - {{ id: next, {step} }}\n"
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
    let none = "E0413 omit it, or write `format: csv` or `tsv` if the first line names columns";
    assert_eq!(found("format: smi, name_column: name, numbers: [logp]", NEXT), [none, none]);
    assert!(found("smiles_column: SMILES, name_column: name, numbers: [logp]", NEXT).is_empty());
}

#[test]
fn what_a_file_has_no_use_for_is_found() {
    for (file, read) in [
        ("drugs.smi", "smiles_column: structure"),
        ("drugs.smi", "name_column: name"),
        ("drugs.smi", "numbers: [logp]"),
        ("drugs.smi", "missing: [NA]"),
        ("drugs.smi", "delimiter: ';'"),
        ("drugs.sdf", "smiles_column: structure"),
        ("drugs.sdf", "delimiter: ';'"),
        ("drugs.mol", "delimiter: ';'"),
        ("drugs.tsv", "delimiter: ';'"),
        ("drugs.csv", "atropisomers: flatten"),
        ("drugs.smi", "atropisomers: flatten"),
    ] {
        let found = found_in(file, read, NEXT);
        assert!(matches!(&found[..], [only] if only.starts_with("E0413 omit it")), "{file} with {read}: {found:?}");
    }
    for (file, read) in [
        ("drugs.smi", "smiles_column: smiles, missing: [], numbers: [], delimiter: ','"),
        ("drugs.sdf", "smiles_column: smiles, name_column: id, numbers: [logp], missing: [NA], delimiter: ','"),
        ("drugs.tsv", "smiles_column: SMILES, name_column: name, numbers: [logp], missing: [NA], delimiter: ','"),
        ("drugs.csv", "missing: [NA], atropisomers: reject"),
        ("drugs.mol", "atropisomers: flatten"),
    ] {
        let found = found_in(file, read, NEXT);
        assert!(found.is_empty(), "{file} with {read}: {found:?}");
    }
}

#[test]
fn a_step_that_cannot_succeed_is_found() {
    for step in [
        "uses: molecules.sample",
        "uses: molecules.sample, with: { count: 1, fraction: 0.5 }",
        "uses: molecules.standardize, with: { operations: [] }",
        "uses: molecules.describe, with: { properties: [] }",
        "uses: molecules.rules, with: { rules: [] }",
        "uses: molecules.similar",
        "uses: molecules.similar, with: { path: drugs.sdf }",
        "uses: molecules.similar, with: { queries: [C], path: drugs.sdf }",
        "uses: properties.prefer, with: { property: p, from: [] }",
        "uses: properties.prefer, with: { property: '', from: [logp] }",
        "uses: properties.prefer, with: { property: p, from: [logp], tolerance: 1 }",
        "uses: properties.prefer, with: { property: p, from: [logp], policy: mean, tolerance: 0.5 }",
        "uses: table.select, with: { columns: [] }",
        "uses: table.join, inputs: { right: read }, with: { on: [name], missing: [NA] }",
        "uses: table.select, with: { rename: { logp: '' } }",
        "uses: molecules.write, with: { path: out.csv }",
        "uses: molecules.write, with: { path: out.smi.gz }",
        "uses: molecules.write, with: { path: out.sdf, columns: [logp, logp] }",
        "uses: molecules.write, with: { path: out.smi, columns: [logp] }",
        "uses: molecules.write, with: { path: out.sdf, format: smi, columns: [logp] }",
    ] {
        let found = found("numbers: [logp]", step);
        assert!(matches!(&found[..], [only] if only.starts_with("E0413 ")), "{step}: {found:?}");
    }
    for step in [
        "uses: molecules.similar, with: { path: drugs.tsv }",
        "uses: properties.prefer, with: { property: p, from: [logp], policy: agree, tolerance: 1 }",
        "uses: properties.prefer, with: { property: p, from: [logp], tolerance: 0 }",
        "uses: molecules.write, with: { path: out.smi }",
        "uses: molecules.write, with: { path: out.sdf, columns: [logp] }",
    ] {
        let found = found("numbers: [logp]", step);
        assert!(found.is_empty(), "{step}: {found:?}");
    }
}

#[test]
fn a_pattern_in_bare_brackets_is_told_to_be_quoted() {
    let found = found("numbers: []", "uses: molecules.substructure, with: { smarts: [OX2H] }");
    assert_eq!(found, ["E0404 a text that begins with `[` has to be in quotes: `'[OX2H]'`"]);
}
