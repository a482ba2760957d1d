//! TLS over any transport, on threads.

use alloc::sync::Arc;
use std::io::{self, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tb_driver::ConnectError;
use tb_driver::tls::{Tls, TlsSession, handshake_failed};
use tb_proto::{Endpoint, Scheme};

use crate::connect::Halves;
use crate::{Connect, Connection};

/// A record holds at most this much (RFC 8446, 5.1); so much is encrypted at a time.
const RECORD: usize = 16 * 1024;

/// So much is read at a time, into the stack of the thread.
const READ: usize = 8 * 1024;

impl<C: Connect> Connect for Tls<C> {
    fn connect(&mut self, target: &Endpoint) -> Result<Connection, ConnectError> {
        let (below, config) = self.parts();
        if target.scheme() != Scheme::Mqtts {
            return below.connect(target);
        }
        let session = TlsSession::new(config, target.host())?;
        let below = below.connect(&target.clone().with_scheme(Scheme::Mqtt))?;
        Ok(below.then(move |halves| handshake(session, halves)))
    }
}

fn handshake(mut session: TlsSession, mut below: Halves) -> Result<Halves, ConnectError> {
    shake_hands(&mut session, &mut below)?;
    let session = Arc::new(Mutex::new(session));
    let reader = Decrypting {
        session: Arc::clone(&session),
        below: below.reader,
    };
    let writer = Encrypting {
        session,
        below: below.writer,
    };
    Ok(Halves {
        reader: Box::new(reader),
        writer: Box::new(writer),
    })
}

fn shake_hands(session: &mut TlsSession, below: &mut Halves) -> Result<(), ConnectError> {
    let mut buffer = [0; READ];
    loop {
        let output = session.take_output();
        if !output.is_empty() {
            below
                .send(&output)
                .map_err(|error| handshake_failed(&error))?;
        }
        if !session.is_handshaking() {
            return Ok(());
        }
        let read =
            read(&mut *below.reader, &mut buffer).map_err(|error| handshake_failed(&error))?;
        let taken = match read {
            [] => session.handle_end(),
            data => session.handle_input(data),
        };
        if let Err(error) = taken {
            // The peer is told what is wrong; it may have gone.
            let _ = below.send(&session.take_output());
            return Err(error.into());
        }
    }
}

fn read<'a>(reader: &mut dyn Read, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    loop {
        match reader.read(buffer) {
            // A transport that claims more than fits is broken.
            Ok(read) => {
                return buffer
                    .get(..read)
                    .ok_or_else(|| io::ErrorKind::Other.into());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The half for the thread that reads. The session is locked while bytes are decrypted, never while a
/// read blocks.
struct Decrypting {
    session: Arc<Mutex<TlsSession>>,
    below: Box<dyn Read + Send>,
}

impl Read for Decrypting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut encrypted = [0; READ];
        loop {
            {
                let mut session = lock(&self.session);
                let read = session.read(buffer);
                if read > 0 || buffer.is_empty() || session.is_closed() {
                    return Ok(read);
                }
            }
            let data = read(&mut *self.below, &mut encrypted)?;
            let mut session = lock(&self.session);
            if data.is_empty() {
                session.handle_end()?;
                return Ok(0);
            }
            // What TLS itself has to answer goes out with the next write.
            session.handle_input(data)?;
        }
    }
}

/// The half for the thread that writes: the only one that takes bytes out to be sent, so that records
/// keep their order.
struct Encrypting {
    session: Arc<Mutex<TlsSession>>,
    below: Box<dyn Write + Send>,
}

impl Write for Encrypting {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let (written, output) = {
            let mut session = lock(&self.session);
            let record = buffer.get(..RECORD).unwrap_or(buffer);
            (session.write(record), session.take_output())
        };
        self.below.write_all(&output)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let output = lock(&self.session).take_output();
        if !output.is_empty() {
            self.below.write_all(&output)?;
        }
        self.below.flush()
    }
}

/// Says goodbye (`close_notify`). A peer that does not read any more is left when the connection is
/// shut down.
impl Drop for Encrypting {
    fn drop(&mut self) {
        lock(&self.session).close();
        let _ = self.flush();
    }
}

fn lock(session: &Mutex<TlsSession>) -> MutexGuard<'_, TlsSession> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}
