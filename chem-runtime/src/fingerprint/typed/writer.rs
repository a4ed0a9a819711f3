//! A serializer that writes the canonical text of a value in one pass.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde::ser::{self, Error as _};
use serde_json::{Number, Value};

use super::key::KeyWriter;
use super::{Stop, Why};
use crate::fingerprint::MAX_DEPTH;
use crate::fingerprint::canonical::{write_canonical_f64, write_canonical_str};

/// The prefix of the names of serde_json's own types, such as a number of any length: one field with JSON text.
const PRIVATE: &str = "$serde_json::private::";

/// The initial capacity of the text, in bytes: most events are shorter.
const INITIAL_BYTES: usize = 512;

/// Writes a value, and stops at what a store cannot hold. Must not be used after an error.
pub(super) struct Writer {
    pub(super) out: String,
    /// Whether a float was written as an integer, and will read back as one.
    pub(super) reshaped: bool,
    /// The number of arrays and objects around the next value.
    depth: usize,
    /// The members of all unfinished objects, those of the innermost last.
    members: Vec<Written>,
}

/// The location of a written member of an object in the output.
struct Written {
    /// The key, including its quotes.
    key: Range<usize>,
    /// Whether the key has no escapes.
    plain: bool,
    /// The end of the value.
    end: usize,
}

impl Written {
    /// Returns the key of a member that was written to `out`, without quotes and escapes.
    fn key<'t>(&self, out: &'t str) -> Cow<'t, str> {
        let text = &out[self.key.clone()];
        let quoted = Cow::Borrowed(&text[1..text.len() - 1]);
        // An escaped key is valid JSON.
        if self.plain { quoted } else { serde_json::from_str(text).map_or(quoted, Cow::Owned) }
    }

    /// Compares the keys of two members by their code points, which is how their bytes compare.
    fn cmp_keys(&self, other: &Self, out: &str) -> Ordering {
        if self.plain && other.plain {
            let bytes = |key: &Range<usize>| out.as_bytes().get(key.start + 1..key.end - 1);
            return bytes(&self.key).cmp(&bytes(&other.key));
        }
        self.key(out).cmp(&other.key(out))
    }
}

/// A segment of a path.
enum Segment<'a> {
    Index(usize),
    Key(&'a str),
}

impl fmt::Display for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Segment::Index(index) => write!(f, "[{index}]"),
            Segment::Key(key) => write!(f, ".{key}"),
        }
    }
}

impl Segment<'_> {
    fn around(&self, mut stop: Stop) -> Stop {
        stop.0.path.push(self.to_string());
        stop
    }
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { out: String::with_capacity(INITIAL_BYTES), reshaped: false, depth: 0, members: Vec::new() }
    }

    /// Enters an array or an object.
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

    /// Enters the object that names a variant, up to the content of the variant.
    fn enter_variant(&mut self, variant: &'static str) -> Result<(), Stop> {
        self.enter('{')?;
        self.string(variant)?;
        self.out.push(':');
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Stop> {
        if write_canonical_str(&mut self.out, text) { Ok(()) } else { Err(Why::Nul.into()) }
    }

    /// Writes the key of a member.
    pub(super) fn key(&mut self, key: &str) -> Result<(), Stop> {
        let begins = self.out.len();
        self.string(key).map_err(|stop| Segment::Key(key).around(stop))?;
        let end = self.out.len();
        self.members.push(Written { key: begins..end, plain: end - begins == key.len() + 2, end });
        Ok(())
    }

    fn float(&mut self, value: f64) -> Result<(), Stop> {
        self.reshaped |= value.fract() == 0.0;
        if write_canonical_f64(&mut self.out, value) { Ok(()) } else { Err(Why::NonFinite(value.to_string()).into()) }
    }

    /// Writes what a type private to serde_json holds, as `text`.
    fn private<T: Serialize + ?Sized>(&mut self, text: &T) -> Result<(), Stop> {
        // The number may be longer than the one that is written.
        self.reshaped = true;
        let text = serde_json::to_value(text).and_then(serde_json::from_value::<String>).map_err(Stop::custom)?;
        match serde_json::from_str(&text).map_err(Stop::custom)? {
            // With serde_json's `arbitrary_precision`, a number serializes as such a type again.
            Value::Number(number) => self.number(&number),
            value => value.serialize(self),
        }
    }

    fn number(&mut self, number: &Number) -> Result<(), Stop> {
        match (number.as_u64(), number.as_i64()) {
            (Some(integer), _) => self.integer(integer),
            (None, Some(integer)) => self.integer(integer),
            (None, None) => match number.as_f64() {
                Some(float) => self.float(float),
                None => Err(Why::NonFinite(number.to_string()).into()),
            },
        }
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
    type SerializeStruct = Fields<'a>;
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
        value.serialize(&mut *self).map_err(|stop| Segment::Key(variant).around(stop))?;
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

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a>, Stop> {
        Members::of(self, None)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'a>, Stop> {
        if name.starts_with(PRIVATE) { Ok(Fields::Private(self)) } else { Members::of(self, None).map(Fields::Members) }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members<'a>, Stop> {
        Members::of(self, Some(variant))
    }
}

/// An array being written.
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
        value.serialize(&mut *self.writer).map_err(|stop| within(self.variant, Segment::Index(index).around(stop)))
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
        Some(variant) => Segment::Key(variant).around(stop),
        None => stop,
    }
}

/// An object being written. Members are written as they come, and sorted at the end if necessary.
pub(super) struct Members<'a> {
    writer: &'a mut Writer,
    /// The variant whose content this is.
    variant: Option<&'static str>,
    /// The offset of the first member in the output.
    from: usize,
    /// The number of members of the surrounding objects.
    outer: usize,
    in_order: bool,
}

impl<'a> Members<'a> {
    fn of(writer: &'a mut Writer, variant: Option<&'static str>) -> Result<Self, Stop> {
        open(writer, variant, '{')?;
        let (from, outer) = (writer.out.len(), writer.members.len());
        Ok(Self { writer, variant, from, outer, in_order: true })
    }

    /// Writes the key of the next member, by `write`.
    fn key(&mut self, write: impl FnOnce(&mut Writer) -> Result<(), Stop>) -> Result<(), Stop> {
        if self.writer.members.len() > self.outer {
            self.writer.out.push(',');
        }
        write(self.writer).map_err(|stop| within(self.variant, stop))?;
        if self.in_order
            && let [.., before, this] = &self.writer.members[self.outer..]
        {
            self.in_order = before.cmp_keys(this, &self.writer.out).is_lt();
        }
        self.writer.out.push(':');
        Ok(())
    }

    /// Writes the value of the member whose key was written last.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let this = self.writer.members.len().saturating_sub(1);
        let written = value.serialize(&mut *self.writer);
        let end = self.writer.out.len();
        if let Some(member) = self.writer.members.get_mut(this) {
            member.end = end;
            return written
                .map_err(|stop| within(self.variant, Segment::Key(&member.key(&self.writer.out)).around(stop)));
        }
        written
    }

    fn close(self) -> Result<(), Stop> {
        if !self.in_order {
            put_in_order(&mut self.writer.out, self.from, &mut self.writer.members[self.outer..]);
        }
        self.writer.members.truncate(self.outer);
        close(self.writer, self.variant, '}');
        Ok(())
    }
}

/// Rewrites `members`, which are all that `out` contains after `from`, in the order of their keys. The last of several
/// members with the same key wins.
fn put_in_order(out: &mut String, from: usize, members: &mut [Written]) {
    let text = out.split_off(from);
    for Written { key, end, .. } in &mut *members {
        (*key, *end) = (key.start - from..key.end - from, *end - from);
    }
    members.sort_by(|a, b| a.cmp_keys(b, &text));
    let mut members = members.iter().peekable();
    while let Some(member) = members.next() {
        if members.peek().is_some_and(|next| next.cmp_keys(member, &text).is_eq()) {
            continue;
        }
        if out.len() > from {
            out.push(',');
        }
        out.push_str(&text[member.key.start..member.end]);
    }
}

/// A struct under way.
pub(super) enum Fields<'a> {
    Members(Members<'a>),
    /// A type private to serde_json.
    Private(&'a mut Writer),
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
        self.key(|writer| key.serialize(KeyWriter(|key: &str| writer.key(key))))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.value(value)
    }

    fn end(self) -> Result<(), Stop> {
        self.close()
    }
}

impl ser::SerializeStructVariant for Members<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Stop> {
        self.key(|writer| writer.key(key))?;
        self.value(value)
    }

    fn end(self) -> Result<(), Stop> {
        self.close()
    }
}

impl ser::SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Stop> {
        match self {
            Self::Members(members) => ser::SerializeStructVariant::serialize_field(members, key, value),
            Self::Private(writer) => writer.private(value),
        }
    }

    fn end(self) -> Result<(), Stop> {
        match self {
            Self::Members(members) => members.close(),
            Self::Private(_) => Ok(()),
        }
    }
}
