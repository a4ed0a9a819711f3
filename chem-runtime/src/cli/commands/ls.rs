//! `chem ls`: the runs of a store.

use std::process::ExitCode;

use serde_json::Value;

use crate::cli::args::{Format, Shared};
use crate::cli::exit::Failure;
use crate::cli::output::{self, BOLD, DIM, Table};
use crate::cli::runs;
use crate::flow::FlowStatus;
use crate::report::summary_json;

pub(in crate::cli) fn run(shared: &Shared) -> Result<ExitCode, Failure> {
    let flows = runs::open_existing_store(shared)?.flows()?;
    if shared.format == Format::Json {
        output::print_json(&Value::Array(flows.iter().map(summary_json).collect()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if flows.is_empty() {
        output::say("there are no runs in this store yet; `chem run MANIFEST` makes one");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["run", "flow", "status", "began", "took", "flow fingerprint"]);
    for flow in &flows {
        let took = flow.last.ts.duration_since(flow.first.ts);
        let fingerprint = flow.flow_fingerprint().map(|fingerprint| fingerprint.short()).unwrap_or_default();
        table.row([
            (BOLD, flow.flow_id().to_string()),
            (BOLD, flow.flow().unwrap_or("?").to_owned()),
            (status_style(flow.status()), flow.status().name().to_owned()),
            (DIM, flow.first.ts.strftime("%Y-%m-%d %H:%M:%SZ").to_string()),
            (DIM, output::seconds(took)),
            (DIM, fingerprint),
        ]);
    }
    output::print(&table.render())?;
    Ok(ExitCode::SUCCESS)
}

/// The style of a run's status wherever it is printed.
pub(in crate::cli) fn status_style(status: FlowStatus) -> anstyle::Style {
    match status {
        FlowStatus::Completed => output::GOOD,
        FlowStatus::Failed => output::BAD,
        FlowStatus::Interrupted | FlowStatus::Waiting => output::ODD,
    }
}
