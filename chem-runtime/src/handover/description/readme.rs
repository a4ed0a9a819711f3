//! The page for people in an export.

use super::facts::RunFacts;
use crate::handover::contents::{Contents, FlowFile, manifest_name};
use crate::handover::manifests::NamedManifests;
use crate::handover::names;

/// Returns the page: what the export is, what is in it, and how to check it. `below` is the number of children with a manifest, and
/// `manifests` are those that steps name.
pub(super) fn readme(contents: &Contents, facts: &RunFacts, below: usize, manifests: &NamedManifests) -> String {
    let initialized = &facts.initialized;
    // The page is Markdown: a name or a description may have anything.
    let plain = |text: &str| text.escape_debug().to_string();
    let mut text = format!("# {}\n\n", plain(&initialized.flow));
    if let Some(description) = &initialized.definition.description {
        text.push_str(&format!("{}\n\n", description.trim()));
    }
    let status = match (facts.is_complete, facts.error()) {
        (true, _) => "completed".to_owned(),
        (false, Some(error)) => format!("failed: {}", plain(error)),
        (false, None) => "did not complete".to_owned(),
    };
    let operator = initialized.environment.operator.as_ref();
    let by = operator.map(|operator| format!(", begun by {}", plain(&operator.to_string()))).unwrap_or_default();
    text.push_str(&format!(
        "Run `{}` of this flow, from {:.0} to {:.0}{by}: {status}.\n\n",
        facts.flow_id, facts.began, facts.ended
    ));
    text.push_str(&format!(
        "| path | contents |\n|---|---|\n\
         | `{}` | the manifest: `chem run` repeats the run |\n\
         | `{}` | the files that the manifest names, where it expects them |\n\
         | `{}` | the outputs of the steps, named by their hashes: the kind, and the content as JSON |\n\
         | `proof/events/` | the events of the run, of its children, and of the runs whose results they reused |\n\
         | `{}`, `{}` | the root of the log, and the hashes that lead from the events to it |\n\
         | `proof/attestations/` | what people have stated about the run, with their signatures |\n\
         | `{}` | the SHA-256 of every file, for `sha256sum -c` |\n\
         | `{}` | the same facts as a Workflow Run RO-Crate |\n\n",
        manifest_name(initialized),
        names::FLOW,
        names::ARTIFACTS,
        names::CHECKPOINT,
        names::PATHS,
        names::SUMS,
        names::METADATA,
    ));
    if below > 0 {
        text.push_str(&format!(
            "The run has children: runs of its own, {below} in all, of which each has a manifest as well, named by the id of \
             the run.\n\n"
        ));
    }
    if !manifests.texts.is_empty() {
        text.push_str("The manifests that `map` names are in the export as they were when the run began");
        let of_child = |file: &&FlowFile| file.run.is_some() && !file.written && file.is_elsewhere();
        let mut elsewhere: Vec<&str> =
            contents.export.files.iter().filter(of_child).map(|file| file.path.as_str()).collect();
        elsewhere.sort_unstable();
        elsewhere.dedup();
        if !elsewhere.is_empty() {
            let paths: Vec<String> = elsewhere.into_iter().map(|path| format!("`{}`", plain(path))).collect();
            text.push_str(&format!(
                ", and do not run here: they name files that the export has elsewhere ({})",
                paths.join(", ")
            ));
        }
        text.push_str(".\n\n");
    }
    if !manifests.missing.is_empty() {
        let paths: Vec<String> = manifests.missing.iter().map(|path| format!("`{}`", plain(path))).collect();
        text.push_str(&format!(
            "The log does not have the text of these manifests, which `map` names: {}.\n\n",
            paths.join(", ")
        ));
    }
    let omitted: Vec<&str> =
        contents.export.files.iter().filter(|file| file.omitted.is_some()).map(|file| file.path.as_str()).collect();
    if contents.export.without_data {
        text.push_str("The artifacts and the files of the flow were left out. Their hashes are in the events.\n\n");
    } else if !omitted.is_empty() {
        let omitted: Vec<String> = omitted.into_iter().map(|path| format!("`{}`", plain(path))).collect();
        text.push_str(&format!("Left out, because they are no longer what they were: {}.\n\n", omitted.join(", ")));
    }
    text.push_str(&format!(
        "`python3 {}` checks that nothing was changed, and the signatures; it needs nothing but `ssh-keygen`. So does `chem \
         audit FILE`, where FILE is the archive. `chem verify FILE` computes the run again, and `chem import FILE` puts it into \
         a store.\n",
        names::VERIFIER
    ));
    text
}
