//! How a step is run: `retry:`, `timeout:` and `gate:`.

use serde_json::Value;

use super::fields::Reader;
use crate::event::{Gate, RetryOn, RetryPolicy};
use crate::flow::check_schema;
use crate::manifest::rules;
use crate::manifest::yaml::{Node, NodeValue};

const RETRY_KEYS: &[&str] = &["attempts", "backoff", "on"];
const GATE_KEYS: &[&str] = &["message", "schema"];

/// The most attempts that a manifest may allow.
const MOST_ATTEMPTS: u64 = 100;

/// The longest time that a manifest may name: 30 days, in milliseconds.
const LONGEST_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// The units of a time, with their milliseconds.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60 * 1000), ("h", 60 * 60 * 1000)];

impl Reader<'_> {
    /// How often a step may be tried.
    pub(super) fn retry(&mut self, node: &Node) -> Option<RetryPolicy> {
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
        Some(RetryPolicy { attempts: attempts?, backoff_ms: backoff_ms?, on: on? })
    }

    /// What a person is asked before the step starts.
    pub(super) fn gate(&mut self, node: &Node) -> Option<Gate> {
        let NodeValue::Map(entries) = &node.value else {
            self.wrong_type(node, "gate", "a mapping", "write `gate: { message: … }`");
            return None;
        };
        let fields = self.fields(entries, GATE_KEYS, "a gate", None);
        let message = self.required(&fields, "message", "the gate", node.handle());
        let message = message.and_then(|node| self.text(node, "message")).map(|written| written.text);
        let schema = match fields.get("schema") {
            Some((_, node)) => Some(self.schema(node)?),
            None => None,
        };
        Some(Gate { message: message?, schema })
    }

    /// The JSON Schema of what an approval brings along.
    fn schema(&mut self, node: &Node) -> Option<Value> {
        let NodeValue::Map(_) = node.value else {
            self.wrong_type(node, "schema", "a mapping", "write a JSON Schema: `schema: { type: object, … }`");
            return None;
        };
        let schema = node.to_json()?;
        if let Err(error) = check_schema(&schema) {
            let help = "it is a JSON Schema of an object whose members are parameters of the step";
            self.add(&rules::GATE_SCHEMA, error.to_string(), node.handle(), help);
            return None;
        }
        Some(schema)
    }

    fn attempts(&mut self, node: &Node) -> Option<u32> {
        let NodeValue::Number(number) = &node.value else {
            self.wrong_type(node, "attempts", "a whole number", "count the first attempt too");
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
        let on = serde_json::from_value(written.text.clone().into()).ok();
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
        let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
        let unit = UNITS.iter().find(|(unit, _)| *unit == &text[digits.len()..]);
        let time = unit.and_then(|(_, unit)| digits.parse::<u64>().ok()?.checked_mul(*unit));
        let time = time.filter(|time| *time <= LONGEST_MS && (may_be_none || *time > 0));
        if time.is_none() {
            let message = format!("`{text}` is no time that `{key}` can have");
            let help = match unit {
                None => help,
                Some(_) if may_be_none => "it may be from `0s` to 30 days, which is `720h`, in whole numbers",
                Some(_) => "it may be from `1ms` to 30 days, which is `720h`, in whole numbers",
            };
            self.add(&rules::TIME, message, node.span, help);
        }
        time
    }
}
