//! The three threads of a client.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use std::io;
use std::thread::{self, Thread};
use std::time::Instant;

use tb_driver::{Engine, Readiness, Turn, Wire, link_lost};
use tb_proto::{LinkId, LinkLost, LinkRequest};

use crate::Connect;
use crate::desk::Desk;

/// A connection on which little happens holds a buffer of this size: it takes the acknowledgements of
/// some hundred messages.
const SMALL_BUFFER: usize = 2 * 1024;

/// A read that fills the buffer makes it as large as this, a small one gives it back.
const LARGE_BUFFER: usize = 64 * 1024;

/// Owns the engine: keeps the time, and passes on what is to be done about connections.
pub(crate) fn keep_time(mut engine: Engine, desk: &Desk) {
    let _end = EndOfWork(desk);
    let alarm = Alarm::of_this_thread();
    let waker = Waker::from(Arc::clone(&alarm));
    // It has no I/O of its own: whenever there is nothing to pass on it would sleep.
    let readiness = Readiness {
        wants_chunk: false,
        would_sleep: true,
    };
    loop {
        match engine.turn(&waker, readiness) {
            Turn::Work {
                link: Some(LinkRequest::Open { link, endpoint }),
                ..
            } => {
                desk.order(link, endpoint);
            }
            Turn::Work {
                link: Some(LinkRequest::Close { link }),
                ..
            } => desk.close(link),
            Turn::Sleep { until } => alarm.wait(until),
            Turn::Done => return,
            _ => {}
        }
    }
}

/// Sends the other threads home, whatever ends this one.
struct EndOfWork<'a>(&'a Desk);

impl Drop for EndOfWork<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Connects, then reads to the end of the connection; again and again. What it reads goes straight
/// into the machine: acknowledgements are never held up by a write that blocks.
pub(crate) fn read(mut connector: impl Connect, wire: &Wire, desk: &Desk) {
    while let Some((link, endpoint)) = desk.next_order() {
        let connection = match connector.connect(&endpoint) {
            Ok(connection) => connection,
            Err(error) => {
                wire.not_opened(link, &error);
                continue;
            }
        };
        if !desk.opening(link, &connection.shutdown) {
            continue;
        }
        let connection = match connection.prepare() {
            Ok(connection) => connection,
            Err(error) => {
                desk.forget(link);
                wire.not_opened(link, &error);
                continue;
            }
        };
        let Some((mut reader, shutdown)) = desk.opened(link, connection) else {
            return;
        };
        if !wire.connected(link) {
            // It took too long; the machine has given this attempt up.
            shutdown();
            desk.forget(link);
            continue;
        }
        let why = read_to_end(&mut *reader, link, wire);
        wire.lost(link, why);
        shutdown();
        desk.forget(link);
    }
}

fn read_to_end(reader: &mut dyn io::Read, link: LinkId, wire: &Wire) -> LinkLost {
    let mut buffer = vec![0; SMALL_BUFFER];
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => return LinkLost::Closed,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return link_lost(&error),
        };
        match buffer.get(..read) {
            Some(data) => wire.input(link, data),
            // A transport that claims more than fits is broken.
            None => return LinkLost::Local,
        }
        let fitting = match read {
            read if read == buffer.len() => LARGE_BUFFER,
            ..SMALL_BUFFER => SMALL_BUFFER,
            _ => continue,
        };
        if fitting != buffer.len() {
            buffer = vec![0; fitting];
        }
    }
}

/// Writes what there is to write, connection after connection.
pub(crate) fn write(wire: &Wire, desk: &Desk) {
    let alarm = Alarm::of_this_thread();
    let waker = Waker::from(Arc::clone(&alarm));
    while let Some((link, mut writer)) = desk.next_writer() {
        let ended = write_to_end(&mut *writer, link, wire, desk, &alarm, &waker);
        // What it has to say at the end is part of the writing.
        drop(writer);
        desk.set_writing(None);
        if let Err(why) = ended {
            wire.lost(link, why);
            desk.close(link);
        }
    }
}

fn write_to_end(
    writer: &mut dyn io::Write,
    link: LinkId,
    wire: &Wire,
    desk: &Desk,
    alarm: &Alarm,
    waker: &Waker,
) -> Result<(), LinkLost> {
    let mut unflushed = false;
    loop {
        // Said before the bytes are taken: until it is taken back nobody closes under them.
        desk.set_writing(Some(link));
        match wire.poll_chunk(link, &Context::from_waker(waker)) {
            Poll::Ready(Some(chunk)) => {
                write_all(writer, &chunk)?;
                unflushed = true;
            }
            Poll::Ready(None) => return Ok(()),
            Poll::Pending if unflushed => {
                retry(|| writer.flush())?;
                unflushed = false;
            }
            Poll::Pending => {
                desk.set_writing(None);
                alarm.wait(None);
            }
        }
    }
}

fn write_all(writer: &mut dyn io::Write, mut bytes: &[u8]) -> Result<(), LinkLost> {
    while !bytes.is_empty() {
        match retry(|| writer.write(bytes))? {
            // A transport that takes no bytes will not take them later either.
            0 => return Err(LinkLost::Local),
            written => bytes = bytes.get(written..).unwrap_or_default(),
        }
    }
    Ok(())
}

fn retry<T>(mut operation: impl FnMut() -> io::Result<T>) -> Result<T, LinkLost> {
    loop {
        match operation() {
            Ok(value) => return Ok(value),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(link_lost(&error)),
        }
    }
}

/// Wakes one thread, also before it sleeps.
struct Alarm {
    thread: Thread,
    rung: AtomicBool,
}

impl Alarm {
    fn of_this_thread() -> Arc<Self> {
        Arc::new(Self {
            thread: thread::current(),
            rung: AtomicBool::new(false),
        })
    }

    /// Sleeps until the alarm has rung since the last time, or `until` has come. The system rounds
    /// the time up, so that nobody wakes early and spins.
    fn wait(&self, until: Option<Instant>) {
        while !self.rung.swap(false, Ordering::Acquire) {
            match until {
                None => thread::park(),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return;
                    }
                    thread::park_timeout(left);
                }
            }
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
