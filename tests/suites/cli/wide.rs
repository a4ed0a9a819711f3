//! Tables with very many columns: the time grows linearly with their number, not with its square.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::harness::Place;

/// Two numbers of columns, of which the second is four times the first.
const COLUMNS: [usize; 2] = [10_000, 40_000];

/// Runs the manifest that `write` makes for both numbers of columns, given their names. At quadratic cost the second takes
/// 16 times as long as the first. A measurement that another process may have disturbed is repeated.
fn grows_linearly(write: impl Fn(&Place, &[String])) {
    let places = COLUMNS.map(|columns| {
        let (place, names) = (Place::new(), (0..columns).map(|column| format!("c{column}")).collect::<Vec<_>>());
        write(&place, &names);
        place
    });
    let time = |place: &Place| -> Duration {
        let begun = Instant::now();
        place.chem(&["run", "wide.yaml", "-q", "--store", "memory:"]).expect(0);
        begun.elapsed()
    };
    let mut measured = Vec::new();
    for _ in 0..5 {
        let [few, many] = [&places[0], &places[1]].map(time);
        if many < 7 * few {
            return;
        }
        measured.push((few, many));
    }
    panic!("{COLUMNS:?} columns take {measured:?}");
}

/// Writes a manifest with these steps, each in one line.
fn manifest(place: &Place, steps: &[&str]) {
    let steps: String = steps.iter().map(|step| format!("  - {{ {step} }}\n")).collect();
    place.write("wide.yaml", &format!("flow: wide\nsteps:\n{steps}"));
}

/// Writes `wide.csv`: two rows with an `id` and a number in each of the columns `names`.
fn table(place: &Place, names: &[String]) {
    let row: Vec<String> = (0..names.len()).map(|column| column.to_string()).collect();
    place.write("wide.csv", &format!("id,{}\n1,{}\n2,{}\n", names.join(","), row.join(","), row.join(",")));
}

/// Writes `wide.csv` and a manifest that reads it and applies `step`.
fn applied(place: &Place, names: &[String], step: &str) {
    table(place, names);
    manifest(place, &["id: read, uses: table.read, with: { path: wide.csv }", &format!("id: step, {step}")]);
}

#[test]
fn tables_are_read_with_units_and_selected() {
    grows_linearly(|place, names| {
        table(place, names);
        let (half, others) = names.split_at(names.len() / 2);
        let units: Vec<String> = names.iter().map(|name| format!("{name}: nM")).collect();
        let renamed: Vec<String> = others.iter().map(|name| format!("{name}: r{name}")).collect();
        let read = format!("id: read, uses: table.read, with: {{ path: wide.csv, units: {{ {} }} }}", units.join(", "));
        let drop = format!(
            "id: drop, uses: table.select, with: {{ drop: [{}], rename: {{ {} }} }}",
            half.join(", "),
            renamed.join(", ")
        );
        manifest(
            place,
            &[
                &read,
                &drop,
                "id: sort, uses: table.sort, with: { by: [id desc] }",
                "id: top, uses: table.top, with: { by: id, count: 1 }",
            ],
        );
    });
}

#[test]
fn tables_are_written_in_every_format() {
    for file in [
        "out.csv",
        "out.tsv",
        "out.jsonl",
        #[cfg(feature = "parquet")]
        "out.parquet",
    ] {
        grows_linearly(|place, names| applied(place, names, &format!("uses: table.write, with: {{ path: {file} }}")));
    }
}

#[test]
fn json_lines_are_read() {
    grows_linearly(|place, names| {
        let members: Vec<String> = names.iter().map(|name| format!("\"{name}\":1")).collect();
        place.write("wide.jsonl", &format!("{{\"id\":1,{}}}\n", members.join(",")));
        let half = names[..names.len() / 2].join(", ");
        let keep = format!("id: keep, uses: table.select, with: {{ columns: [{half}] }}");
        manifest(place, &["id: read, uses: table.read, with: { path: wide.jsonl }", &keep]);
    });
}

#[test]
fn steps_that_name_every_column() {
    let step = |uses: fn(&str, &str) -> String| {
        grows_linearly(|place, names| {
            let (half, others) = names.split_at(names.len() / 2);
            applied(place, names, &uses(&half.join(", "), &others.join("), sum(")));
        });
    };
    step(|half, _| format!("uses: table.sort, with: {{ by: [{half}] }}"));
    step(|half, _| format!("uses: table.top, with: {{ by: id, count: 1, per: [{half}] }}"));
    step(|half, others| format!("uses: table.aggregate, with: {{ by: [{half}], values: [sum({others})] }}"));
    step(|half, _| format!("uses: table.join, with: {{ on: [{half}], file: wide.csv }}"));
}

#[test]
fn an_answer_of_a_program() {
    for format in ["csv", "jsonl"] {
        let step =
            format!("uses: process.run, with: {{ command: [cat], version: cat, send: {format}, receive: {format} }}");
        grows_linearly(|place, names| applied(place, names, &step));
    }
}

#[cfg(feature = "chemistry")]
#[test]
fn molecules_of_csv_and_sd_files() {
    for file in ["wide.csv", "wide.sdf"] {
        grows_linearly(|place, names| {
            if file == "wide.csv" {
                let row = vec!["1"; names.len()].join(",");
                place.write("wide.csv", &format!("smiles,{}\nCCO,{row}\n", names.join(",")));
            } else {
                let mut record = "ethane\n\n\n  2  1  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\n    1.5000    0.0000    0.0000 C   0  0\n  1  2  1  0\nM  END\n".to_owned();
                for name in names {
                    writeln!(record, "> <{name}>\n1\n").unwrap();
                }
                record.push_str("$$$$\n");
                place.write("wide.sdf", &record);
            }
            let half = names[..names.len() / 2].join(", ");
            let read = format!("id: read, uses: molecules.read, with: {{ path: {file}, numbers: [{half}] }}");
            let prefer = format!(
                "id: prefer, uses: properties.prefer, with: {{ property: mean, from: [{half}], policy: mean }}"
            );
            manifest(place, &[&read, &prefer, "id: write, uses: molecules.write, with: { path: out.sdf }"]);
        });
    }
}

/// Two runs whose tables differ in a value and in a column.
#[test]
fn differences_of_two_runs() {
    let places = COLUMNS.map(|columns| {
        let (place, names) = (Place::new(), (0..columns).map(|column| format!("c{column}")).collect::<Vec<_>>());
        table(&place, &names);
        manifest(&place, &["id: read, uses: table.read, with: { path: wide.csv }"]);
        place.chem(&["run", "wide.yaml", "-q"]).expect(0);
        table(&place, &names[1..]);
        place.chem(&["run", "wide.yaml", "-q"]).expect(0);
        let runs = place.chem(&["ls", "--format", "json"]).expect(0).json();
        let ids = [1, 0].map(|run: usize| runs[run]["flow_id"].as_str().unwrap().to_owned());
        (place, ids)
    });
    let time = |(place, ids): &(Place, [String; 2])| {
        let begun = Instant::now();
        place.chem(&["diff", &ids[0], &ids[1], "-q"]).expect(1);
        begun.elapsed()
    };
    assert!((0..5).any(|_| time(&places[1]) < 7 * time(&places[0])));
}
