//! Server-side RPC as functions: parameters in, an answer out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tb_proto::AlreadyServed;

use crate::client::Client;
use crate::error::{Error, RecvError};
use crate::streams::{Receiver, RpcRequest};

/// So many calls of one method run at a time; further ones wait in the stream, which answers those
/// beyond its own bound with an error.
const AT_ONCE: usize = 16;

impl Client {
    /// Answers the RPC calls of one method with the results of `handler`: a future that runs until the
    /// client is shut down. Spawn it, or poll it beside others; while nobody polls it calls wait.
    ///
    /// Up to 16 calls run at a time. A call whose parameters are no `P` is answered
    /// `{"error": …}`, and so is one for which the handler returns an error. A method without parameters
    /// has `P = ()`.
    ///
    /// The method is taken from now on, before the future is polled. Dropping the future gives it back;
    /// calls that run are answered with an error.
    ///
    /// ```
    /// # use serde::Deserialize;
    /// #[derive(Deserialize)]
    /// struct SetSpeed {
    ///     rpm: u32,
    /// }
    ///
    /// # async fn device(client: tb_driver::Client) -> Result<(), tb_proto::AlreadyServed> {
    /// let speed = client.serve("setSpeed", async |speed: SetSpeed| match speed.rpm {
    ///     0..=3_000 => Ok(speed.rpm),
    ///     _ => Err("too fast"),
    /// })?;
    /// speed.await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`AlreadyServed`]: somebody takes the calls of this method already.
    pub fn serve<P, R, E, F, Answering>(
        &self,
        method: &str,
        handler: F,
    ) -> Result<impl Future<Output = ()> + use<P, R, E, F, Answering>, AlreadyServed>
    where
        P: DeserializeOwned,
        R: Serialize,
        E: fmt::Display,
        F: Fn(P) -> Answering,
        Answering: Future<Output = Result<R, E>>,
    {
        Ok(serving(self.rpc_requests_of(method)?, handler))
    }

    /// As [`serve`](Self::serve) on this thread, one call after the other: it blocks until the client
    /// is shut down.
    ///
    /// # Errors
    /// [`Error::AlreadyServed`]; [`Error::OnDriverThread`].
    pub fn serve_wait<P, R, E>(
        &self,
        method: &str,
        handler: impl FnMut(P) -> Result<R, E>,
    ) -> Result<(), Error>
    where
        P: DeserializeOwned,
        R: Serialize,
        E: fmt::Display,
    {
        serving_wait(self.rpc_requests_of(method)?, handler)
    }
}

/// Answers calls with the results of `handler`.
pub(crate) fn serving<P, R, E, F, Answering>(
    calls: Receiver<RpcRequest>,
    handler: F,
) -> impl Future<Output = ()> + use<P, R, E, F, Answering>
where
    P: DeserializeOwned,
    R: Serialize,
    E: fmt::Display,
    F: Fn(P) -> Answering,
    Answering: Future<Output = Result<R, E>>,
{
    let mut serving = Serving {
        calls,
        running: Vec::new(),
    };
    async move { poll_fn(|cx| serving.poll(&handler, cx)).await }
}

/// Answers calls one after the other, until there are no more.
pub(crate) fn serving_wait<P, R, E>(
    mut calls: Receiver<RpcRequest>,
    mut handler: impl FnMut(P) -> Result<R, E>,
) -> Result<(), Error>
where
    P: DeserializeOwned,
    R: Serialize,
    E: fmt::Display,
{
    loop {
        match calls.recv_wait() {
            Ok(call) => {
                if let Some((params, call)) = parameters(call) {
                    let answer = handler(params);
                    reply(call, answer);
                }
            }
            Err(RecvError::Closed) => return Ok(()),
            Err(RecvError::OnDriverThread) => return Err(Error::OnDriverThread),
            Err(error) => return Err(error.into()),
        }
    }
}

struct Serving<Answering> {
    calls: Receiver<RpcRequest>,
    running: Vec<(Pin<Box<Answering>>, RpcRequest)>,
}

impl<Answering> Serving<Answering> {
    fn poll<P, R, E>(&mut self, handler: &impl Fn(P) -> Answering, cx: &mut Context<'_>) -> Poll<()>
    where
        P: DeserializeOwned,
        R: Serialize,
        E: fmt::Display,
        Answering: Future<Output = Result<R, E>>,
    {
        let mut first_unpolled = 0;
        loop {
            let mut at = first_unpolled;
            while let Some((answering, _)) = self.running.get_mut(at) {
                match answering.as_mut().poll(cx) {
                    Poll::Ready(answer) => {
                        let (_, call) = self.running.swap_remove(at);
                        reply(call, answer);
                    }
                    Poll::Pending => at += 1,
                }
            }
            first_unpolled = self.running.len();
            if first_unpolled >= AT_ONCE {
                return Poll::Pending;
            }
            match Pin::new(&mut self.calls).poll_next(cx) {
                Poll::Ready(Some(call)) => {
                    if let Some((params, call)) = parameters(call) {
                        self.running.push((Box::pin(handler(params)), call));
                    }
                }
                Poll::Ready(None) if self.running.is_empty() => return Poll::Ready(()),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// The parameters of a call; without them it is answered at once.
fn parameters<P: DeserializeOwned>(call: RpcRequest) -> Option<(P, RpcRequest)> {
    match call.params().parse() {
        Ok(params) => Some((params, call)),
        Err(error) => {
            // The call may be over; then nobody waits for this.
            let _ = call.reply_error(format_args!("the parameters do not fit: {error}"));
            None
        }
    }
}

fn reply<R: Serialize, E: fmt::Display>(call: RpcRequest, answer: Result<R, E>) {
    let refused = match answer {
        Ok(answer) => call.reply(&answer).err(),
        Err(error) => call.reply_error(error).err(),
    };
    // It does not serialise, say, or is too large: whoever called is told so.
    if let Some(refused) = refused {
        let reason = refused.reason.clone();
        let _ = refused.into_item().reply_error(reason);
    }
}
