//! Credentials in a file: made once, kept before they are asked for, and never lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tb_proto::{Credentials, ProvisionError, ProvisionRequest};

use super::{NotProvisioned, fresh_token, with_own_token};

/// No file of credentials is larger.
const MAX_BYTES: u64 = 64 * 1024;

/// The file in which a device keeps its credentials, and what has to be done to get them.
///
/// Credentials are kept **before** the server is asked for them, so neither a lost answer nor a crash
/// nor a cut of the power loses them, and at most one device comes of one file:
///
/// 1. Without a file the credentials are chosen (an access token out of the system's randomness, unless
///    the request says otherwise) and written as *pending*. That is one atomic step: of several
///    processes that start together one wins, and the others take what it has chosen.
/// 2. The request is made. When it is granted, the file says so and the server is not asked again.
/// 3. If there is a file with *pending* credentials, they are tried first: when the server accepts them,
///    an earlier request was granted. Trying them ends another connection with the same credentials; it
///    comes back by itself.
///
/// The file is one line of JSON and holds a secret. On Unix its mode is 0600; a wider mode is narrowed
/// when it is read, and if that cannot be done it is refused. It is replaced as a whole: written beside
/// its place, brought to the disk, renamed. Where a file system knows no hard links (FAT), step 1 is
/// atomic against crashes, but two processes that start within the same moment may choose two tokens.
///
/// Once the file says *provisioned* the server's opinion does not matter: to provision a device anew,
/// delete it on the server and remove the file.
///
/// All methods but [`step`](Self::step) read or write the file: on an asynchronous runtime call them
/// where blocking is allowed. The adapters' `load_or_provision` does all of it.
#[derive(Debug)]
pub struct CredentialsFile {
    path: PathBuf,
    step: Step,
}

/// What has to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: these are the credentials.
    Done(Credentials),
    /// The server has to be asked, and the outcome given to [`CredentialsFile::ended`].
    Provision {
        /// What to ask for.
        request: ProvisionRequest,
        /// Whether the same request may have been made before: then the credentials are tried first
        /// ([`Provisioning::resume`](tb_proto::Provisioning::resume)).
        resume: bool,
    },
}

/// What a file says.
struct Kept {
    provisioned: bool,
    credentials: Credentials,
}

impl CredentialsFile {
    /// Reads the file, or chooses credentials and writes them.
    ///
    /// # Errors
    /// [`NotProvisioned::File`], [`NotProvisioned::Damaged`] (the file is left as it is),
    /// [`NotProvisioned::Request`], [`NotProvisioned::ServerToken`], [`NotProvisioned::NoRandomness`].
    pub fn open(
        path: impl Into<PathBuf>,
        request: ProvisionRequest,
    ) -> Result<Self, NotProvisioned> {
        let path = path.into();
        if let Some(kept) = read(&path)? {
            return Self::of(path, request, kept);
        }
        let request = with_own_token(request)?;
        request.check()?;
        let Some(credentials) = request.expected() else {
            return Err(NotProvisioned::ServerToken);
        };
        let pending = Kept {
            provisioned: false,
            credentials,
        };
        if create(&path, &pending)? {
            let step = Step::Provision {
                request,
                resume: false,
            };
            return Ok(Self { path, step });
        }
        // Another process was faster: what it has chosen counts.
        match read(&path)? {
            Some(kept) => Self::of(path, request, kept),
            None => Err(NotProvisioned::Damaged { path }),
        }
    }

    fn of(path: PathBuf, request: ProvisionRequest, kept: Kept) -> Result<Self, NotProvisioned> {
        let Kept {
            provisioned,
            credentials,
        } = kept;
        let step = if provisioned {
            Step::Done(credentials)
        } else {
            // What was chosen once stays: the server may have it. A certificate is not in the file.
            let request = if credentials == Credentials::certificate() {
                request
            } else {
                request.credentials(credentials)
            };
            request.check()?;
            Step::Provision {
                request,
                resume: true,
            }
        };
        Ok(Self { path, step })
    }

    /// What has to be done next.
    pub const fn step(&self) -> &Step {
        &self.step
    }

    /// Takes the outcome of [`Step::Provision`]: keeps the credentials, or says what to do instead.
    ///
    /// # Errors
    /// The outcome, where nothing more can be done now; the file keeps what was chosen for the next
    /// time. [`NotProvisioned::File`]: the device is provisioned, but the file does not say so yet; the
    /// next time will find out.
    pub fn ended(
        &mut self,
        outcome: Result<Credentials, ProvisionError>,
    ) -> Result<(), NotProvisioned> {
        match (outcome, &mut self.step) {
            (Ok(credentials), step) => {
                let kept = Kept {
                    provisioned: true,
                    credentials,
                };
                replace(&self.path, &kept)?;
                *step = Step::Done(kept.credentials);
                Ok(())
            }
            // Another process may have made the same request in between.
            (Err(ProvisionError::Failed { .. }), Step::Provision { resume, .. }) if !*resume => {
                *resume = true;
                Ok(())
            }
            (Err(error), _) => Err(error.into()),
        }
    }
}

/// `None`: there is no file.
fn read(path: &Path) -> Result<Option<Kept>, NotProvisioned> {
    let failed = |error: io::Error| NotProvisioned::file(path, &error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    narrow(&file).map_err(failed)?;
    let mut text = String::new();
    match file.take(MAX_BYTES).read_to_string(&mut text) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => text.clear(),
        Err(error) => return Err(failed(error)),
    }
    let path = path.to_owned();
    parse(&text)
        .map(Some)
        .ok_or(NotProvisioned::Damaged { path })
}

fn parse(text: &str) -> Option<Kept> {
    let kept: Map<String, Value> = serde_json::from_str(text).ok()?;
    let credentials = kept.get("credentials")?.to_string();
    Some(Kept {
        provisioned: kept.get("provisioned")?.as_bool()?,
        credentials: Credentials::from_json(&credentials).ok()?,
    })
}

fn text(kept: &Kept) -> String {
    let Kept {
        provisioned,
        credentials,
    } = kept;
    let credentials = credentials.to_json();
    format!("{{\"provisioned\":{provisioned},\"credentials\":{credentials}}}\n")
}

/// Writes the file unless there is one; tells whether it did.
fn create(path: &Path, kept: &Kept) -> Result<bool, NotProvisioned> {
    let beside = Beside::write(path, kept)?;
    // A link fails where a rename would replace what another process has just chosen.
    match fs::hard_link(&beside.0, path) {
        Ok(()) => sync_directory(path)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(_) if path.exists() => return Ok(false),
        Err(_) => beside.put(path)?,
    }
    Ok(true)
}

/// Replaces the file as a whole.
fn replace(path: &Path, kept: &Kept) -> Result<(), NotProvisioned> {
    Beside::write(path, kept)?.put(path)
}

/// A whole file beside the place where it belongs; removed if it does not get there.
struct Beside(PathBuf);

impl Beside {
    /// Writes it and brings it to the disk.
    fn write(path: &Path, kept: &Kept) -> Result<Self, NotProvisioned> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        let token = fresh_token()?;
        name.push(format!(".{}.tmp", token.get(..8).unwrap_or(&token)));
        let beside = path.with_file_name(name);
        let written = private(&beside).and_then(|mut file| {
            let beside = Self(beside);
            file.write_all(text(kept).as_bytes())?;
            file.sync_all()?;
            Ok(beside)
        });
        written.map_err(|error| NotProvisioned::file(path, &error))
    }

    /// Puts it into its place.
    fn put(self, path: &Path) -> Result<(), NotProvisioned> {
        fs::rename(&self.0, path).map_err(|error| NotProvisioned::file(path, &error))?;
        sync_directory(path)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After a rename it is not there any more.
        let _ = fs::remove_file(&self.0);
    }
}

/// A new file that only its owner can read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Takes the file from everybody but its owner.
fn narrow(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = file.metadata()?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            file.set_permissions(permissions)?;
        }
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// A new name is on the disk only when its directory is.
fn sync_directory(path: &Path) -> Result<(), NotProvisioned> {
    #[cfg(unix)]
    {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        match File::open(directory).and_then(|directory| directory.sync_all()) {
            // Some file systems cannot, and need not.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
                return Err(NotProvisioned::file(path, &error));
            }
            _ => {}
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
