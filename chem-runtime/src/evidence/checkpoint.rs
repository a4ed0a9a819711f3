//! Checkpoints of the log, in the text form of <https://c2sp.org/tlog-checkpoint>.
//!
//! The lines are the origin, the size of the tree, its root in Base64, and an extension line: `attestations`, the number of
//! attestations in the store before this one, and their digest.

use std::fmt;
use std::str::FromStr;

use super::hash::Digest;

/// A statement about the log: that it began with `size` events whose tree has this root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log: `chem/` and the id of the run to which its first event belongs, or `chem/plan-` and the beginning
    /// of a plan's name, if that was sealed before there was an event.
    pub origin: String,
    /// The number of events.
    pub size: u64,
    /// The root of their tree.
    pub root: Digest,
    /// The number of attestations before this checkpoint.
    pub attestations: u64,
    /// The digest of these attestations.
    pub record: Digest,
}

impl Checkpoint {
    /// Returns the name of the log whose first event belongs to the run `flow_id`.
    pub(super) fn origin_of(flow_id: &str) -> String {
        format!("chem/{flow_id}")
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, size, root, attestations, record } = self;
        writeln!(f, "{origin}\n{size}\n{}\nattestations {attestations} {}", root.base64(), record.base64())
    }
}

/// The text is not a checkpoint of a log of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a checkpoint: expected the lines origin, size, root in Base64, and `attestations` with a number and a digest"
)]
pub struct InvalidCheckpoint;

impl FromStr for Checkpoint {
    type Err = InvalidCheckpoint;

    fn from_str(text: &str) -> Result<Self, InvalidCheckpoint> {
        let parse = || {
            let mut lines = text.lines();
            let origin = lines.next().filter(|origin| !origin.is_empty())?.to_owned();
            let size = lines.next()?.parse().ok()?;
            let root = Digest::from_base64(lines.next()?)?;
            let (attestations, record) = lines.next()?.strip_prefix("attestations ")?.split_once(' ')?;
            let (attestations, record) = (attestations.parse().ok()?, Digest::from_base64(record)?);
            Some(Self { origin, size, root, attestations, record })
        };
        // Exactly one text for each checkpoint: a signature covers the bytes.
        parse().filter(|checkpoint| checkpoint.to_string() == text).ok_or(InvalidCheckpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_from_its_text_and_from_no_other() {
        let checkpoint = Checkpoint {
            origin: "chem/01a20a54-b3f4-750a-b103-55322ccad5ce".into(),
            size: 16,
            root: Digest::of(b"root"),
            attestations: 3,
            record: Digest::of(b"record"),
        };
        let text = checkpoint.to_string();
        assert_eq!(text.parse(), Ok(checkpoint));
        for other in [text.trim_end(), &text.replace("16", "016"), &text.replace("16", "+16"), &format!("{text}\n"), ""]
        {
            assert_eq!(other.parse::<Checkpoint>(), Err(InvalidCheckpoint), "{other}");
        }
    }
}
