use alloc::sync::Arc;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use futures_core::Stream;
use tb_proto::{Installed, PackageType, Refused, UpdateState};

use super::UpdateOffer;
use crate::error::RecvError;
use crate::shared::Shared;
use crate::streams::{Receiver, Recv};
use crate::ticket::Delivery;

/// The updates of a device's firmware, or of its software: offers that come, and the word of the
/// application on how they fare.
///
/// The newest offer waits here; one that was withdrawn or replaced before it was fetched is not seen.
/// Offers survive reconnects and are not repeated, unless the package is assigned anew.
///
/// Dropping it ends the interest; a [`Download`](super::Download) that runs ends as given up.
#[must_use = "dropping it ends the interest"]
pub struct Updates {
    shared: Arc<Shared>,
    package_type: PackageType,
    offers: Receiver<UpdateOffer>,
}

impl Updates {
    pub(crate) const fn new(
        shared: Arc<Shared>,
        package_type: PackageType,
        offers: Receiver<UpdateOffer>,
    ) -> Self {
        Self {
            shared,
            package_type,
            offers,
        }
    }

    /// The next offer; `None` when the client is shut down.
    ///
    /// Cancel safe: a dropped future takes nothing with it.
    pub const fn recv(&mut self) -> Recv<'_, UpdateOffer> {
        self.offers.recv()
    }

    /// The next offer if there is one already.
    pub fn try_recv(&mut self) -> Option<UpdateOffer> {
        self.offers.try_recv()
    }

    /// Blocks this thread until there is an offer.
    ///
    /// # Errors
    /// As [`Receiver::recv_wait`].
    pub fn recv_wait(&mut self) -> Result<UpdateOffer, RecvError> {
        self.offers.recv_wait()
    }

    /// Blocks this thread until there is an offer, but not longer than `timeout`.
    ///
    /// # Errors
    /// As [`Receiver::recv_timeout`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<UpdateOffer, RecvError> {
        self.offers.recv_timeout(timeout)
    }

    /// Tells the platform that the package is being installed (`UPDATING`). Wait for the ticket before
    /// the device restarts.
    ///
    /// # Errors
    /// As [`report`](Self::report).
    pub fn updating(&self) -> Result<Delivery, Refused<UpdateState>> {
        self.report(UpdateState::Updating)
    }

    /// Tells the platform what runs now (`UPDATED`), also as the first thing after a restart. A package
    /// of this title and version is not offered from now on.
    ///
    /// # Errors
    /// As [`report`](Self::report).
    pub fn updated(&self, installed: Installed) -> Result<Delivery, Refused<UpdateState>> {
        self.report(UpdateState::Updated(installed))
    }

    /// Tells the platform that the package could not be installed or does not run (`FAILED`), and why,
    /// in at most 256 characters.
    ///
    /// # Errors
    /// As [`report`](Self::report).
    pub fn failed(&self, why: impl fmt::Display) -> Result<Delivery, Refused<UpdateState>> {
        self.report(UpdateState::Failed(why.to_string()))
    }

    /// Tells the platform how the installation goes. The report is a message like any other: it
    /// survives reconnects, and dropping the ticket does not take it back.
    ///
    /// # Errors
    /// [`Refused`]: the client is disconnecting, or too many reports wait.
    pub fn report(&self, state: UpdateState) -> Result<Delivery, Refused<UpdateState>> {
        let package_type = self.package_type;
        let pending = self.shared.open(state, |it, now, state| {
            it.machine.report_update(now, package_type, state)
        })?;
        Ok(Delivery::new(Arc::clone(&self.shared), pending))
    }
}

impl Stream for Updates {
    type Item = UpdateOffer;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<UpdateOffer>> {
        Pin::new(&mut self.offers).poll_next(cx)
    }
}

impl fmt::Debug for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updates")
            .field("package_type", &self.package_type)
            .finish_non_exhaustive()
    }
}
