//! Typed values to JSON without losing a NaN.
//!
//! serde_json writes NaN and the infinities as `null` without a word. [`to_json`] walks the value first with a
//! serializer that produces nothing and stops at the first float that JSON cannot hold.

use serde::Serialize;
use serde::ser::{self, Impossible};
use serde_json::Value;

use super::canonical::CanonicalError;

/// `value` as JSON.
///
/// # Errors
/// [`CanonicalError::NonFinite`] with the path of the first NaN or infinity, [`CanonicalError::NotJson`] for what JSON
/// has no form for.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Value, CanonicalError> {
    match value.serialize(&mut Scout { path: String::from("$") }) {
        Ok(()) => serde_json::to_value(value).map_err(|error| CanonicalError::NotJson { reason: error.to_string() }),
        Err(Stop::NonFinite { path, value }) => Err(CanonicalError::NonFinite { path, value: value.to_string() }),
        Err(Stop::Custom(reason)) => Err(CanonicalError::NotJson { reason }),
    }
}

#[derive(Debug)]
enum Stop {
    NonFinite { path: String, value: f64 },
    Custom(String),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stop::NonFinite { path, value } => write!(f, "{value} at {path}"),
            Stop::Custom(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Stop::Custom(message.to_string())
    }
}

struct Scout {
    path: String,
}

impl Scout {
    fn within<T: Serialize + ?Sized>(&mut self, place: std::fmt::Arguments<'_>, value: &T) -> Result<(), Stop> {
        use std::fmt::Write as _;
        let length = self.path.len();
        // Writing to a String cannot fail.
        let _ = self.path.write_fmt(place);
        value.serialize(&mut *self)?;
        self.path.truncate(length);
        Ok(())
    }

    fn float(&self, value: f64) -> Result<(), Stop> {
        if value.is_finite() { Ok(()) } else { Err(Stop::NonFinite { path: self.path.clone(), value }) }
    }
}

macro_rules! harmless {
    ($($method:ident($type:ty)),*) => {
        $(fn $method(self, _: $type) -> Result<(), Stop> { Ok(()) })*
    };
}

impl<'a> ser::Serializer for &'a mut Scout {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Elements<'a>;
    type SerializeTupleVariant = Elements<'a>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Members<'a>;

    harmless! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_char(char),
        serialize_str(&str), serialize_bytes(&[u8]), serialize_i128(i128), serialize_u128(u128),
        serialize_unit_struct(&'static str)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        self.float(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        self.float(value)
    }

    fn serialize_none(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        self.within(format_args!(".{variant}"), value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'a>, Stop> {
        Ok(Elements { scout: self, next: 0 })
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'a>, Stop> {
        Ok(Elements { scout: self, next: 0 })
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements<'a>, Stop> {
        Ok(Elements { scout: self, next: 0 })
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Elements<'a>, Stop> {
        Ok(Elements { scout: self, next: 0 })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a>, Stop> {
        Ok(Members { scout: self, key: String::new() })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'a>, Stop> {
        Ok(Members { scout: self, key: String::new() })
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Members<'a>, Stop> {
        Ok(Members { scout: self, key: String::new() })
    }
}

struct Elements<'a> {
    scout: &'a mut Scout,
    next: usize,
}

impl Elements<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let index = self.next;
        self.next += 1;
        self.scout.within(format_args!("[{index}]"), value)
    }
}

macro_rules! elements {
    ($($trait:ident::$method:ident),*) => {$(
        impl ser::$trait for Elements<'_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.element(value)
            }

            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
}

struct Members<'a> {
    scout: &'a mut Scout,
    key: String,
}

impl ser::SerializeMap for Members<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.key = key.serialize(KeyName)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.scout.within(format_args!(".{}", self.key), value)
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

macro_rules! named_members {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Members<'_> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Stop> {
                self.scout.within(format_args!(".{key}"), value)
            }

            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        }
    )*};
}

named_members!(SerializeStruct, SerializeStructVariant);

/// The name of a map's key. Whether JSON can have such a key is serde_json's to say; here it only names a place.
struct KeyName;

macro_rules! printed {
    ($($method:ident($type:ty)),*) => {
        $(fn $method(self, value: $type) -> Result<String, Stop> { Ok(value.to_string()) })*
    };
}

impl ser::Serializer for KeyName {
    type Ok = String;
    type Error = Stop;
    type SerializeSeq = Impossible<String, Stop>;
    type SerializeTuple = Impossible<String, Stop>;
    type SerializeTupleStruct = Impossible<String, Stop>;
    type SerializeTupleVariant = Impossible<String, Stop>;
    type SerializeMap = Impossible<String, Stop>;
    type SerializeStruct = Impossible<String, Stop>;
    type SerializeStructVariant = Impossible<String, Stop>;

    printed! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_char(char),
        serialize_str(&str), serialize_i128(i128), serialize_u128(u128), serialize_f32(f32), serialize_f64(f64)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<String, Stop> {
        Err(not_a_key())
    }

    fn serialize_none(self) -> Result<String, Stop> {
        Err(not_a_key())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String, Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<String, Stop> {
        Err(not_a_key())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<String, Stop> {
        Err(not_a_key())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<String, Stop> {
        Ok(variant.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<String, Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<String, Stop> {
        Err(not_a_key())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Stop> {
        Err(not_a_key())
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Stop> {
        Err(not_a_key())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Stop> {
        Err(not_a_key())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Stop> {
        Err(not_a_key())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Stop> {
        Err(not_a_key())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Stop> {
        Err(not_a_key())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Stop> {
        Err(not_a_key())
    }
}

fn not_a_key() -> Stop {
    Stop::Custom("a map has a key that is not a string".into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        values: Vec<Option<f64>>,
        by_key: BTreeMap<&'static str, f32>,
    }

    #[test]
    fn a_nan_is_refused_with_the_path_where_it_stands() {
        let row = Row { name: "a", values: vec![Some(1.0), None, Some(f64::NAN)], by_key: BTreeMap::new() };
        assert_eq!(
            to_json(&[row]),
            Err(CanonicalError::NonFinite { path: "$[0].values[2]".into(), value: "NaN".into() })
        );
        let row = Row { name: "a", values: vec![], by_key: [("k", f32::NEG_INFINITY)].into() };
        assert_eq!(to_json(&row), Err(CanonicalError::NonFinite { path: "$.by_key.k".into(), value: "-inf".into() }));
    }

    #[test]
    fn finite_values_pass_unchanged() {
        let row = Row { name: "a", values: vec![Some(0.5), None], by_key: [("k", 1.5)].into() };
        assert_eq!(to_json(&row), Ok(serde_json::json!({"name": "a", "values": [0.5, null], "by_key": {"k": 1.5}})));
    }

    #[test]
    fn keys_that_are_not_strings_are_an_error_not_a_panic() {
        assert!(matches!(to_json(&BTreeMap::from([((1, 2), 3)])), Err(CanonicalError::NotJson { .. })));
    }
}
