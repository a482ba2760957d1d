use alloc::string::String;
use core::fmt;

use super::{Checksum, PackageType, Verifier};

/// A package that the server has for this device.
///
/// Title and version come from the server: show them, compare them, but never make a file name of
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its title.
    pub title: String,
    /// Its version. A number that the server stores is given as text.
    pub version: String,
    /// Its tag, if it has one.
    pub tag: Option<String>,
    /// Where its bytes are.
    pub source: Source,
}

/// Where the bytes of a package are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// On the server, which hands them out in chunks.
    Server {
        /// Bytes of the package; never zero.
        size: u64,
        /// What they have to add up to.
        checksum: Checksum,
    },
    /// At an address that the application fetches them from by itself.
    External {
        /// The address, as it was entered on the platform.
        url: String,
        /// Bytes of the package, if that was entered.
        size: Option<u64>,
        /// What they have to add up to, if that was entered.
        checksum: Option<Checksum>,
    },
}

/// The name of one offer, never used twice in the life of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OfferId {
    package_type: PackageType,
    number: u64,
}

impl OfferId {
    pub(super) const fn new(package_type: PackageType, number: u64) -> Self {
        Self {
            package_type,
            number,
        }
    }

    /// What the package is for.
    pub const fn package_type(self) -> PackageType {
        self.package_type
    }
}

/// The server wants this device to have a package that it does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Names it when it is accepted.
    pub id: OfferId,
    /// The package.
    pub package: Package,
}

/// What runs on the device now: what `current_fw_title` and `current_fw_version` tell.
///
/// A package of this title and version is never offered. Of both, at most 256 characters are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
}

/// Why a package that was announced cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPackage {
    /// An attribute is missing that is needed.
    Missing {
        /// Its key.
        key: &'static str,
    },
    /// The size is no number of bytes above zero, or there would be more than 2,147,483,647 chunks.
    Size,
    /// The checksum algorithm is not known.
    Algorithm {
        /// Its name; at most 256 characters.
        name: String,
    },
    /// The checksum has not as many hexadecimal digits as its algorithm gives.
    Checksum,
    /// A text is longer than 2,048 bytes; the platform itself allows 255 characters.
    TooLong {
        /// Its key.
        key: &'static str,
    },
}

impl Package {
    /// A verifier of its bytes; `None` if size or checksum were not announced.
    pub fn verifier(&self) -> Option<Verifier> {
        match &self.source {
            Source::Server { size, checksum } => Some(Verifier::new(*size, *checksum)),
            Source::External { size, checksum, .. } => Some(Verifier::new((*size)?, (*checksum)?)),
        }
    }

    /// Bytes of the package, if that was announced.
    pub const fn size(&self) -> Option<u64> {
        match &self.source {
            Source::Server { size, .. } => Some(*size),
            Source::External { size, .. } => *size,
        }
    }

    /// What the device runs once the package is installed.
    pub fn installed(&self) -> Installed {
        Installed::new(self.title.clone(), self.version.clone())
    }
}

impl Installed {
    /// A package with this title and version.
    pub fn new(title: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            version: version.into(),
        }
    }

    /// Whether `package` is just that.
    pub(super) fn is(&self, package: &Package) -> bool {
        self.title == package.title && self.version == package.version
    }
}

impl fmt::Display for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.title, self.version)
    }
}

impl fmt::Display for InvalidPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { key } => write!(f, "the package was announced without {key}"),
            Self::Size => f.write_str("the size of the package is not usable"),
            Self::Algorithm { name } => write!(f, "the checksum algorithm `{name}` is not known"),
            Self::Checksum => f.write_str("the checksum has another length than its algorithm"),
            Self::TooLong { key } => write!(f, "{key} is longer than 2,048 bytes"),
        }
    }
}

impl core::error::Error for InvalidPackage {}
