//! The execution policy of a step: `retry:`, `timeout:` and `gate:`. `resources` reads `resources:`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::Reader;
use super::resources::Resources;
use crate::rules;
use crate::source::Span;
use crate::time::{self, has_unit, parse_time};
use crate::yaml::{Node, NodeValue};

const RETRY_KEYS: &[&str] = &["attempts", "backoff", "on"];
const GATE_KEYS: &[&str] = &["message", "schema", "signed_by"];

/// The maximum of `attempts`.
const MAX_ATTEMPTS: u64 = 100;

/// The maximum of a duration: 30 days, in milliseconds.
const MAX_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// The execution policy of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// When to retry; `None` for a single attempt.
    pub retry: Option<Retry>,
    /// The time limit of one attempt, in milliseconds; `None` for no limit.
    pub timeout_ms: Option<u64>,
    /// The question to answer before the step starts.
    pub gate: Option<Gate>,
    /// What the step needs of a machine.
    pub resources: Option<Resources>,
}

/// When and how often to retry a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// The maximum number of attempts, including the first; from 1 to 100.
    pub attempts: u32,
    /// The wait before the second attempt, in milliseconds. Written as `2s`.
    #[serde(default, rename = "backoff", skip_serializing_if = "is_zero", with = "time::plain")]
    pub backoff_ms: u64,
    /// The failures to retry after.
    #[serde(default, skip_serializing_if = "RetryOn::is_default")]
    pub on: RetryOn,
}

/// The failures after which a step is retried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// Transient failures, which another attempt may not meet.
    #[default]
    Transient,
    /// All failures.
    Any,
}

impl RetryOn {
    /// The values of the key `on`.
    pub const NAMES: [&'static str; 2] = ["transient", "any"];

    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "transient" => Some(Self::Transient),
            "any" => Some(Self::Any),
            _ => None,
        }
    }
}

/// Returns whether `text` names one principal of a file of allowed signers: such a file separates principals by commas, and
/// reads `*`, `?` and `!` as patterns.
fn is_principal(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|character: char| {
            character.is_whitespace() || character.is_control() || ",*?!\"#$".contains(character)
        })
}

fn is_zero(time: &u64) -> bool {
    *time == 0
}

/// A question that a person answers before the step starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// The question: text that may contain placeholders.
    pub message: Node,
    /// The JSON Schema of the data in an approval, and its span.
    pub schema: Option<(Value, Span)>,
    /// The principals one of whom must sign a decision; empty if it need not be signed.
    pub signed_by: Vec<String>,
}

impl Reader<'_> {
    /// Reads `retry:`.
    pub(super) fn retry(&mut self, node: &Node) -> Option<Retry> {
        let NodeValue::Map(entries) = &node.value else {
            self.wrong_type(node, "retry", "a mapping", "write `retry: { attempts: 3, backoff: 2s }`");
            return None;
        };
        let fields = self.fields(entries, RETRY_KEYS, "a retry", None);
        let attempts = self.required(&fields, "attempts", "the retry", node.handle());
        let attempts = attempts.and_then(|node| self.attempts(node));
        let backoff_ms = match fields.get("backoff") {
            Some((_, node)) => self.time(node, "backoff", true),
            None => Some(0),
        };
        let on = match fields.get("on") {
            Some((_, node)) => self.retry_on(node),
            None => Some(RetryOn::default()),
        };
        Some(Retry { attempts: attempts?, backoff_ms: backoff_ms?, on: on? })
    }

    /// Reads `gate:`.
    pub(super) fn gate(&mut self, node: &Node) -> Option<Gate> {
        let NodeValue::Map(entries) = &node.value else {
            self.wrong_type(node, "gate", "a mapping", "write `gate: { message: … }`");
            return None;
        };
        let fields = self.fields(entries, GATE_KEYS, "a gate", None);
        let message = self.required(&fields, "message", "the gate", node.handle());
        let message = message.filter(|node| self.text(node, "message").is_some()).cloned();
        let schema = match fields.get("schema") {
            Some((_, node)) => Some(self.schema(node)?),
            None => None,
        };
        let signed_by = match fields.get("signed_by") {
            Some((_, node)) => self.principals(node)?,
            None => Vec::new(),
        };
        Some(Gate { message: message?, schema, signed_by })
    }

    /// Reads `signed_by:`.
    fn principals(&mut self, node: &Node) -> Option<Vec<String>> {
        let help = "write the principals of the file of allowed signers: `signed_by: [ada@example.org]`";
        let NodeValue::List(items) = &node.value else {
            self.wrong_type(node, "signed_by", "a list", help);
            return None;
        };
        if items.is_empty() {
            self.add(&rules::PRINCIPAL, "`signed_by` names no one who could decide", node.handle(), help);
            return None;
        }
        let mut principals = Vec::new();
        for item in items {
            let written = self.text(item, "a principal")?;
            if !is_principal(&written.text) {
                let help = if written.text.contains("${") {
                    "placeholders are not supported here: write the principal itself"
                } else {
                    "a principal is a name without spaces and patterns, such as `ada@example.org`"
                };
                let message = format!("`{}` is not a principal", written.text.escape_debug());
                self.add(&rules::PRINCIPAL, message, written.span, help);
                return None;
            }
            principals.push(written.text);
        }
        Some(principals)
    }

    /// Reads `schema:`. Does not check that it is a valid JSON Schema.
    fn schema(&mut self, node: &Node) -> Option<(Value, Span)> {
        let NodeValue::Map(_) = node.value else {
            self.wrong_type(node, "schema", "a mapping", "write a JSON Schema: `schema: { type: object, … }`");
            return None;
        };
        Some((node.to_json()?, node.handle()))
    }

    fn attempts(&mut self, node: &Node) -> Option<u32> {
        let NodeValue::Number(number) = &node.value else {
            let help = match &node.value {
                NodeValue::Text(text) if text.contains("${") => {
                    "placeholders are not supported here: write the number itself"
                }
                _ => "count the first attempt too",
            };
            self.wrong_type(node, "attempts", "an integer", help);
            return None;
        };
        let attempts = number.as_u64().filter(|attempts| (1..=MAX_ATTEMPTS).contains(attempts));
        if attempts.is_none() {
            let message =
                format!("`attempts` is out of range: expected an integer from 1 to {MAX_ATTEMPTS}, found {number}");
            self.add(&rules::ATTEMPTS, message, node.span, "count the first attempt too: 3 allows two retries");
        }
        attempts.and_then(|attempts| u32::try_from(attempts).ok())
    }

    fn retry_on(&mut self, node: &Node) -> Option<RetryOn> {
        let written = self.text(node, "on")?;
        let on = RetryOn::named(&written.text);
        if on.is_none() {
            let names = RetryOn::NAMES;
            let help = match self.findings.nearest(&written.text, names) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "write `transient` or `any`".to_owned(),
            };
            let message = format!("`{}` is not a class of failures", written.text);
            self.add(&rules::RETRY_ON, message, written.span, &help);
        }
        on
    }

    /// Reads a duration such as `500ms`, `30s`, `10m` or `2h`, in milliseconds.
    pub(super) fn time(&mut self, node: &Node, key: &str, may_be_zero: bool) -> Option<u64> {
        let help = "write an integer and a unit: `500ms`, `30s`, `10m` or `2h`";
        let text = match &node.value {
            NodeValue::Text(text) => text.clone(),
            NodeValue::Number(number) => number.to_string(),
            _ => {
                self.wrong_type(node, key, "a duration", help);
                return None;
            }
        };
        let time = parse_time(&text).filter(|time| *time <= MAX_MS && (may_be_zero || *time > 0));
        if time.is_none() {
            let message = format!("`{text}` is not a valid `{key}`");
            let help = if text.contains("${") {
                "placeholders are not supported here: write the duration itself"
            } else if !has_unit(&text) {
                help
            } else if may_be_zero {
                "write an integer and a unit, from `0s` to `720h` (30 days)"
            } else {
                "write an integer and a unit, from `1ms` to `720h` (30 days)"
            };
            self.add(&rules::TIME, message, node.span, help);
        }
        time
    }
}
