//! How a Rust value becomes an artifact and comes back.

use std::any::Any;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Artifact, ArtifactError, ArtifactSource};
use crate::fingerprint::{CanonicalText, canonical_text};

/// A typed value on its way from one step to the next within a process.
pub type Handed = Arc<dyn Any + Send + Sync>;

/// An artifact with the artifacts that it refers to, such as a table and its chunks.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// What the step's output is named by.
    pub root: Artifact,
    /// What the root's payload refers to by hash, stored in the same transaction.
    pub parts: Vec<Artifact>,
}

impl From<Artifact> for Packed {
    fn from(root: Artifact) -> Self {
        Self { root, parts: Vec::new() }
    }
}

/// A type that steps take and give.
///
/// For a type that is nothing but data, implement [`JsonArtifact`], which brings this trait with it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be handed from step to step",
    label = "not an artifact",
    note = "implement `JsonArtifact` for it: `impl JsonArtifact for {Self} {{ const KIND: &'static str = \"…\"; }}`"
)]
pub trait ArtifactValue: Sized + Send + Sync + 'static {
    /// The kind of artifact that this type is: lower case, a noun.
    const KIND: &'static str;

    /// The kinds that artifacts of this type can be read as besides their own: molecules read as a table, for one.
    const READS_AS: &'static [&'static str] = &[];

    /// Whether an output of this type has the kind of what feeds its step's first input, and [`KIND`](Self::KIND) is only
    /// what an input has to read as: see [`Dataset`](super::Dataset).
    const KIND_OF_INPUT: bool = false;

    /// The value as an artifact.
    fn pack(&self) -> Result<Packed, ArtifactError>;

    /// The value back from its artifact, which is of this kind or of one that reads as it.
    fn unpack(root: &Artifact, source: &dyn ArtifactSource) -> Result<Self, ArtifactError>;

    /// The value as an artifact, and what the next step of the same process is handed: the value that a reader of the
    /// artifact gets, so that a step gives the same whether its input is handed on or read from a store.
    ///
    /// # Errors
    /// As [`pack`](Self::pack) has them.
    fn pack_and_hand_on(self) -> Result<(Packed, Handed), ArtifactError> {
        let packed = self.pack()?;
        Ok((packed, Arc::new(self).hand_on()))
    }

    /// What the next step of the same process is handed. A type that reads as another one hands on what they share.
    fn hand_on(self: Arc<Self>) -> Handed {
        self
    }

    /// Takes what an earlier step handed on, if it is of this type.
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
    /// The kind of artifact that this type is: lower case, a noun.
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
        // A float that is a whole number is written as an integer, and reads back as one into a field of any JSON.
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
