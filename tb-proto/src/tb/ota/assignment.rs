//! What the server wants the device to have, and what follows from it.

use core::time::Duration;

use super::announcement::Pushed;
use super::download::chunks;
use super::machine::{News, Stage, Updates};
use super::report::Report;
use super::{InvalidPackage, Offer, OfferId, Package, Source, UpdateError};
use crate::tb::{AttributeMap, AttributeUpdate};
use crate::time::Instant;

/// The pause before the server is asked again what it did not answer; it doubles up to the second.
/// ThingsBoard keeps silent when a look-up fails (C-077).
const ASK_AGAIN: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(600)];

/// Whether it is known on this connection what the server announces. Chunks are asked for only then,
/// so that they are of the package they are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// The server has to be asked, but not before.
    Due(Instant),
    Asked,
    Known,
}

impl Updates {
    /// Whether the server has to be asked now for the attributes of the announcement.
    pub(crate) fn asks(&self, now: Instant) -> bool {
        matches!(self.knowledge, Knowledge::Due(at) if at <= now)
    }

    /// It was asked.
    pub(crate) const fn asked(&mut self) {
        self.knowledge = Knowledge::Asked;
    }

    /// It has answered. What it pushed since it was asked may be newer than the answer.
    pub(crate) fn handle_answer(&mut self, shared: &AttributeMap, ids: &mut u64) {
        if self.knowledge != Knowledge::Asked {
            return;
        }
        self.announced.replace(shared);
        self.knowledge = Knowledge::Known;
        self.unanswered = 0;
        match self.wanted() {
            Ok(wanted) => self.offer(wanted, false, ids),
            Err(invalid) => self.refuse(invalid),
        }
    }

    /// It has not answered in time, or not with what was asked for.
    pub(crate) fn handle_no_answer(&mut self, now: Instant) {
        if self.knowledge == Knowledge::Asked {
            let [first, last] = ASK_AGAIN;
            let pause = first.saturating_mul(1 << self.unanswered.min(8)).min(last);
            self.unanswered = self.unanswered.saturating_add(1);
            self.knowledge = Knowledge::Due(now + pause);
        }
    }

    /// The server pushed attributes. If they make no sense by themselves they are a part of more to
    /// come: then the server is asked for all of them.
    pub(crate) fn handle_update(&mut self, now: Instant, update: &AttributeUpdate, ids: &mut u64) {
        let pushed = self.announced.push(update);
        if pushed == Pushed::Nothing {
            return;
        }
        match self.wanted() {
            Ok(wanted) => {
                if pushed == Pushed::Announced {
                    self.knowledge = Knowledge::Known;
                }
                self.offer(wanted, pushed == Pushed::Announced, ids);
            }
            Err(_) => self.knowledge = Knowledge::Due(now),
        }
    }

    /// The package that is announced, unless it is installed.
    pub(super) fn wanted(&self) -> Result<Option<Package>, InvalidPackage> {
        let package = self.announced.package()?;
        if let Some(Source::Server { size, .. }) = package.as_ref().map(|it| &it.source)
            && chunks(*size, self.settings.chunk_size) > i32::MAX as u64
        {
            return Err(InvalidPackage::Size);
        }
        Ok(package.filter(|package| !self.installed.is(package)))
    }

    /// Compares what the server wants with what is offered. `anew`: it has just been assigned, so that
    /// it is told even if it was told before.
    pub(super) fn offer(&mut self, wanted: Option<Package>, anew: bool, ids: &mut u64) {
        self.unusable = None;
        match (wanted, self.stage.offer()) {
            (Some(package), Some(offer)) if offer.package == package => {
                if anew && matches!(self.stage, Stage::Offered { .. }) {
                    self.tell(News::Offered(offer.clone()));
                }
            }
            (Some(package), _) => {
                self.close(UpdateError::Replaced);
                *ids += 1;
                let offer = Offer {
                    id: OfferId::new(self.package_type, *ids),
                    package,
                };
                self.tell(News::Offered(offer.clone()));
                self.stage = Stage::Offered {
                    offer,
                    failed: None,
                };
            }
            (None, _) => self.close(UpdateError::Cancelled),
        }
    }

    /// What is announced cannot be taken. That is said once, not at every connection.
    fn refuse(&mut self, invalid: InvalidPackage) {
        self.close(UpdateError::Replaced);
        if self.unusable.as_ref() != Some(&invalid) {
            self.report(Report::Failed(alloc::format!("{invalid}")));
            self.tell(News::Unusable(invalid.clone()));
            self.unusable = Some(invalid);
        }
    }
}
