//! `chem audit`: compares the log with what was sealed.

use std::path::{Path, PathBuf};
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
use crate::evidence::{
    Audit, Decided, EvidenceError, RunAudit, Signed, Stamped, Tiles, TimeAuthorities, Witness, audit, audit_run,
    check_timestamps, write_tiles,
};
use crate::store::OpenMode;
use crate::store::schema::Drift;
use crate::workbench;

#[derive(Debug, Args)]
pub(in crate::cli) struct AuditArgs {
    /// Audit this run alone, and print the proof that it is in the log: its id, the beginning of its id, or `@last` for the
    /// newest run; or audit the file of an exported run. Without one, the whole store.
    #[arg(value_name = "ID|FILE")]
    pub target: Option<String>,
    /// The directory outside the store that keeps the newest checkpoint. Defaults to CHEM_WITNESS, then to `chem/witness` in
    /// the user's configuration.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub witness: Option<PathBuf>,
    #[command(flatten)]
    pub signers: Signers,
    /// Accept only time stamps of the authorities whose certificates are in this file (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "target")]
    pub timestamp_ca: Option<PathBuf>,
    /// Write the newest checkpoint and the tiles of the log to this directory, as <https://c2sp.org/tlog-tiles>, and compare
    /// the log with those that are there. A reader of the files checks the log without the store.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "target")]
    pub tiles: Option<PathBuf>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &AuditArgs) -> Result<ExitCode, Failure> {
    let witness = args.witness.clone().map(Witness::new).or_else(Witness::of_user);
    let signers = args.signers.open()?;
    let authorities = args.timestamp_ca.clone().map(TimeAuthorities::new).transpose()?;
    if let Some(file) = args.target.as_deref().filter(|target| audit_file::is_file(target)) {
        return audit_file::run(shared, Path::new(file), signers.as_ref(), witness.as_ref());
    }
    let url = shared.store_url()?;
    let store = runs::open_store(shared, OpenMode::Read)?;
    if let Some(id) = &args.target {
        let flow_id = workbench::find_run(store.as_ref(), id)?;
        let audit = audit_run(store.as_ref(), flow_id, witness.as_ref(), signers.as_ref())?;
        return print_run(shared, &audit);
    }
    let mut audit = audit(store.as_ref(), witness.as_ref(), signers.as_ref())?;
    let (stamps, odd_stamps) = check_timestamps(store.as_ref(), authorities.as_ref())?;
    audit.findings.extend(odd_stamps);
    let tiles = match &args.tiles {
        Some(directory) if audit.is_sound() => match write_tiles(store.as_ref(), directory) {
            Ok(tiles) => Some(tiles),
            Err(EvidenceError::NotAsSealed(finding)) => {
                audit.findings.push(*finding);
                None
            }
            Err(error) => return Err(error.into()),
        },
        _ => None,
    };
    let drifts = url.check()?;
    let is_sound = audit.is_sound() && drifts.is_empty();
    match shared.format {
        Format::Json => {
            let mut json = audit.to_json();
            json["sound"] = is_sound.into();
            json["schema"] = drifts.iter().map(Drift::summary).collect();
            json["timestamps"] = stamps.iter().map(Stamped::to_json).collect();
            if args.tiles.is_some() {
                json["tiles"] = tiles.as_ref().map(|tiles| tiles.written).into();
            }
            output::print_json(&json)?;
        }
        Format::Human => output::print(&render(&audit, &stamps, &drifts))?,
    }
    if let Some(directory) = &args.tiles
        && shared.format == Format::Human
    {
        let directory = output::escape(&directory.display().to_string());
        output::print(&match tiles {
            Some(Tiles { checkpoint: Some(checkpoint), written }) => {
                format!("{written} files written to {directory}: the first {} events\n", checkpoint.size)
            }
            Some(Tiles { checkpoint: None, .. }) => {
                format!("nothing is sealed yet, so nothing is written to {directory}\n")
            }
            None => format!("nothing is written to {directory}: the log is not as it was sealed\n"),
        })?;
    }
    if args.witness.is_some() && audit.witnessed.is_none() && audit.origin.is_some() {
        let text = "no checkpoint of this log is in the directory of `--witness`";
        let seal = Advice::command(CommandName::Seal, &[&"--witness", &"DIR"]).then(" puts it there");
        return Err(Failure::usage(text).with_help(seal));
    }
    Ok(if is_sound { ExitCode::SUCCESS } else { Status::RunFailed.into() })
}

/// Prints the audit of a run. The exit status says whether it is sound.
fn print_run(shared: &Shared, audit: &RunAudit) -> Result<ExitCode, Failure> {
    match shared.format {
        Format::Json => output::print_json(&audit.to_json())?,
        Format::Human => output::print(&render_run(audit))?,
    }
    if audit.elsewhere > 0 && shared.format == Format::Human {
        let others = match audit.elsewhere {
            1 => "1 finding is about another run; ".to_owned(),
            some => format!("{some} findings are about other runs; "),
        };
        let advice = Advice::text(others);
        output::advise(shared, &advice.then_command(CommandName::Audit, &[]).then(" names all"));
    }
    Ok(if audit.is_sound() { ExitCode::SUCCESS } else { Status::RunFailed.into() })
}

fn render_run(audit: &RunAudit) -> String {
    let RunAudit { flow_id, events, artifacts, head, proof, .. } = audit;
    let mut text = format!("run {flow_id}: {events} events, {artifacts} artifacts, head {head}\n");
    match proof {
        None => text.push_str("nothing of it is sealed yet\n"),
        Some(proof) => {
            let (sealed, size, root) = (proof.position + 1, proof.checkpoint.size, proof.checkpoint.root.base64());
            text.push_str(&format!(
                "sealed: its first {sealed} events, in a log of {size} events with the root {root}\n{}",
                unsealed(audit.unsealed())
            ));
        }
    }
    if !audit.is_witnessed {
        text.push_str(NO_WITNESS);
    }
    audit.signatures.iter().for_each(|signed| text.push_str(&render_signed(signed)));
    audit.decisions.iter().for_each(|decided| text.push_str(&render_decided(decided)));
    text.push_str(&render_findings(audit.findings.iter().map(ToString::to_string)));
    if let (Some(proof), true) = (proof, audit.is_sound()) {
        // Base64 and an origin without control characters.
        text.push_str(&format!("the run is as it was sealed\n\n{proof}"));
    }
    text
}

const NO_WITNESS: &str = "there is no checkpoint outside the store to compare with\n";

/// Returns the line about events that are not sealed.
fn unsealed(count: u64) -> String {
    match count {
        0 => "every event is sealed\n".to_owned(),
        1 => "1 event since is not sealed yet\n".to_owned(),
        some => format!("{some} events since are not sealed yet\n"),
    }
}

fn render_signed(signed: &Signed) -> String {
    let mut text = String::new();
    if let Some(it) = &signed.statement {
        let stated = format!("{} events of run {} {} by {}", it.events, it.flow_id, it.meaning, it.by);
        text.push_str(&format!("stated: {}\n", output::escape(&stated)));
    }
    let by = signed.principal.as_deref().map_or("a key that was not looked up".to_owned(), output::escape);
    text.push_str(&format!(
        "attestation {}, a {}, is signed by {by} at {:.0}\n",
        signed.number, signed.kind, signed.ts
    ));
    text
}

fn render_decided(decided: &Decided) -> String {
    let verb = if decided.approved { "approved" } else { "rejected" };
    let by = decided.by.as_deref().unwrap_or("a person that the log does not name");
    let what = format!("step {} of run {} {verb} by {by}", decided.step, decided.flow_id);
    let signer = decided.principal.as_deref().map_or("a key that was not looked up".to_owned(), output::escape);
    format!("decided: {}, signed by {signer} at {:.0}\n", output::escape(&what), decided.time)
}

fn render_findings(findings: impl Iterator<Item = String>) -> String {
    findings.map(|finding| format!("{} {}\n", styled(BAD, "not as sealed:"), output::escape(&finding))).collect()
}

fn render(audit: &Audit, stamps: &[Stamped], drifts: &[Drift]) -> String {
    let mut text = format!("{} events, {} artifacts\n", audit.events, audit.artifacts);
    match &audit.newest {
        None => text.push_str("nothing is sealed yet\n"),
        Some((newest, ts)) => {
            text.push_str(&format!(
                "sealed: the first {} events, at {ts:.0}, root {}\n",
                newest.size,
                newest.root.base64()
            ));
            text.push_str(&unsealed(audit.unsealed()));
        }
    }
    text.push_str(&match &audit.witnessed {
        Some(kept) => format!("checkpoint outside the store: {} events\n", kept.checkpoint.size),
        None => NO_WITNESS.to_owned(),
    });
    audit.signatures.iter().for_each(|signed| text.push_str(&render_signed(signed)));
    audit.decisions.iter().for_each(|decided| text.push_str(&render_decided(decided)));
    for Stamped { size, time, is_verified } in stamps {
        let by = if *is_verified { "" } else { ", by an authority that was not looked up" };
        text.push_str(&format!("the checkpoint of {size} events existed at {}{by}\n", output::escape(time)));
    }
    let findings = audit.findings.iter().map(ToString::to_string).chain(drifts.iter().map(Drift::summary));
    let findings = render_findings(findings);
    let is_sound = findings.is_empty();
    text.push_str(&findings);
    if is_sound && audit.newest.is_some() {
        text.push_str("everything is as it was sealed\n");
    }
    text
}
