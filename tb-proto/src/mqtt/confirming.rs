//! Acknowledgements that are believed late.
//!
//! On MQTT 3.1.1 the part of ThingsBoard that serves gateways acknowledges what it refuses, and closes
//! the connection behind it (TB §9.10). So an acknowledgement counts when something more comes from the
//! server, or when the connection has lived on for a while.

use core::time::Duration;

use super::engine::{Mqtt, Phase};
use super::outbox::{Content, SlotIndex};
use super::timers::Timer;
use crate::codec::{ProtocolVersion, ReasonCode};

/// A connection that lives so long after an acknowledgement was not closed because of the message.
const OUTLIVED: Duration = Duration::from_millis(250);

impl<C: Content> Mqtt<C> {
    /// Keeps an acknowledgement back if it cannot be believed yet.
    #[inline]
    pub(super) fn doubt(&mut self, place: SlotIndex) -> bool {
        let Phase::Online(link) = &mut self.phase else {
            return false;
        };
        let doubtful = link.version == ProtocolVersion::V3_1_1
            && self
                .outbox
                .at(place)
                .is_some_and(|entry| entry.publication.is_of_gateway());
        if doubtful {
            link.unconfirmed.push_back(place);
            self.timers.set(Timer::Confirm, self.now + OUTLIVED);
        }
        doubtful
    }

    /// The connection lives: what was acknowledged on it is.
    #[inline]
    pub(super) fn confirm(&mut self) {
        if let Phase::Online(link) = &self.phase
            && !link.unconfirmed.is_empty()
        {
            self.confirm_all();
        }
    }

    fn confirm_all(&mut self) {
        while let Phase::Online(link) = &mut self.phase
            && let Some(place) = link.unconfirmed.pop_front()
        {
            self.acknowledged_together(place, ReasonCode::SUCCESS);
        }
    }
}
