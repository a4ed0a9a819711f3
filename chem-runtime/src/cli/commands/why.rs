//! `chem why`: explains why a step of a run ran.

use std::process::ExitCode;

use clap::Args;

use crate::cli::args::{Format, NamedRun, Shared};
use crate::cli::exit::Failure;
use crate::cli::output::{self, BOLD, DIM, styled};
use crate::cli::report::taken_over;
use crate::cli::runs;
use crate::flow::replay;
use crate::store::OpenMode;
use crate::workbench::{self, Difference, Why};

#[derive(Debug, Args)]
pub(in crate::cli) struct WhyArgs {
    #[command(flatten)]
    pub run: NamedRun,
    /// The id of the step.
    #[arg(value_name = "STEP")]
    pub step: String,
    /// The run to compare with, named like the first. Defaults to the nearest earlier run of the flow.
    #[arg(long, value_name = "ID")]
    pub against: Option<String>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &WhyArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Read)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.run.id)?;
    let against = match &args.against {
        Some(against) => Some(workbench::find_run(store.as_ref(), against)?),
        None => None,
    };
    let why = workbench::why(store.as_ref(), &replay(flow_id, &events)?, &args.step, against)?;
    match shared.format {
        Format::Json => output::print_json(&why.to_json())?,
        Format::Human => output::print(&render(&why))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn render(why: &Why) -> String {
    let step = styled(BOLD, &why.step);
    let mut text = match &why.reused_from {
        Some(source) => format!("{step} did not run: its result is that of run {}\n", source.flow_id),
        None if why.differences.is_empty() => format!("{step} ran, although nothing about it had changed\n"),
        None => format!("{step} ran: {}\n", words(&why.differences)),
    };
    if why.reused_from.is_some() && !why.differences.is_empty() {
        text.push_str(&format!("  it differs: {}\n", words(&why.differences)));
    }
    if let Some(taken) = &why.taken_over {
        text.push_str(&format!("  {}\n", taken_over(taken)));
    }
    for (upstream, differences) in &why.upstream {
        let words = if differences.is_empty() { "nothing changed".to_owned() } else { words(differences) };
        text.push_str(&format!("  {upstream}: {words}\n"));
    }
    for line in why.lines_of_incidents() {
        text.push_str(&format!("  {}\n", output::escape(&line)));
    }
    match why.against {
        Some(against) => text.push_str(&format!("{}\n", styled(DIM, &format!("against run {against}")))),
        None => text.push_str(&format!("{}\n", styled(DIM, "no earlier run of this flow has started the step"))),
    }
    text
}

fn words(differences: &[Difference]) -> String {
    output::escape(&differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}
