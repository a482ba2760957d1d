//! Chunks of OTA packages (reference §8).

use super::failures::Failure;
use super::publish::Taken;
use super::simulator::{ConnectionId, Simulator};
use super::topics::{OTA_ERROR, OtaChunk};

impl Simulator {
    pub(super) fn ota_chunk(
        &mut self,
        id: ConnectionId,
        chunk: OtaChunk<'_>,
        _packet_id: Option<u16>,
        payload: &[u8],
    ) -> Result<Taken, Failure> {
        const IMPLEMENTATION_SPECIFIC: u8 = 0x83;
        let text = String::from_utf8_lossy(payload);
        if !text.is_empty() {
            text.parse::<i32>().map_err(|_| Failure::Uncaught)?;
        }
        chunk.chunk.parse::<i32>().map_err(|_| Failure::Uncaught)?;
        self.publish_downlink(id, OTA_ERROR, b"NOT_FOUND");
        self.close_with(id, IMPLEMENTATION_SPECIFIC);
        Ok(Taken::Answered)
    }
}
