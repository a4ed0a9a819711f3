//! Programs that succeed, fail, hang and leave processes behind.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::RunProcess;
use super::command::filled;
use crate::artifact::{ArtifactValue, Column, ColumnType, Table, Values};
use crate::step::{
    Bound, CancelToken, ExecutionContext, Files, Inputs, Silent, Step, StepDefinition as _, StepError, StepId,
};

fn step(params: Value) -> RunProcess {
    let mut all = Map::from_iter([("version".to_owned(), json!("it@1"))]);
    all.extend(params.as_object().unwrap().clone());
    RunProcess::from_params(&all).unwrap()
}

fn shell(script: &str) -> RunProcess {
    step(json!({ "command": ["sh", "-c", script], "timeout": 60 }))
}

fn table(rows: usize) -> Table {
    let names = (0..rows).map(|row| format!("n{row}"));
    Table::new([
        (Column::new("name", ColumnType::Text), Values::texts(names)),
        (Column::new("mass", ColumnType::Float).with_unit("g"), Values::floats(vec![1.5; rows])),
    ])
    .unwrap()
}

/// Returns the result of the program for a table of this many rows, and its signals.
fn answer_in(
    directory: &Path,
    step: &RunProcess,
    rows: usize,
    cancel: &CancelToken,
) -> (Result<Arc<Table>, StepError>, HashMap<String, Value>) {
    let table = table(rows);
    let (id, nothing, files) = (StepId::new("it").unwrap(), HashMap::new(), Files::relative_to(directory));
    let mut inputs = Inputs::default();
    inputs.wire("table", table.pack().unwrap().root.hash(), Some(Arc::new(table).hand_on()));
    let context = ExecutionContext::new(&id, &inputs, &nothing, &files, cancel, &Silent);
    let result = step.execute(&context).map(|outputs| Table::take(outputs[0].handed.as_ref().unwrap()).unwrap());
    (result, context.take_signals().into_iter().map(|signal| (signal.name, signal.data)).collect())
}

fn answer(step: &RunProcess, rows: usize) -> (Result<Arc<Table>, StepError>, HashMap<String, Value>) {
    answer_in(Path::new("."), step, rows, &CancelToken::default())
}

#[test]
fn a_program_does_not_start_before_the_log_says_so_and_its_answer_may_be_reused() {
    let bound = Bound::new(StepId::new("it").unwrap(), shell("cat"));
    assert!(bound.has_effects() && bound.is_reusable());
}

#[test]
fn what_a_program_hands_back_unchanged_is_the_same_table() {
    for format in ["jsonl", "csv"] {
        let (found, signals) = answer(&step(json!({ "command": ["cat"], "send": format, "receive": format })), 3000);
        assert_eq!(*found.unwrap(), table(3000), "{format}");
        assert_eq!(signals["answered"], json!({ "sent": 3000, "received": 3000 }));
        assert!(!signals.contains_key("stderr"));
    }
}

#[test]
fn new_columns_name_their_origin_and_files_are_their_content() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("answer.jsonl"), "{\"name\": \"a\", \"logp\": 2}\n").unwrap();
    let params = json!({
        "command": ["sh", "-c", "cat \"$1\"; pwd >&2", "sh", "{data}"],
        "files": { "data": "answer.jsonl" },
        "types": { "logp": "float" },
    });
    let (found, signals) = answer_in(directory.path(), &step(params.clone()), 1, &CancelToken::default());
    let found = found.unwrap();
    assert_eq!(found.row(0), [json!("a"), json!(2.0)]);
    let providers: Vec<_> = found.columns().iter().map(|column| column.provider.as_deref()).collect();
    assert_eq!(providers, [None, Some("it@1")]);
    let working_directory = signals["stderr"]["text"].as_str().unwrap().to_owned();
    assert_eq!(Path::new(&working_directory).canonicalize().unwrap(), directory.path().canonicalize().unwrap());

    let identity = || step(params.clone()).identity(&Files::relative_to(directory.path())).unwrap();
    let before = identity();
    std::fs::write(directory.path().join("answer.jsonl"), "{}").unwrap();
    assert_ne!(identity(), before);
}

#[test]
fn a_failing_program_fails_the_step_with_its_standard_error() {
    let (found, signals) = answer(&shell("echo one >&2; echo two >&2; exit 3"), 1);
    assert_eq!(found.unwrap_err().to_string(), "`sh` exited with status 3; standard error: one / two");
    assert_eq!(signals["stderr"], json!({ "text": "one\ntwo" }));
    for (script, why) in [
        ("exit 1", "wrote nothing"),
        ("kill -9 $$", "was killed"),
        ("echo no table", "line 1 of `the output of sh` cannot be used"),
        ("printf '\\0' >&2; exit 1", "\u{fffd}"),
    ] {
        let error = answer(&shell(script), 1).0.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let long = answer(&shell("i=0; while [ $i -lt 3000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1"), 1);
    assert!(long.0.unwrap_err().to_string().ends_with("line 2998 / line 2999"));
    assert!(long.1["stderr"]["text"].as_str().unwrap().len() <= 8 << 10);
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    for (command, why) in [
        (json!(["no-such-program-as-this"]), "cannot start `no-such-program-as-this`"),
        (json!(["./no/such/program"]), "cannot start"),
        (json!([]), "expected a program"),
    ] {
        let error = answer(&step(json!({ "command": command })), 1).0.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_program_need_not_read_what_it_is_given() {
    let (found, _) = answer(&step(json!({ "command": ["true"] })), 100_000);
    assert_eq!(*found.unwrap(), table(0));
}

#[test]
fn columns_that_come_back_keep_their_type_if_it_fits() {
    let found = |params: Value, script: &str| {
        let mut all = json!({ "command": ["sh", "-c", script], "timeout": 60 });
        all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        let found = answer(&step(all), 1).0.unwrap();
        let columns = found.columns().iter().map(|column| (column.name.to_string(), column.ty, column.unit.clone()));
        (columns.collect::<Vec<_>>(), Value::from(found.row(0)))
    };
    let name = |ty| ("name".to_owned(), ty, None);
    let mass = |ty, unit: Option<&str>| ("mass".to_owned(), ty, unit.map(str::to_owned));
    let (text, integer, float) = (ColumnType::Text, ColumnType::Integer, ColumnType::Float);

    let whole = r#"echo '{"name": "1001", "mass": 3}'"#;
    assert_eq!(found(json!({}), whole), (vec![name(text), mass(float, Some("g"))], json!(["1001", 3.0])));
    let csv = found(json!({ "receive": "csv" }), "echo name,mass; echo 0,3; echo 1e3,4");
    assert_eq!(csv, (vec![name(text), mass(float, Some("g"))], json!(["0", 3.0])));
    let missing = found(json!({}), r#"echo '{"name": "a", "mass": null}'"#);
    assert_eq!(missing, (vec![name(text), mass(float, Some("g"))], json!(["a", null])));
    // One that does not fit does not affect the other.
    let heavy = found(json!({ "receive": "csv" }), "echo name,mass; echo 7,heavy");
    assert_eq!(heavy, (vec![name(text), mass(text, None)], json!(["7", "heavy"])));
    let declared = found(json!({ "types": { "mass": "integer" } }), whole);
    assert_eq!(declared, (vec![name(text), mass(integer, None)], json!(["1001", 3])));
    // The type of a column that was not sent is inferred.
    let unsent = found(json!({ "columns": ["name"] }), whole);
    assert_eq!(unsent, (vec![name(text), mass(integer, None)], json!(["1001", 3])));
}

#[test]
fn no_records_have_the_columns_that_were_sent_and_those_of_the_types() {
    for (columns, expected) in [(json!(["name"]), "name logp"), (json!(["mass", "name"]), "mass name logp")] {
        let params = json!({ "command": ["cat"], "columns": columns, "types": { "logp": "float", "name": "text" } });
        let found = answer(&step(params), 0).0.unwrap();
        let names: Vec<&str> = found.columns().iter().map(|column| &*column.name).collect();
        assert_eq!((names.join(" ").as_str(), found.rows()), (expected, 0));
        let logp = found.column("logp").unwrap().0;
        assert_eq!((logp.ty, logp.provider.as_deref()), (ColumnType::Float, Some("it@1")));
    }
}

#[test]
fn names_in_braces_within_a_path_are_not_replaced() {
    let paths = BTreeMap::from([("x", "/dir {y}/a".to_owned()), ("y", "/{x}".to_owned())]);
    for (text, expected) in [
        ("{x}", "/dir {y}/a"),
        ("--in={y},{x}", "--in=/{x},/dir {y}/a"),
        ("{z} {{x} {", "{z} {/dir {y}/a {"),
        ("{x", "{x"),
    ] {
        assert_eq!(filled(text, &paths), expected);
    }
}

#[test]
fn the_locale_and_time_zone_of_a_program_are_fixed() {
    let found = answer(&shell(r#"printf '{"a": "%s %s"}' "$LC_ALL" "$TZ""#), 1).0.unwrap();
    assert_eq!(found.row(0), [json!("C.UTF-8 UTC")]);
}

#[test]
fn processes_left_running_do_not_delay_the_step() {
    let (found, _) = answer(&shell("sleep 1000 & echo '{\"pid\": '$!'}'"), 1);
    assert!(is_gone(found.unwrap().row(0)[0].as_i64().unwrap()));
}

#[test]
fn a_program_that_hangs_is_killed_with_all_that_it_started() {
    let directory = tempfile::tempdir().unwrap();
    let command = json!(["sh", "-c", "sleep 1000 & echo $! > pid; wait"]);
    let hanging = step(json!({ "command": command, "timeout": 1 }));
    let error = answer_in(directory.path(), &hanging, 1, &CancelToken::default()).0.unwrap_err().to_string();
    assert_eq!(error, "`sh` ran for longer than its timeout of 1 s and was killed");
    let pid = std::fs::read_to_string(directory.path().join("pid")).unwrap();
    assert!(is_gone(pid.trim().parse().unwrap()));
}

#[test]
fn a_run_that_is_asked_to_stop_stops_its_program() {
    let cancel = CancelToken::default();
    cancel.cancel();
    let (found, _) = answer_in(Path::new("."), &shell("sleep 1000"), 1, &cancel);
    assert!(found.unwrap_err().is_interrupted());
}

/// Returns whether a process exits within a minute. A zombie counts as exited.
fn is_gone(pid: i64) -> bool {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while std::time::Instant::now() < until {
        let state = std::process::Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
        let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
        if state.is_empty() || state.starts_with('Z') {
            return true;
        }
    }
    false
}
