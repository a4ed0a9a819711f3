//! The step types that the modules of a manifest define, beside those that are linked into the program.

use std::borrow::Cow;
use std::path::Path;

#[cfg(feature = "cli")]
use chem_manifest::Parsed;
use chem_manifest::authored::{self, AuthoredStep};
use chem_manifest::{Diagnostic, Findings, Source, rules};

use crate::event::StepSources;
use crate::step::children::MAP_STEP;
use crate::step::map_step::MAP_STEPS;
use crate::step::{Registry, SourceProblem, StepRegistration, listed};

/// The step types that a manifest may use.
pub(super) struct StepTypesOfManifest<'r> {
    registry: Cow<'r, Registry>,
    problems: Vec<SourceProblem>,
}

impl<'r> StepTypesOfManifest<'r> {
    /// Describes the modules of `sources`, whose relative paths start at `directory`.
    pub(super) fn of(sources: &authored::StepSources, registry: &'r Registry, directory: &Path) -> Self {
        match recorded(sources) {
            Some(sources) => {
                let (registry, problems) = registry.with_sources(&sources, directory);
                Self { registry: Cow::Owned(registry), problems }
            }
            None => Self { registry: Cow::Borrowed(registry), problems: Vec::new() },
        }
    }

    /// Returns all step types that are known.
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns whether the step types of a module are unknown.
    pub(super) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Reports what is wrong with the modules at their places in the manifest.
    pub(super) fn report(&self, sources: &authored::StepSources, source: &Source, findings: &mut Findings) {
        for SourceProblem { module, message, help } in &self.problems {
            let written = module.and_then(|module| sources.from.get(module));
            let (rule, span) = match written {
                Some(written) => (&rules::STEP_SOURCE, written.span),
                None => (&rules::STEP_ENVIRONMENT, sources.environment_key.or(sources.from_key).unwrap_or_default()),
            };
            let diagnostic = Diagnostic::new(rule, message.clone(), source, span);
            findings.add(match help {
                Some(help) => diagnostic.with_help(help.clone()),
                None => diagnostic,
            });
        }
    }
}

/// Returns `registry` with the step types of the modules that the manifest at `path` names.
///
/// # Errors
/// Returns what is wrong with the modules, or keeps the manifest from being read.
#[cfg(feature = "cli")]
pub(crate) fn with_modules_of(path: &Path, registry: &Registry) -> Result<Registry, Vec<Diagnostic>> {
    let source = Source::read(path).map_err(|diagnostic| vec![*diagnostic])?;
    let mut findings = Findings::default();
    let Some(parsed) = Parsed::of(&source, &mut findings) else { return Err(findings.into_sorted(&source)) };
    let sources = parsed.step_sources();
    let types = StepTypesOfManifest::of(&sources, registry, path.parent().unwrap_or(Path::new(".")));
    types.report(&sources, &source, &mut findings);
    if findings.has_errors() { Err(findings.into_sorted(&source)) } else { Ok(types.registry.into_owned()) }
}

/// Returns the modules as the log records them; `None` if there are none.
pub(super) fn recorded(sources: &authored::StepSources) -> Option<StepSources> {
    let authored::Environment { python, lock, uv, workers } = sources.environment.clone();
    let from: Vec<String> = sources.from.iter().map(|written| written.text.clone()).collect();
    (!from.is_empty()).then_some(StepSources { from, python, lock, uv, workers })
}

/// Returns the step type that `step` uses; `None`, with a diagnostic, if it is unknown.
pub(super) fn step_type(
    step: &AuthoredStep,
    source: &Source,
    types: &StepTypesOfManifest<'_>,
    findings: &mut Findings,
) -> Option<&'static StepRegistration> {
    if step.map.is_some() {
        return Some(&MAP_STEPS);
    }
    let (uses, registry) = (step.uses.as_ref()?, types.registry());
    if uses.text == MAP_STEP {
        let message = format!("`{MAP_STEP}` is how the log names a step with `map`");
        let help = "write `map: { flow: FILE, over: { parameter: [values] } }` in place of `uses`";
        findings.add(Diagnostic::new(&rules::UNKNOWN_STEP_TYPE, message, source, uses.span).with_help(help));
        return None;
    }
    if let Some(registration) = registry.get(&uses.text) {
        return Some(registration);
    }
    // A module that could not be described may define it.
    if types.has_problems() {
        return None;
    }
    let message = format!("there is no step type `{}`", uses.text);
    let names: Vec<&str> = registry.iter().map(|registration| registration.spec().name).collect();
    let family = uses.text.split_once('.').map(|(family, _)| format!("{family}."));
    let siblings: Vec<&str> =
        names.iter().copied().filter(|name| family.as_ref().is_some_and(|family| name.starts_with(family))).collect();
    let help = match findings.nearest(&uses.text, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if siblings.is_empty() => format!("`chem steps` lists them; {}", registry.where_from()),
        None => format!("there are {}; {}", listed(&siblings), registry.where_from()),
    };
    findings.add(Diagnostic::new(&rules::UNKNOWN_STEP_TYPE, message, source, uses.span).with_help(help));
    None
}
