use core::task::{Context, Poll};
use std::io;

use tb_proto::{Package, Verifier};

/// Where the bytes of a package go: a file, a flash partition, a pipe.
///
/// The methods are polled by the task or thread that polls the [`Download`](super::Download), one at a
/// time and in this order: [`poll_resume`](Self::poll_resume) until it is ready,
/// [`poll_write`](Self::poll_write) with all bytes in their order, then one of
/// [`poll_commit`](Self::poll_commit) and [`discard`](Self::discard). They may block that task or
/// thread for as long as it can bear; nobody else waits.
///
/// A sink that is dropped before the end should keep what it has, to resume from it.
pub trait UpdateSink {
    /// Begins with this package. What is stored of it already, from its first byte on, is shown to
    /// `verifier`, once; the download goes on behind it. A sink that keeps nothing is ready at once.
    ///
    /// # Errors
    /// The download fails with [`UpdateError::Storage`](tb_proto::UpdateError::Storage).
    fn poll_resume(
        &mut self,
        cx: &mut Context<'_>,
        package: &Package,
        verifier: &mut Verifier,
    ) -> Poll<io::Result<()>>;

    /// Stores the next bytes; tells how many of them it took, at least one.
    ///
    /// # Errors
    /// As [`poll_resume`](Self::poll_resume). 0 is an error too: there is no room left.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// The package is complete and is the announced one: makes it durable and visible, all at once.
    ///
    /// # Errors
    /// As [`poll_resume`](Self::poll_resume).
    fn poll_commit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// What is stored is not the announced package: it must not be resumed from.
    fn discard(&mut self);
}
