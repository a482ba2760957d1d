//! Firmware and software updates: what the server announces and hands out, and what the application
//! does with it.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::World;
use super::ledger::{Sent, Ticket};
use crate::{
    ChecksumAlgorithm, Fetched, Hasher, Installed, OfferId, PackageType, Source, Target,
    UpdateError, UpdateState, Verifier,
};

/// Bytes of the one image that the server has, in chunks of [`CHUNK`] bytes: two whole ones and a rest.
const IMAGE: usize = 40;
pub(super) const CHUNK: usize = 16;

/// A question for a chunk that came to the server.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// `fw` or `sw`.
    kind: String,
    number: i32,
    chunk: usize,
    size: usize,
}

/// What the application has of each download that it began.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    offered: Vec<OfferId>,
    begun: BTreeMap<OfferId, Vec<u8>>,
}

impl Question {
    /// Reads the topic and the payload of a message; `None` if it is something else.
    pub(super) fn read(topic: &str, payload: &[u8]) -> Option<Self> {
        let (kind, rest) = topic.strip_prefix("v2/")?.split_once("/request/")?;
        let (number, chunk) = rest.split_once("/chunk/")?;
        let question = Self {
            kind: kind.into(),
            number: number.parse().expect("a number"),
            chunk: chunk.parse().expect("a number"),
            size: core::str::from_utf8(payload).ok()?.parse().expect("a size"),
        };
        assert_eq!(question.size, CHUNK, "zero would ask for all of it (C-118)");
        Some(question)
    }

    /// The answer: right, or wrong as `choice` says.
    pub(super) fn answer(&self, choice: u8) -> (String, Vec<u8>) {
        let Self {
            kind,
            number,
            chunk,
            size,
        } = self;
        let image = image();
        let begin = (chunk * size).min(IMAGE);
        let bytes = &image[begin..(begin + size).min(IMAGE)];
        let (number, chunk, bytes) = match choice {
            0 => (*number, *chunk, bytes),
            1 => (*number, *chunk, &bytes[..bytes.len() / 2]),
            2 => (*number, *chunk, &image[..]),
            3 => (*number, chunk + 1, bytes),
            _ => (number + 1, *chunk, bytes),
        };
        let topic = format!("v2/{kind}/response/{number}/chunk/{chunk}");
        (topic, bytes.to_vec())
    }
}

fn image() -> Vec<u8> {
    (0..=u8::MAX).take(IMAGE).collect()
}

/// The shared attributes that announce the image as version `version`.
pub(super) fn announcement(kind: &str, version: u8) -> String {
    let mut hasher = Hasher::new(ChecksumAlgorithm::Sha256);
    hasher.update(&image());
    let checksum = hasher.finish();
    let digits: String = checksum
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!(
        r#"{{"{kind}_title":"pump","{kind}_version":{version},"{kind}_size":{IMAGE},"{kind}_checksum":"{digits}","{kind}_checksum_algorithm":"SHA256"}}"#
    )
}

const fn package_type(number: u8) -> PackageType {
    if number.is_multiple_of(2) {
        PackageType::Firmware
    } else {
        PackageType::Software
    }
}

impl World {
    pub(super) fn offered(&mut self, offer: crate::Offer) {
        let source = offer.package.source;
        assert!(
            matches!(source, Source::Server { .. } | Source::External { .. }),
            "{source:?}"
        );
        self.downloads.offered.push(offer.id);
    }

    pub(super) fn follow_updates(&mut self, number: u8) {
        let installed = Installed::new("pump", if number & 2 == 0 { "1" } else { "7" });
        // Refused where the updates are followed already.
        let _ = self
            .client
            .follow_updates(self.now, package_type(number), installed);
    }

    pub(super) fn unfollow_updates(&mut self, number: u8) {
        self.client.unfollow_updates(self.now, package_type(number));
    }

    /// Accepts an offer, new or old.
    pub(super) fn download(&mut self, number: u8) {
        let position = usize::from(number) % self.downloads.offered.len().max(1);
        let Some(&offer) = self.downloads.offered.get(position) else {
            return;
        };
        if self.client.download(self.now, offer, 0).is_ok() {
            self.downloads.begun.insert(offer, Vec::new());
        }
    }

    /// Fetches what there is of a download. Its bytes are those of the image, in their order.
    pub(super) fn fetch(&mut self, number: u8) {
        let position = usize::from(number) % self.downloads.begun.len().max(1);
        let Some((&offer, stored)) = self.downloads.begun.iter_mut().nth(position) else {
            return;
        };
        let outcome = match self.client.fetch(self.now, offer) {
            Fetched::Chunk(chunk) => {
                assert_eq!(usize::try_from(chunk.offset), Ok(stored.len()));
                stored.extend_from_slice(&chunk.bytes);
                // Bytes that nobody has read may have brought any chunk.
                assert!(
                    image().starts_with(stored) || self.ledger.anything_acknowledged,
                    "{stored:x?}"
                );
                return;
            }
            Fetched::Pending => return,
            Fetched::Done if number & 0x20 != 0 => Err(UpdateError::GivenUp),
            Fetched::Done => {
                let mut hasher = Hasher::new(ChecksumAlgorithm::Sha256);
                hasher.update(&image());
                let mut verifier = Verifier::new(IMAGE as u64, hasher.finish());
                verifier.update(stored);
                verifier.finish()
            }
            Fetched::Ended(_) => {
                self.downloads.begun.remove(&offer);
                return;
            }
        };
        self.downloads.begun.remove(&offer);
        // The offer may have ended meanwhile.
        let _ = self.client.finish_download(self.now, offer, outcome);
    }

    pub(super) fn report_update(&mut self, number: u8) {
        let n = self.next_number();
        let package_type = package_type(number);
        let (state, text) = match number / 2 % 3 {
            0 => (UpdateState::Updating, "UPDATING".into()),
            1 => {
                let version = format!("{n}");
                let text = version.clone();
                let state = UpdateState::Updated(Installed::new("pump", version));
                (state, text)
            }
            _ => {
                let why = format!("{n}");
                (UpdateState::Failed(why.clone()), why)
            }
        };
        let report = self
            .client
            .report_update(self.now, package_type, state.clone());
        match report {
            Ok(ticket) => {
                let sent = Sent {
                    number: n,
                    target: Target::Telemetry,
                    text,
                    accepted: self.now,
                };
                self.ledger.open(ticket.id(), Ticket::Report(sent));
            }
            Err(refused) => assert_eq!(refused.into_item(), state),
        }
    }
}
