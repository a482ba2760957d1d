use core::task::{Context, Poll};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tb_proto::{Package, Source, Verifier};

use super::UpdateSink;

/// So much of a stored beginning is read in one poll.
const READ_AT_ONCE: usize = 1024 * 1024;

/// A stored beginning is read in pieces of this size.
const PIECE: usize = 64 * 1024;

/// A package as a file.
///
/// The bytes go to a file beside it, with `.part` behind the name. When the package is verified that
/// file is synchronised and renamed: under its own name the file is always whole, the old one or the
/// new one. The name is yours; nothing of what the server sends becomes part of a path.
///
/// After a restart a download with the same name goes on where it was: what is stored is read and
/// checked again. A second file, with `.part.of` behind the name, tells which package the bytes are of;
/// those of another one are thrown away.
///
/// Writing blocks the task or thread for as long as the file system takes, mostly a few
/// microseconds a chunk; at the end, until the disk has everything.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    state: State,
}

#[derive(Debug)]
enum State {
    Closed,
    /// The stored beginning is being read; so many bytes are left.
    Reading {
        file: File,
        left: u64,
    },
    Writing(File),
}

impl FileSink {
    /// The package will be the file at `path`, whose directory exists. Nothing is touched before the
    /// download begins.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            state: State::Closed,
        }
    }

    /// Where the package is, or will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes that are there so far.
    fn part(&self) -> PathBuf {
        self.beside(".part")
    }

    /// Which package they are of.
    fn of(&self) -> PathBuf {
        self.beside(".part.of")
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = OsString::from(self.path.as_os_str());
        name.push(suffix);
        PathBuf::from(name)
    }

    /// Opens what is there of `package`, and tells how many bytes that are.
    fn open(&self, package: &Package) -> io::Result<(File, u64)> {
        let identity = identity(package);
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        if fs::read_to_string(self.of()).is_ok_and(|stored| stored == identity)
            && let Ok(file) = options.open(self.part())
        {
            let stored = file.metadata()?.len();
            if package.size().is_none_or(|size| stored <= size) {
                return Ok((file, stored));
            }
        }
        // First the old bytes go, then the new name comes: whatever is interrupted, the name never
        // stands beside bytes of another package.
        let file = options.create(true).truncate(true).open(self.part())?;
        fs::write(self.of(), identity)?;
        Ok((file, 0))
    }

    fn read_some(file: &mut File, left: &mut u64, verifier: &mut Verifier) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        let mut budget = READ_AT_ONCE;
        while *left > 0 && budget > 0 {
            let wanted = usize::try_from(*left).unwrap_or(PIECE).min(PIECE);
            let place = piece.get_mut(..wanted).unwrap_or_default();
            file.read_exact(place)?;
            verifier.update(place);
            *left -= wanted as u64;
            budget = budget.saturating_sub(wanted);
        }
        Ok(())
    }

    fn commit(&mut self) -> io::Result<()> {
        let State::Writing(file) = core::mem::replace(&mut self.state, State::Closed) else {
            return Err(io::Error::other("nothing was written"));
        };
        file.sync_all()?;
        drop(file);
        fs::rename(self.part(), &self.path)?;
        // The rename itself has to survive a power cut. Not every system can do that to a directory.
        if let Some(directory) = self.path.parent()
            && let Ok(directory) = File::open(if directory.as_os_str().is_empty() {
                Path::new(".")
            } else {
                directory
            })
        {
            let _ = directory.sync_all();
        }
        // It names a file that is not there any more.
        let _ = fs::remove_file(self.of());
        Ok(())
    }
}

impl UpdateSink for FileSink {
    fn poll_resume(
        &mut self,
        cx: &mut Context<'_>,
        package: &Package,
        verifier: &mut Verifier,
    ) -> Poll<io::Result<()>> {
        if let State::Closed = self.state {
            let (file, left) = self.open(package)?;
            self.state = State::Reading { file, left };
        }
        if let State::Reading { file, left } = &mut self.state {
            Self::read_some(file, left, verifier)?;
            if *left > 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        if let State::Reading { mut file, .. } = core::mem::replace(&mut self.state, State::Closed)
        {
            file.seek(SeekFrom::End(0))?;
            self.state = State::Writing(file);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let State::Writing(file) = &mut self.state else {
            return Poll::Ready(Err(io::Error::other("the file is not open")));
        };
        loop {
            match file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_commit(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.commit())
    }

    fn discard(&mut self) {
        self.state = State::Closed;
        // Without this file the other one is not resumed from.
        let _ = fs::remove_file(self.of());
        let _ = fs::remove_file(self.part());
    }
}

/// What tells the bytes of two packages apart.
fn identity(package: &Package) -> String {
    match &package.source {
        Source::Server { size, checksum } => format!("{size} {checksum:?}\n"),
        _ => String::new(),
    }
}
