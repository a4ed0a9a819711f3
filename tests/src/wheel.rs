//! The Python package as a wheel.
//!
//! maturin packs a program that is built already, so that nothing is compiled again: in place of cargo it calls a script that
//! answers with this program.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::outside::{copy_program, repository};

/// Runs a command, which must succeed.
#[track_caller]
pub fn well(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}\n{}", said(&output.stdout), said(&output.stderr));
    output
}

/// Returns the PATH of these tests, with `folder` before it.
pub fn path_from(folder: &Path) -> OsString {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([folder.to_owned()].into_iter().chain(std::env::split_paths(&inherited))).unwrap()
}

/// Writes a script that answers for cargo: it has built `program`, and knows the rest as cargo does.
fn stand_in_for_cargo(folder: &Path, program: &Path) -> PathBuf {
    let metadata = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let metadata = well(Command::new(env!("CARGO")).args(metadata).current_dir(repository()));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "chem-runtime").unwrap();
    let targets = package["targets"].as_array().unwrap();
    let built = json!({
        "reason": "compiler-artifact",
        "package_id": package["id"],
        "manifest_path": package["manifest_path"],
        "target": targets.iter().find(|target| target["kind"] == json!(["bin"])).unwrap(),
        "profile": {
            "opt_level": "0", "debuginfo": 0, "debug_assertions": true, "overflow_checks": true, "test": false
        },
        "features": [],
        "filenames": [program],
        "executable": program,
        "fresh": true,
    });
    let answer = folder.join("built.json");
    std::fs::write(&answer, format!("{built}\n{}\n", json!({"reason": "build-finished", "success": true}))).unwrap();
    let script = folder.join("cargo");
    let text = format!(
        "#!/bin/sh\ncase \"$1\" in\nrustc) exec cat '{}' ;;\n*) exec '{}' \"$@\" ;;\nesac\n",
        answer.display(),
        env!("CARGO")
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// Packs `program`, which these tests have built, as a wheel in `folder`.
pub fn pack(maturin: &Path, program: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join("chem");
    copy_program(program, &copy);
    let cargo = stand_in_for_cargo(folder, &copy);
    let mut build = Command::new(maturin);
    build.args(["build", "--offline", "--strip", "false", "--auditwheel", "skip", "--compression-method", "stored"]);
    build.arg("--out").arg(folder).arg("--target-dir").arg(folder.join("target"));
    build.current_dir(repository().join("python")).env("CARGO", &cargo);
    well(build.env("PATH", path_from(folder)));
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wheels: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "whl")).collect();
    assert_eq!(wheels.len(), 1, "{wheels:?}");
    wheels.into_iter().next().unwrap()
}
