//! The memory and the time of the real program.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chem_runtime::event::FlowId;
use chem_runtime::flow::{FlowInstance, replay};
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventStore as _, RunIndex as _};

fn chem(directory: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chem-with-test-steps"));
    command.args(arguments).args(["-q", "--store", "sqlite:store.db"]).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

/// Waits for the child, and returns its time in seconds and the most memory that it had, in MiB.
fn measured(mut child: Child) -> (f64, f64) {
    let status = format!("/proc/{}/status", child.id());
    let (began, mut peak) = (Instant::now(), 0.0);
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        peak = kilobytes.map_or(peak, |kilobytes| kilobytes / 1024.0);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(child.wait().unwrap().success());
    (began.elapsed().as_secs_f64(), peak)
}

/// Writes a file with a header and this many records, and a flow that begins with `read`.
fn write(directory: &Path, header: &str, rows: usize, record: impl Fn(usize) -> String, steps: &str) {
    let file = std::fs::File::create(directory.join("rows.csv")).unwrap();
    let mut file = std::io::BufWriter::new(file);
    writeln!(file, "{header}").unwrap();
    (0..rows).for_each(|row| writeln!(file, "{}", record(row)).unwrap());
    file.into_inner().unwrap().sync_all().unwrap();
    std::fs::write(directory.join("rows.yaml"), format!("flow: rows\nsteps:\n{steps}")).unwrap();
}

fn numbers(directory: &Path, rows: usize, steps: &str) {
    let read = "  - { id: read, uses: table.read, with: { path: rows.csv } }\n";
    let record = |row: usize| format!("{row},{}.5,name {row}", row % 1_000);
    write(directory, "n,x,name", rows, record, &format!("{read}{steps}"));
}

/// Measures `table.read`, two row steps and `table.write`.
pub fn memory(rows: usize) {
    let directory = tempfile::tempdir().unwrap();
    let steps = "  - { id: some, uses: table.filter, with: { where: x > 100 } }
  - { id: two, uses: table.select, with: { columns: [name, n] } }
  - { id: write, uses: table.write, with: { path: out.csv } }
";
    numbers(directory.path(), rows, steps);
    let (time, peak) = measured(chem(directory.path(), &["run", "rows.yaml"]));
    println!("{rows} rows read, filtered, selected and written: {peak:.0} MiB at the peak, {time:.1} s");
}

/// Measures molecules that are read, described by three cheap properties, filtered and written.
pub fn molecules(rows: usize) {
    let directory = tempfile::tempdir().unwrap();
    let steps = "  - { id: read, uses: molecules.read, with: { path: rows.csv } }
  - { id: describe, uses: molecules.describe, with: { properties: [molecular_weight, hbd, rings] } }
  - { id: some, uses: molecules.filter, with: { where: molecular_weight > 100 } }
  - { id: write, uses: molecules.write, with: { path: out.smi } }
";
    let record = |row: usize| format!("{},mol{row}", crate::changed::smiles(row));
    write(directory.path(), "smiles,name", rows, record, steps);
    let (time, peak) = measured(chem(directory.path(), &["run", "rows.yaml"]));
    println!(
        "{rows} molecules read, described by 3 properties, filtered and written: {peak:.0} MiB at the peak, {time:.1} s"
    );
}

/// Returns the state of the run in the store of a directory, if it has begun.
fn run(directory: &Path) -> Option<(FlowId, FlowInstance)> {
    let path = directory.join("store.db");
    let store = path.exists().then(|| SqliteEventStore::open(path).ok()).flatten()?;
    let run = store.all_runs().unwrap().first()?.flow_id();
    Some((run, replay(run, &store.list(run).unwrap()).unwrap()))
}

/// Measures how long a run takes that continues a step which was killed in the middle, compared with an undisturbed one.
pub fn resumed(rows: usize) {
    let step = "  - { id: slow, uses: test.slow_rows, with: { column: n, wait: 1000 } }\n";
    let [whole, killed] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    [&whole, &killed].iter().for_each(|directory| numbers(directory.path(), rows, step));
    let (full, _) = measured(chem(whole.path(), &["run", "rows.yaml"]));
    let mut child = chem(killed.path(), &["run", "rows.yaml"]);
    let run = loop {
        std::thread::sleep(Duration::from_millis(100));
        let is_half = |instance: &FlowInstance| {
            let progress = instance.current().and_then(|(_, step)| step.progress.as_ref());
            progress.is_some_and(|progress| progress.position >= rows as u64 / 2)
        };
        if let Some((run, _)) = run(killed.path()).filter(|(_, instance)| is_half(instance)) {
            break run;
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be killed");
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let (resumed, _) = measured(chem(killed.path(), &["resume", &run.to_string()]));
    let share = 100.0 * resumed / full;
    println!("a step of {rows} rows killed in the middle: resumed in {resumed:.1} s of {full:.1} s, {share:.0} %");
}
