//! Proxies that others wrote, each on a free loopback port and ended with the test.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

/// The login that a proxy with a login wants.
pub(crate) const LOGIN: (&str, &str) = ("device", "s3cret");

/// A proxy that does not listen after this will not.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running proxy. Dropping it ends it.
pub(crate) struct Running {
    process: Child,
    address: SocketAddr,
}

impl Running {
    fn start(mut command: Command, address: SocketAddr) -> io::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let running = Self {
            process: command.spawn()?,
            address,
        };
        // Neither says when it listens.
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if deadline < Instant::now() {
                return Err(io::Error::other("the proxy does not listen"));
            }
            thread::yield_now();
        }
        Ok(running)
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing left to end.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// An HTTP proxy that connects to this port of any host, and to no other.
pub(crate) fn tinyproxy(login: Option<(&str, &str)>, port: u16) -> io::Result<Running> {
    let address = free_address()?;
    let name = format!("tinyproxy-{}.conf", address.port());
    let configuration = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let login = login.map(|(user, password)| format!("BasicAuth {user} {password}\n"));
    fs::write(
        &configuration,
        format!(
            "Port {}\nListen {}\nTimeout 60\nMaxClients 50\nConnectPort {port}\n{}",
            address.port(),
            address.ip(),
            login.unwrap_or_default()
        ),
    )?;
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(&configuration);
    let running = Running::start(command, address);
    fs::remove_file(&configuration)?;
    running
}

/// A SOCKS5 proxy.
pub(crate) fn microsocks(login: Option<(&str, &str)>) -> io::Result<Running> {
    let address = free_address()?;
    let mut command = Command::new("microsocks");
    command.args([
        "-i",
        &address.ip().to_string(),
        "-p",
        &address.port().to_string(),
    ]);
    if let Some((user, password)) = login {
        command.args(["-u", user, "-P", password]);
    }
    Running::start(command, address)
}
