//! `chem sign`: signs a statement about a run.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::args::{Format, NamedRun, Shared};
use crate::cli::exit::Failure;
use crate::cli::signing::SigningKey;
use crate::cli::{output, runs};
use crate::evidence::{Identity, operator, sign};
use crate::store::OpenMode;
use crate::workbench;

#[derive(Debug, Args)]
pub(in crate::cli) struct SignArgs {
    #[command(flatten)]
    pub run: NamedRun,
    /// What the signature means.
    #[arg(long, value_enum, value_name = "MEANING")]
    pub meaning: Meaning,
    #[command(flatten)]
    pub key: SigningKey,
}

/// What a signature means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Meaning {
    /// The signer carried out the run.
    Executed,
    /// The signer examined the run.
    Reviewed,
    /// The signer allows the use of its results.
    Approved,
    /// The signer answers for it.
    Responsible,
}

impl Meaning {
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Self::Executed => "executed",
            Self::Reviewed => "reviewed",
            Self::Approved => "approved",
            Self::Responsible => "responsible",
        }
    }
}

pub(in crate::cli) fn run(shared: &Shared, args: &SignArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let flow_id = workbench::find_run(store.as_ref(), &args.run.id)?;
    let identity = Identity::read()?;
    let signer = args.key.signer(identity.as_ref())?;
    let by = operator(identity.as_ref().map(Identity::person));
    let statement = sign(store.as_ref(), flow_id, args.meaning.name(), &by, &signer)?;
    match shared.format {
        Format::Json => output::print_json(&json!({
            "flow_id": statement.flow_id,
            "events": statement.events,
            "head": statement.head.base64(),
            "meaning": statement.meaning,
            "by": statement.by,
            "ts": statement.time.to_string(),
        }))?,
        Format::Human => {
            let (events, meaning) = (statement.events, &statement.meaning);
            let text = format!("signed: {events} events of run {flow_id}, {meaning} by {}", statement.by);
            output::print(&format!("{}\n", output::escape(&text)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
