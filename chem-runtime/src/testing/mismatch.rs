//! Reports that a run differs from its snapshot.

use std::fmt;
use std::path::{Path, PathBuf};

use super::causes::{Causes, causes};
use super::format::UnreadableSnapshot;
use super::readable::diff;
use super::side::Side;

/// How many causes follow the headline.
const FURTHER: usize = 5;

/// A difference between a run and its snapshot: a headline with the cause, the effect, and a diff of at most 40 lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    headline: String,
    also: Vec<String>,
    manifest: PathBuf,
    snapshot: PathBuf,
    effect: Option<String>,
    detail: Vec<String>,
    /// How to accept the change.
    help: String,
}

/// How to accept a change in a test in Rust.
const IN_RUST: &str = "if the change is intended, accept it with `cargo insta review` (from `cargo install cargo-insta`)\n      \
                       or `INSTA_UPDATE=always cargo test`";

impl Mismatch {
    /// Compares the text of a record with the text of a snapshot. Returns `None` if they are equal.
    pub(super) fn between(pinned: &str, now: &str, manifest: &Path, snapshot: &Path) -> Option<Self> {
        if pinned.trim_end() == now.trim_end() {
            return None;
        }
        let about = |headline: String| Self {
            headline,
            also: Vec::new(),
            manifest: manifest.to_owned(),
            snapshot: snapshot.to_owned(),
            effect: None,
            detail: Vec::new(),
            help: IN_RUST.to_owned(),
        };
        let (before, after) = match (Side::parse(pinned), Side::parse(now)) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(error), now) => {
                let mut mismatch = about(error.to_string());
                if let (UnreadableSnapshot::Earlier(earlier), Ok(now)) = (&error, &now) {
                    mismatch.effect = Some(against_earlier(earlier, now));
                }
                return Some(mismatch);
            }
            (_, Err(error)) => return Some(about(error.to_string())),
        };
        let Causes { causes, rows, effect } = causes(&before, &after);
        let mut causes = causes.into_iter();
        let mut mismatch = about(causes.next().unwrap_or_default());
        mismatch.also = causes.collect();
        if mismatch.also.len() > FURTHER {
            let more = mismatch.also.split_off(FURTHER).len();
            mismatch.also.push(format!("{more} more changes"));
        }
        mismatch.effect = Some(effect);
        // The headline already shows the first row.
        if rows.len() > 1 {
            mismatch.detail.extend(rows);
            mismatch.detail.push(String::new());
        }
        mismatch.detail.extend(diff(&before, &after));
        Some(mismatch)
    }

    /// Reports that there is no snapshot for the record with the text `now`.
    pub(super) fn unpinned(now: &str, manifest: &Path, snapshot: &Path) -> Self {
        Self {
            headline: format!("`{}` has no snapshot yet", manifest.display()),
            also: Vec::new(),
            manifest: manifest.to_owned(),
            snapshot: snapshot.to_owned(),
            effect: Some(format!("the record has {} lines", now.lines().count())),
            detail: Vec::new(),
            help: IN_RUST.to_owned(),
        }
    }

    /// Reports that the snapshot file cannot be read.
    pub(super) fn unreadable(reason: &str, manifest: &Path, snapshot: &Path) -> Self {
        Self {
            headline: UnreadableSnapshot::Damaged(reason.to_owned()).to_string(),
            effect: None,
            ..Self::unpinned("", manifest, snapshot)
        }
    }

    /// Returns the gravest cause, in one line.
    pub fn headline(&self) -> &str {
        &self.headline
    }

    /// Returns the other causes, one line each.
    pub fn also(&self) -> &[String] {
        &self.also
    }

    /// Returns which fingerprints and results changed.
    pub fn effect(&self) -> &str {
        self.effect.as_deref().unwrap_or_default()
    }

    /// Returns the differing lines of the record, at most 40, after the first differing rows if there are several.
    pub fn detail(&self) -> &[String] {
        &self.detail
    }

    /// Says how to accept the change elsewhere than in a test in Rust.
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// Drops the differing lines.
    pub(super) fn in_short(mut self) -> Self {
        self.detail.clear();
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.headline)?;
        for cause in &self.also {
            writeln!(f, "also: {cause}")?;
        }
        writeln!(f, "  --> {}, pinned in {}", self.manifest.display(), self.snapshot.display())?;
        if let Some(effect) = &self.effect {
            writeln!(f, "  = {effect}")?;
        }
        if !self.detail.is_empty() {
            writeln!(f)?;
            self.detail.iter().try_for_each(|line| writeln!(f, "{}", line.trim_end()))?;
        }
        write!(f, "\nhelp: {}", self.help)
    }
}

/// Compares fingerprints with a snapshot in the earlier format, which pins little else.
fn against_earlier(earlier: &serde_json::Value, now: &Side) -> String {
    let before = |id: &str| {
        let steps = earlier["steps"].as_array()?;
        steps.iter().find(|step| step["id"] == id)?["fingerprint"].as_str()
    };
    let moved =
        now.steps.iter().find(|step| before(step.id()).map(str::to_owned) != step.fingerprint.map(|it| it.to_string()));
    match moved {
        Some(step) => format!("the fingerprint of step `{}` differs from the pinned one", step.id()),
        None => "the pinned fingerprints are those of this run".to_owned(),
    }
}
