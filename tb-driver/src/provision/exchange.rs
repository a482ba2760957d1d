//! Provisioning over an asynchronous transport.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use bytes::{Buf, Bytes};
use futures_io::{AsyncRead, AsyncWrite};
use tb_proto::{
    Credentials, Endpoint, LinkId, LinkLost, LinkRequest, ProvisionError, ProvisionRequest,
    Provisioning,
};

use super::{NotProvisioned, machine};
use crate::clock::Clock;
use crate::connect::{Connect, link_lost};
use crate::log;
use crate::timer::Timer;

/// So many rounds are done before other tasks get their turn.
const ROUNDS: usize = 32;

/// An answer is some hundred bytes, with a certificate some thousand.
const BUFFER: usize = 4 * 1024;

/// Asks the server at `endpoint` for a device and its credentials, over connections of `connector`.
/// `resume`: the same request may have been made before, so its credentials are tried first.
///
/// Keep the credentials that are asked for before this is polled
/// ([`ProvisionRequest::expected`]; [`CredentialsFile`](super::CredentialsFile) does).
///
/// Dropping the future closes the connection. The request may have been written then: resume with the
/// same credentials.
///
/// # Errors
/// [`NotProvisioned::Request`], [`NotProvisioned::Provision`].
pub async fn provision<C: Connect, T: Timer>(
    connector: &mut C,
    timer: &mut T,
    endpoint: Endpoint,
    request: ProvisionRequest,
    resume: bool,
) -> Result<Credentials, NotProvisioned> {
    let clock = Clock::start();
    let machine = machine(endpoint, request, resume, clock.now())?;
    let mut exchange = Exchange {
        machine,
        clock,
        transport: Transport::Down,
        chunk: Bytes::new(),
        outcome: None,
    };
    let outcome = poll_fn(|cx| exchange.poll(connector, timer, cx)).await;
    Ok(outcome?)
}

struct Exchange<C: Connect> {
    machine: Provisioning,
    clock: Clock,
    transport: Transport<C>,
    /// What is left to write.
    chunk: Bytes,
    outcome: Option<Result<Credentials, ProvisionError>>,
}

enum Transport<C: Connect> {
    Down,
    Opening(LinkId, Pin<Box<C::Connecting>>),
    Up(LinkId, C::Stream, Vec<u8>),
}

impl<C: Connect> Exchange<C> {
    fn poll(
        &mut self,
        connector: &mut C,
        timer: &mut impl Timer,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Credentials, ProvisionError>> {
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            if self.machine.poll_timeout().is_some_and(|due| due <= now) {
                self.machine.handle_timeout(now);
            }
            let mut progress = self.follow(connector, cx);
            progress |= self.exchange(cx);
            if let Some(outcome) = self.machine.poll_outcome() {
                self.outcome = Some(outcome);
                progress = true;
            }
            if self.machine.is_closed()
                && matches!(self.transport, Transport::Down)
                && let Some(outcome) = self.outcome.take()
            {
                return Poll::Ready(outcome);
            }
            if !progress {
                let until = self.machine.poll_timeout();
                let slept = until.map(|until| timer.poll_until(self.clock.to_std(until), cx));
                if !matches!(slept, Some(Poll::Ready(()))) {
                    return Poll::Pending;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes what the machine wants done. Connections are closed when everything was handed out.
    fn follow(&mut self, connector: &mut C, cx: &mut Context<'_>) -> bool {
        if self.chunk.is_empty()
            && let Some(chunk) = self.machine.poll_transmit()
        {
            self.chunk = chunk;
            return true;
        }
        let Some(request) = self.machine.poll_link() else {
            return false;
        };
        log::asked(&request);
        self.close(cx);
        if let LinkRequest::Open { link, endpoint } = request {
            let connecting = Box::pin(connector.connect(&endpoint));
            self.transport = Transport::Opening(link, connecting);
        }
        true
    }

    /// Says goodbye as far as that does not block.
    fn close(&mut self, cx: &mut Context<'_>) {
        while !self.chunk.is_empty() && self.write(cx) == Ok(true) {}
        self.chunk = Bytes::new();
        if let Transport::Up(_, stream, _) = &mut self.transport {
            // Closing flushes.
            let _ = Pin::new(stream).poll_close(cx);
        }
        self.transport = Transport::Down;
    }

    /// Does what the transport can do without waiting, and tells whether that was anything.
    fn exchange(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.clock.now();
        let link = match &mut self.transport {
            Transport::Down => return false,
            Transport::Opening(link, connecting) => {
                let link = *link;
                match connecting.as_mut().poll(cx) {
                    Poll::Pending => return false,
                    Poll::Ready(Ok(stream)) => {
                        self.transport = Transport::Up(link, stream, vec![0; BUFFER]);
                        self.machine.handle_connected(now, link);
                    }
                    Poll::Ready(Err(error)) => {
                        log::not_opened(link, &error);
                        self.lost(link, error.cause);
                    }
                }
                return true;
            }
            Transport::Up(link, ..) => *link,
        };
        let read = self.read(link, cx);
        let written = self.write(cx);
        match (read, written) {
            (Ok(read), Ok(written)) => read || written,
            (Err(why), _) | (_, Err(why)) => {
                log::lost(link, why);
                self.lost(link, why);
                true
            }
        }
    }

    fn lost(&mut self, link: LinkId, why: LinkLost) {
        self.transport = Transport::Down;
        self.chunk = Bytes::new();
        self.machine
            .handle_disconnected(self.clock.now(), link, why);
    }

    fn read(&mut self, link: LinkId, cx: &mut Context<'_>) -> Result<bool, LinkLost> {
        let Transport::Up(_, stream, buffer) = &mut self.transport else {
            return Ok(false);
        };
        match Pin::new(stream).poll_read(cx, buffer) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(0)) => Err(LinkLost::Closed),
            Poll::Ready(Ok(read)) => {
                // A stream that claims more than fits is broken.
                let data = buffer.get(..read).ok_or(LinkLost::Local)?;
                self.machine.handle_input(self.clock.now(), link, data);
                Ok(true)
            }
            Poll::Ready(Err(error)) => again(&error),
        }
    }

    /// Writes once, or flushes if everything is written.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, LinkLost> {
        let Transport::Up(_, stream, _) = &mut self.transport else {
            return Ok(false);
        };
        if self.chunk.is_empty() {
            return match Pin::new(stream).poll_flush(cx) {
                Poll::Ready(Err(error)) => again(&error),
                // No progress: nothing new can be done because of it.
                Poll::Pending | Poll::Ready(Ok(())) => Ok(false),
            };
        }
        match Pin::new(stream).poll_write(cx, &self.chunk) {
            Poll::Pending => Ok(false),
            // A transport that takes no bytes will not take them later either.
            Poll::Ready(Ok(0)) => Err(LinkLost::Local),
            Poll::Ready(Ok(written)) => {
                self.chunk.advance(written.min(self.chunk.len()));
                Ok(true)
            }
            Poll::Ready(Err(error)) => again(&error),
        }
    }
}

/// Every error of a stream but an interruption ends the connection. After an interruption another
/// round is due.
fn again(error: &io::Error) -> Result<bool, LinkLost> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(true),
        _ => Err(link_lost(error)),
    }
}
