//! Through a proxy, on threads.

use std::io;

use tb_driver::ConnectError;
use tb_driver::proxy::{Handshake, Proxied, Step};
use tb_proto::{Endpoint, LinkLost};

use crate::connect::Halves;
use crate::{Connect, Connection};

/// Most of the bytes that are read at once of what a proxy says.
const READ: usize = 256;

impl<C: Connect> Connect for Proxied<C> {
    fn connect(&mut self, target: &Endpoint) -> Result<Connection, ConnectError> {
        let (inner, proxy) = self.parts();
        let handshake = Handshake::new(proxy, target)?;
        let connection = inner.connect(proxy.address())?;
        Ok(connection.then(move |halves| talk(halves, handshake)))
    }
}

fn talk(mut halves: Halves, mut handshake: Handshake) -> Result<Halves, ConnectError> {
    loop {
        match handshake.step() {
            Step::Done => return Ok(halves),
            Step::Send(bytes) => halves.send(&bytes)?,
            Step::Receive { at_most } => {
                let mut buffer = [0; READ];
                let room = buffer.get_mut(..at_most.min(READ)).unwrap_or_default();
                let read = match halves.reader.read(room) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read?,
                };
                // A stream that claims more than fits is broken, and so is one that has no more.
                match room.get(..read) {
                    Some([]) | None => {
                        let text = "the proxy closed the connection";
                        return Err(ConnectError::new(LinkLost::Closed, text));
                    }
                    Some(data) => handshake.handle_input(data)?,
                }
            }
        }
    }
}
