//! Converts Rust values to artifacts and back.

use std::any::Any;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Artifact, ArtifactError, ArtifactSource};
use crate::fingerprint::{CanonicalText, canonical_text};

/// A typed value that one step passes to the next within a process.
pub type Handed = Arc<dyn Any + Send + Sync>;

/// An artifact with the artifacts that it refers to, such as a table with its chunks.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// The artifact whose hash identifies the step's output.
    pub root: Artifact,
    /// The artifacts to which the root refers by hash, stored in the same transaction.
    pub parts: Vec<Artifact>,
}

impl From<Artifact> for Packed {
    fn from(root: Artifact) -> Self {
        Self { root, parts: Vec::new() }
    }
}

/// A type of the inputs and outputs of steps.
///
/// For plain data, implement [`JsonArtifact`], which implies this trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed from step to step",
    label = "not an artifact",
    note = "implement `JsonArtifact` for it: `impl JsonArtifact for {Self} {{ const KIND: &'static str = \"…\"; }}`"
)]
pub trait ArtifactValue: Sized + Send + Sync + 'static {
    /// The kind of the artifact: a lower-case noun.
    const KIND: &'static str;

    /// Further kinds as which artifacts of this type can be read: molecules can be read as a table, for example.
    const READS_AS: &'static [&'static str] = &[];

    /// Whether an output of this type has the kind of its step's first input. [`KIND`](Self::KIND) is then only the kind as
    /// which an input must be readable: see [`Dataset`](super::Dataset).
    const KIND_OF_INPUT: bool = false;

    /// Converts the value to an artifact.
    fn pack(&self) -> Result<Packed, ArtifactError>;

    /// Converts an artifact, of this kind or of one that can be read as it, to the value.
    fn unpack(root: &Artifact, source: &dyn ArtifactSource) -> Result<Self, ArtifactError>;

    /// Converts the value to an artifact and to the value that the next step of the same process receives. The latter equals
    /// the unpacked artifact, so that a step's result does not depend on where its input comes from.
    ///
    /// # Errors
    /// Fails like [`pack`](Self::pack).
    fn pack_and_hand_on(self) -> Result<(Packed, Handed), ArtifactError> {
        let packed = self.pack()?;
        Ok((packed, Arc::new(self).hand_on()))
    }

    /// Returns what the next step of the same process receives. A type that can be read as another passes what they share.
    fn hand_on(self: Arc<Self>) -> Handed {
        self
    }

    /// Returns what an earlier step passed, if it has this type.
    fn take(handed: &Handed) -> Option<Arc<Self>> {
        handed.clone().downcast().ok()
    }
}

/// A type whose artifact is its serde form.
///
/// ```
/// use chem_runtime::artifact::JsonArtifact;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Histogram { counts: Vec<u64> }
///
/// impl JsonArtifact for Histogram {
///     const KIND: &'static str = "histogram";
/// }
/// ```
pub trait JsonArtifact: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind of the artifact: a lower-case noun.
    const KIND: &'static str;
}

#[diagnostic::do_not_recommend]
impl<T: JsonArtifact> ArtifactValue for T {
    const KIND: &'static str = <T as JsonArtifact>::KIND;

    fn pack(&self) -> Result<Packed, ArtifactError> {
        let payload = canonical_text(self)?.text;
        Ok(Artifact::from_canonical(<T as JsonArtifact>::KIND, payload).into())
    }

    fn pack_and_hand_on(self) -> Result<(Packed, Handed), ArtifactError> {
        let CanonicalText { text, reads_back } = canonical_text(&self)?;
        let root = Artifact::from_canonical(<T as JsonArtifact>::KIND, text);
        // A float such as `5.0` is written as an integer and would read back as one into a field of any JSON.
        let value = if reads_back { self } else { read(&root)? };
        Ok((root.into(), Arc::new(value).hand_on()))
    }

    fn unpack(root: &Artifact, _: &dyn ArtifactSource) -> Result<Self, ArtifactError> {
        read(root)
    }
}

fn read<T: DeserializeOwned>(root: &Artifact) -> Result<T, ArtifactError> {
    serde_json::from_str(root.payload_text()).map_err(|error| root.malformed(error))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Notes {
        any: Value,
        number: f64,
    }

    impl JsonArtifact for Notes {
        const KIND: &'static str = "notes";
    }

    #[test]
    fn the_value_handed_on_is_the_one_that_is_read_back() {
        for (any, number) in [(json!({"threshold": 0.0, "all": [1e3, -0.0, 2.5, 1e30]}), 3.0), (json!("text"), 0.5)] {
            let (packed, handed) = Notes { any, number }.pack_and_hand_on().unwrap();
            let handed = Notes::take(&handed).unwrap();
            let read = Notes::unpack(&packed.root, &HashMap::new()).unwrap();
            // `0.0` and `0` are equal neither as JSON nor as text.
            assert_eq!((&*handed, format!("{handed:?}")), (&read, format!("{read:?}")));
        }
    }
}
