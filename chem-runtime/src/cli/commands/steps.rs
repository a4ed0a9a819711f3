//! `chem steps`: the step types of this program.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::args::{Format, Shared, StepsArgs};
use crate::cli::exit::Failure;
use crate::cli::output::{self, BOLD, DIM, Table, styled};
use crate::step::{ParamSpec, Registry, StepSpec};

pub(in crate::cli) fn run(shared: &Shared, args: &StepsArgs) -> Result<ExitCode, Failure> {
    let registry = Registry::linked()?;
    let Some(name) = &args.name else {
        let specs: Vec<&StepSpec> = registry.iter().map(|registration| registration.spec()).collect();
        match shared.format {
            Format::Json => output::print_json(&specs.iter().map(|spec| step_json(spec)).collect())?,
            Format::Human => output::print(&list(&specs))?,
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(registration) = registry.get(name) else {
        let near = registry.nearest(name);
        let failure = Failure::usage(format!("there is no step type `{name}`"));
        return Err(match near {
            Some(near) => failure.with_help(format!("did you mean `{near}`?")),
            None => failure.with_help("`chem steps` lists them all"),
        });
    };
    match shared.format {
        Format::Json => output::print_json(&step_json(registration.spec()))?,
        Format::Human => output::print(&page(registration.spec()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(specs: &[&StepSpec]) -> String {
    let family = |spec: &StepSpec| spec.name.split('.').next().unwrap_or_default().to_owned();
    let mut text = String::new();
    let mut rest = specs;
    while let Some(first) = rest.first() {
        let members = rest.iter().take_while(|spec| family(spec) == family(first)).count();
        let mut table = Table::new(&[&family(first), "", ""]);
        for spec in &rest[..members] {
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
        rest = &rest[members..];
    }
    text
}

fn page(spec: &StepSpec) -> String {
    let mut text = format!(
        "{} {}\n\n",
        styled(BOLD, spec.name),
        styled(DIM, &format!("version {}, {}", spec.version, spec.kind.name()))
    );
    text.push_str(&indented(spec.doc));
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            text.push_str(&format!("\n{}\n{body}", styled(BOLD, title)));
        }
    };
    let inputs = spec.inputs.iter().map(|port| {
        let optional = if port.optional { ", may be left open" } else { "" };
        format!("  {}: {}{optional}\n", port.name, port.kind)
    });
    section("inputs", inputs.collect());
    section("parameters", spec.params.iter().map(param).collect());
    section("outputs", spec.outputs.iter().map(|output| format!("  {}: {}\n", output.name, output.kind)).collect());
    text
}

fn param(param: &ParamSpec) -> String {
    let mut facts = vec![(param.ty)().to_string()];
    facts.extend(param.unit.map(|unit| format!("in {unit}")));
    facts.extend(param.min.map(|min| format!("at least {min}")));
    facts.extend(param.max.map(|max| format!("at most {max}")));
    if !param.one_of.is_empty() {
        facts.push(format!("one of {}", param.one_of.join(", ")));
    }
    facts.push(match param.default {
        Some(default) => format!("default {}", default()),
        None if param.required() => "required".to_owned(),
        None => "may be left out".to_owned(),
    });
    facts.extend(param.example.map(|example| format!("for example {example}")));
    let doc: String = param.doc.lines().map(|line| format!("      {}\n", line.trim())).collect();
    format!("  {}: {}\n{doc}", param.name, styled(DIM, &facts.join("; ")))
}

fn indented(doc: &str) -> String {
    doc.trim().lines().map(|line| format!("  {}\n", line.trim_start_matches(' '))).collect()
}

fn step_json(spec: &StepSpec) -> Value {
    let inputs =
        spec.inputs.iter().map(|port| json!({"name": port.name, "kind": port.kind, "optional": port.optional}));
    let outputs = spec.outputs.iter().map(|output| json!({"name": output.name, "kind": output.kind}));
    let params = spec.params.iter().map(|param| {
        json!({
            "name": param.name,
            "type": (param.ty)().to_string(),
            "doc": param.doc.trim(),
            "required": param.required(),
            "default": param.default.map(|default| default()),
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
        "doc": spec.doc.trim(),
        "inputs": inputs.collect::<Value>(),
        "params": params.collect::<Value>(),
        "outputs": outputs.collect::<Value>(),
    })
}
