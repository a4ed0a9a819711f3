//! What step types say of themselves.

use std::path::Path;

use chem_runtime::manifest::{self, Style};
use chem_runtime::step::{Registry, StepSpec};
use chem_runtime::testing::FlowRecord;

use crate::generated::in_repository;

/// The step types that the program brings along.
pub fn specs() -> Vec<&'static StepSpec> {
    let built_in = |spec: &&StepSpec| spec.defined_in.0 == "chem-runtime";
    Registry::linked().unwrap().iter().map(|registration| registration.spec()).filter(built_in).collect()
}

#[test]
fn every_step_type_has_an_example_and_failure_modes() {
    let mut wanting = Vec::new();
    for spec in specs() {
        let (help, (_, file, line)) = (spec.help(), spec.defined_in);
        let mut want = |what: &str| wanting.push(format!("`{}` ({file}:{line}) {what}", spec.name));
        match &help.example {
            None => want("has no section `# Example` with a manifest in a fenced block of its doc comment"),
            Some(example) if !example.contains(&format!("uses: {}\n", spec.name)) => want("is not in its own example"),
            Some(_) => {}
        }
        if help.errors.is_empty() {
            want("has no section `# Errors` with a list of how it can fail in its doc comment");
        }
        if help.text.contains("\n# ") {
            want("has another section in its doc comment than `# Example` and `# Errors`");
        }
        if !spec.summary().ends_with('.') {
            want("has a first line that is not a sentence");
        }
    }
    assert!(wanting.is_empty(), "step types that say too little of themselves:\n{}", wanting.join("\n"));
}

/// Each runs as it stands and without a warning, from a directory with the files of `flows/data`, of which the first
/// records will do. Where there is no chemistry, those that need it are left to the builds that have it.
#[test]
fn every_example_runs() {
    let flows = tempfile::tempdir().unwrap();
    copy_beginnings(&in_repository("flows/data"), &flows.path().join("data"));
    let mut wrong = Vec::new();
    for spec in specs() {
        let Some(example) = spec.help().example else { continue };
        if cfg!(not(feature = "chemistry")) && example.contains("uses: molecules.") {
            continue;
        }
        let path = flows.path().join(format!("{}.yaml", spec.name));
        std::fs::write(&path, &example).unwrap();
        let checked = manifest::load(&path, &[], Registry::linked().unwrap());
        if !checked.diagnostics.is_empty() {
            wrong.push(manifest::render(&checked.diagnostics, Style::Plain));
            continue;
        }
        let record = FlowRecord::of_manifest(&path);
        if record.status() != "completed" {
            wrong.push(format!("the example of `{}` does not run:\n{}", spec.name, record.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_of_functions_is_current() {
    crate::generated::assert_current("docs/functions.md", &chem_runtime::report::function_reference());
}

#[cfg(feature = "chemistry")]
#[test]
fn the_reference_is_current() {
    crate::generated::assert_current("docs/steps.md", &chem_runtime::report::step_reference(&specs()));
}

#[cfg(feature = "chemistry")]
#[test]
fn the_schema_is_current() {
    let built_in = |registration: &&'static chem_runtime::step::StepRegistration| {
        registration.spec().defined_in.0 == "chem-runtime"
    };
    let registry = Registry::of(Registry::linked().unwrap().iter().filter(built_in)).unwrap();
    crate::generated::assert_current("schemas/flow.schema.json", &format!("{:#}\n", manifest::json_schema(&registry)));
}

/// Copies the files: all of a file, but for a CSV file its first forty records.
pub fn copy_beginnings(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.extension().is_some_and(|extension| extension == "csv") {
            let text = std::fs::read_to_string(from).unwrap();
            std::fs::write(to, text.split_inclusive('\n').take(41).collect::<String>()).unwrap();
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}
