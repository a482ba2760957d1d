//! The serialiser front: a struct or map of keys becomes a payload in one pass.

use alloc::vec::Vec;
use core::ops::Range;

use serde::ser::{self, Serialize, SerializeMap as _};

use super::compound::{Elements, Fields, Members, is_embedded, written_key};
use super::key::check_key;
use super::key_serializer::KeySerializer;
use super::text::write_between;
use super::value::{Error, ValueSerializer};
use crate::tb::InvalidPayload;

/// Room for a usual reading, so that it is written with one allocation.
pub(crate) const CAPACITY: usize = 128;

/// What a value became.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) text: Vec<u8>,
    pub(crate) form: Form,
}

/// The form of a payload, as far as one pass can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// A sequence; nothing else is known of it, and no rule was applied yet.
    pub(crate) sequence: bool,
    /// Members, those with a null value included.
    pub(crate) members: u32,
    /// Members that the server stores: those whose value is not null (C-057).
    pub(crate) data_points: u32,
    /// There is a member `ts`.
    pub(crate) ts: bool,
    /// There is a member `values`.
    pub(crate) values: bool,
}

/// Serialises an object of keys, or a sequence that `check` has to look at.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Written, InvalidPayload> {
    write_behind(Vec::with_capacity(CAPACITY), value)
}

/// As [`write`], behind what stands in `text`.
#[inline]
pub(crate) fn write_behind<T: Serialize + ?Sized>(
    mut text: Vec<u8>,
    value: &T,
) -> Result<Written, InvalidPayload> {
    let mut form = Form::default();
    value
        .serialize(Root {
            out: &mut text,
            form: &mut form,
        })
        .map_err(Error::into_payload)?;
    Ok(Written { text, form })
}

struct Root<'a> {
    out: &'a mut Vec<u8>,
    form: &'a mut Form,
}

impl<'a> Root<'a> {
    #[inline]
    fn object(self) -> Entry<'a> {
        self.out.push(b'{');
        Entry {
            out: self.out,
            form: self.form,
            key: 0..0,
        }
    }

    fn sequence(self) -> Result<Elements<'a>, Error> {
        self.form.sequence = true;
        Elements::open(self.out, 0, "]")
    }

    /// An enum variant with a value: an object with that one member, as `serde_json` has it.
    fn variant(self, variant: &str) -> Result<&'a mut Vec<u8>, Error> {
        let mut entry = self.object();
        entry.key(variant)?;
        entry.form.data_points = 1;
        Ok(entry.out)
    }
}

fn no_object<T>() -> Result<T, Error> {
    Err(InvalidPayload::NotAnObject.into())
}

macro_rules! refuse {
    ($($method:ident: $value:ty),*) => {$(
        fn $method(self, _value: $value) -> Result<(), Error> {
            no_object()
        }
    )*};
}

impl<'a> ser::Serializer for Root<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Elements<'a>;
    type SerializeTupleVariant = Elements<'a>;
    type SerializeMap = Entry<'a>;
    type SerializeStruct = Entry<'a>;
    type SerializeStructVariant = Fields<'a>;

    refuse! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str
    }

    fn serialize_none(self) -> Result<(), Error> {
        no_object()
    }

    fn serialize_unit(self) -> Result<(), Error> {
        no_object()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
    ) -> Result<(), Error> {
        no_object()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut entry = self.object();
        entry.member(variant, value)?;
        entry.end()
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Elements<'a>, Error> {
        self.sequence()
    }

    fn serialize_tuple(self, _len: usize) -> Result<Elements<'a>, Error> {
        self.sequence()
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Elements<'a>, Error> {
        self.sequence()
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Elements<'a>, Error> {
        Elements::open(self.variant(variant)?, 1, "]}")
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Entry<'a>, Error> {
        Ok(self.object())
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Entry<'a>, Error> {
        if is_embedded(name) {
            return no_object();
        }
        Ok(self.object())
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Fields<'a>, Error> {
        Ok(Fields::Members(Members::open(
            self.variant(variant)?,
            1,
            "}}",
        )?))
    }
}

/// The object of keys whose members become data points.
struct Entry<'a> {
    out: &'a mut Vec<u8>,
    form: &'a mut Form,
    /// Where the latest key of a map stands in `out`, with what separates it.
    key: Range<usize>,
}

impl Entry<'_> {
    // Always inlined, so that the checks of a field's name are done by the compiler.
    #[inline(always)]
    fn key(&mut self, key: &str) -> Result<(), Error> {
        check_key(key)?;
        match key {
            "ts" => self.form.ts = true,
            "values" => self.form.values = true,
            _ => {}
        }
        let before: &[u8] = if self.form.members == 0 {
            b"\""
        } else {
            b",\""
        };
        self.form.members = self.form.members.saturating_add(1);
        let start = self
            .out
            .len()
            .saturating_add(before.len())
            .saturating_sub(1);
        write_between(self.out, before, key, b"\":");
        self.key = start..self.out.len().saturating_sub(1);
        Ok(())
    }

    #[inline]
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let start = self.out.len();
        value.serialize(ValueSerializer::<true> {
            out: self.out,
            depth: 1,
        })?;
        if self.out.get(start..) != Some(b"null") {
            self.form.data_points = self.form.data_points.saturating_add(1);
        }
        Ok(())
    }

    #[inline(always)]
    fn member<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        self.key(key)?;
        self.value(value).map_err(|error| error.below(key))
    }
}

impl ser::SerializeMap for Entry<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let start = self.out.len();
        key.serialize(KeySerializer::new(|key| self.key(key)))?;
        self.key = start..self.out.len();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
            .map_err(|error| error.below(&written_key(self.out, &self.key)))
    }

    fn end(self) -> Result<(), Error> {
        self.out.push(b'}');
        Ok(())
    }
}

impl ser::SerializeStruct for Entry<'_> {
    type Ok = ();
    type Error = Error;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.member(key, value)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        self.out.push(b'}');
        Ok(())
    }
}

#[cfg(test)]
mod tests;
