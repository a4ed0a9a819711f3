//! `chem store merge`: brings the runs of other stores into the store.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

use super::stopping;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::{output, sealing};
use crate::handover::{Merged, merge};
use crate::store::{EventStore, OpenMode, PersistenceError, StoreUrl};

pub(super) fn run(shared: &Shared, from: &[String]) -> Result<ExitCode, Failure> {
    let into = shared.store_url()?;
    let sources = from.iter().map(|text| source(text)).collect::<Result<Vec<StoreUrl>, _>>()?;
    if let Some(source) = sources.iter().find(|source| source.to_string() == into.to_string()) {
        return Err(Failure::usage(format!("`{source}` is both a source and the target of the merge"))
            .with_help("`--store` names the target"));
    }
    // All sources are opened first, so that a mistyped one is found before anything is merged.
    let from = sources.iter().map(opened).collect::<Result<Vec<_>, _>>()?;
    let (target, cancel) = (into.open(OpenMode::Create)?, stopping());
    let (mut merged, mut is_whole) = (Vec::new(), true);
    for (url, source) in sources.iter().zip(from) {
        let one = merge(source.as_ref(), target.as_ref(), &cancel)?;
        is_whole &= one.refused.is_empty() && one.lost.is_empty();
        if shared.format == Format::Human {
            output::print(&output::escape(&text(url, &one)))?;
        }
        merged.push(json(url, &one));
    }
    sealing::after_a_run(shared, target.as_ref());
    if shared.format == Format::Json {
        output::print_json(&json!({ "into": into.to_string(), "from": merged }))?;
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { Status::RunFailed.into() })
}

/// Returns the store that an argument names: an address, or the path of a spool or of an SQLite file.
fn source(text: &str) -> Result<StoreUrl, Failure> {
    let path = Path::new(text);
    let url = match (path.is_dir(), path.is_file()) {
        (true, _) => format!("spool:{text}"),
        (_, true) => format!("sqlite:{text}"),
        _ => text.to_owned(),
    };
    Ok(url.parse()?)
}

/// Opens a source. It has to be there: what creates a store creates the target.
fn opened(source: &StoreUrl) -> Result<Arc<dyn EventStore>, Failure> {
    source.open(OpenMode::Read).map_err(|error| {
        let is_absent = matches!(error, PersistenceError::Absent { .. });
        let failure = Failure::from(error);
        if !is_absent {
            return failure;
        }
        let help =
            format!("nothing was merged: `{source}` has to be a store with runs, such as a spool or an SQLite file");
        failure.with_help(help)
    })
}

fn text(url: &StoreUrl, merged: &Merged) -> String {
    let Merged { new, continued, present, events, artifacts, refused, lost } = merged;
    let mut text = format!(
        "{url}: {} new runs, {} continued, {present} already there; {events} events, which have the time of the merge, and \
         {artifacts} artifacts\n",
        new.len(),
        continued.len()
    );
    text.extend(refused.iter().map(|run| format!("left out: {}\n", run.reason)));
    text.extend(lost.iter().map(|(run, hash)| format!("missing or damaged: artifact {hash} of run {run}\n")));
    text
}

fn json(url: &StoreUrl, merged: &Merged) -> Value {
    let refused = merged.refused.iter().map(|run| json!({ "flow_id": run.flow_id, "reason": run.reason }));
    let lost = merged.lost.iter().map(|(run, hash)| json!({ "flow_id": run, "artifact": hash.to_string() }));
    json!({
        "store": url.to_string(),
        "new": merged.new,
        "continued": merged.continued,
        "present": merged.present,
        "events": merged.events,
        "artifacts": merged.artifacts,
        "refused": refused.collect::<Value>(),
        "lost": lost.collect::<Value>(),
    })
}
