//! What went wrong without belonging to one call.

use alloc::string::String;

use tb_proto::{
    ChildId, Event, InvalidPackage, PackageType, ProtocolVersion, ReasonCode, RpcRefusal,
    VersionChange,
};

use super::MostWaiting;

/// Something an operator may want to see in a log. None of it needs to be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// From the next connection on another version of MQTT is spoken.
    VersionChanged {
        /// The version that was spoken or tried so far.
        from: ProtocolVersion,
        /// The version from now on.
        to: ProtocolVersion,
        /// What led to it.
        why: VersionChange,
    },
    /// An RPC call of the server was answered with an error instead of being given to the application.
    RpcRefused {
        /// The name of the child that was called. `None`: this device itself.
        child: Option<String>,
        /// The server's number of the call.
        request_id: i32,
        /// Why.
        reason: RpcRefusal,
    },
    /// The server does not grant a subscription; what it is for will not arrive.
    SubscriptionRefused {
        /// The topic filter.
        filter: String,
        /// The server's code.
        reason: ReasonCode,
    },
    /// A message from the server was larger than allowed and has been skipped.
    IncomingTooLarge {
        /// Its topic, where that much of it was seen.
        topic: Option<String>,
        /// Its size in bytes.
        size: usize,
    },
    /// A message from the server could not be understood and has been ignored.
    IncomingIgnored {
        /// Its topic.
        topic: String,
    },
    /// The server announces a package that cannot be taken; the platform was told that it failed.
    UpdateUnusable {
        /// What it is for.
        package_type: PackageType,
        /// Why.
        reason: InvalidPackage,
    },
    /// Telemetry left without a time because no plausible wall clock came in time.
    Unstamped {
        /// How many messages.
        messages: u64,
    },
    /// A stream of attribute updates is not read: changes of so many keys were dropped. Request the
    /// attributes to be up to date again.
    AttributesMissed {
        /// How many keys.
        keys: usize,
    },
    /// Changes of shared attributes came faster than the machine keeps them. Request the attributes to be
    /// up to date again.
    AttributesLost {
        /// How many messages of the server were lost.
        messages: u64,
    },
    /// More happened to the connection at once than the machine keeps events of.
    EventsLost {
        /// How many.
        events: u64,
    },
    /// A stream of RPC calls is not read: a call was answered with an error.
    RpcMissed {
        /// The name of the child that was called. `None`: this device itself.
        child: Option<String>,
        /// The server's number of the call.
        request_id: i32,
    },
    /// The undelivered messages are not read: the oldest were dropped.
    UndeliveredLost {
        /// How many.
        messages: usize,
    },
    /// The warnings are not read: so many are missing here.
    Missed {
        /// How many.
        warnings: usize,
    },
}

impl MostWaiting for Warning {
    fn missed(&mut self) -> Option<&mut usize> {
        match self {
            Self::Missed { warnings } => Some(warnings),
            _ => None,
        }
    }

    fn one_missed() -> Self {
        Self::Missed { warnings: 1 }
    }
}

impl Warning {
    /// Adds the count of `next` to this one if both say the same: an overflow is one warning, however
    /// often it happens before somebody looks.
    pub(crate) fn absorbs(&mut self, next: &Self) -> bool {
        match (self, next) {
            (Self::AttributesMissed { keys }, Self::AttributesMissed { keys: more }) => {
                *keys = keys.saturating_add(*more);
            }
            (Self::UndeliveredLost { messages }, Self::UndeliveredLost { messages: more }) => {
                *messages = messages.saturating_add(*more);
            }
            (Self::AttributesLost { messages }, Self::AttributesLost { messages: more })
            | (Self::Unstamped { messages }, Self::Unstamped { messages: more }) => {
                *messages = messages.saturating_add(*more);
            }
            (Self::EventsLost { events }, Self::EventsLost { events: more }) => {
                *events = events.saturating_add(*more);
            }
            _ => return false,
        }
        true
    }

    /// What an event of the machine warns of. `name` tells the name of a child.
    pub(crate) fn from_event(event: Event, name: impl FnOnce(ChildId) -> String) -> Option<Self> {
        Some(match event {
            Event::VersionChanged { from, to, why } => Self::VersionChanged { from, to, why },
            Event::RpcRefused {
                child,
                request_id,
                reason,
            } => Self::RpcRefused {
                child: child.map(name),
                request_id,
                reason,
            },
            Event::AttributesLost { messages } => Self::AttributesLost { messages },
            Event::EventsLost { events } => Self::EventsLost { events },
            Event::SubscriptionRefused { filter, reason } => {
                Self::SubscriptionRefused { filter, reason }
            }
            Event::IncomingTooLarge { topic, size } => Self::IncomingTooLarge { topic, size },
            Event::UpdateUnusable {
                package_type,
                reason,
            } => Self::UpdateUnusable {
                package_type,
                reason,
            },
            Event::IncomingIgnored { topic } => Self::IncomingIgnored { topic },
            Event::Unstamped { messages } => Self::Unstamped { messages },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_had_to_drop_is_told_once_with_its_count() {
        let name = |_| String::new();
        for (one, two, both) in [
            (
                Event::AttributesLost { messages: 1 },
                Event::AttributesLost { messages: 2 },
                Warning::AttributesLost { messages: 3 },
            ),
            (
                Event::EventsLost { events: 1 },
                Event::EventsLost { events: 2 },
                Warning::EventsLost { events: 3 },
            ),
        ] {
            let mut told = Warning::from_event(one, name).expect("a warning");
            let next = Warning::from_event(two, name).expect("a warning");
            assert!(told.absorbs(&next));
            assert_eq!(told, both);
        }
    }
}
