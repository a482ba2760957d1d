//! What is told through `tracing` where that feature is on. Payloads, tokens and keys are not.

use tb_proto::{LinkId, LinkLost, LinkRequest};

use crate::connect::ConnectError;

#[cfg(feature = "tracing")]
pub(crate) fn asked(request: &LinkRequest) {
    match request {
        LinkRequest::Open { link, endpoint } => {
            tracing::debug!(link = link.get(), %endpoint, "opening a connection");
        }
        LinkRequest::Close { link } => {
            tracing::debug!(link = link.get(), "closing the connection");
        }
        _ => {}
    }
}

#[cfg(feature = "tracing")]
pub(crate) fn not_opened(link: LinkId, error: &ConnectError) {
    tracing::debug!(link = link.get(), %error, "no connection");
}

#[cfg(feature = "tracing")]
pub(crate) fn lost(link: LinkId, why: LinkLost) {
    tracing::debug!(link = link.get(), %why, "the connection is over");
}

#[cfg(not(feature = "tracing"))]
pub(crate) const fn asked(_: &LinkRequest) {}

#[cfg(not(feature = "tracing"))]
pub(crate) const fn not_opened(_: LinkId, _: &ConnectError) {}

#[cfg(not(feature = "tracing"))]
pub(crate) const fn lost(_: LinkId, _: LinkLost) {}
