//! A proxy in front of a transport.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use futures_io::{AsyncRead, AsyncWrite};
use tb_proto::{Endpoint, LinkLost};

use super::{Handshake, Proxy, Step};
use crate::connect::{Connect, ConnectError};

/// Most of the bytes that are read at once of what a proxy says.
const READ: usize = 256;

/// A transport that goes through a proxy: connects to it by the transport below, and asks it for a
/// connection to the server.
///
/// The adapter for threads implements its own `Connect` for it as well.
#[derive(Clone, Debug)]
pub struct Proxied<C> {
    inner: C,
    proxy: Proxy,
}

impl<C> Proxied<C> {
    /// Goes through `proxy`, which is reached by `inner`.
    pub const fn over(inner: C, proxy: Proxy) -> Self {
        Self { inner, proxy }
    }

    /// The transport to the proxy, and the proxy: for a `Connect` of one's own.
    pub const fn parts(&mut self) -> (&mut C, &Proxy) {
        (&mut self.inner, &self.proxy)
    }
}

impl<C: Connect> Connect for Proxied<C> {
    type Stream = C::Stream;
    type Connecting = Negotiating<C>;

    fn connect(&mut self, target: &Endpoint) -> Negotiating<C> {
        Negotiating(match Handshake::new(&self.proxy, target) {
            Ok(handshake) => {
                let connecting = Box::pin(self.inner.connect(self.proxy.address()));
                Stage::Opening(connecting, handshake)
            }
            Err(error) => Stage::Over(Some(error.into())),
        })
    }
}

/// An attempt to get a connection from a proxy. Dropping it gives the attempt up.
pub struct Negotiating<C: Connect>(Stage<C>);

enum Stage<C: Connect> {
    Opening(Pin<Box<C::Connecting>>, Handshake),
    Talking(Dialogue<C::Stream>),
    /// With the error that is still to be told.
    Over(Option<ConnectError>),
}

struct Dialogue<S> {
    stream: S,
    handshake: Handshake,
    unsent: Vec<u8>,
    unflushed: bool,
}

impl<C: Connect> Future for Negotiating<C> {
    type Output = Result<C::Stream, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match core::mem::replace(&mut self.0, Stage::Over(None)) {
                Stage::Opening(mut connecting, handshake) => {
                    let Poll::Ready(opened) = connecting.as_mut().poll(cx) else {
                        self.0 = Stage::Opening(connecting, handshake);
                        return Poll::Pending;
                    };
                    self.0 = Stage::Talking(Dialogue {
                        stream: opened?,
                        handshake,
                        unsent: Vec::new(),
                        unflushed: false,
                    });
                }
                Stage::Talking(mut dialogue) => match dialogue.poll(cx) {
                    Poll::Ready(ended) => return Poll::Ready(ended.map(|()| dialogue.stream)),
                    Poll::Pending => {
                        self.0 = Stage::Talking(dialogue);
                        return Poll::Pending;
                    }
                },
                Stage::Over(Some(error)) => return Poll::Ready(Err(error)),
                // It has been ready before: there is nothing more to come.
                Stage::Over(None) => return Poll::Pending,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        loop {
            match ready!(self.poll_step(cx)) {
                Ok(true) => return Poll::Ready(Ok(())),
                Ok(false) => {}
                Err(Trouble::Connect(error)) => return Poll::Ready(Err(error)),
                Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(Trouble::Io(error)) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// One operation on the stream; tells whether the dialogue is over.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Trouble>> {
        if !self.unsent.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.unsent))?;
            if written == 0 {
                let text = "the transport takes no bytes";
                return Poll::Ready(Err(ConnectError::new(LinkLost::Local, text).into()));
            }
            self.unsent.drain(..written.min(self.unsent.len()));
            self.unflushed = true;
            return Poll::Ready(Ok(false));
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        match self.handshake.step() {
            Step::Done => return Poll::Ready(Ok(true)),
            Step::Send(bytes) => self.unsent = bytes,
            Step::Receive { at_most } => {
                let mut buffer = [0; READ];
                let room = buffer.get_mut(..at_most.min(READ)).unwrap_or_default();
                let read = ready!(Pin::new(&mut self.stream).poll_read(cx, room))?;
                // A stream that claims more than fits is broken, and so is one that has no more.
                let data = room.get(..read).filter(|data| !data.is_empty());
                let data = data.ok_or_else(closed)?;
                self.handshake
                    .handle_input(data)
                    .map_err(ConnectError::from)?;
            }
        }
        Poll::Ready(Ok(false))
    }
}

/// The proxy left in the middle of the dialogue.
fn closed() -> ConnectError {
    ConnectError::new(LinkLost::Closed, "the proxy closed the connection")
}

enum Trouble {
    Io(io::Error),
    Connect(ConnectError),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ConnectError> for Trouble {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl<C: Connect> fmt::Debug for Negotiating<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiating").finish_non_exhaustive()
    }
}
