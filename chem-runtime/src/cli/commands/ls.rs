//! `chem ls`: the runs of a store.

use std::collections::HashMap;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::advice::advised;
use crate::cli::args::{Format, LsArgs, Shared};
use crate::cli::exit::Failure;
use crate::cli::output::{self, BOLD, DIM, Table};
use crate::cli::runs;
use crate::event::{BranchCreated, FlowEventKind, FlowId};
use crate::flow::FlowStatus;
use crate::report::summary_json;
use crate::store::{EventStore, FlowSummary, Holder};

pub(in crate::cli) fn run(shared: &Shared, args: &LsArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store_to_read(shared)?;
    let flows = store.flows()?;
    let mut rows = if args.tree { families(store.as_ref(), &flows)? } else { flows.iter().map(Row::alone).collect() };
    for row in &mut rows {
        row.holder = runs::at_work(store.as_ref(), row.flow.flow_id(), row.flow.status())?;
    }
    if shared.format == Format::Json {
        output::print_json(&Value::Array(rows.iter().map(Row::to_json).collect()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if flows.is_empty() {
        let hint = advised(shared, "`chem run MANIFEST` makes one").map(|how| format!("; {how}")).unwrap_or_default();
        output::say(&format!("there are no runs in this store yet{hint}"));
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["run", "flow", "status", "began", "took", "flow fingerprint"]);
    for Row { flow, depth, branch, holder } in &rows {
        let until = if holder.is_some() { Timestamp::now() } else { flow.last.ts };
        let took = until.duration_since(flow.first.ts);
        let status = if holder.is_some() { runs::RUNNING } else { flow.status().name() };
        let fingerprint = flow.flow_fingerprint().map(|fingerprint| fingerprint.short()).unwrap_or_default();
        let indent = if *depth == 0 { String::new() } else { format!("{}└ ", "  ".repeat(depth - 1)) };
        let from = branch.as_ref().map(|branch| format!(" from {}", branch.step_id)).unwrap_or_default();
        table.row([
            (BOLD, format!("{indent}{}", flow.flow_id())),
            (BOLD, format!("{}{from}", flow.flow().unwrap_or("?"))),
            (status_style(flow.status()), status.to_owned()),
            (DIM, flow.first.ts.strftime("%Y-%m-%d %H:%M:%SZ").to_string()),
            (DIM, output::seconds(took)),
            (DIM, fingerprint),
        ]);
    }
    output::print(&table.render())?;
    Ok(ExitCode::SUCCESS)
}

/// A run and its place in its family.
struct Row<'a> {
    flow: &'a FlowSummary,
    depth: usize,
    branch: Option<BranchCreated>,
    /// The process that is at work on it.
    holder: Option<Holder>,
}

impl<'a> Row<'a> {
    fn alone(flow: &'a FlowSummary) -> Self {
        Self { flow, depth: 0, branch: None, holder: None }
    }

    fn to_json(&self) -> Value {
        let mut object = summary_json(self.flow);
        if let Some(branch) = &self.branch {
            object["branch"] = json!({"parent": branch.parent, "root": branch.root, "from": branch.step_id});
        }
        if let Some(holder) = &self.holder {
            runs::say_running(&mut object, holder);
        }
        object
    }
}

/// The runs with each branch after the run that it comes from.
fn families<'a>(store: &dyn EventStore, flows: &'a [FlowSummary]) -> Result<Vec<Row<'a>>, Failure> {
    let mut branches: HashMap<FlowId, Vec<Row<'a>>> = HashMap::new();
    let mut roots = Vec::new();
    for flow in flows {
        let mut row = Row::alone(flow);
        if flow.event_variants.starts_with("IB") {
            row.branch = store.list(flow.flow_id())?.into_iter().nth(1).and_then(|event| match event.kind {
                FlowEventKind::BranchCreated(branch) => Some(branch),
                _ => None,
            });
        }
        match &row.branch {
            Some(branch) => branches.entry(branch.parent).or_default().push(row),
            None => roots.push(row),
        }
    }
    let mut rows = Vec::new();
    // Not by recursion: a chain of branches may be long.
    let mut open: Vec<Row<'a>> = roots.into_iter().rev().collect();
    loop {
        let Some(row) = open.pop() else {
            // What comes from runs that this store does not have.
            let Some(parent) = branches.keys().next().copied() else { return Ok(rows) };
            open.extend(branches.remove(&parent).into_iter().flatten().rev());
            continue;
        };
        let children = branches.remove(&row.flow.flow_id()).into_iter().flatten().rev();
        open.extend(children.map(|child| Row { depth: row.depth + 1, ..child }));
        rows.push(row);
    }
}

/// The style of a run's status wherever it is printed.
pub(in crate::cli) fn status_style(status: FlowStatus) -> anstyle::Style {
    match status {
        FlowStatus::Completed => output::GOOD,
        FlowStatus::Failed => output::BAD,
        FlowStatus::Interrupted | FlowStatus::Waiting => output::ODD,
    }
}
