//! Steps in a list, in which a `map` encloses those that run in shards.

use serde::de::{Deserializer, Error};
use serde::ser::{SerializeSeq as _, Serializer};
use serde::{Deserialize, Serialize};

use super::{Shards, Step};
use crate::values;

/// An item of the list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Group(Group),
    Step(Box<Step>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    map: Map,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Map {
    #[serde(deserialize_with = "values::text")]
    over: String,
    rows: usize,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct WrittenGroup<'a> {
    map: WrittenMap<'a>,
}

#[derive(Serialize)]
struct WrittenMap<'a> {
    over: &'a str,
    rows: usize,
    steps: &'a [Step],
}

pub(super) fn serialize<S: Serializer>(steps: &[Step], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    for steps in steps.chunk_by(|one, next| one.shards.is_some() && one.shards == next.shards) {
        match steps.first().and_then(|first| first.shards.as_ref()) {
            Some(Shards { over, rows, .. }) => {
                list.serialize_element(&WrittenGroup { map: WrittenMap { over, rows: *rows, steps } })?;
            }
            None => steps.iter().try_for_each(|step| list.serialize_element(step))?,
        }
    }
    list.end()
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Step>, D::Error> {
    let mut steps = Vec::new();
    for item in Vec::<Item>::deserialize(deserializer)? {
        match item {
            Item::Step(step) => steps.push(*step),
            Item::Group(Group { map: Map { over, rows, steps: group } }) => {
                let Some(first) = group.first().filter(|_| rows > 0) else {
                    return Err(D::Error::custom(
                        "a `map` with steps in place has at least one step, and one row in a shard",
                    ));
                };
                let shards = Shards { group: first.id.to_string(), over, rows };
                steps.extend(group.into_iter().map(|step| Step { shards: Some(shards.clone()), ..step }));
            }
        }
    }
    Ok(steps)
}
