//! Tables with very many columns: the time grows linearly with their number, not with its square.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::harness::Place;

const COLUMNS: usize = 20_000;

/// A time limit. At quadratic cost each of these tests would take minutes.
const ENOUGH: Duration = Duration::from_secs(60);

fn runs_soon(place: &Place, name: &str) {
    let begun = Instant::now();
    let outcome = place.chem(&["run", name, "-q", "--store", "memory:"]).expect(0);
    assert!(begun.elapsed() < ENOUGH, "{name} took {:?}: {}", begun.elapsed(), outcome.stdout);
}

/// Returns the names of the columns.
fn names() -> Vec<String> {
    (0..COLUMNS).map(|column| format!("c{column}")).collect()
}

#[test]
fn tables_in_every_format_and_step() {
    let place = Place::new();
    let names = names();
    let row: Vec<String> = (0..COLUMNS).map(|column| column.to_string()).collect();
    place.write("wide.csv", &format!("id,{}\n1,{}\n2,{}\n", names.join(","), row.join(","), row.join(",")));
    let members: Vec<String> = names.iter().map(|name| format!("\"{name}\":1")).collect();
    place.write("wide.jsonl", &format!("{{\"id\":1,{}}}\n", members.join(",")));
    let half = names[..COLUMNS / 2].join(", ");
    let renamed: Vec<String> = names[COLUMNS / 2..].iter().map(|name| format!("{name}: r{name}")).collect();
    let units: Vec<String> = names.iter().map(|name| format!("{name}: nM")).collect();
    place.write(
        "tables.yaml",
        &format!(
            "flow: wide\nsteps:\n  - id: read\n    uses: table.read\n    with: {{ path: wide.csv, units: {{ {} }} }}\n  - id: drop\n    uses: table.select\n    with: {{ drop: [{half}], rename: {{ {} }} }}\n  - {{ id: sort, uses: table.sort, with: {{ by: [id desc] }} }}\n  - {{ id: join, uses: table.join, with: {{ on: [id], file: wide.csv }} }}\n  - {{ id: top, uses: table.top, with: {{ by: id, count: 1 }} }}\n  - {{ id: write, uses: table.write, with: {{ path: out.csv }} }}\n  - {{ id: lines, uses: table.write, inputs: {{ table: top }}, with: {{ path: out.jsonl }} }}\n",
            units.join(", "),
            renamed.join(", "),
        ),
    );
    runs_soon(&place, "tables.yaml");
    let header = std::fs::read_to_string(place.path().join("out.csv")).unwrap();
    assert_eq!(header.lines().next().unwrap().split(',').count(), 1 + COLUMNS / 2 + COLUMNS);
    place.write(
        "lines.yaml",
        &format!("flow: wide\nsteps:\n  - {{ id: read, uses: table.read, with: {{ path: wide.jsonl }} }}\n  - {{ id: keep, uses: table.select, with: {{ columns: [{half}] }} }}\n"),
    );
    runs_soon(&place, "lines.yaml");
}

#[test]
fn an_answer_of_a_program() {
    let place = Place::new();
    place.write("wide.csv", &format!("{}\n{}\n", names().join(","), vec!["1"; COLUMNS].join(",")));
    place.write(
        "answer.yaml",
        "flow: wide\nsteps:\n  - { id: read, uses: table.read, with: { path: wide.csv } }\n  - { id: answer, uses: process.run, with: { command: [cat], version: cat, send: csv, receive: csv } }\n",
    );
    runs_soon(&place, "answer.yaml");
}

#[cfg(feature = "chemistry")]
#[test]
fn molecules_of_csv_and_sd_files() {
    let place = Place::new();
    let names = names();
    place.write("wide.csv", &format!("smiles,{}\nCCO,{}\n", names.join(","), vec!["1"; COLUMNS].join(",")));
    let mut record = "ethane\n\n\n  2  1  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\n    1.5000    0.0000    0.0000 C   0  0\n  1  2  1  0\nM  END\n".to_owned();
    for name in &names {
        writeln!(record, "> <{name}>\n1\n").unwrap();
    }
    record.push_str("$$$$\n");
    place.write("wide.sdf", &record);
    for file in ["wide.csv", "wide.sdf"] {
        let numbers = names[..COLUMNS / 2].join(", ");
        place.write(
            "molecules.yaml",
            &format!("flow: wide\nsteps:\n  - {{ id: read, uses: molecules.read, with: {{ path: {file}, numbers: [{numbers}] }} }}\n  - {{ id: write, uses: molecules.write, with: {{ path: out.sdf }} }}\n"),
        );
        runs_soon(&place, "molecules.yaml");
    }
}
