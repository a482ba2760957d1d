//! A subscriber that others wrote: `mosquitto_sub`.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// Retained by every mosquitto: once it comes, the subscriptions stand.
const RETAINED: &str = "$SYS/broker/version";

/// A running `mosquitto_sub`. Dropping it ends it.
pub(crate) struct Subscriber {
    process: Child,
    payloads: Receiver<String>,
}

impl Subscriber {
    /// Subscribes to `topic` with QoS 1 and waits until the broker has granted it.
    ///
    /// # Errors
    ///
    /// When the program cannot be started or ends before that.
    pub(crate) fn start(broker: SocketAddr, topic: &str) -> io::Result<Self> {
        let mut process = Command::new("mosquitto_sub")
            .args([
                "-h",
                &broker.ip().to_string(),
                "-p",
                &broker.port().to_string(),
            ])
            .args([
                "-V", "5", "-q", "1", "-t", topic, "-t", RETAINED, "-F", "%p",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines =
            BufReader::new(process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).lines();
        lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        let (sender, payloads) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { process, payloads })
    }

    /// The payload of the next message; none when it does not come within `patience`.
    pub(crate) fn next_payload(&self, patience: Duration) -> Option<String> {
        self.payloads.recv_timeout(patience).ok()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing left to end.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}
