//! Packages and their assignment: what the shared attributes of a device say (reference §8.1, §8.2).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::ChecksumAlgorithm;
use crate::sim::control::Assignment;
use crate::sim::setup::Package;

/// Firmware and software work alike; they differ in their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UpdateKind {
    /// `fw`
    Firmware,
    /// `sw`
    Software,
}

impl UpdateKind {
    /// What keys and topics begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Firmware => "fw",
            Self::Software => "sw",
        }
    }

    /// The name of an attribute or of a telemetry key: `fw_title`.
    pub(in crate::sim) fn key(self, name: &str) -> String {
        format!("{}_{name}", self.prefix())
    }
}

/// A value for firmware and one for software.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct PerKind<T> {
    firmware: T,
    software: T,
}

impl<T> PerKind<T> {
    pub(in crate::sim) const fn get(&self, kind: UpdateKind) -> &T {
        match kind {
            UpdateKind::Firmware => &self.firmware,
            UpdateKind::Software => &self.software,
        }
    }

    pub(in crate::sim) const fn get_mut(&mut self, kind: UpdateKind) -> &mut T {
        match kind {
            UpdateKind::Firmware => &mut self.firmware,
            UpdateKind::Software => &mut self.software,
        }
    }
}

/// A package of the tenant; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sim) struct PackageId(usize);

/// The bytes of packages, and which of them the transport has in its cache.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Packages {
    contents: Vec<Arc<[u8]>>,
    ids: BTreeMap<String, PackageId>,
    cached: BTreeSet<PackageId>,
}

impl Packages {
    /// The package of this name; its bytes are made when it is first wanted.
    pub(in crate::sim) fn find(
        &mut self,
        name: &str,
        known: &BTreeMap<String, Package>,
    ) -> Option<PackageId> {
        if let Some(&id) = self.ids.get(name) {
            return Some(id);
        }
        let id = PackageId(self.contents.len());
        self.contents.push(known.get(name)?.bytes().into());
        self.ids.insert(name.to_owned(), id);
        Some(id)
    }

    pub(in crate::sim) fn bytes(&self, id: PackageId) -> &Arc<[u8]> {
        &self.contents[id.0]
    }

    /// The transport looks the package up and puts it into its cache.
    pub(in crate::sim) fn cache(&mut self, id: PackageId) {
        self.cached.insert(id);
    }

    /// Only a look-up fills the cache again: until then there are empty chunks (reference §8.5).
    pub(in crate::sim) fn evict(&mut self) {
        self.cached.clear();
    }

    /// A chunk of what is in the cache; the rest of the package for the last, nothing behind it. Size 0
    /// means everything, whatever the number.
    pub(in crate::sim) fn chunk(&self, id: PackageId, size: u32, number: u32) -> &[u8] {
        if !self.cached.contains(&id) {
            return &[];
        }
        let all = self.bytes(id);
        if size == 0 {
            return all;
        }
        let start = u64::from(size) * u64::from(number);
        let rest = usize::try_from(start)
            .ok()
            .and_then(|start| all.get(start..))
            .unwrap_or_default();
        rest.get(..size as usize).unwrap_or(rest)
    }
}

/// A package as it is assigned.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sim) struct Release {
    pub(in crate::sim) title: String,
    pub(in crate::sim) version: String,
    tag: Option<String>,
    pub(in crate::sim) content: Content,
    size: Option<u64>,
    algorithm: Option<ChecksumAlgorithm>,
    checksum: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::sim) enum Content {
    Stored(PackageId),
    /// The device downloads it elsewhere.
    External(String),
}

impl Release {
    /// `None`: nothing is assigned from now on. The package has to be known unless there is a URL.
    pub(in crate::sim) fn new(
        assignment: Assignment,
        packages: &mut Packages,
        known: &BTreeMap<String, Package>,
    ) -> Result<Option<Self>, UnknownPackage> {
        let (Some(title), Some(version)) = (assignment.title, assignment.version) else {
            return Ok(None);
        };
        let tag = assignment.tag.filter(|tag| !tag.is_empty());
        if let Some(url) = assignment.url {
            return Ok(Some(Self {
                title,
                version,
                tag,
                content: Content::External(url),
                size: assignment.size,
                algorithm: assignment.checksum_algorithm,
                checksum: assignment.checksum,
            }));
        }
        let name = assignment.package.unwrap_or_default();
        let package = packages.find(&name, known).ok_or(UnknownPackage)?;
        let bytes = packages.bytes(package);
        let algorithm = assignment.checksum_algorithm.unwrap_or_default();
        let checksum = assignment
            .checksum
            .unwrap_or_else(|| algorithm.checksum(bytes));
        Ok(Some(Self {
            title,
            version,
            tag,
            content: Content::Stored(package),
            size: Some(bytes.len() as u64),
            algorithm: Some(algorithm),
            checksum: Some(checksum),
        }))
    }

    /// The shared attributes that announce it, and the keys that do not apply: these are announced as
    /// deleted, whether or not they existed (reference §8.2).
    pub(in crate::sim) fn attributes(&self, kind: UpdateKind) -> (Map<String, Value>, Vec<String>) {
        let url = match &self.content {
            Content::Stored(_) => None,
            Content::External(url) => Some(url.as_str().into()),
        };
        let algorithm = self.algorithm.map(ChecksumAlgorithm::name);
        let all: [(&str, Option<Value>); 7] = [
            ("title", Some(self.title.as_str().into())),
            ("version", Some(self.version.as_str().into())),
            ("tag", self.tag.as_deref().map(Value::from)),
            ("size", self.size.map(Value::from)),
            ("checksum_algorithm", algorithm.map(Value::from)),
            ("checksum", self.checksum.as_deref().map(Value::from)),
            ("url", url),
        ];
        let mut present = Map::new();
        let mut absent = Vec::new();
        for (name, value) in all {
            match value {
                Some(value) => {
                    present.insert(kind.key(name), value);
                }
                None => absent.push(kind.key(name)),
            }
        }
        (present, absent)
    }
}

/// The tenant has no package of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct UnknownPackage;

/// The keys that are deleted when nothing is assigned any more, in the order of recorded exchanges.
pub(in crate::sim) fn all_keys(kind: UpdateKind) -> Vec<String> {
    [
        "title",
        "version",
        "ts",
        "state",
        "size",
        "checksum",
        "checksum_algorithm",
        "url",
        "tag",
    ]
    .map(|name| kind.key(name))
    .to_vec()
}

impl Package {
    /// Its content.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text { text } => text.clone().into_bytes(),
            Self::Pattern { length } => (0..*length)
                .map(|index| (index as u8).wrapping_mul(31).wrapping_add(7))
                .collect(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}
