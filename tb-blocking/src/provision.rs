//! Getting credentials.

use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use tb_driver::provision::{CredentialsFile, Step, machine, with_own_token};
#[cfg(feature = "_rustls")]
use tb_driver::tls::TlsConfig;
use tb_driver::{ConnectError, NotProvisioned, StartError, link_lost};
use tb_proto::{
    Credentials, Endpoint, LinkId, LinkLost, LinkRequest, ProvisionError, ProvisionRequest,
    Provisioning,
};

use crate::connect::{Connection, Shutdown};
use crate::{Connect, Tcp};

/// An answer is some hundred bytes, with a certificate some thousand.
const BUFFER: usize = 4 * 1024;

/// The last bytes have this long to be written before their connection is closed.
const GRACE: Duration = Duration::from_millis(100);

/// Asks the server at `url` for a device and its credentials.
///
/// Unless the request says otherwise the device gets an access token that is made here. If the answer
/// is lost the token is tried, so that the outcome is known all the same. Nothing is kept: see
/// [`load_or_provision`].
///
/// It blocks this thread until the outcome is known.
///
/// # Errors
/// [`NotProvisioned`], when the time of the request is over at the latest.
pub fn provision<U>(url: U, request: ProvisionRequest) -> Result<Credentials, NotProvisioned>
where
    U: TryInto<Endpoint>,
    StartError: From<U::Error>,
{
    let endpoint = url.try_into().map_err(StartError::from)?;
    let connector = tb_driver::stack(Tcp, &endpoint)?;
    provision_by(connector, endpoint, with_own_token(request)?, false)
}

/// As [`provision`], with this configuration of TLS.
///
/// ThingsBoard knows a device with an X.509 certificate by that certificate: for
/// [`Credentials::certificate`] it has to be the identity of `tls`.
///
/// # Errors
/// [`NotProvisioned`], when the time of the request is over at the latest.
#[cfg(feature = "_rustls")]
pub fn provision_with_tls<U>(
    tls: TlsConfig,
    url: U,
    request: ProvisionRequest,
) -> Result<Credentials, NotProvisioned>
where
    U: TryInto<Endpoint>,
    StartError: From<U::Error>,
{
    let endpoint = url.try_into().map_err(StartError::from)?;
    let connector = tb_driver::stack_with_tls(Tcp, &endpoint, tls)?;
    provision_by(connector, endpoint, with_own_token(request)?, false)
}

/// The credentials in the file at `path`, or, the first time, those that the server at `url` gives this
/// device; then they are kept there.
///
/// Neither a lost answer nor a crash loses them or makes a second device: they are kept before the
/// server is asked, and what was kept is tried before it is asked again. How that is done, what happens
/// when several processes start together and what becomes of the file's mode:
/// [`CredentialsFile`].
///
/// It blocks this thread until the outcome is known.
///
/// # Errors
/// [`NotProvisioned`], when the time of the request is over at the latest.
pub fn load_or_provision<U>(
    path: impl Into<PathBuf>,
    url: U,
    request: ProvisionRequest,
) -> Result<Credentials, NotProvisioned>
where
    U: TryInto<Endpoint>,
    StartError: From<U::Error>,
{
    let endpoint = url.try_into().map_err(StartError::from)?;
    let connector = tb_driver::stack(Tcp, &endpoint)?;
    kept(&connector, path.into(), &endpoint, request)
}

/// As [`load_or_provision`], with this configuration of TLS.
///
/// ThingsBoard knows a device with an X.509 certificate by that certificate: for
/// [`Credentials::certificate`] it has to be the identity of `tls`.
///
/// # Errors
/// [`NotProvisioned`], when the time of the request is over at the latest.
#[cfg(feature = "_rustls")]
pub fn load_or_provision_with_tls<U>(
    path: impl Into<PathBuf>,
    tls: TlsConfig,
    url: U,
    request: ProvisionRequest,
) -> Result<Credentials, NotProvisioned>
where
    U: TryInto<Endpoint>,
    StartError: From<U::Error>,
{
    let endpoint = url.try_into().map_err(StartError::from)?;
    let connector = tb_driver::stack_with_tls(Tcp, &endpoint, tls)?;
    kept(&connector, path.into(), &endpoint, request)
}

fn kept(
    connector: &(impl Connect + Clone),
    path: PathBuf,
    endpoint: &Endpoint,
    request: ProvisionRequest,
) -> Result<Credentials, NotProvisioned> {
    let mut file = CredentialsFile::open(path, request)?;
    loop {
        let (request, resume) = match file.step() {
            Step::Done(credentials) => return Ok(credentials.clone()),
            Step::Provision { request, resume } => (request.clone(), *resume),
        };
        let outcome = match provision_by(connector.clone(), endpoint.clone(), request, resume) {
            Ok(credentials) => Ok(credentials),
            Err(NotProvisioned::Provision(error)) => Err(error),
            Err(error) => return Err(error),
        };
        file.ended(outcome)?;
    }
}

/// As [`provision`] over connections of `connector`. `resume`: the same request may have been made
/// before, so its credentials are tried first. Keep them before this is called.
///
/// # Errors
/// As [`provision`].
pub fn provision_by(
    connector: impl Connect,
    endpoint: Endpoint,
    request: ProvisionRequest,
    resume: bool,
) -> Result<Credentials, NotProvisioned> {
    let epoch = Instant::now();
    let machine = machine(endpoint, request, resume, now(epoch))?;
    let (tell, words) = mpsc::channel();
    let exchange = Exchange {
        machine,
        epoch,
        connector: Arc::new(Mutex::new(connector)),
        tell,
        words,
        wanted: None,
        opening: None,
        open: None,
    };
    Ok(exchange.run()?)
}

fn now(epoch: Instant) -> tb_proto::Instant {
    let micros = epoch.elapsed().as_micros();
    tb_proto::Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// The calling thread keeps the time and owns the machine; each connection has a thread that connects
/// and reads, and one that writes.
struct Exchange<C> {
    machine: Provisioning,
    epoch: Instant,
    /// An attempt that was given up may still hold it; the next one waits for that.
    connector: Arc<Mutex<C>>,
    tell: Sender<Word>,
    words: Receiver<Word>,
    /// The connection that the machine wants.
    wanted: Option<LinkId>,
    /// A connection that stands, but does not carry MQTT yet.
    opening: Option<(LinkId, ClosedWhenDropped)>,
    open: Option<Open>,
}

/// What the threads of a connection report.
enum Word {
    Opening(LinkId, ClosedWhenDropped),
    Opened(LinkId, Connection),
    NotOpened(LinkId, ConnectError),
    Input(LinkId, Vec<u8>),
    Lost(LinkId, LinkLost),
}

/// A connection that stands.
struct Open {
    link: LinkId,
    chunks: Sender<Bytes>,
    /// Disconnected when the writer has ended.
    written: Receiver<()>,
    _closed: ClosedWhenDropped,
}

/// Closes its connection wherever it is dropped, be it in a word that nobody hears any more.
struct ClosedWhenDropped(Shutdown);

impl Drop for ClosedWhenDropped {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl<C: Connect> Exchange<C> {
    fn run(mut self) -> Result<Credentials, ProvisionError> {
        let mut outcome = None;
        loop {
            let time = now(self.epoch);
            if self.machine.poll_timeout().is_some_and(|due| due <= time) {
                self.machine.handle_timeout(time);
            }
            while let Some(chunk) = self.machine.poll_transmit() {
                if let Some(open) = &self.open {
                    // A writer that has ended has said why.
                    let _ = open.chunks.send(chunk);
                }
            }
            while let Some(request) = self.machine.poll_link() {
                self.close();
                self.wanted = None;
                if let LinkRequest::Open { link, endpoint } = request {
                    self.wanted = Some(link);
                    self.connect(link, endpoint);
                }
            }
            if let Some(told) = self.machine.poll_outcome() {
                outcome = Some(told);
            }
            if self.machine.is_closed() {
                self.close();
                if let Some(outcome) = outcome {
                    return outcome;
                }
            }
            let wait = match self.machine.poll_timeout() {
                Some(due) => due.duration_since(now(self.epoch)),
                None => Duration::ZERO,
            };
            match self.words.recv_timeout(wait) {
                Ok(word) => self.hear(word),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    fn hear(&mut self, word: Word) {
        let now = now(self.epoch);
        match word {
            Word::Opening(link, closed) => {
                // Otherwise it took too long, and was given up.
                if self.wanted == Some(link) {
                    self.opening = Some((link, closed));
                }
            }
            Word::Opened(link, connection) => {
                let opening = self.opening.take_if(|(opening, _)| *opening == link);
                if let Some((_, closed)) = opening {
                    self.machine.handle_connected(now, link);
                    self.write(link, connection, closed);
                }
            }
            Word::NotOpened(link, error) => {
                drop(self.opening.take_if(|(opening, _)| *opening == link));
                self.machine.handle_disconnected(now, link, error.cause);
            }
            Word::Input(link, data) => self.machine.handle_input(now, link, &data),
            Word::Lost(link, why) => {
                if self.open.as_ref().is_some_and(|open| open.link == link) {
                    self.close();
                }
                self.machine.handle_disconnected(now, link, why);
            }
        }
    }

    fn connect(&self, link: LinkId, endpoint: Endpoint) {
        let connector = Arc::clone(&self.connector);
        let tell = self.tell.clone();
        let spawned = spawn("tb-read", move || {
            let connected = connector
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .connect(&endpoint);
            let opened = connected.and_then(|connection| {
                let closed = ClosedWhenDropped(Arc::clone(&connection.shutdown));
                // Nobody hears it any more: then it is closed, and what follows fails.
                let _ = tell.send(Word::Opening(link, closed));
                connection.prepare()
            });
            match opened {
                Ok(mut connection) => {
                    let mut reader =
                        core::mem::replace(&mut connection.reader, Box::new(io::empty()));
                    let shutdown = Arc::clone(&connection.shutdown);
                    let heard = tell.send(Word::Opened(link, connection)).is_ok();
                    if heard {
                        read(&mut *reader, link, &tell);
                    }
                    shutdown();
                }
                Err(error) => {
                    let _ = tell.send(Word::NotOpened(link, error));
                }
            }
        });
        if !spawned {
            let _ = self.tell.send(Word::Lost(link, LinkLost::Local));
        }
    }

    /// Starts the writer of a connection that has just been opened.
    fn write(&mut self, link: LinkId, connection: Connection, closed: ClosedWhenDropped) {
        let mut writer = connection.writer;
        let (chunks, to_write) = mpsc::channel::<Bytes>();
        let (ended, written) = mpsc::channel();
        let tell = self.tell.clone();
        let spawned = spawn("tb-write", move || {
            let _ended: Sender<()> = ended;
            while let Ok(chunk) = to_write.recv() {
                let outcome = writer.write_all(&chunk).and_then(|()| writer.flush());
                if let Err(error) = outcome {
                    let _ = tell.send(Word::Lost(link, link_lost(&error)));
                    return;
                }
            }
            // What it has to say at the end is awaited as well.
            drop(writer);
        });
        if !spawned {
            let _ = self.tell.send(Word::Lost(link, LinkLost::Local));
        }
        self.open = Some(Open {
            link,
            chunks,
            written,
            _closed: closed,
        });
    }

    /// Lets what was handed out be written if that does not block, then closes.
    fn close(&mut self) {
        self.opening = None;
        if let Some(open) = self.open.take() {
            drop(open.chunks);
            let _ = open.written.recv_timeout(GRACE);
        }
    }
}

fn read(reader: &mut dyn io::Read, link: LinkId, tell: &Sender<Word>) {
    let mut buffer = vec![0; BUFFER];
    loop {
        let word = match reader.read(&mut buffer) {
            Ok(0) => Word::Lost(link, LinkLost::Closed),
            Ok(read) => match buffer.get(..read) {
                Some(data) => Word::Input(link, data.to_vec()),
                // A transport that claims more than fits is broken.
                None => Word::Lost(link, LinkLost::Local),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Word::Lost(link, link_lost(&error)),
        };
        let over = matches!(word, Word::Lost(..));
        if tell.send(word).is_err() || over {
            return;
        }
    }
}

/// Whether the thread could be started.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> bool {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .is_ok()
}
