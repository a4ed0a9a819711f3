//! `chem check`: reports every problem in manifests without running anything, and explains the rules it checks.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde_json::{Value, json};

use crate::cli::args::{Format, Overrides, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BOLD, GOOD, styled};
use crate::flow::FlowDefinition;
use crate::manifest::{self, Diagnostic, Origins, Override, Rule, Style, Sweep};
use crate::step::Registry;

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// The manifests; `-` reads standard input.
    #[arg(required_unless_present = "explain", value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifests: Vec<PathBuf>,
    /// Explain the rule with this code, such as E0410, with a wrong and a right example.
    #[arg(long, value_name = "CODE", conflicts_with_all = ["manifests", "set"])]
    pub explain: Option<String>,
    #[command(flatten)]
    pub overrides: Overrides,
}

pub(in crate::cli) fn run(shared: &Shared, args: &CheckArgs) -> Result<ExitCode, Failure> {
    if let Some(code) = &args.explain {
        return explain(shared, code);
    }
    let checked = args
        .manifests
        .iter()
        .map(|path| match path.as_os_str() == "-" {
            true => check_standard_input(shared, &args.overrides),
            false => read_and_check(shared, path, &args.overrides),
        })
        .collect::<Result<Vec<CheckedManifest>, Failure>>()?;
    match shared.format {
        Format::Json => {
            let diagnostics = checked.iter().flat_map(|checked| &checked.diagnostics).map(Diagnostic::to_json);
            output::print_json(&diagnostics.collect::<Value>())?;
        }
        Format::Human => {
            for (path, checked) in args.manifests.iter().zip(&checked) {
                if !checked.diagnostics.is_empty() {
                    output::print(&format!("{}\n", manifest::render(&checked.diagnostics, Style::Coloured)))?;
                }
                if let Some(definition) = checked.definition.as_ref().filter(|_| !shared.quiet) {
                    let steps = definition.steps().len();
                    let path = path.display().to_string();
                    output::print(&format!("{} {}, {steps} steps\n", styled(GOOD, "ok"), styled(BOLD, &path)))?;
                }
            }
        }
    }
    let good = checked.iter().all(|checked| checked.definition.is_some());
    Ok(if good { ExitCode::SUCCESS } else { Status::Usage.into() })
}

fn explain(shared: &Shared, code: &str) -> Result<ExitCode, Failure> {
    let Some(rule) = Rule::named(code) else {
        let failure = Failure::usage(format!("there is no rule `{code}`"));
        return Err(match Rule::nearest(code) {
            Some(meant) => failure.with_help(format!("did you mean `{}`, {}?", meant.code, meant.title)),
            None => failure.with_help("a code is printed with each error, as in `error[E0410]`"),
        });
    };
    match shared.format {
        Format::Json => output::print_json(&json!({
            "code": rule.code,
            "severity": rule.severity,
            "title": rule.title,
            "page": rule.page,
        }))?,
        Format::Human => output::print(rule.page)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The result of checking a manifest.
pub(in crate::cli) struct CheckedManifest {
    /// The flow, or `None` if there are errors.
    pub definition: Option<FlowDefinition>,
    /// The directory against which relative paths resolve.
    pub directory: PathBuf,
    /// The origin of each value in the flow.
    pub origins: Origins,
    diagnostics: Vec<Diagnostic>,
}

impl CheckedManifest {
    fn of(checked: manifest::Checked, directory: PathBuf) -> Self {
        let manifest::Checked { definition, diagnostics, origins } = checked;
        Self { definition, directory, origins, diagnostics }
    }

    /// Prints the diagnostics to stderr, for a command that continues if there is a flow. If there is none and the format
    /// is JSON, prints them to stdout as `chem check` does.
    pub(in crate::cli) fn print(&self, shared: &Shared) -> Result<(), Failure> {
        if self.definition.is_none() && shared.format == Format::Json {
            output::print_json(&self.diagnostics.iter().map(Diagnostic::to_json).collect())?;
        } else {
            output::say_diagnostics(&self.diagnostics);
        }
        Ok(())
    }
}

/// Checks the manifest from standard input. Its relative paths resolve against the working directory.
fn check_standard_input(shared: &Shared, overrides: &Overrides) -> Result<CheckedManifest, Failure> {
    let mut bytes = Vec::new();
    // Reading one byte more than allowed shows that the input is too long.
    std::io::stdin().take(manifest::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    let directory = std::env::current_dir()?;
    let overrides: Vec<Override> = overrides.set.iter().map(Override::new).collect();
    let checked = match manifest::Source::from_bytes("standard input", &bytes) {
        Ok(source) => manifest::check(&source, &overrides, &shared.step_types()?, &directory),
        Err(diagnostic) => {
            manifest::Checked { definition: None, diagnostics: vec![*diagnostic], origins: Origins::default() }
        }
    };
    Ok(CheckedManifest::of(checked, directory))
}

/// Returns the step types of this program, with those of the modules that the manifest at `path` names.
pub(in crate::cli) fn with_modules_of(shared: &Shared, path: Option<&Path>) -> Result<Registry, Failure> {
    let registry = shared.step_types()?;
    let Some(path) = path else { return Ok(registry) };
    manifest::with_modules_of(path, &registry).map_err(|diagnostics| {
        output::say_diagnostics(&diagnostics);
        Failure::usage(format!("the step types of `{}` cannot be read", path.display()))
    })
}

/// Reads the manifest at `path` and checks it.
pub(in crate::cli) fn read_and_check(
    shared: &Shared,
    path: &Path,
    overrides: &Overrides,
) -> Result<CheckedManifest, Failure> {
    read_with(shared, path, overrides, manifest::load)
}

/// Reads the manifest at `path` and checks it, for a flow that will run later: its input files need not exist yet.
pub(in crate::cli) fn read_plan(
    shared: &Shared,
    path: &Path,
    overrides: &Overrides,
) -> Result<CheckedManifest, Failure> {
    read_with(shared, path, overrides, manifest::load_plan)
}

/// Reads the manifest at `path`, and checks the flow that sweeps over it.
pub(in crate::cli) fn check_sweep(shared: &Shared, path: &Path, sweep: &Sweep) -> Result<CheckedManifest, Failure> {
    let checked = manifest::load_sweep(path, sweep, &shared.step_types()?);
    Ok(CheckedManifest::of(checked, directory_of(path)?))
}

/// Returns the directory at which the relative paths of the manifest at `path` start.
fn directory_of(path: &Path) -> Result<PathBuf, Failure> {
    Ok(std::path::absolute(path)?.parent().map(Path::to_owned).unwrap_or_default())
}

fn read_with(
    shared: &Shared,
    path: &Path,
    overrides: &Overrides,
    load: fn(&Path, &[Override], &Registry) -> manifest::Checked,
) -> Result<CheckedManifest, Failure> {
    let overrides: Vec<Override> = overrides.set.iter().map(Override::new).collect();
    let checked = load(path, &overrides, &shared.step_types()?);
    Ok(CheckedManifest::of(checked, directory_of(path)?))
}
