//! What an application sends, and what the outbox carries of it.

use alloc::vec::Vec;
use bytes::Bytes;

use super::{RequestId, Target};
use crate::mqtt::Content as MqttContent;
use crate::tb::attributes::AttributeBody;
use crate::tb::claim::ClaimBody;
use crate::tb::telemetry::TelemetryBody;
use crate::tb::{Attributes, Claim, InvalidPayload, MessageOptions, Telemetry};

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
    pub(super) fn check(&self) -> Result<(), InvalidPayload> {
        match self {
            Self::Telemetry(telemetry) => telemetry.check(),
            Self::Attributes(attributes) => attributes.check(),
            Self::Claim(_) => Ok(()),
        }
    }

    pub(super) fn into_parts(self) -> Result<(Content, MessageOptions), InvalidPayload> {
        Ok(match self {
            Self::Telemetry(telemetry) => {
                let (body, options) = telemetry.into_parts()?;
                (Content::Telemetry(body), options)
            }
            Self::Attributes(attributes) => {
                let (body, options) = attributes.into_parts()?;
                (Content::Attributes(body), options)
            }
            Self::Claim(claim) => {
                let (body, options) = claim.into_parts();
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
            Content::Merged { .. } | Content::Request { .. } | Content::Reply { .. } => None,
        }
    }
}

/// What a message of the outbox is to this layer.
#[derive(Debug)]
pub(super) enum Content {
    Telemetry(TelemetryBody),
    Attributes(AttributeBody),
    Claim(ClaimBody),
    /// Several attribute messages in one; they wait in the outbox for its outcome.
    Merged {
        body: AttributeBody,
        members: Vec<RequestId>,
    },
    /// An attribute request or a client-side RPC call.
    Request {
        request: RequestId,
        payload: Bytes,
    },
    /// The reply to a server-side RPC call. `ticket` is false when the answer is given once more, or
    /// by the machine itself: then nobody waits for the outcome.
    Reply {
        request_id: i32,
        payload: Bytes,
        ticket: bool,
    },
}

impl Content {
    /// The whole payload, to be given back.
    pub(super) fn payload(&self) -> Bytes {
        match self {
            Self::Telemetry(body) => body.payload(),
            Self::Attributes(body) | Self::Merged { body, .. } => {
                Bytes::copy_from_slice(&body.text)
            }
            Self::Claim(body) => Bytes::copy_from_slice(&body.text),
            Self::Request { payload, .. } | Self::Reply { payload, .. } => payload.clone(),
        }
    }

    /// What an application calls it. Requests and merged messages are the machine's own.
    pub(super) const fn target(&self) -> Option<Target> {
        match self {
            Self::Telemetry(_) => Some(Target::Telemetry),
            Self::Attributes(_) => Some(Target::Attributes),
            Self::Claim(_) => Some(Target::Claim),
            Self::Reply {
                request_id,
                ticket: true,
                ..
            } => Some(Target::RpcReply {
                request_id: *request_id,
            }),
            Self::Merged { .. } | Self::Request { .. } | Self::Reply { .. } => None,
        }
    }
}

impl MqttContent for Content {
    fn parts(&self) -> [&[u8]; 3] {
        match self {
            Self::Telemetry(body) => body.parts(),
            Self::Attributes(body) | Self::Merged { body, .. } => [&body.text, b"", b""],
            Self::Claim(body) => [&body.text, b"", b""],
            Self::Request { payload, .. } | Self::Reply { payload, .. } => [payload, b"", b""],
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Telemetry(body) => body.memory(),
            Self::Attributes(body) => body.text.capacity(),
            Self::Claim(body) => body.memory(),
            Self::Merged { body, members } => {
                body.text.capacity() + members.capacity() * size_of::<RequestId>()
            }
            Self::Request { payload, .. } | Self::Reply { payload, .. } => payload.len(),
        }
    }
}
