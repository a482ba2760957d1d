//! The shared attributes that announce a package, as far as they are known.

use alloc::string::{String, ToString};

use serde_json::Value;

use super::package_type::Key;
use super::{Checksum, ChecksumAlgorithm, InvalidPackage, Package, PackageType, Source};
use crate::tb::invalid::bounded;
use crate::tb::{AttributeMap, AttributeUpdate};

/// Bytes of a text that are kept; of one that is longer, one more.
const LONGEST: usize = 2_048;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    package_type: PackageType,
    values: [Option<String>; Key::ALL.len()],
}

/// What an update of attributes has done to an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It concerns other attributes.
    Nothing,
    /// Some of it changed.
    Changed,
    /// It named a package anew.
    Announced,
}

impl Announcement {
    pub(super) const fn new(package_type: PackageType) -> Self {
        Self {
            package_type,
            values: [const { None }; Key::ALL.len()],
        }
    }

    /// Takes over what the server answered to a question for all keys.
    pub(super) fn replace(&mut self, shared: &AttributeMap) {
        for (value, key) in self.values.iter_mut().zip(Key::ALL) {
            *value = shared
                .get_value(self.package_type.attribute(key))
                .and_then(text);
        }
    }

    /// Takes over what the server pushed.
    ///
    /// An assignment is one update with all keys that apply, and a deletion of the others that may
    /// come before or after it (TB §8.2). So an update that names title and version replaces
    /// everything, and a deletion only removes what it names.
    pub(super) fn push(&mut self, update: &AttributeUpdate) -> Pushed {
        let mut result = Pushed::Nothing;
        for (value, key) in self.values.iter_mut().zip(Key::ALL) {
            let name = self.package_type.attribute(key);
            if update.deleted.iter().any(|deleted| deleted == name) && value.take().is_some() {
                result = Pushed::Changed;
            }
        }
        let names = |key| {
            update
                .updated
                .contains_key(self.package_type.attribute(key))
        };
        if names(Key::Title) && names(Key::Version) {
            self.replace(&update.updated);
            return Pushed::Announced;
        }
        for (value, key) in self.values.iter_mut().zip(Key::ALL) {
            if let Some(new) = update.updated.get_value(self.package_type.attribute(key)) {
                *value = text(new);
                result = Pushed::Changed;
            }
        }
        result
    }

    /// The package, if one is announced.
    pub(super) fn package(&self) -> Result<Option<Package>, InvalidPackage> {
        let (Some(title), Some(version)) = (self.bounded(Key::Title)?, self.bounded(Key::Version)?)
        else {
            return Ok(None);
        };
        let source = match self.bounded(Key::Url)? {
            Some(url) => Source::External {
                url: url.into(),
                size: self.size()?,
                checksum: self.checksum()?,
            },
            None => Source::Server {
                size: self.size()?.ok_or_else(|| self.missing(Key::Size))?,
                checksum: self
                    .checksum()?
                    .ok_or_else(|| self.missing(Key::Checksum))?,
            },
        };
        Ok(Some(Package {
            title: title.into(),
            version: version.into(),
            tag: self.bounded(Key::Tag)?.map(Into::into),
            source,
        }))
    }

    fn size(&self) -> Result<Option<u64>, InvalidPackage> {
        let Some(text) = self.bounded(Key::Size)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(size) if size > 0 => Ok(Some(size)),
            _ => Err(InvalidPackage::Size),
        }
    }

    fn checksum(&self) -> Result<Option<Checksum>, InvalidPackage> {
        let Some(text) = self.bounded(Key::Checksum)? else {
            return Ok(None);
        };
        let name = self
            .bounded(Key::ChecksumAlgorithm)?
            .ok_or_else(|| self.missing(Key::ChecksumAlgorithm))?;
        let algorithm =
            ChecksumAlgorithm::from_name(name).ok_or_else(|| InvalidPackage::Algorithm {
                name: bounded(name),
            })?;
        Checksum::from_hex(algorithm, text)
            .map(Some)
            .ok_or(InvalidPackage::Checksum)
    }

    fn bounded(&self, key: Key) -> Result<Option<&str>, InvalidPackage> {
        let value = self.values.get(key as usize).and_then(Option::as_deref);
        match value {
            Some(text) if text.len() > LONGEST => Err(InvalidPackage::TooLong {
                key: self.package_type.attribute(key),
            }),
            value => Ok(value),
        }
    }

    const fn missing(&self, key: Key) -> InvalidPackage {
        InvalidPackage::Missing {
            key: self.package_type.attribute(key),
        }
    }
}

/// A value as text: somebody who writes attributes by hand may have made a number of a version. What
/// is empty was not set.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => {
            let mut end = text.len().min(LONGEST + 1);
            while !text.is_char_boundary(end) {
                end += 1;
            }
            text.get(..end)?.into()
        }
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}
