//! Three demonstration steps: a text, its characters, and their number.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::prelude::*;

/// A text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(pub String);

impl JsonArtifact for Text {
    const KIND: &'static str = "text";
}

/// The Unicode scalar values of a text, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CharacterList(pub Vec<char>);

impl JsonArtifact for CharacterList {
    const KIND: &'static str = "characters";
}

/// A number of characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CharacterCount {
    /// The number of Unicode scalar values.
    pub characters: usize,
}

impl JsonArtifact for CharacterCount {
    const KIND: &'static str = "count";
}

/// Returns a text.
///
/// # Example
/// ```yaml
/// flow: a-name
/// steps:
///   - id: seed
///     uses: demo.seed
///     with: { text: aspirin }
/// ```
///
/// # Errors
/// - The text contains the character U+0000, which no store can hold.
#[step("demo.seed", version = 1)]
pub fn seed(
    /// The text to return.
    #[param(default = "hello, flow", example = "aspirin")]
    text: String,
) -> Result<Text, StepError> {
    Ok(Text(text))
}

/// Splits a text into its characters.
///
/// A character is a Unicode scalar value: a combining accent counts separately.
///
/// # Example
/// ```yaml
/// flow: letters
/// steps:
///   - id: seed
///     uses: demo.seed
///     with: { text: aspirin }
///   - id: letters
///     uses: demo.characters
/// ```
///
/// # Errors
/// - No errors specific to this step.
#[step("demo.characters", version = 1)]
pub fn characters(text: Input<Text>) -> Result<CharacterList, StepError> {
    Ok(CharacterList(text.0.chars().collect()))
}

/// Prints characters and counts them.
///
/// The output is the signal `printed`, with the characters joined as `text` and their number as `count`.
///
/// # Example
/// ```yaml
/// flow: how-many-letters
/// steps:
///   - id: seed
///     uses: demo.seed
///     with: { text: aspirin }
///   - id: letters
///     uses: demo.characters
///   - id: count
///     uses: demo.count
/// ```
///
/// # Errors
/// - No errors specific to this step.
#[step("demo.count", version = 1, kind = Sink)]
pub fn count(characters: Input<CharacterList>, context: &ExecutionContext<'_>) -> Result<CharacterCount, StepError> {
    let count = characters.0.len();
    let text: String = characters.0.iter().collect();
    context.signal("printed", &json!({ "text": text, "count": count }))?;
    Ok(CharacterCount { characters: count })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::step::{CancelToken, Files, Inputs, Registry, Silent, StepId, StepOutput};

    /// Runs one step over what the step before it put out; gives its output and what it signalled.
    fn run(
        step: &impl Step,
        port: &str,
        before: Option<StepOutput>,
    ) -> (StepOutput, HashMap<String, serde_json::Value>) {
        let (id, files, cancel) = (StepId::new("it").unwrap(), Files::relative_to("."), CancelToken::default());
        let nothing = HashMap::new();
        let mut inputs = Inputs::default();
        if let Some(before) = before {
            inputs.wire(port, before.packed.root.hash(), before.handed);
        }
        let context = ExecutionContext::new(&id, &inputs, &nothing, &files, &cancel, &Silent);
        let output = step.execute(&context).unwrap().remove(0);
        (output, context.take_signals().into_iter().map(|signal| (signal.name, signal.data)).collect())
    }

    #[test]
    fn the_demo_counts_scalar_values() {
        let (text, _) = run(&Seed { text: "né\u{301}".to_owned() }, "", None);
        let (characters, _) = run(&Characters {}, "text", Some(text));
        assert_eq!(characters.packed.root.payload().unwrap(), json!(["n", "é", "\u{301}"]));
        let (count, signals) = run(&Count {}, "characters", Some(characters));
        assert_eq!(count.packed.root.payload_text(), r#"{"characters":3}"#);
        assert_eq!(signals["printed"], json!({"text": "né\u{301}", "count": 3}));
    }

    #[test]
    fn rust_and_a_manifest_define_the_same_flow() {
        let seed = Registry::linked().unwrap().get("demo.seed").unwrap();
        let written = serde_json::Map::from_iter([("text".to_owned(), json!("hello, flow"))]);
        for params in [written.clone(), serde_json::Map::new()] {
            let bound = seed.bind(StepId::new("seed").unwrap(), &params).unwrap();
            assert_eq!(bound.params().unwrap(), written);
        }
        assert_eq!(Seed::default().to_params(), written);
    }
}
