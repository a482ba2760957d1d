//! The driver for asynchronous streams.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::{Buf, Bytes};
use futures_io::{AsyncRead, AsyncWrite};
use tb_proto::{Config, LinkId, LinkLost, LinkRequest};

use crate::client::Client;
use crate::connect::{Connect, link_lost};
use crate::engine::{Engine, Readiness, Turn, Wire};
use crate::error::StartError;
use crate::timer::Timer;

/// So many rounds are done before other tasks get their turn.
const ROUNDS: usize = 32;

/// So often it is read before something is written. The second read mostly finds nothing, and the
/// stream then tells the task when there is more.
const READS: usize = 2;

/// A read takes at most this much: the acknowledgements of some ten thousand messages.
const READ_BUFFER: usize = 64 * 1024;

thread_local! {
    /// The drivers of a thread read one after the other: one buffer serves all of them, and a
    /// connection that is idle holds none.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A client at work: connects, reads, writes, keeps the time. It is a plain future; spawn it, or
/// poll it together with others.
///
/// It is ready when the client has disconnected for good. It holds all its progress in itself, so
/// it may be polled from anywhere. Each poll does a bounded amount of work.
///
/// Dropping it ends the client at once: every ticket gets its outcome, what was not delivered ends
/// as *abandoned* and is handed back. To disconnect in good order use
/// [`Client::disconnect`] or drop the last [`Client`] and let the driver finish.
#[must_use = "nothing happens unless the driver is polled"]
pub struct Driver<C: Connect, T> {
    engine: Engine,
    connector: C,
    timer: T,
    transport: Transport<C>,
}

/// The connection, or what there is of it.
enum Transport<C: Connect> {
    Down,
    Opening {
        link: LinkId,
        connecting: Pin<Box<C::Connecting>>,
    },
    Up(Up<C::Stream>),
}

/// State that dies with the connection.
struct Up<S> {
    link: LinkId,
    stream: S,
    /// What is left to write of the bytes handed out.
    chunk: Bytes,
    /// Bytes were written and not flushed yet.
    unflushed: bool,
}

impl<C: Connect, T: Timer> Driver<C, T> {
    /// A client and its driver, which opens connections by `connector` and is woken by `timer`.
    /// Nothing happens before the driver is polled: subscriptions made before that are part of the
    /// first message to the server.
    ///
    /// # Errors
    /// [`StartError::Config`].
    pub fn new(config: Config, connector: C, timer: T) -> Result<(Client, Self), StartError> {
        let (client, engine) = Engine::new(config)?;
        let driver = Self {
            engine,
            connector,
            timer,
            transport: Transport::Down,
        };
        Ok((client, driver))
    }

    fn follow(&mut self, request: LinkRequest, cx: &mut Context<'_>) {
        match request {
            LinkRequest::Open { link, endpoint } => {
                let connecting = Box::pin(self.connector.connect(&endpoint));
                self.transport = Transport::Opening { link, connecting };
            }
            LinkRequest::Close { .. } => {
                if let Transport::Up(up) = &mut self.transport {
                    up.close(cx);
                }
                self.transport = Transport::Down;
            }
            // The machine asks for nothing else today; what it asks for tomorrow it will explain.
            _ => {}
        }
    }

    /// Does what the transport can do without waiting, and tells whether nothing is left that could be
    /// done before it wakes the task or has more to write.
    fn exchange(&mut self, cx: &mut Context<'_>) -> bool {
        let wire = self.engine.wire();
        match &mut self.transport {
            Transport::Down => true,
            Transport::Opening { link, connecting } => {
                let link = *link;
                match connecting.as_mut().poll(cx) {
                    Poll::Pending => return true,
                    Poll::Ready(Ok(stream)) => {
                        self.transport = Transport::Up(Up::new(link, stream));
                        wire.connected(link);
                    }
                    Poll::Ready(Err(error)) => {
                        self.transport = Transport::Down;
                        wire.not_opened(link, &error);
                    }
                }
                false
            }
            Transport::Up(up) => {
                // Each round reads and writes: if writing waited for reading to end, or the other
                // way round, two peers with full buffers would wait for each other for ever.
                match up
                    .read(cx, wire)
                    .and_then(|idle| up.write(cx).map(|()| idle))
                {
                    Ok(idle) => idle,
                    Err(why) => {
                        let link = up.link;
                        self.transport = Transport::Down;
                        wire.lost(link, why);
                        false
                    }
                }
            }
        }
    }
}

impl<C: Connect, T: Timer> Future for Driver<C, T>
where
    Self: Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..ROUNDS {
            let would_sleep = this.exchange(cx);
            let wants_chunk = match &this.transport {
                Transport::Up(up) => up.chunk.is_empty(),
                Transport::Down | Transport::Opening { .. } => true,
            };
            let readiness = Readiness {
                wants_chunk,
                would_sleep,
            };
            match this.engine.turn(cx.waker(), readiness) {
                Turn::Work { link, chunk } => {
                    if let (Some(chunk), Transport::Up(up)) = (chunk, &mut this.transport) {
                        up.chunk = chunk;
                    }
                    if let Some(request) = link {
                        this.follow(request, cx);
                    }
                }
                Turn::Sleep { until: None } => return Poll::Pending,
                Turn::Sleep { until: Some(until) } => ready!(this.timer.poll_until(until, cx)),
                Turn::Done => {
                    this.transport = Transport::Down;
                    return Poll::Ready(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Up<S> {
    const fn new(link: LinkId, stream: S) -> Self {
        Self {
            link,
            stream,
            chunk: Bytes::new(),
            unflushed: false,
        }
    }

    /// Reads a bounded number of times; tells whether the stream has no more at present.
    fn read(&mut self, cx: &mut Context<'_>, wire: &Wire) -> Result<bool, LinkLost> {
        let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
        buffer.resize(READ_BUFFER, 0);
        let mut read = Ok(false);
        for _ in 0..READS {
            read = self.read_once(cx, &mut buffer, wire);
            if read != Ok(false) {
                break;
            }
        }
        // While a thread ends there is no place for it any more.
        let _ = BUFFER.try_with(|place| place.set(buffer));
        read
    }

    fn read_once(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        wire: &Wire,
    ) -> Result<bool, LinkLost> {
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending => Ok(true),
            Poll::Ready(Ok(0)) => Err(LinkLost::Closed),
            Poll::Ready(Ok(read)) => {
                // A stream that claims more than fits is broken.
                wire.input(self.link, buffer.get(..read).ok_or(LinkLost::Local)?);
                Ok(false)
            }
            Poll::Ready(Err(error)) => again(&error, cx).map(|()| true),
        }
    }

    /// Writes what is left of the chunk and flushes, as far as that goes without waiting.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), LinkLost> {
        while !self.chunk.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.chunk) {
                Poll::Pending => return Ok(()),
                // A transport that takes no bytes will not take them later either.
                Poll::Ready(Ok(0)) => return Err(LinkLost::Local),
                Poll::Ready(Ok(written)) => {
                    self.chunk.advance(written.min(self.chunk.len()));
                    self.unflushed = true;
                }
                Poll::Ready(Err(error)) => return again(&error, cx),
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return again(&error, cx),
            }
        }
        Ok(())
    }

    /// Says goodbye as far as that does not block.
    fn close(&mut self, cx: &mut Context<'_>) {
        if self.write(cx).is_ok() && self.chunk.is_empty() {
            // Closing flushes.
            let _ = Pin::new(&mut self.stream).poll_close(cx);
        }
    }
}

/// Every error of a stream but an interruption ends the connection: a stream that would block says so
/// by `Pending`, and what fails for good must not be tried for ever.
fn again(error: &io::Error, cx: &Context<'_>) -> Result<(), LinkLost> {
    match error.kind() {
        io::ErrorKind::Interrupted => {
            cx.waker().wake_by_ref();
            Ok(())
        }
        _ => Err(link_lost(error)),
    }
}

impl<C: Connect, T> fmt::Debug for Driver<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match &self.transport {
            Transport::Down => "down",
            Transport::Opening { .. } => "opening",
            Transport::Up(_) => "up",
        };
        f.debug_struct("Driver")
            .field("transport", &transport)
            .finish_non_exhaustive()
    }
}
