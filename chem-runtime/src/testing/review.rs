//! Decides whether a mismatch fails the test.
//!
//! Before insta fails, it prints a diff of the whole snapshot, which buries the headline. So a mismatch that insta would
//! fail for fails here, and leaves the same file for `cargo insta review`. insta itself accepts changes if its environment
//! variables say so, and decides if it has settings that this module does not know; the report is then printed first.

use std::path::{Path, PathBuf};

use super::{FlowRecord, Mismatch};

/// How a mismatch is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Review {
    /// insta decides.
    Insta,
    /// The test fails.
    Fail {
        /// Whether to leave the new snapshot for a review.
        keep: bool,
    },
}

impl Review {
    /// Reads insta's environment variables. `configured` says whether insta has a settings file, `exists` whether there is
    /// a snapshot.
    fn of(variable: impl Fn(&str) -> Option<String>, configured: bool, exists: bool) -> Self {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty() && value != "0");
        let elsewhere = ["INSTA_FORCE_PASS", "INSTA_FORCE_UPDATE", "INSTA_FORCE_UPDATE_SNAPSHOTS", "INSTA_PENDING_DIR"];
        if configured || elsewhere.into_iter().any(is_set) {
            return Self::Insta;
        }
        let in_ci = match variable("CI").as_deref() {
            Some("false" | "0" | "") => false,
            Some(_) => true,
            None => variable("TF_BUILD").is_some(),
        };
        match variable("INSTA_UPDATE").as_deref() {
            None | Some("" | "auto") => Self::Fail { keep: !in_ci },
            Some("new") => Self::Fail { keep: true },
            Some("unseen") if exists => Self::Fail { keep: true },
            Some("no") => Self::Fail { keep: false },
            Some(_) => Self::Insta,
        }
    }
}

impl FlowRecord {
    /// Compares the record with the text of a snapshot. Returns `None` if they are equal.
    pub fn compare(&self, pinned: &str) -> Option<Mismatch> {
        let place = self.place();
        Mismatch::between(pinned, self.text(), place.manifest(), &place.shown())
    }

    /// Compares the record with its snapshot. Returns `None` if they are equal.
    pub fn compare_with_snapshot(&self) -> Option<Mismatch> {
        let (place, file) = (self.place(), self.place().file());
        if !file.exists() {
            return Some(Mismatch::unpinned(self.text(), place.manifest(), &place.shown()));
        }
        match insta::Snapshot::from_file(&file) {
            Ok(snapshot) => self.compare(&snapshot.as_text().map(ToString::to_string).unwrap_or_default()),
            Err(error) => Some(Mismatch::unreadable(&error.to_string(), place.manifest(), &place.shown())),
        }
    }

    /// Fails the test at `line` of `source` in the crate at `krate` if the record differs from its snapshot, unless insta
    /// is to decide.
    ///
    /// # Panics
    /// With the [`Mismatch`].
    #[track_caller]
    #[allow(clippy::panic, reason = "this is how a test fails")]
    pub fn assert_pinned(&self, krate: &Path, source: &str, line: u32) {
        let Some(mut mismatch) = self.compare_with_snapshot() else { return };
        let file = self.place().file();
        if !matches!(std::env::var("INSTA_OUTPUT").as_deref(), Err(_) | Ok("" | "diff")) {
            mismatch = mismatch.in_short();
        }
        match Review::of(|name| std::env::var(name).ok(), is_configured(krate), file.exists()) {
            Review::Insta => eprintln!("{mismatch}\n"),
            Review::Fail { keep } => {
                let kept = if keep { self.keep(&file, source, line) } else { None };
                panic!("{mismatch}{}", kept.unwrap_or_default());
            }
        }
    }

    /// Writes the snapshot. A header that a test wrote stays, so that only what differs changes.
    ///
    /// # Errors
    /// Returns the error of the file system.
    pub fn accept(&self) -> std::io::Result<()> {
        let file = self.place().file();
        let old = std::fs::read_to_string(&file).unwrap_or_default();
        let header = old.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).map(|(header, _)| header);
        let own = format!("source: {:?}", self.place().manifest());
        std::fs::create_dir_all(self.snapshot_directory())?;
        std::fs::write(&file, format!("---\n{}\n---\n{}\n", header.unwrap_or(&own), self.text()))?;
        match std::fs::remove_file(waiting(&file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes the new snapshot beside the old one, as insta does. Returns a note if that fails.
    fn keep(&self, file: &Path, source: &str, line: u32) -> Option<String> {
        let new = waiting(file);
        let text = format!("---\nsource: {source:?}\nassertion_line: {line}\n---\n{}\n", self.text());
        let written = std::fs::create_dir_all(self.snapshot_directory()).and_then(|()| std::fs::write(&new, text));
        written
            .err()
            .map(|error| format!("\n      (there is nothing to review: {} cannot be written: {error})", new.display()))
    }
}

/// Returns where a new snapshot waits for a review.
fn waiting(file: &Path) -> PathBuf {
    file.with_extension("snap.new")
}

/// Whether insta has a settings file in the workspace: in the crate's directory or an enclosing one.
fn is_configured(krate: &Path) -> bool {
    let files = |directory: &Path| -> [PathBuf; 3] {
        [".config/insta.yaml", "insta.yaml", ".insta.yaml"].map(|file| directory.join(file))
    };
    krate.ancestors().flat_map(files).any(|file| file.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_accepted_where_insta_would_accept_it() {
        let keep = Review::Fail { keep: true };
        let refuse = Review::Fail { keep: false };
        for (variables, exists, expected) in [
            (&[][..], true, keep),
            (&[("INSTA_UPDATE", "auto")], true, keep),
            (&[("CI", "true")], true, refuse),
            (&[("CI", "false")], true, keep),
            (&[("TF_BUILD", "")], true, refuse),
            (&[("CI", "1"), ("INSTA_UPDATE", "new")], true, keep),
            (&[("INSTA_UPDATE", "no")], true, refuse),
            (&[("INSTA_UPDATE", "unseen")], true, keep),
            (&[("INSTA_UPDATE", "unseen")], false, Review::Insta),
            (&[("INSTA_UPDATE", "always")], true, Review::Insta),
            (&[("INSTA_UPDATE", "force")], true, Review::Insta),
            (&[("INSTA_FORCE_PASS", "1")], true, Review::Insta),
            (&[("INSTA_FORCE_PASS", "0")], true, keep),
            (&[("INSTA_PENDING_DIR", "/tmp")], true, Review::Insta),
        ] {
            let variable =
                |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(Review::of(variable, false, exists), expected, "{variables:?}");
            assert_eq!(Review::of(variable, true, exists), Review::Insta, "a file of settings");
        }
    }
}
