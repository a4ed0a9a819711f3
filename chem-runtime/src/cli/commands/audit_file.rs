//! `chem audit FILE`: audits an exported run.

use std::path::Path;
use std::process::ExitCode;

use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BAD, styled};
use crate::evidence::{AllowedSigners, Decided, Witness};
use crate::handover::{Checked, check};

/// Returns whether `name` is the path of an exported run and not the name of a run in the store.
pub(in crate::cli) fn is_file(name: &str) -> bool {
    let path = Path::new(name);
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|it| it.eq_ignore_ascii_case("zip") || it.eq_ignore_ascii_case("eln")) || path.is_file()
}

pub(in crate::cli) fn run(
    shared: &Shared,
    file: &Path,
    signers: Option<&AllowedSigners>,
    witness: Option<&Witness>,
) -> Result<ExitCode, Failure> {
    let checked = check(file, signers, witness).map_err(|error| Failure::of_export(error, file))?;
    match shared.format {
        Format::Json => output::print_json(&checked.to_json())?,
        Format::Human => output::print(&render(&checked))?,
    }
    Ok(if checked.is_sound() { ExitCode::SUCCESS } else { Status::RunFailed.into() })
}

fn render(checked: &Checked) -> String {
    let flow = checked.flow.as_deref().map(|flow| format!(" of {}", output::escape(flow))).unwrap_or_default();
    let Checked { runs, events, artifacts, files, .. } = checked;
    let others = match runs.saturating_sub(1) {
        0 => String::new(),
        1 => ", with the other run of the file".to_owned(),
        some => format!(", with the {some} other runs of the file"),
    };
    let mut text = format!(
        "run {}{flow}{others}\n{events} events, {artifacts} artifacts, {files} files\n",
        output::escape(&checked.run)
    );
    if checked.without_data {
        text.push_str("exported without its data: artifacts and files were not compared with their hashes\n");
    }
    if let Some((checkpoint, ts)) = &checked.checkpoint {
        let (origin, size) = (output::escape(&checkpoint.origin), checkpoint.size);
        text.push_str(&format!(
            "sealed: log {origin} of {size} events, at {ts:.0}, root {}\n",
            checkpoint.root.base64()
        ));
    }
    if checked.witnessed == Some(true) {
        text.push_str("the checkpoint kept outside the store has the same root\n");
    }
    if let Some(release) = &checked.other_release {
        let release = output::escape(release);
        text.push_str(&format!(
            "release {release} made the descriptions, so this one cannot compare them with the events\n"
        ));
    }
    for signed in &checked.signatures {
        if let Some(it) = &signed.statement {
            let stated = format!("{} events of run {} {} by {}", it.events, it.flow_id, it.meaning, it.by);
            text.push_str(&format!("stated: {}\n", output::escape(&stated)));
        }
        let by = signed.principal.as_deref().map_or("a key that was not looked up".to_owned(), output::escape);
        let at = signed.ts.map(|ts| format!(" at {ts:.0}")).unwrap_or_default();
        text.push_str(&format!("{} is signed by {by}{at}\n", output::escape(&signed.name)));
    }
    for decided in &checked.decisions {
        let verb = if decided.approved { "approved" } else { "rejected" };
        let by = decided.principal.as_deref().unwrap_or("a key that was not looked up");
        let Decided { step, meaning, time, .. } = decided;
        let line = format!("the decision on step {step}, {verb}, is signed by {by} at {time:.0}: {meaning}");
        text.push_str(&format!("{}\n", output::escape(&line)));
    }
    if checked.signatures.is_empty() && checked.decisions.is_empty() {
        text.push_str("nothing is signed: the file agrees with itself, as anyone who writes one can arrange\n");
    } else if checked.signers_of_export {
        text.push_str(
            "the signers are those that the file brings along; name your own with `--allowed-signers FILE`\n",
        );
    }
    for finding in &checked.findings {
        text.push_str(&format!("{} {}\n", styled(BAD, "changed:"), output::escape(&finding.to_string())));
    }
    if checked.is_sound() {
        text.push_str("everything is as it was exported\n");
    }
    text
}
