//! `chem seal`: seals the log.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueHint};
use serde_json::json;

use crate::cli::args::{Format, Shared};
use crate::cli::exit::Failure;
use crate::cli::output::{self, ODD, styled};
use crate::cli::{runs, signals};
use crate::evidence::{EvidenceError, Sealed, Signer, Witness, seal, timestamp};
use crate::step::CancelToken;
use crate::store::OpenMode;

#[derive(Debug, Args)]
pub(in crate::cli) struct SealArgs {
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
    /// Sign the checkpoint with this SSH key: a private key, or a public key whose private part is in the agent.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub key: Option<PathBuf>,
    /// Have each new checkpoint stamped by a time stamping authority (RFC 3161): a shell command that reads the query on stdin
    /// and writes the reply to stdout, such as `curl -sS -H 'Content-Type: application/timestamp-query' --data-binary @- URL`.
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub timestamp: Option<String>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &SealArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let witness = args.witness.clone().map(Witness::new).or_else(Witness::of_user);
    let signer = args.key.as_ref().map(Signer::with_key);
    let work = || -> Result<(Sealed, Stamp), Failure> {
        let sealed = seal(store.as_ref(), witness.as_ref(), signer.as_ref())?;
        Ok((sealed, args.timestamp.as_deref().map_or(Ok(None), |command| timestamp(store.as_ref(), command))))
    };
    let (sealed, stamp) = work()?;
    print(shared, &sealed, &stamp, witness.as_ref())?;
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
            print(shared, &sealed, &stamp, witness.as_ref())?;
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
        stamp => Ok(drop(stamp?)),
    }
}

/// Waits; returns `false` if the user stops the command meanwhile.
fn pause(pause: Duration, stop: &CancelToken) -> bool {
    let begun = Instant::now();
    while !stop.is_cancelled() && begun.elapsed() < pause {
        std::thread::sleep((pause - begun.elapsed().min(pause)).min(Duration::from_millis(100)));
    }
    !stop.is_cancelled()
}

fn print(shared: &Shared, sealed: &Sealed, stamp: &Stamp, witness: Option<&Witness>) -> Result<(), Failure> {
    let time = stamp.as_ref().ok().and_then(Option::as_ref);
    let file = sealed.checkpoint.as_ref().zip(witness).map(|(checkpoint, witness)| witness.file(&checkpoint.origin));
    if shared.format == Format::Json {
        let checkpoint = sealed.checkpoint.as_ref();
        output::print_json(&json!({
            "origin": checkpoint.map(|checkpoint| &checkpoint.origin),
            "size": checkpoint.map_or(0, |checkpoint| checkpoint.size),
            "root": checkpoint.map(|checkpoint| checkpoint.root.base64()),
            "events": sealed.events,
            "new": sealed.is_new,
            "witness": file,
            "timestamp": time,
        }))?;
        return Ok(());
    }
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
    Ok(output::print(&output::escape(&(text + &time)))?)
}
