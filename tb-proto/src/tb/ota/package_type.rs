use core::fmt;

/// What a package is for. ThingsBoard treats both alike, under different names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PackageType {
    /// `fw_…`: the firmware of the device.
    Firmware,
    /// `sw_…`: software that runs on it.
    Software,
}

/// The shared attributes that announce a package (TB §8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Title,
    Version,
    Tag,
    Size,
    Checksum,
    ChecksumAlgorithm,
    Url,
}

impl Key {
    pub(crate) const ALL: [Self; 7] = [
        Self::Title,
        Self::Version,
        Self::Tag,
        Self::Size,
        Self::Checksum,
        Self::ChecksumAlgorithm,
        Self::Url,
    ];
}

impl PackageType {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Firmware, Self::Software];

    /// The name of an announcing attribute.
    pub(crate) const fn attribute(self, key: Key) -> &'static str {
        match (self, key) {
            (Self::Firmware, Key::Title) => "fw_title",
            (Self::Firmware, Key::Version) => "fw_version",
            (Self::Firmware, Key::Tag) => "fw_tag",
            (Self::Firmware, Key::Size) => "fw_size",
            (Self::Firmware, Key::Checksum) => "fw_checksum",
            (Self::Firmware, Key::ChecksumAlgorithm) => "fw_checksum_algorithm",
            (Self::Firmware, Key::Url) => "fw_url",
            (Self::Software, Key::Title) => "sw_title",
            (Self::Software, Key::Version) => "sw_version",
            (Self::Software, Key::Tag) => "sw_tag",
            (Self::Software, Key::Size) => "sw_size",
            (Self::Software, Key::Checksum) => "sw_checksum",
            (Self::Software, Key::ChecksumAlgorithm) => "sw_checksum_algorithm",
            (Self::Software, Key::Url) => "sw_url",
        }
    }

    /// The names of all announcing attributes.
    pub(crate) fn attributes(self) -> [&'static str; Key::ALL.len()] {
        Key::ALL.map(|key| self.attribute(key))
    }

    /// How topics and telemetry keys name it.
    pub(crate) const fn short(self) -> &'static str {
        match self {
            Self::Firmware => "fw",
            Self::Software => "sw",
        }
    }
}

impl fmt::Display for PackageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Firmware => "firmware",
            Self::Software => "software",
        })
    }
}
