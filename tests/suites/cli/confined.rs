//! Untrusted manifests: what a confined run may access, and what reaches a terminal.

use std::path::Path;

use super::harness::Place;

/// Returns a directory with a project in `project`, and a secret beside it.
fn project(manifest: &str) -> Place {
    let place = Place::new();
    place.write("secret.csv", "a\n1\n").write("project/a.csv", "a\n2\n").write("project/sub/b.csv", "a\n3\n");
    place.write("project/flow.yaml", manifest);
    place
}

fn copying(from: &str, to: &str) -> Place {
    project(&format!(
        "flow: copy\nsteps:\n  - {{ id: read, uses: table.read, with: {{ path: {from} }} }}\n  \
         - {{ id: write, uses: table.write, with: {{ path: {to} }} }}\n"
    ))
}

#[test]
#[cfg(unix)]
fn a_confined_run_touches_nothing_outside_of_its_folder() {
    let link = |place: &Place, to: &str, name: &str| {
        std::os::unix::fs::symlink(place.path().join(to), place.path().join("project").join(name)).unwrap();
    };
    for (from, to, verb) in [
        ("../secret.csv", "out.csv", "read"),
        ("sub/../../secret.csv", "out.csv", "read"),
        ("link.csv", "out.csv", "read"),
        ("up/secret.csv", "out.csv", "read"),
        ("a.csv", "../out.csv", "write"),
        ("a.csv", "up/out.csv", "write"),
        ("a.csv", "up/new/out.csv", "write"),
    ] {
        let place = copying(from, to);
        link(&place, "secret.csv", "link.csv");
        link(&place, ".", "up");
        let plan = place.chem(&["plan", "project/flow.yaml", "--format", "json"]).expect(0).json();
        assert_eq!(plan["outside"].as_array().unwrap().len(), 1, "{from} {to}: {plan}");
        assert_eq!(plan["outside"][0]["written"], verb == "write", "{from} {to}");
        let human = place.chem(&["plan", "project/flow.yaml"]).expect(0).stdout;
        assert!(human.contains("outside the folder"), "{human}");

        let refused = place.chem(&["run", "project/flow.yaml", "--confined"]).expect(1);
        let words = format!("cannot {verb} `");
        assert!(refused.stderr.contains(&words) && refused.stderr.contains("is confined"), "{}", refused.stderr);
        assert!(!place.path().join("out.csv").exists() && !place.path().join("new").exists(), "{from} {to}");
        let by_variable = place.command(&["run", "project/flow.yaml"]).env("CHEM_CONFINED", "1").output().unwrap();
        assert_eq!(by_variable.status.code(), Some(1), "{from} {to}");
        let plan = place.chem(&["plan", "project/flow.yaml", "--confined", "--format", "json"]).expect(0).json();
        let actions: Vec<&str> =
            plan["steps"].as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap()).collect();
        assert!(actions.contains(&"fail"), "{from} {to}: {actions:?}");

        place.chem(&["run", "project/flow.yaml", "--confined=."]).expect(0);
    }
    let place = copying("sub/b.csv", "new/out.csv");
    place.chem(&["run", "project/flow.yaml", "--confined"]).expect(0);
    let plan = place.chem(&["plan", "project/flow.yaml", "--format", "json"]).expect(0).json();
    assert_eq!(plan["outside"].as_array().unwrap().len(), 0);
}

#[test]
#[cfg(unix)]
fn a_confined_run_stays_confined_when_it_is_resumed_and_starts_programs_only_if_it_may() {
    let place = project(
        "flow: ask\nsteps:\n  - { id: read, uses: table.read, with: { path: a.csv } }\n  \
         - { id: ask, uses: process.run, with: { command: [cat], version: cat@1 } }\n",
    );
    let refused = place.chem(&["run", "project/flow.yaml", "--confined"]).expect(1);
    assert!(refused.stderr.contains("cannot start `cat`: the run is confined"), "{}", refused.stderr);
    let refused = place.chem(&["retry", "@last", "--confined"]).expect(1);
    assert!(refused.stderr.contains("cannot start `cat`"), "{}", refused.stderr);
    place.chem(&["run", "project/flow.yaml", "--confined", "--allow-programs"]).expect(0);
    let repair = place.chem(&["store", "repair", "--confined"]).expect(2);
    assert!(repair.stderr.contains("cannot be confined"), "{}", repair.stderr);
}

#[test]
#[cfg(unix)]
fn a_new_store_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let place = copying("a.csv", "out.csv");
    place.chem(&["run", "project/flow.yaml"]).expect(0);
    assert_eq!(mode(&place.path().join(".chem")), 0o700);
    for entry in std::fs::read_dir(place.path().join(".chem")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    // Users may share a store.
    let store = place.path().join(".chem/store.db");
    std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o660)).unwrap();
    place.chem(&["run", "project/flow.yaml"]).expect(0);
    assert_eq!(mode(&store), 0o660);
}

/// Returns what `chem` prints on a terminal, which `script` provides; `None` if that program is missing.
#[cfg(target_os = "linux")]
fn on_terminal(place: &Place, arguments: &[&str]) -> Option<String> {
    let quoted: Vec<String> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
    let command = format!("{} {}", super::harness::PROGRAM, quoted.join(" "));
    let mut script = std::process::Command::new("script");
    script.args(["-q", "-e", "-c", &command, "/dev/null"]).current_dir(place.path()).env_remove("NO_COLOR");
    script.env("CHEM_STORE", "sqlite:.chem/store.db").stdin(std::process::Stdio::null());
    let Ok(output) = script.output() else {
        eprintln!("skipped: there is no program `script` that makes a terminal");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns whether a terminal would do more with `text` than print it in our own colours.
#[cfg(target_os = "linux")]
fn acts(text: &str) -> bool {
    text.contains("\u{1b}]") || text.contains("\u{1b}[2J") || text.contains(['\u{9b}', '\u{202e}', '\u{7}'])
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_is_shown_no_control_characters_and_a_pipe_gets_every_byte() {
    const HARM: &str = "x\u{1b}]0;t\u{7}\u{1b}[2J\u{9b}2J\u{202e}y";
    let place = copying("a.csv", "out.csv");
    place.write("project/a.csv", &format!("a\n{HARM}\n"));
    place.chem(&["run", "project/flow.yaml"]).expect(0);
    let show = place.chem(&["show", "@last", "--format", "json"]).expect(0).json();
    let hash = show["steps"][0]["outputs"][0]["hash"].as_str().unwrap().to_owned();
    let piped = place.chem(&["artifact", "--rows", &hash]).expect(0).stdout;
    assert_eq!(piped, format!("a\n{HARM}\n"));
    let wrong = format!("project/{HARM}.yaml");
    place.write(
        &wrong,
        &format!("flow: x\nsteps:\n  - {{ id: a, uses: table.raed, with: {{ path: \"{}\" }} }}\n", "\u{9b}2J\u{202e}"),
    );
    for arguments in [&["artifact", "--rows", &hash][..], &["check", &wrong], &["run", &wrong], &["show", HARM]] {
        let Some(shown) = on_terminal(&place, arguments) else { return };
        assert!(!acts(&shown), "{arguments:?}: {shown:?}");
        assert!(shown.contains("\\u{202e}"), "{arguments:?}: {shown:?}");
    }
}
