//! Updates of one type of package: what is announced, and what became of it.
//!
//! ```text
//!   Idle ──announced──▶ Offered ──accepted──▶ Downloading ──all bytes taken──▶ Downloaded
//!    ▲                    ▲ │                     │                               │
//!    └── cancelled ───────┼─┴─────────────────────┴───────────────────────────────┤
//!                         └── failed, given up ───┴───────────────────────────────┘
//! ```

use alloc::collections::VecDeque;
use bytes::Bytes;
use core::time::Duration;

use super::announcement::{Announcement, Pushed};
use super::download::{Download, chunks};
use super::report::Report;
use super::{
    Chunk, ChunkRefusal, ChunkRequest, DownloadSettings, Installed, InvalidPackage, LinkEnd, Offer,
    OfferId, Package, PackageType, RequestNumbers, Source, UpdateError, UpdateState, Verified,
};
use crate::tb::{AttributeMap, AttributeUpdate};
use crate::time::Instant;

/// The pause before the server is asked again what it did not answer; it doubles up to the second.
/// ThingsBoard keeps silent when a look-up fails (C-077).
const ASK_AGAIN: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(600)];

/// Reports that wait to be sent; of more only the newest matter to the platform.
const MAX_REPORTS: usize = 8;

/// What the application has to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Offered(Offer),
    /// An offer that was told is none any more.
    Withdrawn(OfferId),
    Unusable(InvalidPackage),
}

/// What [`Updates::fetch`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    Chunk(Chunk),
    /// Nothing yet.
    Pending,
    /// All bytes were handed out.
    Done,
    Ended(UpdateError),
}

#[derive(Debug)]
pub(crate) struct Updates {
    package_type: PackageType,
    settings: DownloadSettings,
    installed: Installed,
    announced: Announcement,
    stage: Stage,
    /// Why the download of an offer ended that is not open any more.
    ended: Option<(OfferId, UpdateError)>,
    knowledge: Knowledge,
    /// Questions in a row that were not answered.
    unanswered: u32,
    /// What was last said to be unusable.
    unusable: Option<InvalidPackage>,
    news: VecDeque<News>,
    reports: VecDeque<Report>,
    /// Somebody who waits for a chunk should look.
    stirred: bool,
}

/// Whether it is known on this connection what the server announces. Chunks are asked for only then,
/// so that they are of the package they are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    /// The server has to be asked, but not before.
    Due(Instant),
    Asked,
    Known,
}

#[derive(Debug)]
enum Stage {
    Idle,
    Offered {
        offer: Offer,
        /// How the last attempt ended, until that was fetched.
        failed: Option<UpdateError>,
    },
    Downloading {
        offer: Offer,
        download: Download,
    },
    Downloaded {
        offer: Offer,
    },
}

impl Stage {
    const fn offer(&self) -> Option<&Offer> {
        match self {
            Self::Idle => None,
            Self::Offered { offer, .. }
            | Self::Downloading { offer, .. }
            | Self::Downloaded { offer } => Some(offer),
        }
    }
}

impl Updates {
    pub(crate) fn new(
        package_type: PackageType,
        installed: Installed,
        settings: DownloadSettings,
    ) -> Self {
        Self {
            package_type,
            settings,
            announced: Announcement::new(package_type),
            stage: Stage::Idle,
            ended: None,
            knowledge: Knowledge::Due(Instant::default()),
            unanswered: 0,
            unusable: None,
            news: VecDeque::new(),
            reports: VecDeque::from([Report::Current(installed.clone())]),
            installed,
            stirred: false,
        }
    }

    /// Whether the server has to be asked now for the attributes of the announcement.
    pub(crate) fn asks(&self, now: Instant) -> bool {
        matches!(self.knowledge, Knowledge::Due(at) if at <= now)
    }

    /// It was asked.
    pub(crate) const fn asked(&mut self) {
        self.knowledge = Knowledge::Asked;
    }

    /// It has answered.
    pub(crate) fn handle_answer(&mut self, shared: &AttributeMap, ids: &mut u64) {
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

    /// The server refuses chunks, and closes the connection after this.
    pub(crate) fn handle_refusal(&mut self, refusal: ChunkRefusal) {
        self.fail(UpdateError::Refused(refusal));
    }

    pub(crate) fn handle_chunk(&mut self, now: Instant, request: i32, chunk: u32, payload: Bytes) {
        let Stage::Downloading { download, .. } = &mut self.stage else {
            return;
        };
        match download.handle_chunk(now, request, chunk, payload) {
            Ok(()) => self.stirred |= download.is_ready(),
            Err(error) => self.fail(error),
        }
    }

    /// The connection is over: before chunks are asked for on the next one, the server has to confirm
    /// what they are of.
    pub(crate) fn link_down(&mut self, now: Instant, end: LinkEnd) {
        self.knowledge = Knowledge::Due(now);
        if let Stage::Downloading { download, .. } = &mut self.stage
            && let Err(error) = download.link_down(now, end)
        {
            self.fail(error);
        }
    }

    /// The next question that can be asked now; call until there is none.
    pub(crate) fn poll_request(
        &mut self,
        now: Instant,
        numbers: &mut RequestNumbers,
    ) -> Option<ChunkRequest> {
        if self.knowledge != Knowledge::Known {
            return None;
        }
        let Stage::Downloading { download, .. } = &mut self.stage else {
            return None;
        };
        download.link_up();
        match download.poll_request(now, numbers) {
            Ok(request) => request,
            Err(error) => {
                self.fail(error);
                None
            }
        }
    }

    /// A question was handed to the connection.
    pub(crate) fn written(&mut self, now: Instant, asked: ChunkRequest) {
        if let Stage::Downloading { download, .. } = &mut self.stage {
            download.written(now, asked);
        }
    }

    /// Begins to fetch the package; the first `from` bytes are there already.
    pub(crate) fn accept(&mut self, id: OfferId, from: u64) -> Result<(), UpdateError> {
        let size = match &self.stage {
            Stage::Offered { offer, .. } if offer.id == id => match offer.package.source {
                Source::Server { size, .. } => size,
                Source::External { .. } => return Err(UpdateError::External),
            },
            _ => return Err(self.gone(id)),
        };
        let download = Download::new(size, from, self.settings);
        if let Stage::Offered { offer, .. } = core::mem::replace(&mut self.stage, Stage::Idle) {
            self.stage = Stage::Downloading { offer, download };
        }
        self.report(Report::Downloading(self.installed.clone()));
        Ok(())
    }

    /// What there is for whoever downloads this offer.
    pub(crate) fn fetch(&mut self, id: OfferId) -> Fetched {
        self.stirred = false;
        match &mut self.stage {
            Stage::Downloading { offer, download } if offer.id == id => {
                if let Some(chunk) = download.take() {
                    return Fetched::Chunk(chunk);
                }
                if !download.is_done() {
                    return Fetched::Pending;
                }
                let offer = offer.clone();
                self.stage = Stage::Downloaded { offer };
                self.report(Report::Downloaded);
                Fetched::Done
            }
            Stage::Downloaded { offer } if offer.id == id => Fetched::Done,
            Stage::Offered { offer, failed } if offer.id == id => {
                Fetched::Ended(failed.take().unwrap_or(UpdateError::NotOffered))
            }
            _ => Fetched::Ended(self.gone(id)),
        }
    }

    /// The package was found to be the announced one, or not to be fit.
    pub(crate) fn finish(
        &mut self,
        id: OfferId,
        outcome: Result<Verified, UpdateError>,
    ) -> Result<(), UpdateError> {
        if self.stage.offer().is_none_or(|offer| offer.id != id) {
            return Err(self.gone(id));
        }
        match outcome {
            Ok(_) => self.report(Report::Verified),
            Err(error) => {
                self.fail(error);
                // Whoever says so knows it.
                if let Stage::Offered { failed, .. } = &mut self.stage {
                    *failed = None;
                }
            }
        }
        Ok(())
    }

    /// What the application says of the installation.
    pub(crate) fn say(&mut self, state: &UpdateState, ids: &mut u64) {
        match state {
            UpdateState::Updating => {}
            UpdateState::Updated(installed) => {
                self.installed = installed.clone();
                let done = self
                    .stage
                    .offer()
                    .is_some_and(|it| installed.is(&it.package));
                if done && !matches!(self.stage, Stage::Downloading { .. }) {
                    self.stage = Stage::Idle;
                }
                if let Ok(wanted) = self.wanted() {
                    self.offer(wanted, false, ids);
                }
            }
            UpdateState::Failed(_) => self.offer_again(Some(UpdateError::GivenUp)),
        }
    }

    /// Everything ends.
    pub(crate) fn abandon(&mut self) {
        if let Stage::Downloading { offer, .. } = &self.stage {
            self.ended = Some((offer.id, UpdateError::Abandoned));
            self.stage = Stage::Idle;
            self.stirred = true;
        }
    }

    pub(crate) fn poll_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    pub(crate) fn poll_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    /// A report that could not be sent yet.
    pub(crate) fn put_back(&mut self, report: Report) {
        self.reports.push_front(report);
    }

    /// Whether somebody who waits for a chunk should look; asked once for each change.
    pub(crate) const fn take_stirred(&mut self) -> bool {
        core::mem::replace(&mut self.stirred, false)
    }

    /// Whether a package is being fetched.
    pub(crate) fn is_asking(&self) -> bool {
        matches!(&self.stage, Stage::Downloading { download, .. } if download.is_asking())
    }

    /// Whether the server has not answered the first question under its number.
    pub(crate) fn is_opening(&self) -> bool {
        matches!(&self.stage, Stage::Downloading { download, .. } if download.is_opening())
    }

    /// When something falls due while there is a connection.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        match (self.knowledge, &self.stage) {
            (Knowledge::Due(at), _) => Some(at),
            (Knowledge::Known, Stage::Downloading { download, .. }) => download.next_deadline(),
            _ => None,
        }
    }

    #[cfg(test)]
    pub(crate) const fn settings(&self) -> DownloadSettings {
        self.settings
    }

    /// Bytes of chunks that wait to be taken.
    pub(crate) fn held(&self) -> usize {
        match &self.stage {
            Stage::Downloading { download, .. } => download.held(),
            _ => 0,
        }
    }

    /// Chunks that fitted nothing that was asked for, in this download.
    pub(crate) fn ignored(&self) -> u64 {
        match &self.stage {
            Stage::Downloading { download, .. } => download.ignored(),
            _ => 0,
        }
    }

    /// The package that is announced, unless it is installed.
    fn wanted(&self) -> Result<Option<Package>, InvalidPackage> {
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
    fn offer(&mut self, wanted: Option<Package>, anew: bool, ids: &mut u64) {
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
                    id: OfferId(*ids),
                    package_type: self.package_type,
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

    /// The present offer is none any more.
    fn close(&mut self, why: UpdateError) {
        match core::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => {}
            Stage::Offered { offer, .. } | Stage::Downloaded { offer } => {
                self.tell(News::Withdrawn(offer.id));
            }
            Stage::Downloading { offer, .. } => {
                // After a replacement the platform has begun to count anew: nothing is said of the
                // old package.
                if why == UpdateError::Cancelled {
                    self.report(Report::Failed(alloc::format!("{why}")));
                }
                self.ended = Some((offer.id, why));
                self.stirred = true;
                self.tell(News::Withdrawn(offer.id));
            }
        }
    }

    /// The download, or what followed it, has failed. The offer stays open for another attempt.
    fn fail(&mut self, error: UpdateError) {
        if !matches!(
            self.stage,
            Stage::Downloading { .. } | Stage::Downloaded { .. }
        ) {
            return;
        }
        self.report(Report::Failed(alloc::format!("{error}")));
        self.offer_again(Some(error));
    }

    fn offer_again(&mut self, failed: Option<UpdateError>) {
        match core::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Downloading { offer, .. } | Stage::Downloaded { offer } => {
                self.stirred = true;
                self.stage = Stage::Offered { offer, failed };
            }
            stage => self.stage = stage,
        }
    }

    /// Why an offer is not open.
    fn gone(&mut self, id: OfferId) -> UpdateError {
        match self.ended.take_if(|(ended, _)| *ended == id) {
            Some((_, error)) => error,
            None => UpdateError::NotOffered,
        }
    }

    /// One piece of news of each kind is enough: an offer makes a withdrawal before it known too.
    fn tell(&mut self, news: News) {
        self.news
            .retain(|waiting| core::mem::discriminant(waiting) != core::mem::discriminant(&news));
        if let News::Withdrawn(id) = news {
            self.news
                .retain(|waiting| !matches!(waiting, News::Offered(offer) if offer.id == id));
        }
        self.news.push_back(news);
    }

    fn report(&mut self, report: Report) {
        if self.reports.len() >= MAX_REPORTS {
            self.reports.pop_front();
        }
        self.reports.push_back(report);
    }
}
