//! `chem check`: every problem of manifests, without running anything; and what each rule of the check means.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::args::{CheckArgs, Format, Overrides, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BOLD, GOOD, styled};
use crate::flow::FlowDefinition;
use crate::manifest::{self, Diagnostic, Origins, Override, Rule, Style};
use crate::step::Registry;

pub(in crate::cli) fn run(shared: &Shared, args: &CheckArgs) -> Result<ExitCode, Failure> {
    if let Some(code) = &args.explain {
        return explain(shared, code);
    }
    let checked = args
        .manifests
        .iter()
        .map(|path| match path.as_os_str() == "-" {
            true => check_standard_input(&args.overrides),
            false => read_and_check(path, &args.overrides),
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

/// A manifest that was checked.
pub(in crate::cli) struct CheckedManifest {
    /// The flow, if there is no error.
    pub definition: Option<FlowDefinition>,
    /// The directory that its relative paths start from.
    pub directory: PathBuf,
    /// Where the values of the flow come from.
    pub origins: Origins,
    diagnostics: Vec<Diagnostic>,
}

impl CheckedManifest {
    fn of(checked: manifest::Checked, directory: PathBuf) -> Self {
        let manifest::Checked { definition, diagnostics, origins } = checked;
        Self { definition, directory, origins, diagnostics }
    }

    /// Whether nothing is wrong but that input files or programs are missing.
    pub(in crate::cli) fn only_lacks_files(&self) -> bool {
        let mut errors = self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
        errors.all(|diagnostic| manifest::is_of_the_machine(diagnostic.rule))
    }

    /// Prints what was found, for a command that goes on to something else if there is a flow. Scripts are told what keeps
    /// it from that as `chem check` tells them.
    pub(in crate::cli) fn print(&self, shared: &Shared) -> Result<(), Failure> {
        if self.definition.is_none() && shared.format == Format::Json {
            output::print_json(&self.diagnostics.iter().map(Diagnostic::to_json).collect())?;
        } else {
            self.print_to_stderr();
        }
        Ok(())
    }

    /// Prints what was found to stderr.
    pub(in crate::cli) fn print_to_stderr(&self) {
        if !self.diagnostics.is_empty() {
            output::say(&manifest::render(&self.diagnostics, Style::Coloured));
        }
    }
}

/// Checks the manifest that standard input gives, whose paths start from the working directory.
fn check_standard_input(overrides: &Overrides) -> Result<CheckedManifest, Failure> {
    let mut bytes = Vec::new();
    // One byte more than is allowed shows that there is too much, and no more of it is read.
    std::io::stdin().take(manifest::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    let directory = std::env::current_dir()?;
    let overrides: Vec<Override> = overrides.set.iter().map(Override::new).collect();
    let checked = match manifest::Source::from_bytes("standard input", &bytes) {
        Ok(source) => manifest::check(&source, &overrides, Registry::linked()?, &directory),
        Err(diagnostic) => {
            manifest::Checked { definition: None, diagnostics: vec![*diagnostic], origins: Origins::default() }
        }
    };
    Ok(CheckedManifest::of(checked, directory))
}

/// Reads the manifest at `path` and checks it.
pub(in crate::cli) fn read_and_check(path: &Path, overrides: &Overrides) -> Result<CheckedManifest, Failure> {
    let overrides: Vec<Override> = overrides.set.iter().map(Override::new).collect();
    let checked = manifest::load(path, &overrides, Registry::linked()?);
    let directory = std::path::absolute(path)?.parent().map(Path::to_owned).unwrap_or_default();
    Ok(CheckedManifest::of(checked, directory))
}
