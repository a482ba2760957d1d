//! Packet identifiers of our own packets.

use core::num::NonZeroU16;

/// Identifies a PUBLISH (QoS 1), SUBSCRIBE or UNSUBSCRIBE of ours until it is acknowledged: 1 to
/// 65,535, never zero \[MQTT-2.2.1-3\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PacketIdentifier(NonZeroU16);

impl PacketIdentifier {
    /// `None` for zero.
    pub(crate) const fn new(id: u16) -> Option<Self> {
        match NonZeroU16::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    pub(crate) const fn get(self) -> u16 {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_but_zero_is_an_identifier() {
        assert_eq!(PacketIdentifier::new(0), None);
        for number in [1, u16::MAX] {
            assert_eq!(
                PacketIdentifier::new(number).map(PacketIdentifier::get),
                Some(number)
            );
        }
    }
}
