use alloc::sync::{Arc, Weak};
use core::fmt;

use tb_proto::{Offer, OfferId, Package};

use super::{Download, UpdateSink};
use crate::shared::Shared;

/// The server wants this device to have a package that it does not have.
///
/// Look at [`package`](Self::package) and [`download`](Self::download) it, or leave it: dropping it
/// does nothing. A package whose [`Source`](tb_proto::Source) is external is yours to fetch from its
/// URL, and to check with [`Package::verifier`] where that is possible.
#[derive(Clone)]
pub struct UpdateOffer {
    offer: Arc<Offer>,
    shared: Weak<Shared>,
}

impl UpdateOffer {
    pub(crate) fn new(offer: Offer, shared: Weak<Shared>) -> Self {
        Self {
            offer: Arc::new(offer),
            shared,
        }
    }

    /// What is offered.
    pub fn package(&self) -> &Package {
        &self.offer.package
    }

    /// Fetches the package into `sink`, from where the sink has it already. The platform is told
    /// `DOWNLOADING`, `DOWNLOADED` and `VERIFIED`, or `FAILED` and why. It can be tried again with the
    /// same offer.
    ///
    /// Nothing happens before the download is polled or waited for.
    pub fn download<S: UpdateSink>(&self, sink: S) -> Download<S> {
        Download::new(Arc::clone(&self.offer), Weak::clone(&self.shared), sink)
    }

    pub(crate) fn id(&self) -> OfferId {
        self.offer.id
    }
}

impl fmt::Debug for UpdateOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.offer.fmt(f)
    }
}
