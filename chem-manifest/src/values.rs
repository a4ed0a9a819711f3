//! Deserializers that follow the rules of the YAML reader: text must be text in the format, keys must be unique, numbers
//! must be finite, and a mapping without a value is empty.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::StepId;
use crate::license::{self, is_license};

pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Text::deserialize(deserializer).map(|Text(text)| text)
}

pub(crate) fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text(deserializer).map(Some)
}

pub(crate) fn optional_license<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = text(deserializer)?;
    if is_license(&text) {
        return Ok(Some(text));
    }
    Err(D::Error::custom(format!("`{text}` is not a license: expected {}", license::EXPECTED)))
}

pub(crate) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StepId, D::Error> {
    StepId::new(text(deserializer)?).map_err(D::Error::custom)
}

/// Reads an optional value, which must not be null if its key is present.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

pub(crate) fn members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    deserializer.deserialize_any(Entries::<Plain> { or_nothing: true, of: PhantomData }).map(unwrapped)
}

pub(crate) fn some_members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Map<String, Value>>, D::Error> {
    deserializer.deserialize_any(Entries::<Plain> { or_nothing: false, of: PhantomData }).map(unwrapped).map(Some)
}

pub(crate) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let entries = deserializer.deserialize_any(Entries::<Text> { or_nothing: true, of: PhantomData })?;
    Ok(entries.into_iter().map(|(name, Text(text))| (name, text)).collect())
}

pub(crate) fn text_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<Text>::deserialize(deserializer)?.into_iter().map(|Text(text)| text).collect())
}

fn unwrapped(entries: BTreeMap<String, Plain>) -> Map<String, Value> {
    entries.into_iter().map(|(name, Plain(value))| (name, value)).collect()
}

/// Text. Some formats also accept a number as a `String`.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// A value of a manifest. `Value` itself converts infinite numbers to null, and keeps the last of several equal keys.
struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PlainVisitor;

        impl<'de> Visitor<'de> for PlainVisitor {
            type Value = Plain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E: Error>(self) -> Result<Plain, E> {
                Ok(Plain(Value::Null))
            }

            fn visit_bool<E: Error>(self, truth: bool) -> Result<Plain, E> {
                Ok(Plain(truth.into()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Plain, E> {
                Ok(Plain(number.into()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Plain, E> {
                Ok(Plain(number.into()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Plain, E> {
                let number = Number::from_f64(number);
                number.map(|number| Plain(Value::Number(number))).ok_or_else(|| E::custom("a number must be finite"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Plain, E> {
                Ok(Plain(text.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Plain, A::Error> {
                let mut list = Vec::new();
                while let Some(Plain(item)) = items.next_element()? {
                    list.push(item);
                }
                Ok(Plain(Value::Array(list)))
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Plain, A::Error> {
                Ok(Plain(Value::Object(unwrapped(read_entries(entries)?))))
            }
        }

        deserializer.deserialize_any(PlainVisitor)
    }
}

/// A mapping, or null for an empty one if `or_nothing` is true.
struct Entries<T> {
    or_nothing: bool,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = BTreeMap<String, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        if self.or_nothing { Ok(BTreeMap::new()) } else { Err(E::custom("expected a mapping, found nothing")) }
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        read_entries(entries)
    }
}

fn read_entries<'de, T: Deserialize<'de>, A: MapAccess<'de>>(mut entries: A) -> Result<BTreeMap<String, T>, A::Error> {
    let mut read = BTreeMap::new();
    while let Some((Text(key), value)) = entries.next_entry()? {
        if read.contains_key(&key) {
            return Err(A::Error::custom(format!("duplicate key `{key}`")));
        }
        read.insert(key, value);
    }
    Ok(read)
}
