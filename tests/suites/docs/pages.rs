//! The README, the tutorial and the pages on running, on evidence and on Python, followed to the letter: their files are written,
//! their commands run.
//!
//! What cannot be run here is listed, each with its reason; a block or a command that is neither run nor listed fails a test.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use chem_tests::outside::Outside;

use crate::console::{blocks, follow};
use crate::generated::in_repository;

/// The beginnings of commands that a test does not run as they are, what it runs instead, and why.
const INSTEAD: &[(&str, &str, &str)] = &[
    ("cargo run --release -- ", "chem ", "it builds for minutes what is the program in the PATH here"),
    (
        "cargo run -p chem-runtime --no-default-features --features cli,sqlite -- ",
        "chem ",
        "the same, and CI checks both",
    ),
    ("cargo test --workspace", "true", "it is what runs this test"),
    ("cargo install ", "true", "it puts into the PATH what is there here, or what the user may do without"),
    ("python3 -m venv lab", "\"$PYTHON\" -m venv --without-pip lab", "the interpreter of these tests has pyarrow"),
    (
        "lab/bin/pip install --quiet chem-flow",
        "cp \"$(command -v chem)\" lab/bin && lab/bin/python -c \"import os, sysconfig; \
         open(sysconfig.get_path('purelib') + '/chem.pth', 'w').write(os.environ['PACKAGE'])\"",
        "it is not published; suites/scaffolding installs a wheel",
    ),
    (
        "lab/bin/pip freeze > requirements.lock",
        "lab/bin/python -c \"import importlib.metadata as found; [print(f'{each.name}=={each.version}') for each in \
         found.distributions()]\" > requirements.lock",
        "the environment has no pip",
    ),
    ("pip install ", "true", "it puts into the PATH what is there here; suites/scaffolding installs a wheel"),
    ("(cd python && maturin build ", "true", "it builds for minutes; suites/scaffolding packs a wheel"),
    ("cargo insta ", "true", "it asks the user, and is a program of its own"),
    ("chem ui", "chem ui --help > help.txt", "it serves until it is stopped; suites/explorer opens it in a browser"),
    ("ssh -L ", "true", "the machine is one of the user's"),
    ("chem store grant ROLE ", "true", "the role is one of the user's server; cli/postgres.rs makes roles and grants"),
];

/// The blocks that nobody does anything with: the page, how the block begins, and why.
const NOT_FOLLOWED: &[(&str, &str, &str)] = &[
    ("README.md", "import chem_flow\n", "python/tests runs this and the notebook that the text names"),
    (
        "docs/tutorial.md",
        "chem store grant anna runner",
        "roles of the user's server; cli/postgres.rs makes roles and grants",
    ),
    ("docs/running.md", "- id: lookup\n", "a part of a manifest, with a step of the reader's"),
    ("docs/running.md", "- id: read\n", "a part of a manifest, with a file of the reader's"),
    ("docs/running.md", "params:\n  token:", "a part of a manifest, with a secret of the reader's"),
];

/// What is run for `command`, if that is not the command itself.
pub fn instead(command: &str) -> Option<String> {
    INSTEAD.iter().find_map(|(beginning, instead, _)| {
        let rest = command.strip_prefix(beginning)?;
        Some(if instead.ends_with(' ') { format!("{instead}{rest}") } else { (*instead).to_owned() })
    })
}

pub fn page(path: &str) -> String {
    std::fs::read_to_string(in_repository(path)).unwrap()
}

pub fn outside() -> Outside {
    Outside::with(Path::new(env!("CARGO_BIN_EXE_chem-alone")))
}

/// The part about PostgreSQL, which comes last, is left out where there is no server, which has then been said.
#[test]
fn the_tutorial_does_what_it_says() {
    #[cfg(all(feature = "postgres", unix))]
    let database = chem_tests::postgres_server::database();
    let page = page("docs/tutorial.md");
    let (before, _, behind) = chapter_on_python(&page);
    follow(&format!("{before}{behind}"), outside(), instead, |name, value| match name {
        #[cfg(all(feature = "postgres", unix))]
        "DATABASE_URL" => database.as_ref().map(|database| database.url()),
        #[cfg(not(all(feature = "postgres", unix)))]
        "DATABASE_URL" => None,
        _ => Some(value.to_owned()),
    });
}

/// Returns the tutorial's chapter on steps in Python, which needs no other, and what is before and behind it.
fn chapter_on_python(page: &str) -> (&str, &str, &str) {
    let start = page.find("\n## A step in Python\n").unwrap() + 1;
    let end = start + page[start..].find("\n## Moving").unwrap() + 1;
    (&page[..start], &page[start..end], &page[end..])
}

/// Returns a place whose virtual environments have the package and the program; `None`, after a message, without a Python.
fn outside_with_python() -> Option<Outside> {
    let Some(python) = std::env::var_os("CHEM_TEST_PYTHON").filter(|name| !name.is_empty()) else {
        let hint = "set CHEM_TEST_PYTHON to a Python that has pyarrow";
        assert!(std::env::var("CHEM_REQUIRE_PYTHON").as_deref() != Ok("1"), "no Python to test with: {hint}");
        // Bypasses the output capture of the test harness.
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: THE PAGES ON STEPS IN PYTHON: {hint}\n");
        return None;
    };
    let ask = "import sys, sysconfig; print(sys.executable); print(sysconfig.get_path('purelib'))";
    let said = Command::new(&python).args(["-c", ask]).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let (python, installed) = said.trim_end().split_once('\n').unwrap();
    let package = format!("{}\n{installed}\n", in_repository("python").canonicalize().unwrap().display());
    let outside = outside().variable("PYTHON", python).variable("PACKAGE", package);
    let cache = outside.path().join("cache");
    Some(outside.variable("XDG_CACHE_HOME", cache.to_str().unwrap()))
}

/// From an empty virtual environment to a step in it.
#[test]
fn the_tutorial_s_chapter_on_python_does_what_it_says() {
    let Some(outside) = outside_with_python() else { return };
    follow(chapter_on_python(&page("docs/tutorial.md")).1, outside, instead, |_, value| Some(value.to_owned()));
}

#[test]
fn the_page_on_python_does_what_it_says() {
    let Some(outside) = outside_with_python() else { return };
    follow(&page("docs/python.md"), outside, instead, |_, value| Some(value.to_owned()));
}

#[test]
fn the_page_on_the_explorer_does_what_it_says() {
    follow(&page("docs/explorer.md"), outside(), instead, |_, value| Some(value.to_owned()));
}

#[test]
fn the_page_on_clusters_does_what_it_says() {
    follow(&page("docs/clusters.md"), outside(), instead, |_, value| Some(value.to_owned()));
}

#[test]
fn the_page_on_running_does_what_it_says() {
    follow(&page("docs/running.md"), outside(), instead, |_, value| Some(value.to_owned()));
}

#[test]
fn the_page_on_evidence_does_what_it_says() {
    for program in ["ssh-keygen", "python3"] {
        if Command::new(program)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .arg("-h")
            .status()
            .is_err()
        {
            println!("skipped: there is no {program}");
            return;
        }
    }
    follow(&page("docs/evidence.md"), outside(), instead, |_, value| Some(value.to_owned()));
}

/// A place with the flows of the repository.
#[cfg(feature = "chemistry")]
pub fn with_flows() -> Outside {
    let outside = outside();
    for directory in ["flows", "flows/data"] {
        for entry in std::fs::read_dir(in_repository(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap();
                outside.write(format!("{directory}/{name}"), &std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    outside
}

/// The name of its project differs from that of the tutorial's, which is built in the same directory at the same time.
#[cfg(feature = "chemistry")]
#[test]
fn the_readme_does_what_it_says() {
    follow(&page("README.md"), with_flows(), instead, |_, value| Some(value.to_owned()));
}

#[test]
fn every_block_is_followed_or_listed() {
    let mut listed: Vec<(&str, &str)> = NOT_FOLLOWED.iter().map(|(page, beginning, _)| (*page, *beginning)).collect();
    let mut wrong = Vec::new();
    for path in [
        "README.md",
        "docs/tutorial.md",
        "docs/running.md",
        "docs/clusters.md",
        "docs/evidence.md",
        "docs/explorer.md",
        "docs/python.md",
    ] {
        let page = page(path);
        for block in blocks(&page).iter().filter(|block| !block.is_followed()) {
            match listed.iter().position(|(page, beginning)| *page == path && block.text.starts_with(beginning)) {
                Some(at) => drop(listed.remove(at)),
                None => wrong.push(format!("{path}:{}: nothing is done with this block", block.line)),
            }
        }
        let mut fenced = false;
        for (number, pair) in (2..).zip(page.lines().collect::<Vec<_>>().windows(2)) {
            fenced ^= pair[0].starts_with("```");
            if !fenced && pair[0].is_empty() && pair[1].starts_with("    ") {
                wrong.push(format!("{path}:{number}: a block has to be fenced"));
            }
        }
    }
    wrong.extend(listed.iter().map(|(path, beginning)| format!("{path} has no block that begins with {beginning:?}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A page with commands is followed by one of the tests above.
#[test]
fn every_page_with_commands_is_followed() {
    let here = include_str!("pages.rs");
    let mut pages = vec!["README.md".to_owned()];
    for entry in std::fs::read_dir(in_repository("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        pages.extend(name.ends_with(".md").then(|| format!("docs/{name}")));
    }
    let followed = |path: &String| here.contains(&format!("&page({path:?})"));
    for path in pages.iter().filter(|path| !followed(path)) {
        let page = page(path);
        let commands = blocks(&page).into_iter().find(|block| block.language == "console");
        assert_eq!(commands, None, "{path} has commands that no test follows");
    }
}
