use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use bytes::{Buf, Bytes};
use tb_proto::{Fetched, Offer, OfferId, UpdateError, Verified, Verifier};

use super::UpdateSink;
use crate::error::WaitError;
use crate::park;
use crate::shared::Shared;
use crate::streams::{Channel, Receiver, Registration};
use crate::wakes::Wakes;

/// So many pieces are handed to the sink in one poll, then others have their turn.
const AT_ONCE: usize = 16;

/// A package on its way into a sink: a future for tasks, something to wait for on threads.
///
/// Lost connections do not end it; it goes on when there is one again. When it is ready the sink has
/// committed the package, and the platform knows that it is verified.
///
/// Dropping it before gives the download up, and the platform is told `FAILED`. What the sink has
/// stored stays, to be resumed from.
#[must_use = "nothing is fetched unless the download is polled or waited for"]
pub struct Download<S> {
    offer: Arc<Offer>,
    shared: Weak<Shared>,
    /// `None` when it was handed back.
    sink: Option<S>,
    stage: Stage,
    progress: Option<Arc<Channel<Progress>>>,
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are stored.
    pub done: u64,
    /// Bytes of the package.
    pub total: u64,
}

enum Stage {
    /// The sink looks at what it has.
    Resuming(Box<Verifier>),
    /// Chunks come; this is what is left of the last one.
    Fetching {
        verifier: Box<Verifier>,
        rest: Bytes,
    },
    /// The sink makes the package visible.
    Committing(Box<Verified>),
    Over,
}

impl<S> Download<S> {
    pub(super) fn new(offer: Arc<Offer>, shared: Weak<Shared>, sink: S) -> Self {
        // Only what the server hands out is fetched here.
        let stage = match (&offer.package.source, offer.package.verifier()) {
            (tb_proto::Source::Server { .. }, Some(verifier)) => {
                Stage::Resuming(Box::new(verifier))
            }
            _ => Stage::Over,
        };
        Self {
            offer,
            shared,
            sink: Some(sink),
            stage,
            progress: None,
        }
    }

    /// Follows how far it is, beginning with the present state; a state that was not fetched is
    /// replaced by the next. It ends with the download.
    ///
    /// `None`: the client is shut down.
    pub fn progress(&mut self) -> Option<Receiver<Progress>> {
        let shared = self.shared.upgrade()?;
        let channel = Arc::clone(self.progress.get_or_insert_default());
        let receiver = Receiver::new(shared, channel, Registration::None);
        self.tell_progress();
        Some(receiver)
    }

    fn tell_progress(&self) {
        let Some(channel) = &self.progress else {
            return;
        };
        let total = self.offer.package.size().unwrap_or(0);
        let done = match &self.stage {
            Stage::Resuming(_) => 0,
            Stage::Fetching { verifier, .. } => verifier.seen(),
            Stage::Committing(_) | Stage::Over => total,
        };
        let mut wakes = Wakes::default();
        channel.update(&mut wakes, |items| {
            items.clear();
            items.push_back(Progress { done, total });
        });
        wakes.wake();
    }

    /// Tells the machine how it ended, as long as that is the machine's business.
    fn finish(&mut self, outcome: Result<Verified, UpdateError>) -> Result<(), UpdateError> {
        let id = self.offer.id;
        let shared = self.shared.upgrade().ok_or(UpdateError::Abandoned)?;
        shared
            .with(|state, now| state.machine.finish_download(now, id, outcome))
            .unwrap_or(Err(UpdateError::Abandoned))
    }

    /// The sink has failed.
    fn fail(&mut self, error: &io::Error) -> UpdateError {
        let error = UpdateError::storage(error);
        // Where the offer is gone meanwhile, nobody has to hear of it.
        let _ = self.finish(Err(error.clone()));
        error
    }
}

impl<S: UpdateSink + Unpin> Download<S> {
    /// Blocks this thread until the download has ended, connected or not. The work of the sink is done
    /// on this thread.
    ///
    /// # Errors
    /// [`WaitError::Over`] with the error of the download; [`WaitError::OnDriverThread`].
    pub fn wait(mut self) -> Result<S, WaitError<Self, UpdateError>> {
        let Some(shared) = self.shared.upgrade() else {
            return Err(WaitError::Over(UpdateError::Abandoned));
        };
        match park::wait(&shared, &mut self, None) {
            Ok(outcome) => outcome.map_err(WaitError::Over),
            Err(interrupted) => Err(interrupted.with(self)),
        }
    }

    /// Blocks this thread until the download has ended, but not longer than `timeout` and the last call
    /// of the sink. After that it stands still until it is waited for again.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`] gives the download back; and those of [`wait`](Self::wait).
    pub fn wait_timeout(mut self, timeout: Duration) -> Result<S, WaitError<Self, UpdateError>> {
        let Some(shared) = self.shared.upgrade() else {
            return Err(WaitError::Over(UpdateError::Abandoned));
        };
        match park::wait(&shared, &mut self, Some(timeout)) {
            Ok(outcome) => outcome.map_err(WaitError::Over),
            Err(interrupted) => Err(interrupted.with(self)),
        }
    }

    fn poll_stage(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UpdateError>> {
        match &mut self.stage {
            Stage::Resuming(_) => self.poll_resume(cx),
            Stage::Fetching { rest, .. } if !rest.is_empty() => self.poll_write(cx),
            Stage::Fetching { .. } => self.poll_fetch(cx),
            Stage::Committing(_) => self.poll_commit(cx),
            Stage::Over => Poll::Ready(Err(UpdateError::External)),
        }
    }

    fn poll_resume(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UpdateError>> {
        let (Stage::Resuming(verifier), Some(sink)) = (&mut self.stage, &mut self.sink) else {
            return Poll::Ready(Err(UpdateError::NotOffered));
        };
        if let Err(error) = ready!(sink.poll_resume(cx, &self.offer.package, verifier)) {
            return Poll::Ready(Err(UpdateError::storage(&error)));
        }
        let (id, stored) = (self.offer.id, verifier.seen());
        let verifier = verifier.clone();
        let shared = self.shared.upgrade().ok_or(UpdateError::Abandoned)?;
        shared
            .with(|state, now| state.machine.download(now, id, stored))
            .unwrap_or(Err(UpdateError::Abandoned))?;
        self.stage = Stage::Fetching {
            verifier,
            rest: Bytes::new(),
        };
        self.tell_progress();
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UpdateError>> {
        let (Stage::Fetching { verifier, rest }, Some(sink)) = (&mut self.stage, &mut self.sink)
        else {
            return Poll::Ready(Err(UpdateError::NotOffered));
        };
        let written = match ready!(sink.poll_write(cx, rest)) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => Ok(written.min(rest.len())),
            Err(error) => Err(error),
        };
        match written {
            Ok(written) => {
                verifier.update(rest.get(..written).unwrap_or_default());
                rest.advance(written);
                self.tell_progress();
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(self.fail(&error))),
        }
    }

    fn poll_fetch(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UpdateError>> {
        let id = self.offer.id;
        let shared = self.shared.upgrade().ok_or(UpdateError::Abandoned)?;
        let fetched = shared.with(|state, now| {
            let fetched = state.machine.fetch(now, id);
            // Under one lock: what comes afterwards finds the waker.
            let replaced = match fetched {
                Fetched::Pending => state.streams.followers.wait(id.package_type(), cx.waker()),
                _ => None,
            };
            (fetched, replaced)
        });
        let Some((fetched, replaced)) = fetched else {
            return Poll::Ready(Err(UpdateError::Abandoned));
        };
        drop(replaced);
        match fetched {
            Fetched::Pending => Poll::Pending,
            Fetched::Chunk(chunk) => {
                if let Stage::Fetching { rest, .. } = &mut self.stage {
                    *rest = chunk.bytes;
                }
                Poll::Ready(Ok(()))
            }
            Fetched::Done => self.verify(),
            Fetched::Ended(error) => Poll::Ready(Err(error)),
        }
    }

    /// All bytes are in the sink.
    fn verify(&mut self) -> Poll<Result<(), UpdateError>> {
        let Stage::Fetching { verifier, .. } = &self.stage else {
            return Poll::Ready(Err(UpdateError::NotOffered));
        };
        match (**verifier).clone().finish() {
            Ok(verified) => {
                self.stage = Stage::Committing(Box::new(verified));
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                if let Some(sink) = &mut self.sink {
                    sink.discard();
                }
                let told = self.finish(Err(error.clone()));
                Poll::Ready(told.and(Err(error)))
            }
        }
    }

    fn poll_commit(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UpdateError>> {
        let (Stage::Committing(verified), Some(sink)) = (&mut self.stage, &mut self.sink) else {
            return Poll::Ready(Err(UpdateError::NotOffered));
        };
        if let Err(error) = ready!(sink.poll_commit(cx)) {
            return Poll::Ready(Err(self.fail(&error)));
        }
        let verified = (**verified).clone();
        self.finish(Ok(verified))?;
        self.stage = Stage::Over;
        Poll::Ready(Ok(()))
    }
}

impl<S: UpdateSink + Unpin> Future for Download<S> {
    type Output = Result<S, UpdateError>;

    /// Polled again after it was ready, it stays pending.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.sink.is_none() {
            return Poll::Pending;
        }
        for _ in 0..AT_ONCE {
            let outcome = match ready!(this.poll_stage(cx)) {
                Ok(()) if matches!(this.stage, Stage::Over) => Ok(()),
                Ok(()) => continue,
                Err(error) => Err(error),
            };
            // The machine knows how it ended: it told it, or was told.
            this.stage = Stage::Over;
            if let Some(channel) = this.progress.take() {
                let mut wakes = Wakes::default();
                channel.close(&mut wakes);
                wakes.wake();
            }
            let sink = this.sink.take();
            return match outcome {
                Ok(()) => sink.map_or(Poll::Pending, |sink| Poll::Ready(Ok(sink))),
                Err(error) => Poll::Ready(Err(error)),
            };
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S> Drop for Download<S> {
    fn drop(&mut self) {
        if let Stage::Fetching { .. } | Stage::Committing(_) = self.stage {
            // Where the offer is gone meanwhile, nobody has to hear of it.
            let _ = self.finish(Err(UpdateError::GivenUp));
        }
        if let Some(channel) = self.progress.take() {
            let mut wakes = Wakes::default();
            channel.close(&mut wakes);
            wakes.wake();
        }
    }
}

impl<S> fmt::Debug for Download<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id: OfferId = self.offer.id;
        f.debug_struct("Download")
            .field("offer", &id)
            .finish_non_exhaustive()
    }
}
