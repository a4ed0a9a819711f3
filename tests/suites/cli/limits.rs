//! Inputs that cost far more than their size suggests. Each fails with a message that names its limit, in bounded time and
//! memory.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::harness::Place;

/// The result and cost of a run.
struct Watched {
    status: ExitStatus,
    said: String,
    took: Duration,
    /// The peak memory of the process in MiB, sampled every few milliseconds.
    megabytes: u64,
    /// The CPU time of the process in clock ticks, sampled in the same way.
    ticks: u64,
}

/// Runs the program for at most `seconds`, and sends it SIGINT after `stop_after`.
fn watch(place: &Place, arguments: &[&str], seconds: u64, stop_after: Option<Duration>) -> Watched {
    let (mut child, began) = (place.spawn(arguments), Instant::now());
    let (errors, output) = (child.stderr.take().unwrap(), child.stdout.take().unwrap());
    let said = [hear(errors), hear(output)];
    let (mut megabytes, mut ticks, mut stopped) = (0, 0, false);
    let status = loop {
        megabytes = megabytes.max(peak_megabytes(child.id()).unwrap_or(0));
        ticks = ticks.max(ticks_of(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if stop_after.is_some_and(|after| began.elapsed() > after && !std::mem::replace(&mut stopped, true)) {
            assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        }
        if began.elapsed() > Duration::from_secs(seconds) {
            child.kill().unwrap();
            break child.wait().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Watched { status, said: said.map(|heard| heard.join().unwrap()).concat(), took: began.elapsed(), megabytes, ticks }
}

/// Reads all of `pipe` in a thread, so that its writer never blocks.
fn hear(mut pipe: impl std::io::Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut heard = String::new();
        pipe.read_to_string(&mut heard).unwrap();
        heard
    })
}

/// Returns the peak memory of a process in MiB, or `None` if it has ended or there is no `/proc`.
fn peak_megabytes(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

/// Returns the user and system time of a process in clock ticks. In `/proc`, they follow the name of the program.
fn ticks_of(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// Returns a directory with a flow whose first step reads `bomb`. `more` is the YAML of its further steps.
fn reading(uses: &str, bomb: &str, more: &str) -> Place {
    let place = Place::new();
    let manifest = format!("flow: bomb\nsteps:\n  - {{ id: read, uses: {uses}, with: {{ path: {bomb} }} }}\n{more}");
    place.write("bomb.yaml", &manifest);
    place
}

/// Writes `copies` gzip members that each hold 1 MiB of `x`.
fn write_gzip(path: &Path, copies: usize) {
    let mut member = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut member, &vec![b'x'; 1 << 20]).unwrap();
    std::fs::write(path, member.finish().unwrap().repeat(copies)).unwrap();
}

fn sparse(path: &Path, bytes: u64) {
    std::fs::File::create(path).unwrap().set_len(bytes).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn each_bomb_fails_by_its_limit_within_seconds_and_little_memory() {
    let compressed = reading("table.read", "bomb.csv.gz", "");
    write_gzip(&compressed.path().join("bomb.csv.gz"), 2_000);

    let wide = reading("table.read", "wide.jsonl", "");
    let lines = (0..5_000).fold(String::new(), |mut lines, line| {
        writeln!(lines, "{{\"member{line}\": 1}}").unwrap();
        lines
    });
    wide.write("wide.jsonl", &lines);

    let deep = reading("table.read", "deep.jsonl", "");
    deep.write("deep.jsonl", &format!("{{\"a\": {}\n{{\"a\": 1}}\n", "[".repeat(5_000_000)));

    let large = reading("table.read", "large.csv", "");
    sparse(&large.path().join("large.csv"), 3 << 30);
    let huge = reading(
        "table.read",
        "a.csv",
        "  - id: ask\n    uses: process.run\n    with: { command: [cat], version: cat@1, files: { model: huge.bin } }\n",
    );
    huge.write("a.csv", "a\n1\n");
    sparse(&huge.path().join("huge.bin"), 1 << 40);

    let endless = reading("table.read", "/dev/zero", "");
    endless.write(
        "bomb.yaml",
        "flow: bomb\nsteps:\n  - { id: read, uses: table.read, with: { path: /dev/zero, format: csv } }\n",
    );

    let small = [
        (compressed, "`CHEM_LIMIT_GROWTH`", 1),
        (wide, "`CHEM_LIMIT_SPARSE_CELLS`", 1),
        (deep, "recursion limit exceeded", 0),
        (large, "`CHEM_LIMIT_TEXT_BYTES`", 1),
        (huge, "`CHEM_LIMIT_INPUT_BYTES`", 1),
        (endless, "`/dev/zero` is not a regular file", 2),
    ];
    for (place, words, status) in small {
        let mut found = watch(&place, &["run", "bomb.yaml"], 60, None);
        if status == 0 {
            // The record is rejected; the reason is in the artifact.
            let show = place.chem(&["show", "@last", "--format", "json"]).expect(0).json();
            let rejects = show["steps"][0]["outputs"].as_array().unwrap().iter().find(|it| it["name"] == "rejects");
            found.said =
                place.chem(&["artifact", "--rows", rejects.unwrap()["hash"].as_str().unwrap()]).expect(0).stdout;
        }
        assert!(found.said.contains(words), "{words}: {}", found.said);
        assert_eq!(found.status.code(), Some(status), "{words}");
        assert!(found.took < Duration::from_secs(20), "{words}: {:?}", found.took);
        assert!(found.megabytes < 400, "{words}: {} MB", found.megabytes);
    }
}

#[test]
#[cfg(all(target_os = "linux", feature = "chemistry"))]
fn an_expression_of_some_characters_fails_by_its_limit() {
    let list = "[1,2,3,4,5,6,7,8,9,0]";
    let nested = (0..7).fold("true".to_owned(), |body, level| format!("{list}.all(a{level}, {body})"));
    let grown = format!("size([name]{}[0]) > 0", ".map(x,x+x+x+x+x+x+x+x)".repeat(8));
    for expression in [nested, grown] {
        let filter = format!("  - {{ id: f, uses: molecules.filter, with: {{ where: \"{expression}\" }} }}\n");
        let place = reading("molecules.read", "a.smi", &filter);
        place.write("a.smi", "CCO some-name-of-a-molecule\n");
        let found = watch(&place, &["run", "bomb.yaml"], 60, None);
        assert!(found.said.contains("`CHEM_LIMIT_EXPRESSION_WORK`"), "{expression}: {}", found.said);
        assert_eq!(found.status.code(), Some(1), "{expression}");
        assert!(found.took < Duration::from_secs(20), "{expression}: {:?}", found.took);
        assert!(found.megabytes < 400, "{expression}: {} MB", found.megabytes);
    }
}

#[test]
#[cfg(all(target_os = "linux", feature = "chemistry"))]
fn a_step_whose_time_is_up_stops_within_its_expression_s_next_row() {
    let list = "[1,2,3,4,5,6,7,8,9,0]";
    let condition = format!("{list}.all(a, {list}.all(b, {list}.all(c, a + b + c >= 0)))");
    let filter = format!("  - {{ id: f, uses: molecules.filter, timeout: 1s, with: {{ where: \"{condition}\" }} }}\n");
    let place = reading("molecules.read", "a.smi", &filter);
    place.write("a.smi", &"C methane\n".repeat(20_000));
    let found = watch(&place, &["run", "bomb.yaml"], 120, None);
    assert_eq!(found.status.code(), Some(1), "{}", found.said);
    assert!(found.said.contains("did not end within 1s"), "{}", found.said);
    assert!(!found.said.contains("left behind"), "{}", found.said);
}

/// The records are long, so that little chemistry makes a large file.
#[test]
#[cfg(all(target_os = "linux", feature = "chemistry"))]
fn the_memory_for_molecules_does_not_grow_with_their_number() {
    let block = "  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\nM  END\n";
    for file in ["bomb.smi", "bomb.sdf", "bomb.csv.gz"] {
        let peaks = [1_500_usize, 6_000].map(|records| {
            let place = reading("molecules.read", file, "");
            let mut text = GzEncoder::new(Vec::new(), Compression::fast());
            let mut plain = std::fs::File::create(place.path().join(file)).unwrap();
            let mut write = |record: &str| match file {
                "bomb.csv.gz" => std::io::Write::write_all(&mut text, record.as_bytes()).unwrap(),
                _ => std::io::Write::write_all(&mut plain, record.as_bytes()).unwrap(),
            };
            if file == "bomb.csv.gz" {
                write("smiles,name\n");
            }
            for number in 1..=records {
                // Names that do not compress beyond the limit.
                let name = (0..2_500).fold(String::new(), |mut name, at: usize| {
                    write!(name, "{:08x}", (number * 2_500 + at).wrapping_mul(0x9e37_79b9) as u32).unwrap();
                    name
                });
                write(&match file {
                    "bomb.smi" => format!("C {name}\n"),
                    "bomb.sdf" => format!("{name}\n\n\n{block}$$$$\n"),
                    _ => format!("C,{name}\n"),
                });
            }
            let packed = text.finish().unwrap();
            if file == "bomb.csv.gz" {
                std::fs::write(place.path().join(file), packed).unwrap();
            }
            let found = watch(&place, &["run", "bomb.yaml"], 300, None);
            assert_eq!(found.status.code(), Some(0), "{}", found.said);
            found.megabytes
        });
        // The files hold 30 and 120 MB of text.
        assert!(peaks[1] < peaks[0] + 60, "{file}: {peaks:?} MB");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_hashing_of_a_file_heeds_ctrl_c() {
    let place = reading(
        "table.read",
        "a.csv",
        "  - id: ask\n    uses: process.run\n    with: { command: [cat], version: cat@1, files: { model: large.bin } }\n",
    );
    place.write("a.csv", "a\n1\n");
    sparse(&place.path().join("large.bin"), 60 << 30);
    let after = Duration::from_secs(3);
    let found = watch(&place, &["run", "bomb.yaml"], 60, Some(after));
    assert_eq!(found.status.code(), Some(130), "{}", found.said);
    // The stop takes a second; the rest is slack for a busy machine.
    assert!(found.took < after + Duration::from_secs(4), "{:?}", found.took);
    assert!(found.megabytes < 200, "{} MB", found.megabytes);
}

#[test]
#[cfg(target_os = "linux")]
fn the_time_of_a_plan_grows_with_the_steps_and_not_with_their_square() {
    let ticks = [1_000, 4_000].map(|steps| {
        let mut manifest = "flow: long\nsteps:\n  - { id: s0, uses: table.read, with: { path: a.csv } }\n".to_owned();
        for step in 1..steps {
            let wired = "uses: table.sort, inputs: { table: s0 }, with: { by: [a] }";
            writeln!(manifest, "  - {{ id: s{step}, {wired} }}").unwrap();
        }
        let place = Place::new();
        place.write("a.csv", "a\n1\n").write("long.yaml", &manifest);
        place.chem(&["run", "long.yaml", "--quiet"]).expect(0);
        let found = watch(&place, &["plan", "long.yaml", "--quiet"], 200, None);
        assert_eq!(found.status.code(), Some(0), "{}", found.said);
        found.ticks
    });
    assert!(ticks[1] < 8 * ticks[0], "{ticks:?}");
}

#[test]
fn a_limit_is_changed_by_its_variable_and_changes_no_fingerprint() {
    let place = reading("table.read", "a.csv", "");
    place.write("a.csv", "a\n1\n");
    let with = |variable: &str, value: &str| {
        let arguments = ["run", "bomb.yaml", "--store", "memory:", "--format", "json"];
        super::harness::Outcome::from(place.command(&arguments).env(variable, value).output().unwrap())
    };
    let refused = with("CHEM_LIMIT_TEXT_BYTES", "3").expect(1);
    assert!(refused.stdout.contains("holds 4 bytes or more; the limit is 3 bytes"), "{refused:?}");
    let fingerprint = |outcome: super::harness::Outcome| outcome.expect(0).json()["flow_fingerprint"].clone();
    let fingerprints = ["4", "1_000_000"].map(|value| fingerprint(with("CHEM_LIMIT_TEXT_BYTES", value)));
    assert!(fingerprints[0].is_string() && fingerprints[0] == fingerprints[1], "{fingerprints:?}");
    for (variable, value, words) in [
        ("CHEM_LIMIT_TEXT_BYTES", "much", "`CHEM_LIMIT_TEXT_BYTES` is `much`, expected a whole number of bytes"),
        ("CHEM_LIMIT_TEXT_BYTES", "0", "expected a whole number"),
        ("CHEM_LIMIT_TEXT", "5", "there is no limit `CHEM_LIMIT_TEXT`"),
    ] {
        let refused = with(variable, value).expect(2);
        assert!((refused.stdout + &refused.stderr).contains(words), "{words}");
    }
}
