//! One proxied connection: two sockets, a thread for each direction.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use socket2::SockRef;

use super::schedule::Passage;
use super::{Cut, Shared};

/// How long a write may block before it is looked whether the connection was cut meanwhile.
const WRITE_SLICE: Duration = Duration::from_millis(20);

/// Owned by its two forwarding threads alone: a reset goes out when the sockets are closed, thus when the last
/// of them has left.
#[derive(Debug)]
pub(super) struct Pair {
    client: TcpStream,
    server: TcpStream,
    flow: Mutex<Flow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Forwarding,
    Cut(Cut),
    Closed,
}

/// What happens to a chunk that was read.
enum Admission {
    Pass(Passage),
    Discard,
    Leave,
}

impl Pair {
    pub(super) fn open(client: TcpStream, upstream: SocketAddr) -> io::Result<Self> {
        let server = TcpStream::connect(upstream)?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
            stream.set_write_timeout(Some(WRITE_SLICE))?;
        }
        Ok(Self {
            client,
            server,
            flow: Mutex::new(Flow::Forwarding),
        })
    }

    /// Does nothing when it was cut or closed before.
    pub(super) fn cut(&self, cut: Cut, shared: &Shared) {
        let mut flow = self.flow();
        if *flow == Flow::Forwarding {
            *flow = Flow::Cut(cut);
            // Before any end can be seen: whoever finds its connection cut finds it counted.
            shared.count_cut();
            drop(flow);
            self.end(cut);
        }
    }

    pub(super) fn close(&self) {
        *self.flow() = Flow::Closed;
        for stream in [&self.client, &self.server] {
            let _ended = stream.shutdown(Shutdown::Both);
        }
    }

    pub(super) fn forward_to_server(&self, shared: &Shared) {
        self.forward(&self.client, &self.server, shared);
        // A stalled pair outlives its server, which a client behind a dead network would not hear from
        // either; it ends with its client.
        if *self.flow() == Flow::Cut(Cut::Stall) {
            self.close();
        }
    }

    pub(super) fn forward_to_client(&self, shared: &Shared) {
        self.forward(&self.server, &self.client, shared);
    }

    fn forward(&self, mut from: &TcpStream, to: &TcpStream, shared: &Shared) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let chunk = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => &buffer[..len],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return self.close_unless_cut(),
            };
            match self.admit(chunk.len(), shared) {
                Admission::Pass(passage) => {
                    let flow = passage.cut.map_or(Flow::Forwarding, Flow::Cut);
                    if self.write(to, &chunk[..passage.bytes], flow).is_err() {
                        return self.close_unless_cut();
                    }
                    if let Some(cut) = passage.cut {
                        self.end(cut);
                    }
                }
                Admission::Discard => {}
                Admission::Leave => return,
            }
        }
        if *self.flow() == Flow::Forwarding {
            let _ended = to.shutdown(Shutdown::Write);
        }
    }

    /// A cut takes effect here, before the last bytes are written: nothing that answers them may pass.
    fn admit(&self, len: usize, shared: &Shared) -> Admission {
        let mut flow = self.flow();
        match *flow {
            Flow::Forwarding => {
                let passage = shared.lock().schedule.pass(len);
                if let Some(cut) = passage.cut {
                    *flow = Flow::Cut(cut);
                    shared.count_cut();
                }
                Admission::Pass(passage)
            }
            Flow::Cut(Cut::Fin | Cut::Stall) => Admission::Discard,
            Flow::Cut(Cut::Reset) | Flow::Closed => Admission::Leave,
        }
    }

    /// Gives up silently once the pair has left `flow`, or a peer that does not read would hold up its end.
    fn write(&self, mut to: &TcpStream, mut bytes: &[u8], flow: Flow) -> io::Result<()> {
        while !bytes.is_empty() && *self.flow() == flow {
            match to.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if is_pause(error.kind()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn end(&self, cut: Cut) {
        for stream in [&self.client, &self.server] {
            // Failing means that the peer was faster: the connection has ended already.
            let _ended = match cut {
                // Not the reading side: bytes left unread would turn the FIN into a reset.
                Cut::Fin => stream.shutdown(Shutdown::Write),
                // Only wakes the reader: shutting down the writing side would send a FIN first.
                Cut::Reset => SockRef::from(stream)
                    .set_linger(Some(Duration::ZERO))
                    .and_then(|()| stream.shutdown(Shutdown::Read)),
                Cut::Stall => Ok(()),
            };
        }
    }

    fn close_unless_cut(&self) {
        if *self.flow() == Flow::Forwarding {
            self.close();
        }
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time-out reads as `WouldBlock` on Unix and `TimedOut` on Windows.
const fn is_pause(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
