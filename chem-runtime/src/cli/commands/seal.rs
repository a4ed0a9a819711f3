//! `chem seal`: seals the log.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueHint};
use serde_json::json;

use crate::cli::args::{Format, Shared};
use crate::cli::exit::Failure;
use crate::cli::{output, runs, signals};
use crate::evidence::{Sealed, Signer, Witness, seal};
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
}

pub(in crate::cli) fn run(shared: &Shared, args: &SealArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let witness = args.witness.clone().map(Witness::new).or_else(Witness::of_user);
    let signer = args.key.as_ref().map(Signer::with_key);
    let sealed = seal(store.as_ref(), witness.as_ref(), signer.as_ref())?;
    print(shared, &sealed, witness.as_ref())?;
    if !args.follow {
        return Ok(ExitCode::SUCCESS);
    }
    let stop = CancelToken::default();
    signals::stop_on_signals(stop.clone(), "");
    while pause(Duration::from_secs(args.every), &stop) {
        let sealed = seal(store.as_ref(), witness.as_ref(), signer.as_ref())?;
        if sealed.is_new {
            print(shared, &sealed, witness.as_ref())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits; returns `false` if the user stops the command meanwhile.
fn pause(pause: Duration, stop: &CancelToken) -> bool {
    let begun = Instant::now();
    while !stop.is_cancelled() && begun.elapsed() < pause {
        std::thread::sleep((pause - begun.elapsed().min(pause)).min(Duration::from_millis(100)));
    }
    !stop.is_cancelled()
}

fn print(shared: &Shared, sealed: &Sealed, witness: Option<&Witness>) -> Result<(), Failure> {
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
    Ok(output::print(&output::escape(&text))?)
}
