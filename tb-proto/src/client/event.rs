//! What the machine tells the application.

use alloc::string::String;

use super::{ChildId, ChildRefusal, Completion, RequestId, RpcRequest};
use crate::codec::{ProtocolVersion, ReasonCode};
use crate::mqtt::{Cause, RateLimits, VersionChange};
use crate::tb::{AttributeUpdate, InvalidPackage, Offer, OfferId, PackageType};
use crate::time::Instant;

/// Something that the application, or the driver on its behalf, should know.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The server accepted the connection.
    Connected {
        /// The version of MQTT that is spoken.
        version: ProtocolVersion,
    },
    /// The connection ended, or an attempt to connect failed.
    Disconnected {
        /// Why.
        cause: Cause,
        /// When the next attempt begins. `None`: not before the application asks for it.
        next_attempt: Option<Instant>,
    },
    /// From the next connection on another version of MQTT is spoken.
    VersionChanged {
        /// The version that was spoken or tried so far.
        from: ProtocolVersion,
        /// The version from now on.
        to: ProtocolVersion,
        /// What led to it.
        why: VersionChange,
    },
    /// A ticket ended; comes exactly once for each.
    Completed {
        /// The ticket's id.
        id: RequestId,
        /// How.
        completion: Completion,
    },
    /// Shared attributes changed that the application subscribed to. Changes that were not fetched
    /// yet are merged per key: only the newest value of each is told.
    AttributesUpdated(AttributeUpdate),
    /// Shared attributes of a child of this gateway changed that the application
    /// [subscribed](crate::Gateway::subscribe_to_attributes) to. Changes that were not fetched yet are
    /// merged per child and key.
    ChildAttributesUpdated {
        /// The child.
        child: ChildId,
        /// What changed.
        update: AttributeUpdate,
    },
    /// The server does not take a child. What is accepted for it waits; it is announced again after
    /// ten minutes, or after an hour if the server closes the connection whenever it is.
    ChildRefused {
        /// The child.
        child: ChildId,
        /// Why.
        reason: ChildRefusal,
    },
    /// The server has disconnected a child; it is announced again.
    ChildDisconnected {
        /// The child.
        child: ChildId,
        /// What the server says: 0x96 for a rate limit, for one.
        reason: Option<ReasonCode>,
    },
    /// A child was renamed on the server. It goes on under its new name, what waits for it too.
    ChildRenamed {
        /// The child.
        child: ChildId,
        /// Its old name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// The device of a child was deleted on the server. What waits for it stays in the queue until
    /// something more is sent for the child, which creates a new device, even if that finds the queue
    /// full: cancel it, or let it expire.
    ChildDeleted {
        /// The child.
        child: ChildId,
    },
    /// The server sent something for a device that is no child of this gateway, or is none any more.
    UnknownChild {
        /// What the server calls it; at most the first 255 characters.
        name: String,
        /// The topic of the message.
        topic: String,
    },
    /// The server calls a method of this device, or of a child of this gateway.
    RpcRequest(RpcRequest),
    /// An RPC call could not be given to the application and was answered with an error.
    RpcRefused {
        /// The child that was called. `None`: this device itself.
        child: Option<ChildId>,
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
        /// Its topic, where that much of it was seen; at most the first 256 bytes.
        topic: Option<String>,
        /// Its size in bytes.
        size: usize,
    },
    /// A message from the server could not be understood and has been ignored.
    IncomingIgnored {
        /// Its topic; at most the first 256 bytes.
        topic: String,
    },
    /// The server told its limits, for the first time or others than before.
    LimitsTold {
        /// The largest packet that it takes, as MQTT *remaining length* in bytes.
        max_packet_size: Option<usize>,
        /// Its rate limits. The client keeps to its share of them.
        rates: RateLimits,
        /// Those of all children of a gateway together.
        children: RateLimits,
    },
    /// Changes of shared attributes, of this device or of its children, came faster than they were
    /// fetched and did not fit: request the attributes again.
    AttributesLost {
        /// How many messages of the server were lost.
        messages: u64,
    },
    /// Events about the connection came faster than they were fetched; the oldest are gone.
    EventsLost {
        /// How many.
        events: u64,
    },
    /// The server wants this device to have a package that it does not have. An assignment that is
    /// renewed is told again, under the same id.
    UpdateOffered(Offer),
    /// An offer is none any more; a download of it has ended.
    UpdateWithdrawn {
        /// The offer.
        offer: OfferId,
    },
    /// The server announces a package that cannot be taken; the platform is told that it failed.
    UpdateUnusable {
        /// What it is for.
        package_type: PackageType,
        /// Why.
        reason: InvalidPackage,
    },
    /// [`fetch`](crate::Client::fetch) has something for the download of this type.
    DownloadAdvanced {
        /// What is downloaded.
        package_type: PackageType,
    },
    /// Telemetry left without a time because no plausible wall clock came in time.
    Unstamped {
        /// How many messages.
        messages: u64,
    },
}

/// Why an RPC call from the server was not given to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RpcRefusal {
    /// Nobody serves this method.
    UnknownMethod,
    /// Too many calls are unanswered ([`Config::max_rpc_calls`](crate::Config::max_rpc_calls)).
    TooManyCalls,
    /// The call has no readable method.
    Malformed,
}
