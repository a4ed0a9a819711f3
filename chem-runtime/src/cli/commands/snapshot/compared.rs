//! Runs the flows, and compares their records.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::SnapshotArgs;
use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BOLD, GOOD, styled};
use crate::cli::signals;
use crate::manifest::Diagnostic;
use crate::step::{CancelToken, Registry};
use crate::store::InMemoryEventStore;
use crate::testing::{FlowRecord, Mismatch, NotRecorded};

pub(in crate::cli) fn run(shared: &Shared, args: &SnapshotArgs) -> Result<ExitCode, Failure> {
    let cancel = CancelToken::default();
    signals::stop_on_signals(cancel.clone(), "stopping; press Ctrl-C again to stop at once");
    let (mut all_same, mut reports) = (true, Vec::new());
    for manifest in &args.manifests {
        let record = match record(shared, manifest, &cancel) {
            Ok(record) => record,
            Err(_) if cancel.is_cancelled() => return Ok(Status::Interrupted.into()),
            Err(NotRecorded::Manifest(diagnostics)) => return invalid(shared, &diagnostics),
            Err(NotRecorded::Store(error)) => return Err(error.into()),
            Err(error) => return Err(Failure::usage(format!("`{}`: {error}", manifest.display()))),
        };
        let compared = compare(shared, &record, args.accept, manifest)?;
        all_same &= compared.mismatch.is_none() || args.accept;
        match shared.format {
            Format::Json => reports.push(compared.to_json(manifest, &record)),
            Format::Human => output::print(&compared.text(shared, &record))?,
        }
    }
    if shared.format == Format::Json {
        output::print_json(&Value::Array(reports))?;
    }
    Ok(if all_same { ExitCode::SUCCESS } else { Status::RunFailed.into() })
}

fn record(shared: &Shared, manifest: &Path, cancel: &CancelToken) -> Result<FlowRecord, NotRecorded> {
    let registry = Registry::linked()?;
    // The directory of a bare file name is empty, which no folder can be confined to.
    let directory = std::path::absolute(manifest)?.parent().map(Path::to_owned).unwrap_or_default();
    let confinement = shared.confinement(&directory);
    FlowRecord::try_of_manifest(manifest, registry, InMemoryEventStore::new(), confinement, cancel.clone())
}

fn invalid(shared: &Shared, diagnostics: &[Diagnostic]) -> Result<ExitCode, Failure> {
    if shared.format == Format::Json {
        output::print_json(&diagnostics.iter().map(Diagnostic::to_json).collect())?;
    } else {
        output::say_diagnostics(diagnostics);
    }
    Ok(Status::Usage.into())
}

/// A record beside its snapshot.
struct Compared {
    mismatch: Option<Mismatch>,
    outcome: &'static str,
}

fn compare(shared: &Shared, record: &FlowRecord, accept: bool, manifest: &Path) -> Result<Compared, Failure> {
    let (file, is_pinned) = (record.snapshot_file(), record.snapshot_file().exists());
    let Some(mismatch) = record.compare_with_snapshot() else {
        return Ok(Compared { mismatch: None, outcome: "same" });
    };
    if accept {
        let cannot = |error| Failure::usage(format!("cannot write `{}`: {error}", file.display()));
        record.accept().map_err(cannot)?;
        return Ok(Compared { mismatch: Some(mismatch), outcome: "accepted" });
    }
    let help = Advice::text("if the change is intended, accept it with ")
        .then_command(CommandName::Snapshot, &[&"--accept", &manifest.display()]);
    let mismatch = mismatch.with_help(help.render(shared).unwrap_or_default());
    Ok(Compared { mismatch: Some(mismatch), outcome: if is_pinned { "different" } else { "unpinned" } })
}

impl Compared {
    fn to_json(&self, manifest: &Path, record: &FlowRecord) -> Value {
        let mismatch = self.mismatch.as_ref();
        json!({
            "manifest": manifest.display().to_string(),
            "snapshot": record.snapshot_file().display().to_string(),
            "status": record.status(),
            "outcome": self.outcome,
            "headline": mismatch.map(Mismatch::headline),
            "also": mismatch.map(Mismatch::also).unwrap_or_default(),
            "effect": mismatch.map(Mismatch::effect),
            "text": mismatch.map(ToString::to_string),
        })
    }

    fn text(&self, shared: &Shared, record: &FlowRecord) -> String {
        let shown = output::escape(&record.snapshot_file().display().to_string());
        match (&self.mismatch, self.outcome) {
            (_, "accepted") => format!("wrote {shown}\n"),
            (Some(mismatch), _) => format!("{}\n", output::escape(&mismatch.to_string())),
            (None, _) if shared.quiet => String::new(),
            (None, _) => format!("{} {}\n", styled(GOOD, "ok"), styled(BOLD, &shown)),
        }
    }
}
