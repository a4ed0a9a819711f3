//! `chem seal`: seals the log, and a plan with it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueHint};
use serde_json::json;

use super::check::read_plan;
use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Overrides, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, ODD, styled};
use crate::cli::{runs, signals};
use crate::engine::DEFAULT_FLOW_NAME;
use crate::evidence::{
    EvidenceError, Identity, PlanId, Sealed, Signer, Witness, operator, seal, state_plan, timestamp,
};
use crate::flow::FlowDefinition;
use crate::step::CancelToken;
use crate::store::{EventStore, OpenMode};

#[derive(Debug, Args)]
pub(in crate::cli) struct SealArgs {
    /// Seal a plan: the flow that this manifest gives now. Its input files need not exist yet.
    #[arg(long, value_name = "MANIFEST", value_hint = ValueHint::FilePath, conflicts_with = "follow")]
    pub plan: Option<PathBuf>,
    /// Set a flow parameter of the plan. Can be given several times; the last value for a parameter counts.
    #[arg(long, value_name = "NAME=VALUE", requires = "plan")]
    pub set: Vec<String>,
    /// Continue to seal, until Ctrl-C.
    #[arg(short, long)]
    pub follow: bool,
    /// The pause between two seals, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "follow")]
    pub every: u64,
    /// The directory outside the store that keeps the newest checkpoint. Defaults to CHEM_WITNESS, then to `chem/witness` in
    /// the user's configuration.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub witness: Option<PathBuf>,
    /// Sign the checkpoint, and the plan if there is one, with this SSH key: a private key, or a public key whose private
    /// part is in the agent.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub key: Option<PathBuf>,
    /// Have each new checkpoint stamped by a time stamping authority (RFC 3161): a shell command that reads the query on stdin
    /// and writes the reply to stdout, such as `curl -sS -H 'Content-Type: application/timestamp-query' --data-binary @- URL`.
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub timestamp: Option<String>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &SealArgs) -> Result<ExitCode, Failure> {
    let planned = match &args.plan {
        Some(path) => {
            let checked = read_plan(shared, path, &Overrides { set: args.set.clone() })?;
            checked.print(shared)?;
            let Some(definition) = checked.definition else { return Ok(Status::Usage.into()) };
            Some(definition)
        }
        None => None,
    };
    // A plan may be the first thing in a store.
    let mode = if planned.is_some() { OpenMode::Create } else { OpenMode::Existing };
    let store = runs::open_store(shared, mode)?;
    let witness = args.witness.clone().map(Witness::new).or_else(Witness::of_user);
    let signer = args.key.as_ref().map(Signer::with_key);
    let work = || -> Result<(Sealed, Stamp), Failure> {
        let sealed = seal(store.as_ref(), witness.as_ref(), signer.as_ref())?;
        Ok((sealed, args.timestamp.as_deref().map_or(Ok(None), |command| timestamp(store.as_ref(), command))))
    };
    let plan = match planned {
        Some(definition) => Some(state(store.as_ref(), &definition, signer.as_ref())?),
        None => None,
    };
    let (sealed, stamp) = work()?;
    print(shared, &sealed, &stamp, witness.as_ref(), plan.as_ref())?;
    if let (Some(plan), Format::Human) = (&plan, shared.format) {
        let diff = Advice::text("  ").then_command(CommandName::Diff, &[&plan.id.short(), &"ID"]);
        output::advise(shared, &diff.then(" names how a run deviates from the plan"));
    }
    if !args.follow {
        stamp?;
        return Ok(ExitCode::SUCCESS);
    }
    let stop = CancelToken::default();
    signals::stop_on_signals(stop.clone(), "");
    warn_without_stamp(stamp)?;
    while pause(Duration::from_secs(args.every), &stop) {
        let (sealed, stamp) = work()?;
        if sealed.is_new || matches!(stamp, Ok(Some(_))) {
            print(shared, &sealed, &stamp, witness.as_ref(), None)?;
        }
        warn_without_stamp(stamp)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The time in the new time stamp, if there is one.
type Stamp = Result<Option<String>, EvidenceError>;

/// Warns that there is no time stamp. An authority that cannot be reached is no reason to stop sealing.
fn warn_without_stamp(stamp: Stamp) -> Result<(), Failure> {
    match stamp {
        Err(error @ EvidenceError::Timestamp { .. }) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let text = output::escape(&format!("the checkpoint has no time stamp: {error}{cause}"));
            output::say(&format!("{}: {text}", styled(ODD, "warning")));
            Ok(())
        }
        stamp => {
            stamp?;
            Ok(())
        }
    }
}

/// A plan that this call has stated.
struct Stated {
    id: PlanId,
    flow: String,
    steps: usize,
}

fn state(store: &dyn EventStore, definition: &FlowDefinition, signer: Option<&Signer>) -> Result<Stated, Failure> {
    let person = Identity::read()?.as_ref().map(Identity::person);
    let recorded = definition.recorded().map_err(|error| Failure::usage(error.to_string()))?;
    let flow = definition.name().unwrap_or(DEFAULT_FLOW_NAME).to_owned();
    let id = state_plan(store, &flow, &recorded, &operator(person), signer)?;
    Ok(Stated { id, flow, steps: recorded.steps.len() })
}

/// Waits; returns `false` if the user stops the command meanwhile.
fn pause(pause: Duration, stop: &CancelToken) -> bool {
    let begun = Instant::now();
    while !stop.is_cancelled() && begun.elapsed() < pause {
        std::thread::sleep((pause - begun.elapsed().min(pause)).min(Duration::from_millis(100)));
    }
    !stop.is_cancelled()
}

fn print(
    shared: &Shared,
    sealed: &Sealed,
    stamp: &Stamp,
    witness: Option<&Witness>,
    plan: Option<&Stated>,
) -> Result<(), Failure> {
    let time = stamp.as_ref().ok().and_then(Option::as_ref);
    let file = sealed.checkpoint.as_ref().zip(witness).map(|(checkpoint, witness)| witness.file(&checkpoint.origin));
    if shared.format == Format::Json {
        let checkpoint = sealed.checkpoint.as_ref();
        let mut json = json!({
            "origin": checkpoint.map(|checkpoint| &checkpoint.origin),
            "size": checkpoint.map_or(0, |checkpoint| checkpoint.size),
            "root": checkpoint.map(|checkpoint| checkpoint.root.base64()),
            "events": sealed.events,
            "new": sealed.is_new,
            "witness": file,
            "timestamp": time,
        });
        if let Some(Stated { id, flow, steps }) = plan {
            json["plan"] = json!({ "id": id.to_string(), "flow": flow, "steps": steps });
        }
        output::print_json(&json)?;
        return Ok(());
    }
    let stated = plan.map(|Stated { id, flow, steps }| format!("stated {} of {flow}, {steps} steps\n", id.short()));
    let text = match &sealed.checkpoint {
        None => "the store has no events to seal\n".to_owned(),
        Some(checkpoint) => {
            let kept = match file {
                Some(file) => format!("checkpoint kept in {}", file.display()),
                None => "no checkpoint is kept outside the store: name a directory with `--witness DIR`".to_owned(),
            };
            let done = if sealed.is_new {
                format!("sealed {} events", sealed.events)
            } else {
                "nothing new to seal".to_owned()
            };
            format!("{done}: {} in all, root {}\n{kept}\n", checkpoint.size, checkpoint.root.base64())
        }
    };
    let time = time.map(|time| format!("time stamp: {time}\n")).unwrap_or_default();
    Ok(output::print(&output::escape(&(stated.unwrap_or_default() + &text + &time)))?)
}
