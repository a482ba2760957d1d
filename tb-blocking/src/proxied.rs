//! Through a proxy, on threads.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use tb_driver::ConnectError;
use tb_driver::proxy::{Handshake, Proxied, Step};
use tb_proto::{Endpoint, LinkLost};

use crate::connect::Shutdown;
use crate::{Connect, Connection};

/// A proxy that is still not through after this is given up.
const TIMEOUT: Duration = Duration::from_secs(20);

const LATE: &str = "the proxy did not answer in time";

/// Most of the bytes that are read at once of what a proxy says.
const READ: usize = 256;

impl<C: Connect> Connect for Proxied<C> {
    fn connect(&mut self, target: &Endpoint) -> Result<Connection, ConnectError> {
        let (inner, proxy) = self.parts();
        let handshake = Handshake::new(proxy, target)?;
        let mut connection = inner.connect(proxy.address())?;
        let shutdown = Shutdown::clone(&connection.shutdown);
        within(TIMEOUT, LATE, &shutdown, || {
            talk(&mut connection, handshake)
        })?;
        Ok(connection)
    }
}

/// Does `work` on a connection, and closes it when that takes longer than `time`: reads that block have no
/// time-out of their own.
pub(crate) fn within(
    time: Duration,
    late: &str,
    shutdown: &Shutdown,
    work: impl FnOnce() -> Result<(), ConnectError>,
) -> Result<(), ConnectError> {
    let (done, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let watch = move || {
            let too_late = ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            if too_late {
                shutdown();
            }
            too_late
        };
        let watch = thread::Builder::new()
            .name("tb-proxy".to_owned())
            .spawn_scoped(scope, watch)?;
        let worked = work();
        drop(done);
        match watch.join() {
            Ok(false) => worked,
            _ => Err(ConnectError::new(LinkLost::Unreachable, late)),
        }
    })
}

fn talk(connection: &mut Connection, mut handshake: Handshake) -> Result<(), ConnectError> {
    loop {
        match handshake.step() {
            Step::Done => return Ok(()),
            Step::Send(bytes) => {
                connection.writer.write_all(&bytes)?;
                connection.writer.flush()?;
            }
            Step::Receive { at_most } => {
                let mut buffer = [0; READ];
                let room = buffer.get_mut(..at_most.min(READ)).unwrap_or_default();
                let read = match connection.reader.read(room) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn work_that_takes_too_long_is_ended_by_closing_its_connection() {
        let closed = std::sync::Arc::new(AtomicBool::new(false));
        let (say, hear) = mpsc::channel::<()>();
        let flag = std::sync::Arc::clone(&closed);
        let say = std::sync::Mutex::new(Some(say));
        let shutdown: Shutdown = std::sync::Arc::new(move || {
            flag.store(true, Ordering::Release);
            say.lock().unwrap().take();
        });
        // As a blocked read does, it ends when the connection is closed.
        let work = || {
            hear.recv().unwrap_or_default();
            Ok(())
        };
        let ended = within(Duration::from_millis(1), LATE, &shutdown, work);
        assert_eq!(ended.unwrap_err().cause, LinkLost::Unreachable);
        assert!(closed.load(Ordering::Acquire));
    }
}
