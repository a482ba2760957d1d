//! Who follows updates, and who waits for the next chunk of one.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::task::Waker;

use tb_proto::{Offer, OfferId, PackageType};

use super::UpdateOffer;
use crate::shared::Shared;
use crate::streams::Channel;
use crate::wakes::{Wakes, replace};

#[derive(Debug, Default)]
pub(crate) struct Followers(BTreeMap<PackageType, Follower>);

#[derive(Debug)]
struct Follower {
    /// The newest offer that was not fetched.
    offers: Arc<Channel<UpdateOffer>>,
    /// The task that polls the download.
    download: Option<Waker>,
}

impl Followers {
    pub(crate) fn add(&mut self, package_type: PackageType, offers: Arc<Channel<UpdateOffer>>) {
        let follower = Follower {
            offers,
            download: None,
        };
        self.0.insert(package_type, follower);
    }

    /// Gives back the waker of its download, to be woken: there will be nothing more.
    pub(crate) fn remove(&mut self, package_type: PackageType) -> Option<Waker> {
        self.0.remove(&package_type)?.download
    }

    pub(crate) fn offered(&self, offer: Offer, shared: &Weak<Shared>, wakes: &mut Wakes) {
        if let Some(follower) = self.0.get(&offer.id.package_type()) {
            follower.offers.update(wakes, |items| {
                items.clear();
                items.push_back(UpdateOffer::new(offer, Weak::clone(shared)));
            });
        }
    }

    pub(crate) fn withdrawn(&self, offer: OfferId, wakes: &mut Wakes) {
        if let Some(follower) = self.0.get(&offer.package_type()) {
            follower
                .offers
                .update(wakes, |items| items.retain(|item| item.id() != offer));
        }
    }

    /// There is something for whoever polls the download.
    pub(crate) fn advanced(&mut self, package_type: PackageType, wakes: &mut Wakes) {
        if let Some(follower) = self.0.get_mut(&package_type) {
            wakes.extend(follower.download.take());
        }
    }

    /// Somebody waits for the next chunk. Gives back a waker that was replaced, to be dropped without
    /// the lock.
    pub(crate) fn wait(&mut self, package_type: PackageType, waker: &Waker) -> Option<Waker> {
        replace(&mut self.0.get_mut(&package_type)?.download, waker)
    }

    /// Nothing will come any more.
    pub(crate) fn close(&mut self, wakes: &mut Wakes) {
        for follower in self.0.values_mut() {
            wakes.extend(follower.download.take());
            follower.offers.close(wakes);
        }
    }
}
