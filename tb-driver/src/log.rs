//! What is told through `tracing` where that feature is on. Payloads, tokens and keys are not.

#[cfg(feature = "tracing")]
mod told {
    use tb_proto::{Endpoint, LinkId, LinkLost};

    use crate::connect::ConnectError;

    pub(crate) fn opening(link: LinkId, endpoint: &Endpoint) {
        tracing::debug!(link = link.get(), %endpoint, "opening a connection");
    }

    pub(crate) fn not_opened(link: LinkId, error: &ConnectError) {
        tracing::debug!(link = link.get(), %error, "no connection");
    }

    pub(crate) fn lost(link: LinkId, why: LinkLost) {
        tracing::debug!(link = link.get(), %why, "the connection is lost");
    }

    pub(crate) fn closing(link: LinkId) {
        tracing::debug!(link = link.get(), "closing the connection");
    }
}

#[cfg(not(feature = "tracing"))]
mod told {
    use tb_proto::{Endpoint, LinkId, LinkLost};

    use crate::connect::ConnectError;

    pub(crate) const fn opening(_: LinkId, _: &Endpoint) {}
    pub(crate) const fn not_opened(_: LinkId, _: &ConnectError) {}
    pub(crate) const fn lost(_: LinkId, _: LinkLost) {}
    pub(crate) const fn closing(_: LinkId) {}
}

pub(crate) use told::{closing, lost, not_opened, opening};
