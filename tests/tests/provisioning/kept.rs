//! Credentials in a file, over processes that die and connections that break.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tb_driver::NotProvisioned;
use tb_driver::provision::{CredentialsFile, Step};
use tb_proto::{Credentials, InvalidProvisionRequest, ProvisionError, VersionPolicy};
use tb_tests::network::{Cut, Side};

use crate::field::{Break, Field, LONG, Outcome, request};

/// A directory of its own, gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tb-provisioning-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("credentials.json")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        entries.map(|entry| name(entry.unwrap())).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> CredentialsFile {
    CredentialsFile::open(path, request()).unwrap()
}

/// A process that wants its credentials.
struct Process {
    file: CredentialsFile,
    /// Its number in the field while it asks.
    asking: Option<usize>,
}

impl Process {
    fn start(path: &Path, field: &mut Field) -> Self {
        let mut process = Self {
            file: open(path),
            asking: None,
        };
        process.go_on(field);
        process
    }

    /// Takes an outcome if there is one, and does the next step. `Some`: it has ended.
    fn go_on(&mut self, field: &mut Field) -> Option<Result<Credentials, NotProvisioned>> {
        loop {
            if let Some(device) = self.asking {
                let outcome: Outcome = field.outcome(device)?.clone();
                self.asking = None;
                if let Err(error) = self.file.ended(outcome) {
                    return Some(Err(error));
                }
            }
            match self.file.step().clone() {
                Step::Done(credentials) => return Some(Ok(credentials)),
                Step::Provision { request, resume } => {
                    let version = VersionPolicy::Automatic;
                    self.asking = Some(if resume {
                        field.resume(version, request)
                    } else {
                        field.ask(version, request)
                    });
                }
            }
        }
    }

    fn kill(self, field: &mut Field) {
        if let Some(device) = self.asking {
            field.kill(device);
        }
    }

    fn finish(&mut self, field: &mut Field) -> Result<Credentials, NotProvisioned> {
        loop {
            field.wait(LONG);
            if let Some(ended) = self.go_on(field) {
                return ended;
            }
        }
    }
}

#[test]
fn a_device_is_provisioned_once_and_its_credentials_are_kept() {
    let scratch = Scratch::new();
    let mut field = Field::new(1);
    let mut process = Process::start(&scratch.file(), &mut field);
    let credentials = process.finish(&mut field).unwrap();
    assert_eq!(open(&scratch.file()).step(), &Step::Done(credentials));
    assert_eq!(field.statuses().count(), 1);
    assert_eq!(
        scratch.names(),
        ["credentials.json"],
        "nothing is left over"
    );
}

#[test]
fn the_token_is_kept_before_it_is_asked_for() {
    let scratch = Scratch::new();
    let file = open(&scratch.file());
    let Step::Provision { request, resume } = file.step() else {
        panic!("{file:?}")
    };
    assert!(!resume);
    // The process dies here; the next one takes what it has chosen and tries it first.
    let expected = Step::Provision {
        request: request.clone(),
        resume: true,
    };
    assert_eq!(open(&scratch.file()).step(), &expected);
}

#[test]
fn a_name_that_is_taken_is_told_and_the_token_is_kept_for_the_next_time() {
    let scratch = Scratch::new();
    let mut field = Field::new(1);
    let taken = request().device_name("taken");
    let file = CredentialsFile::open(scratch.file(), taken).unwrap();
    let kept = fs::read(scratch.file()).unwrap();
    let mut process = Process { file, asking: None };
    process.go_on(&mut field);
    assert!(matches!(
        process.finish(&mut field),
        Err(NotProvisioned::Provision(ProvisionError::Failed { .. }))
    ));
    assert_eq!(fs::read(scratch.file()).unwrap(), kept);
}

#[test]
fn a_file_that_holds_no_credentials_is_left_as_it_is() {
    for text in ["", "{}", "{\"provisioned\":tr", "secret\u{0}"] {
        let scratch = Scratch::new();
        fs::write(scratch.file(), text).unwrap();
        let opened = CredentialsFile::open(scratch.file(), request());
        let path = scratch.file();
        assert_eq!(opened.unwrap_err(), NotProvisioned::Damaged { path });
        assert_eq!(fs::read_to_string(scratch.file()).unwrap(), text);
    }
    let scratch = Scratch::new();
    fs::write(scratch.file(), [0xFF, 0xFE]).unwrap();
    assert!(CredentialsFile::open(scratch.file(), request()).is_err());
}

#[test]
fn what_cannot_be_kept_before_it_is_asked_for_is_refused() {
    let scratch = Scratch::new();
    let opened = CredentialsFile::open(scratch.file(), request().server_token());
    assert_eq!(opened.unwrap_err(), NotProvisioned::ServerToken);
    let opened = CredentialsFile::open(scratch.file(), request().device_name(" "));
    let blank = InvalidProvisionRequest::BlankName;
    assert_eq!(opened.unwrap_err(), NotProvisioned::Request(blank));
    assert!(scratch.names().is_empty());
    let nowhere = scratch.0.join("missing").join("credentials.json");
    assert!(matches!(
        CredentialsFile::open(nowhere, request()),
        Err(NotProvisioned::File { .. })
    ));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file_and_a_wider_mode_is_narrowed() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let scratch = Scratch::new();
    let mut field = Field::new(1);
    let mut process = Process::start(&scratch.file(), &mut field);
    assert_eq!(mode(&scratch.file()), 0o600, "pending");
    process.finish(&mut field).unwrap();
    assert_eq!(mode(&scratch.file()), 0o600, "provisioned");
    fs::set_permissions(scratch.file(), fs::Permissions::from_mode(0o644)).unwrap();
    open(&scratch.file());
    assert_eq!(mode(&scratch.file()), 0o600, "narrowed");
}

#[test]
fn the_secret_is_in_no_debug_output() {
    let scratch = Scratch::new();
    let file = open(&scratch.file());
    let kept: serde_json::Value =
        serde_json::from_slice(&fs::read(scratch.file()).unwrap()).unwrap();
    let token = kept["credentials"]["credentialsValue"].as_str().unwrap();
    assert!(!format!("{file:?}").contains(token));
}

#[test]
fn processes_that_open_the_file_together_choose_one_token() {
    let scratch = Scratch::new();
    let path = scratch.file();
    let tokens: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| open(&path).step().clone()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let asked = |step: &Step| match step {
        Step::Provision { request, .. } => request.expected(),
        Step::Done(_) => None,
    };
    assert!(asked(&tokens[0]).is_some());
    assert!(tokens.iter().all(|step| asked(step) == asked(&tokens[0])));
    let first = |step: &&Step| matches!(step, Step::Provision { resume: false, .. });
    assert_eq!(tokens.iter().filter(first).count(), 1, "one has chosen it");
}

/// A process that is started, and may die.
#[derive(Clone, Debug)]
struct Run {
    breaks: Vec<Option<Break>>,
    /// After so many milliseconds the next one starts beside it, or after it if it dies.
    next_after: u64,
    dies: bool,
}

fn run() -> impl Strategy<Value = Run> {
    let side = prop_oneof![Just(Side::Client), Just(Side::Server)];
    let how = prop_oneof![Just(Cut::Rst), Just(Cut::Fin), Just(Cut::Silent)];
    let place = (side, 0..260_u64, how);
    let breaks = prop::collection::vec(prop::option::weighted(0.7, place), 0..4);
    let time = prop_oneof![4 => 0..300_u64, 1 => 300..30_000_u64];
    (breaks, time, any::<bool>()).prop_map(|(breaks, next_after, dies)| Run {
        breaks,
        next_after,
        dies,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_second_device_is_made_and_no_credentials_are_lost(
        seed in any::<u8>(),
        runs in prop::collection::vec(run(), 1..5),
    ) {
        let scratch = Scratch::new();
        let mut field = Field::new(u64::from(seed));
        let mut alive = Vec::new();
        for run in runs {
            field.breaks = run.breaks.into();
            let mut process = Process::start(&scratch.file(), &mut field);
            field.wait(Duration::from_millis(run.next_after));
            if run.dies {
                // It may have got so far as to keep what it was given.
                process.go_on(&mut field);
                process.kill(&mut field);
            } else {
                alive.push(process);
            }
        }
        let ended: Vec<_> = alive.iter_mut().map(|process| process.finish(&mut field)).collect();
        field.breaks.clear();
        let mut last = Process::start(&scratch.file(), &mut field);
        let credentials = last.finish(&mut field).unwrap();
        for ended in ended {
            match ended {
                Ok(own) => prop_assert_eq!(&own, &credentials, "one device"),
                // The time was over; the next one has found out.
                Err(NotProvisioned::Provision(ProvisionError::TimedOut { .. })) => {}
                Err(error) => prop_assert!(false, "{:?}", error),
            }
        }
        prop_assert_eq!(field.successes(), 1);
        let file = open(&scratch.file());
        prop_assert_eq!(file.step(), &Step::Done(credentials.clone()));
        prop_assert!(field.knows(&credentials));
    }
}
