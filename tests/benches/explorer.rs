//! Measures the explorer on a large store: `cargo bench -p chem-tests --bench explorer`.
//!
//! Fills an SQLite file with many runs (`CHEM_BENCH_RUNS`, 10,000) and a table (`CHEM_BENCH_ROWS`, 1,000,000), starts `chem ui`
//! on it, and asks for pages from the first byte of the request to the last of the answer, one after the other. Then `chem trace`
//! follows a record of a table of so many rows through six steps, in a process of its own.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chem_runtime::event::FlowId;
use chem_runtime::store::{NewEvent, OpenMode, StoreUrl};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chem-with-test-steps");
/// How often each page is asked for.
const TIMES: usize = 40;

fn main() {
    let number = |name: &str, default| std::env::var(name).ok().map_or(default, |number| number.parse().unwrap());
    let (runs, rows) = (number("CHEM_BENCH_RUNS", 10_000), number("CHEM_BENCH_ROWS", 1_000_000));
    let place = tempfile::tempdir().unwrap();
    let run = fill(place.path(), runs, rows);
    let hash = run["steps"][0]["outputs"][0]["hash"].as_str().unwrap().to_owned();
    let id = run["flow_id"].as_str().unwrap();

    let explorer = Explorer::of(place.path());
    println!("{runs} runs and a table of {rows} rows, {TIMES} requests for each page\n");
    println!("| page | median | 95th percentile | goal | bytes | goal | met |\n|---|---|---|---|---|---|---|");
    let last = rows - (rows - 1) % 50;
    for (name, path) in [
        ("runs, the newest", "/runs".to_owned()),
        ("runs, of a flow", "/runs?flow=many".to_owned()),
        ("runs, a text that none has", "/runs?text=nowhere".to_owned()),
        ("runs, the oldest", "/runs?before=500".to_owned()),
        ("a run", format!("/runs/{id}")),
        ("a step", format!("/runs/{id}/steps/read")),
        ("two runs", format!("/compare?before={id}&after=@last")),
        ("a table, the first rows", format!("/artifacts/{hash}")),
        ("a table, the last rows", format!("/artifacts/{hash}?from={last}")),
        ("a table, sorted before", format!("/artifacts/{hash}?sort=value&from={last}")),
        ("a table, filtered before", format!("/artifacts/{hash}?where=value+%3C+0.5&from=5001")),
    ] {
        if path.contains("sort") || path.contains("where") {
            explorer.ask(&path);
        }
        let mut times: Vec<Duration> = Vec::new();
        let mut bytes = 0;
        for _ in 0..TIMES {
            let (took, answer) = explorer.ask(&path);
            times.push(took);
            bytes = bytes.max(answer.len());
        }
        times.sort_unstable();
        let (median, slow) = (times[TIMES / 2], times[TIMES * 95 / 100]);
        let met = slow <= Duration::from_millis(200) && bytes <= 150_000;
        let met = if met { "yes" } else { "no" };
        println!("| {name} | {median:.1?} | {slow:.1?} | ≤ 200 ms | {bytes} | ≤ 150 kB | {met} |");
    }
    println!("\n| work | took | goal | met |\n|---|---|---|---|");
    for (name, query, goal) in [
        ("sort by a number", "sort=other", 1500),
        ("sort by a text", "sort=name&descending=true", 1500),
        ("filter", "where=value+%3C+0.25", 1500),
    ] {
        let (took, _) = explorer.ask(&format!("/artifacts/{hash}?{query}"));
        let met = if took <= Duration::from_millis(goal) { "yes" } else { "no" };
        println!("| {name}, for the first time | {took:.1?} | ≤ {goal} ms | {met} |");
    }
    for (name, took) in traces(place.path(), rows) {
        let met = if took <= Duration::from_secs(2) { "yes" } else { "no" };
        println!("| trace {name} | {took:.1?} | ≤ 2 s | {met} |");
    }
    let peak = explorer.peak();
    println!(
        "| peak memory of the server | {} MB | ≤ 300 MB | {} |",
        peak / 1000,
        if peak <= 300_000 { "yes" } else { "no" }
    );
}

/// Runs a flow that reads the table, and appends copies of a small run. Returns the JSON of the first.
fn fill(place: &Path, runs: usize, rows: usize) -> Value {
    let mut table = "name,value,other\n".to_owned();
    for row in 0..rows {
        let mixed = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
        writeln!(table, "compound-{row},{},{}", (mixed % 100_000) as f64 / 100_000.0, mixed % 1_000_003).unwrap();
    }
    std::fs::write(place.join("table.csv"), table).unwrap();
    let flow = "flow: large\nsteps:\n  - { id: read, uses: table.read, with: { path: table.csv } }\n";
    std::fs::write(place.join("large.yaml"), flow).unwrap();
    let many = "flow: many\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: CCO } }\n  - { id: characters, uses: demo.characters }\n";
    std::fs::write(place.join("many.yaml"), many).unwrap();
    let chem = |manifest: &str| -> Value {
        let output =
            Command::new(PROGRAM).args(["run", manifest, "--format", "json", "-q"]).current_dir(place).output();
        serde_json::from_slice(&output.unwrap().stdout).unwrap()
    };
    let (large, small) = (chem("large.yaml"), chem("many.yaml"));
    let url: StoreUrl = format!("sqlite:{}", place.join(".chem/store.db").display()).parse().unwrap();
    let store = url.open(OpenMode::Create).unwrap();
    let events = store.list(small["flow_id"].as_str().unwrap().parse().unwrap()).unwrap();
    let copies: Vec<NewEvent> = events.into_iter().map(|event| event.kind.into()).collect();
    for _ in 1..runs {
        store.append(FlowId::new(), 0, &copies).unwrap();
    }
    large
}

/// A flow of six steps through which a record is followed: row steps, and steps that are followed by the values of the row.
const STEPS: &str = "flow: long
steps:
  - { id: read, uses: table.read, with: { path: table.csv } }
  - { id: double, uses: table.compute, with: { columns: [{ double: 'value * 2.0' }] } }
  - { id: keep, uses: table.filter, with: { where: 'value < 0.9' } }
  - { id: sorted, uses: table.sort, with: { by: [other, name] } }
  - { id: folds, uses: table.split, with: { folds: 5 } }
  - { id: best, uses: table.top, with: { by: value, count: 1000 } }
";

/// Returns how long `chem trace` takes for records of the table, found in each way, and for a row of the result.
fn traces(place: &Path, rows: usize) -> Vec<(&'static str, Duration)> {
    std::fs::write(place.join("long.yaml"), STEPS).unwrap();
    let chem = |arguments: &[&str]| {
        let output = Command::new(PROGRAM).args(arguments).current_dir(place).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    chem(&["run", "long.yaml", "-q"]);
    let (name, record) = (format!("compound-{}", rows / 2), (rows / 3).to_string());
    let ways: [(&str, &[&str]); 3] = [
        ("a record by its name", &["trace", "@last", &name]),
        ("a record by its number", &["trace", "@last", "--record", &record]),
        ("a row back to its record", &["trace", "@last", "--row", "500", "--of", "best"]),
    ];
    let timed = ways.map(|(way, arguments)| {
        let begun = Instant::now();
        chem(arguments);
        (way, begun.elapsed())
    });
    timed.into()
}

struct Explorer {
    child: Child,
    host: String,
    cookie: String,
}

impl Explorer {
    fn of(place: &Path) -> Self {
        let mut child = Command::new(PROGRAM).arg("ui").current_dir(place).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let (base, query) = address.trim().split_once("/?").unwrap();
        let host = base.strip_prefix("http://").unwrap().to_owned();
        let mut explorer = Self { child, host, cookie: String::new() };
        let (_, answer) = explorer.ask(&format!("/?{query}"));
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        explorer.cookie = cookie.split(';').next().unwrap().to_owned();
        explorer
    }

    /// Returns how long a page took, and the answer.
    fn ask(&self, path: &str) -> (Duration, String) {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n", self.host, self.cookie);
        write!(stream, "{head}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let took = begun.elapsed();
        assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 303"), "{path}: {answer}");
        (took, answer)
    }

    /// Returns the most memory that the server has had resident, in kB.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the system tells the peak of memory");
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    }
}

impl Drop for Explorer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
