//! A proxy of either protocol, as small as it can be.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use tb_driver::proxy::Proxy;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Socks5,
    Http,
}

/// The login that a proxy with a login wants.
pub(crate) const LOGIN: (&str, &str) = ("device", "s3cret");
/// Of `device:s3cret`.
const BASIC: &str = "Proxy-Authorization: Basic ZGV2aWNlOnMzY3JldA==";

/// A running proxy. Dropping it closes its port.
pub(crate) struct ProxyServer {
    speaks: Speaks,
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    wants_login: bool,
    served: AtomicUsize,
    stopping: AtomicBool,
}

impl ProxyServer {
    pub(crate) fn start(speaks: Speaks, wants_login: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            wants_login,
            ..State::default()
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopping.load(Ordering::Acquire) {
                    break;
                }
                let (stream, state) = (stream.unwrap(), Arc::clone(&shared));
                // A client that leaves is no failure of the proxy.
                thread::spawn(move || drop(serve(speaks, &stream, &state)));
            }
        });
        Self {
            speaks,
            address,
            state,
        }
    }

    pub(crate) fn proxy(&self) -> Proxy {
        let scheme = match self.speaks {
            Speaks::Socks5 => "socks5",
            Speaks::Http => "http",
        };
        format!("{scheme}://{}", self.address).parse().unwrap()
    }

    /// Connections that it has handed on to a server.
    pub(crate) fn served(&self) -> usize {
        self.state.served.load(Ordering::Acquire)
    }
}

impl Drop for ProxyServer {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
    }
}

fn serve(speaks: Speaks, client: &TcpStream, state: &State) -> io::Result<()> {
    client.set_nodelay(true)?;
    let server = match speaks {
        Speaks::Socks5 => socks5(client, state)?,
        Speaks::Http => http(client, state)?,
    };
    server.set_nodelay(true)?;
    state.served.fetch_add(1, Ordering::AcqRel);
    thread::scope(|scope| {
        scope.spawn(|| relay(client, &server));
        relay(&server, client);
    });
    Ok(())
}

fn relay(mut from: &TcpStream, mut to: &TcpStream) {
    drop(io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Write));
}

fn refused() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

fn socks5(client: &TcpStream, state: &State) -> io::Result<TcpStream> {
    let take = |count: usize| {
        let mut bytes = vec![0; count];
        { client }.read_exact(&mut bytes).map(|()| bytes)
    };
    let mut say = client;
    let count = usize::from(take(2)?[1]);
    let method = if state.wants_login { 2 } else { 0 };
    if !take(count)?.contains(&method) {
        say.write_all(&[5, 0xff])?;
        return Err(refused());
    }
    say.write_all(&[5, method])?;
    if state.wants_login {
        let length = usize::from(take(2)?[1]);
        let user = take(length)?;
        let length = usize::from(take(1)?[0]);
        let password = take(length)?;
        let fits = (user, password) == (LOGIN.0.into(), LOGIN.1.into());
        say.write_all(&[1, u8::from(!fits)])?;
        if !fits {
            return Err(refused());
        }
    }
    let address = match take(4)?[3] {
        1 => <[u8; 4]>::try_from(take(4)?)
            .unwrap()
            .map(|b| b.to_string())
            .join("."),
        _ => {
            let length = usize::from(take(1)?[0]);
            String::from_utf8(take(length)?).unwrap()
        }
    };
    let port = take(2)?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    match TcpStream::connect((address.as_str(), port)) {
        Ok(server) => {
            say.write_all(b"\x05\0\0\x01\0\0\0\0\0\0")?;
            Ok(server)
        }
        Err(error) => {
            say.write_all(b"\x05\x05\0\x01\0\0\0\0\0\0")?;
            Err(error)
        }
    }
}

fn http(mut client: &TcpStream, state: &State) -> io::Result<TcpStream> {
    // The client says nothing more before it is answered.
    let head: Vec<String> = BufReader::new(client)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    if state.wants_login && !head.iter().any(|line| line == BASIC) {
        client.write_all(b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n")?;
        return Err(refused());
    }
    let authority = head[0].split(' ').nth(1).unwrap();
    match TcpStream::connect(authority) {
        Ok(server) => {
            client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: a test\r\n\r\n")?;
            Ok(server)
        }
        Err(error) => {
            client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")?;
            Err(error)
        }
    }
}
