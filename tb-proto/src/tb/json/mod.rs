//! JSON of the kind that ThingsBoard stores as it was meant.

pub(crate) mod check;
mod compound;
mod decimal;
mod key;
mod key_serializer;
mod number;
#[cfg(test)]
pub(crate) mod oracle;
mod path;
pub(crate) mod scan;
pub(crate) mod serializer;
mod text;
mod value;

pub(crate) use key::check_key;
pub(crate) use number::write_integer;
pub(crate) use text::{unescaped, write_text};
