//! `chem steps`: lists and documents the step types of this program.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde_json::{Value, json};

use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Shared};
use crate::cli::commands::check::with_modules_of;
use crate::cli::exit::Failure;
use crate::cli::output::{self, BOLD, DIM, Table, styled};
use crate::report::{family, function_result, naming_params, output_kind, param_facts, row_facts};
use crate::step::expression::{FUNCTIONS, FunctionGroup, FunctionSpec};
use crate::step::{Make, ParamSpec, RowsSpec, StepSpec};

#[derive(Debug, Args)]
pub(in crate::cli) struct StepsArgs {
    /// The step type to document, or the family to list, such as `table`.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Include the step types of the modules that this manifest names under `steps_from`.
    #[arg(long, value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifest: Option<PathBuf>,

    /// List the functions that an expression may call, with an example of each.
    #[arg(long, conflicts_with = "name")]
    pub functions: bool,
}

pub(in crate::cli) fn run(shared: &Shared, args: &StepsArgs) -> Result<ExitCode, Failure> {
    if args.functions {
        match shared.format {
            Format::Json => output::print_json(&FUNCTIONS.iter().map(function_json).collect())?,
            Format::Human => output::print(&functions())?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let registry = with_modules_of(shared, args.manifest.as_deref())?;
    let Some(name) = &args.name else {
        let specs: Vec<&StepSpec> = registry.iter().map(|registration| registration.spec()).collect();
        match shared.format {
            Format::Json => output::print_json(&specs.iter().map(|spec| step_json(spec)).collect())?,
            Format::Human => output::print(&list(&specs))?,
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(registration) = registry.get(name) else {
        let members: Vec<&StepSpec> =
            registry.iter().map(|registration| registration.spec()).filter(|spec| family(spec) == name).collect();
        if !members.is_empty() {
            match shared.format {
                Format::Json => output::print_json(&members.iter().map(|spec| step_json(spec)).collect())?,
                Format::Human => output::print(&list(&members))?,
            }
            return Ok(ExitCode::SUCCESS);
        }
        let near = registry.nearest(name);
        let failure = Failure::usage(format!("there is no step type `{name}`"));
        return Err(match near {
            Some(near) => failure.with_help(format!("did you mean `{near}`?")),
            None => failure.with_help(
                Advice::command(CommandName::Steps, &[]).then(format!(" lists them; {}", registry.where_from())),
            ),
        });
    };
    match shared.format {
        Format::Json => output::print_json(&step_json(registration.spec()))?,
        Format::Human => output::print(&page(registration.spec()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn functions() -> String {
    let mut text = String::new();
    for group in FunctionGroup::ALL {
        text.push_str(&format!("{}\n", styled(BOLD, group.title())));
        for function in FUNCTIONS.iter().filter(|function| function.group == group) {
            text.push_str(&format!("  {}\n      {}\n", styled(BOLD, function.signature), function_result(function)));
            for (cel, value) in function.examples {
                text.push_str(&format!("      {}\n", styled(DIM, &format!("{cel}  →  {value}"))));
            }
        }
        text.push('\n');
    }
    text.push_str("docs/functions.md explains expressions\n");
    text
}

fn function_json(function: &FunctionSpec) -> Value {
    let examples = function.examples.iter().map(|(cel, value)| json!({ "expression": cel, "value": value }));
    json!({
        "name": function.name,
        "also": function.also,
        "group": function.group.title(),
        "signature": function.signature,
        "doc": function.doc,
        "examples": examples.collect::<Value>(),
    })
}

fn list(specs: &[&StepSpec]) -> String {
    let mut text = String::new();
    for members in specs.chunk_by(|one, next| family(one) == family(next)) {
        let title = members.first().map_or("", |spec| family(spec));
        let mut table = Table::new(&[title, "", ""]);
        for spec in members {
            table.row([
                (BOLD, format!("  {}", spec.name)),
                (DIM, spec.kind.name().to_owned()),
                (anstyle::Style::new(), spec.summary().to_owned()),
            ]);
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&table.render());
    }
    text
}

fn page(spec: &StepSpec) -> String {
    let mut text = format!(
        "{} {}\n\n",
        styled(BOLD, spec.name),
        styled(DIM, &format!("version {}, {}", spec.version, spec.kind.name()))
    );
    let help = spec.help();
    text.push_str(&indented(&help.text));
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            text.push_str(&format!("\n{}\n{body}", styled(BOLD, title)));
        }
    };
    let inputs = spec.inputs.iter().map(|port| {
        let optional = if port.optional { ", optional" } else { "" };
        format!("  {}: {}{optional}\n", port.name, port.kind)
    });
    section("inputs", inputs.collect());
    section("rows", row_facts(spec).map(|facts| format!("  {facts}\n")).unwrap_or_default());
    section("parameters", spec.params.iter().map(param).collect());
    section(
        "outputs",
        spec.outputs.iter().map(|output| format!("  {}: {}\n", output.name, output_kind(output))).collect(),
    );
    section("example", help.example.as_deref().map(indented).unwrap_or_default());
    section("failure modes", help.errors.iter().map(|error| format!("  - {error}\n")).collect());
    text
}

fn param(param: &ParamSpec) -> String {
    let doc: String = param.doc.lines().map(|line| format!("      {}\n", line.trim())).collect();
    format!("  {}: {}\n{doc}", param.name, styled(DIM, &param_facts(param).join("; ")))
}

fn indented(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") };
    text.lines().map(line).collect()
}

fn step_json(spec: &StepSpec) -> Value {
    let help = spec.help();
    let inputs =
        spec.inputs.iter().map(|port| json!({"name": port.name, "kind": port.kind, "optional": port.optional}));
    let outputs = spec
        .outputs
        .iter()
        .map(|output| json!({"name": output.name, "kind": output.kind, "kind_of_input": output.kind_of_input}));
    let params = spec.params.iter().map(|param| {
        json!({
            "name": param.name,
            "type": param.ty.make().to_string(),
            "doc": param.doc.trim(),
            "required": param.required(),
            "default": param.default.map(Make::make),
            "unit": param.unit,
            "min": param.min,
            "max": param.max,
            "one_of": param.one_of,
            "example": param.example,
        })
    });
    json!({
        "name": spec.name,
        "version": spec.version,
        "kind": spec.kind.name(),
        "rows": spec.rows.map(|rows| match rows {
            RowsSpec::Columns(columns) => json!({"columns": columns, "named_by": naming_params(spec)}),
            RowsSpec::All => json!({"columns": "all", "named_by": []}),
        }),
        "doc": help.text,
        "example": help.example,
        "errors": help.errors,
        "inputs": inputs.collect::<Value>(),
        "params": params.collect::<Value>(),
        "outputs": outputs.collect::<Value>(),
    })
}
