mod announcing;
mod checksums;
mod downloading;
mod random;
mod reporting;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::tb::{AttributeMap, AttributeUpdate};
use crate::time::Instant;

const SETTINGS: DownloadSettings = DownloadSettings {
    chunk_size: 100,
    in_flight: 2,
    timeout: Duration::from_secs(20),
    retries: 3,
};

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

/// The package of the recordings: byte i is 31 i + 7 modulo 256.
fn image(size: usize) -> Vec<u8> {
    (0..size).map(|i| (31 * i + 7) as u8).collect()
}

fn checksum(algorithm: ChecksumAlgorithm, data: &[u8]) -> Checksum {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(data);
    hasher.finish()
}

fn attributes(value: Value) -> AttributeMap {
    match value {
        Value::Object(members) => members.into_iter().collect(),
        _ => panic!("an object"),
    }
}

fn assigned(title: &str, version: &str, size: usize) -> Value {
    let checksum = checksum(ChecksumAlgorithm::Sha256, &image(size));
    json!({
        "fw_title": title,
        "fw_version": version,
        "fw_size": size,
        "fw_checksum": alloc::format!("{checksum}"),
        "fw_checksum_algorithm": "SHA256",
    })
}

fn update(value: Value) -> AttributeUpdate {
    AttributeUpdate {
        updated: attributes(value),
        deleted: Vec::new(),
    }
}

fn deletion(keys: &[&str]) -> AttributeUpdate {
    AttributeUpdate {
        updated: AttributeMap::default(),
        deleted: keys.iter().map(|&key| String::from(key)).collect(),
    }
}

/// What a cancelled assignment deletes (TB §8.2).
fn cancellation() -> AttributeUpdate {
    deletion(&[
        "fw_title",
        "fw_version",
        "fw_ts",
        "fw_state",
        "fw_size",
        "fw_checksum",
        "fw_checksum_algorithm",
        "fw_url",
        "fw_tag",
    ])
}

/// A device that runs pump 1.3.
struct Device {
    updates: Updates,
    ids: u64,
    numbers: RequestNumbers,
}

impl Device {
    fn new() -> Self {
        Self {
            updates: Updates::new(
                PackageType::Firmware,
                Installed::new("pump", "1.3"),
                SETTINGS,
            ),
            ids: 0,
            numbers: RequestNumbers::default(),
        }
    }

    fn answer(&mut self, shared: Value) {
        self.updates.asked();
        self.updates
            .handle_answer(&attributes(shared), &mut self.ids);
    }

    fn push(&mut self, update: &AttributeUpdate) {
        self.updates.handle_update(at(0), update, &mut self.ids);
    }

    fn news(&mut self) -> Vec<News> {
        core::iter::from_fn(|| self.updates.poll_news()).collect()
    }

    /// The offer that is the only news.
    fn offered(&mut self) -> Offer {
        let news = self.news();
        match news.as_slice() {
            [News::Offered(offer)] => offer.clone(),
            _ => panic!("{news:?}"),
        }
    }

    fn reports(&mut self) -> Vec<String> {
        core::iter::from_fn(|| self.updates.poll_report())
            .map(|report| String::from_utf8(report.payload(PackageType::Firmware)).unwrap())
            .collect()
    }

    fn requests(&mut self, now: Instant) -> Vec<ChunkRequest> {
        core::iter::from_fn(|| {
            let request = self.updates.poll_request(now, &mut self.numbers)?;
            self.updates.written(now, request);
            Some(request)
        })
        .collect()
    }

    fn serve(&mut self, now: Instant, image: &[u8], asked: ChunkRequest) {
        let begin = asked.chunk as usize * asked.size as usize;
        let end = (begin + asked.size as usize).min(image.len());
        let bytes = bytes::Bytes::copy_from_slice(image.get(begin..end).unwrap_or_default());
        self.updates
            .handle_chunk(now, asked.request, asked.chunk, bytes);
    }
}
