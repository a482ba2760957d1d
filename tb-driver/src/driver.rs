//! The driver for asynchronous streams.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
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

/// Idle connections hold a buffer of this size: it takes the acknowledgements of hundreds of messages.
const SMALL_BUFFER: usize = 2 * 1024;

/// A read that fills the buffer makes it larger, up to this.
const LARGE_BUFFER: usize = 64 * 1024;

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
    buffer: Vec<u8>,
    /// The largest read since the timer last fired, in bytes.
    largest_read: usize,
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
    /// [`StartError::Credentials`].
    pub fn new(config: Config, connector: C, timer: T) -> Result<(Client, Self), StartError> {
        let (client, engine) = Engine::new(config)?;
        let driver = Self {
            engine,
            connector,
            timer,
            transport: Transport::Down,
            buffer: Vec::new(),
            largest_read: 0,
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

    /// Does what the transport can do without waiting, and tells whether that was anything.
    fn exchange(&mut self, cx: &mut Context<'_>) -> bool {
        let wire = self.engine.wire();
        let (link, progress) = match &mut self.transport {
            Transport::Down => return false,
            Transport::Opening { link, connecting } => match connecting.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok(stream)) => {
                    let link = *link;
                    self.transport = Transport::Up(Up::new(link, stream));
                    wire.connected(link);
                    return true;
                }
                Poll::Ready(Err(error)) => {
                    let link = *link;
                    self.transport = Transport::Down;
                    wire.not_opened(link, &error);
                    return true;
                }
            },
            Transport::Up(up) => {
                // Each round reads and writes: if writing waited for reading to end, or the other
                // way round, two peers with full buffers would wait for each other for ever.
                let read = up.read(cx, &mut self.buffer, wire);
                self.largest_read = self.largest_read.max(read.unwrap_or(0));
                let progress = read.and_then(|read| Ok(up.write(cx)? | (read > 0)));
                (up.link, progress)
            }
        };
        progress.unwrap_or_else(|why| {
            self.transport = Transport::Down;
            self.engine.wire().lost(link, why);
            true
        })
    }

    /// Returns when the timer has fired.
    fn sleep(&mut self, until: Option<std::time::Instant>, cx: &mut Context<'_>) -> Poll<()> {
        match until {
            Some(until) => ready!(self.timer.poll_until(until, cx)),
            None => return Poll::Pending,
        }
        // The large buffer was not needed for a while: the memory is more useful elsewhere.
        if self.largest_read <= SMALL_BUFFER && self.buffer.len() > SMALL_BUFFER {
            self.buffer = Vec::new();
        }
        self.largest_read = 0;
        Poll::Ready(())
    }
}

impl<C: Connect, T: Timer> Future for Driver<C, T>
where
    Self: Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut would_sleep = false;
        for _ in 0..ROUNDS {
            let wants_chunk = match &this.transport {
                Transport::Up(up) => up.chunk.is_empty(),
                Transport::Down | Transport::Opening { .. } => true,
            };
            match this.engine.turn(
                cx.waker(),
                Readiness {
                    wants_chunk,
                    would_sleep,
                },
            ) {
                Turn::Work { link, chunk } => {
                    if let (Some(chunk), Transport::Up(up)) = (chunk, &mut this.transport) {
                        up.chunk = chunk;
                    }
                    if let Some(request) = link {
                        this.follow(request, cx);
                    }
                    would_sleep = !this.exchange(cx);
                }
                Turn::Sleep { until } => {
                    ready!(this.sleep(until, cx));
                    would_sleep = false;
                }
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

    /// Reads once; tells how many bytes came.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        wire: &Wire,
    ) -> Result<usize, LinkLost> {
        if buffer.is_empty() {
            *buffer = vec![0; SMALL_BUFFER];
        }
        let read = match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending => return Ok(0),
            Poll::Ready(Ok(0)) => return Err(LinkLost::Closed),
            Poll::Ready(Ok(read)) => read,
            Poll::Ready(Err(error)) => return again(&error, cx).map(|()| 0),
        };
        // A stream that claims more than fits is broken.
        wire.input(self.link, buffer.get(..read).ok_or(LinkLost::Local)?);
        if read == buffer.len() && read < LARGE_BUFFER {
            *buffer = vec![0; LARGE_BUFFER];
        }
        Ok(read)
    }

    /// Writes once, or flushes if everything is written.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, LinkLost> {
        if !self.chunk.is_empty() {
            return match Pin::new(&mut self.stream).poll_write(cx, &self.chunk) {
                Poll::Pending => Ok(false),
                // A transport that takes no bytes will not take them later either.
                Poll::Ready(Ok(0)) => Err(LinkLost::Local),
                Poll::Ready(Ok(written)) => {
                    self.chunk.advance(written.min(self.chunk.len()));
                    self.unflushed = true;
                    Ok(true)
                }
                Poll::Ready(Err(error)) => again(&error, cx).map(|()| false),
            };
        }
        if self.unflushed {
            return match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Pending => Ok(false),
                Poll::Ready(Ok(())) => {
                    self.unflushed = false;
                    // No progress: nothing new can be done because of it.
                    Ok(false)
                }
                Poll::Ready(Err(error)) => again(&error, cx).map(|()| false),
            };
        }
        Ok(false)
    }

    /// Says goodbye as far as that does not block.
    fn close(&mut self, cx: &mut Context<'_>) {
        while !self.chunk.is_empty() {
            if !matches!(self.write(cx), Ok(true)) {
                return;
            }
        }
        // Closing flushes.
        let _ = Pin::new(&mut self.stream).poll_close(cx);
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
