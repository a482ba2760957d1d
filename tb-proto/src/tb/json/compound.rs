//! Objects and arrays below the keys; their text is stored as it is.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use serde::ser::{self, Serialize};

use super::check;
use super::key_serializer::KeySerializer;
use super::scan::DEEPEST;
use super::text::{unescaped, write_between};
use super::value::{Error, ValueSerializer};
use crate::tb::InvalidPayload;

/// One level more than `outer`.
fn deeper(outer: u32) -> Result<u32, Error> {
    if outer >= DEEPEST {
        return Err(InvalidPayload::TooDeep.into());
    }
    Ok(outer.saturating_add(1))
}

/// An array under construction.
pub(crate) struct Elements<'a> {
    out: &'a mut Vec<u8>,
    /// Objects and arrays that are open, this one included.
    depth: u32,
    first: bool,
    closing: &'static str,
}

impl<'a> Elements<'a> {
    pub(super) fn open(
        out: &'a mut Vec<u8>,
        outer: u32,
        closing: &'static str,
    ) -> Result<Self, Error> {
        let depth = deeper(outer)?;
        out.push(b'[');
        Ok(Self {
            out,
            depth,
            first: true,
            closing,
        })
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        value.serialize(ValueSerializer::<false> {
            out: self.out,
            depth: self.depth,
        })
    }

    fn close(self) -> Result<(), Error> {
        self.out.extend_from_slice(self.closing.as_bytes());
        Ok(())
    }
}

macro_rules! array {
    ($($name:ident: $method:ident),*) => {$(
        impl ser::$name for Elements<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.element(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        }
    )*};
}

array!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

/// An object under construction.
pub(crate) struct Members<'a> {
    out: &'a mut Vec<u8>,
    /// Objects and arrays that are open, this one included.
    depth: u32,
    first: bool,
    /// Where the latest key stands in `out`, with what separates it.
    key: Range<usize>,
    closing: &'static str,
}

impl<'a> Members<'a> {
    pub(super) fn open(
        out: &'a mut Vec<u8>,
        outer: u32,
        closing: &'static str,
    ) -> Result<Self, Error> {
        let depth = deeper(outer)?;
        out.push(b'{');
        Ok(Self {
            out,
            depth,
            first: true,
            key: 0..0,
            closing,
        })
    }

    fn key(&mut self, key: &str) {
        let start = self.out.len();
        let before: &[u8] = if self.first { b"\"" } else { b",\"" };
        write_between(self.out, before, key, b"\":");
        self.first = false;
        self.key = start..self.out.len();
    }

    /// Writes the name of an enum variant; its content and this object's end are still to come.
    pub(super) fn variant(mut self, name: &str) -> ValueSerializer<'a, false> {
        self.key(name);
        ValueSerializer {
            out: self.out,
            depth: self.depth,
        }
    }

    pub(super) fn member<T: Serialize + ?Sized>(
        &mut self,
        key: &str,
        value: &T,
    ) -> Result<(), Error> {
        self.key(key);
        value
            .serialize(ValueSerializer::<false> {
                out: self.out,
                depth: self.depth,
            })
            .map_err(|error| error.below(key))
    }

    fn close(self) -> Result<(), Error> {
        self.out.extend_from_slice(self.closing.as_bytes());
        Ok(())
    }
}

impl ser::SerializeMap for Members<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(KeySerializer::new(|key| {
            self.key(key);
            Ok(())
        }))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value
            .serialize(ValueSerializer::<false> {
                out: self.out,
                depth: self.depth,
            })
            .map_err(|error| error.below(&written_key(self.out, &self.key)))
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

/// The key that was written to `range` of `out`.
#[cold]
pub(super) fn written_key(out: &[u8], range: &Range<usize>) -> String {
    let written = out.get(range.clone()).unwrap_or_default();
    let text = core::str::from_utf8(written).unwrap_or_default();
    let quoted = text.trim_start_matches(',').trim_end_matches(':');
    unescaped(quoted).map(String::from).unwrap_or_default()
}

/// A struct under construction.
pub(crate) enum Fields<'a> {
    Members(Members<'a>),
    /// JSON text that `serde_json` disguises as a struct, see [`is_embedded`].
    Embedded {
        out: &'a mut Vec<u8>,
        stored: bool,
    },
}

/// Whether a struct of this name is how `serde_json` hands over text that already is JSON: a
/// `RawValue`, or any number when some crate of the program turns on `arbitrary_precision`.
pub(super) fn is_embedded(name: &str) -> bool {
    matches!(
        name,
        "$serde_json::private::Number" | "$serde_json::private::RawValue"
    )
}

impl Fields<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        match self {
            Self::Members(members) => members.member(key, value),
            Self::Embedded { out, stored } => value.serialize(KeySerializer::new(|text| {
                check::embed(out, text, *stored).map_err(Error::from)
            })),
        }
    }

    fn close(self) -> Result<(), Error> {
        match self {
            Self::Members(members) => members.close(),
            Self::Embedded { .. } => Ok(()),
        }
    }
}

macro_rules! object {
    ($($name:ident),*) => {$(
        impl ser::$name for Fields<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        }
    )*};
}

object!(SerializeStruct, SerializeStructVariant);
