//! Rows through a trivial step: as batches, and one by one.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use chem_tests::outside::repository;
use serde_json::Value;
use tempfile::TempDir;

use crate::table::{self, Line, Target};

const STEPS: &str = r#"
import pyarrow as pa
import pyarrow.compute as pc

from chem_flow import step

NAMES = [f"c{index}" for index in range(10)]


@step("bench.batch", version=1, rows=True, columns=NAMES)
def batch(rows: pa.Table) -> {"sum": float}:
    return pa.table({"sum": pc.add(rows["c0"], rows["c9"])})


@step("bench.record", version=1, rows=True)
def record(c0: float, c9: float) -> {"sum": float}:
    return {"sum": c0 + c9}
"#;

/// Does the same without the program: a process reads a stream of batches, applies the function to each, and writes a stream;
/// or calls the function for each record. Prints the seconds.
const ALONE: &str = r#"
import sys
import time

import pyarrow as pa

import steps

rows, size, what = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
values = [float(row % 1000) + 0.5 for row in range(rows)]
if what == "record":
    began = time.perf_counter()
    for c0, c9 in zip(values, values):
        steps.record(c0, c9)
    print(time.perf_counter() - began)
    raise SystemExit
table = pa.table({name: values for name in steps.NAMES})
given = pa.BufferOutputStream()
with pa.ipc.new_stream(given, table.schema) as writer:
    writer.write_table(table, max_chunksize=size)
given = given.getvalue()
began = time.perf_counter()
sink = pa.BufferOutputStream()
writer = None
for batch in pa.ipc.open_stream(given):
    made = steps.batch(pa.Table.from_batches([batch]))
    writer = writer or pa.ipc.new_stream(sink, made.schema)
    writer.write_table(made)
writer.close()
print(time.perf_counter() - began)
"#;

const ROUNDS: usize = 3;

/// The number of rows of a batch of the baseline.
const BATCH: usize = 8_192;

/// A directory with the flow, its step and its rows.
struct Place<'p> {
    directory: TempDir,
    python: &'p Path,
}

impl<'p> Place<'p> {
    fn new(python: &'p Path, rows: usize, step: &str, workers: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        std::fs::write(path.join("steps.py"), STEPS).unwrap();
        std::fs::write(path.join("alone.py"), ALONE).unwrap();
        let mut file = std::io::BufWriter::new(std::fs::File::create(path.join("rows.csv")).unwrap());
        writeln!(file, "c0,c1,c2,c3,c4,c5,c6,c7,c8,c9").unwrap();
        for row in 0..rows {
            let value = format!("{}.5", row % 1_000);
            writeln!(file, "{}", [value.as_str(); 10].join(",")).unwrap();
        }
        file.into_inner().unwrap().sync_all().unwrap();
        let flow = format!(
            "flow: bench\nsteps_from: [steps.py]\n{workers}steps:\n  - {{ id: read, uses: table.read, with: {{ path: rows.csv }} }}\n  \
             - {{ id: it, uses: {step} }}\n"
        );
        std::fs::write(path.join("flow.yaml"), flow).unwrap();
        Self { directory, python }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.directory.path()).stdin(Stdio::null()).stderr(Stdio::inherit());
        command.env("PYTHONPATH", repository().join("python")).env("CHEM_PYTHON", self.python);
        command.env("XDG_CACHE_HOME", self.directory.path().join("cache"));
        command
    }

    /// Runs the flow, and returns the seconds that the step took: from its start until its result was in the store.
    fn step(&self) -> f64 {
        let mut command = self.command(env!("CARGO_BIN_EXE_chem-alone"));
        let output = command.args(["run", "flow.yaml", "-q", "--format", "json", "--no-cache"]).output().unwrap();
        assert!(output.status.success());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let usage = &report["steps"][1]["usage"];
        let time = |name: &str| usage[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        (time("ended") - time("started")).as_secs_f64()
    }

    /// Measures both in turns, and returns the round with the median ratio.
    fn measure(&self, rows: usize, what: &str) -> (f64, f64) {
        table::median((0..ROUNDS).map(|_| (self.step(), self.alone(rows, what))).collect())
    }

    /// Returns the seconds that the function takes without the program.
    fn alone(&self, rows: usize, what: &str) -> f64 {
        let mut command = self.command(self.python);
        let output = command.arg("alone.py").args([rows.to_string(), BATCH.to_string()]).arg(what).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }
}

/// Measures a function of batches of ten columns.
pub fn batch(python: &Path, rows: usize) {
    let place = Place::new(python, rows, "bench.batch", "");
    let (step, alone) = place.measure(rows, "batch");
    let (here, there) = (rows as f64 / step, rows as f64 / alone);
    let work = format!("{rows} rows × 10 columns through a step of batches");
    table::print(&Line {
        work: work.clone(),
        store: format!("{here:.0} rows/s"),
        bare: "200,000 rows/s".to_owned(),
        ratio: here / 200_000.0,
        target: Some(Target::AtLeast(1.0)),
    });
    table::print(&Line {
        work,
        store: format!("{here:.0} rows/s"),
        bare: format!("{there:.0} rows/s: the function over streams of pyarrow batches, in one process"),
        ratio: here / there,
        target: Some(Target::AtLeast(0.8)),
    });
}

/// Measures a function of one record, in one worker.
pub fn record(python: &Path, rows: usize) {
    let place = Place::new(python, rows, "bench.record", "environment: { workers: 1 }\n");
    let (step, alone) = place.measure(rows, "record");
    let micros = |time: f64| time * 1e6 / rows as f64;
    table::print(&Line {
        work: format!("{rows} rows through a step of records, per row beyond the function's own time"),
        store: format!("{:.2} µs", micros(step - alone)),
        bare: format!("5 µs; the function takes {:.2} µs", micros(alone)),
        ratio: micros(step - alone) / 5.0,
        target: Some(Target::AtMost(1.0)),
    });
}
