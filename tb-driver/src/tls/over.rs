//! TLS over any transport.

use alloc::boxed::Box;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use tb_proto::{Endpoint, LinkLost, Scheme, TlsFault};

use super::{MaybeTls, TlsConfig, TlsError, TlsSession, TlsStream};
use crate::{Connect, ConnectError, link_lost};

/// Connects by another transport and sets TLS up where the address asks for it (`mqtts://`).
///
/// The transport below is asked for the same host and port with `mqtt://`: it carries bytes and
/// knows nothing of TLS. Transports nest: `Tls::over(Proxied::over(Tcp, proxy))`.
///
/// The adapter for threads implements its own `Connect` for it as well; there reading and writing go on at
/// the same time, and neither waits for the other.
#[derive(Clone, Debug)]
pub struct Tls<C> {
    below: C,
    config: TlsConfig,
}

impl<C> Tls<C> {
    /// TLS over the connections of `below`, with the default configuration.
    pub fn over(below: C) -> Self {
        Self {
            below,
            config: TlsConfig::new(),
        }
    }

    /// With this configuration.
    #[must_use]
    pub fn config(mut self, config: TlsConfig) -> Self {
        self.config = config;
        self
    }

    /// The transport below, and the configuration: for a `Connect` of one's own.
    pub const fn parts(&mut self) -> (&mut C, &TlsConfig) {
        (&mut self.below, &self.config)
    }
}

impl<C: Connect> Connect for Tls<C> {
    type Stream = MaybeTls<C::Stream>;
    type Connecting = Connecting<C>;

    fn connect(&mut self, target: &Endpoint) -> Connecting<C> {
        let session = match target.scheme() {
            Scheme::Mqtts => match TlsSession::new(&self.config, target.host()) {
                Ok(session) => Some(Box::new(session)),
                Err(error) => return Connecting(State::Failed(Some(error.into()))),
            },
            _ => None,
        };
        let below = match session {
            Some(_) => self
                .below
                .connect(&target.clone().with_scheme(Scheme::Mqtt)),
            None => self.below.connect(target),
        };
        Connecting(State::Below(Box::pin(below), session))
    }
}

/// An attempt of [`Tls`] to connect.
pub struct Connecting<C: Connect>(State<C>);

enum State<C: Connect> {
    /// Before anything was tried.
    Failed(Option<ConnectError>),
    /// The transport below connects.
    Below(Pin<Box<C::Connecting>>, Option<Box<TlsSession>>),
    /// TLS is being set up.
    Handshake(Box<TlsStream<C::Stream>>),
    Over,
}

impl<C: Connect> Future for Connecting<C> {
    type Output = Result<MaybeTls<C::Stream>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let state = &mut self.0;
        if let State::Below(below, session) = state {
            let stream = ready!(below.as_mut().poll(cx))?;
            match session.take() {
                None => {
                    *state = State::Over;
                    return Poll::Ready(Ok(MaybeTls::Plain(stream)));
                }
                Some(session) => {
                    *state = State::Handshake(Box::new(TlsStream::new(*session, stream)));
                }
            }
        }
        if let State::Handshake(stream) = state {
            ready!(stream.poll_handshake(cx)).map_err(|error| handshake_failed(&error))?;
        }
        Poll::Ready(match core::mem::replace(state, State::Over) {
            State::Handshake(stream) => Ok(MaybeTls::Tls(stream)),
            State::Failed(Some(error)) => Err(error),
            // Polled again after it was ready.
            State::Failed(None) | State::Below(..) | State::Over => Err(ConnectError::new(
                LinkLost::Local,
                "the connection was given away",
            )),
        })
    }
}

/// What the failure of a stream means while TLS is being set up: a peer that closes then has reasons
/// that it does not tell.
pub fn handshake_failed(error: &io::Error) -> ConnectError {
    if let Some(error) = TlsError::within(error) {
        return error.clone().into();
    }
    match link_lost(error) {
        LinkLost::Closed | LinkLost::Reset => {
            ConnectError::new(LinkLost::Tls(TlsFault::ClosedEarly), error.to_string())
        }
        cause => ConnectError::new(cause, error.to_string()),
    }
}

impl<C: Connect> fmt::Debug for Connecting<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0 {
            State::Failed(_) => "failed",
            State::Below(..) => "connecting",
            State::Handshake(_) => "handshake",
            State::Over => "over",
        };
        f.debug_tuple("Connecting").field(&state).finish()
    }
}
