//! The values below the keys.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use serde::ser::{self, Serialize, SerializeMap as _, SerializeSeq as _};

use super::compound::{Elements, Fields, Members, is_embedded};
use super::number;
use super::text::write_text;
use crate::tb::InvalidPayload;
use crate::tb::invalid::bounded;

/// `InvalidPayload` as `serde` wants it: one word, so that results stay in registers.
#[derive(Debug)]
pub(crate) struct Error(Box<InvalidPayload>);

impl Error {
    pub(crate) fn into_payload(self) -> InvalidPayload {
        *self.0
    }

    /// The same error one level up.
    #[cold]
    pub(super) fn below(self, key: &str) -> Self {
        self.0.below(key).into()
    }
}

impl From<InvalidPayload> for Error {
    #[cold]
    fn from(invalid: InvalidPayload) -> Self {
        Self(Box::new(invalid))
    }
}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        InvalidPayload::Custom {
            message: bounded(&message.to_string()),
        }
        .into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for Error {}

/// Writes one value.
///
/// `STORED`: the value stands directly below a key, so that the server makes a data point of it and
/// its number rules apply. Deeper down it keeps the text as it is, and numbers are printed plainly.
pub(super) struct ValueSerializer<'a, const STORED: bool> {
    pub(super) out: &'a mut Vec<u8>,
    /// How many objects and arrays are open around the value.
    pub(super) depth: u32,
}

macro_rules! integers {
    ($($method:ident: $integer:ty),*) => {$(
        #[inline]
        fn $method(self, value: $integer) -> Result<(), Error> {
            number::write_integer(self.out, value);
            Ok(())
        }
    )*};
}

impl<const STORED: bool> ValueSerializer<'_, STORED> {
    #[inline]
    fn float<F: number::Float>(self, value: F) -> Result<(), Error> {
        if !value.is_finite() {
            return Err(InvalidPayload::NotANumber {
                key: Default::default(),
            }
            .into());
        }
        if STORED {
            number::write_stored(self.out, value);
        } else {
            number::write_shortest(self.out, value);
        }
        Ok(())
    }

    /// An integer of a type that is wider than `i64`.
    #[inline]
    fn wide(self, value: impl TryInto<i64> + itoa::Integer + Copy) -> Result<(), Error> {
        if STORED && value.try_into().is_err() {
            return Err(InvalidPayload::IntegerOutOfRange {
                key: Default::default(),
            }
            .into());
        }
        number::write_integer(self.out, value);
        Ok(())
    }
}

impl<'a, const STORED: bool> ser::Serializer for ValueSerializer<'a, STORED> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Elements<'a>;
    type SerializeTupleVariant = Elements<'a>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Fields<'a>;

    integers! {
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.wide(value)
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        self.wide(value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        self.wide(value)
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.float(value)
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.float(value)
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out
            .extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        write_text(self.out, value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        write_text(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        let mut elements = self.serialize_seq(Some(value.len()))?;
        value
            .iter()
            .try_for_each(|byte| elements.serialize_element(byte))?;
        elements.end()
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Error> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    #[inline]
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
        let mut members = Members::open(self.out, self.depth, "}")?;
        members.member(variant, value)?;
        members.end()
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Elements<'a>, Error> {
        Elements::open(self.out, self.depth, "]")
    }

    fn serialize_tuple(self, _len: usize) -> Result<Elements<'a>, Error> {
        Elements::open(self.out, self.depth, "]")
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Elements<'a>, Error> {
        Elements::open(self.out, self.depth, "]")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Elements<'a>, Error> {
        let inner = Members::open(self.out, self.depth, "}")?.variant(variant);
        Elements::open(inner.out, inner.depth, "]}")
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Members<'a>, Error> {
        Members::open(self.out, self.depth, "}")
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Fields<'a>, Error> {
        if is_embedded(name) {
            return Ok(Fields::Embedded {
                out: self.out,
                stored: STORED,
            });
        }
        Ok(Fields::Members(Members::open(self.out, self.depth, "}")?))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Fields<'a>, Error> {
        let inner = Members::open(self.out, self.depth, "}")?.variant(variant);
        Ok(Fields::Members(Members::open(
            inner.out,
            inner.depth,
            "}}",
        )?))
    }
}
