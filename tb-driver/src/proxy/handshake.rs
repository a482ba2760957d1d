//! The dialogue with a proxy before the connection is ours, without any I/O.

use alloc::vec::Vec;

use tb_proto::{Endpoint, Scheme};

use super::http::Answer;
use super::socks5::Dialogue;
use super::{Protocol, Proxy, ProxyError, http};

/// The dialogue with a proxy: says what to send and how much to read until the connection is ours.
///
/// It never wants a byte more than the proxy's part, so nothing of the server's is read by mistake.
/// Follow [`step`](Self::step) until it is done. It holds 8 KiB at most.
#[derive(Debug)]
pub struct Handshake {
    /// Sent next.
    unsent: Vec<u8>,
    answer: Expected,
}

#[derive(Debug)]
enum Expected {
    Socks5(Dialogue),
    Http(Answer),
}

/// What to do next in a [`Handshake`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send all of this, and flush.
    Send(Vec<u8>),
    /// Read at least one byte, and no more than this many, for
    /// [`handle_input`](Handshake::handle_input).
    Receive {
        /// Never 0.
        at_most: usize,
    },
    /// The bytes that follow are the server's.
    Done,
}

impl Handshake {
    /// Asks `proxy`, to which a connection is open, for one to `target`.
    ///
    /// # Errors
    /// [`ProxyError::TlsMissing`], [`ProxyError::NameTooLong`].
    pub fn new(proxy: &Proxy, target: &Endpoint) -> Result<Self, ProxyError> {
        if target.scheme() != Scheme::Mqtt {
            return Err(ProxyError::TlsMissing);
        }
        if target.host().len() > 255 {
            return Err(ProxyError::NameTooLong);
        }
        Ok(match proxy.protocol {
            Protocol::Socks5 => {
                let (dialogue, unsent) = Dialogue::new(proxy.login.as_ref(), target);
                Self {
                    unsent,
                    answer: Expected::Socks5(dialogue),
                }
            }
            Protocol::HttpConnect => Self {
                unsent: http::request(proxy.login.as_ref(), target),
                answer: Expected::Http(Answer::to(proxy.login.as_ref())),
            },
        })
    }

    /// What to do next. What is to be sent is handed out once.
    pub fn step(&mut self) -> Step {
        if !self.unsent.is_empty() {
            return Step::Send(core::mem::take(&mut self.unsent));
        }
        let at_most = match &self.answer {
            Expected::Socks5(dialogue) => dialogue.wants(),
            Expected::Http(answer) => answer.wants(),
        };
        match at_most {
            0 => Step::Done,
            at_most => Step::Receive { at_most },
        }
    }

    /// Takes bytes of the proxy, as many as [`Step::Receive`] allows at most.
    ///
    /// # Errors
    /// [`ProxyError`]; close the connection then.
    pub fn handle_input(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        for byte in data {
            match &mut self.answer {
                Expected::Socks5(dialogue) => self.unsent.extend(dialogue.take(*byte)?),
                Expected::Http(answer) => answer.take(*byte)?,
            }
        }
        Ok(())
    }
}
