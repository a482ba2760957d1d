//! Turns the keys of a map into text, as `serde_json` does.

use alloc::format;

use serde::ser::{Impossible, Serialize, Serializer};

use super::value::Error;
use crate::tb::InvalidPayload;

/// Hands the text of a key to `sink`.
pub(super) struct KeySerializer<F> {
    sink: F,
}

impl<F: FnOnce(&str) -> Result<(), Error>> KeySerializer<F> {
    pub(super) fn new(sink: F) -> Self {
        Self { sink }
    }
}

fn refused<T>() -> Result<T, Error> {
    Err(InvalidPayload::KeyNotText.into())
}

macro_rules! printed {
    ($($method:ident: $key:ty),*) => {$(
        fn $method(self, key: $key) -> Result<(), Error> {
            (self.sink)(&format!("{key}"))
        }
    )*};
}

type Never = Impossible<(), Error>;

impl<F: FnOnce(&str) -> Result<(), Error>> Serializer for KeySerializer<F> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    printed! {
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
        serialize_char: char
    }

    #[inline]
    fn serialize_str(self, key: &str) -> Result<(), Error> {
        (self.sink)(key)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        (self.sink)(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        key: &T,
    ) -> Result<(), Error> {
        key.serialize(self)
    }

    fn serialize_f32(self, key: f32) -> Result<(), Error> {
        self.serialize_f64(f64::from(key))
    }

    // A float is no key: which text it becomes would depend on who prints it.
    fn serialize_f64(self, _key: f64) -> Result<(), Error> {
        refused()
    }

    fn serialize_bytes(self, _key: &[u8]) -> Result<(), Error> {
        refused()
    }

    fn serialize_none(self) -> Result<(), Error> {
        refused()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, key: &T) -> Result<(), Error> {
        key.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        refused()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        refused()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _key: &T,
    ) -> Result<(), Error> {
        refused()
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Never, Error> {
        refused()
    }

    fn serialize_tuple(self, _len: usize) -> Result<Never, Error> {
        refused()
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Never, Error> {
        refused()
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Never, Error> {
        refused()
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Never, Error> {
        refused()
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Never, Error> {
        refused()
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Never, Error> {
        refused()
    }
}
