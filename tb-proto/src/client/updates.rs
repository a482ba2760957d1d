//! Firmware and software updates: what is followed, and the messages that go with it.

use alloc::collections::BTreeMap;
use bytes::Bytes;

use super::{Client, Event, Pending, Refused, RefusedReason, RequestId};
use crate::codec::{Filter, ProtocolVersion};
use crate::mqtt::Delivered;
use crate::tb::ota::{ChunkRequest, DownloadSettings, News, Report, RequestNumbers, Updates};
use crate::tb::{
    Fetched, Installed, OfferId, PackageType, UpdateError, UpdateState, Verified, topics,
};
use crate::time::Instant;

/// What surrounds the bytes of a chunk in its message, with the longest numbers and some to spare.
const CHUNK_OVERHEAD: usize = 64;

/// Somebody follows the updates of this type already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyFollowed {
    /// What was to be followed.
    pub package_type: PackageType,
}

/// All that a client knows of updates.
#[derive(Debug, Default)]
pub(super) struct Following {
    pub(super) followed: BTreeMap<PackageType, Followed>,
    /// Counts offers, for their names.
    pub(super) offers: u64,
    numbers: RequestNumbers,
    /// What is spoken on the present connection.
    pub(super) version: Option<ProtocolVersion>,
    /// Bytes of reports in the outbox.
    pub(super) report_bytes: usize,
}

#[derive(Debug)]
pub(super) struct Followed {
    pub(super) updates: Updates,
    /// The open request for the attributes that announce a package.
    pub(super) question: Option<RequestId>,
    /// The size of a chunk as it is asked for.
    chunk_size: Bytes,
}

impl Client {
    /// Follows the updates of this type from now on: tells the platform what is installed, asks at
    /// every connection what the server wants the device to have, and listens for changes. What
    /// differs from `installed` comes as [`Event::UpdateOffered`]; nothing is fetched before
    /// [`download`](Self::download).
    ///
    /// # Errors
    /// [`AlreadyFollowed`].
    pub fn follow_updates(
        &mut self,
        now: Instant,
        package_type: PackageType,
        installed: Installed,
    ) -> Result<(), AlreadyFollowed> {
        self.mqtt.advance(now);
        if self.updates.followed.contains_key(&package_type) {
            return Err(AlreadyFollowed { package_type });
        }
        let settings = self.download_settings();
        let followed = Followed {
            updates: Updates::new(package_type, installed, settings),
            question: None,
            chunk_size: Bytes::from(alloc::format!("{}", settings.chunk_size)),
        };
        self.updates.followed.insert(package_type, followed);
        for filter in [
            self.topics.attribute_updates.clone(),
            self.topics.attribute_responses(),
            Filter::from_static(topics::chunks(package_type)),
            Filter::from_static(topics::UPDATE_ERRORS),
        ] {
            self.mqtt.subscribe(filter);
        }
        self.advance();
        Ok(())
    }

    /// Follows them no more. A download that has begun is given up.
    pub fn unfollow_updates(&mut self, now: Instant, package_type: PackageType) {
        self.mqtt.advance(now);
        let Some(followed) = self.updates.followed.get_mut(&package_type) else {
            return;
        };
        followed.updates.give_up();
        self.send_reports();
        if let Some(followed) = self.updates.followed.remove(&package_type) {
            self.withdraw_question(followed.question);
        }
        self.mqtt
            .unsubscribe(&Filter::from_static(topics::chunks(package_type)));
        if !self.updates.is_following() {
            self.mqtt
                .unsubscribe(&Filter::from_static(topics::UPDATE_ERRORS));
            if self.interests.is_empty() {
                self.mqtt.unsubscribe(&self.topics.attribute_updates);
            }
        }
        self.advance();
    }

    /// Accepts an offer: fetches its package from byte `stored` on. The bytes before it are there
    /// already, and a [`Verifier`](crate::Verifier) has seen them. An offer whose download failed can
    /// be accepted again.
    ///
    /// [`Event::DownloadAdvanced`] says when [`fetch`](Self::fetch) has something. Questions and
    /// chunks die with the connection and are put again on the next one, once the server has
    /// confirmed that the package is still assigned.
    ///
    /// # Errors
    /// [`UpdateError::External`], [`UpdateError::NotOffered`], or why the offer ended.
    pub fn download(
        &mut self,
        now: Instant,
        offer: OfferId,
        stored: u64,
    ) -> Result<(), UpdateError> {
        self.mqtt.advance(now);
        if self.mqtt.is_draining() {
            return Err(UpdateError::Abandoned);
        }
        self.updates_of(offer)?.accept(offer, stored)?;
        self.advance();
        Ok(())
    }

    /// What there is of a download. Only a chunk that is handed out makes room for another one: as long
    /// as nobody calls this, no more than [`Config::chunks_in_flight`](crate::Config::chunks_in_flight)
    /// are held, and no more are asked for.
    pub fn fetch(&mut self, now: Instant, offer: OfferId) -> Fetched {
        self.mqtt.advance(now);
        let fetched = match self.updates_of(offer) {
            Ok(updates) => updates.fetch(offer),
            // Followed no more.
            Err(_) => Fetched::Ended(UpdateError::GivenUp),
        };
        self.advance();
        fetched
    }

    /// Tells how a download ended whose bytes were [all handed out](Fetched::Done), or that it is
    /// given up, whatever the reason. The platform is told that the package is verified, or why not.
    ///
    /// # Errors
    /// [`UpdateError::NotOffered`], or why the offer ended meanwhile: then the outcome is not told.
    pub fn finish_download(
        &mut self,
        now: Instant,
        offer: OfferId,
        outcome: Result<Verified, UpdateError>,
    ) -> Result<(), UpdateError> {
        self.mqtt.advance(now);
        let finished = self.updates_of(offer)?.finish(offer, outcome);
        self.advance();
        finished
    }

    /// Tells the platform what only the application can know of an update: that it is being installed,
    /// that it runs, or that it failed. It may be the first thing after a restart of the device.
    ///
    /// # Errors
    /// [`Refused`] gives the state back: the client is disconnecting, or too many reports wait.
    pub fn report_update(
        &mut self,
        now: Instant,
        package_type: PackageType,
        state: UpdateState,
    ) -> Result<Pending<Delivered>, Refused<UpdateState>> {
        self.mqtt.advance(now);
        if self.mqtt.is_draining() {
            return Err(Refused::new(state, RefusedReason::Closed));
        }
        // What the machine has to say of what came before goes first.
        self.send_reports();
        let report = Report::from(state.clone());
        let id = match self.submit_report(package_type, &report, true) {
            Ok(id) => id,
            Err(reason) => return Err(Refused::new(state, reason)),
        };
        self.counters.accepted += 1;
        let Following {
            followed, offers, ..
        } = &mut self.updates;
        if let Some(followed) = followed.get_mut(&package_type) {
            followed.updates.say(&state, offers);
        }
        self.advance();
        Ok(Pending::new(id))
    }

    /// Puts the questions that are due: what is announced, and for chunks.
    pub(super) fn advance_updates(&mut self) {
        if self.updates.followed.is_empty() {
            return;
        }
        self.send_reports();
        if !self.mqtt.is_online() || self.mqtt.is_draining() {
            return;
        }
        let now = self.mqtt.now();
        for package_type in PackageType::ALL {
            self.ask_what_is_announced(now, package_type);
            while let Some((asked, payload)) = self.updates.poll_request(now, package_type) {
                self.ask_for_chunk(package_type, asked, payload);
            }
        }
    }

    pub(super) fn poll_update_event(&mut self) -> Option<Event> {
        self.updates
            .followed
            .iter_mut()
            .find_map(|(&package_type, followed)| {
                if followed.updates.take_stirred() {
                    return Some(Event::DownloadAdvanced { package_type });
                }
                Some(match followed.updates.poll_news()? {
                    News::Offered(offer) => Event::UpdateOffered(offer),
                    News::Withdrawn(offer) => Event::UpdateWithdrawn { offer },
                    News::Unusable(reason) => Event::UpdateUnusable {
                        package_type,
                        reason,
                    },
                })
            })
    }

    /// When something about updates falls due.
    pub(super) fn update_deadline(&self) -> Option<Instant> {
        if !self.updates.is_following() || !self.mqtt.is_online() || self.mqtt.is_draining() {
            return None;
        }
        let followed = self.updates.followed.values();
        followed
            .filter(|it| it.question.is_none())
            .filter_map(|it| it.updates.next_deadline())
            .min()
    }

    fn updates_of(&mut self, offer: OfferId) -> Result<&mut Updates, UpdateError> {
        let followed = self.updates.followed.get_mut(&offer.package_type());
        followed
            .map(|it| &mut it.updates)
            .ok_or(UpdateError::NotOffered)
    }

    /// A chunk has to fit what the server takes and what is taken of it; zero would ask for the whole
    /// package at once (C-118).
    fn download_settings(&self) -> DownloadSettings {
        let config = &self.config;
        let most = config
            .max_packet_size
            .min(config.max_incoming_packet_size)
            .saturating_sub(CHUNK_OVERHEAD);
        let chunk_size = config.chunk_size.min(most).max(1);
        DownloadSettings {
            chunk_size: u32::try_from(chunk_size).unwrap_or(u32::MAX),
            in_flight: config.chunks_in_flight,
            timeout: config.chunk_timeout,
            retries: config.chunk_retries,
        }
    }
}

impl Following {
    pub(super) fn is_following(&self) -> bool {
        !self.followed.is_empty()
    }

    pub(super) const fn online(&mut self, version: ProtocolVersion) {
        self.version = Some(version);
    }

    /// Takes the question that `id` is, if it is one.
    pub(super) fn answered(&mut self, id: RequestId) -> Option<PackageType> {
        self.followed
            .iter_mut()
            .find_map(|(&package_type, followed)| {
                followed
                    .question
                    .take_if(|question| *question == id)
                    .map(|_| package_type)
            })
    }

    pub(super) const fn reported(&mut self, bytes: usize) {
        self.report_bytes = self.report_bytes.saturating_sub(bytes);
    }

    pub(super) fn abandon(&mut self) {
        for followed in self.followed.values_mut() {
            followed.updates.abandon();
        }
    }

    /// Bytes of chunks that wait to be fetched.
    pub(super) fn held(&self) -> usize {
        self.followed.values().map(|it| it.updates.held()).sum()
    }

    fn poll_request(
        &mut self,
        now: Instant,
        package_type: PackageType,
    ) -> Option<(ChunkRequest, Bytes)> {
        let followed = self.followed.get_mut(&package_type)?;
        let asked = followed.updates.poll_request(now, &mut self.numbers)?;
        Some((asked, followed.chunk_size.clone()))
    }
}

impl core::fmt::Display for AlreadyFollowed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the {} updates are followed already", self.package_type)
    }
}

impl core::error::Error for AlreadyFollowed {}
