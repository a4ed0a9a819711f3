//! How a step is run: `retry:`, `timeout:` and `gate:`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::Reader;
use crate::document::{has_unit, parse_time, plain_time};
use crate::rules;
use crate::source::Span;
use crate::yaml::{Node, NodeValue};

const RETRY_KEYS: &[&str] = &["attempts", "backoff", "on"];
const GATE_KEYS: &[&str] = &["message", "schema"];

/// The most attempts that a manifest may allow.
const MOST_ATTEMPTS: u64 = 100;

/// The longest time that a manifest may name: 30 days, in milliseconds.
const LONGEST_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// How a step is run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// How often it may be tried; once if there is nothing.
    pub retry: Option<Retry>,
    /// For how long an attempt may work, in milliseconds; for ever if there is nothing.
    pub timeout_ms: Option<u64>,
    /// What a person has to be asked before it starts.
    pub gate: Option<Gate>,
}

/// How often a step may be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How many attempts there may be, the first one included; from 1 to 100.
    pub attempts: u32,
    /// How long to wait before the second attempt, in milliseconds. Written as `2s`.
    #[serde(default, rename = "backoff", skip_serializing_if = "is_zero", with = "plain_time")]
    pub backoff_ms: u64,
    /// After which failures there is another attempt.
    #[serde(default, skip_serializing_if = "RetryOn::is_default")]
    pub on: RetryOn,
}

/// After which failures a step is tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// After those that may pass.
    #[default]
    Transient,
    /// After all.
    Any,
}

impl RetryOn {
    /// The values that a manifest may write.
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

fn is_zero(time: &u64) -> bool {
    *time == 0
}

/// What a person is asked before a step starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// The question: text, in which there may be placeholders.
    pub message: Node,
    /// The JSON Schema of what the answer brings along, and where it stands.
    pub schema: Option<(Value, Span)>,
}

impl Reader<'_> {
    /// How often a step may be tried.
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

    /// What a person is asked before the step starts.
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
        Some(Gate { message: message?, schema })
    }

    /// The JSON Schema of what an approval brings along. Whether it is one is not asked here.
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
                    "no placeholder is filled in here: write the number itself"
                }
                _ => "count the first attempt too",
            };
            self.wrong_type(node, "attempts", "a whole number", help);
            return None;
        };
        let attempts = number.as_u64().filter(|attempts| (1..=MOST_ATTEMPTS).contains(attempts));
        if attempts.is_none() {
            let message =
                format!("`attempts` has to be a whole number from 1 to {MOST_ATTEMPTS}, and this is {number}");
            self.add(&rules::ATTEMPTS, message, node.span, "count the first attempt too: 3 means two more after it");
        }
        attempts.and_then(|attempts| u32::try_from(attempts).ok())
    }

    fn retry_on(&mut self, node: &Node) -> Option<RetryOn> {
        let written = self.text(node, "on")?;
        let on = RetryOn::named(&written.text);
        if on.is_none() {
            let names = RetryOn::NAMES;
            let help = match self.findings.nearest(&written.text, names) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "write `transient` or `any`".to_owned(),
            };
            let message = format!("`{}` is no kind of failure", written.text);
            self.add(&rules::RETRY_ON, message, written.span, &help);
        }
        on
    }

    /// A time such as `500ms`, `30s`, `10m` or `2h`, in milliseconds.
    pub(super) fn time(&mut self, node: &Node, key: &str, may_be_none: bool) -> Option<u64> {
        let help = "write a whole number and a unit: `500ms`, `30s`, `10m` or `2h`";
        let text = match &node.value {
            NodeValue::Text(text) => text.clone(),
            NodeValue::Number(number) => number.to_string(),
            _ => {
                self.wrong_type(node, key, "a time", help);
                return None;
            }
        };
        let time = parse_time(&text).filter(|time| *time <= LONGEST_MS && (may_be_none || *time > 0));
        if time.is_none() {
            let message = format!("`{text}` is no time that `{key}` can have");
            let help = if text.contains("${") {
                "no placeholder is filled in here: write the time itself"
            } else if !has_unit(&text) {
                help
            } else if may_be_none {
                "it may be from `0s` to 30 days, which is `720h`, in whole numbers"
            } else {
                "it may be from `1ms` to 30 days, which is `720h`, in whole numbers"
            };
            self.add(&rules::TIME, message, node.span, help);
        }
        time
    }
}
