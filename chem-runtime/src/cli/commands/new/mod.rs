//! `chem new`: creates a flow, a step or a project to start from. Never changes an existing file.
//!
//! The files under `templates` hold the text, `names` checks names, and `runtime` chooses where a project takes
//! chem-runtime from.

mod names;
mod runtime;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum, ValueHint};
use serde_json::json;

use super::schema;
use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::Failure;
use crate::cli::output::{self, BOLD, styled};
use crate::manifest::yaml_text;
use crate::step::Registry;

/// The template of a flow for a program with the chemistry steps. `TEXT_FLOW` is for one without.
const MOLECULES_FLOW: &str = include_str!("../../templates/molecules_flow.yaml");
const TEXT_FLOW: &str = include_str!("../../templates/text_flow.yaml");
const SOURCE: &str = include_str!("../../templates/step/source.rs.template");
const TRANSFORM: &str = include_str!("../../templates/step/transform.rs.template");
const SINK: &str = include_str!("../../templates/step/sink.rs.template");

/// The templates of steps in Python.
const SOURCE_PY: &str = include_str!("../../templates/python/source.py.template");
const TRANSFORM_PY: &str = include_str!("../../templates/python/transform.py.template");
const SINK_PY: &str = include_str!("../../templates/python/sink.py.template");

/// The files of a project: the path and template of each.
const PROJECT: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../templates/project/Cargo.toml.template")),
    (".gitignore", include_str!("../../templates/project/gitignore")),
    ("src/lib.rs", include_str!("../../templates/project/lib.rs.template")),
    ("src/main.rs", include_str!("../../templates/project/main.rs.template")),
    ("src/steps/mod.rs", include_str!("../../templates/project/steps.rs.template")),
    ("src/steps/repeat_text.rs", include_str!("../../templates/project/repeat_text.rs.template")),
    ("tests/flows.rs", include_str!("../../templates/project/flows.rs.template")),
    ("flows/repeat.yaml", include_str!("../../templates/project/repeat.yaml")),
    ("snapshots/flows/repeat.snap", include_str!("../../templates/project/repeat.snap")),
];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum NewCommand {
    /// Create flows/NAME.yaml, a flow that can run.
    Flow {
        /// The name of the flow.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Create a step function: in Rust with a unit test in src/steps, or in Python beside the manifests in flows.
    Step {
        /// The name of the step type, such as `table.head`.
        #[arg(value_name = "NAME")]
        name: String,
        /// The kind of the step.
        #[arg(long, value_enum, default_value_t = NewStep::Transform)]
        kind: NewStep,
        /// Write the step in Python.
        #[arg(long)]
        python: bool,
    },
    /// Create a crate with a step, a flow and a snapshot test, in a new directory.
    Project {
        /// The name of the crate.
        #[arg(value_name = "NAME")]
        name: String,
        /// Take chem-runtime from a directory, a repository (`https://host/chem.git#REVISION`) or a published version.
        /// Defaults to the sources that this program was built from.
        #[arg(long, value_name = "SOURCE", value_hint = ValueHint::DirPath)]
        runtime: Option<String>,
    },
}

/// The kinds of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum NewStep {
    /// Returns a table, from its parameters alone.
    Source,
    /// Takes a table and returns another.
    Transform,
    /// Takes a table and writes a file.
    Sink,
}

pub(in crate::cli) fn run(shared: &Shared, command: &NewCommand) -> Result<ExitCode, Failure> {
    let (written, next) = match command {
        NewCommand::Flow { name } => flow(name)?,
        NewCommand::Step { name, kind, python: false } => step(name, *kind)?,
        NewCommand::Step { name, kind, python: true } => step_in_python(name, *kind)?,
        NewCommand::Project { name, runtime } => project(name, runtime.as_deref())?,
    };
    match shared.format {
        Format::Json => output::print_json(&json!({ "written": written }))?,
        Format::Human => {
            let lines: String = written.iter().map(|path| format!("wrote {}\n", path.display())).collect();
            output::print(&lines)?;
            if let Some(next) = next.render(shared).filter(|_| !shared.quiet) {
                output::say(&format!("{} {next}", styled(BOLD, "next:")));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The paths written, and the suggested next command.
type Written = (Vec<PathBuf>, Advice);

fn flow(name: &str) -> Result<Written, Failure> {
    names::check_flow(name)?;
    let path = Path::new("flows").join(format!("{name}.yaml"));
    let has_chemistry = Registry::linked()?.get("molecules.inline").is_some();
    let template = if has_chemistry { MOLECULES_FLOW } else { TEXT_FLOW };
    // Some names, such as `null`, need quotes to be text in YAML.
    let scalar = yaml_text(name).map_err(|error| Failure::usage(error.to_string()))?;
    let text = template.replace("{{flow}}", &scalar).replace("{{name}}", name);
    write_new(&path, &text)?;
    let mut written = vec![path];
    // The first line of the flow refers to the schema. An existing schema may be that of another program, with other
    // steps.
    let schema = Path::new("schemas/flow.schema.json");
    if !schema.exists() {
        write_new(schema, &schema::text(Registry::linked()?))?;
        written.push(schema.to_owned());
    }
    let next = Advice::command(CommandName::Run, &[&format!("flows/{name}.yaml")]);
    Ok((written, next))
}

/// Returns the name of the function of a new step type.
fn new_function(name: &str) -> Result<String, Failure> {
    let function = names::function_of_step(name)?;
    if let Some(registration) = Registry::linked()?.get(name) {
        let (krate, file, line) = registration.spec().defined_in;
        return Err(Failure::usage(format!("step type `{name}` already exists: crate `{krate}` ({file}:{line})"))
            .with_help("choose another name"));
    }
    Ok(function)
}

fn step_in_python(name: &str, kind: NewStep) -> Result<Written, Failure> {
    let function = new_function(name)?;
    let file = format!("{function}.py");
    let path = Path::new("flows").join(&file);
    let template = match kind {
        NewStep::Source => SOURCE_PY,
        NewStep::Transform => TRANSFORM_PY,
        NewStep::Sink => SINK_PY,
    };
    write_new(&path, &template.replace("{{name}}", name).replace("{{function}}", &function))?;
    let next = format!("write `steps_from: [{file}]` into a manifest in flows, and `uses: {name}` in a step of it");
    Ok((vec![path], next.into()))
}

fn step(name: &str, kind: NewStep) -> Result<Written, Failure> {
    let function = new_function(name)?;
    let path = Path::new("src/steps").join(format!("{function}.rs"));
    let template = match kind {
        NewStep::Source => SOURCE,
        NewStep::Transform => TRANSFORM,
        NewStep::Sink => SINK,
    };
    let structure = names::structure_of_function(&function);
    let text = template.replace("{{name}}", name).replace("{{function}}", &function);
    write_new(&path, &text.replace("{{structure}}", &structure))?;
    let next = if Path::new("src/steps/mod.rs").exists() {
        format!("add `pub mod {function};` to src/steps/mod.rs, then `cargo test`")
    } else {
        format!(
            "declare it in your crate: `pub mod {function};` in src/steps/mod.rs, and `pub mod steps;` in src/lib.rs"
        )
    };
    Ok((vec![path], next.into()))
}

fn project(name: &str, runtime: Option<&str>) -> Result<Written, Failure> {
    names::check_project(name)?;
    let directory = Path::new(name);
    if directory.symlink_metadata().is_ok() {
        return Err(already_there(directory));
    }
    let (source, library) = (runtime::source(runtime)?, name.replace('-', "_"));
    let mut written = Vec::new();
    for (file, template) in PROJECT {
        let path = directory.join(file);
        let text = template.replace("{{name}}", name).replace("{{crate}}", &library).replace("{{runtime}}", &source);
        write_new(&path, &text)?;
        written.push(path);
    }
    Ok((
        written,
        format!(
            "`cd {name}`, then `cargo test` and `cargo run -- run flows/repeat.yaml`; \
             `cargo run -- schema --output schemas/flow.schema.json` lets editors complete its steps"
        )
        .into(),
    ))
}

/// Writes a new file and creates its parent directories. Fails if the file exists.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => already_there(path),
        _ => Failure::usage(format!("cannot write `{}`: {error}", path.display())),
    };
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(cannot)?;
    let mut file = std::fs::File::create_new(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)
}

fn already_there(path: &Path) -> Failure {
    Failure::usage(format!("`{}` already exists", path.display()))
        .with_help("choose another name, or move the existing one")
}
