//! One package on its way: which chunks to ask for, and what to make of those that come.
//!
//! ```text
//!   chunk:  missing ──▶ Submitted ──written──▶ Written ──came──▶ arrived ──its turn──▶ handed out
//!              ▲                                  │
//!              └── the link ended ────────────────┤
//!           Waiting ◀── overdue, or a wrong length┘
//! ```
//!
//! Chunks that are asked for and chunks that wait for their turn are together never more than
//! [`DownloadSettings::in_flight`].

use alloc::collections::BTreeMap;
use bytes::Bytes;
use core::time::Duration;

use super::UpdateError;
use crate::time::Instant;

/// Chunks that are never answered may see so many connections begin and end before they are given up.
const FRUITLESS_LINKS: u8 = 20;

/// The peer may hang up on so many connections in a row soon after a chunk was asked for, without
/// saying why (MQTT 3.1.1), before the question is taken for the cause.
const HANG_UPS: u8 = 3;

/// An end later than this after a question was written is not blamed on it.
const BLAME: Duration = Duration::from_secs(5);

/// The deadline of a chunk doubles with each retry up to this.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);

/// The pause before the server looks a package up again; it doubles with each retry.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);

/// The choices of [`Config`](crate::Config) about chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DownloadSettings {
    /// Bytes of a chunk; never zero, which would ask for the whole package at once (C-118).
    pub(crate) chunk_size: u32,
    /// Chunks that may be on their way at a time; never zero.
    pub(crate) in_flight: u32,
    /// How long a chunk may take.
    pub(crate) timeout: Duration,
    /// How often one is asked for again.
    pub(crate) retries: u8,
}

/// Numbers for download requests, never the same twice on a connection: the server remembers the
/// package of each, for firmware and software together (C-123).
#[derive(Debug, Default)]
pub(crate) struct RequestNumbers(i32);

impl RequestNumbers {
    fn take(&mut self) -> i32 {
        self.0 = self.0.checked_add(1).unwrap_or(1);
        self.0
    }
}

/// A question for a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkRequest {
    pub(crate) request: i32,
    pub(crate) chunk: u32,
    pub(crate) size: u32,
    /// Nothing was answered under this number yet: the server charges for it (TB §14.5).
    pub(crate) opens: bool,
}

/// Bytes of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where in the package they stand; directly behind those handed out before.
    pub offset: u64,
    /// The bytes, never none.
    pub bytes: Bytes,
}

/// How a connection ended, as far as it speaks against what was asked on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkEnd {
    /// The server named a packet as the reason (MQTT 5).
    BlamesPacket,
    /// The server closed without a word.
    HungUp,
    /// Anything else.
    Innocent,
}

#[derive(Debug)]
pub(crate) struct Download {
    size: u64,
    settings: DownloadSettings,
    /// Offset of the next byte to hand out.
    next: u64,
    /// Chunks that came and wait for those before them, or for being taken.
    arrived: BTreeMap<u32, Bytes>,
    link: Option<OnLink>,
    /// Connections in a row on which chunks were asked for and none came.
    fruitless: u8,
    /// Connections in a row that the peer closed soon after a question.
    hang_ups: u8,
}

/// What dies with the connection.
#[derive(Debug, Default)]
struct OnLink {
    /// The number under which it asks now; `None` until it asks.
    request: Option<i32>,
    /// The server has answered this number. Until then it is asked for one chunk only: it looks the
    /// package up at the first question, and answers in the order of the questions only after it.
    opened: bool,
    /// Any chunk came on this connection.
    fruitful: bool,
    asked: BTreeMap<u32, Asked>,
    /// When a question was last written.
    written: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    tries: u8,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Handed over, not yet written.
    Submitted,
    /// Written; overdue then.
    Written { due: Instant },
    /// To be asked for again then.
    Waiting { until: Instant },
}

impl Download {
    /// A package of `size` bytes of which the first `from` are there.
    pub(crate) fn new(size: u64, from: u64, settings: DownloadSettings) -> Self {
        Self {
            size,
            settings,
            next: from.min(size),
            arrived: BTreeMap::new(),
            link: None,
            fruitless: 0,
            hang_ups: 0,
        }
    }

    /// The connection can be asked.
    pub(crate) fn link_up(&mut self) {
        self.link.get_or_insert_default();
    }

    /// The connection is over. What has arrived stays.
    pub(crate) fn link_down(&mut self, now: Instant, end: LinkEnd) -> Result<(), UpdateError> {
        let Some(link) = self.link.take() else {
            return Ok(());
        };
        let Some(written) = link.written else {
            return Ok(());
        };
        if link.fruitful {
            (self.fruitless, self.hang_ups) = (0, 0);
            return Ok(());
        }
        self.fruitless = self.fruitless.saturating_add(1);
        match end {
            LinkEnd::BlamesPacket if now.duration_since(written) <= BLAME => {
                return Err(UpdateError::ClosesConnection);
            }
            LinkEnd::HungUp if now.duration_since(written) <= BLAME => {
                self.hang_ups = self.hang_ups.saturating_add(1);
                if self.hang_ups >= HANG_UPS {
                    return Err(UpdateError::ClosesConnection);
                }
            }
            _ => self.hang_ups = 0,
        }
        if self.fruitless >= FRUITLESS_LINKS {
            return Err(UpdateError::NoAnswer { chunk: self.turn() });
        }
        Ok(())
    }

    /// The next question that can be asked now; call until there is none.
    pub(crate) fn poll_request(
        &mut self,
        now: Instant,
        numbers: &mut RequestNumbers,
    ) -> Result<Option<ChunkRequest>, UpdateError> {
        let settings = self.settings;
        let first = self.turn();
        let end = self.chunks().min(first.saturating_add(settings.in_flight));
        let Some(link) = &mut self.link else {
            return Ok(None);
        };
        let mut next = None;
        for (&chunk, asked) in &mut link.asked {
            if let Stage::Written { due } = asked.stage
                && due <= now
            {
                asked.tries = asked.tries.saturating_add(1);
                asked.stage = Stage::Waiting { until: now };
                if asked.tries > settings.retries {
                    return Err(UpdateError::NoAnswer { chunk });
                }
            }
            if matches!(asked.stage, Stage::Waiting { until } if until <= now) {
                next = next.or(Some(chunk));
            }
        }
        if link.open() >= link.allowed(&settings) {
            return Ok(None);
        }
        let arrived = &self.arrived;
        let next = next.or_else(|| {
            // A chunk that has to wait holds up those behind it until the number is known to work.
            let free = link.opened || link.asked.is_empty();
            (first..end).find(|chunk| {
                free && !link.asked.contains_key(chunk) && !arrived.contains_key(chunk)
            })
        });
        let Some(chunk) = next else {
            return Ok(None);
        };
        let request = *link.request.get_or_insert_with(|| numbers.take());
        let asked = link.asked.entry(chunk).or_insert(Asked {
            tries: 0,
            stage: Stage::Submitted,
        });
        asked.stage = Stage::Submitted;
        Ok(Some(ChunkRequest {
            request,
            chunk,
            size: settings.chunk_size,
            opens: !link.opened,
        }))
    }

    /// A question was handed to the connection.
    pub(crate) fn written(&mut self, now: Instant, asked: ChunkRequest) {
        let timeout = self.settings.timeout;
        let Some(link) = &mut self.link else { return };
        if link.request != Some(asked.request) {
            return;
        }
        link.written = Some(now);
        if let Some(asked) = link.asked.get_mut(&asked.chunk)
            && asked.stage == Stage::Submitted
        {
            asked.stage = Stage::Written {
                due: now + backed_off(timeout, asked.tries),
            };
        }
    }

    /// A chunk came. What was not asked for under this number, came before or is handed out already
    /// is ignored; the answer is whether it was not.
    pub(crate) fn handle_chunk(
        &mut self,
        now: Instant,
        request: i32,
        chunk: u32,
        payload: Bytes,
    ) -> Result<bool, UpdateError> {
        let expected = self.len_of(chunk);
        let settings = self.settings;
        let Some(link) = self.link.as_mut().filter(|it| it.request == Some(request)) else {
            return Ok(false);
        };
        let Some(asked) = link.asked.get_mut(&chunk) else {
            return Ok(false);
        };
        if payload.len() != expected {
            // Empty when the package fell out of the server's cache (TB §8.5). Another number makes
            // the server look the package up again.
            asked.tries = asked.tries.saturating_add(1);
            if asked.tries > settings.retries {
                return Err(UpdateError::WrongLength {
                    chunk,
                    expected,
                    received: payload.len(),
                });
            }
            let until = now + backed_off(LOOK_UP_PAUSE, asked.tries);
            link.request = None;
            link.opened = false;
            for asked in link.asked.values_mut() {
                asked.stage = Stage::Waiting { until };
            }
            return Ok(true);
        }
        link.asked.remove(&chunk);
        link.opened = true;
        link.fruitful = true;
        // On a slow line chunks come one after the other: those behind this one have time again.
        for asked in link.asked.values_mut() {
            if let Stage::Written { due } = &mut asked.stage {
                *due = (*due).max(now + settings.timeout);
            }
        }
        self.arrived.insert(chunk, payload);
        Ok(true)
    }

    /// Hands out the next bytes, if they are there. Only this makes room for further questions.
    pub(crate) fn take(&mut self) -> Option<Chunk> {
        let turn = self.turn();
        let bytes = self.arrived.remove(&turn)?;
        let begin = u64::from(turn) * u64::from(self.settings.chunk_size);
        // What was stored before may end within a chunk.
        let known = usize::try_from(self.next.saturating_sub(begin)).unwrap_or(usize::MAX);
        let bytes = bytes.slice(known.min(bytes.len())..);
        let offset = self.next;
        self.next = self.next.saturating_add(bytes.len() as u64);
        Some(Chunk { offset, bytes })
    }

    /// Whether [`take`](Self::take) would give something.
    pub(crate) fn is_ready(&self) -> bool {
        self.arrived.contains_key(&self.turn())
    }

    /// Whether all bytes were handed out.
    pub(crate) const fn is_done(&self) -> bool {
        self.next >= self.size
    }

    /// Whether questions are out that nothing has answered under this number.
    pub(crate) fn is_opening(&self) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| !link.opened && link.open() > 0)
    }

    /// Whether questions are out.
    pub(crate) fn is_asking(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.open() > 0)
    }

    /// When something falls due. What waits for its turn behind a question that is out is not due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let link = self.link.as_ref()?;
        let free = link.open() < link.allowed(&self.settings);
        link.asked
            .values()
            .filter_map(|asked| match asked.stage {
                Stage::Submitted => None,
                Stage::Written { due } => Some(due),
                Stage::Waiting { until } => free.then_some(until),
            })
            .min()
    }

    /// Bytes that wait to be taken.
    pub(crate) fn held(&self) -> usize {
        self.arrived.values().map(Bytes::len).sum()
    }

    /// The chunk that is handed out next; behind the last one when all were.
    fn turn(&self) -> u32 {
        if self.is_done() {
            return self.chunks();
        }
        let turn = self.next / u64::from(self.settings.chunk_size.max(1));
        u32::try_from(turn).unwrap_or(u32::MAX)
    }

    fn chunks(&self) -> u32 {
        u32::try_from(chunks(self.size, self.settings.chunk_size)).unwrap_or(u32::MAX)
    }

    fn len_of(&self, chunk: u32) -> usize {
        let size = u64::from(self.settings.chunk_size);
        let begin = u64::from(chunk) * size;
        usize::try_from(self.size.saturating_sub(begin).min(size)).unwrap_or(usize::MAX)
    }
}

impl OnLink {
    /// Questions that are out.
    fn open(&self) -> u32 {
        let out = |asked: &&Asked| !matches!(asked.stage, Stage::Waiting { .. });
        u32::try_from(self.asked.values().filter(out).count()).unwrap_or(u32::MAX)
    }

    const fn allowed(&self, settings: &DownloadSettings) -> u32 {
        if self.opened { settings.in_flight } else { 1 }
    }
}

/// How many chunks a package has.
pub(super) const fn chunks(size: u64, chunk_size: u32) -> u64 {
    size.div_ceil(if chunk_size == 0 {
        1
    } else {
        chunk_size as u64
    })
}

fn backed_off(timeout: Duration, tries: u8) -> Duration {
    let factor = 1_u32.checked_shl(u32::from(tries)).unwrap_or(u32::MAX);
    timeout
        .saturating_mul(factor)
        .min(LONGEST_TIMEOUT.max(timeout))
}
