//! Several processes, and processes with restricted rights.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chem_runtime::event::FlowId;
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{ErrorClass, EventLog as _, EventStore as _, Leases as _, RunIndex as _};
#[cfg(target_os = "linux")]
use chem_runtime::store::{Holder, Lease, PersistenceError, Takeover};
use chem_tests::events::numbered;

use super::Place;

fn child(place: &Place, command: &str, run: FlowId) -> Command {
    let mut child = Command::new(env!("CARGO_BIN_EXE_store-child"));
    child.arg(command).arg(format!("sqlite:{}", place.path().display())).arg(run.to_string());
    child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    child
}

#[test]
fn processes_that_open_a_new_store_at_once_all_succeed() {
    for _ in 0..5 {
        let place = Place::new();
        let mut children: Vec<Child> = (0..4).map(|_| child(&place, "open", FlowId::new()).spawn().unwrap()).collect();
        for child in &mut children {
            let mut line = String::new();
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n");
        }
        // Closing their inputs starts them all.
        for child in &mut children {
            drop(child.stdin.take());
        }
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(place.open().unwrap().all_runs().unwrap().len(), 4);
    }
}

#[test]
fn a_process_killed_while_it_makes_a_store_leaves_one_that_opens() {
    let mut unfinished = 0;
    for pages in 0..30 {
        let place = Place::new();
        let wal = place.directory.path().join("store.db-wal");
        let mut child = child(&place, "open", FlowId::new()).spawn().unwrap();
        drop(child.stdin.take());
        // The write-ahead log of a new store grows by pages. Each round kills the process one page later.
        let written = || std::fs::metadata(&wal).map_or(0, |wal| wal.len() / 4096);
        while written() < pages && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        unfinished += usize::from(!child.wait().unwrap().success());
        place.open().unwrap().append(FlowId::new(), 0, &[numbered(0)]).unwrap();
    }
    assert!(unfinished > 0, "no process was killed in time");
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_whose_machine_was_started_anew_is_free_and_one_of_another_container_is_not() {
    let (place, flow_id, me) = (Place::new(), FlowId::new(), Holder::this_process());
    let store = place.open().unwrap();
    let (start, _) = me.place.split_once('/').unwrap();
    let other = |place: String| Holder { place, pid: 1, ..me.clone() };
    let hidden = Lease::of_new_run(flow_id, other(format!("{start}/pid:[1]")));
    store.append_as((&hidden).into(), 0, &[numbered(0)]).unwrap();
    assert!(matches!(store.acquire_lease(flow_id, &me, Takeover::IfFree), Err(PersistenceError::Held { .. })));
    store.acquire_lease(flow_id, &other("0000/pid:[1]".into()), Takeover::Always).unwrap();
    assert_eq!(store.acquire_lease(flow_id, &me, Takeover::IfFree).unwrap().epoch, 3);
}

#[test]
fn a_writer_that_waits_too_long_says_for_what() {
    let (place, flow_id) = (Place::new(), FlowId::new());
    let store = SqliteEventStore::open_with_wait(place.path(), Duration::from_millis(100)).unwrap();
    store.append(flow_id, 0, &[numbered(0)]).unwrap();

    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.append(flow_id, 1, &[numbered(1)]).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().contains("waited 0.1 s for another process that is writing"), "{error}");
    // Neither reading nor opening waits.
    assert_eq!(store.list(flow_id).unwrap().len(), 1);
    assert_eq!(place.open().unwrap().list(flow_id).unwrap().len(), 1);

    other.execute_batch("COMMIT").unwrap();
    store.append(flow_id, 1, &[numbered(1)]).unwrap();
}

#[test]
fn a_store_that_another_process_is_opening_for_ever_says_so() {
    let place = Place::new();
    let lock = std::fs::File::create(place.directory.path().join("store.db.lock")).unwrap();
    lock.lock().unwrap();
    let error = SqliteEventStore::open_with_wait(place.path(), Duration::from_millis(100)).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().contains("another process that is opening"), "{error}");
    lock.unlock().unwrap();
    place.open().unwrap();
}

#[cfg(unix)]
#[test]
fn a_place_that_may_only_be_read_is_said_to_be_one() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;

    let allow = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let place = Place::new();
    drop(place.open().unwrap());
    let program = place.directory.path().join("store-child");
    chem_tests::outside::copy_program(env!("CARGO_BIN_EXE_store-child").as_ref(), &program);
    // Root may write everywhere, so under root the child runs as another user.
    let root = std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    let run = || {
        let mut command = Command::new(&program);
        command
            .arg("open")
            .arg(format!("sqlite:{}", place.path().display()))
            .arg(FlowId::new().to_string())
            .stdin(Stdio::null());
        if root {
            command.uid(65534).gid(65534);
        }
        command.output().unwrap()
    };
    // Read-only: the directory and its files; the file alone; the directory alone, in which SQLite needs a second file.
    for (directory, lock, file) in [(0o555, 0o444, 0o444), (0o777, 0o666, 0o444), (0o555, 0o666, 0o666)] {
        allow(place.directory.path(), directory);
        allow(&place.directory.path().join("store.db.lock"), lock);
        allow(&place.path(), file);
        let output = run();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains("cannot be opened for writing"), "{told}");
    }
    allow(place.directory.path(), 0o777);
    allow(&place.path(), 0o666);
    assert!(run().status.success());
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_is_said_to_be_one_and_what_was_stored_stays() {
    let (place, run) = (Place::new(), FlowId::new());
    // Without the signal that would kill the process, a write past the limit fails as on a full disk.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 400; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_store-child"))
        .arg("append")
        .arg(format!("sqlite:{}", place.path().display()))
        .arg(run.to_string())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("see that the disk has room"), "{told}");
    let acknowledged: u64 = String::from_utf8_lossy(&output.stdout).lines().last().unwrap().parse().unwrap();
    let store = place.open().unwrap();
    assert_eq!(store.list(run).unwrap().len() as u64, acknowledged);
    store.append(run, acknowledged, &[numbered(0)]).unwrap();
}
