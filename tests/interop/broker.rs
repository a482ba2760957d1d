//! A mosquitto of the test's own: a free loopback port, its own configuration, ended with the test.

use core::net::{Ipv4Addr, SocketAddr};
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use tb_tests::certificates::Issued;

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
        Self::start_with(&web_socket("")?)
    }

    /// As [`start_with_web_socket`](Self::start_with_web_socket), with TLS below it.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub(crate) fn start_with_web_socket_over_tls(certificate: &Issued) -> io::Result<Self> {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let (chain, key) = (folder.join("wss-chain.pem"), folder.join("wss-key.pem"));
        fs::write(&chain, &certificate.chain)?;
        fs::write(&key, &certificate.key)?;
        let files = format!("certfile {}\nkeyfile {}\n", chain.display(), key.display());
        Self::start_with(&web_socket(&files)?)
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

/// The lines of a listener for WebSocket, and a second one for plain MQTT.
fn web_socket(more: &str) -> io::Result<String> {
    let (plain, address) = (free_port()?, Ipv4Addr::LOCALHOST);
    Ok(format!(
        "protocol websockets\n{more}listener {plain} {address}\n"
    ))
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
