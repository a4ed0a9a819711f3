//! Describes step types: the facts about a parameter, and the reference of all step types as Markdown.

use std::fmt::Write as _;

use crate::step::{OutputSpec, ParamSpec, ParamType, RowsSpec, StepSpec, listed};

/// The text above the reference.
const PREAMBLE: &str = "\
# Step types

What `chem steps NAME` says of each step type that the program brings along. This page is made from the doc comments of
the step functions; a test keeps it so. The examples run as they are from the directory [`flows`](../flows).
";

/// Describes a parameter's values: type, unit, bounds, and default.
pub(crate) fn param_facts(param: &ParamSpec) -> Vec<String> {
    let ty = match param.ty.make() {
        ParamType::Optional(inner) => *inner,
        ty => ty,
    };
    let mut facts = vec![ty.to_string()];
    facts.extend(param.unit.map(|unit| format!("in {unit}")));
    facts.extend(param.min.map(|min| format!("at least {min}")));
    facts.extend(param.max.map(|max| format!("at most {max}")));
    if !param.one_of.is_empty() {
        let several = if matches!(ty, ParamType::List(_)) { "each one of" } else { "one of" };
        facts.push(format!("{several} {}", param.one_of.join(", ")));
    }
    facts.push(match param.default {
        Some(default) => format!("default {}", default.make()),
        None if param.required() => "required".to_owned(),
        None => "may be left out".to_owned(),
    });
    facts.extend(param.example.map(|example| format!("for example {example}")));
    facts
}

/// Describes the columns that a row step reads; `None` for other steps.
pub(crate) fn row_facts(spec: &StepSpec) -> Option<String> {
    let fixed = match spec.rows? {
        RowsSpec::All => return Some("works row by row, on all columns".to_owned()),
        RowsSpec::Columns(fixed) => fixed,
    };
    let naming = naming_params(spec);
    let columns = if fixed.len() == 1 { "the column" } else { "the columns" };
    let name = if naming.len() == 1 { "names" } else { "name" };
    Some(match (fixed, naming.as_slice()) {
        ([], []) => "works row by row, on no column".to_owned(),
        ([], naming) => format!("works row by row, on the columns that {} {name}", listed(naming)),
        (fixed, []) => format!("works row by row, on {columns} {}", listed(fixed)),
        (fixed, naming) => {
            format!("works row by row, on {columns} {} and those that {} {name}", listed(fixed), listed(naming))
        }
    })
}

/// Returns the parameters of a step type that name columns.
pub(crate) fn naming_params(spec: &StepSpec) -> Vec<&'static str> {
    spec.params.iter().filter(|param| param.ty.make().names_columns()).map(|param| param.name).collect()
}

/// Returns the family of a step type: the part of its name before the dot.
pub(crate) fn family(spec: &StepSpec) -> &'static str {
    spec.name.split('.').next().unwrap_or_default()
}

/// Returns the reference of these step types, which must be sorted by name.
pub fn step_reference(specs: &[&StepSpec]) -> String {
    let mut page = PREAMBLE.to_owned();
    page.push_str("\n| step type | kind | what it does |\n|---|---|---|\n");
    for spec in specs {
        let (anchor, kind) = (spec.name.replace('.', ""), spec.kind.name());
        push(&mut page, format_args!("| [`{}`](#{anchor}) | {kind} | {} |\n", spec.name, spec.summary()));
    }
    for members in specs.chunk_by(|one, next| family(one) == family(next)) {
        push(&mut page, format_args!("\n## {}\n", members.first().map_or("", |spec| family(spec))));
        members.iter().for_each(|spec| entry(&mut page, spec));
    }
    page
}

fn entry(page: &mut String, spec: &StepSpec) {
    let help = spec.help();
    let rows = row_facts(spec).map_or(String::new(), |facts| format!("; {facts}"));
    push(
        page,
        format_args!(
            "\n### `{}`\n\nVersion {}, {}{rows}.\n\n{}\n",
            spec.name,
            spec.version,
            spec.kind.name(),
            help.text
        ),
    );
    if !spec.inputs.is_empty() {
        page.push_str("\nInputs:\n\n");
        for port in spec.inputs {
            let optional = if port.optional { ", optional" } else { "" };
            push(page, format_args!("- `{}`: {}{optional}\n", port.name, port.kind));
        }
    }
    if !spec.params.is_empty() {
        page.push_str("\nParameters:\n\n");
        for param in spec.params {
            let doc = param.doc.trim().lines().map(str::trim).collect::<Vec<_>>().join(" ");
            push(page, format_args!("- `{}`: {}. {doc}\n", param.name, param_facts(param).join("; ")));
        }
    }
    page.push_str("\nOutputs:\n\n");
    for output in spec.outputs {
        push(page, format_args!("- `{}`: {}\n", output.name, output_kind(output)));
    }
    if let Some(example) = &help.example {
        push(page, format_args!("\nExample:\n\n```yaml\n{example}```\n"));
    }
    if !help.errors.is_empty() {
        page.push_str("\nFailure modes:\n\n");
        help.errors.iter().for_each(|error| push(page, format_args!("- {error}\n")));
    }
}

/// Describes the kind of an output.
pub(crate) fn output_kind(output: &OutputSpec) -> String {
    if output.kind_of_input { "of the kind of the first input".to_owned() } else { output.kind.to_owned() }
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = page.write_fmt(text);
}
