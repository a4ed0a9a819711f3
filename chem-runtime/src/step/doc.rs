//! Splits a step type's doc comment into parts, for the help of `chem steps` and the reference.
//!
//! The text comes first. Two optional sections follow, in any order:
//!
//! ````text
//! /// Keeps the molecules for which a condition holds.
//! ///
//! /// The condition is a CEL expression over the columns.
//! ///
//! /// # Example
//! /// ```yaml
//! /// flow: small-molecules
//! /// steps: […]
//! /// ```
//! ///
//! /// # Errors
//! /// - A column that the condition names is not there.
//! /// - The condition compares text with a number.
//! ````
//!
//! Everything else remains in the text. Tests check that the examples run.

/// The parts of a step type's doc comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepDoc {
    /// What the step does: everything outside the sections.
    pub text: String,
    /// A manifest that runs in the directory `flows` of the repository: the first fenced block under `# Example`.
    pub example: Option<String>,
    /// How the step can fail: the items of the list under `# Errors`, each on one line.
    pub errors: Vec<String>,
}

/// The part that a line belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Text,
    Example,
    Errors,
}

impl StepDoc {
    /// Splits `doc` into its parts.
    pub fn of(doc: &str) -> Self {
        let (mut text, mut example, mut errors) = (String::new(), None::<String>, Vec::<String>::new());
        let (mut part, mut fenced, mut example_is_whole) = (Part::Text, false, false);
        for line in doc.lines() {
            let is_fence = line.trim_start().starts_with("```");
            if !fenced && let Some(title) = line.strip_prefix("# ") {
                part = match title.trim() {
                    "Example" => Part::Example,
                    "Errors" => Part::Errors,
                    _ => Part::Text,
                };
                if part != Part::Text {
                    continue;
                }
            }
            match part {
                Part::Text => text.extend([line, "\n"]),
                Part::Example if is_fence && fenced => example_is_whole = true,
                Part::Example if is_fence => {}
                Part::Example if fenced && !example_is_whole => {
                    example.get_or_insert_default().extend([line, "\n"]);
                }
                Part::Example => {}
                Part::Errors => match (line.strip_prefix("- "), errors.last_mut()) {
                    (Some(item), _) => errors.push(item.trim().to_owned()),
                    (None, Some(item)) if !line.trim().is_empty() => item.extend([" ", line.trim()]),
                    _ => {}
                },
            }
            fenced ^= is_fence;
        }
        Self { text: text.trim().to_owned(), example, errors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_comment_has_three_parts() {
        let doc = StepDoc::of(
            "Reads.\n\nMore:\n\n```text\n# Errors\n```\n\n# Example\nSay\n```yaml\nflow: f\n# Errors\nsteps: []\n```\n\
             \n```yaml\nanother: one\n```\n\n# Errors\n- The file is not there, or is\n  a directory.\n\n- It is empty.\n\
             \n# Notes\nThe rest.",
        );
        assert_eq!(doc.text, "Reads.\n\nMore:\n\n```text\n# Errors\n```\n\n# Notes\nThe rest.");
        assert_eq!(doc.example.as_deref(), Some("flow: f\n# Errors\nsteps: []\n"));
        assert_eq!(doc.errors, ["The file is not there, or is a directory.", "It is empty."]);
    }

    #[test]
    fn sections_may_be_left_out() {
        assert_eq!(StepDoc::of("Reads.\n"), StepDoc { text: "Reads.".into(), ..StepDoc::default() });
        assert_eq!(StepDoc::of(""), StepDoc::default());
    }
}
