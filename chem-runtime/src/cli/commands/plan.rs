//! `chem plan`: shows what running a manifest would do.

use std::process::ExitCode;
use std::sync::Arc;

use super::run::FlowArgs;
use crate::cli::args::{Drawing, Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BAD, BOLD, DIM, GOOD, ODD, Table, styled};
use crate::cli::progress::code_changed;
use crate::cli::runs;
use crate::step::Files;
use crate::step::children::MAP_STEP;
use crate::store::{EventStore, InMemoryEventStore};
use crate::workbench::{
    self, Action, Difference, Origin, Plan, PlannedParam, PlannedStep, Reason, ReusedFrom, TakesOver, to_dot,
    to_mermaid,
};

/// The most reasons of a step that are printed.
const MOST_REASONS: usize = 5;

pub(in crate::cli) fn run(shared: &Shared, args: &FlowArgs) -> Result<ExitCode, Failure> {
    let checked = args.check(shared)?;
    checked.print(shared)?;
    let Some(definition) = checked.definition else {
        return Ok(Status::Usage.into());
    };
    let policy = runs::reuse_policy(&args.reuse, &definition)?;
    let store: Arc<dyn EventStore> = match runs::store_if_there(shared)? {
        Some(store) => store,
        // `run` would begin with an empty store.
        None => Arc::new(InMemoryEventStore::new()),
    };
    let files = Files::relative_to(&checked.directory).confined(shared.confinement(&checked.directory));
    let plan = workbench::plan(store.as_ref(), &definition, Some(&checked.origins), &files, &policy)?;
    match (shared.drawing, shared.format) {
        (Some(Drawing::Dot), _) => output::print(&to_dot(&plan))?,
        (Some(Drawing::Mermaid), _) => output::print(&to_mermaid(&plan))?,
        (None, Format::Json) => output::print_json(&plan.to_json())?,
        (None, Format::Human) => output::print(&render(&plan))?,
    }
    for step in plan.steps.iter().filter(|step| step.code_changed && !shared.quiet) {
        if let Action::Reuse { source: ReusedFrom::Run(source), .. } = &step.action {
            code_changed(&step.id, &step.uses, step.version, source.flow_id).iter().for_each(|line| output::say(line));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn render(plan: &Plan) -> String {
    let count = |name: &str| plan.steps.iter().filter(|step| step.action.name() == name).count();
    let (run, reuse) = (count("run"), count("reuse"));
    let flow = styled(BOLD, &output::escape(&plan.flow));
    let mut text = format!("{flow}: {} steps, {run} to run, {reuse} to reuse\n\n", plan.steps.len());
    let mut steps = Table::new(&["step", "uses", "takes", "action", "why"]);
    for step in &plan.steps {
        let takes: Vec<String> = step
            .wiring
            .iter()
            .map(|(port, from)| if step.wiring.len() > 1 { format!("{port}: {from}") } else { from.clone() })
            .collect();
        let style = match &step.action {
            Action::Run { .. } | Action::Ask { .. } => ODD,
            Action::Reuse { .. } => GOOD,
            Action::Fail { .. } => BAD,
            Action::NotReached => DIM,
        };
        let mut reasons = step.action.reasons();
        let more = reasons.len().saturating_sub(MOST_REASONS);
        if more > 1 {
            reasons.truncate(MOST_REASONS);
            reasons.push(format!("and {more} more"));
        }
        let mut why = reasons.join("; ");
        if let Action::Run { unless_known, unless_done_by, .. } = &step.action {
            if !unless_known.is_empty() {
                why.push_str(&format!(" (reused if the output of {} is already known)", unless_known.join(" and ")));
            }
            if !unless_done_by.is_empty() {
                why.push_str(&format!(" (reused if {} turns out to do the same work)", unless_done_by.join(" or ")));
            }
        }
        if let Some(taken) = &step.takes_over {
            why.push_str(&format!("; {}", takes_over(taken)));
        }
        steps.row([
            (BOLD, step.id.clone()),
            (DIM, format!("{}@{}", step.uses, step.version)),
            (DIM, takes.join(", ")),
            (style, step.action.name().replace('_', " ")),
            (anstyle::Style::new(), why),
        ]);
    }
    text.push_str(&steps.render());
    for step in plan.steps.iter().filter(|step| !step.children.is_empty()) {
        text.push_str(&format!("\n{}", children(step)));
    }
    if !plan.outside.is_empty() {
        let mut outside = Table::new(&["outside the folder", "step", ""]);
        for file in &plan.outside {
            let verb = if file.written { "writes" } else { "reads" };
            outside.row([(ODD, file.path.display().to_string()), (BOLD, file.step.clone()), (DIM, verb.to_owned())]);
        }
        text.push('\n');
        text.push_str(&outside.render());
    }
    let mut params = Table::new(&["parameter", "from", "value"]);
    for param in &plan.params {
        params.row(row("", param));
    }
    for step in &plan.steps {
        // The table of the children has the flows.
        let is_shown = |param: &&PlannedParam| step.uses != MAP_STEP || param.name != "steps";
        for param in step.params.iter().filter(is_shown) {
            params.row(row(&format!("{}.", step.id), param));
        }
    }
    text.push('\n');
    text.push_str(&params.render());
    text
}

/// Returns the table of the children of a step.
fn children(step: &PlannedStep) -> String {
    let because: &[Reason] = match &step.action {
        Action::Run { because, .. } => because,
        _ => &[],
    };
    let mut table = Table::new(&["child", "given", "", "to run", "to reuse"]);
    for (index, child) in step.children.iter().enumerate() {
        let named = |name: &str| {
            let steps = child.plan.steps.iter().filter(|step| step.action.name() == name);
            steps.map(|step| step.id.as_str()).collect::<Vec<_>>().join(", ")
        };
        table.row([
            (BOLD, format!("{}/{index}", step.id)),
            (anstyle::Style::new(), child.label.clone()),
            (DIM, change(&child.label, because).to_owned()),
            (ODD, named("run")),
            (GOOD, named("reuse")),
        ]);
    }
    table.render() + "a child also reuses what a child before it has done\n"
}

/// Returns how a child compares with that of the earlier run to which the plan compares the step, which runs for these reasons.
fn change(label: &str, because: &[Reason]) -> &'static str {
    let within = format!("children.{label}.");
    let is_changed = |difference: &Difference| match difference {
        Difference::Parameter { name, .. } | Difference::File { name, .. } => name.starts_with(&within),
        _ => false,
    };
    for reason in because {
        match reason {
            Reason::Differs(Difference::New) => return "new",
            Reason::Differs(Difference::Child { label: of, is_new: true }) if of == label => return "new",
            Reason::Differs(difference) if is_changed(difference) => return "changed",
            _ => {}
        }
    }
    "unchanged"
}

/// Describes how many rows a step takes over, and from where.
fn takes_over(taken: &TakesOver) -> String {
    let run = taken.source.flow_id;
    match taken.rows {
        Some((rows, all)) => format!("{rows} of {all} rows are taken over from run {run}"),
        None => format!("what has not changed of the {} rows of run {run} is taken over", taken.of),
    }
}

fn row(of: &str, param: &PlannedParam) -> [(anstyle::Style, String); 3] {
    let name = |param: &String| format!("params.{param}");
    let through = |params: &[String]| params.iter().map(name).collect::<Vec<_>>().join(", ");
    let from = match &param.origin {
        Origin::Default => "default".to_owned(),
        Origin::File(params) if params.is_empty() => "file".to_owned(),
        Origin::File(params) => format!("file, {}", through(params)),
        Origin::Set(params) if of.is_empty() => format!("--set {}", params.join(" ")),
        Origin::Set(params) => format!("--set, {}", through(params)),
    };
    let name = if of.is_empty() { format!("params.{}", param.name) } else { format!("{of}{}", param.name) };
    [(BOLD, name), (DIM, from), (anstyle::Style::new(), param.value.to_string())]
}
