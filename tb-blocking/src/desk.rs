//! Where the three threads of a client leave things for each other.

use core::time::Duration;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tb_proto::{Endpoint, LinkId};

use crate::connect::{Connection, Shutdown};

/// A write in progress has this long to end before its connection is closed under it.
const GRACE: Duration = Duration::from_millis(100);

#[derive(Default)]
pub(crate) struct Desk {
    papers: Mutex<Papers>,
    changed: Condvar,
}

#[derive(Default)]
struct Papers {
    /// For the reader: where to connect to.
    target: Option<(LinkId, Endpoint)>,
    /// The connection that was ordered last, until it is given up.
    wanted: Option<LinkId>,
    /// For the writer: what to write to.
    writer: Option<(LinkId, Box<dyn io::Write + Send>)>,
    /// The connection that is open, and what closes it.
    open: Option<(LinkId, Shutdown)>,
    /// The writer has bytes of this connection in its hands.
    writing: Option<LinkId>,
    /// So many wait for the writer to put them down.
    closing: usize,
    over: bool,
}

impl Desk {
    /// The reader shall connect to `endpoint`.
    pub(crate) fn order(&self, link: LinkId, endpoint: Endpoint) {
        let mut papers = self.lock();
        papers.wanted = Some(link);
        papers.target = Some((link, endpoint));
        drop(papers);
        self.changed.notify_all();
    }

    /// Waits for an order. `None`: there will be none.
    pub(crate) fn next_order(&self) -> Option<(LinkId, Endpoint)> {
        let mut papers = self.wait_while(|papers| papers.target.is_none());
        if papers.over {
            None
        } else {
            papers.target.take()
        }
    }

    /// From here on the connection can be closed, although it is not open yet. `false`: it was given up
    /// already, and is closed.
    pub(crate) fn opening(&self, link: LinkId, shutdown: &Shutdown) -> bool {
        let mut papers = self.lock();
        let wanted = !papers.over && papers.wanted == Some(link);
        if wanted {
            papers.open = Some((link, Shutdown::clone(shutdown)));
        }
        drop(papers);
        if !wanted {
            shutdown();
        }
        wanted
    }

    /// Leaves the writing half for the writer and keeps the reading half for the reader. `None`: it
    /// is over, and so is the connection.
    pub(crate) fn opened(
        &self,
        link: LinkId,
        connection: Connection,
    ) -> Option<(Box<dyn io::Read + Send>, Shutdown)> {
        let Connection {
            reader,
            writer,
            shutdown,
            ..
        } = connection;
        let mut papers = self.lock();
        if papers.over {
            drop(papers);
            shutdown();
            return None;
        }
        papers.writer = Some((link, writer));
        papers.open = Some((link, Shutdown::clone(&shutdown)));
        drop(papers);
        self.changed.notify_all();
        Some((reader, shutdown))
    }

    /// Waits for something to write to. `None`: there will be nothing.
    pub(crate) fn next_writer(&self) -> Option<(LinkId, Box<dyn io::Write + Send>)> {
        let mut papers = self.wait_while(|papers| papers.writer.is_none());
        if papers.over {
            None
        } else {
            papers.writer.take()
        }
    }

    /// The writer begins to write, or has ended.
    pub(crate) fn set_writing(&self, link: Option<LinkId>) {
        let mut papers = self.lock();
        papers.writing = link;
        let awaited = papers.closing > 0;
        drop(papers);
        // Telling costs a system call, and mostly nobody listens.
        if awaited {
            self.changed.notify_all();
        }
    }

    /// Closes a connection, or gives up opening it. A write that does not block gets to its end.
    pub(crate) fn close(&self, link: LinkId) {
        let mut papers = self.lock();
        papers.target.take_if(|(target, _)| *target == link);
        papers.wanted.take_if(|wanted| *wanted == link);
        papers.closing += 1;
        let papers = self
            .changed
            .wait_timeout_while(papers, GRACE, |papers| papers.writing == Some(link));
        let (mut papers, _) = papers.unwrap_or_else(PoisonError::into_inner);
        papers.closing -= 1;
        let open = papers.open.take_if(|(open, _)| *open == link);
        drop(papers);
        if let Some((_, shutdown)) = open {
            shutdown();
        }
    }

    /// The connection was closed already: what closes it holds a descriptor.
    pub(crate) fn forget(&self, link: LinkId) {
        let open = self.lock().open.take_if(|(open, _)| *open == link);
        drop(open);
    }

    /// Sends everybody home.
    pub(crate) fn end(&self) {
        let mut papers = self.lock();
        papers.over = true;
        let (target, writer) = (papers.target.take(), papers.writer.take());
        let open = papers.open.take();
        drop(papers);
        self.changed.notify_all();
        if let Some((_, shutdown)) = open {
            shutdown();
        }
        drop((target, writer));
    }

    fn wait_while(&self, nothing: impl Fn(&Papers) -> bool) -> MutexGuard<'_, Papers> {
        self.changed
            .wait_while(self.lock(), |papers| !papers.over && nothing(papers))
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Papers> {
        // Under this lock things are only put down and picked up.
        self.papers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
