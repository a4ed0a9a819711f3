//! Rows that kill the process that works on them: they are found and set apart, and everything else is as without them.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};

use serde_json::{Value, json};

use crate::harness::Place;

/// A program that scores rows, and kills the `chem` that started it if `deadly.txt` has a pattern that matches one of them.
const PROGRAM: &str = r#"rows=$(cat)
if echo "$rows" | grep -q -f deadly.txt; then
  process=$PPID
  until grep -q '^chem' /proc/$process/comm; do process=$(cut -d' ' -f4 /proc/$process/stat); done
  echo died >> died.txt
  kill -9 $process
  sleep 60
fi
echo "$rows" | sed 's/}$/, "one": 1}/'
"#;

/// Returns a place with a flow in shards of `rows` rows over the numbers below `count`, in which these are deadly.
fn place(count: usize, rows: usize, deadly: &[usize], retry: &str) -> Place {
    let place = Place::new();
    let steps = [
        "- id: score",
        "  uses: process.run",
        "  with: { command: [sh, \"{program}\"], files: { program: score.sh }, version: \"1\", rows: true, types: { one: integer } }",
        retry,
        "- { id: low, uses: table.filter, with: { where: n < 390 } }",
    ];
    let steps: String = steps.iter().filter(|line| !line.is_empty()).map(|line| format!("        {line}\n")).collect();
    let read = "flow: score\nsteps:\n  - { id: read, uses: table.read, with: { path: numbers.csv } }\n";
    place.write("cut.yaml", &format!("{read}  - map:\n      over: read\n      rows: {rows}\n      steps:\n{steps}"));
    place.write("score.sh", PROGRAM);
    let patterns: String = deadly.iter().map(|n| format!("\"n\":{n}}}\n")).collect();
    place.write("deadly.txt", &patterns);
    numbers(&place, (0..count).collect());
    place
}

fn numbers(place: &Place, numbers: Vec<usize>) {
    let lines: String = numbers.iter().map(|n| format!("{n}\n")).collect();
    place.write("numbers.csv", &format!("n\n{lines}"));
}

fn deaths(place: &Place) -> usize {
    std::fs::read_to_string(place.path().join("died.txt")).unwrap_or_default().lines().count()
}

fn ended(process: Child) -> (ExitStatus, String, String) {
    let output = process.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status, text(output.stdout), text(output.stderr))
}

/// Runs the flow, and resumes it as often as a deadly row kills the process. Returns the run as the last process prints it.
fn run_and_resume(place: &Place, store: &str) -> (ExitStatus, String, String) {
    let arguments = |command: &[&'static str]| [command, &["--format", "json", "-q", "--store"]].concat();
    let mut process = place.spawn(&[&arguments(&["run", "cut.yaml"])[..], &[store]].concat());
    for _ in 0..80 {
        let (status, stdout, stderr) = ended(process);
        if status.signal() != Some(9) {
            return (status, stdout, stderr);
        }
        process = place.spawn(&[&arguments(&["resume", "@last"])[..], &[store]].concat());
    }
    panic!("it dies again and again");
}

/// Returns the outputs of the steps that work on the rows.
fn outputs(run: &Value) -> Value {
    let steps = run["steps"].as_array().unwrap();
    steps.iter().filter(|step| step["id"] != "read").map(|step| json!([step["id"], step["outputs"]])).collect()
}

/// Returns the outputs of the same flow on a table without the deadly rows.
fn expected(count: usize, rows: usize, deadly: &[usize]) -> Value {
    let place = place(count, rows, &[], "");
    place.write("deadly.txt", "none\n");
    numbers(&place, (0..count).filter(|n| !deadly.contains(n)).collect());
    outputs(&place.chem(&["run", "cut.yaml", "--format", "json"]).expect(0).json())
}

/// Returns the rows that the run set apart, by what its log says.
fn set_apart(place: &Place, store: &str, run: &str) -> Vec<(u64, String)> {
    let events = place.chem(&["log", run, "--format", "json", "--store", store]).expect(0).json_lines();
    let data = events
        .iter()
        .filter(|event| event["payload"]["signal"] == "set_apart")
        .flat_map(|event| event["payload"]["data"].as_array().unwrap().clone());
    data.map(|row| (row["row"].as_u64().unwrap(), row["reason"].as_str().unwrap().to_owned())).collect()
}

const REASON: &str = "3 processes, one after the other, died at step `score`";

/// Two deadly rows in one shard, and a process that runs all shards itself.
fn deadly_rows_are_set_apart(store: &str, place: &Place) {
    let (status, stdout, stderr) = run_and_resume(place, store);
    assert!(status.success(), "{stderr}");
    let run: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(outputs(&run), expected(400, 100, &[205, 213]));
    let id = run["flow_id"].as_str().unwrap();
    assert_eq!(set_apart(place, store, id), [(206, REASON.to_owned()), (214, REASON.to_owned())]);
    // The shard dies twice, each part with a deadly row once, and each of these rows three times.
    assert!((9..=10).contains(&deaths(place)), "{}", deaths(place));
    let before = deaths(place);
    place.chem(&["verify", id, "--store", store]).expect(0);
    // A spool keeps no seals.
    if !store.starts_with("spool:") {
        place.chem(&["audit", id, "--store", store]).expect(0);
    }
    let trace = place.chem(&["trace", id, "--record", "214", "--store", store]).expect(0).stdout;
    assert!(trace.contains(REASON), "{trace}");
    let shown = place.chem(&["show", id, "--format", "json", "--store", store]).expect(0).json();
    let parts = shown["children"].as_array().unwrap().iter().filter(|child| !child["parts"].is_null()).count();
    assert!(parts > 16, "{parts}");
    let reported: Vec<Value> =
        [206, 214].map(|row| json!({ "step": "score", "row": row, "reason": REASON })).into_iter().collect();
    assert_eq!((&run["set_apart"], &shown["set_apart"]), (&json!(reported), &json!(reported)));
    let shown = place.chem(&["show", id, "--store", store]).expect(0).stdout;
    assert!(shown.contains("score set apart 2 rows (206, 214)"), "{shown}");
    let all = format!("processes that died: {}; the last: process ", deaths(place));
    assert!(shown.contains(&all), "{all}: {shown}");
    assert_eq!(deaths(place), before, "what only looks at a run starts no deadly work");
}

#[test]
fn deadly_rows_are_set_apart_on_sqlite() {
    deadly_rows_are_set_apart("sqlite:poison.db", &place(400, 100, &[205, 213], ""));
}

#[test]
fn deadly_rows_are_set_apart_on_a_spool() {
    deadly_rows_are_set_apart("spool:poison", &place(400, 100, &[205, 213], ""));
}

#[cfg(feature = "postgres")]
#[test]
fn deadly_rows_are_set_apart_on_postgres() {
    let Some(database) = chem_tests::postgres_server::database() else { return };
    deadly_rows_are_set_apart(&database.url(), &place(400, 100, &[205, 213], ""));
}

/// A step that rejects rows for which its program fails has those that are set apart among its rejects.
#[test]
fn rows_that_are_set_apart_are_rejects_of_a_program_that_has_them() {
    let place = place(60, 20, &[25], "");
    let manifest = std::fs::read_to_string(place.path().join("cut.yaml")).unwrap();
    place.write("cut.yaml", &manifest.replace("rows: true,", "rows: true, on_error: reject,"));
    let (status, stdout, stderr) = run_and_resume(&place, "sqlite:poison.db");
    assert!(status.success(), "{stderr}");
    let run: Value = serde_json::from_str(&stdout).unwrap();
    let rejects = run["steps"][1]["outputs"][1]["hash"].as_str().unwrap();
    let rejects = place
        .chem(&["artifact", rejects, "--rows", "--format", "json", "--store", "sqlite:poison.db"])
        .expect(0)
        .json();
    assert_eq!(rejects["rows"].as_array().unwrap().len(), 1, "{rejects}");
    assert!(rejects["rows"][0].to_string().contains(REASON), "{rejects}");
}

#[test]
fn a_process_that_dies_in_a_job_of_slurm_leaves_the_id_of_the_job() {
    let place = place(40, 20, &[13], "");
    let mut command = place.command(&["run", "cut.yaml", "-q"]);
    // What Slurm sets for a task of an array.
    command.env("SLURM_JOB_ID", "9").env("SLURM_ARRAY_JOB_ID", "7").env("SLURM_ARRAY_TASK_ID", "3");
    assert_eq!(command.output().unwrap().status.signal(), Some(9));
    place.write("deadly.txt", "none\n");
    let run = place.chem(&["resume", "@last", "--format", "json", "-q"]).expect(0).json();
    let [died] = run["incidents"].as_array().unwrap().as_slice() else { panic!("{run}") };
    assert_eq!(
        (&died["signal"], &died["data"]["job"], &died["data"]["deaths"]),
        (&json!("died"), &json!("7_3"), &json!(1))
    );
    let (parent, child) = (run["flow_id"].as_str().unwrap(), died["flow_id"].as_str().unwrap());
    for command in [&["show", parent][..], &["show", child], &["why", child, "score"]] {
        let said = place.chem(command).expect(0).stdout;
        assert!(
            said.contains(", of job 7_3 at step `score`") && said.contains("`sacct --jobs=7_3 --format="),
            "{said}"
        );
    }
    let why = place.chem(&["why", child, "score", "--format", "json"]).expect(0).json();
    assert_eq!((&why["incidents"], &why["incidents"][0]), (&run["incidents"], died));
}

#[test]
fn two_workers_find_a_deadly_row_and_the_retry_policy_says_how_often_it_is_tried() {
    let place = place(400, 100, &[213], "  retry: { attempts: 4 }");
    let store = "sqlite:poison.db";
    let mut parent = place.spawn(&["run", "cut.yaml", "-q", "--store", store]);
    while deaths(&place) == 0 {
        std::thread::yield_now();
    }
    parent.wait().unwrap();
    let run = place.chem(&["ls", "--format", "json", "--store", store]).expect(0).json()[0]["flow_id"].clone();
    let id = run.as_str().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let (status, _, stderr) = ended(place.spawn(&["work", id, "-q", "--store", store]));
                    if status.signal() != Some(9) {
                        assert!(status.success(), "{stderr}");
                        break;
                    }
                }
            });
        }
    });
    let done = place.chem(&["resume", id, "--format", "json", "--store", store]).expect(0).json();
    assert_eq!(outputs(&done), expected(400, 100, &[213]));
    let reason = "4 processes, one after the other, died at step `score`".to_owned();
    assert_eq!(set_apart(&place, store, id), [(214, reason)]);
    // The shard dies twice, the part once, and the row four times.
    assert_eq!(deaths(&place), 7);
    // A later run takes none of it over, since another machine may be able to work on the row.
    let again = place.spawn(&["run", "cut.yaml", "-q", "--store", store]);
    assert_eq!(ended(again).0.signal(), Some(9));
}

#[test]
fn what_kills_every_process_is_not_the_fault_of_the_rows() {
    let place = place(40, 20, &[0], "");
    place.write("deadly.txt", "n\n");
    let (status, stdout, _) = run_and_resume(&place, "sqlite:poison.db");
    assert!(!status.success());
    assert!(stdout.contains("it is not the rows that kill the processes"), "{stdout}");
    assert!(stdout.contains("after 10 rows have been set apart"), "{stdout}");
    assert!(stdout.contains("1 of 1 shards failed"), "{stdout}");
    assert!(deaths(&place) < 50, "{}", deaths(&place));
}

fn json_of(place: &Place, arguments: &[&str]) -> Value {
    place.chem(&[arguments, &["--format", "json"]].concat()).expect(0).json()
}

/// Runs a flow with two deadly rows, exports it from the store at `from`, and imports it into the one at `to`.
fn cut_shards_are_handed_over(from: &str, to: &str) {
    let place = place(60, 20, &[25, 29], "");
    let (status, stdout, stderr) = run_and_resume(&place, from);
    assert!(status.success(), "{stderr}");
    let run: Value = serde_json::from_str(&stdout).unwrap();
    let id = run["flow_id"].as_str().unwrap();
    if from.starts_with("postgres:") {
        place.chem(&["seal", "--store", from]).expect(0);
    }
    let children = |place: &Place, store: &str| {
        let shown = json_of(place, &["show", id, "--store", store]);
        assert_eq!((&shown["flow_fingerprint"], &shown["set_apart"]), (&run["flow_fingerprint"], &run["set_apart"]));
        let facts = |child: &Value| (child["flow_id"].clone(), child["status"].clone(), child["given"].clone());
        shown["children"].as_array().unwrap().iter().map(facts).collect::<Vec<_>>()
    };
    let before = children(&place, from);
    assert!(before.len() > 3 + 16, "{before:?}");
    let exported = json_of(&place, &["export", id, "run.zip", "--store", from]);
    assert_eq!(exported["children"].as_array().unwrap().len(), before.len(), "{exported}");

    let elsewhere = Place::new();
    let file = place.path().join("run.zip");
    let file = file.to_str().unwrap();
    let audited = json_of(&elsewhere, &["audit", file]);
    assert_eq!((&audited["sound"], &audited["runs"]), (&json!(true), &json!(1 + before.len())), "{audited}");
    let (is_sound, text) = verified_by_python(&place, &["run.zip"]);
    assert!(is_sound && text.contains(&format!("of {} run(s)", 1 + before.len())), "{text}");
    let imported = json_of(&elsewhere, &["import", file, "--store", to]);
    assert_eq!(imported["new"].as_array().unwrap().len(), 1 + before.len(), "{imported}");
    assert_eq!(children(&elsewhere, to), before);
    let again = json_of(&elsewhere, &["import", file, "--store", to]);
    assert_eq!((&again["new"], &again["events"]), (&json!([]), &json!(0)));
    let deaths_before = deaths(&place);
    json_of(&elsewhere, &["verify", id, "--store", to]);
    json_of(&elsewhere, &["verify", file]);
    assert_eq!(deaths(&place), deaths_before);
    if !to.starts_with("spool:") {
        json_of(&elsewhere, &["store", "check", "--deep", "--store", to]);
    }
}

/// Checks an export in `place` with the program that comes with it.
fn verified_by_python(place: &Place, arguments: &[&str]) -> (bool, String) {
    let verifier = concat!(env!("CARGO_MANIFEST_DIR"), "/../chem-runtime/src/handover/verify.py");
    let mut command = Command::new("python3");
    let output = command.arg(verifier).args(arguments).current_dir(place.path()).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn cut_shards_are_handed_over_to_a_file() {
    cut_shards_are_handed_over("sqlite:poison.db", "sqlite:to.db");
}

#[test]
fn cut_shards_are_handed_over_to_a_spool() {
    cut_shards_are_handed_over("sqlite:poison.db", "spool:to");
}

#[cfg(feature = "postgres")]
#[test]
fn cut_shards_are_handed_over_between_postgres_and_a_file() {
    let Some(database) = chem_tests::postgres_server::database() else { return };
    cut_shards_are_handed_over(&database.url(), "sqlite:to.db");
    let Some(database) = chem_tests::postgres_server::database() else { return };
    cut_shards_are_handed_over("sqlite:poison.db", &database.url());
}

/// A log from which a run was taken away before it was sealed agrees with itself, so its export does as well.
#[test]
fn an_export_without_a_shard_or_a_part_of_one_is_not_sound() {
    let place = place(60, 20, &[25], "");
    let (status, stdout, stderr) = run_and_resume(&place, "spool:whole");
    assert!(status.success(), "{stderr}");
    let run: Value = serde_json::from_str(&stdout).unwrap();
    let id = run["flow_id"].as_str().unwrap();
    let shown = json_of(&place, &["show", id, "--store", "spool:whole"]);
    let children = shown["children"].as_array().unwrap();
    let part = children.iter().find(|child| child["parts"] == json!([15])).unwrap();
    let cut = children.iter().find(|child| child["index"] == part["index"] && child["parts"].is_null()).unwrap();
    let last = children.iter().rfind(|child| child["parts"].is_null()).unwrap();
    for missing in [&children[0], cut, part, last] {
        // A witness would know that the log was another one.
        let elsewhere = Place::new();
        let spool = elsewhere.path().join("spool");
        let copied = Command::new("cp").arg("-r").arg(place.path().join("whole")).arg(&spool).status().unwrap();
        assert!(copied.success());
        let flow_id = missing["flow_id"].as_str().unwrap();
        std::fs::remove_dir_all(spool.join("runs").join(flow_id)).unwrap();
        json_of(&elsewhere, &["store", "merge", "spool"]);
        elsewhere.chem(&["seal"]).expect(0);
        for data in [&[][..], &["--without-data"]] {
            let file = format!("run{}.zip", data.concat());
            json_of(&elsewhere, &[&["export", id, &file], data].concat());
            // Only the table says how many rows there are.
            if missing == last && !data.is_empty() {
                continue;
            }
            let audited = elsewhere.chem(&["audit", &file]).expect(1).stdout;
            assert!(audited.contains(&format!("run {flow_id}, ")), "{missing}: {audited}");
            let (is_sound, said) = verified_by_python(&elsewhere, &[&file]);
            assert!(!is_sound && said.contains("is missing or another run"), "{missing}: {said}");
        }
    }
}
