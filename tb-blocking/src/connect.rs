//! How a connection is opened: the place to plug in a transport of one's own.

use alloc::sync::Arc;
use core::fmt;
use std::io;

use tb_driver::ConnectError;
use tb_proto::Endpoint;

/// Opens connections for a [`Driver`](crate::Driver).
pub trait Connect: Send + 'static {
    /// Opens a connection to `target`, however long that takes.
    ///
    /// It runs on the thread that reads. The client gives an attempt up at its own deadline
    /// ([`connect_timeout`](tb_proto::Config::connect_timeout)), but can only begin the next when this
    /// has returned: it should return after some 20 s. What is left for [`then`](Connection::then) is not part
    /// of it: that ends with the deadline. [`Tcp`](crate::Tcp) leaves the dialling itself, proxies and TLS what
    /// they have to say to the peer.
    ///
    /// # Errors
    /// [`ConnectError`] with the kind of failure, which decides when the client tries again.
    fn connect(&mut self, target: &Endpoint) -> Result<Connection, ConnectError>;
}

/// An open connection: two halves for two threads, and a way to stop both.
pub struct Connection {
    pub(crate) reader: Box<dyn io::Read + Send>,
    pub(crate) writer: Box<dyn io::Write + Send>,
    pub(crate) shutdown: Shutdown,
    preparation: Option<Preparation>,
}

/// What two threads need of a connection: each has one half, and uses it while the other is in use.
pub struct Halves {
    /// What the peer says; a read of 0 bytes says that nothing more comes.
    pub reader: Box<dyn io::Read + Send>,
    /// What is said to the peer. It is flushed whenever there is nothing more to write, and dropped at the end.
    pub writer: Box<dyn io::Write + Send>,
}

impl Halves {
    /// Writes all of it and flushes, as long as that may block.
    ///
    /// # Errors
    /// Those of the writer, interruptions aside.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        loop {
            match self.writer.flush() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }
}

type Preparation = Box<dyn FnOnce(Halves) -> Result<Halves, ConnectError> + Send>;

/// Ends a connection from a third thread.
pub(crate) type Shutdown = Arc<dyn Fn() + Send + Sync>;

impl Connection {
    /// A connection of these halves.
    ///
    /// `shutdown` ends it in both directions: a read or write that blocks must return then, and so
    /// must every later one. It is called from any thread, perhaps more than once, and must not
    /// block. Without it a blocked reader could never be stopped.
    pub fn new(
        reader: impl io::Read + Send + 'static,
        writer: impl io::Write + Send + 'static,
        shutdown: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
            shutdown: Arc::new(shutdown),
            preparation: None,
        }
    }

    /// With more to be done before it carries MQTT: what a transport on top of another has to say to the peer.
    /// What was to be done by the transport below is done first.
    ///
    /// `next` may block, as it runs when the connection can be shut down already: an attempt that is given up
    /// ends by an error of these halves. It gives back the halves that MQTT travels through, be they the same or
    /// others over them.
    pub fn then(
        mut self,
        next: impl FnOnce(Halves) -> Result<Halves, ConnectError> + Send + 'static,
    ) -> Self {
        let before = self.preparation.take();
        self.preparation = Some(Box::new(move |halves| {
            next(match before {
                Some(before) => before(halves)?,
                None => halves,
            })
        }));
        self
    }

    /// Does what has to be done before it carries MQTT; shuts it down when that fails.
    pub(crate) fn prepare(self) -> Result<Self, ConnectError> {
        let Some(preparation) = self.preparation else {
            return Ok(self);
        };
        let halves = Halves {
            reader: self.reader,
            writer: self.writer,
        };
        match preparation(halves) {
            Ok(Halves { reader, writer }) => Ok(Self {
                reader,
                writer,
                shutdown: self.shutdown,
                preparation: None,
            }),
            Err(error) => {
                (self.shutdown)();
                Err(error)
            }
        }
    }
}

impl fmt::Debug for Halves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Halves").finish_non_exhaustive()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
