//! Measures what a worker asks of a store.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::time::Instant;

use chem_runtime::artifact::Artifact;
use chem_runtime::event::FlowId;
use chem_runtime::store::{EventStore, Holder, Lease};
use chem_tests::events::{finished, one_of_each};
use chem_tests::stores::fresh;
use serde_json::json;

/// The writers that are measured at once. More do not get more out of two cores.
const WRITERS: usize = 8;
const RUNS: usize = 25;
/// The rows of the chunk in an append of a cheap step.
const ROWS: usize = 1_000;
/// The rows of the chunk in an append of a step that takes a minute a row.
const FEW_ROWS: usize = 10;

/// What a store costs: the time of each request while others are served, and how many are served at a time.
#[derive(Debug, Clone, Copy)]
pub struct Costs {
    /// Reads the events of a child.
    pub probe_ms: f64,
    /// Appends the first events of a child, which takes its lease.
    pub claim_ms: f64,
    /// Appends an event with a chunk of rows.
    pub append_ms: f64,
    /// The requests that are served at a time.
    pub parallel: usize,
    /// What a child adds without what its worker appends.
    pub claim: Size,
    /// What an append adds without its rows.
    pub append: Size,
    /// What a row adds.
    pub row: Size,
}

/// What is stored: bytes, in whole blocks of the file system or pages of the database, and files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Size {
    pub bytes: f64,
    pub files: f64,
}

impl Size {
    pub fn times(self, factor: f64) -> Self {
        Self { bytes: self.bytes * factor, files: self.files * factor }
    }
}

impl Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, files: self.files + other.files }
    }
}

impl Sub for Size {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + other.times(-1.0)
    }
}

impl Costs {
    /// Reads costs as `given` writes them.
    pub fn parse(text: &str) -> Self {
        let numbers: Vec<f64> = text.split(',').map(|number| number.trim().parse().unwrap()).collect();
        let [probe_ms, claim_ms, append_ms, parallel, ref sizes @ ..] = numbers[..] else {
            panic!("too short: {text}")
        };
        let [a, b, c, d, e, f] = sizes[..] else { panic!("expected ten numbers: {text}") };
        let of = |bytes, files| Size { bytes, files };
        let (claim, append, row) = (of(a, b), of(c, d), of(e, f));
        Self { probe_ms, claim_ms, append_ms, parallel: parallel as usize, claim, append, row }
    }

    /// Returns the costs as [`parse`](Self::parse) reads them.
    pub fn given(&self) -> String {
        let Self { probe_ms, claim_ms, append_ms, parallel, claim, append, row } = self;
        let sizes = [claim, append, row].map(|size| format!("{:.1},{:.2}", size.bytes, size.files)).join(",");
        format!("{probe_ms:.2},{claim_ms:.2},{append_ms:.2},{parallel},{sizes}")
    }
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { probe_ms, claim_ms, append_ms, parallel, claim, append, row } = self;
        write!(
            f,
            "probe {probe_ms:.2} ms, claim {claim_ms:.2} ms, append {append_ms:.2} ms, {parallel} at a time; {:.0} bytes and \
             {:.1} files a child, {:.0} bytes and {:.1} files an append, {:.1} bytes a row",
            claim.bytes, claim.files, append.bytes, append.files, row.bytes
        )
    }
}

/// Measures every store that machines can share.
pub fn all() -> Vec<(String, Costs)> {
    let shared = fresh().into_iter().filter(|(name, _)| ["postgres", "spool"].contains(name));
    shared.map(|(name, backend)| (name.to_owned(), measure(name, &backend.store()))).collect()
}

/// The seconds that writers took in all for each kind of request.
#[derive(Default)]
struct Taken {
    probe: f64,
    claim: f64,
    append: f64,
}

fn measure(name: &str, store: &Arc<dyn EventStore>) -> Costs {
    // The directories and tables that all runs share are there afterwards.
    work(store, 0, 20, ROWS, 1);
    let begun = Instant::now();
    let (alone, large) = grown(store, || work(store, 1, RUNS, ROWS, 1));
    let one = RUNS as f64 / begun.elapsed().as_secs_f64();
    let (_, small) = grown(store, || work(store, 2, RUNS, FEW_ROWS, 1));
    let (_, many) = grown(store, || work(store, 3, RUNS, FEW_ROWS, 11));
    let begun = Instant::now();
    let each: Vec<Taken> = std::thread::scope(|scope| {
        let work = |writer| scope.spawn(move || work(store, writer, RUNS, ROWS, 1));
        let writers: Vec<_> = (4..4 + WRITERS).map(work).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let together = (RUNS * WRITERS) as f64 / begun.elapsed().as_secs_f64();
    let ms = |seconds: f64| 1000.0 * seconds / RUNS as f64;
    let with_many = |of: fn(&Taken) -> f64| ms(each.iter().map(of).sum::<f64>() / WRITERS as f64);
    println!(
        "{name}: {together:.0} children a second with {WRITERS} writers, {one:.0} with one: probe {:.2} ms, claim {:.2} ms, append {:.2} ms",
        ms(alone.probe),
        ms(alone.claim),
        ms(alone.append)
    );
    let row = (large - small).times(1.0 / (ROWS - FEW_ROWS) as f64);
    let with_few_rows = (many - small).times(0.1);
    Costs {
        probe_ms: with_many(|taken| taken.probe),
        claim_ms: with_many(|taken| taken.claim),
        append_ms: with_many(|taken| taken.append),
        parallel: WRITERS,
        claim: small - with_few_rows,
        append: with_few_rows - row.times(FEW_ROWS as f64),
        row,
    }
}

/// Returns what `work` returns, and by how much each of its runs makes the store grow.
fn grown<T>(store: &Arc<dyn EventStore>, work: impl FnOnce() -> T) -> (T, Size) {
    let before = size(store);
    let result = work();
    (result, (size(store) - before).times(1.0 / RUNS as f64))
}

fn size(store: &Arc<dyn EventStore>) -> Size {
    if let Some(size) = store.size().unwrap() {
        return Size { bytes: size.bytes() as f64, files: 0.0 };
    }
    let (mut size, mut open) = (Size::default(), store.files());
    while let Some(path) = open.pop() {
        let found = std::fs::metadata(&path).unwrap();
        if found.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        size = size + Size { bytes: found.len().next_multiple_of(4096) as f64, files: 1.0 };
    }
    size
}

/// Claims `runs` children, and appends chunks of `rows` to each.
fn work(store: &Arc<dyn EventStore>, writer: usize, runs: usize, rows: usize, chunks: u64) -> Taken {
    let mut taken = Taken::default();
    let kinds = one_of_each();
    let timed = |sum: &mut f64, work: &dyn Fn()| {
        let begun = Instant::now();
        work();
        *sum += begun.elapsed().as_secs_f64();
    };
    for number in 0..runs {
        let lease = Lease::of_new_run(FlowId::new(), Holder::this_process());
        let begin = [kinds[0].clone().into(), kinds[1].clone().into()];
        timed(&mut taken.claim, &|| store.append_as((&lease).into(), 0, &begin).unwrap());
        for position in 2..2 + chunks {
            let text = |row: usize| format!("CC(=O)Oc1ccccc1C(=O)O {writer} {number} {position} {row}");
            let row = |row: usize| json!([row, text(row), row as f64 / 7.0]);
            let chunk = Artifact::new("chunk", &(0..rows).map(row).collect()).unwrap();
            let event = [finished([chunk])];
            timed(&mut taken.append, &|| store.append_as((&lease).into(), position, &event).unwrap());
        }
        timed(&mut taken.probe, &|| assert!(store.list(lease.flow_id).unwrap().len() > 2));
        store.release_lease(&lease).unwrap();
    }
    taken
}
