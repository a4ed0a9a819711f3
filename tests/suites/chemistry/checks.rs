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
    found_of(&format!("path: {file}, {read}"), step)
}

/// The same of a flow whose first step has these parameters, with the file among them.
fn found_of(read: &str, step: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let micro = "name,smiles,µ\naspirin,CC(=O)Oc1ccccc1C(=O)O,1.3\n";
    for (name, bytes) in [
        ("utf-16.csv", micro.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
        ("windows.csv", micro.chars().map(|character| character as u8).collect()),
        ("bare.csv", b"aspirin,CC(=O)Oc1ccccc1C(=O)O,1.3\n".to_vec()),
    ] {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    }
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
        "flow: it\nsteps:\n  - {{ id: read, uses: molecules.read, with: {{ {read} }} }}\n  - {{ id: next, {step} }}\n"
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
        ("drugs.smi", "types: { logp: text }"),
        ("drugs.smi", "qualified: [logp]"),
        ("drugs.smi", "inchi_column: inchi"),
        ("drugs.smi", "duplicate_data: last"),
        ("drugs.csv", "duplicate_data: last"),
        ("drugs.sdf", "inchi_column: inchi"),
        ("drugs.sdf", "cxsmiles: ignore"),
        ("drugs.smi", "missing: [NA]"),
        ("drugs.smi", "delimiter: ';'"),
        ("drugs.smi", "decimal: ','"),
        ("drugs.smi", "header: false"),
        ("drugs.sdf", "header: false"),
        ("drugs.sdf", "smiles_column: structure"),
        ("drugs.sdf", "delimiter: ';'"),
        ("drugs.mol", "delimiter: ';'"),
        ("drugs.tsv", "delimiter: ';'"),
        ("drugs.csv", "atropisomers: flatten"),
        ("drugs.smi", "atropisomers: flatten"),
        ("drugs.csv", "coordinates: keep"),
    ] {
        let found = found_in(file, read, NEXT);
        assert!(matches!(&found[..], [only] if only.starts_with("E0413 omit it")), "{file} with {read}: {found:?}");
    }
    for (file, read) in [
        ("drugs.smi", "smiles_column: smiles, missing: [], numbers: [], delimiter: ','"),
        ("drugs.sdf", "smiles_column: smiles, name_column: id, numbers: [logp], missing: [NA], delimiter: ','"),
        ("drugs.tsv", "smiles_column: SMILES, name_column: name, numbers: [logp], missing: [NA], delimiter: ','"),
        ("drugs.csv", "missing: [NA], atropisomers: reject"),
        ("drugs.csv", "encoding: latin1, decimal: ','"),
        ("drugs.smi", "stereo_groups: keep, cxsmiles: keep"),
        ("drugs.mol", "stereo_groups: keep, duplicate_data: last, coordinates: keep"),
        ("drugs.smi", "encoding: latin1"),
        ("drugs.sdf", "encoding: latin1, decimal: ','"),
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
        "uses: table.join, inputs: { left: read, right: read }, with: { on: [name], missing: [NA] }",
        "uses: table.select, with: { rename: { logp: '' } }",
        "uses: molecules.write, with: { path: out.csv }",
        "uses: molecules.write, with: { path: out.smi.gz }",
        "uses: molecules.write, with: { path: out.sdf, columns: [logp, logp] }",
        "uses: molecules.write, with: { path: out.smi, columns: [logp] }",
        "uses: molecules.write, with: { path: out.smi, coordinates: name }",
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
fn the_columns_of_a_file_are_known_in_any_encoding_and_without_a_header() {
    let keep = |column: &str| format!("uses: table.select, with: {{ columns: [{column}] }}");
    for (read, column) in [
        ("encoding: utf-16le, path: utf-16.csv", "µ"),
        ("encoding: windows-1252, path: windows.csv", "µ"),
        ("header: false, smiles_column: column_2, path: bare.csv", "column_3"),
        ("qualified: [logp], path: drugs.csv", "logp_relation"),
        ("stereo_groups: keep, path: drugs.smi", "stereo_groups"),
        ("cxsmiles: keep, path: drugs.csv", "cxsmiles"),
        ("header: false, column_names: [name, smiles, logp], path: bare.csv", "logp"),
    ] {
        assert!(found_of(read, &keep(column)).is_empty(), "{read}: {:?}", found_of(read, &keep(column)));
        let found = found_of(read, &keep("zzz"));
        assert!(matches!(&found[..], [only] if only.contains(column)), "{read}: {found:?}");
    }
    let none = found_of("header: false, path: bare.csv", NEXT);
    assert_eq!(none, ["E0410 there are `column_1`, `column_2` and `column_3`"]);
    for read in ["column_names: [name]", "header: true, column_names: [name]"] {
        assert_eq!(found(read, NEXT), ["E0413 write `header: false`, or omit `column_names`"], "{read}");
    }
    for read in ["types: { lgp: text }", "qualified: [lgp]"] {
        assert_eq!(found(read, NEXT), ["E0410 did you mean `logp`?"], "{read}");
    }
    assert_eq!(found("inchi_column: smils", NEXT), ["E0410 did you mean `smiles`?"]);
    assert_eq!(found("inchi_column: name, smiles_column: logp", NEXT), ["E0413 omit one of them"]);
    let both = found("numbers: [logp], types: { logp: text }", NEXT);
    assert_eq!(both, ["E0413 omit the column in `numbers`"]);
    let text = found("qualified: [logp], types: { logp: text }", NEXT);
    assert_eq!(text, ["E0413 omit the column in one of them"]);
    let twice = found("header: false, column_names: [smiles, a, a]", NEXT);
    assert_eq!(twice, ["E0413 `column_names` names the column `a` twice"]);
}

#[test]
fn a_pattern_in_bare_brackets_is_told_to_be_quoted() {
    let found = found("numbers: []", "uses: molecules.substructure, with: { smarts: [OX2H] }");
    assert_eq!(found, ["E0404 a text that begins with `[` has to be in quotes: `'[OX2H]'`"]);
}
