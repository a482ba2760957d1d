//! Chunk requests (reference §8.4, §8.5).

use std::collections::BTreeMap;

use super::package::{Content, PackageId, UpdateKind};
use crate::sim::agenda::Job;
use crate::sim::backend::{Confirmation, DeviceId};
use crate::sim::charges::Charged;
use crate::sim::failures::Failure;
use crate::sim::publish::Taken;
use crate::sim::rate_limits::Cost;
use crate::sim::simulator::{ConnectionId, Simulator};
use crate::sim::topics::{OTA_ERROR, OtaChunk};

const IMPLEMENTATION_SPECIFIC: u8 = 0x83;

/// What a session knows of its downloads, by the request identifier that the device chose. Firmware and
/// software share both tables, and nothing ever leaves them (C-123).
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Downloads {
    sizes: BTreeMap<String, u32>,
    packages: BTreeMap<String, PackageId>,
}

/// A chunk that a device wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim) struct ChunkRequest {
    kind: UpdateKind,
    request: String,
    number: u32,
    /// 0: the whole package.
    size: u32,
    packet_id: Option<u16>,
}

/// What is told on the error topic before the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    PayloadTooLarge,
    NotFound,
    Failure,
}

impl Refused {
    const fn text(self) -> &'static str {
        match self {
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::NotFound => "NOT_FOUND",
            Self::Failure => "FAILURE",
        }
    }
}

impl Simulator {
    pub(in crate::sim) fn ota_chunk(
        &mut self,
        id: ConnectionId,
        chunk: OtaChunk<'_>,
        packet_id: Option<u16>,
        payload: &[u8],
    ) -> Result<Taken, Failure> {
        let asked = size_of(payload)?;
        let number = chunk.chunk.parse::<i32>();
        let number = number.map_err(|_| Failure::Uncaught)?.unsigned_abs();
        let most = self.setup.server.max_packet_remaining_length;
        let session = self.session_mut(id).ok_or(Failure::Submit)?;
        let size = session.downloads.size(chunk.request, asked);
        let wanted = ChunkRequest {
            kind: chunk.kind,
            request: chunk.request.to_owned(),
            number,
            size,
            packet_id,
        };
        if size > most {
            self.refuse_chunk(id, Refused::PayloadTooLarge);
        } else if let Some(&package) = session.downloads.packages.get(chunk.request) {
            self.send_chunk(id, package, &wanted);
        } else if self.charge(id, Charged::OtaRequest, Cost::Regular) {
            self.look_up_package(id, wanted);
        } else {
            return Err(Failure::Submit);
        }
        Ok(Taken::Quietly)
    }

    /// Only the first request of an identifier is looked up, and only that is charged.
    fn look_up_package(&mut self, id: ConnectionId, wanted: ChunkRequest) {
        match self.backend.service.delay_ms {
            0 => self.answer_look_up(id, &wanted),
            delay_ms => {
                let at = self.now.plus_millis(delay_ms);
                let job = Job::OtaLookUp {
                    connection: id,
                    wanted,
                };
                self.agenda.schedule(at, job);
            }
        }
    }

    /// The service has answered: the first chunk goes out with the PUBACK of its request.
    pub(in crate::sim) fn answer_look_up(&mut self, id: ConnectionId, wanted: &ChunkRequest) {
        let Some(device) = self.device_of(id) else {
            return;
        };
        if self.backend.service.fails {
            self.close_with(id, IMPLEMENTATION_SPECIFIC);
            return;
        }
        match self.assigned_package(device, wanted.kind) {
            Ok(package) => {
                self.backend.packages.cache(package);
                if let Some(session) = self.session_mut(id) {
                    let packages = &mut session.downloads.packages;
                    packages.insert(wanted.request.clone(), package);
                }
                self.send_chunk(id, package, wanted);
            }
            Err(refused) => self.refuse_chunk(id, refused),
        }
    }

    fn assigned_package(&self, device: DeviceId, kind: UpdateKind) -> Result<PackageId, Refused> {
        let release = self.backend.release_of(device, kind);
        match release.ok_or(Refused::NotFound)?.content {
            Content::Stored(package) => Ok(package),
            Content::External(_) => Err(Refused::Failure),
        }
    }

    fn send_chunk(&mut self, id: ConnectionId, package: PackageId, wanted: &ChunkRequest) {
        if let Some(packet_id) = wanted.packet_id {
            self.acknowledge(id, packet_id, Confirmation::AtOnce);
        }
        if self.drops_response() {
            return;
        }
        let chunk = self
            .backend
            .packages
            .chunk(package, wanted.size, wanted.number);
        let chunk = chunk.to_vec();
        let (kind, request, number) = (wanted.kind.prefix(), &wanted.request, wanted.number);
        let topic = format!("v2/{kind}/response/{request}/chunk/{number}");
        self.publish_downlink(id, &topic, &chunk);
    }

    /// No PUBACK, the error of software on the topic of firmware, and the end of the session (C-122).
    fn refuse_chunk(&mut self, id: ConnectionId, refused: Refused) {
        self.publish_downlink(id, OTA_ERROR, refused.text().as_bytes());
        self.close_with(id, IMPLEMENTATION_SPECIFIC);
    }
}

impl Downloads {
    /// The size that counts: the one that was asked for, or else the last of this request.
    fn size(&mut self, request: &str, asked: Option<u32>) -> u32 {
        match asked {
            Some(size) => {
                self.sizes.insert(request.to_owned(), size);
                size
            }
            None => self.sizes.get(request).copied().unwrap_or(0),
        }
    }
}

/// `None`: empty, zero and negative sizes ask for none.
fn size_of(payload: &[u8]) -> Result<Option<u32>, Failure> {
    if payload.is_empty() {
        return Ok(None);
    }
    let size = core::str::from_utf8(payload).ok();
    let size = size.and_then(|text| text.parse::<i32>().ok());
    let size = size.ok_or(Failure::Uncaught)?;
    Ok(u32::try_from(size).ok().filter(|&size| size > 0))
}
