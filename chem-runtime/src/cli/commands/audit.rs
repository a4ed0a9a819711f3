//! `chem audit`: compares the log with what was sealed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};

use super::audit_file;
use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BAD, styled};
use crate::cli::runs;
use crate::cli::signing::Signers;
use crate::evidence::{Audit, Witness, audit};
use crate::store::OpenMode;
use crate::store::schema::Drift;

#[derive(Debug, Args)]
pub(in crate::cli) struct AuditArgs {
    /// The file of an exported run; without one, the whole store.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// The directory outside the store that keeps the newest checkpoint. Defaults to CHEM_WITNESS, then to `chem/witness` in
    /// the user's configuration.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub witness: Option<PathBuf>,
    #[command(flatten)]
    pub signers: Signers,
}

pub(in crate::cli) fn run(shared: &Shared, args: &AuditArgs) -> Result<ExitCode, Failure> {
    let witness = args.witness.clone().map(Witness::new).or_else(Witness::of_user);
    let signers = args.signers.open()?;
    if let Some(file) = &args.file {
        return audit_file::run(shared, file, signers.as_ref(), witness.as_ref());
    }
    let url = shared.store_url()?;
    let store = runs::open_store(shared, OpenMode::Read)?;
    let audit = audit(store.as_ref(), witness.as_ref(), signers.as_ref())?;
    let drifts = url.check()?;
    let is_sound = audit.is_sound() && drifts.is_empty();
    match shared.format {
        Format::Json => {
            let mut json = audit.to_json();
            json["sound"] = is_sound.into();
            json["schema"] = drifts.iter().map(ToString::to_string).collect();
            output::print_json(&json)?;
        }
        Format::Human => output::print(&render(&audit, &drifts))?,
    }
    if args.witness.is_some() && audit.witnessed.is_none() && audit.origin.is_some() {
        let text = "no checkpoint of this log is in the directory of `--witness`";
        let seal = Advice::command(CommandName::Seal, &[&"--witness", &"DIR"]).then(" puts it there");
        return Err(Failure::usage(text).with_help(seal));
    }
    Ok(if is_sound { ExitCode::SUCCESS } else { Status::RunFailed.into() })
}

fn render(audit: &Audit, drifts: &[Drift]) -> String {
    let mut text = format!("{} events, {} artifacts\n", audit.events, audit.artifacts);
    match &audit.newest {
        None => text.push_str("nothing is sealed yet\n"),
        Some((newest, ts)) => {
            text.push_str(&format!(
                "sealed: the first {} events, at {ts:.0}, root {}\n",
                newest.size,
                newest.root.base64()
            ));
            text.push_str(
                match audit.unsealed() {
                    0 => "every event is sealed\n".to_owned(),
                    1 => "1 event since is not sealed yet\n".to_owned(),
                    some => format!("{some} events since are not sealed yet\n"),
                }
                .as_str(),
            );
        }
    }
    text.push_str(&match &audit.witnessed {
        Some(kept) => format!("checkpoint outside the store: {} events\n", kept.checkpoint.size),
        None => "there is no checkpoint outside the store to compare with\n".to_owned(),
    });
    for signed in &audit.signatures {
        if let Some(it) = &signed.statement {
            let stated = format!("{} events of run {} {} by {}", it.events, it.flow_id, it.meaning, it.by);
            text.push_str(&format!("stated: {}\n", output::escape(&stated)));
        }
        let by = signed.principal.as_deref().map_or("a key that was not looked up".to_owned(), output::escape);
        text.push_str(&format!(
            "attestation {}, a {}, is signed by {by} at {:.0}\n",
            signed.number, signed.kind, signed.ts
        ));
    }
    for decided in &audit.decisions {
        let verb = if decided.approved { "approved" } else { "rejected" };
        let by = decided.by.as_deref().unwrap_or("a person that the log does not name");
        let what = format!("step {} of run {} {verb} by {by}", decided.step, decided.flow_id);
        let signer = decided.principal.as_deref().map_or("a key that was not looked up".to_owned(), output::escape);
        text.push_str(&format!("decided: {}, signed by {signer} at {:.0}\n", output::escape(&what), decided.time));
    }
    let findings = audit.findings.iter().map(ToString::to_string).chain(drifts.iter().map(ToString::to_string));
    let mut is_sound = true;
    for finding in findings {
        is_sound = false;
        text.push_str(&format!("{} {}\n", styled(BAD, "not as sealed:"), output::escape(&finding)));
    }
    if is_sound && audit.newest.is_some() {
        text.push_str("everything is as it was sealed\n");
    }
    text
}
