//! Clients as processes: one run each, measured by themselves, their write calls counted from outside.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::measure::Measurement;
use super::order::Order;

/// The system calls that can carry bytes to a socket.
const WRITE_CALLS: &str = "trace=write,writev,sendto,sendmsg,sendmmsg,io_uring_enter";

/// A program that takes orders.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    first_arguments: Vec<String>,
}

impl Program {
    /// This very program, which is to recognise an order by the argument `client` in front of it.
    ///
    /// # Errors
    ///
    /// When the system does not tell where it is.
    pub fn this() -> io::Result<Self> {
        Ok(Self {
            path: env::current_exe()?,
            first_arguments: vec!["client".to_owned()],
        })
    }

    /// Runs a client to its end.
    ///
    /// # Errors
    ///
    /// When the program cannot be started, fails, or prints no measurement.
    pub fn run(&self, order: &Order) -> io::Result<Measurement> {
        measurement(self.with_order(Command::new(&self.path), order))
    }

    /// How many system calls that write a client makes for one message, counted by `strace` in a run of its
    /// own, because counting slows it down; none where there is no `strace`.
    #[must_use]
    pub fn write_calls(&self, order: &Order) -> Option<f64> {
        let mut command = Command::new("strace");
        command
            .args(["-f", "-c", "-U", "calls,name", "-e", WRITE_CALLS])
            .arg(&self.path);
        let output = self
            .with_order(command, order)
            .stderr(Stdio::piped())
            .output()
            .ok()?;
        let summary = String::from_utf8_lossy(&output.stderr);
        let total = summary
            .lines()
            .rev()
            .find_map(|line| line.trim().strip_suffix(" total"))?;
        let calls: u32 = total.trim().parse().ok()?;
        output
            .status
            .success()
            .then(|| f64::from(calls) / order.messages as f64)
    }

    fn with_order(&self, mut command: Command, order: &Order) -> Command {
        command
            .args(&self.first_arguments)
            .args(order.arguments())
            .stdin(Stdio::null());
        command
    }
}

/// Builds the clients that others wrote; they live in a crate and a lock file of their own.
///
/// # Errors
///
/// When they do not build.
pub fn build_peers() -> io::Result<Program> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let target = root.join("target");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!(
            "the other clients do not build: {status}"
        )));
    }
    Ok(Program {
        path: target.join("release/tb-peers"),
        first_arguments: Vec::new(),
    })
}

fn measurement(mut command: Command) -> io::Result<Measurement> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{command:?}: {}", output.status)));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
