//! The server's side of a recording, played to a client.

mod identifiers;
mod obliging_server;
mod play;
mod script;
mod survival;
mod way;

pub use play::play_to_client;
pub use survival::{Answers, Fault, Survived};

/// A packet with this first byte and what follows the fixed header.
pub(crate) fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    loop {
        let byte = (length % 128) as u8;
        length /= 128;
        if length == 0 {
            packet.push(byte);
            break;
        }
        packet.push(byte | 0x80);
    }
    packet.extend(body);
    packet
}
