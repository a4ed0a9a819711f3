//! `chem approve` and `chem reject`: decide on a step that waits for a person.

use std::process::ExitCode;

use clap::Args;

use super::sign::Meaning;
use crate::cli::args::{MovedManifest, NamedRun, Reuse, Shared};
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::runs;
use crate::cli::signing::{Signers, SigningKey};
use crate::engine::Answer;
use crate::evidence::{Identity, Signing};
use crate::store::OpenMode;

#[derive(Debug, Args)]
pub(in crate::cli) struct ApproveArgs {
    #[command(flatten)]
    pub answer: AnswerArgs,
    /// The data that the gate asks for: a JSON object with parameters for the step.
    #[arg(long, value_name = "JSON")]
    pub data: Option<String>,
    /// What the signature means.
    #[arg(long, value_enum, value_name = "MEANING", requires = "sign", default_value_t = Meaning::Approved)]
    pub meaning: Meaning,
    #[command(flatten)]
    pub manifest: MovedManifest,
    #[command(flatten)]
    pub reuse: Reuse,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AnswerArgs {
    #[command(flatten)]
    pub run: NamedRun,
    /// The id of the step.
    #[arg(value_name = "STEP")]
    pub step: String,
    /// The reason, for the log.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The fingerprint to decide on, or the beginning of it. Refused if the step has another fingerprint now.
    #[arg(long, value_name = "FINGERPRINT")]
    pub shown: Option<String>,
    /// Sign the decision.
    #[arg(long)]
    pub sign: bool,
    #[command(flatten)]
    pub key: SigningKey,
    #[command(flatten)]
    pub signers: Signers,
}

impl AnswerArgs {
    /// Returns how to sign the decision, if the user asks for it.
    fn signing(&self, meaning: &str) -> Result<Option<Signing>, Failure> {
        if !self.sign {
            return Ok(None);
        }
        let signer = self.key.signer(Identity::read()?.as_ref())?;
        Ok(Some(Signing { signer, meaning: meaning.to_owned() }))
    }
}

pub(in crate::cli) fn approve(shared: &Shared, args: &ApproveArgs) -> Result<ExitCode, Failure> {
    let read = |text: &String| serde_json::from_str(text);
    let data = args.data.as_ref().map(read).transpose().map_err(|error| {
        Failure::usage(format!("`--data` is not JSON: {error}"))
            .with_help("write an object, such as `'{\"limit\": 5}'`")
    })?;
    let (reason, shown) = (args.answer.reason.clone(), args.answer.shown.clone());
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.answer.run.id)?;
    let plan = RunPlan::moved(shared, store.as_ref(), flow_id, &events, &args.manifest)?;
    let signing = args.answer.signing(args.meaning.name())?;
    let answer = Answer { approved: true, data, reason, shown, signing };
    drive(
        shared,
        store,
        plan.reusing(&args.reuse)?.signed_by(&args.answer.signers)?,
        Act::Answer(&args.answer.step, &answer),
    )
}

/// Rejects the step. The exit status is success although the run fails, since that is what the user asked for.
pub(in crate::cli) fn reject(shared: &Shared, args: &AnswerArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.run.id)?;
    let (reason, shown) = (args.reason.clone(), args.shown.clone());
    let answer = Answer { approved: false, data: None, reason, shown, signing: args.signing("rejected")? };
    drive(
        shared,
        store,
        RunPlan::stored(shared, flow_id, &events, None)?.signed_by(&args.signers)?,
        Act::Answer(&args.step, &answer),
    )
}
