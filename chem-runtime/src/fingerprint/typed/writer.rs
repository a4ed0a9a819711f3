//! A serializer that writes the canonical text of a typed value in one pass.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde::ser::{self, Error as _};

use super::key::KeyName;
use super::{Stop, Why};
use crate::fingerprint::MAX_DEPTH;
use crate::fingerprint::canonical::{write_canonical_f64, write_canonical_str};

/// How the types begin whose content serde_json alone understands, such as a number of any length.
const PRIVATE: &str = "$serde_json::private::";

/// So much room is made for the members of an object before there are any, however many it says it has.
const MOST_AT_FIRST: usize = 64;
/// So much room is made for a text at once, in bytes: most events take less.
const ROOM: usize = 512;

/// Writes a value, and stops at what a store cannot hold. After an error it is of no more use.
pub(super) struct Writer {
    pub(super) out: String,
    /// Whether a float was written as the integer that it is, as which it then reads back.
    pub(super) reshaped: bool,
    /// How many arrays and objects are around the value that comes next.
    depth: usize,
}

/// A place in an array or an object.
enum Place<'a> {
    Index(usize),
    Key(&'a str),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Index(index) => write!(f, "[{index}]"),
            Place::Key(key) => write!(f, ".{key}"),
        }
    }
}

impl Place<'_> {
    fn around(&self, mut stop: Stop) -> Stop {
        stop.path.push(self.to_string());
        stop
    }
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { out: String::with_capacity(ROOM), reshaped: false, depth: 0 }
    }

    /// Goes into an array or an object.
    fn enter(&mut self, bracket: char) -> Result<(), Stop> {
        if self.depth >= MAX_DEPTH {
            return Err(Why::TooDeep.into());
        }
        self.depth += 1;
        self.out.push(bracket);
        Ok(())
    }

    fn leave(&mut self, bracket: char) {
        self.depth -= 1;
        self.out.push(bracket);
    }

    /// Goes into the object that names a variant, up to the variant's content.
    fn enter_variant(&mut self, variant: &'static str) -> Result<(), Stop> {
        self.enter('{')?;
        self.string(variant)?;
        self.out.push(':');
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Stop> {
        if write_canonical_str(&mut self.out, text) { Ok(()) } else { Err(Why::Nul.into()) }
    }

    fn float(&mut self, value: f64) -> Result<(), Stop> {
        self.reshaped |= value.fract() == 0.0;
        if write_canonical_f64(&mut self.out, value) { Ok(()) } else { Err(Why::NonFinite(value).into()) }
    }

    fn integer(&mut self, value: impl itoa::Integer) -> Result<(), Stop> {
        self.out.push_str(itoa::Buffer::new().format(value));
        Ok(())
    }

    fn null(&mut self) -> Result<(), Stop> {
        self.out.push_str("null");
        Ok(())
    }
}

macro_rules! integers {
    ($($method:ident($type:ty)),*) => {
        $(fn $method(self, value: $type) -> Result<(), Stop> { self.integer(value) })*
    };
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Elements<'a>;
    type SerializeTupleVariant = Elements<'a>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Members<'a>;

    integers! {
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64)
    }

    fn serialize_i128(self, value: i128) -> Result<(), Stop> {
        if i64::try_from(value).is_ok() || u64::try_from(value).is_ok() {
            return self.integer(value);
        }
        Err(Stop::custom(format_args!("{value} is out of the range of 64-bit integers")))
    }

    fn serialize_u128(self, value: u128) -> Result<(), Stop> {
        if u64::try_from(value).is_ok() {
            return self.integer(value);
        }
        Err(Stop::custom(format_args!("{value} is out of the range of 64-bit integers")))
    }

    fn serialize_bool(self, value: bool) -> Result<(), Stop> {
        self.out.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        self.float(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        self.float(value)
    }

    fn serialize_char(self, value: char) -> Result<(), Stop> {
        self.string(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        self.string(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<(), Stop> {
        self.null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        self.null()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        self.null()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Stop> {
        self.string(variant)
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
        self.enter_variant(variant)?;
        value.serialize(&mut *self).map_err(|stop| Place::Key(variant).around(stop))?;
        self.leave('}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'a>, Stop> {
        Elements::of(self, None)
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'a>, Stop> {
        Elements::of(self, None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements<'a>, Stop> {
        Elements::of(self, None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'a>, Stop> {
        Elements::of(self, Some(variant))
    }

    fn serialize_map(self, count: Option<usize>) -> Result<Members<'a>, Stop> {
        Members::of(self, None, count.unwrap_or_default())
    }

    fn serialize_struct(self, name: &'static str, count: usize) -> Result<Members<'a>, Stop> {
        if name.starts_with(PRIVATE) { Err(Why::Private.into()) } else { Members::of(self, None, count) }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        count: usize,
    ) -> Result<Members<'a>, Stop> {
        Members::of(self, Some(variant), count)
    }
}

/// An array under way.
pub(super) struct Elements<'a> {
    writer: &'a mut Writer,
    /// The variant whose content this is.
    variant: Option<&'static str>,
    next: usize,
}

impl<'a> Elements<'a> {
    fn of(writer: &'a mut Writer, variant: Option<&'static str>) -> Result<Self, Stop> {
        open(writer, variant, '[')?;
        Ok(Self { writer, variant, next: 0 })
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let index = self.next;
        self.next += 1;
        if index > 0 {
            self.writer.out.push(',');
        }
        value.serialize(&mut *self.writer).map_err(|stop| within(self.variant, Place::Index(index).around(stop)))
    }

    fn close(self) -> Result<(), Stop> {
        close(self.writer, self.variant, ']');
        Ok(())
    }
}

/// Opens an array or an object, which may be the content of a variant.
fn open(writer: &mut Writer, variant: Option<&'static str>, bracket: char) -> Result<(), Stop> {
    if let Some(variant) = variant {
        writer.enter_variant(variant)?;
    }
    writer.enter(bracket).map_err(|stop| within(variant, stop))
}

fn close(writer: &mut Writer, variant: Option<&'static str>, bracket: char) {
    writer.leave(bracket);
    if variant.is_some() {
        writer.leave('}');
    }
}

fn within(variant: Option<&'static str>, stop: Stop) -> Stop {
    match variant {
        Some(variant) => Place::Key(variant).around(stop),
        None => stop,
    }
}

/// An object under way. Its members are written as they come, and put in order at its end.
pub(super) struct Members<'a> {
    writer: &'a mut Writer,
    /// The variant whose content this is.
    variant: Option<&'static str>,
    /// Where the members begin in what is written.
    from: usize,
    /// Each key, and where its member stands from there.
    written: Vec<(Cow<'static, str>, Range<usize>)>,
    in_order: bool,
    /// The key of a map's next value.
    key: String,
}

impl<'a> Members<'a> {
    /// An object of about `count` members.
    fn of(writer: &'a mut Writer, variant: Option<&'static str>, count: usize) -> Result<Self, Stop> {
        open(writer, variant, '{')?;
        let from = writer.out.len();
        Ok(Self {
            writer,
            variant,
            from,
            written: Vec::with_capacity(count.min(MOST_AT_FIRST)),
            in_order: true,
            key: String::new(),
        })
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: Cow<'static, str>, value: &T) -> Result<(), Stop> {
        if let Some((before, _)) = self.written.last() {
            self.in_order &= *before < key;
            self.writer.out.push(',');
        }
        let begins = self.writer.out.len() - self.from;
        self.pair(&key, value).map_err(|stop| within(self.variant, Place::Key(&key).around(stop)))?;
        self.written.push((key, begins..self.writer.out.len() - self.from));
        Ok(())
    }

    fn pair<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Stop> {
        self.writer.string(key)?;
        self.writer.out.push(':');
        value.serialize(&mut *self.writer)
    }

    fn close(mut self) -> Result<(), Stop> {
        if !self.in_order {
            self.put_in_order();
        }
        close(self.writer, self.variant, '}');
        Ok(())
    }

    /// Writes the members again in the order of their keys. Of those with one key the last counts.
    fn put_in_order(&mut self) {
        let text = self.writer.out.split_off(self.from);
        self.written.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut members = self.written.iter().peekable();
        while let Some((key, place)) = members.next() {
            if members.peek().is_some_and(|(next, _)| next == key) {
                continue;
            }
            if self.writer.out.len() > self.from {
                self.writer.out.push(',');
            }
            self.writer.out.push_str(&text[place.clone()]);
        }
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
                self.close()
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

impl ser::SerializeMap for Members<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.key = key.serialize(KeyName)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let key = std::mem::take(&mut self.key);
        self.member(key.into(), value)
    }

    fn end(self) -> Result<(), Stop> {
        self.close()
    }
}

macro_rules! named_members {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Members<'_> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Stop> {
                self.member(key.into(), value)
            }

            fn end(self) -> Result<(), Stop> {
                self.close()
            }
        }
    )*};
}

named_members!(SerializeStruct, SerializeStructVariant);
