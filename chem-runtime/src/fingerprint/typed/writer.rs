//! A serializer that walks a value and looks for what JSON cannot hold.

use serde::Serialize;
use serde::ser;

use super::Stop;
use super::key::KeyName;
use crate::fingerprint::MAX_DEPTH;

/// Walks a value, produces nothing, and knows where it stands.
pub(super) struct Scout {
    path: String,
    /// How many arrays and objects are around the value at `path`.
    depth: usize,
}

impl Scout {
    /// At the root of a value.
    pub(super) fn new() -> Self {
        Self { path: String::from("$"), depth: 0 }
    }

    /// Looks at a value inside the one at `path`.
    fn within<T: Serialize + ?Sized>(&mut self, place: std::fmt::Arguments<'_>, value: &T) -> Result<(), Stop> {
        let length = self.push(place);
        value.serialize(&mut *self)?;
        self.path.truncate(length);
        Ok(())
    }

    /// Adds to the path, and says how long it was.
    fn push(&mut self, place: std::fmt::Arguments<'_>) -> usize {
        use std::fmt::Write as _;
        let length = self.path.len();
        // Writing to a String cannot fail.
        let _ = self.path.write_fmt(place);
        length
    }

    /// Goes into an array or an object at `path`.
    fn enter(&mut self) -> Result<(), Stop> {
        if self.depth >= MAX_DEPTH {
            return Err(Stop::TooDeep { path: self.path.clone() });
        }
        self.depth += 1;
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
    type SerializeSeq = Inside<'a>;
    type SerializeTuple = Inside<'a>;
    type SerializeTupleStruct = Inside<'a>;
    type SerializeTupleVariant = Inside<'a>;
    type SerializeMap = Inside<'a>;
    type SerializeStruct = Inside<'a>;
    type SerializeStructVariant = Inside<'a>;

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
        self.enter()?;
        self.within(format_args!(".{variant}"), value)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'a>, Stop> {
        Inside::of(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Inside<'a>, Stop> {
        Inside::of(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Inside<'a>, Stop> {
        Inside::of(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'a>, Stop> {
        Inside::of_variant(self, variant)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'a>, Stop> {
        Inside::of(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'a>, Stop> {
        Inside::of(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'a>, Stop> {
        Inside::of_variant(self, variant)
    }
}

/// The inside of an array or an object.
pub(super) struct Inside<'a> {
    scout: &'a mut Scout,
    /// How long the path was outside, and how many levels further out that is.
    outside: (usize, usize),
    /// The index of the next element of an array.
    next: usize,
    /// The key of the next value of a map.
    key: String,
}

impl<'a> Inside<'a> {
    fn of(scout: &'a mut Scout) -> Result<Self, Stop> {
        let outside = (scout.path.len(), scout.depth);
        scout.enter()?;
        Ok(Self { scout, outside, next: 0, key: String::new() })
    }

    /// The content of a variant, which is inside an object that names the variant.
    fn of_variant(scout: &'a mut Scout, variant: &str) -> Result<Self, Stop> {
        let outside = (scout.path.len(), scout.depth);
        scout.enter()?;
        scout.push(format_args!(".{variant}"));
        scout.enter()?;
        Ok(Self { scout, outside, next: 0, key: String::new() })
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let index = self.next;
        self.next += 1;
        self.scout.within(format_args!("[{index}]"), value)
    }

    fn leave(self) -> Result<(), Stop> {
        self.scout.path.truncate(self.outside.0);
        self.scout.depth = self.outside.1;
        Ok(())
    }
}

macro_rules! elements {
    ($($trait:ident::$method:ident),*) => {$(
        impl ser::$trait for Inside<'_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.element(value)
            }

            fn end(self) -> Result<(), Stop> {
                self.leave()
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

impl ser::SerializeMap for Inside<'_> {
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
        self.leave()
    }
}

macro_rules! named_members {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Inside<'_> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Stop> {
                self.scout.within(format_args!(".{key}"), value)
            }

            fn end(self) -> Result<(), Stop> {
                self.leave()
            }
        }
    )*};
}

named_members!(SerializeStruct, SerializeStructVariant);
