//! An application that takes every update it is offered.

use tb_proto::{
    Event, Fetched, Installed, Offer, OfferId, PackageType, UpdateError, UpdateState, Verifier,
};

use super::device::Device;
use super::run::World;
use crate::sim::Time;

/// What has become of the updates of a device.
#[derive(Debug, Default)]
pub struct Downloads {
    /// Offers are accepted as they come.
    accepts: bool,
    /// Chunks are taken as they come.
    takes: bool,
    running: Vec<Running>,
    /// Offers that were told, the newest last.
    pub offers: Vec<Offer>,
    /// Offers that were withdrawn.
    pub withdrawn: Vec<OfferId>,
    /// How downloads ended: verified, or not.
    pub ended: Vec<(OfferId, Result<(), UpdateError>)>,
    /// Bytes that were taken, of all downloads together.
    pub taken: u64,
}

#[derive(Debug)]
struct Running {
    offer: OfferId,
    verifier: Option<Verifier>,
}

impl World {
    /// The application follows updates from now on, and accepts every offer.
    ///
    /// # Panics
    /// If it follows them already.
    pub fn follow_updates(&mut self, package_type: PackageType, installed: &str) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        device.downloads.accepts = true;
        device.downloads.takes = true;
        let clock = device.clock(now);
        let installed = Installed::new("pump", installed);
        device
            .call(|client| client.follow_updates(clock, package_type, installed))
            .expect("nobody follows them");
        self.drain_after_call();
        self
    }

    /// The application follows updates no more.
    pub fn unfollow_updates(&mut self, package_type: PackageType) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        device.call(|client| client.unfollow_updates(clock, package_type));
        device.downloads.running.clear();
        self.drain_after_call();
        self
    }

    /// Whether the application takes the chunks that come.
    pub fn take_chunks(&mut self, takes: bool) -> &mut Self {
        self.device_mut().downloads.takes = takes;
        self.drain_after_call();
        self
    }

    /// Whether the application accepts offers.
    pub fn accept_offers(&mut self, accepts: bool) -> &mut Self {
        self.device_mut().downloads.accepts = accepts;
        self
    }

    /// The application accepts the newest offer once more, with so many bytes already there.
    ///
    /// # Errors
    /// Those of the client.
    ///
    /// # Panics
    /// If there was none.
    pub fn accept_offer(&mut self, stored: &[u8]) -> Result<(), UpdateError> {
        let now = self.now;
        let device = self.device_mut();
        let offer = device.downloads.offers.last().expect("an offer").clone();
        let accepted = device.accept(now, &offer, stored);
        self.drain_after_call();
        accepted
    }

    /// The application says how the installation goes.
    ///
    /// # Panics
    /// If the client refuses it.
    pub fn report_update(&mut self, package_type: PackageType, state: UpdateState) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let pending = device
            .call(|client| client.report_update(clock, package_type, state))
            .expect("there is room for a report");
        device
            .ledger
            .issue(pending.id(), super::Kind::Report, Time(clock.as_micros()));
        self.drain_after_call();
        self
    }
}

impl Device {
    /// Live bytes of its client, if they are measured.
    #[must_use]
    pub const fn memory(&self) -> i64 {
        self.meter.live()
    }

    /// What has become of its updates.
    #[must_use]
    pub const fn downloads(&self) -> &Downloads {
        &self.downloads
    }

    /// Takes an event if it is about updates.
    pub(super) fn note_update(&mut self, now: Time, event: &Event) {
        match event {
            Event::UpdateOffered(offer) => {
                self.downloads.offers.push(offer.clone());
                if self.downloads.accepts {
                    // A package at a URL is not downloaded here.
                    let _ = self.accept(now, offer, &[]);
                }
            }
            Event::UpdateWithdrawn { offer } => self.downloads.withdrawn.push(*offer),
            _ => {}
        }
    }

    fn accept(&mut self, now: Time, offer: &Offer, stored: &[u8]) -> Result<(), UpdateError> {
        let clock = self.clock(now);
        self.call(|client| client.download(clock, offer.id, stored.len() as u64))?;
        let mut verifier = offer.package.verifier();
        if let Some(verifier) = &mut verifier {
            verifier.update(stored);
        }
        self.downloads.running.push(Running {
            offer: offer.id,
            verifier,
        });
        Ok(())
    }

    /// The application takes what there is. Tells how often there was something.
    pub(super) fn take_chunks(&mut self, now: Time) -> usize {
        if !self.downloads.takes || !self.fetches {
            return 0;
        }
        let mut outputs = 0;
        for index in (0..self.downloads.running.len()).rev() {
            while let Some(outcome) = self.take_chunk(now, index) {
                outputs += 1;
                let Some(outcome) = outcome else { continue };
                let Running { offer, .. } = self.downloads.running.remove(index);
                self.downloads.ended.push((offer, outcome));
                break;
            }
        }
        outputs
    }

    /// `None`: there is nothing. The inner `None`: it goes on.
    fn take_chunk(&mut self, now: Time, index: usize) -> Option<Option<Result<(), UpdateError>>> {
        let clock = self.clock(now);
        let offer = self.downloads.running[index].offer;
        match self.call(|client| client.fetch(clock, offer)) {
            Fetched::Pending => None,
            Fetched::Ended(error) => Some(Some(Err(error))),
            Fetched::Chunk(chunk) => {
                self.downloads.taken += chunk.bytes.len() as u64;
                if let Some(verifier) = &mut self.downloads.running[index].verifier {
                    assert_eq!(chunk.offset, verifier.seen());
                    verifier.update(&chunk.bytes);
                }
                self.meter.run(|| drop(chunk));
                Some(None)
            }
            Fetched::Done => {
                let verifier = self.downloads.running[index].verifier.take();
                let outcome = verifier.expect("a package with a checksum").finish();
                let told = outcome.clone();
                let taken = self.call(|client| client.finish_download(clock, offer, told));
                Some(Some(taken.and_then(|()| outcome.map(|_| ()))))
            }
        }
    }
}
