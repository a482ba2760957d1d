//! A mosquitto of the test's own: a free loopback port, its own configuration, ended with the test.

use core::net::{Ipv4Addr, SocketAddr};
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

/// A running mosquitto that takes everybody. Dropping it ends it.
pub(crate) struct Mosquitto {
    process: Child,
    address: SocketAddr,
    /// Kept open: mosquitto would be ended by writing its log into a closed pipe.
    _log: BufReader<ChildStderr>,
}

impl Mosquitto {
    /// Starts the program that the environment variable `MOSQUITTO` names, by default `mosquitto` on the
    /// path, and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or ends without listening; its log is then part of the error.
    pub(crate) fn start() -> io::Result<Self> {
        Self::start_with("")
    }

    /// As [`start`](Self::start); its address is that of a listener for WebSocket. Beside that it has one
    /// for plain MQTT, because mosquitto 2.0.11 takes itself for deaf without one.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub(crate) fn start_with_web_socket() -> io::Result<Self> {
        let plain = free_port()?;
        let listener = format!("listener {plain} {}\n", Ipv4Addr::LOCALHOST);
        Self::start_with(&format!("protocol websockets\n{listener}"))
    }

    /// The same with more lines of configuration, which belong to its listener.
    ///
    /// # Errors
    ///
    /// As of [`start`](Self::start).
    pub(crate) fn start_with(listener: &str) -> io::Result<Self> {
        let program = std::env::var_os("MOSQUITTO").unwrap_or_else(|| "mosquitto".into());
        let port = free_port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let configuration = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{port}.conf"));
        // By default it drops what a subscriber has not taken after 1,000 messages.
        fs::write(
            &configuration,
            format!(
                "listener {port} {}\n{listener}allow_anonymous true\nmax_queued_messages 0\n\
                 max_inflight_messages 0\nlog_type information\n",
                address.ip()
            ),
        )?;
        let mut process = Command::new(&program)
            .arg("-c")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let name = program.to_string_lossy();
                io::Error::new(
                    error.kind(),
                    format!("{name} (set MOSQUITTO to name it): {error}"),
                )
            })?;
        let mut log = BufReader::new(process.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut said = String::new();
        while !said.ends_with("running\n") {
            if log.read_line(&mut said)? == 0 {
                process.wait()?;
                return Err(io::Error::other(format!("mosquitto ended: {said}")));
            }
        }
        fs::remove_file(&configuration)?;
        Ok(Self {
            process,
            address,
            _log: log,
        })
    }

    /// Publishes with QoS 1, to be kept for later subscribers: what `mosquitto_pub -r` does.
    ///
    /// # Errors
    ///
    /// When the program cannot be started or is not acknowledged.
    pub(crate) fn retain(&self, topic: &str, payload: &str) -> io::Result<()> {
        let status = Command::new("mosquitto_pub")
            .args([
                "-h",
                &self.address.ip().to_string(),
                "-p",
                &self.address.port().to_string(),
            ])
            .args(["-q", "1", "-r", "-t", topic, "-m", payload])
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("mosquitto_pub: {status}")))
        }
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing left to end.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}
