//! What a step needs of a machine: `resources:`.

use serde::{Deserialize, Serialize};

use super::fields::Reader;
use crate::rules;
use crate::time;
use crate::yaml::{Node, NodeValue};

const KEYS: &[&str] = &["cpus", "memory", "gpus", "time"];

/// The maximum of `cpus` and of `gpus`.
const MAX_COUNT: u64 = 65_535;

/// The maximum of `memory`: 1024 TiB, in MiB.
const MAX_MIB: u64 = 1 << 30;

/// The units of memory, in MiB.
const UNITS: [(&str, u64); 3] = [("T", 1 << 20), ("G", 1 << 10), ("M", 1)];

/// What a step needs of the machine that runs it. A member that is `None` is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// The number of processor cores; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::values::present")]
    pub cpus: Option<u32>,
    /// The memory, in MiB. Written as `4G`.
    #[serde(default, rename = "memory", skip_serializing_if = "Option::is_none", with = "memory")]
    pub memory_mib: Option<u64>,
    /// The number of GPUs; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::values::present")]
    pub gpus: Option<u32>,
    /// The time for which a job is asked for, in milliseconds. Written as `2h`.
    #[serde(default, rename = "time", skip_serializing_if = "Option::is_none", with = "time::optional")]
    pub time_ms: Option<u64>,
}

/// Parses an amount of memory such as `512M`, `4G` or `1T`, and returns it in MiB; `None` if `text` is not a positive integer
/// with one of these units, or more than 1024 TiB.
pub fn parse_memory(text: &str) -> Option<u64> {
    let (unit, mib) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let digits = text.strip_suffix(unit)?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.parse::<u64>().ok().filter(|_| is_number)?;
    count.checked_mul(*mib).filter(|mib| (1..=MAX_MIB).contains(mib))
}

/// Formats an amount of memory in the largest unit that divides it.
pub fn write_memory(mib: u64) -> String {
    let (unit, size) = UNITS.iter().find(|(_, unit)| mib > 0 && mib.is_multiple_of(*unit)).unwrap_or(&("M", 1));
    format!("{}{unit}", mib / size)
}

/// Serializes an amount of memory, for serde's `with`.
mod memory {
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    use crate::values;

    pub(super) fn serialize<S: Serializer>(mib: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        match mib {
            Some(mib) => serializer.serialize_str(&super::write_memory(*mib)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        let text = values::text(deserializer)?;
        super::parse_memory(&text).map(Some).ok_or_else(|| {
            D::Error::custom(format!("`{text}` is not an amount of memory: write an integer and a unit, such as `4G`"))
        })
    }
}

impl Reader<'_> {
    /// Reads `resources:`.
    pub(super) fn resources(&mut self, node: &Node) -> Option<Resources> {
        let NodeValue::Map(entries) = &node.value else {
            self.wrong_type(node, "resources", "a mapping", "write `resources: { cpus: 2, memory: 4G, time: 2h }`");
            return None;
        };
        let fields = self.fields(entries, KEYS, "`resources`", None);
        Some(Resources {
            cpus: fields.get("cpus").and_then(|(_, node)| self.count(node, "cpus")),
            memory_mib: fields.get("memory").and_then(|(_, node)| self.memory(node)),
            gpus: fields.get("gpus").and_then(|(_, node)| self.count(node, "gpus")),
            time_ms: fields.get("time").and_then(|(_, node)| self.time(node, "time", false)),
        })
    }

    fn count(&mut self, node: &Node, key: &str) -> Option<u32> {
        let NodeValue::Number(number) = &node.value else {
            let help = match &node.value {
                NodeValue::Text(text) if text.contains("${") => {
                    "placeholders are not supported here: write the number itself"
                }
                _ => "write how many the step needs, or leave the key out",
            };
            self.wrong_type(node, key, "an integer", help);
            return None;
        };
        let count = number.as_u64().filter(|count| (1..=MAX_COUNT).contains(count));
        if count.is_none() {
            let message = format!("`{key}` is out of range: expected an integer from 1 to {MAX_COUNT}, found {number}");
            self.add(&rules::RESOURCES, message, node.span, "a step that needs none leaves the key out");
        }
        count.and_then(|count| u32::try_from(count).ok())
    }

    fn memory(&mut self, node: &Node) -> Option<u64> {
        let help = "write an integer and a unit: `512M`, `4G` or `1T`";
        let text = match &node.value {
            NodeValue::Text(text) => text.clone(),
            NodeValue::Number(number) => number.to_string(),
            _ => {
                self.wrong_type(node, "memory", "an amount of memory", help);
                return None;
            }
        };
        let memory = parse_memory(&text);
        if memory.is_none() {
            let help =
                if text.contains("${") { "placeholders are not supported here: write the amount itself" } else { help };
            let message = format!("`{text}` is not a valid `memory`");
            self.add(&rules::RESOURCES, message, node.span, help);
        }
        memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_written_in_its_largest_unit() {
        for (mib, text) in [(1, "1M"), (1536, "1536M"), (4096, "4G"), (1 << 20, "1T"), (MAX_MIB, "1024T")] {
            assert_eq!((write_memory(mib).as_str(), parse_memory(text)), (text, Some(mib)));
        }
        for text in ["", "4", "G", "0G", "+4G", "1.5G", "4g", "4GB", "4 G", "1025T", "99999999999999999999M"] {
            assert_eq!(parse_memory(text), None, "{text}");
        }
    }
}
