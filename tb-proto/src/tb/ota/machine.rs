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

use super::announcement::Announcement;
use super::assignment::Knowledge;
use super::download::Download;
use super::report::Report;
use super::{
    Chunk, ChunkRefusal, ChunkRequest, DownloadSettings, Installed, InvalidPackage, LinkEnd, Offer,
    OfferId, PackageType, RequestNumbers, Source, UpdateError, UpdateState, Verified,
};
use crate::time::Instant;

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

/// What there is for whoever downloads a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The next bytes. With them taken, there is room for another chunk.
    Chunk(Chunk),
    /// Nothing yet.
    Pending,
    /// All bytes were handed out: now the package has to be verified.
    Done,
    /// There will be none.
    Ended(UpdateError),
}

#[derive(Debug)]
pub(crate) struct Updates {
    pub(super) package_type: PackageType,
    pub(super) settings: DownloadSettings,
    pub(super) installed: Installed,
    pub(super) announced: Announcement,
    pub(super) stage: Stage,
    /// Why the download of an offer ended that is not open any more.
    ended: Option<(OfferId, UpdateError)>,
    pub(super) knowledge: Knowledge,
    /// Questions in a row that were not answered.
    pub(super) unanswered: u32,
    /// What was last said to be unusable.
    pub(super) unusable: Option<InvalidPackage>,
    news: VecDeque<News>,
    reports: VecDeque<Report>,
    /// Somebody who waits for a chunk should look.
    stirred: bool,
}

#[derive(Debug)]
pub(super) enum Stage {
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
    pub(super) const fn offer(&self) -> Option<&Offer> {
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

    /// The server refuses chunks, and closes the connection after this.
    pub(crate) fn handle_refusal(&mut self, refusal: ChunkRefusal) {
        self.fail(UpdateError::Refused(refusal));
    }

    /// A chunk came; the answer is whether it was asked for.
    pub(crate) fn handle_chunk(
        &mut self,
        now: Instant,
        request: i32,
        chunk: u32,
        payload: Bytes,
    ) -> bool {
        let Stage::Downloading { download, .. } = &mut self.stage else {
            return false;
        };
        match download.handle_chunk(now, request, chunk, payload) {
            Ok(fits) => {
                self.stirred |= download.is_ready();
                fits
            }
            Err(error) => {
                self.fail(error);
                true
            }
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

    /// The application follows no more.
    pub(crate) fn give_up(&mut self) {
        if matches!(self.stage, Stage::Downloading { .. }) {
            self.fail(UpdateError::GivenUp);
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

    /// The present offer is none any more.
    pub(super) fn close(&mut self, why: UpdateError) {
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
    pub(super) fn tell(&mut self, news: News) {
        self.news
            .retain(|waiting| core::mem::discriminant(waiting) != core::mem::discriminant(&news));
        if let News::Withdrawn(id) = news {
            self.news
                .retain(|waiting| !matches!(waiting, News::Offered(offer) if offer.id == id));
        }
        self.news.push_back(news);
    }

    pub(super) fn report(&mut self, report: Report) {
        if self.reports.len() >= MAX_REPORTS {
            self.reports.pop_front();
        }
        self.reports.push_back(report);
    }
}
