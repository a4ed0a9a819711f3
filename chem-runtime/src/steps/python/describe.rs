//! Asks modules for their steps, or a description that is kept from before.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::cache;
use super::description::{Description, Module, PROTOCOL};
use super::interpreter::Interpreter;
use super::lock;
use super::pool::Home;
use super::step::PythonType;
use crate::step::{DescribedSteps, SourceProblem, StepError, StepRegistration, StepSources};
use crate::steps::process::child::{Finished, run_child};

/// How long modules may take to be imported.
const PATIENCE: Duration = Duration::from_secs(300);

/// Returns the step types of the modules of a manifest in `directory`.
pub(super) fn describe(sources: &StepSources, directory: &Path) -> DescribedSteps {
    let python = Interpreter::of(sources, directory);
    let mut described = DescribedSteps::default();
    let is_missing = |name: &&String| name.ends_with(".py") && !python.directory.join(name).is_file();
    for (index, name) in sources.from.iter().enumerate().filter(|(_, name)| is_missing(name)) {
        let message = format!("there is no file `{name}`");
        let help = Some("a path is relative to the manifest".to_owned());
        described.problems.push(SourceProblem { module: Some(index), message, help });
    }
    if !described.problems.is_empty() {
        return described;
    }
    let description = match description(&python, &sources.from) {
        Ok(description) => description,
        Err(problem) => {
            described.problems.push(problem);
            return described;
        }
    };
    if let Some(name) = &sources.lock {
        described.problems.extend(lock::differences(name, &python.directory, &description));
    }
    let home = Home { python, workers: sources.workers.map(usize::from) };
    for (index, module) in description.modules.iter().enumerate() {
        if let Some(error) = &module.error {
            described.problems.push(of_module(index, module, error));
        }
        described.types.extend(types(&home, &description, module));
    }
    described
}

fn of_module(index: usize, module: &Module, error: &str) -> SourceProblem {
    let help =
        module.traceback.as_ref().filter(|trace| !trace.is_empty()).map(|trace| format!("Python says:\n{trace}"));
    SourceProblem { module: Some(index), message: format!("`{}` cannot be used: {error}", module.module), help }
}

/// Returns the step types of a module, which are made once for each description.
fn types(home: &Home, description: &Arc<Description>, module: &Module) -> Vec<&'static StepRegistration> {
    type Known = Mutex<HashMap<(Home, String), &'static StepRegistration>>;
    static KNOWN: OnceLock<Known> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let make = |step| {
        let key = (home.clone(), serde_json::to_string(&(&module.module, step)).unwrap_or_default());
        *known.entry(key).or_insert_with(|| PythonType::register(home.clone(), description.clone(), module, step))
    };
    module.steps.iter().map(make).collect()
}

fn description(python: &Interpreter, modules: &[String]) -> Result<Arc<Description>, SourceProblem> {
    let place = cache::place(python, modules);
    if let Some(description) = place.as_deref().and_then(cache::read) {
        return Ok(Arc::new(description));
    }
    let description = asked(python, modules)?;
    if let Some(place) = place.filter(|_| description.modules.iter().all(|module| module.error.is_none())) {
        cache::store(&place, &description);
    }
    Ok(Arc::new(description))
}

fn asked(python: &Interpreter, modules: &[String]) -> Result<Description, SourceProblem> {
    let problem = |message: String, help: Option<String>| SourceProblem { module: None, message, help };
    let shown = python.shown();
    let mut command = python.command("describe");
    command.args(modules);
    let cancelled = || crate::cancel::check().map_err(StepError::from);
    let finished = run_child(&format!("`{shown}`"), command, Vec::new(), PATIENCE, &cancelled).map_err(|error| {
        let help = "name another interpreter: `environment: { python: … }`, or the variable CHEM_PYTHON";
        problem(format!("{error:#}"), Some(help.to_owned()))
    })?;
    let Finished { status, output, errors } = finished;
    let errors = String::from_utf8_lossy(&errors);
    if !status.success() {
        return Err(
            if errors.contains("No module named chem_flow") || errors.contains("No module named 'chem_flow'") {
                let help = format!(
                    "install it: `{shown} -m pip install chem-flow`; or name another interpreter: `environment: {{ python: … }}`, \
                 or the variable CHEM_PYTHON"
                );
                problem(format!("the Python interpreter `{shown}` has no package `chem_flow`"), Some(help))
            } else {
                problem(
                    format!("`{shown}` cannot describe the steps: it ended with {status}"),
                    Some(errors.trim().to_owned()),
                )
            },
        );
    }
    let description: Description = serde_json::from_slice(&output)
        .map_err(|error| problem(format!("`{shown}` describes the steps in another form: {error}"), same_release()))?;
    if description.protocol != PROTOCOL {
        let message = format!("`{shown}` has a package `chem_flow` of another release than this program");
        return Err(problem(message, same_release()));
    }
    Ok(description)
}

fn same_release() -> Option<String> {
    Some("install the package and the program in the same release".to_owned())
}
