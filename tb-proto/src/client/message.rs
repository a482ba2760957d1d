//! What an application sends, and what the outbox carries of it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

use super::gateway::combining;
use super::parts::Whole;
use super::{ChildId, RequestId, Target};
use crate::codec::Filter;
use crate::mqtt::{
    Content as MqttContent, Cost, MessageId, NextPart, PartLimits, Publication, Shared,
};
use crate::tb::attributes::AttributeBody;
use crate::tb::claim::ClaimBody;
use crate::tb::ota::ChunkRequest;
use crate::tb::split::{Meaning, Part};
use crate::tb::telemetry::TelemetryBody;
use crate::tb::topics;
use crate::tb::{
    Attributes, Claim, Encoding, InvalidPayload, MessageOptions, PackageType, PayloadFormat,
    Telemetry,
};

/// A message to the server whose delivery has an outcome.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// Telemetry of this device.
    Telemetry(Telemetry),
    /// Client-side attributes of this device.
    Attributes(Attributes),
    /// The device allows to be claimed.
    Claim(Claim),
}

impl From<Telemetry> for Message {
    fn from(telemetry: Telemetry) -> Self {
        Self::Telemetry(telemetry)
    }
}

impl From<Attributes> for Message {
    fn from(attributes: Attributes) -> Self {
        Self::Attributes(attributes)
    }
}

impl From<Claim> for Message {
    fn from(claim: Claim) -> Self {
        Self::Claim(claim)
    }
}

impl Message {
    pub(super) fn check(&self, format: PayloadFormat) -> Result<(), InvalidPayload> {
        match self {
            Self::Telemetry(telemetry) => telemetry.check(format),
            Self::Attributes(attributes) => attributes.check(format),
            Self::Claim(_) => Ok(()),
        }
    }

    /// What has passed [`check`](Self::check), taken apart.
    #[inline]
    pub(super) fn into_parts(
        self,
        format: PayloadFormat,
    ) -> Result<(Content, MessageOptions), InvalidPayload> {
        Ok(match self {
            Self::Telemetry(telemetry) => {
                let (body, options) = telemetry.into_checked_parts(format)?;
                (Content::Telemetry(body), options)
            }
            Self::Attributes(attributes) => {
                let (body, options) = attributes.into_parts()?;
                (Content::Attributes(body), options)
            }
            Self::Claim(claim) => {
                let (body, options) = claim.into_parts(format);
                (Content::Claim(body), options)
            }
        })
    }

    /// What [`into_parts`](Self::into_parts) took apart. Only the content of messages is handed over.
    pub(super) fn from_parts(content: Content, options: MessageOptions) -> Option<Self> {
        match content {
            Content::Telemetry(body) => Some(Telemetry::from_parts(body, options).into()),
            Content::Attributes(body) => Some(Attributes::from_parts(body, options).into()),
            Content::Claim(body) => Some(Claim::from_parts(body, options).into()),
            _ => None,
        }
    }
}

/// What a message of the outbox is to this layer.
#[derive(Debug)]
pub(super) enum Content {
    Telemetry(TelemetryBody),
    Attributes(AttributeBody),
    Claim(ClaimBody),
    /// Several messages of attributes, or of telemetry, in one; they wait in the outbox for its outcome.
    Merged {
        meaning: Meaning,
        body: AttributeBody,
        members: Vec<RequestId>,
    },
    /// An attribute request or a client-side RPC call.
    Request {
        request: RequestId,
        payload: Bytes,
    },
    /// A message that travels in parts.
    Whole(Box<Whole>),
    Part {
        whole: MessageId,
        meaning: Meaning,
        part: Part,
    },
    /// The machine's own question for the limits of the session.
    SessionLimits(Bytes),
    /// The reply to a server-side RPC call. `ticket` is false when the answer is given once more, or
    /// by the machine itself: then nobody waits for the outcome.
    Reply {
        request_id: i32,
        payload: Bytes,
        ticket: bool,
    },
    /// What an update has come to: telemetry. `ticket` is false when the machine says it by itself.
    Report {
        body: TelemetryBody,
        ticket: bool,
    },
    /// A child of this gateway is there.
    Announcement {
        child: ChildId,
        payload: Bytes,
    },
    /// The machine's own question on behalf of a quiet child.
    KeepAlive(Bytes),
    /// A child of this gateway is gone.
    Leaving(Bytes),
    /// A question for a chunk of a package.
    ChunkRequest {
        package_type: PackageType,
        asked: ChunkRequest,
        payload: Bytes,
    },
}

impl Content {
    pub(super) fn payload_len(&self) -> usize {
        self.bytes().len()
    }

    /// What an application calls it, of which child if it is of one. Requests and merged messages are
    /// the machine's own.
    pub(super) fn target(&self, child: Option<ChildId>) -> Option<Target> {
        match self {
            Self::Whole(whole) if whole.is_merged() => None,
            Self::Whole(whole) => Some(match whole.meaning() {
                Meaning::Telemetry => Target::telemetry(child),
                Meaning::Attributes => Target::attributes(child),
            }),
            Self::Telemetry(_) | Self::Report { ticket: true, .. } => {
                Some(Target::telemetry(child))
            }
            Self::Attributes(_) => Some(Target::attributes(child)),
            Self::Claim(_) => {
                Some(child.map_or(Target::Claim, |child| Target::ChildClaim { child }))
            }
            Self::Reply {
                request_id,
                ticket: true,
                ..
            } => {
                let request_id = *request_id;
                Some(match child {
                    Some(child) => Target::ChildRpcReply { child, request_id },
                    None => Target::RpcReply { request_id },
                })
            }
            // Without one it is the old name of a child that was renamed.
            Self::Leaving(_) => child.map(|child| Target::ChildDisconnect { child }),
            Self::Merged { .. }
            | Self::Request { .. }
            | Self::Reply { .. }
            | Self::Part { .. }
            | Self::Report { .. }
            | Self::ChunkRequest { .. }
            | Self::Announcement { .. }
            | Self::KeepAlive(_)
            | Self::SessionLimits(_) => None,
        }
    }
}

/// The child for which a message is.
pub(super) fn child_of(publication: &Publication<Content>) -> Option<ChildId> {
    publication.origin.map(ChildId)
}

/// What an application calls a message; see [`Content::target`].
pub(super) fn target_of(publication: &Publication<Content>) -> Option<Target> {
    publication.content.target(child_of(publication))
}

impl MqttContent for Content {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Telemetry(body) | Self::Report { body, .. } => body.bytes(),
            Self::Attributes(body) | Self::Merged { body, .. } => &body.text,
            Self::Claim(body) => &body.payload,
            Self::Whole(whole) => whole.text().as_bytes(),
            Self::Part { part, .. } => &part.text,
            Self::Request { payload, .. }
            | Self::Reply { payload, .. }
            | Self::ChunkRequest { payload, .. }
            | Self::Announcement { payload, .. }
            | Self::Leaving(payload)
            | Self::KeepAlive(payload)
            | Self::SessionLimits(payload) => payload,
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Telemetry(body) | Self::Report { body, .. } => body.memory(),
            Self::Attributes(body) => body.text.capacity(),
            Self::Claim(body) => body.memory(),
            Self::Merged { body, members, .. } => {
                body.text.capacity() + members.capacity() * size_of::<RequestId>()
            }
            Self::Whole(whole) => whole.memory(),
            Self::Part { part, .. } => part.text.capacity(),
            Self::Request { payload, .. }
            | Self::Reply { payload, .. }
            | Self::Announcement { payload, .. }
            | Self::Leaving(payload)
            | Self::KeepAlive(payload)
            | Self::ChunkRequest { payload, .. } => payload.len(),
            Self::SessionLimits(_) => 0,
        }
    }

    fn cost(&self) -> Cost {
        let telemetry = |data_points| Cost::Telemetry { data_points };
        match self {
            Self::Telemetry(body) | Self::Report { body, .. } => telemetry(body.data_points()),
            Self::Attributes(body) | Self::Merged { body, .. } => telemetry(body.data_points),
            Self::Part { part, .. } => telemetry(part.data_points),
            Self::Claim(_) | Self::Request { .. } | Self::Reply { .. } | Self::KeepAlive(_) => {
                Cost::Message
            }
            // Closing its session, whoever says that it left.
            Self::Leaving(_) => Cost::Message.of_children(),
            // Looking the child up, and opening its session (TB §9.1).
            Self::Announcement { .. } => Cost::OfChildren {
                messages: 2,
                telemetry_messages: 0,
                data_points: 0,
            },
            // Its parts are charged for.
            Self::Whole(_) => Cost::Free,
            Self::ChunkRequest { asked, .. } if asked.opens => Cost::Message,
            // TB §14.5: they consume nothing.
            Self::ChunkRequest { .. } | Self::SessionLimits(_) => Cost::Free,
        }
    }

    fn filter_cost(filter: &Filter) -> Cost {
        if topics::is_for_answers(filter.as_str()) {
            Cost::Free
        } else {
            Cost::Message
        }
    }

    fn around<'a>(&self, name: &'a [u8]) -> (&'a [u8], &'static [u8]) {
        let list_of_child = || (name, &b"]}"[..]);
        let value_of_child = || (name.strip_suffix(b"[").unwrap_or(name), &b"}"[..]);
        match self {
            Self::Telemetry(body) if !body.is_list() => list_of_child(),
            Self::Part {
                meaning: Meaning::Telemetry,
                part,
                ..
            } if !part.text.starts_with(b"[") => list_of_child(),
            // Of a whole only parts are sent, and each has its own.
            Self::Whole(_) => list_of_child(),
            Self::Telemetry(_)
            | Self::Part { .. }
            | Self::Attributes(_)
            | Self::Merged { .. }
            | Self::Claim(_) => value_of_child(),
            _ => (b"", b""),
        }
    }

    fn shared_len(&self, name: &[u8], beside: bool) -> Option<usize> {
        combining::shared_len(self, name, beside)
    }

    fn share(messages: &[Shared<'_, Self>]) -> Vec<u8> {
        combining::share(messages)
    }

    fn is_of_gateway(&self) -> bool {
        matches!(self, Self::Announcement { .. } | Self::Leaving(_))
    }

    fn opens_session(&self) -> bool {
        matches!(self, Self::Announcement { .. })
    }

    fn closes_origin(&self) -> bool {
        matches!(self, Self::Leaving(_))
    }

    fn has_time(&self) -> bool {
        match self {
            Self::Telemetry(body) | Self::Report { body, .. } => body.has_time(),
            // One is on its way at a time.
            Self::Attributes(_) | Self::Merged { .. } => true,
            _ => false,
        }
    }

    fn is_over_when_delivered(&self) -> bool {
        matches!(self, Self::Telemetry(_))
    }

    fn can_be_cut(&self) -> bool {
        match self {
            Self::Telemetry(body) => body.encoding() == Encoding::Json,
            Self::Attributes(body) | Self::Merged { body, .. } => body.encoding == Encoding::Json,
            Self::Whole(_) => true,
            _ => false,
        }
    }

    fn is_cut(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    fn next_part(&mut self, id: MessageId, limits: PartLimits) -> NextPart<Self> {
        self.cut(id, limits)
    }
}
