//! `chem sign`: signs a statement about a run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum, ValueHint};
use serde_json::json;

use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, NamedRun, Shared};
use crate::cli::exit::Failure;
use crate::cli::{output, runs};
use crate::evidence::{Identity, Signer, operator, sign};
use crate::store::OpenMode;
use crate::workbench;

#[derive(Debug, Args)]
pub(in crate::cli) struct SignArgs {
    #[command(flatten)]
    pub run: NamedRun,
    /// What the signature means.
    #[arg(long, value_enum, value_name = "MEANING")]
    pub meaning: Meaning,
    /// The SSH key: a private key, or a public key whose private part is in the agent. Defaults to that of the identity file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub key: Option<PathBuf>,
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
    fn name(self) -> &'static str {
        match self {
            Self::Executed => "executed",
            Self::Reviewed => "reviewed",
            Self::Approved => "approved",
            Self::Responsible => "responsible",
        }
    }
}

pub(in crate::cli) fn run(shared: &Shared, args: &SignArgs) -> Result<ExitCode, Failure> {
    let identity = Identity::read()?;
    let key = args.key.clone().or_else(|| identity.as_ref()?.key.clone()).ok_or_else(|| {
        let help = Advice::text("name one with `--key FILE`, or for all signatures with ");
        let help = help.then_command(CommandName::Whoami, &[&"--key", &"FILE"]);
        Failure::usage("there is no key to sign with").with_help(help)
    })?;
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let flow_id = workbench::find_run(store.as_ref(), &args.run.id)?;
    let by = operator(identity.as_ref().map(Identity::person));
    let statement = sign(store.as_ref(), flow_id, args.meaning.name(), &by, &Signer::with_key(key))?;
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
