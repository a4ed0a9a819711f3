//! Writes the keys of maps as text.

use serde::Serialize;
use serde::ser::{self, Error as _, Impossible};

use super::Stop;

/// A serializer that writes the key of a map as the text that serde_json converts it to, by calling the function.
pub(super) struct KeyWriter<F>(pub(super) F);

macro_rules! printed {
    ($($method:ident($type:ty)),*) => {
        $(fn $method(self, value: $type) -> Result<(), Stop> { (self.0)(&value.to_string()) })*
    };
}

impl<F: FnOnce(&str) -> Result<(), Stop>> ser::Serializer for KeyWriter<F> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Impossible<(), Stop>;
    type SerializeTuple = Impossible<(), Stop>;
    type SerializeTupleStruct = Impossible<(), Stop>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = Impossible<(), Stop>;
    type SerializeStruct = Impossible<(), Stop>;
    type SerializeStructVariant = Impossible<(), Stop>;

    printed! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_char(char)
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        (self.0)(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        if !value.is_finite() {
            return Err(not_a_key());
        }
        (self.0)(&serde_json::to_string(&value).map_err(Stop::custom)?)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        if !value.is_finite() {
            return Err(not_a_key());
        }
        (self.0)(&serde_json::to_string(&value).map_err(Stop::custom)?)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Stop> {
        Err(not_a_key())
    }

    fn serialize_none(self) -> Result<(), Stop> {
        Err(not_a_key())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Err(not_a_key())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        Err(not_a_key())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Stop> {
        (self.0)(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Stop> {
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
    Stop::custom("a map has a key that is not a string")
}
