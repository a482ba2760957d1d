//! A Python script that uses the official SDK and tells its steps.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

use serde_json::Value;
use tb_tests::sim::server::SimulatorServer;

use crate::PATIENCE;

/// A running script. Dropping it ends it.
pub(crate) struct Script {
    process: Child,
    /// Closed, it tells the script to go on.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    directory: PathBuf,
}

impl Script {
    /// Starts the script of this name with the address of the server and more, in a directory of its own.
    ///
    /// The environment variable `TB_PYTHON` names a Python that has the SDK; by default it is `python3`.
    pub(crate) fn start(name: &str, server: &SimulatorServer, more: &[&str]) -> Self {
        let python = std::env::var_os("TB_PYTHON").unwrap_or_else(|| "python3".into());
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/python");
        let address = server.address();
        let directory =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", address.port()));
        fs::create_dir_all(&directory).unwrap();
        let mut process = Command::new(&python)
            .arg(scripts.join(name).with_extension("py"))
            .args([address.ip().to_string(), address.port().to_string()])
            .args(more)
            // The scripts import one another, and nothing is to appear beside them.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", python.to_string_lossy()));
        Self {
            stdin: process.stdin.take(),
            lines: lines(process.stdout.take().expect("piped above")),
            process,
            directory,
        }
    }

    /// The next step, which has to be this one.
    pub(crate) fn step(&self, name: &str) -> Value {
        let line = match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("the script does not reach {name:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!(
                "the script ended before {name:?} (TB_PYTHON names a Python with tb-mqtt-client)"
            ),
        };
        let step: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(step["step"], name, "{step}");
        step
    }

    /// Lets a script go on that waits for the end of its standard input.
    pub(crate) fn go_on(&mut self) {
        self.stdin = None;
    }

    /// Where the script runs.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Nothing more is told, and nothing went wrong.
    pub(crate) fn ends_well(mut self) {
        let end = self.lines.recv_timeout(PATIENCE);
        assert_eq!(end, Err(RecvTimeoutError::Disconnected));
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing left to end.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
        let _emptied = fs::remove_dir_all(&self.directory);
    }
}

/// The lines as they come. The thread ends with the process.
fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (told, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if told.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
